"""`serve`: the scheduler over a warm engine, the pages, and what watches over them, until a signal ends it.

Keeper      the config as it runs now, and the engine made of it; takes a changed config over
Serving     the running service: what its pages and those who watch over it ask
serve       opens all of it, waits for a signal, and closes it in order
"""

import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from types import FrameType

import uvicorn
from apscheduler.schedulers.background import BackgroundScheduler
from fastapi import FastAPI

from config.lastgood import Taken
from config.loader import Loaded, load
from config.model import Config
from config.problems import Problems
from connectors.logs import WARNING, announce, tell
from connectors.settings import SourceSettings, is_loopback
from okrs.immutable import immutable, replace
from store import schedule
from store.configs import keep
from store.database import Database, open_database
from store.views.setup import Setup
from sync.schedule import Rhythm
from sync.scheduler import Plan, Poll, Scheduler
from sync.task import Progress
from terminal.answers import Listening, Served
from terminal.failures import InvalidConfig
from usecases.editing import Editing
from usecases.ground import Ground, setup_of, wrong_with
from usecases.hooking import Hooks
from usecases.listening import listening
from usecases.noticing import Notice
from usecases.pages import ports_of
from usecases.previewing import Previewing
from usecases.syncing import engine_of
from usecases.telemetry import Counted, Standing, Telemetry, look
from web import acting, app, health
from web.health import Readiness
from web.hooks import build as build_hooks

TICK = 2.0
"""Seconds between two looks at what is due."""

_AT_ONCE = 8
"""Sources read at the same time."""

LATE = 15 * TICK
"""Seconds without a tick after which the scheduler counts as stuck."""

PATIENCE = 30.0
"""Seconds that an end waits for polls under way; `docs/service.md` tells systemd of it."""

_ANSWERS = 5
"""Seconds that an end waits for answers under way."""


@immutable
class Known:
    """A config as it runs, and what is made of it once."""

    config: Config
    setup: Setup
    plan: Plan
    loaded: Loaded
    """The config as it is written, for the places of its warnings; without one where it is broken."""
    wrong: tuple[str, ...]
    """Names of its files that are in quarantine."""


class Keeper:
    """Keeps the config that runs: the one on disk or, where that is broken, what was last good of it."""

    def __init__(self, ground: Ground, path: Path) -> None:
        self._ground, self.path = ground, path
        self._notice, self._changed = Notice(path), False
        self.refused = ""
        """Why the config on disk is not the one that runs; empty when it is."""
        found = self._found()
        self.database = open_database(found.config.database, create=True, mapped=True)
        try:
            self.known = self._take_over(found)
        except BaseException:
            self.database.close()
            raise

    def look(self, scheduler: Scheduler) -> None:
        """Take the config over where its files changed."""
        self._changed = self._notice.changed() or self._changed
        if not self._changed:
            return
        before = self.known.config
        try:
            found = self._found()
        except InvalidConfig as error:
            self._refuse(f"It is broken, and the one before goes on. {error}")
            return
        if found.config.database != before.database:
            self._refuse("It names another database: restart Headway to use that. Until then the one before goes on.")
            return
        known = self._take_over(found)
        changed = {name for name, each in found.config.sources.items() if _differs(name, each, before, found.config)}
        scheduler.renew(known.plan, frozenset(changed))
        self.known, self._changed, self.refused = known, False, ""  # until here it is tried again
        announce("config reloaded", sources=len(known.setup.sources), key_results=len(known.setup.key_results))

    def _found(self) -> Taken:
        return self._ground.taken(self.path, connect=True, last_good=True)

    def _refuse(self, why: str) -> None:
        self._changed, self.refused = False, why
        tell(WARNING, "config not taken", why=why)

    def _take_over(self, found: Taken) -> Known:
        warnings = Problems(list(found.unread))
        keep(self.database, tuple(found.good(warnings)), found.wrong, self._ground.clock(), found.less())
        self._ground.wrong[self.path] = wrong_with(found)
        mistakes = [each for each in found.problems if each.severity == "error"]
        for problem in (*mistakes, *warnings.sorted()):
            where = f"{problem.file}:{problem.line}:{problem.column}"
            tell(WARNING, f"config {problem.severity}", where=where, path=problem.path, message=problem.message)
        for each in found.config.quarantine:
            tell(WARNING, "config is broken", file=each.file, meanwhile=each.sentence)
        loaded = load(self.path, self._ground.environ, connect=False)
        return _known(self._ground, found.config, self.database, loaded, tuple(found.wrong))


