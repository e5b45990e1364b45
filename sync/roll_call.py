"""The census of a container: identities alone, then a direct look-up of everybody it misses or shows anew."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from connectors.contract import Connector, ConnectorError, Container, Fate, Found, IdPage
from okrs.demand import Demand
from okrs.immutable import immutable
from okrs.work import Ref
from store import census, lookup, sources
from store.census import Compared, Outcome, Settled
from store.mirror import SuddenlyEmptyError
from store.sources import ContainerState, note_error, note_refused
from sync.listing import unobserved
from sync.task import Granted, Tally, Task
from sync.walking import Crew, Walk, explore

CENSUS_EVERY = timedelta(days=1)
"""Incremental reads cannot see what was deleted; once a day somebody looks."""

LOOK_UPS = 2000
"""Look-ups of one census at the most, each way; the others are looked up by the next ones."""

LOOK_UPS_AGAIN = 200
"""Of items that were looked up before and are there, though listings leave them out: archived ones, year after year."""

IN_DOUBT = 20
"""Look-ups where a listing shows nothing of what was there: enough to see whether anything is known of them, and few
enough to be asked in every run while a permission is lost."""

MOST_ARRIVALS = 50
"""More than these are for a census to tell."""

_SLICE = 50
"""Items that are looked up by one question."""


@immutable
class _Answers:
    """What one question of look-ups brought: a page without a next one."""

    found: dict[str, Found]
    following: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


def due(held: ContainerState | None, now: datetime) -> bool:
    """Tell whether a container's last census was long ago; the first complete read is one."""
    return held is not None and (held.census_at is None or now - held.census_at >= CENSUS_EVERY)


def take_census(task: Task, crew: Crew, containers: Sequence[Container], tally: Tally) -> None:
    """Count the containers, look up who is missing or new, and settle it.  Raises what `explore` does."""
    counted: list[Container] = []
    explore(crew, [_counting(task, each, counted, tally) for each in containers])
    compared = {each: _compare(task, each, tally) for each in counted}
    asked = {each: found.missing + found.strangers for each, found in compared.items()}
    for known, said in _look_up(task, crew, asked, tally).items():
        _settle(task, known, compared[known], said, tally)


def _compare(task: Task, known: Container, tally: Tally) -> Compared:
    most = IN_DOUBT if known.name in tally.doubted else LOOK_UPS
    sprints = _granted(task, known, tally).demand.sprints
    return census.compare(task.database, task.lease, known, most, min(most, LOOK_UPS_AGAIN), sprints=sprints)


def _counting(task: Task, known: Container, counted: list[Container], tally: Tally) -> Walk[IdPage]:
    def ask(connector: Connector, resume: str | None) -> IdPage:
        return connector.census(known, _granted(task, known, tally).demand, resume)

    def page(page: IdPage) -> None:
        census.gather(task.database, task.lease, known, page.refs, task.clock())
        task.progress.page(task.source.name, known.name, 0, None)

    census.start(task.database, task.lease, known, task.clock())
    return Walk(
        f"who is in {known.name}",
        ask,
        page,
        done=lambda: counted.append(known),
        failed=lambda error: _fail(task, known, error, tally),
    )


def _look_up(
    task: Task, crew: Crew, asked: Mapping[Container, Sequence[Ref]], tally: Tally
) -> dict[Container, dict[str, Found]]:
    """Ask what became of items, by their containers.

    A container one of whose look-ups fails is left out, and its error is told.  Raises what `explore` does.
    """
    said: dict[Container, dict[str, Found]] = {known: {} for known in asked}
    failed: set[Container] = set()

    def looking_up(known: Container, refs: Sequence[Ref]) -> Walk[_Answers]:
        def ask(connector: Connector, _resume: str | None) -> _Answers:
            return _Answers(dict(connector.look_up(known, refs, _granted(task, known, tally).demand)))

        def page(answers: _Answers) -> None:
            sources.renew(task.database, task.lease, task.clock())
            said[known].update(answers.found)

        def give_up(error: ConnectorError) -> None:
            failed.add(known)
            _fail(task, known, error, tally)

        return Walk(known.name, ask, page, done=lambda: None, failed=give_up)

    explore(crew, [looking_up(known, some) for known, refs in asked.items() for some in _slices(refs)])
    return {known: found for known, found in said.items() if known not in failed}


