"""A board of objectives with their key results: what the overview, a team and an objective have in common."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from okrs.cycle import Cycle, elapsed_share
from okrs.immutable import immutable
from okrs.objective import Binary, KeyResult, Objective
from okrs.plaintext import harmless
from okrs.progress import Moment, Status, standing
from store.views.feed import Wanted, feed
from store.views.moves import first_since, movers, values_before
from store.views.setup import Setup
from store.views.status import KeyResultStatus, SourceStatus, StatusView, moment_of, overdue, status
from web.desk import NotThere, Visit
from web.rows import Block, Row, Week, block, hold_words, row, shift, tree
from web.showing import Clockface, percent
from web.telling import EVERYTHING, Line, asked_once, lines

ROWS = 100
"""Key results on one page, as far as whole objectives allow."""
CHANGES = 12
LATELY = timedelta(days=7)

_RANKS = {Status.OFF_TRACK: 0, Status.AT_RISK: 1, Status.ON_TRACK: 2, Status.ACHIEVED: 3}


@immutable
class Count:
    """One of the numbers of the week, as words: `7 key results moved`."""

    tone: str
    text: str
    href: str


@immutable
class Trouble:
    """Something that somebody should look at."""

    tone: str
    text: str
    href: str
    link: str


@immutable
class Board:
    blocks: tuple[Block, ...]
    counts: tuple[Count, ...]
    troubles: tuple[Trouble, ...]
    changes: tuple[Line, ...]
    fresh: str
    """When the sources were read."""
    elapsed: str
    """`week 8 of 13 · 58 % of working days gone`; empty where several cycles are shown."""
    page: int
    pages: int
    key_results: int


def read_status(visit: Visit, cycle: str, *, look: bool = True) -> StatusView:
    """Read where everything stands, in one cycle or in all open ones.  Raises NotThere."""
    try:
        remembered = visit.cache.known_empty
        return status(visit.connection, visit.setup, visit.now, cycle or None,
                      look=look, count=False, known_empty=remembered)  # fmt: skip
    except KeyError:
        names = ", ".join(each.id for each in visit.setup.cycles) or "none"
        raise NotThere(f"There is no cycle {harmless(cycle, 60)} in the config; it has {names}.") from None


def teams_of(setup: Setup, asked: str | None = None) -> list[str]:
    """Return the teams of the config, in order.  Raises NotThere where the one that is asked for is none of them."""
    teams = sorted({each.team for each in setup.objectives if each.team})
    if asked is not None and asked not in teams:
        known = ", ".join(teams) or "none yet"
        said = f"No objective names a team {harmless(asked, 60)}."
        raise NotThere(f"{said} The teams are: {harmless(known, 400)}.")
    return teams


def board(visit: Visit, view: StatusView, choose: Callable[[Objective], bool], page: int = 1) -> Board:
    """Put a board together of the objectives that are chosen."""
    chosen = [each.objective for each in view.objectives if choose(each.objective)]
    ids = {each.id for each in chosen}
    key_results = [each for each in view.key_results if each.key_result.objective in ids]
    order = _paged(chosen, key_results)
    page = min(page, max(1, len(order)))
    begun = first_since(visit.connection, visit.now - LATELY)
    shown = order[page - 1] if order else []
    here = {each.id for each, _ in shown}
    names = [each.key_result.id for each in key_results if each.key_result.objective in here]
    week = Week(values_before(visit.connection, begun), movers(visit.connection, begun, names))
    return Board(
        blocks=tuple(_blocks(visit, view, shown, week)),
        counts=tuple(_counts(visit, view, key_results, week)),
        troubles=tuple(_troubles(visit, view, key_results)),
        changes=changes(visit, [each.key_result for each in key_results]),
        fresh=_fresh(visit, view),
        elapsed=elapsed(view.cycle, visit) if view.cycle else "",
        page=page,
        pages=len(order),
        key_results=len(key_results),
    )


def changes(visit: Visit, key_results: Sequence[KeyResult], most: int = CHANGES) -> tuple[Line, ...]:
    """Tell what changed last, and why, of some key results."""
    titles = {each.id: each for each in key_results}
    found = feed(visit.connection, Wanted(frozenset(titles), EVERYTHING, most=most, silent=False))
    return lines(asked_once(found.entries), visit.face, titles)


def _paged(chosen: Sequence[Objective], key_results: Iterable[KeyResultStatus]) -> list[list[tuple[Objective, int]]]:
    """Cut the tree into pages between objectives."""
    mine: dict[str, int] = {}
    for each in key_results:
        mine[each.key_result.objective] = mine.get(each.key_result.objective, 0) + 1
    pages: list[list[tuple[Objective, int]]] = []
    rows = ROWS
    for objective, depth in tree(chosen, [each.key_result for each in key_results]):
        if rows >= ROWS:
            pages.append([])
            rows = 0
        pages[-1].append((objective, depth))
        rows += 1 + mine.get(objective.id, 0)
    return pages


def _blocks(visit: Visit, view: StatusView, shown: Sequence[tuple[Objective, int]], week: Week) -> Iterable[Block]:
    stands = {each.objective.id: each for each in view.objectives}
    sources = {each.setup.name: each for each in view.sources}
    rows: dict[str, list[Row]] = {}
    here = {each.id for each, _ in shown}
    for each in view.key_results:
        if each.key_result.objective in here:
            rows.setdefault(each.key_result.objective, []).append(row_of(visit, each, sources, week))
    names = {each.id: each.title for each in visit.setup.objectives}
    names |= {each.id: each.title for each in visit.setup.key_results}
    for objective, depth in shown:
        known = stands[objective.id]
        expected = None if known.status is Status.CLOSED else known.expected
        above = [harmless(names.get(each, each)) for each in objective.supports]
        yield block(known, expected, depth, above, rows.get(objective.id, ()))


def row_of(visit: Visit, each: KeyResultStatus, sources: dict[str, SourceStatus], week: Week) -> Row:
    rule = visit.setup.rules.get(each.key_result.id)
    return row(each, sources, rule.sources if rule else (), week, visit.face)


def elapsed(cycle: Cycle, visit: Visit) -> str:
    """Say where in a cycle today is."""
    calendar, today = visit.setup.calendar, visit.setup.calendar.day_of(visit.now)
    if today < cycle.start:
        return f"begins on {visit.face.day(cycle.start)}"
    if today > cycle.end:
        return f"ended on {visit.face.day(cycle.end)}"
    weeks = max(1, round(((cycle.end - cycle.start).days + 1) / 7))  # a quarter has thirteen
    week = min(weeks, (today - cycle.start).days // 7 + 1)
    gone = percent(elapsed_share(cycle, calendar, visit.now))
    return f"week {week} of {weeks} · {gone} of working days gone"


def _counts(visit: Visit, view: StatusView, key_results: Sequence[KeyResultStatus], week: Week) -> Iterable[Count]:
    some = sum(bool(shift(each, week)) for each in key_results)
    fell, reached = _turned(visit, key_results, week)
    waits = sum(each.hold is not None for each in key_results)
    never = sum(each.last_success is None for each in view.sources)
    stale = sum(overdue(each.setup, each.last_success, visit.now) for each in view.sources) - never
    if some:
        yield Count("moved", f"{_of(some, 'key result')} moved", "#changes")
    if fell:
        yield Count("off-track", f"{fell} fell behind", "#objectives")
    if reached:
        yield Count("achieved", f"{reached} reached {'its' if reached == 1 else 'their'} target", "#objectives")
    if waits:
        yield Count("waits", f"{waits} wait{'s' if waits == 1 else ''} for you", "#attention")
    if stale:
        yield Count("stale", f"{_of(stale, 'source')} stale", "/sources")
    if never:
        yield Count("stale", f"{_of(never, 'source')} not read yet", "/sources")


def _fresh(visit: Visit, view: StatusView) -> str:
    read = [each.last_success for each in view.sources]
    known = [at for at in read if at is not None]
    return f"trackers read {visit.face.ago(min(known))}" if known and len(known) == len(read) else ""


def _of(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _turned(visit: Visit, key_results: Iterable[KeyResultStatus], week: Week) -> tuple[int, int]:
    """How many fell behind since then, and how many reached their target.  What is judged otherwise is left out."""
    fell = reached = 0
    moments: dict[str, Moment] = {}
    for each in key_results:
        key_result, name = each.key_result, each.key_result.id
        if each.closed or each.override or isinstance(key_result.terms, Binary) or each.automatic is None:
            continue
        before = week.before.get(name)
        then = before.value if before else each.automatic
        if key_result.cycle not in moments:
            moments[key_result.cycle] = moment_of(visit.setup, key_result.cycle, visit.now - LATELY, closed=False)
        was = standing(key_result.terms, then, moments[key_result.cycle], visit.setup.pace).pace
        now = each.standing.pace
        if was in _RANKS and now in _RANKS:
            fell += _RANKS[now] < _RANKS[was]
            reached += now is Status.ACHIEVED and was is not Status.ACHIEVED
    return fell, reached


def _troubles(visit: Visit, view: StatusView, key_results: Sequence[KeyResultStatus]) -> Iterable[Trouble]:
    for wrong in view.quarantine:
        yield Trouble("stale", harmless(wrong.sentence, 800), "", "")
    for each in key_results:
        if each.hold is not None:
            title = harmless(each.key_result.title)
            yield Trouble("waits", f"{title}: {hold_words(each)}", f"/key-results/{each.key_result.id}", "Look at it")
    for source in view.sources:
        if source.last_success is not None and (source.error or overdue(source.setup, source.last_success, visit.now)):
            yield Trouble("stale", source_words(source, visit.face), "/sources", "What to do")
    names = {each.key_result.id: harmless(each.key_result.title) for each in key_results}
    empty = list(dict.fromkeys(names[each.key_result] for each in view.gaps if each.key_result in names))
    if empty:
        yield Trouble(
            "at-risk", f"{_of(len(empty), 'mapping')} with a part that selects nothing: {', '.join(empty[:5])}.",
            "/mappings", "Look at them",
        )  # fmt: skip


def source_words(source: SourceStatus, face: Clockface) -> str:
    """What is wrong with a source, in a sentence."""
    name = harmless(source.setup.name, 60)
    since = f"as of {face.when(source.last_success)}" if source.last_success else "never read completely"
    told = f": {harmless(source.error, 400)}" if source.error else " has not been read completely since."
    return f"{name}, {since}{told}" if source.error else f"{since[0].upper()}{since[1:]}, {name}{told}"


def unread(view: StatusView) -> bool:
    """Tell whether nothing was ever read."""
    return bool(view.sources) and all(each.last_success is None for each in view.sources)