def _differs(name: str, settings: SourceSettings, old: Config, new: Config) -> bool:
    return settings != old.sources.get(name) or new.closed.get(name) != old.closed.get(name)


def _known(ground: Ground, config: Config, database: Database, loaded: Loaded, wrong: tuple[str, ...]) -> Known:
    engine = replace(engine_of(ground, config, database, Progress()), waits=False)
    rhythms = {
        name: Rhythm(each.interval, each.times, config.calendar.timezone) for name, each in config.sources.items()
    }
    return Known(config, setup_of(config), Plan(engine, rhythms, config.calendar), loaded, wrong)


class Serving:
    """The running service, as its pages and those who watch over it see it."""

    def __init__(self, ground: Ground, keeper: Keeper, pool: ThreadPoolExecutor) -> None:
        self._ground, self._keeper, self._counted = ground, keeper, Counted()
        self._anchor_problem = ""
        self._telemetry = Telemetry(self._look, ground.clock)
        self.scheduler = Scheduler(keeper.known.plan, ground.clock, pool, random.random, self._polled)
        self.ending = threading.Event()

    def tick(self) -> None:
        """Look at the config, then begin what is due."""
        self.scheduler.safely("the config", lambda: self._keeper.look(self.scheduler))
        self.scheduler.tick()

    def sync_now(self, name: str) -> None:
        """Make a source due at once, also where polling was stopped.  Raises KeyError for one that is not there."""
        if name not in self._keeper.known.config.sources:
            raise KeyError(name)
        schedule.ask(self._keeper.database, [name], self._ground.clock(), stopped=True)

    def setup(self) -> Setup:
        """What is configured by now."""
        return self._keeper.known.setup

    def loaded(self) -> Loaded:
        """The config as it is written."""
        return self._keeper.known.loaded

    def readiness(self) -> Readiness:
        """Tell whether the service can work."""
        ticked = self.scheduler.ticked
        late = ticked is None or time.monotonic() - ticked > LATE
        stuck = "The scheduler does not tick: its log says why." if late else "ok"
        stuck = "Headway is about to end." if self.ending.is_set() else stuck
        wrong, refused = self._keeper.known.wrong, self._keeper.refused
        held = f"Broken, and run as they were last good: {', '.join(wrong)}." if wrong else ""
        notes = {"config": refused or held} if refused or held else {}
        return Readiness({"database": self._keeper.database.trouble() or "ok", "scheduler": stuck}, notes)

    def metrics(self) -> bytes:
        """Return all numbers for Prometheus."""
        return self._telemetry.text(self.scheduler.ticked)

    def _look(self) -> Standing:
        known = self._keeper.known
        return look(self._keeper.database, known.config.sources, self._counted, len(known.wrong))

    def _polled(self, poll: Poll) -> None:
        self._telemetry.polled(poll)
        known = self._keeper.known.config
        if poll.report is None or known.anchor is None:
            return
        from usecases.anchoring import keep_anchor  # for those who keep any

        kept = keep_anchor(known, self._keeper.database, poll.report.run, self._ground.clock())
        problem = kept.problem if kept else ""
        if problem and problem != self._anchor_problem:
            tell(WARNING, "anchor not kept", error=problem)
        self._anchor_problem = problem


def serve(ground: Ground, path: Path, wish: Listening, tell_of: Callable[[Served], None]) -> None:
    """Serve until a signal says otherwise.  Raises Failure, and InvalidConfig where not even a good config is kept."""
    import_module("connectors.retrying")  # before there is any trouble, in which it may not be there to be loaded
    keeper = Keeper(ground, path)
    with closing(keeper.database), ExitStack() as listeners:
        listener = listeners.enter_context(listening(wish.host, wish.port))
        pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="poll")
        serving = Serving(ground, keeper, pool)
        serving.scheduler.begin()
        server = _Server(_application(ground, keeper, serving, wish))
        hooks = None
        if wish.webhook_port is not None:
            hooks = listeners.enter_context(listening(wish.webhook_host, wish.webhook_port))
            listeners.enter_context(_hooked(keeper, ground, hooks))
        _begun(keeper.known, wish, listener, hooks, tell_of)
        with _signals(serving, server) as hurry, _ticking(serving.tick):
            server.run(sockets=[listener])
            serving.ending.set()
            clean = serving.scheduler.stop(PATIENCE, hurry.is_set)
        pool.shutdown(wait=clean, cancel_futures=True)
        announce("ended", unfinished=not clean)