def _granted(task: Task, known: Container, tally: Tally) -> Granted:
    return tally.granted.get(known.id) or Granted(task.source.demand)


def _fail(task: Task, known: Container, error: ConnectorError, tally: Tally) -> None:
    """Tell of a census that failed; not of what is refused by now: the next read does without it, and then a census."""
    left = _granted(task, known, tally).less(error)
    if left is not None:
        remains = sources.demand_text(left.demand, left.refused, left.late)
        note_refused(task.database, task.lease, known, remains, now=task.clock())
        return
    note_error(task.database, task.lease, known, str(error), task.clock())
    tally.fail(known.name, error)


def _settle(task: Task, known: Container, compared: Compared, found: dict[str, Found], tally: Tally) -> None:
    settled = _settled(compared, found, _granted(task, known, tally).demand)
    try:
        outcome = census.settle(task.database, task.lease, known, settled, task.clock())
    except SuddenlyEmptyError:
        unobserved(task, known, tally)
    else:
        _note(tally, outcome)


def _note(tally: Tally, outcome: Outcome) -> None:
    tally.changed += outcome.changed
    tally.removed += outcome.removed
    tally.missed += outcome.missed


def _settled(compared: Compared, found: dict[str, Found], demand: Demand) -> Settled:
    """Say in the mirror's words what the look-ups found."""
    here = [each.item for each in found.values() if each.fate is Fate.HERE and each.item is not None]
    moved = {name: each for name, each in found.items() if each.fate is Fate.MOVED}
    return Settled(
        here=here,
        moved={name: each.item for name, each in moved.items()},
        homes={name: each.container for name, each in moved.items() if each.container is not None},
        deleted=[name for name, each in found.items() if each.fate is Fate.DELETED],
        hidden=[ref.id for ref in compared.missing if ref.id in found and found[ref.id].fate is Fate.HIDDEN],
        asked=demand.extras,
    )


def follow_arrivals(task: Task, crew: Crew, containers: Sequence[Container], tally: Tally) -> bool:
    """Look up whom an arrival may have been before: it would be counted twice until the next census.

    A tracker that transfers an item between containers gives it a new id; the old one leaves no trace in a listing.
    Returns whether there are too many for that, so that a census has to tell.  Raises what `explore` does.
    """
    with task.database.read() as connection:
        arrivals = lookup.arrivals_of(connection, task.source.name)
        if not arrivals or len(arrivals) > MOST_ARRIVALS:
            return len(arrivals) > MOST_ARRIVALS
        held = lookup.look_up(connection, task.source.name, arrivals)
        suspects = lookup.alike(connection, task.source.name, [item for item, gone in held.values() if gone is None])
    said = _look_up(task, crew, {each: suspects[each.id] for each in containers if each.id in suspects}, tally)
    for known, found in said.items():
        # That one of them is hidden is for the census to count.
        settled = _settled(Compared((), ()), found, _granted(task, known, tally).demand)
        _note(tally, census.settle_some(task.database, task.lease, known, settled, task.clock()))
    if {known.id for known in said} == suspects.keys():
        census.looked_into(task.database, task.lease, arrivals, task.clock())
    return False


def forget_arrivals(task: Task) -> None:
    """Forget those that a census of every container has told of."""
    with task.database.read() as connection:
        arrivals = lookup.arrivals_of(connection, task.source.name)
    census.looked_into(task.database, task.lease, arrivals, task.clock())


def _slices(refs: Sequence[Ref]) -> list[Sequence[Ref]]:
    return [refs[begin : begin + _SLICE] for begin in range(0, len(refs), _SLICE)]
