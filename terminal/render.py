"""Answers as people read them on a terminal: words first, numbers aligned, colour never alone."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from shlex import quote

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.text import Text

from okrs.closing import Ending, parse_ending
from okrs.immutable import immutable
from okrs.lanes import Lane, approximate_in, day_in, lane_of
from okrs.ledger import CAUSE_WORDS, CauseKind, Entry, EntryKind, proposed, renamed_from
from okrs.objective import Binary, Keep, KeyResult, Numeric
from okrs.progress import Status, clamped
from store.checkins import confidence_in
from store.lookup import Ticket
from store.overrides import Override, until_in
from store.views.history import ShownCause, ShownEntry
from store.views.status import KeyResultStatus, ObjectiveStatus, SourceStatus, StatusView
from store.views.verify import Verified
from store.views.waiting import AWAITED, Waiting, Why
from store.views.which import Places, Which
from terminal.answers import Demo, DemoUpdate, Served
from terminal.reporting import gap_lines, held_line, number, quarantine_lines, refused_lines
from terminal.tables import Cells, Rows, bare, line_of
from terminal.text import counted, first_of, harmless, local_day, local_end, local_time, plain_text, terms_in_words

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
    "outside_window": "outside the cycle",
    "duplicate": "an earlier part has it",
    "no_estimate": "has no estimate",
    "no_match": "it does not match the rule",
    "no_history": "when it began is not known",
    "not_in_scope": "came in after the scope was frozen",
}
"""Why a ticket does not count, as a phrase."""

_NOT_READ = ("not read yet", "dim")
_TICKETS_NOT_READ = "tickets not read yet"
_MOST_QUERIES = 3

_BAR = 20
_WIDE = 120
"""Columns from which there is room for bars."""


def bar(progress: Decimal, expected: Decimal) -> str:
    """Progress as a bar; the tick stands where the expected pace is."""
    filled, tick = int(clamped(progress) * _BAR), min(_BAR - 1, int(clamped(expected) * _BAR))
    return "".join("|" if at == tick else "▓" if at < filled else "░" for at in range(_BAR))


def percent(share: Decimal) -> str:
    return f"{number(share * 100, 0)} %"


def goal(key_result: KeyResult, value: Decimal | None) -> str:
    """A value beside its terms, as in `13 / 20 bugs`; an arrow would read as a move."""
    unit = f" {key_result.unit}" if key_result.unit else ""
    match key_result.terms:
        case Numeric(start, target) if target < start:
            return harmless(f"{number(value)}, down to {number(target)}{unit}")
        case Numeric(_, target):
            return harmless(f"{number(value)} / {number(target)}{unit}")
        case Keep(low, high):
            return harmless(f"{number(value)} in {number(low)}…{number(high)}{unit}")
        case Binary(threshold):
            return "done" if value is not None and value >= threshold else "not done"


_STALE = (
    "stale: a source of it was not read completely for three of its intervals. `headway sync` reads now; "
    "`headway serve`, or a timer, goes on to."
)


def status(view: StatusView, *, past: bool = False) -> RenderableType:
    """Every objective with its key results, then the sources, then what may be a mistake; of the past no remedy."""
    absent = [Text(harmless(view.absent, 1000), "yellow")] if view.absent else []
    titles = {each.key_result.id: each.key_result.title for each in view.key_results}
    held = [held_line(each.hold, titles) for each in view.key_results if each.hold]
    said = [line for each in view.key_results for line in _said(each, view.zone)]
    wrong = (*quarantine_lines(view.quarantine), *refused_lines(view.refused), *gap_lines(view.gaps))
    over = [] if view.key_results or not view.closed else [_all_closed(view.closed[-1])]
    stale = any(each.standing.status is Status.STALE and not each.before_read for each in view.key_results)
    late = [Text(_STALE, "yellow")] if stale and not past else []
    odd = (*over, *late, *said, *held, *absent, *wrong)
    return Group(_ByObjective(view), Text(), _sources(view.sources, view.zone), *odd)


def _all_closed(last: str) -> Text:
    return Text(f"Nothing is open: `headway status --cycle {harmless(last)}` shows how {harmless(last)} ended.")


@immutable
class _ByObjective:
    """The table of key results; on a narrow terminal the bars give way to titles and ids; in a pipe there are none."""

    view: StatusView

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not console.is_terminal:
            yield from (line_of((*cells[:3], *cells[4:]), indent) for indent, cells in _status_rows(self.view))
            return
        wide = options.max_width >= _WIDE
        table = bare()
        table.add_column("title", min_width=24)
        if wide:
            table.add_column("id", no_wrap=True)
        table.add_column("value", justify="right", no_wrap=wide)
        if wide:
            table.add_column("bar", no_wrap=True)
        table.add_column("percent", justify="right", no_wrap=True)
        table.add_column("status")
        for indent, (title, name, value, bars, *others) in _status_rows(self.view):
            first = title if wide else line_of((title, name))
            between = (name, value, bars) if wide else (value,)
            table.add_row(Padding(first, (0, 0, 0, indent)), *between, *others)
        yield table


def _status_rows(view: StatusView) -> Iterable[tuple[int, Cells]]:
    """Yield by how much a row is indented, and its title, id, value, bar, percent and status."""
    headed = {each.objective.cycle for each in view.objectives}
    if len(headed) < 2:  # one cycle needs no head
        yield from _rows_of(view, view.objectives)
        return
    for cycle in (each for each in view.cycles if each.id in headed):
        yield 0, (plain_text(f"{cycle.id} ({cycle.start} to {cycle.end})", "bold"), *[Text()] * 5)
        yield from _rows_of(view, [each for each in view.objectives if each.objective.cycle == cycle.id])


def _rows_of(view: StatusView, objectives: Sequence[ObjectiveStatus]) -> Iterator[tuple[int, Cells]]:
    for objective in objectives:
        mine = (objective.objective.id, objective.objective.cycle)  # of a past time one may stand in two cycles
        own = [each for each in view.key_results if (each.key_result.objective, each.key_result.cycle) == mine]
        unread = bool(own) and all(each.unread for each in own)
        word, style = _NOT_READ if unread else WORDS[objective.status]
        if not unread and objective.status is Status.STALE and own and all(each.before_read for each in own):
            word, style = _TICKETS_NOT_READ, "dim"
        if objective.grade is not None:
            word += f" · grade {number(objective.grade)}"
        share = number(None) if unread else percent(clamped(objective.progress))
        title, team = plain_text(objective.objective.title, "bold"), plain_text(objective.objective.team, "dim")
        yield 0, (title, Text(), team, Text(), Text(share), Text(word, style))
        yield from ((2, _key_result_row(each)) for each in own)


def _key_result_row(each: KeyResultStatus) -> Cells:
    word, style = WORDS[each.standing.pace if each.before_read else each.standing.status]
    if each.standing.status is Status.STALE and not each.before_read:
        word = f"stale ({WORDS[each.standing.pace][0]})"
    if each.closed:
        word += f" · grade {number(each.closed.final.grade)}"
    if each.refused:
        word += f" · waits for {each.awaits}"
    elif each.unread:
        word, style = _NOT_READ
    elif each.reading:
        word += f" · {_TICKETS_NOT_READ if each.before_read else 'reading for a changed rule'}"
    word += "".join(f" · {remark}" for remark in _remarks(each))
    return (
        plain_text(each.key_result.title),
        plain_text(each.key_result.id, "dim"),
        Text(_values(each)),
        Text(bar(each.standing.progress, each.standing.expected)),
        Text(number(None) if each.unread else percent(clamped(each.standing.progress))),
        Text(word, style),
    )


def _remarks(each: KeyResultStatus) -> Iterator[str]:
    if each.reconstructed:
        yield f"reconstructed{_approximate(each.approximate)}"
    if each.hold:
        yield "an update is held"
    if each.override:
        yield "set by hand"
    if each.quarantined:
        yield "in quarantine"
    elif not each.mapped and not each.override and not each.closed:
        yield "no mapping"


def _values(each: KeyResultStatus) -> str:
    """The value that is shown; beside one that was set the automatic one, where there is any to be had."""
    shown = goal(each.key_result, each.value)
    if each.override is None or not (each.mapped or each.automatic is not None):
        return shown
    automatic = each.automatic
    binary = isinstance(each.key_result.terms, Binary) and automatic is not None
    return f"{shown} (automatic {goal(each.key_result, automatic) if binary else number(automatic)})"


def _said(each: KeyResultStatus, zone: str) -> Iterator[Text]:
    """What people say of a key result beside its tickets, and why there is nothing to say."""
    if each.belongs_to:
        why = (
            f"  its result is that of {harmless(each.belongs_to)}, which is closed, and stays there: put it back, and "
            f"give what is wanted of {harmless(each.key_result.cycle)} an id of its own"
        )
        yield Text.assemble((harmless(each.key_result.title), "bold"), (why, "yellow"))
    if each.override:
        by = each.name_of(each.override.by)
        yield override_line(each.override, each.key_result, by, each.last_day)
    if each.checkin:
        told = each.checkin
        sure = "" if told.confidence is None else f", confidence {number(told.confidence)}"
        who = f" ({harmless(each.name_of(told.by))}, {local_day(told.at, zone)}{sure})"
        yield Text.assemble((harmless(each.key_result.title), "bold"), f"  {harmless(told.note, 400)}{who}")


def override_line(known: Override, key_result: KeyResult, by: str, last_day: date | None) -> Text:
    """Tell of a value that was set: what, by whom, why, until when, and how to go back."""
    until = f" until {last_day}" if last_day else ""
    told = f"  set to {goal(key_result, known.value)}{until} by {harmless(by)}"
    line = Text.assemble((harmless(key_result.title), "bold"), (told, "yellow"))
    return line.append(f" · {harmless(known.why, 400)} · `headway resume {harmless(known.key_result)}` goes back")


def _sources(sources: Sequence[SourceStatus], zone: str) -> RenderableType:
    lines = [_source_line(each, zone) for each in sources]
    return Group(*lines) if lines else Text("No source is configured yet.", "dim")


def _source_line(each: SourceStatus, zone: str) -> Text:
    at = (each.unanswered and each.read_at) or each.last_success
    read = f"last read {local_time(at, zone)}" if at else "never read completely"
    if each.unanswered:
        read += f", but for {_queries(each.unanswered)}"
    line = Text(
        f"{harmless(each.setup.name)}: {counted(each.items, 'item')}, {read}", "" if each.state == "ok" else "yellow"
    )
    if each.error:
        line.append(f" · {harmless(each.error, 400)}")
    return line


def _queries(texts: Sequence[str]) -> str:
    named = " and ".join(harmless(text, 60) for text in texts[:_MOST_QUERIES])
    more = f" and {len(texts) - _MOST_QUERIES} more" if len(texts) > _MOST_QUERIES else ""
    return f"the {'query' if len(texts) == 1 else 'queries'} {named}{more}"


def which(answer: Places, key: str, titles: dict[str, str], zone: str) -> RenderableType:
    """What a ticket does, one sentence a part; before them, what became of one that is gone or called otherwise."""
    lines = [told for each in answer.tickets if (told := _became(each, key, zone)) is not None]
    lines += [_place(each, titles) for each in answer.parts]
    fed = {each.ticket.identity for each in answer.parts}
    others = (each for each in answer.tickets if each.identity not in fed)
    lines += [Text(f"No key result reads the source of {harmless(each.item.key)}.") for each in others]
    return Group(*lines)


def _became(ticket: Ticket, key: str, zone: str) -> Text | None:
    today = ticket.item.key
    name = harmless(today) if today.lower() == key.strip().lower() else f"{harmless(key)} is called {harmless(today)}"
    if ticket.gone is None:
        return None if today.lower() == key.strip().lower() else Text(f"{name} today.", "yellow")
    since = f" A read found so on {local_time(ticket.gone_at, zone)}." if ticket.gone_at else ""
    seen = f" It was last seen {ticket.item.state.value}: {harmless(ticket.item.title)}"
    return Text(f"{harmless(today)} {_GONE.get(ticket.gone, ticket.gone)}.{since}{seen}", "yellow")


_GONE = {
    "deleted": "was deleted in its tracker",
    "hidden": "is shown to the token no more",
    "removed": "left what is read: its project, or its repository, is in the config no more",
    "moved": "was moved to where nothing is read",
}


def _place(each: Which, titles: dict[str, str]) -> Text:
    key, title = harmless(each.ticket.item.key), harmless(titles.get(each.key_result, each.key_result))
    ended = f" when {harmless(each.closed)} was closed; nothing moves that any more" if each.closed else ""
    waits = f"; {_held_back(each)}" if each.hold else ""
    if each.counted:
        sign = "+" if each.amount is None or each.amount >= 0 else ""
        adds = f": {sign}{number(each.amount)}" if each.adds else ""
        verb = "counted" if ended else "counts"
        return Text(f"{key} {verb} in {title}{adds} (part {each.part + 1}){ended}{waits}", "green")
    gone = _GONE.get(each.reason or "")
    why = f"it {gone}" if gone else REASONS.get(each.reason or "", "")
    verb = "did not count" if ended else "does not count"
    return Text(f"{key} {verb} in {title} (part {each.part + 1}){ended}: {why}{waits}")


def _held_back(each: Which) -> str:
    """What is in the value of a ticket whose change waits for a person, or was rejected."""
    held, then = each.hold, each.on_record
    if held is None:
        return ""
    if then and each.counted:
        still = f"in the value with {number(then)}"
    else:
        still = "still in the value" if then else "not in the value" if each.counted else "the value is without this"
    if held.rejected:
        return f"{still}: the update with it was rejected"
    return f"{still}: it waits with an update, which `headway holds` shows as {harmless(held.id)}"


SAME_VALUE = "its tickets changed"

_KINDS = {
    EntryKind.BASELINE: "first measured",
    EntryKind.AUTO: "",
    EntryKind.RULE: "the mapping changed",
    EntryKind.TARGET: "the target changed",
    EntryKind.RETIRE: "retired",
    EntryKind.HOLD: "an update is held",
    EntryKind.LIFT: "nothing is held any more",
    EntryKind.APPROVE: "approved",
    EntryKind.REJECT: "rejected",
    EntryKind.OVERRIDE: "set by hand",
    EntryKind.RESUME: "not set by hand any more",
    EntryKind.CHECKIN: "check-in",
    EntryKind.CORRECTION: "more became known of its closed cycle",
}


def history(entries: Sequence[ShownEntry], zone: str) -> RenderableType:
    """The ledger of a key result, newest first, with times in the zone where the config's days begin."""
    return _History(entries, zone)


