"""`sync`: one run of the engine, and what is to be told of it."""

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from config.model import Config
from store.database import Database
from store.rehearsal import rehearsal
from store.views.gaps import gaps
from sync.engine import Engine
from sync.task import Progress
from terminal.ports import Synced
from usecases.ground import Ground, database_of, goals_of, require_sources, setup_of


def sync(ground: Ground, config: Path, *, only: Sequence[str], full: bool, dry_run: bool, progress: Progress) -> Synced:
    """Do one run of the engine."""
    known = ground.load(config, connect=True, only=only)
    require_sources(known, only)
    with database_of(known, create=not dry_run) as database:
        if not dry_run:
            return _synced(ground, known, database, progress, only=only, full=full)
        with rehearsal(database) as copy:
            return replace(_synced(ground, known, copy, progress, only=only, full=full), dry_run=True)


def _synced(
    ground: Ground, known: Config, database: Database, progress: Progress, *, only: Sequence[str], full: bool
) -> Synced:
    engine = _engine(ground, known, database, progress)
    report = engine.sync(only=only, full=full)
    with database.read() as connection:
        found = gaps(connection, setup_of(known), ground.clock(), engine.cache.of)
    return Synced(report, found, titles={each.id: each.title for each in known.key_results})


def _engine(ground: Ground, known: Config, database: Database, progress: Progress) -> Engine:
    return Engine(
        database=database,
        sources=[ground.to_read(known, name) for name in known.sources],
        goals=goals_of(known),
        clock=ground.clock,
        progress=progress,
        version=version("headway"),
        debug=lambda source, error: ground.debug(source, known.sources[source], error),
    )
