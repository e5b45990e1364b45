"""`status`: where every key result stands."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection

from config.model import Config
from okrs.immutable import replace
from okrs.numbers import plain
from store.finals import Final, finals
from store.views.status import StatusView
from store.views.status import status as standing
from terminal.failures import Failure
from usecases.ground import Ground, absent, database_of, setup_of

_MOST = 8
"""Key results of a cycle that a sentence names."""


def status(ground: Ground, config: Path, cycle: str | None) -> StatusView:
    """Tell where the key results stand, all or those of a cycle."""
    known = ground.answering(config)
    with database_of(known) as database, database.read() as connection:
        try:
            view = standing(connection, setup_of(known), ground.clock(), cycle)
            return view if database.made else replace(view, absent=absent(known))
        except KeyError:
            raise no_cycle(connection, known, cycle) from None


def no_cycle(connection: Connection, known: Config, cycle: str | None) -> Failure:
    """Say that there is no such cycle; of one that is closed and left the config, how it ended."""
    if ends := [each for each in finals(connection).values() if each.cycle == cycle]:
        return Failure(_as_it_ended(ends))
    names = ", ".join(each.id for each in known.cycles)
    return Failure(f"There is no cycle {cycle} in the config; it has {names}.")


def _as_it_ended(ends: Sequence[Final]) -> str:
    first, *_ = every = sorted(ends, key=lambda each: each.key_result)
    told = ", ".join(f"{each.key_result} {_value(each)} (grade {plain(each.grade)})" for each in every[:_MOST])
    more = f" and {len(every) - _MOST} more" if len(every) > _MOST else ""
    return (
        f"{first.cycle} is not in the config any more. It was closed on {first.at:%Y-%m-%d} with {told}{more}. "
        f"`headway history {first.key_result}` shows what is recorded of one of them; with the cycle back in the "
        "config it is shown whole."
    )


def _value(end: Final) -> str:
    return "–" if end.value is None else plain(end.value)