_MOST_TICKETS = 6


@immutable
class _History:
    """An entry may have hundreds of causes: a terminal shows the first of them, a pipe gets all."""

    entries: Sequence[ShownEntry]
    zone: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        most = _MOST_TICKETS if console.is_terminal else None
        yield Rows([_entry(each, self.zone, most) for each in reversed(self.entries)])


def nothing_recorded(waits: Waiting | None) -> Text:
    """Why a key result has no history."""
    return Text(f"Nothing is recorded yet: {waiting(waits)}", "yellow")


def waiting(waits: Waiting | None) -> str:
    """Why a key result has no value, and what helps."""
    match waits.why if waits else Why.SYNC:
        case Why.MAPPING:
            return "no mapping feeds it; write one."
        case Why.CYCLE if waits:
            return f"its cycle begins on {waits.begins}; nothing is measured before."
        case Why.NOTHING:
            return "its mapping finds nothing to measure yet; the first value comes with the first ticket that counts."
        case Why.TOO_LARGE:
            return "its numbers are too large to be measured: look at the estimates and the scale."
        case why if waits and why in AWAITED:
            told = " ".join(f"{harmless(name)}: {harmless(error, 400)}" for name, error in waits.failed)
            return f"it waits for {AWAITED[why]}. {told}"
    return "run `headway sync`."


