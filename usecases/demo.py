"""`demo`: the emulated trackers, a team at work, and what it moved."""

import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sandbox.clock import SimulatedClock
from sandbox.company import build as build_company
from sandbox.scenario import config_text, environment
from sandbox.server import Sandbox
from sandbox.team import work
from store.views.history import ShownEntry, shown
from store.views.status import StatusView
from sync.engine import KeyResultUpdate, Report
from sync.task import Progress
from terminal.ports import Demo, DemoUpdate, Failure
from usecases.ground import Ground, database_of
from usecases.status import status
from usecases.syncing import Wanted, sync

_WEEKS = 2
_MARKER = ".headway-demo"
_PAUSE = 3.0
"""Seconds between two looks of the demo that goes on."""


def demo(real: Ground, folder: Path, *, once: bool, progress: Progress, tell: Callable[[Demo], None]) -> None:
    """Run the emulated trackers, let their team work, and tell what moved."""
    clock = SimulatedClock(_utc_now() - timedelta(weeks=_WEEKS), latest=_utc_now)
    with Sandbox(build_company(seed=1, now=clock.now(), clock=clock)) as trackers:
        config = _config(folder, config_text(trackers.urls, clock.now()))
        ground = replace(real, environ=environment(trackers.tokens), clock=clock.now)
        read = partial(sync, ground, config, Wanted(), progress)
        _all_read(read().report)
        before: StatusView | None = status(ground, config, None)
        work(trackers.world, days=7 * _WEEKS, seed=1)
        variables = () if once else tuple(environment(trackers.tokens).items())  # of use while the trackers run
        while True:
            report = read().report
            _all_read(report)
            after = status(ground, config, None)
            tell(Demo(config, before, after, _moved(ground, config, report), _program(real.environ), variables))
            if once:
                return
            before = None  # told once
            time.sleep(_PAUSE)
            work(trackers.world, days=1, seed=int(time.monotonic() * 1000))


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _moved(ground: Ground, config: Path, report: Report) -> tuple[DemoUpdate, ...]:
    """Tell a report's updates with the tickets that caused them, in the order of the config."""
    known = ground.load(config)
    updates = {each.key_result: each for each in report.updates}
    with database_of(known) as database, database.read() as connection:
        entries = shown(connection, report.entries)
    return tuple(_update(updates[each.id], each.title, entries) for each in known.key_results if each.id in updates)


def _update(update: KeyResultUpdate, title: str, entries: Sequence[ShownEntry]) -> DemoUpdate:
    causes = [cause for entry in entries if entry.entry.key_result == update.key_result for cause in entry.causes]
    return DemoUpdate(
        key_result=update.key_result,
        title=title,
        old=update.old,
        new=update.new,
        sources=tuple(sorted({cause.cause.source for cause in causes if cause.cause.source})),
        tickets=tuple(dict.fromkeys((cause.item.key, cause.item.title) for cause in causes if cause.item)),
    )


def _program(environ: Mapping[str, str]) -> str:
    """How to call this program again: by its name where the shell finds it so, else by its path."""
    running = Path(sys.argv[0])
    if running.name != "headway":  # called from Python
        return "headway"
    found = shutil.which("headway", path=environ.get("PATH", ""))
    if found and running.exists() and Path(found).samefile(running):
        return "headway"
    return str(running)


def _all_read(report: Report) -> None:
    """The demo's trackers run in this process: when one cannot be read, something stands between.  Raises Failure."""
    for source in report.sources:
        if source.error:
            raise Failure(f"The demo could not read {source.name}: {source.error}")


def _config(folder: Path, text: str) -> Path:
    """Write the demo's config over the last one, and begin with an empty database.

    Raises Failure for a folder with a config or database that no demo wrote.
    """
    marker = folder / _MARKER
    if not marker.exists() and any((folder / name).exists() for name in ("headway.yaml", "headway.db")):
        raise Failure(f"{folder} holds a config or database of yours: name another one with --folder.")
    folder.mkdir(parents=True, exist_ok=True)
    marker.write_text("What lies here was made by `headway demo`, which begins anew each time.\n", encoding="utf-8")
    for name in ("headway.db", "headway.db-wal", "headway.db-shm"):
        (folder / name).unlink(missing_ok=True)
    path = folder / "headway.yaml"
    path.write_text(text, encoding="utf-8")
    return path
