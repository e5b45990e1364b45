"""What `headway explain` says: a value taken apart into its parts, and each part into its tickets."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mapping.judging import Line, Reason
from mapping.lint import FEW
from mapping.rule import Combine, Measure, Part, Rule, Scope
from mapping.totals import Total, joined, part_value
from okrs.immutable import replace
from okrs.objective import Binary, KeyResult
from store.families import Unread
from store.views.explain import End, Explained
from store.views.waiting import Waiting
from terminal.render import REASONS, goal, override_line, waiting
from terminal.reporting import empty_part, held_line, number, refused_lines
from terminal.tables import Cells, Rows, bare
from terminal.text import counted, harmless, local_day, plain_text

_EXACTLY = 4
"""Decimals of the parts in a sum whose result has two."""


def explained(view: Explained, key_result: KeyResult, waits: Waiting | None = None) -> RenderableType:
    """A value from its tickets, part by part; of one that was never measured, why."""
    if view.end is not None:
        key_result = replace(key_result, terms=view.end.closed.ending.terms)
    blocks: list[RenderableType] = [
        Text.assemble((harmless(key_result.title), "bold"), f"  {number(view.value)}"),
        *([Text(harmless(view.quarantined, 1000), "yellow")] if view.quarantined else []),
        *(_end(view.end, key_result, view.rule.timezone) if view.end else []),
        *_set_by_hand(view, key_result),
        *([held_line(view.hold, {view.key_result: key_result.title})] if view.hold else []),
        *([] if view.value is None else refused_lines(view.refused)),
        *([Text(f"Not measured yet: {waiting(waits)}", "yellow")] if view.value is None else _sums(view, key_result)),
    ]
    if view.value is None and not view.measured.lines:
        return Group(*blocks)  # a nought of which nobody knows would read as a fact
    blocks.append(Text())
    for place, total in enumerate(view.measured.totals):
        blocks += _part(view, place, total)
    return Group(*blocks)


def _set_by_hand(view: Explained, key_result: KeyResult) -> Iterator[Text]:
    """What is shown instead; the value at the head is the automatic one."""
    if known := view.override:
        yield override_line(known, key_result, view.names.get(known.by, known.by), view.last_day)


def _end(end: End, key_result: KeyResult, zone: str) -> Iterator[Text]:
    """How it ended, and what became known since."""
    final, by = end.closed.final, f" by {harmless(end.by)}" if end.by else ""
    graded = " given by hand" if end.closed.ending.graded else ""
    why = f": {harmless(end.closed.why, 400)}" if end.closed.why else ""
    day = local_day(final.at, zone)
    what = f"{harmless(final.cycle)} was closed on {day}{by} with the grade {number(final.grade)}{graded}"
    yield Text(f"{what}{why}. All is as it was then.")
    if final.value != end.closed.automatic:
        yield Text(f"What was closed is a value set by hand, {goal(key_result, final.value)}.", "yellow")
    if end.corrections:
        since, name = counted(len(end.corrections), "correction"), harmless(final.key_result)
        told = f"By what is known now its tickets give {number(end.known_now)}"
        yield Text(f"{told}: `headway history {name}` tells of {since} since.", "yellow")


def _sums(view: Explained, key_result: KeyResult) -> Iterator[Text]:
    """How the parts become the value, as far as that is not plain from one part."""
    places = joined(view.rule, view.measured.totals)
    rule = replace(view.rule, parts=tuple(view.rule.parts[place] for place in places))
    totals = [view.measured.totals[place] for place in places]
    values = [part_value(part, total, view.weeks) for part, total in zip(rule.parts, totals, strict=True)]
    known = [value for value in values if value is not None]
    if view.measured.value is None:
        yield Text("One of its parts has nothing to measure, so the last value stays.", "yellow")
        return
    shown = _combined(rule, known)
    if rule.scale:
        low, high = number(rule.scale.low), number(rule.scale.high)
        shown += f", scaled from {low} … {high} to {number(rule.scale.start)} … {number(rule.scale.target)},"
    if rule.add_start:
        shown = f"start value {number(rule.base)} + {f'({shown})' if len(values) > 1 else shown}"
    if rule.add_start or rule.scale or len(values) > 1:
        yield Text(f"{shown} = {number(view.measured.value)}")
    if view.value not in (None, view.measured.value):
        yield Text(f"It measures {number(view.measured.value)}; the best value of the cycle is kept.", "yellow")
    if isinstance(key_result.terms, Binary) and view.value is not None:
        threshold = key_result.terms.threshold
        word = "done" if view.value >= threshold else "not done"
        yield Text(f"{word}: it is done from {number(threshold)}")


def _combined(rule: Rule, values: Sequence[Decimal]) -> str:
    told = [number(value, _EXACTLY) for value in values]  # else the sum would not come out
    match rule.combine:
        case Combine.WEIGHTED_MEAN:
            weights = [number(part.weight) for part in rule.parts]
            weighted = " + ".join(f"{weight} × {value}" for weight, value in zip(weights, told, strict=True))
            return f"({weighted}) / ({' + '.join(weights)})"
        case Combine.MEAN:
            return f"({' + '.join(told)}) / {len(told)}"
        case Combine.MIN | Combine.MAX:
            return f"{rule.combine.value} of {', '.join(told)}"
        case Combine.SUM | None:
            return " + ".join(told)


def _part(view: Explained, place: int, total: Total) -> Iterator[RenderableType]:
    part = view.rule.parts[place]
    lines = [line for line in view.measured.lines if line.part == place]
    count = [line for line in lines if line.counted]
    others = [line for line in lines if not line.counted]
    yield Text(_head(view, part, total), "bold")
    if not lines and view.value is not None:  # before, there may be nothing to select from
        yield _empty(view, place, part)
    if grown := view.grown(place):
        left = "left out: the scope is frozen" if part.scope is Scope.FROZEN else "the scope grows"
        yield Text(f"{counted(grown, 'item')} came in since the cycle began ({left})")
    yield from (Text(not_read(part, each), "yellow") for each in view.not_read.get(place, ()))
    unheard = view.unheard(place)
    yield from (Text(f"Counted ({len(count)})"), _lines(part, count, unheard=unheard))
    yield from (Text(f"Not counted ({len(others)})"), _lines(part, others, unheard=unheard))


def not_read(part: Part, told: Unread) -> str:
    """What lies under an epic or a parent and is not read, or why nobody knows."""
    above, source = harmless(told.family.above), harmless(part.source)
    known = []
    if told.items:
        more = ", …" if told.items > FEW else ""
        some = ", ".join(harmless(each) for each in told.examples[:FEW])
        known.append(f"Not read ({told.items}): {some}{more} under {above}, where {source} does not read.")
    if told.error is not None:
        when = f"since {told.asked_at:%Y-%m-%d}" if told.asked_at else "yet"
        known.append(f"What lies there under {above} could not be asked {when}: {harmless(told.error, 400)}")
    return " ".join(known)


def _empty(view: Explained, place: int, part: Part) -> Text:
    """Why a part has no ticket: a mistake, or nothing to wonder about."""
    if place in view.idle:
        return Text("no ticket is in that state, or of those days, just now")
    if view.lacks(place):
        return Text(empty_part(place, part.source, linked=part.linked), "yellow")
    return Text("no ticket bears its label yet")


def _head(view: Explained, part: Part, total: Total) -> str:
    by = f" by {harmless(part.by)}" if part.by else f" ({part.stat}, days)" if part.stat else ""
    head = f"{harmless(part.source)}: {part.word}{by} = {number(part_value(part, total, view.weeks))}"
    if part.measure in (Measure.PERCENT, Measure.RATIO):
        head += f" ({number(total.amount)} of {number(total.weight)})"
    if part.measure is Measure.THROUGHPUT:
        head += f" ({number(total.amount)} in {counted(view.weeks, 'week')})"
    return head + (f", weight {number(part.weight)}" if view.rule.combine is Combine.WEIGHTED_MEAN else "")


def _lines(part: Part, lines: Sequence[Line], *, unheard: bool) -> RenderableType:
    return Rows([_line(part, each, unheard=unheard) for each in lines], _columns, indent=2)


def _line(part: Part, line: Line, *, unheard: bool) -> Cells:
    last = _reason(part, line.reason, unheard=unheard) if line.reason else number(line.amount)
    if line.reason and line.waits:
        last = "waits with the update"
    return plain_text(line.item.key), plain_text(line.item.title), Text(last)


def _reason(part: Part, reason: Reason, *, unheard: bool) -> str:
    """Why a ticket does not count, in the words of what the part measures."""
    if reason is Reason.NO_ESTIMATE and unheard:
        return f"the tracker refuses the field {harmless(part.by or '')}"
    if reason is Reason.NO_MATCH:  # it is selected
        return "does not match `of`"
    if reason is Reason.OUTSIDE_WINDOW and part.measure is Measure.THROUGHPUT:
        return "not of a whole week that is over"
    return REASONS[reason.value]


def _columns() -> Table:
    table = bare()
    for _ in range(2):
        table.add_column()
    table.add_column(justify="right")
    return table