def _entry(entry: ShownEntry, zone: str, most: int | None) -> Cells:
    told = entry.entry
    causes = [cause for cause in entry.causes if cause.item or cause.cause.kind is CauseKind.TIME]
    why = first_of(list(map(cause_text, causes)), most)
    kind = "" if told.kind is EntryKind.RULE and told.why else _KINDS.get(told.kind, told.kind.value)
    if told.kind is EntryKind.AUTO and not why:
        kind = f"{SAME_VALUE}, and the value stays"
    if told.kind is EntryKind.HOLD:
        kind = f"an update to {number(proposed(told))} is held"
    if told.kind is EntryKind.RECONSTRUCTED:
        kind = _reconstructed(told)
    if told.kind is EntryKind.TARGET:
        kind = _target(told)
    if told.kind is EntryKind.CLOSE:
        kind = _closed(parse_ending(told.details or ""))
    if entry.by:
        kind += f" by {entry.by}"
    if told.kind is EntryKind.OVERRIDE and (until := until_in(told.details)):
        kind += f" until {local_end(until, zone)}"
    if told.kind is EntryKind.CHECKIN and (sure := confidence_in(told.details)) is not None:
        kind += f", confidence {number(sure)}"
    return (
        Text(f"{told.seq}"),
        Text(local_time(told.at, zone)),
        Text(_move(told)),
        Text(" · ".join(text for text in (harmless(kind, 400), harmless(told.why or "", 400), why) if text)),
    )


