"""What the use cases share: a config with its database and connections, and what it says in the domain's words."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from config.loader import load
from config.model import Config
from connectors.contract import Connector
from connectors.settings import SourceSettings
from mapping.demand import demand_of
from okrs.demand import Demand
from store.database import Database, open_database, place_of
from store.views.setup import Setup, SourceSetup
from sync.deciding import Goal
from sync.task import SourceToRead
from terminal.ports import Failure, InvalidConfig
from terminal.text import harmless

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Ground:
    """The world that the use cases stand on."""

    environ: Mapping[str, str]
    clock: Clock
    connect: Callable[[SourceSettings], Connector]
    """Open a connection to a source; nothing is asked yet."""

    def load(self, config: Path, *, connect: bool = False, only: Sequence[str] = ()) -> Config:
        """Load a config.  Raises InvalidConfig."""
        loaded = load(config, self.environ, connect=connect, only=only)
        if loaded.config is None:
            raise InvalidConfig(loaded.problems)
        return loaded.config

    def to_read(self, known: Config, name: str) -> SourceToRead:
        """A source of the config as the engine reads it, with what all rules need of it."""
        settings = known.sources[name]
        demand = Demand(site=settings.site, shaping=settings.shaping)
        for rule in known.rules.values():
            demand = demand.union(demand_of(rule, name))
        return SourceToRead(name, settings.container_names, partial(self.connect, settings), demand)

    def debug(self, name: str, settings: SourceSettings, error: Exception) -> None:
        """Show on stderr where a connector failed, when HEADWAY_DEBUG asks for it: without the source's secrets."""
        if self.environ.get("HEADWAY_DEBUG"):
            from connectors.debugging import secrets_of, traced  # for the author of a connector alone

            lines = [f"{name}: {type(error).__name__}", *traced(error, secrets_of(settings))]
            sys.stderr.write("".join(f"{harmless(line, 1000)}\n" for line in lines))


@contextmanager
def database_of(known: Config, *, create: bool = False) -> Iterator[Database]:
    """Open the config's database, for as long as it is used."""
    database = open_database(known.database, create=create)
    try:
        yield database
    finally:
        database.close()


def absent(known: Config) -> str:
    """Say that there is no database yet."""
    return f"There is no database at {place_of(known.database)} yet: run `headway sync`."


def require_sources(known: Config, names: Sequence[str]) -> None:
    """Raise Failure for a name that no source of the config has."""
    for name in names:
        if name not in known.sources:
            raise Failure(f"There is no source {name} in the config; it has {', '.join(known.sources) or 'none'}.")


def setup_of(known: Config) -> Setup:
    """Say what the config says in the words of the domain."""
    return Setup(
        calendar=known.calendar,
        pace=known.pace,
        cycles=known.cycles,
        sources=tuple(
            SourceSetup(name, each.connector, each.container_names, each.every) for name, each in known.sources.items()
        ),
        objectives=known.objectives,
        key_results=known.key_results,
        rules=known.rules,
    )


def goals_of(known: Config) -> list[Goal]:
    """The key results with their rules, as the engine takes them."""
    return [Goal(each, known.rules.get(each.id), known.calendar) for each in known.key_results]
