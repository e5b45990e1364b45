"""Answers as people read them on a terminal: words first, numbers aligned, colour never alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mapping.measure import Line, part_value
from okrs.ledger import EntryKind
from okrs.numbers import plain
from okrs.objective import Binary, Keep, KeyResult, Numeric
from okrs.progress import Status, clamped
from store.views.explain import Explained, Which
from store.views.history import ShownCause, ShownEntry
from store.views.status import KeyResultStatus, SourceStatus, StatusView
from store.views.verify import Verified
from sync.engine import Report
from sync.task import Outcome
from terminal.ports import Demo, DemoUpdate
from terminal.text import harmless, plain_text

WORDS = {
    Status.CLOSED: ("closed", "dim"),
    Status.STALE: ("stale", "yellow"),
    Status.NOT_STARTED: ("not started", "dim"),
    Status.ACHIEVED: ("reached", "green"),
    Status.ON_TRACK: ("on track", "green"),
    Status.AT_RISK: ("at risk", "yellow"),
    Status.OFF_TRACK: ("off track", "red"),
}
"""What each status is called, and its colour; the word always stands beside the colour."""

REASONS = {
    "open": "still open",
    "done": "done, and this rule counts open work",
    "cancelled": "cancelled work never counts here",
    "outside_window": "closed outside the cycle",
    "duplicate": "counted in an earlier part",
    "no_estimate": "has no estimate",
    "no_match": "the rule does not select it",
}
"""Why a ticket does not count, as a phrase."""

_BAR = 20
_WIDE = 100
"""Columns from which there is room for bars."""


def number(value: Decimal | None, places: int = 2) -> str:
    """A number for people: at most two decimals; a dash when nothing was measured."""
    return "–" if value is None else plain(round(value, places))


def bar(progress: Decimal, expected: Decimal) -> str:
    """Progress as a bar; the tick stands where the expected pace is."""
    filled, tick = int(clamped(progress) * _BAR), min(_BAR - 1, int(clamped(expected) * _BAR))
    return "".join("|" if at == tick else "▓" if at < filled else "░" for at in range(_BAR))


def percent(share: Decimal) -> str:
    return f"{number(share * 100, 0)} %"


def goal(key_result: KeyResult, value: Decimal | None) -> str:
    """A value beside its terms, as in `13 / 20 bugs`."""
    unit = f" {key_result.unit}" if key_result.unit else ""
    match key_result.terms:
        case Numeric(start, target) if target < start:
            return harmless(f"{number(value)} → {number(target)}{unit}")
        case Numeric(_, target):
            return harmless(f"{number(value)} / {number(target)}{unit}")
        case Keep(low, high):
            return harmless(f"{number(value)} in {number(low)}…{number(high)}{unit}")
        case Binary(threshold):
            return "done" if value is not None and value >= threshold else "not done"


def status(view: StatusView) -> RenderableType:
    """Every objective with its key results, then the sources."""
    return Group(_ByObjective(view), Text(), _sources(view.sources))


@dataclass(frozen=True, slots=True)
class _ByObjective:
    """The table of key results; on a narrow terminal the bars give way to the titles."""

    view: StatusView

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = options.max_width >= _WIDE
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column("title", min_width=24)
        table.add_column("value", justify="right", no_wrap=wide)
        if wide:
            table.add_column("bar", no_wrap=True)
        table.add_column("percent", justify="right", no_wrap=True)
        table.add_column("status")
        for cells in _status_rows(self.view):
            table.add_row(*(cells if wide else (*cells[:2], *cells[3:])))
        yield table


def _status_rows(view: StatusView) -> Iterable[tuple[RenderableType, ...]]:
    for objective in view.objectives:
        word, style = WORDS[objective.status]
        title, team = plain_text(objective.objective.title, "bold"), plain_text(objective.objective.team, "dim")
        yield title, team, "", percent(clamped(objective.progress)), Text(word, style)
        for each in view.key_results:
            if each.key_result.objective == objective.objective.id:
                yield _key_result_row(each)


def _key_result_row(each: KeyResultStatus) -> tuple[RenderableType, ...]:
    word, style = WORDS[each.standing.status]
    if each.standing.status is Status.STALE:
        word = f"stale ({WORDS[each.standing.pace][0]})"
    if each.reading and each.updated_at is None:
        word = "not read yet"
    elif each.reading:
        word += " · reading for a changed rule"
    if not each.mapped:
        word += " · no mapping"
    return (
        Padding(plain_text(each.key_result.title), (0, 0, 0, 2)),
        goal(each.key_result, each.value),
        bar(each.standing.progress, each.standing.expected),
        percent(clamped(each.standing.progress)),
        Text(word, style),
    )


def _sources(sources: Sequence[SourceStatus]) -> RenderableType:
    lines = [_source_line(each) for each in sources]
    return Group(*lines) if lines else Text("No source is configured yet.", "dim")


def _source_line(each: SourceStatus) -> Text:
    read = f"last read {each.last_success:%Y-%m-%d %H:%M} UTC" if each.last_success else "never read completely"
    line = Text(f"{harmless(each.setup.name)}: {each.items} items, {read}", "" if each.state == "ok" else "yellow")
    if each.error:
        line.append(f" · {harmless(each.error, 400)}")
    return line


def report(view: Report, titles: dict[str, str]) -> RenderableType:
    """What a sync did: each source, then each key result that moved."""
    lines: list[RenderableType] = []
    for source in view.sources:
        told = f"{harmless(source.name)}: {source.seen} items read, {source.changed} changed"
        told += f", {source.removed} left" if source.removed else ""
        ok = source.state is Outcome.OK
        line = Text(f"✓ {told}" if ok else f"✗ {harmless(source.name)}: {source.state.value}", "" if ok else "red")
        if source.error:
            line.append(f" · {harmless(source.error, 400)}")
        lines.append(line)
    for update in view.updates:
        title = harmless(titles.get(update.key_result, update.key_result))
        lines.append(Text.assemble((title, "bold"), f"  {number(update.old)} → {number(update.new)}"))
    if not view.updates:
        lines.append(Text("No key result moved.", "dim"))
    return Group(*lines)


def explained(view: Explained, title: str) -> RenderableType:
    """A value from its tickets, part by part."""
    blocks: list[RenderableType] = [
        Text.assemble((harmless(title), "bold"), f"  {number(view.value)}"),
        Text("Not measured yet: run `headway sync`." if view.value is None else "", "yellow"),
    ]
    for place, (part, total) in enumerate(zip(view.rule.parts, view.measured.totals, strict=True)):
        lines = [line for line in view.measured.lines if line.part == place]
        counted = [line for line in lines if line.counted]
        others = [line for line in lines if not line.counted]
        by = f" by {harmless(part.by)}" if part.by else ""
        head = f"{harmless(part.source)}: {part.measure.value}{by} = {number(part_value(part, total))}"
        blocks += [Text(head, "bold"), Text(f"Counted ({len(counted)})"), _lines(counted)]
        blocks += [Text(f"Not counted ({len(others)})"), _lines(others)]
    return Group(*blocks)


def _lines(lines: Sequence[Line]) -> RenderableType:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column("key")
    table.add_column("title")
    table.add_column("amount", justify="right")
    for line in lines:
        last = REASONS[line.reason.value] if line.reason else number(line.amount)
        table.add_row(harmless(line.item.key), plain_text(line.item.title, ""), last)
    return Padding(table, (0, 0, 0, 2))


def which(answer: Sequence[Which], key: str, titles: dict[str, str]) -> RenderableType:
    """What a ticket does, one sentence a part."""
    lines = []
    for each in answer:
        title = harmless(titles.get(each.key_result, each.key_result))
        if each.counted:
            lines.append(
                Text(f"{harmless(key)} counts in {title}: +{number(each.amount)} (part {each.part + 1})", "green")
            )
        else:
            why = REASONS.get(each.reason or "", each.reason or "")
            lines.append(Text(f"{harmless(key)} does not count in {title} (part {each.part + 1}): {why}"))
    return Group(*lines) if lines else Text(f"No key result reads the source of {harmless(key)}.")


_KINDS = {
    EntryKind.BASELINE: "first measured",
    EntryKind.AUTO: "",
    EntryKind.RULE: "the mapping changed",
    EntryKind.TARGET: "the target changed",
    EntryKind.RETIRE: "retired",
}


def history(entries: Sequence[ShownEntry]) -> RenderableType:
    """The ledger of a key result, newest first."""
    if not entries:
        return Text("Nothing is recorded yet: run `headway sync`.", "yellow")
    table = Table(box=None, pad_edge=False, show_header=False)
    for entry in reversed(entries):
        told = entry.entry
        why = ", ".join(_cause(cause) for cause in entry.causes if cause.item)
        kind = _KINDS.get(told.kind, told.kind.value)
        table.add_row(
            f"{told.seq}",
            f"{told.at:%Y-%m-%d %H:%M}",
            f"{number(told.old)} → {number(told.new)}",
            harmless(" · ".join(text for text in (kind, told.why or "", why) if text), 400),
        )
    return table


def ticket(key: str, title: str) -> str:
    """What people call a ticket: its key, or its title where the key is a mere number."""
    return harmless(title, 40) if key.isdigit() else harmless(key)


def _cause(cause: ShownCause) -> str:
    delta = cause.cause.delta
    name = ticket(cause.item.key, cause.item.title) if cause.item else ""
    return f"{name} {cause.cause.kind.value.replace('_', '-')} ({'+' if delta > 0 else ''}{number(delta)})"


def verified(answer: Verified) -> RenderableType:
    if answer.ok:
        return Text(f"The ledger is whole: {answer.entries} entries, head {answer.head[:12]}.", "green")
    return Text(harmless(answer.problem, 400), "red")


def demo(view: Demo, console: Console) -> None:
    """The demo's story; what comes after it are the moves alone."""
    if view.before is None:
        for each in view.updates:
            console.print(_demo_update(each))
        return
    console.print(Text("Before", "bold"))
    console.print(status(view.before))
    console.print()
    console.print(Text("The team worked for two weeks. What moved, and by which tickets:", "bold"))
    for each in view.updates:
        console.print(_demo_update(each))
    console.print()
    console.print(Text("After", "bold"))
    console.print(status(view.after))
    console.print()
    console.print(f"Look closer: headway -c {view.config} status", markup=False)
    console.print("and, with the id of a key result, explain or history.", markup=False)


_MOST_TICKETS = 6


def _demo_update(each: DemoUpdate) -> Text:
    tickets = ", ".join(ticket(key, title) for key, title in each.tickets[:_MOST_TICKETS])
    more = f" and {len(each.tickets) - _MOST_TICKETS} more" if len(each.tickets) > _MOST_TICKETS else ""
    moved = f"  {number(each.old)} → {number(each.new)}  "
    return Text.assemble((f"  {harmless(each.title)}", "bold"), moved, (tickets + more, "dim"))
