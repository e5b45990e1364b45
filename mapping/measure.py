"""From a selection to a number: lines with weight and credit, totals of each part, the combined value (DESIGN 4).

    selected items ─▶ Line (on the line or off it, and why) ─▶ Total of each part ─▶ value

A `Total` is an accumulator: adding and removing lines gives the same value as measuring anew, which is what lets
`mapping.attribution` say how much each ticket moved.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from mapping.family import Candidate, Seen
from mapping.meaning import selects
from mapping.rule import Cancelled, Combine, Counts, DoneWhen, Measure, Missing, Part, Rule, Window
from okrs.cycle import Period
from okrs.numbers import divided, rounded
from okrs.work import State, WorkItem, fold_name

ZERO, ONE, HUNDRED = Decimal(0), Decimal(1), Decimal(100)


class Reason(StrEnum):
    """Why a selected item does not count."""

    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"
    OUTSIDE_WINDOW = "outside_window"
    DUPLICATE = "duplicate"
    NO_ESTIMATE = "no_estimate"


@dataclass(frozen=True, slots=True)
class Line:
    """What one selected item is to one part.  `weight` None: not on the line.  `reason` None: it counts.

    `dated_by_sight` flags a closing date that the tracker did not tell, so that we use the one we saw.
    """

    part: int
    source: str
    item: WorkItem
    version: str
    weight: Decimal | None
    amount: Decimal | None
    reason: Reason | None
    dated_by_sight: bool = False

    @property
    def counted(self) -> bool:
        return self.reason is None


@dataclass(frozen=True, slots=True)
class Total:
    """The accumulator of a part: Σ amount, Σ weight and how many items are on the line."""

    amount: Decimal = ZERO
    weight: Decimal = ZERO
    items: int = 0

    def moved(self, old: tuple[Decimal, Decimal] | None, new: tuple[Decimal, Decimal] | None) -> "Total":
        """Replace one item's (weight, amount) by another; None stands for an item that is not on the line."""
        amount, weight, items = self.amount, self.weight, self.items
        if old is not None:
            weight, amount, items = weight - old[0], amount - old[1], items - 1
        if new is not None:
            weight, amount, items = weight + new[0], amount + new[1], items + 1
        return Total(amount, weight, items)


@dataclass(frozen=True, slots=True)
class Measured:
    """A rule's answer: the value, each part's total, and every selected item with its reason."""

    value: Decimal
    totals: tuple[Total, ...]
    lines: tuple[Line, ...]


def measure(rule: Rule, mirror: Mapping[str, Sequence[Candidate]], now: datetime) -> Measured:
    """Measure a rule on the mirror (candidates by source); after the cycle's end, as of that end."""
    as_of = rule.period.end if now >= rule.period.end else None
    lines: list[Line] = []
    counted: set[tuple[str, str]] = set()
    for number, part in enumerate(rule.parts):
        selected = [each for each in mirror.get(part.source, ()) if selects(part.where, each)]
        taken: AbstractSet[tuple[str, str]] = counted if rule.combine is Combine.SUM else frozenset()
        judged = [_judge_once(part, each, rule.period, as_of, taken) for each in selected]
        absent = _weight_of_missing(part, judged)
        of_part = [_line(number, part, each, absent) for each in judged]
        counted.update((line.source, line.item.id) for line in of_part if line.counted)
        lines.extend(of_part)
    totals = totals_of(len(rule.parts), lines)
    return Measured(value_of(rule, totals), totals, tuple(lines))


def totals_of(parts: int, lines: Iterable[Line]) -> tuple[Total, ...]:
    """Add up the lines of each part."""
    totals = [Total()] * parts
    for line in lines:
        if line.weight is not None and line.amount is not None:
            totals[line.part] = totals[line.part].moved(None, (line.weight, line.amount))
    return tuple(totals)


def part_value(part: Part, total: Total) -> Decimal:
    """The number of one part, rounded.  An empty selection gives 0."""
    if part.measure is not Measure.PERCENT:
        return rounded(total.amount)
    return rounded(divided(HUNDRED * total.amount, total.weight)) if total.weight else ZERO


def value_of(rule: Rule, totals: Sequence[Total]) -> Decimal:
    """Combine the parts and add the start value where the rule says so; rounded."""
    values = [part_value(part, total) for part, total in zip(rule.parts, totals, strict=True)]
    return rounded(_combined(rule, values) + rule.base)


def _combined(rule: Rule, values: Sequence[Decimal]) -> Decimal:
    match rule.combine:
        case Combine.SUM | None:
            return sum(values, ZERO)
        case Combine.MEAN:
            return divided(sum(values, ZERO), Decimal(len(values)))
        case Combine.WEIGHTED_MEAN:
            weighted = sum((part.weight * value for part, value in zip(rule.parts, values, strict=True)), ZERO)
            return divided(weighted, sum((part.weight for part in rule.parts), ZERO))
        case Combine.MIN:
            return min(values)
        case Combine.MAX:
            return max(values)


