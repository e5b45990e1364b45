"""`demo`: the emulated trackers, a team at work, and what it moved."""

import fcntl
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from okrs.immutable import replace
from sandbox.clock import RealClock, SimulatedClock
from sandbox.company import build as build_company
from sandbox.scenario import config_text, environment
from sandbox.server import Sandbox
from sandbox.team import work
from store.views.history import ShownEntry, shown
from sync.engine import KeyResultUpdate, Report
from sync.task import Progress
from terminal.answers import Demo, DemoUpdate, Listening, Live, Served
from terminal.failures import Failure
from usecases.ground import Ground, database_of
from usecases.listening import listening
from usecases.status import status
from usecases.story import Scene, at_work, live_through

_WEEKS = 2
_MARKER = ".headway-demo"
_PAUSE = 4.0
"""Seconds between two edits of the team, while the pages are served."""

_HEAD = """\
# `headway demo` made this, and makes it anew each time. Its trackers are emulated, and gone when the demo ends: from
# then on the variables of their tokens are set nowhere, and `check`, `discover` and `sync` have nothing to read.
# `status`, `explain`, `history`, `which`, `plan`, `verify` and `validate --offline` need no tracker.
"""

_OFTEN = "every: 10s"
"""How often the service reads the demo's trackers."""

_PORT = 8765
"""Where it is served when nothing is said, and nobody else is there."""


def demo(real: Ground, folder: Path, *, progress: Progress, tell: Callable[[Demo], None], live: Live | None) -> None:
    """Run the emulated trackers, let their team work, and tell what moved; with `live`, serve the pages of it then."""
    if live is not None and live.port is not None:
        with listening("127.0.0.1", live.port, "another one with --port"):
            pass  # whoever names a port that is taken hears it before the story, not after it
    clock = SimulatedClock(_utc_now() - timedelta(weeks=_WEEKS), latest=_utc_now)
    with _alone(folder), Sandbox(build_company(seed=1, now=clock.now(), clock=clock)) as trackers:
        text = _HEAD + config_text(trackers.urls, clock.now())
        config = _config(folder, text if live is None else text.replace("every: 1d", _OFTEN))
        ground = replace(real, environ=environment(trackers.tokens), clock=clock.now)
        scene = Scene(ground, config, trackers.world)
        _all_read(scene.read(progress))
        before = status(ground, config, None)
        report = _worked(scene, progress) if live is None else _lived(scene, progress)
        moved = _moved(ground, config, report)
        variables = () if live is None else tuple(environment(trackers.tokens).items())  # of use while they run
        tell(Demo(config, before, status(ground, config, None), moved, _program(real.environ), variables))
        if live is not None:
            trackers.world.clock = RealClock()
            _serve(replace(scene, ground=replace(ground, clock=real.clock)), live)


def _worked(scene: Scene, progress: Progress) -> Report:
    """Let the team work for the two weeks, and read once."""
    work(scene.world, days=7 * _WEEKS, seed=1)
    report = scene.read(progress)
    _all_read(report)
    return report


def _lived(scene: Scene, progress: Progress) -> Report:
    """Live through the two weeks, and take all that was read for one."""
    reports = []
    for report in live_through(scene, progress):
        _all_read(report)
        reports.append(report)
    return replace(reports[-1], entries=tuple(entry for each in reports for entry in each.entries))


def _serve(scene: Scene, live: Live) -> None:
    """Serve the pages until a signal, while the team works."""
    from usecases.serving import serve  # loads all that a service needs

    with ExitStack() as working:

        def begun(served: Served) -> None:
            live.begun(served)
            working.enter_context(at_work(scene.world, _PAUSE, live.worked))

        port = _free() if live.port is None else live.port
        serve(scene.ground, scene.config, Listening("127.0.0.1", port, allow_local_edits=True), begun)


def _free() -> int:
    """Return the usual port; where it is taken, the one that stands for any."""
    try:
        with socket.create_server(("127.0.0.1", _PORT)):
            return _PORT
    except OSError:
        return 0


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


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Have a folder for this demo, as long as it lasts: another one would take its config and database away.

    Raises Failure for a folder with a config or database that no demo wrote, and for one in which a demo runs.
    """
    marker = folder / _MARKER
    if not marker.exists() and any((folder / name).exists() for name in ("headway.yaml", "headway.db")):
        raise Failure(f"{folder} holds a config or database of yours: name another one with --folder.")
    folder.mkdir(parents=True, exist_ok=True)
    with marker.open("a", encoding="utf-8") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(f"A demo runs in {folder} already: end it, or name another folder with --folder.") from None
        held.truncate(0)
        held.write("What lies here was made by `headway demo`, which begins anew each time.\n")
        held.flush()
        yield


def _config(folder: Path, text: str) -> Path:
    """Write the demo's config over the last one, and begin with an empty database."""
    for name in ("headway.db", "headway.db-wal", "headway.db-shm"):
        (folder / name).unlink(missing_ok=True)
    path = folder / "headway.yaml"
    path.write_text(text, encoding="utf-8")
    return path
