"""`plan`: what a config would do, without a tracker and without its tokens."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection

from config.lastgood import former_titles
from config.lint import warned_of
from config.loader import Loaded, load
from config.model import Config
from config.problems import Problem
from okrs.immutable import replace
from store.configs import kept
from store.database import Database, place_of
from store.views.linting import linted
from sync.lacking import next_reads
from sync.planned import Planned
from sync.planning import plan as planned
from sync.task import SourceToRead
from terminal.answers import Plan
from terminal.failures import InvalidConfig
from usecases.ground import Ground, database_of, goals_of, setup_of


def plan(ground: Ground, config: Path) -> Plan:
    """Say what the config would do.  Raises InvalidConfig."""
    loaded = load(config, ground.environ, connect=False)
    known = loaded.config
    if known is None:
        raise InvalidConfig(loaded.problems)
    with database_of(known) as database, database.read() as connection:
        containers = {name: each.container_names for name, each in known.sources.items()}
        reads = next_reads(connection, [_as_written(ground, known, name) for name in known.sources])
        anew = {each.source for each in reads if each.anew}
        key_results = planned(connection, goals_of(known), containers, ground.clock(), anew=anew)
        return Plan(
            _called(database, key_results),
            reads,
            "" if database.made else place_of(known.database),
            _warnings(ground, connection, loaded, key_results),
        )


def _called(database: Database, key_results: Sequence[Planned]) -> tuple[Planned, ...]:
    """Say what those were called that left the config: the last run kept it."""
    if all(each.key_result for each in key_results):
        return tuple(key_results)
    titles = former_titles(kept(database))
    return tuple(each if each.key_result else replace(each, former=titles.get(each.id)) for each in key_results)


def _warnings(
    ground: Ground, connection: Connection, loaded: Loaded, key_results: Sequence[Planned]
) -> tuple[Problem, ...]:
    """What `validate` warns of the key results that the config changes; where it changes none, nothing is looked at."""
    revised = {each.id for each in key_results if each.revised}
    if not revised or loaded.config is None:
        return ()
    return warned_of(loaded, linted(connection, setup_of(loaded.config), ground.clock()), revised)


def _as_written(ground: Ground, known: Config, name: str) -> SourceToRead:
    """A source that nobody connects to: an address that is a placeholder still may be any."""
    source = ground.to_read(known, name)
    return replace(source, demand=replace(source.demand, site="")) if "${" in known.sources[name].site else source