def _target(told: Entry) -> str:
    if renamed_from(told.kind, told.details):
        return ""  # why says it
    return _KINDS[told.kind] + (f": now {terms_in_words(told.details)}" if told.details else "")


def happened(told: Entry) -> str:
    """What an entry of a run is about that left the value as it was."""
    kind = SAME_VALUE if told.kind is EntryKind.AUTO else _KINDS.get(told.kind, told.kind.value)
    if told.kind is EntryKind.TARGET:
        kind = _target(told)
    return harmless(told.why or kind if told.kind is EntryKind.RULE else kind or told.why or "", 400)


def _move(told: Entry) -> str:
    """From what to what, in the entry's own lane."""
    if lane_of(told.kind) is Lane.HUMAN:
        return " → ".join("automatic" if each is None else number(each) for each in (told.old, told.new))
    return f"{number(told.old)} → {number(told.new)}"


def _closed(ending: Ending) -> str:
    graded = " (graded by hand)" if ending.graded else ""
    return f"{ending.cycle} was closed at {number(ending.value)} with the grade {number(ending.grade)}{graded}"


def _reconstructed(entry: Entry) -> str:
    return f"reconstructed: the end of {day_in(entry.details)}{_approximate(approximate_in(entry.details))}"


def _approximate(names: Sequence[str]) -> str:
    return f" (approximate: {harmless(', '.join(names), 200)})" if names else ""


