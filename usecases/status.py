"""`status`: where every key result stands."""

from dataclasses import replace
from pathlib import Path

from config.model import Config
from store.views.status import StatusView
from store.views.status import status as standing
from terminal.ports import Failure
from usecases.ground import Ground, absent, database_of, setup_of


def status(ground: Ground, config: Path, cycle: str | None) -> StatusView:
    """Tell where the key results stand, all or those of a cycle."""
    known = ground.answering(config)
    with database_of(known) as database, database.read() as connection:
        try:
            view = standing(connection, setup_of(known), ground.clock(), cycle)
            return view if database.made else replace(view, absent=absent(known))
        except KeyError:
            raise no_cycle(known, cycle) from None


def no_cycle(known: Config, cycle: str | None) -> Failure:
    """Say that there is no such cycle."""
    names = ", ".join(each.id for each in known.cycles)
    return Failure(f"There is no cycle {cycle} in the config; it has {names}.")
