"""What the use cases share: a config with its database and connections, and what it says in the domain's words."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import field
from datetime import datetime
from functools import partial
from getpass import getuser
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from config.lastgood import Broken, Taken, taken
from config.loader import Terms
from config.model import Config
from connectors import registry
from connectors.contract import Connector, Stop
from connectors.settings import SourceSettings
from mapping.demand import demand_of
from okrs.demand import Demand
from okrs.immutable import immutable
from store.configs import Kept, kept
from store.database import Database, StoreError, open_database, place_of
from store.views.quarantine import standing, sure
from store.views.setup import Setup, SourceSetup
from sync.deciding import Goal
from sync.task import SourceToRead
from terminal.failures import Failure, InvalidConfig
from terminal.synced import Wrong
from terminal.text import harmless, no_database

Clock = Callable[[], datetime]

_WHO = ("HEADWAY_USER", "LOGNAME", "USER", "USERNAME")
"""Variables that tell who runs a command."""


@immutable
class Ground:
    """The world that the use cases stand on."""

    environ: Mapping[str, str]
    clock: Clock
    connect: Callable[[SourceSettings], Connector]
    """Open a connection to a source; nothing is asked yet."""
    wrong: dict[Path, Wrong | None] = field(default_factory=dict)
    """What is wrong with the configs that the last answers came from."""
    speaker: str = ""
    """Who is said to speak, where that is not the person at the keyboard."""

    @property
    def who(self) -> str:
        """The name of the person at the keyboard, as the system has it."""
        if self.speaker:
            return self.speaker
        told = next((self.environ[each] for each in _WHO if self.environ.get(each)), None)
        if told is None:
            with suppress(OSError, KeyError):  # a user that the system has no name for
                told = getuser()
        return told or "somebody"

    def load(self, config: Path, *, connect: bool = False, only: Sequence[str] = ()) -> Config:
        """Load a config.  Raises InvalidConfig."""
        return self.taken(config, connect=connect, only=only).config

    def answering(self, config: Path) -> Config:
        """Load a config for an answer; where it is broken, as the runs have it meanwhile."""
        self.wrong.pop(config, None)
        found = self.taken(config, last_good=True)
        self.wrong[config] = wrong_with(found)
        return found.config

    def taken(self, config: Path, *, connect: bool = False, only: Sequence[str] = (), last_good: bool = False) -> Taken:
        """Load a config, with `last_good` also a broken one, and without sources whose secrets are not there.

        Raises InvalidConfig.
        """
        terms = Terms(self.environ, connect, only, lenient=last_good)
        try:
            return taken(config, terms, _recall if last_good else None)
        except Broken as error:
            raise InvalidConfig(error.problems, hint=str(error)) from None

    def to_read(self, known: Config, name: str) -> SourceToRead:
        """A source of the config as the engine reads it, with what all rules need of it."""
        settings = known.sources[name]
        demand = Demand(site=settings.site, shaping=settings.shaping)
        for rule in known.rules.values():
            demand = demand.union(demand_of(rule, name))
        closed = known.closed.get(name)
        connect = partial(_closed, closed) if closed else partial(self.connect, settings)
        version = registry.version_of(settings.connector)
        return SourceToRead(name, settings.container_names, connect, demand, settings.connector, version)

    def debug(self, name: str, settings: SourceSettings, error: Exception) -> None:
        """Show on stderr where a connector failed, when HEADWAY_DEBUG asks for it: without the source's secrets."""
        if self.environ.get("HEADWAY_DEBUG"):
            from connectors.debugging import secrets_of, traced  # for the author of a connector alone

            lines = [f"{name}: {type(error).__name__}", *traced(error, secrets_of(settings))]
            sys.stderr.write("".join(f"{harmless(line, 1000)}\n" for line in lines))


def _closed(why: str) -> Connector:
    raise Stop(why)


def _recall(url: str) -> tuple[Kept, ...]:
    """Return the last good config; nothing where the database cannot be asked: whoever opens it next is told why."""
    try:
        with closing(open_database(url, create=False)) as database:
            return kept(database)
    except (StoreError, DBAPIError):
        return ()


def wrong_with(found: Taken) -> Wrong | None:
    """Say what is wrong with a config that runs all the same; None when nothing is."""
    return Wrong(found.problems, found.config.quarantine) if found.config.quarantine else None


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
    return no_database(place_of(known.database))


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
            SourceSetup(name, each.connector, each.container_names, each.interval, each.shaping)
            for name, each in known.sources.items()
        ),
        objectives=known.objectives,
        key_results=known.key_results,
        rules=known.rules,
        quarantine=known.quarantine,
    )


def goals_of(known: Config) -> list[Goal]:
    """The key results to record, with their rules: all but those that stand still, or may do so."""
    still, certain = standing(known.quarantine), sure(known.quarantine)
    return [
        Goal(each, known.rules.get(each.id), known.calendar, known.guard)
        for each in known.key_results
        if each.id not in still and (certain or each.id in known.rules)
    ]
