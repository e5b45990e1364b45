"""`sync`: one run of the engine, and what is to be told of it."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from config.model import Config
from config.problems import Problems
from okrs.about import own_version
from okrs.immutable import immutable, replace
from store import schedule, sources
from store.configs import keep
from store.database import Database
from store.finals import ended
from store.overrides import overrides
from store.rehearsal import rehearsal
from store.views.gaps import gaps
from store.views.quarantine import spared, sure
from store.views.refused import refused
from sync.engine import Engine
from sync.task import Progress
from terminal.synced import KeptAnchor, Synced
from usecases.ground import Ground, database_of, goals_of, require_sources, setup_of, wrong_with


@immutable
class Wanted:
    """What a run is to do."""

    only: Sequence[str] = ()
    """The sources to read; none for all."""
    full: bool = False
    dry_run: bool = False
    last_good: bool = False
    """Go on while the config is broken, as far as that goes."""


def sync(ground: Ground, config: Path, wanted: Wanted, progress: Progress) -> Synced:
    """Do one run of the engine."""
    found = ground.taken(config, connect=True, only=wanted.only, last_good=wanted.last_good)
    known, wrong = found.config, wrong_with(found)
    require_sources(known, wanted.only)
    with database_of(known, create=not wanted.dry_run) as database:
        warnings = Problems(list(found.unread))
        good = tuple(found.good(warnings))
        told = partial(replace, wrong=wrong, unkept=warnings.sorted())
        if not wanted.dry_run:
            keep(database, good, found.wrong, ground.clock(), found.less())
            synced = _synced(ground, known, database, wanted, progress)
            return told(synced, anchor=_anchored(ground, known, database, synced))
        with rehearsal(database) as copy:
            return told(_synced(ground, known, copy, wanted, progress), dry_run=True)


def _anchored(ground: Ground, known: Config, database: Database, synced: Synced) -> KeptAnchor | None:
    if known.anchor is None:
        return None
    from usecases.anchoring import keep_anchor  # for those who keep any

    return keep_anchor(known, database, synced.report.run, ground.clock())


def _synced(ground: Ground, known: Config, database: Database, wanted: Wanted, progress: Progress) -> Synced:
    engine = engine_of(ground, known, database, progress)
    report = engine.sync(only=wanted.only, full=wanted.full)
    schedule.end_waits(database, [each.name for each in report.sources if each.allows(ground.clock())])
    with database.read() as connection:
        setup = setup_of(known)
        found = gaps(connection, setup, ground.clock(), engine.cache.of)
        states, over = {name: sources.state_of(connection, name) for name in known.sources}, ended(connection)
        waiting = refused(connection, setup, states)
        odd = tuple(each for each in waiting if each.key_result not in over.key_results)
        found = tuple(each for each in found if each.key_result not in over.key_results)
        now, set_by_hand = ground.clock(), overrides(connection)
    return Synced(
        report,
        found,
        odd,
        titles={each.id: each.title for each in known.key_results},
        by_hand={name: each.value for name, each in set_by_hand.items() if each.active(now)},
    )


def engine_of(ground: Ground, known: Config, database: Database, progress: Progress) -> Engine:
    """Return the engine that reads the sources of a config and records its key results."""
    return Engine(
        database=database,
        sources=[ground.to_read(known, name) for name in known.sources],
        goals=goals_of(known),
        still=spared(known.quarantine) if sure(known.quarantine) else None,
        clock=ground.clock,
        progress=progress,
        version=own_version(),
        debug=lambda source, error: ground.debug(source, known.sources[source], error),
    )