def state_under(part: Part, item: WorkItem) -> State:
    """The state that the part's policies make of an item: `done_when` first, then `cancelled`.

    CANCELLED comes out only where cancelled work is excluded.
    """
    state = item.state
    if part.done_when is not None:
        if _matches(part.done_when, item.status, item.resolution):
            return State.DONE
        state = State.DOING if state is State.DONE else state
    if state is not State.CANCELLED or part.cancelled is Cancelled.EXCLUDE:
        return state
    return State.DONE if part.cancelled is Cancelled.COMPLETE else State.TODO


def closed_under(part: Part, seen: Seen) -> tuple[datetime, bool]:
    """When an item was closed under the part's policies, and whether nothing but our sight dates it.

    With `done_when` it was closed when it last came into that rule's own done set, where the tracker's history
    tells; else at the tracker's date; else when we first saw it so.
    """
    item = seen.item
    if part.done_when is not None and item.history:
        entered: datetime | None = None
        for step in item.history:
            inside = _matches(part.done_when, step.status, step.resolution)
            entered = (entered or step.at) if inside else None
        if entered is not None:
            return entered, False
    if item.closed_at is not None:
        return item.closed_at, False
    return seen.state_since, state_under(part, item).closed


def _matches(done_when: DoneWhen, status: str | None, resolution: str | None) -> bool:
    pairs = ((done_when.status, status), (done_when.resolution, resolution))
    return all(
        actual is not None and fold_name(actual) in {fold_name(word) for word in words}
        for words, actual in pairs
        if words
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    """An item under a part's policies, before its weight is known."""

    candidate: Candidate
    credit: Decimal | None
    """0…1, None when the item is not on the line."""
    reason: Reason | None = None
    dated_by_sight: bool = False


def _judge_once(
    part: Part, candidate: Candidate, period: Period, as_of: datetime | None, taken: AbstractSet[tuple[str, str]]
) -> _Judged:
    """Judge an item, unless an earlier part of a sum already counted it."""
    if (part.source, candidate.item.id) in taken:
        return _Judged(candidate, None, Reason.DUPLICATE)
    return _judge(part, candidate, period, as_of)


def _judge(part: Part, candidate: Candidate, period: Period, as_of: datetime | None) -> _Judged:
    item = candidate.item
    if as_of and item.created_at and item.created_at >= as_of:
        return _Judged(candidate, None, Reason.OUTSIDE_WINDOW)
    state = state_under(part, item)
    closed_at, by_sight = closed_under(part, candidate.seen)
    if as_of and state.closed and closed_at >= as_of:  # it was open when the cycle ended
        credit, reason = (ZERO, Reason.OUTSIDE_WINDOW) if part.counts is Counts.DONE else (ONE, None)
        return _Judged(candidate, credit, reason, by_sight)
    if state is State.CANCELLED:
        return _Judged(candidate, None, Reason.CANCELLED)
    return _credit(
        part, candidate, done=state is State.DONE, outside=_outside(part, period, closed_at), by_sight=by_sight
    )


def _outside(part: Part, period: Period, closed_at: datetime) -> int:
    """-1 when an item was closed before the part's window, 1 after it, 0 within."""
    if part.window is Window.ALWAYS or period.contains(closed_at):
        return 0
    return -1 if closed_at < period.start else 1


def _credit(part: Part, candidate: Candidate, *, done: bool, outside: int, by_sight: bool) -> _Judged:
    match part.counts:
        case Counts.ALL:
            return _Judged(candidate, ONE, None, by_sight)
        case Counts.OPEN:
            return _Judged(candidate, ZERO, Reason.DONE, by_sight) if done else _Judged(candidate, ONE)
        case Counts.DONE if not done:
            return _Judged(candidate, ZERO, Reason.OPEN)
        case Counts.DONE if outside:
            # Closed before the window: neither above nor below the line.  After it: not yet done in this cycle.
            return _Judged(candidate, None if outside < 0 else ZERO, Reason.OUTSIDE_WINDOW, by_sight)
        case Counts.DONE:
            return _Judged(candidate, ONE, None, by_sight)


def _weight_of_missing(part: Part, judged: Iterable[_Judged]) -> Decimal | None:
    """The weight of an item on the line that has no estimate; None leaves it out."""
    match part.missing:
        case Missing.EXCLUDE:
            return None
        case Missing.ZERO:
            return ZERO
        case Missing.ONE:
            return ONE
        case Missing.MEAN:
            weights = [_own_weight(part, each.candidate.item) for each in judged if each.credit is not None]
            known = [weight for weight in weights if weight is not None]
            return rounded(divided(sum(known, ZERO), Decimal(len(known)))) if known else None


def _own_weight(part: Part, item: WorkItem) -> Decimal | None:
    if part.by is None:
        return ONE
    weight = item.number(part.by)
    return None if weight is None else rounded(weight)


def _line(number: int, part: Part, judged: _Judged, absent: Decimal | None) -> Line:
    item, version = judged.candidate.item, judged.candidate.seen.version
    weight, reason = _own_weight(part, item), judged.reason
    if judged.credit is None:
        return Line(number, part.source, item, version, None, None, reason, judged.dated_by_sight)
    weight = absent if weight is None else weight
    if weight is None:
        return Line(number, part.source, item, version, None, None, Reason.NO_ESTIMATE, judged.dated_by_sight)
    amount = rounded(weight * judged.credit)
    return Line(number, part.source, item, version, weight, amount, reason, judged.dated_by_sight)