def ticket(key: str, title: str) -> str:
    """What people call a ticket: its key, or its title where the key is a mere number."""
    return harmless(title, 40) if key.isdigit() else harmless(key)


def cause_text(cause: ShownCause) -> str:
    """`PAY-1 closed (+1)`; what no ticket did is the week that ended."""
    kind, delta, item = cause.cause.kind, cause.cause.delta, cause.item
    what = f"{ticket(item.key, item.title)} {CAUSE_WORDS.get(kind, kind.value)}" if item else "another week is over"
    return f"{what} ({'+' if delta > 0 else ''}{number(delta)})"


def verified(answer: Verified) -> RenderableType:
    """Whether the ledger is whole, and whether it is still the one that anchors name."""
    if answer.ok:
        entries = "1 entry" if answer.entries == 1 else f"{answer.entries} entries"
        whole = Text(f"The ledger is whole: {entries}, head {answer.head[:12]}.", "green")
        return Group(whole, _anchors(answer)) if answer.against else whole
    return Text(harmless(answer.problem, 1000), "red")


def _anchors(answer: Verified) -> Text:
    file = harmless(answer.against or "", 400)
    if not answer.anchors:
        return Text(f"No anchor is kept in {file} yet.", "yellow")
    return Text(f"It holds against {counted(answer.anchors, 'anchor')} of {file}.", "green")


_TRACKERS_GONE = (
    "Its trackers ended with it: check, discover and sync have nothing to read any more. "
    "status, explain, history, which, plan and verify answer from what was read."
)


def demo(view: Demo, console: Console) -> None:
    """The demo's story."""
    console.print(Text("Before", "bold"))
    console.print(status(view.before))
    console.print()
    console.print(Text("The team worked for two weeks. What moved, and by which tickets:", "bold"))
    key_results = {each.key_result.id: each.key_result for each in view.after.key_results}
    for update in view.updates:
        console.print(_demo_update(update, key_results[update.key_result]))
    console.print()
    console.print(Text("After", "bold"))
    console.print(status(view.after))
    console.print()
    call = f"{quote(view.program)} -c {quote(str(view.config))}"
    console.print(f"Look closer: {call} status", markup=False)
    console.print("and, with the id of a key result, explain or history.", markup=False)
    if not view.variables:
        console.print(_TRACKERS_GONE, markup=False)
    if view.variables and console.is_terminal:
        console.print()
        console.print(Text("While this runs, its trackers can be read from another terminal, too:", "bold"))
        for name, value in view.variables:
            console.print(f"export {name}={quote(value)}", markup=False)
        for command in ("check", f"discover {view.after.sources[0].setup.name}", "sync"):
            console.print(f"{call} {command}", markup=False)
        console.print()


def demo_live(served: Served, console: Console) -> None:
    """Where the demo's pages are, once the story is told."""
    console.print()
    console.print(Text(f"The pages of it: {harmless(served.url, 200)}", "bold"))
    console.print("The team goes on, and what it does shows there within seconds. Ctrl-C ends it.", markup=False)


def demo_worked(done: str, console: Console) -> None:
    """What the team did just now."""
    console.print(Text.assemble(("  the team: ", "dim"), harmless(done)))


def demo_ended(folder: Path, console: Console) -> None:
    """What is left when the demo was told to end."""
    console.print(f"The demo has ended. What it knew stays in {harmless(str(folder), 200)}.", markup=False)
    console.print(_TRACKERS_GONE, markup=False)


def _demo_update(each: DemoUpdate, key_result: KeyResult) -> Text:
    tickets = first_of([ticket(key, title) for key, title in each.tickets], _MOST_TICKETS)
    unit = f" {harmless(key_result.unit)}" if key_result.unit else ""
    done = f", {goal(key_result, each.new)}" if isinstance(key_result.terms, Binary) else ""
    moved = f"  {number(each.old)} → {number(each.new)}{unit}{done}  "
    return Text.assemble((f"  {harmless(each.title)}", "bold"), moved, (tickets, "dim"))
