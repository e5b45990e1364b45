"""`plan`: what a config would do, without a tracker and without its tokens."""

from dataclasses import replace
from pathlib import Path

from config.model import Config
from store.database import place_of
from sync.lacking import next_reads
from sync.planning import plan as planned
from sync.task import SourceToRead
from terminal.ports import Plan
from usecases.ground import Ground, database_of, goals_of


def plan(ground: Ground, config: Path) -> Plan:
    """Say what the config would do."""
    known = ground.load(config)
    with database_of(known) as database, database.read() as connection:
        reads = next_reads(connection, [_as_written(ground, known, name) for name in known.sources])
        return Plan(
            planned(
                connection,
                goals_of(known),
                {name: each.container_names for name, each in known.sources.items()},
                ground.clock(),
                anew={each.source for each in reads if each.anew},
            ),
            reads,
            "" if database.made else place_of(known.database),
        )


def _as_written(ground: Ground, known: Config, name: str) -> SourceToRead:
    """A source that nobody connects to: an address that is a placeholder still may be any."""
    source = ground.to_read(known, name)
    return replace(source, demand=replace(source.demand, site="")) if "${" in known.sources[name].site else source
