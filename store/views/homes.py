"""Where key results belong that the config took out of a closed cycle: a result stays with the cycle that it is of.

Of today `status` says of them that they have no value where the config has them now.  Of a past time they are put back,
with the objectives that they had.
"""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection

from okrs.immutable import immutable, replace
from okrs.objective import KeyResult, Objective
from store.finals import Closed, closed, moved_from
from store.renames import pending
from store.views.setup import Setup


@immutable
class Home:
    """Where a key result stood when its cycle was closed."""

    cycle: str
    objective: str
    """By the id that it has now, where the config still has it."""


def homes_of(connection: Connection, setup: Setup) -> dict[str, Home]:
    """Return where those belong, by key result, that the config has in another cycle by now."""
    new = pending(connection, setup.key_results)
    ends = {new.get(name, name): each for name, each in closed(connection).items()}
    now = {each.was: each.id for each in setup.objectives if each.was} | {each.id: each.id for each in setup.objectives}
    return {
        name: Home(cycle, now.get(ends[name].ending.objective, ends[name].ending.objective))
        for name, cycle in taken_out(setup, ends).items()
    }


def taken_out(setup: Setup, ends: Mapping[str, Closed]) -> dict[str, str]:
    """Return the closed cycles of those that the config has in another one by now."""
    found = ((each, ends.get(each.id)) for each in setup.key_results)
    told = ((each.id, moved_from(end.final if end else None, each, setup.cycles)) for each, end in found)
    return {name: of for name, of in told if of}


def put_back(key_results: Sequence[KeyResult], homes: Mapping[str, Home]) -> tuple[KeyResult, ...]:
    """Return the key results as they stood when those were at home."""
    return tuple(
        replace(each, cycle=homes[each.id].cycle, objective=homes[each.id].objective) if each.id in homes else each
        for each in key_results
    )


@immutable
class Chapter:
    """The objectives of some cycles; an objective that went on with other key results stands in two."""

    cycles: frozenset[str]
    objectives: tuple[Objective, ...]
    """Every objective, for they may support each other: these are told of those cycles alone."""
    key_results: frozenset[str]
    """What counts in them."""


def chapters(setup: Setup, homes: Mapping[str, Home]) -> Iterator[Chapter]:
    """Yield the objectives of each cycle to which something was put back, then those of all other cycles."""
    names, former = frozenset(each.id for each in setup.key_results), put_back(setup.key_results, homes)
    for cycle in dict.fromkeys(each.cycle for each in homes.values()):
        mine = {each.objective for each in homes.values() if each.cycle == cycle}
        strange = {each.id for each in former if each.objective in mine and each.cycle != cycle}
        objectives = tuple(replace(each, cycle=cycle) if each.id in mine else each for each in setup.objectives)
        lost = mine - {each.id for each in objectives}
        more = tuple(Objective(name, cycle, name) for name in sorted(lost))  # nothing else is kept of it
        yield Chapter(frozenset({cycle}), objectives + more, names - strange)
    left = {each.objective for each in setup.key_results if each.id not in homes}
    emptied = {each.objective for each in setup.key_results if each.id in homes} - left
    rest = frozenset(each.id for each in setup.cycles) - {each.cycle for each in homes.values()}
    yield Chapter(rest, tuple(each for each in setup.objectives if each.id not in emptied), names - homes.keys())
