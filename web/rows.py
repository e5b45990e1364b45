"""Key results and objectives as rows: value, progress against the pace, status, freshness, what moved."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from okrs.immutable import immutable
from okrs.objective import KeyResult, Objective
from okrs.plaintext import harmless
from okrs.progress import Status, clamped
from store.views.moves import Before, Movers
from store.views.status import KeyResultStatus, ObjectiveStatus, SourceStatus
from web.showing import STATUS_WORDS, Clockface, goal, number, percent, signed, value_words
from web.telling import TicketName, ticket_name

BAR = 200
"""Width of a bar in its own units."""


@immutable
class Bar:
    """Progress as a bar with a tick where the expected pace is."""

    filled: int
    tick: int | None
    """None where there is no pace to keep."""
    progress: str
    expected: str

    @property
    def label(self) -> str:
        return f"{self.progress} of the way" + (f", expected by now {self.expected}" if self.tick is not None else "")


@immutable
class Badge:
    """A status in word and colour."""

    word: str
    tone: str
    """The name of its colour and shape."""


@immutable
class Row:
    """A key result."""

    id: str
    title: str
    goal: str
    bar: Bar
    badge: Badge
    aspirational: bool
    move: str
    """`+3 this week`; empty where nothing moved."""
    movers: tuple[TicketName, ...]
    more_movers: bool
    notes: tuple[str, ...]
    """Sentences that matter before the colour."""
    waits: bool
    """An update of it waits for a person."""
    before_read: bool
    """It waits for its first read."""


@immutable
class Block:
    """An objective with its key results, somewhere in the tree."""

    id: str
    title: str
    team: str
    owner: str
    depth: int
    bar: Bar
    badge: Badge
    grade: str
    supports: tuple[str, ...]
    """What it supports beside what it stands under, in words."""
    rows: tuple[Row, ...]


@immutable
class Week:
    """What moved lately: values before, and the tickets."""

    before: Mapping[str, Before]
    movers: Mapping[str, Movers]
    word: str = "this week"


NO_WEEK = Week({}, {})


def bar(progress: Decimal, expected: Decimal | None) -> Bar:
    """Draw progress; what is begun shows, and what is not whole leaves a gap."""
    filled = round(clamped(progress) * BAR)
    if 0 < progress < 1:
        filled = min(max(filled, 2), BAR - 2)
    tick = None if expected is None else min(BAR - 1, round(clamped(expected) * BAR))
    return Bar(filled, tick, percent(progress), percent(expected) if expected is not None else "")


NOT_READ = Badge("not read yet", "not-started")
TICKETS_NOT_READ = Badge("tickets not read yet", "not-started")
"""Of what people set meanwhile."""


def badge(status: Status) -> Badge:
    return Badge(STATUS_WORDS[status], status.value.replace("_", "-"))


def badge_of(each: KeyResultStatus) -> Badge:
    """The badge of a key result: nothing is stale that was never read, and what a person set is judged meanwhile."""
    if each.standing.status is not Status.STALE or not each.before_read:
        return badge(each.standing.status)
    return NOT_READ if each.unread else badge(each.standing.pace)


def row(
    each: KeyResultStatus, sources: Mapping[str, SourceStatus], names: Sequence[str], week: Week, face: Clockface
) -> Row:
    """Tell of a key result; `names` are those of its sources."""
    standing, key_result = each.standing, each.key_result
    tickets, more = _movers(week.movers.get(key_result.id))
    return Row(
        id=key_result.id,
        title=harmless(key_result.title),
        goal=goal(key_result, each.value) if each.value is not None else "not measured yet",
        bar=bar(standing.progress, None if each.closed else standing.expected),
        badge=badge_of(each),
        aspirational=key_result.ambition.value == "aspirational",
        move=moved(each, week),
        movers=tickets,
        more_movers=more,
        notes=tuple(_notes(each, sources, names, face)),
        waits=each.hold is not None,
        before_read=each.before_read,
    )


def shift(each: KeyResultStatus, week: Week) -> Decimal:
    """By how much the automatic value moved, since it was first measured at the most; 0 of a closed one."""
    before = week.before.get(each.key_result.id)
    if each.closed or before is None or before.value is None or each.automatic is None:
        return Decimal(0)
    return each.automatic - before.value


def moved(each: KeyResultStatus, week: Week) -> str:
    """How far the automatic value moved, or that it was measured for the first time; empty where neither is so."""
    name, delta = each.key_result.id, shift(each, week)
    if each.closed or name not in week.before or each.automatic is None:
        return ""
    if week.before[name].fresh:
        return f"first measured {week.word}" + (f", {signed(delta)} since" if delta else "")
    return f"{signed(delta)} {week.word}" if delta else ""


def _movers(found: Movers | None) -> tuple[tuple[TicketName, ...], bool]:
    return (tuple(map(ticket_name, found.tickets)), found.more) if found else ((), False)


def _notes(
    each: KeyResultStatus, sources: Mapping[str, SourceStatus], names: Sequence[str], face: Clockface
) -> Iterable[str]:
    if each.closed:
        graded = ", given by hand" if each.closed.ending.graded else ""
        yield f"Closed {face.when(each.closed.final.at)} with the grade {number(each.closed.final.grade)}{graded}."
    if each.override:
        yield override_words(each, face)
    if each.standing.status is Status.STALE and each.before_read:
        yield stale_words(sources, names, face)
    elif each.standing.status is Status.STALE:
        then = each.standing.pace
        was = "" if then is Status.NOT_STARTED else f" It was {STATUS_WORDS[then]} then."
        was = " Its target was reached then." if then is Status.ACHIEVED else was
        yield stale_words(sources, names, face) + was
    if each.hold:
        yield hold_words(each)
    if each.quarantined:
        yield harmless(each.quarantined, 600)
    for told in each.refused:
        yield f"Waits for {each.awaits}: {harmless(told, 400)}"
    if each.reading and not each.refused and not each.before_read:
        yield "The config changed, and its sources are being read for that: until then this is by the old rule."
    if not each.mapped and each.override is None and not each.closed:
        yield "No mapping feeds it, and nobody has set a value."


def override_words(each: KeyResultStatus, face: Clockface) -> str:
    """A hand-set value beside the automatic one, in a sentence."""
    known = each.override
    if known is None:
        return ""
    until = f", until {face.day(each.last_day)}" if each.last_day else ""
    who = harmless(each.name_of(known.by), 60)
    automatic = ""
    if each.automatic is not None:
        automatic = f" — automatic value {value_words(each.key_result, each.automatic)}"
    elif each.mapped:
        automatic = " — the automatic value is not measured yet"
    shown = value_words(each.key_result, known.value)
    return f"{shown} by hand ({who}: {harmless(known.why, 300).rstrip('.')}{until}){automatic}."


def stale_words(sources: Mapping[str, SourceStatus], names: Sequence[str], face: Clockface) -> str:
    """Say since when a source has not answered: it is said before any colour."""
    old = [sources[name] for name in names if name in sources]
    never = [each.setup.name for each in old if each.last_success is None]
    if never:
        return f"{', '.join(harmless(each, 60) for each in never)} was never read completely."
    oldest = min(old, key=lambda each: each.last_success or datetime.max.replace(tzinfo=face.now.tzinfo), default=None)
    if oldest is None or oldest.last_success is None:
        return "Its sources have not been read for a while."
    return (
        f"As of {face.when(oldest.last_success)}: {harmless(oldest.setup.name, 60)} has not been read completely since."
    )


def hold_words(each: KeyResultStatus) -> str:
    """An update that waits is the reader's to decide, not an error."""
    hold = each.hold
    if hold is None:
        return ""
    reason = harmless(hold.reason, 400)
    old, new = (value_words(each.key_result, value) for value in (hold.old, hold.new))
    if hold.rejected:
        return f"An update to {new} was rejected: {reason}"
    ask = f"Keep {old}, or accept {new}?" if hold.old != hold.new else f"The value is {old} either way."
    return f"1 update waits for you: {reason} {ask}"