def _application(ground: Ground, keeper: Keeper, serving: Serving, wish: Listening) -> uvicorn.Config:
    ports = ports_of(
        keeper.database,
        serving.setup,
        ground.clock,
        serving.loaded,
        hosts=names_of(wish.host, wish.names),
        edits=Editing(ground, keeper.path) if wish.allow_local_edits else None,
        acting=serving if wish.allow_local_edits else None,
        ending=serving.ending.is_set,
        previews=Previewing(keeper.path, ground.environ),
    )
    site = app.build(ports)
    site.include_router(health.router(serving))
    if wish.allow_local_edits:
        site.include_router(acting.router(serving))
    return _quiet(site)


def _quiet(site: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(site, log_config=None, access_log=False, timeout_graceful_shutdown=_ANSWERS)


def _begun(
    known: Known,
    wish: Listening,
    listener: socket.socket,
    hooks: socket.socket | None,
    tell_of: Callable[[Served], None],
) -> None:
    """Say that it has begun, and where."""
    url = _url(wish.host, listener)
    taken_at = f"{_url(wish.webhook_host, hooks)}hooks/" if hooks else ""
    sources, key_results = len(known.setup.sources), len(known.setup.key_results)
    tell_of(Served(url, sources, key_results, not is_loopback(wish.host), taken_at))
    announce("serving", url=url, sources=sources, key_results=key_results)


@contextmanager
def _hooked(keeper: Keeper, ground: Ground, listener: socket.socket) -> Iterator[None]:
    """Take webhooks, in a thread and a loop of their own: a flood of them keeps no page waiting."""
    judge = Hooks(keeper.database, lambda: keeper.known.config, ground.clock)
    server = _Server(_quiet(build_hooks(judge)))
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]), name="webhooks", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(2 * _ANSWERS)


class _Server(uvicorn.Server):
    """One whose signals are ours: a service that is told to end does so with 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def _signals(serving: Serving, server: uvicorn.Server) -> Iterator[threading.Event]:
    """End in order at the first signal; at the second without waiting, which the event tells."""
    hurry = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        if serving.ending.is_set():
            hurry.set()
            server.force_exit = True
        serving.ending.set()
        serving.scheduler.halt()
        server.should_exit = True

    before = {each: signal.signal(each, end) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield hurry
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def _ticking(tick: Callable[[], None]) -> Iterator[None]:
    """Tick every few seconds, in a thread of its own; a tick that comes late comes all the same, and once."""
    ticker = BackgroundScheduler(
        timezone="UTC", job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    )
    ticker.add_job(tick, "interval", seconds=TICK)
    tick()
    ticker.start()
    try:
        yield
    finally:
        ticker.shutdown(wait=True)


def _url(host: str, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def names_of(host: str, more: Sequence[str]) -> frozenset[str]:
    """Return the names by which the service may be asked, as they stand in the header `Host`, without ports.

    A page elsewhere that gives its own name our address is refused: that would read us with a visitor's browser.
    """
    names = {"localhost", "127.0.0.1", "[::1]", _bracketed(host), *map(_bracketed, more)}
    if not is_loopback(host):
        names |= {socket.gethostname(), socket.getfqdn(), *map(_bracketed, _addresses())}
    return frozenset(each.lower() for each in names)


def _addresses() -> set[str]:
    """This machine's own, as far as its name tells."""
    try:
        found = socket.getaddrinfo(socket.gethostname(), None)
    except OSError:
        return set()
    return {str(each[4][0]).partition("%")[0] for each in found}


def _bracketed(name: str) -> str:
    try:
        return f"[{name}]" if ip_address(name).version == 6 else name
    except ValueError:
        return name
