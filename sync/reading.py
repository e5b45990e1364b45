"""Reading one source under its lease: its containers at once, then its queries, then a census where one is due.

What a container brings is `sync.listing`, what a census says `sync.roll_call`; `sync.walking` asks in parallel.
"""

from collections.abc import Mapping, Sequence

from connectors.contract import ConnectorError, Container, CredentialsRefused, RateLimited, Stop, Unreadable
from okrs.immutable import replace
from store import queries, sources
from store.sources import ContainerState, LeaseLostError
from sync import roll_call
from sync.asking import asking, leave_unasked
from sync.families import ask_outside
from sync.listing import listing
from sync.roll_call import follow_arrivals, forget_arrivals, take_census
from sync.task import Outcome, SourceReport, Tally, Task
from sync.walking import Crew, explore


def read(task: Task) -> SourceReport:
    """Read every container; one that fails does not keep the others from being taken."""
    tally = Tally(task.clock)
    try:
        crew = Crew(task.source.connect(), wait=task.rest)
    except ConnectorError as error:
        tally.fail("", error)
        return tally.report(task.source.name, 0)
    try:
        _read(task, crew, tally)
    except LeaseLostError:
        lost = "Another worker took this source meanwhile; it goes on there."
        return replace(tally.report(task.source.name, crew.requests, crew.quota), state=Outcome.SKIPPED, error=lost)
    finally:
        crew.close()
    return tally.report(task.source.name, crew.requests, crew.quota)


def _read(task: Task, crew: Crew, tally: Tally) -> None:
    try:
        known = task.states()
        found = _same_as_before(task, crew.first.containers(), known)
        _each_once(found)
        tally.resolved(found)
        if any(isinstance(each, Unreadable) for each in found):
            _unreadable(task, found, tally)
            known = task.states()
        kept = _kept(task, found, known)
        tally.removed += sources.keep_only(task.database, task.lease, kept, task.clock())
        _read_containers(task, crew, found, {name: state for name, state in known.items() if name in kept}, tally)
    except ConnectorError as error:
        tally.fail("", error)


def _read_containers(
    task: Task,
    crew: Crew,
    found: Sequence[Container | Unreadable],
    states: Mapping[str, ContainerState],
    tally: Tally,
) -> None:
    readable = [each for each in found if isinstance(each, Container)]
    wanted = task.source.demand.queries
    queries.forget_others(task.database, task.lease, wanted, task.clock())
    try:
        _list(task, crew, readable, states, tally)
        if len(readable) == len(found):
            explore(crew, asking(task, wanted, tally))
        else:
            lost = [each.name for each in found if isinstance(each, Unreadable)]
            leave_unasked(task, wanted, lost, tally)
        too_many = follow_arrivals(task, crew, readable, tally)
        now = task.clock()
        counted = [
            each
            for each in readable
            if each.name not in tally.errors
            and (task.full or too_many or each.name in tally.doubted or roll_call.due(states.get(each.id), now))
        ]
        take_census(task, crew, counted, tally)
        if too_many and not tally.errors:
            forget_arrivals(task)
        ask_outside(task, crew, readable, tally, whole=len(readable) == len(found))
    except (RateLimited, CredentialsRefused):
        return  # told already, at the container that met it; no other would fare better


def _list(
    task: Task, crew: Crew, readable: Sequence[Container], states: Mapping[str, ContainerState], tally: Tally
) -> None:
    """Read the containers; where the tracker refuses what is demanded, again without it, until nothing more is refused.

    A field that one rule names must not keep the others from moving.  In every run it is asked for once more, so that
    it comes as soon as the tracker has it.
    """
    told, left = crew.first.told, readable
    while left:
        walks = [listing(task, each, states.get(each.id), told, tally) for each in left]
        asked = {each.id: tally.granted[each.id] for each in left}
        try:
            explore(crew, walks)
        finally:
            tally.take_small(task)
        left = [each for each in left if tally.granted[each.id] is not asked[each.id]]


def _unreadable(task: Task, found: Sequence[Container | Unreadable], tally: Tally) -> None:
    for each in found:
        if isinstance(each, Unreadable):
            task.note(each.name, each.error, unobserved=not each.passing)
            tally.fail(each.name, each.error)


def _same_as_before(
    task: Task, found: Sequence[Container | Unreadable], known: Mapping[str, ContainerState]
) -> list[Container | Unreadable]:
    """Refuse a container that took the name of another one: what was read of that would leave all at once.

    A complete sync (`--full`) is how a person says that it is meant.
    """
    site = task.source.demand.site
    held = {each.name: each for each in known.values() if each.read_at and each.demand.site == site}
    there = {each.id for each in found if isinstance(each, Container)}

    def same(each: Container | Unreadable) -> Container | Unreadable:
        before = held.get(each.name)
        if isinstance(each, Unreadable) or task.full or before is None or before.id in there | {each.id}:
            return each
        return Unreadable(
            each.name,
            f"{each.name} is another one at the tracker than the one that was read until now (id {each.id}, before "
            f"{before.id}), so nothing of it was used. If it takes the other's place, run `headway sync --full`; "
            "if the other one was renamed, name it by its new name.",
        )

    return [same(each) for each in found]


def _kept(task: Task, found: Sequence[Container | Unreadable], states: Mapping[str, ContainerState]) -> set[str]:
    """Return the ids of the containers that stay.

    Those that left the config, whose name another one took, or that are of another site, leave the mirror.

    While one cannot be read no other leaves: it may be an old one under a new, misspelt name.  That it was tried stays
    known as long.
    """
    unreadable = {each.name for each in found if isinstance(each, Unreadable)}
    listed = {each.id for each in found if isinstance(each, Container)}
    taken = {each.name for each in found if isinstance(each, Container)}
    return {
        known.id
        for known in states.values()
        if (known.read_at is None and known.name in unreadable)
        or (
            known.demand.site == task.source.demand.site
            and (known.id in listed or (unreadable and known.read_at and known.name not in taken))
        )
    }


def _each_once(found: Sequence[Container | Unreadable]) -> None:
    """Two names of one project would be read against each other.  Raises Stop."""
    names: dict[str, str] = {}
    for each in found:
        if isinstance(each, Container) and names.setdefault(each.id, each.name) != each.name:
            raise Stop(f"{names[each.id]} and {each.name} are the same at the tracker: leave one out of the config.")