def freshness(sources: Mapping[str, SourceStatus], names: Sequence[str], face: Clockface) -> str:
    """When what feeds it was read, as in `read 2 min ago from pay-jira`."""
    read = [(each, sources[each].last_success) for each in names if each in sources]
    times = [at for _, at in read if at is not None]
    if not read:
        return ""
    if len(times) < len(read):
        return "not read completely yet"
    return f"read {face.ago(min(times))} from {' and '.join(harmless(each, 60) for each, _ in read)}"


def block(
    status: ObjectiveStatus, expected: Decimal | None, depth: int, supports: Iterable[str], rows: Sequence[Row]
) -> Block:
    """Tell of an objective."""
    each = status.objective
    return Block(
        id=each.id,
        title=harmless(each.title),
        team=each.team,
        owner=harmless(each.owner),
        depth=min(depth, 3),
        bar=bar(status.progress, expected),
        badge=_badge_of(status.status, rows),
        grade=number(status.grade) if status.grade is not None else "",
        supports=tuple(supports),
        rows=tuple(rows),
    )


def _badge_of(status: Status, rows: Sequence[Row]) -> Badge:
    if status is not Status.STALE or not rows or not all(each.before_read for each in rows):
        return badge(status)
    return NOT_READ if all(each.badge == NOT_READ for each in rows) else TICKETS_NOT_READ


def tree(objectives: Sequence[Objective], key_results: Iterable[KeyResult]) -> list[tuple[Objective, int]]:
    """Put objectives in the order of the alignment tree, each once, with its depth.

    One that supports another, or a key result of it, stands below the first of these that is shown.
    """
    home = {each.id: each.objective for each in key_results}
    shown = {each.id: each for each in objectives}
    below: dict[str, list[Objective]] = {}
    roots = []
    for each in objectives:
        above = next((up for name in each.supports if (up := home.get(name, name)) in shown and up != each.id), None)
        if above is None:
            roots.append(each)
        else:
            below.setdefault(above, []).append(each)
    order: list[tuple[Objective, int]] = []
    seen: set[str] = set()
    waiting = [(each, 0) for each in reversed(roots)]
    while waiting:
        each, depth = waiting.pop()
        if each.id in seen:
            continue
        seen.add(each.id)
        order.append((each, depth))
        waiting += [(one, depth + 1) for one in reversed(below.get(each.id, []))]
    # A loop through key results is no error of the config; what is in one stands at the end.
    return order + [(each, 0) for each in objectives if each.id not in seen]
