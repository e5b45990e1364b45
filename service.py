"""The composition root: the only place that names concrete classes and reads the environment.

`Service` provides the use cases that the command line (and later the web) asks for; each opens what it needs and
closes it again.  Nothing happens at import.
"""

import io
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from functools import partial
from importlib.metadata import version as version_of
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

from sqlalchemy.exc import DBAPIError
from typer import Abort

from config.cases import files_beside, read_cases
from config.drafting import SourceDraft, settings_of
from config.lastgood import Broken, Taken, taken
from config.lint import warned
from config.loader import Terms, load
from config.model import Config
from config.problems import Problem
from connectors import registry
from connectors.contract import Connector, ConnectorError, Listed, Stop
from connectors.debugging import secrets_of, traced
from connectors.patience import Patient
from connectors.settings import SourceSettings
from mapping.cases import Verdict, tried
from mapping.demand import demand_of
from okrs.cycle import Calendar
from okrs.demand import Demand
from okrs.ledger import GENESIS
from store import ledger
from store.configs import Kept, keep, kept
from store.database import Database, StoreError, open_database, place_of, reason, upgrade
from store.rehearsal import rehearsal
from store.views.explain import Explained, Which, explain, which
from store.views.gaps import gaps
from store.views.history import ShownEntry, history, shown
from store.views.linting import linted
from store.views.quarantine import message_for, standing, sure
from store.views.setup import Setup, SourceSetup
from store.views.status import StatusView, status
from store.views.verify import Verified, verify
from store.views.waiting import Waiting, waiting
from sync.deciding import Goal
from sync.engine import AUTHORS_HELP, Engine, KeyResultUpdate, Report
from sync.lacking import next_reads
from sync.planning import plan
from sync.task import Progress, SourceToRead
from terminal import commands
from terminal.context import Out
from terminal.ports import Checked, Demo, DemoUpdate, Discovered, Failure, InvalidConfig, Looked, Plan, Synced, Wrong
from terminal.text import harmless

INTERRUPTED = 130
_FEW = 8
"""Ids that an error names all together."""

_DEMO_WEEKS = 2
_DEMO_MARKER = ".headway-demo"
_DEMO_PAUSE = 3.0
"""Seconds between two looks of the demo that goes on."""

_CHECKED_AT_ONCE = 8
"""Sources checked at the same time."""

_OPENING = Lock()
"""Connections are opened one at a time: two threads that load the client libraries at once find them half made."""

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The real clock."""
    return datetime.now(UTC)


class Service:
    """The use cases over real trackers, a real database and a clock."""

    def __init__(self, environ: Mapping[str, str], clock: Clock = utc_now) -> None:
        self._environ = environ
        self._clock = clock
        self._wrong: dict[Path, Wrong | None] = {}

    def validate(self, config: Path) -> tuple[Setup | None, tuple[Problem, ...]]:
        """Load the config as the commands that connect do, and look what it selects of what was read.

        Raises nothing for a bad config, nor for a database that is not there.
        """
        loaded = load(config, self._environ, connect=True)
        if loaded.config is None:
            with suppress(InvalidConfig):
                self._wrong[config] = _wrong(self._taken(config, connect=True, last_good=True))
            return None, loaded.problems
        setup = setup_of(loaded.config)
        try:
            with _database(loaded.config) as database, database.read() as connection:
                return setup, warned(loaded, linted(connection, setup, self._clock()))
        except StoreError as error:
            return setup, warned(loaded, (), unasked=str(error))
        except DBAPIError as error:
            return setup, warned(loaded, (), unasked=f"The database failed: {reason(error)}.")

    def plan(self, config: Path) -> Plan:
        """Say what the config would do, without a tracker and without its tokens."""
        known = self._load(config)
        with _database(known) as database, database.read() as connection:
            return Plan(
                plan(
                    connection,
                    _goals(known),
                    {name: each.container_names for name, each in known.sources.items()},
                    self._clock(),
                ),
                next_reads(connection, [_as_written(known, name, each) for name, each in known.sources.items()]),
                "" if database.made else _absent(known),
            )

    def check(self, config: Path, source: str | None) -> list[Checked]:
        """Try the connections, all or one."""
        only = [source] if source else []
        known = self._load(config, connect=True, only=only)
        self._known_sources(known, only)
        chosen = [(name, each) for name, each in known.sources.items() if source in (None, name)]
        pool = ThreadPoolExecutor(max_workers=_CHECKED_AT_ONCE, thread_name_prefix="check")
        try:
            answers = list(pool.map(lambda each: self._checked(*each), chosen))  # a dead one takes its seconds
        except BaseException:  # above all Ctrl-C: nobody waits for the rest
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()
        return answers

    def discover(self, config: Path, source: str) -> Discovered:
        """List what a config may name on a source."""
        known = self._load(config, connect=True, only=[source])
        self._known_sources(known, [source])
        settings = known.sources[source]
        listed = self._listed(source, settings)
        fields = dict(getattr(settings, "fields", {})) if "fields" in type(settings).model_fields else None
        return Discovered(source, _containers_key(settings), settings.container_names, fields, listed)

    def sync(
        self,
        config: Path,
        *,
        only: Sequence[str],
        full: bool,
        dry_run: bool,
        progress: Progress,
        last_good: bool = False,
    ) -> Synced:
        """Do one run of the engine; with `last_good` also while the config is broken, as far as that goes."""
        found = self._taken(config, connect=True, only=only, last_good=last_good)
        known = found.config
        self._known_sources(known, only)
        with _database(known, create=not dry_run) as database:
            if not dry_run:
                keep(database, found.good(), found.wrong, self._clock())
                return replace(self._synced(known, database, progress, only=only, full=full), wrong=_wrong(found))
            with rehearsal(database) as copy:
                did = self._synced(known, copy, progress, only=only, full=full)
                return replace(did, dry_run=True, wrong=_wrong(found))

    def status(self, config: Path, cycle: str | None) -> StatusView:
        known = self._answering(config)
        with _database(known) as database, database.read() as connection:
            try:
                view = status(connection, setup_of(known), self._clock(), cycle)
                return view if database.made else replace(view, absent=_absent(known))
            except KeyError:
                names = ", ".join(each.id for each in known.cycles)
                raise Failure(f"There is no cycle {cycle} in the config; it has {names}.") from None

    def explain(self, config: Path, key_result: str) -> Explained:
        known = self._answering(config)
        setup = self._known_key_result(known, key_result)
        with _database(known) as database, database.read() as connection:
            answer = explain(connection, setup, key_result, self._clock())
        if answer is None:
            raise Failure(f"Nothing feeds {key_result}: write a mapping for it.")
        return answer

    def which(self, config: Path, key: str) -> list[Which]:
        known = self._answering(config)
        with _database(known) as database, database.read() as connection:
            answer = which(connection, setup_of(known), key, self._clock())
        if answer is None:
            raise Failure(f"No ticket called {key} was read: check the spelling, or run `headway sync`.")
        return answer

    def history(self, config: Path, key_result: str) -> list[ShownEntry]:
        known = self._answering(config)
        with _database(known) as database, database.read() as connection:
            if ledger.state_of(connection, key_result) is None:  # a retired one keeps its history
                self._known_key_result(known, key_result)
            return history(connection, key_result)

    def waiting(self, config: Path, key_result: str) -> Waiting | None:
        """Tell why a key result was never measured."""
        known = self._answering(config)
        with _database(known) as database, database.read() as connection:
            return waiting(connection, setup_of(known), key_result, self._clock())

    def verify(self, config: Path) -> Verified:
        known = self._load(config)
        with _database(known) as database, database.read() as connection:
            if not database.made:  # nothing is whole where nothing is: the path may be mistyped
                return Verified(False, 0, GENESIS, problem=_absent(known))
            return verify(connection)

    def connectors(self) -> Mapping[str, type[SourceSettings]]:
        """The settings of every connector that can be used, by name."""
        return _installed()

    def is_set(self, variable: str) -> bool:
        return bool(self._environ.get(variable))

    def today(self, timezone: str) -> date:
        return Calendar(timezone).day_of(self._clock())

    def look(self, draft: SourceDraft, folder: Path) -> Looked:
        """Ask the tracker of a source that no config has yet who asks, and what a config may name.

        Raises Failure when the draft is not fit for that; what the tracker refuses stands in the answer.
        """
        settings, problems = settings_of(draft, _installed()[draft.connector], folder, self._environ)
        if settings is None:
            raise Failure(f"{draft.name}: {'; '.join(problem.message for problem in problems)}")
        checked = self._checked(draft.name, settings)
        return Looked(checked, self._listed(draft.name, settings) if checked.account else ())

    def write_config(self, path: Path, text: str) -> None:
        """Write a new config: whole and without a mistake, or not at all.  Raises Failure, never writes over a file."""
        if path.exists():
            raise Failure(f"{path} is there already and stays as it is: name another file with --output.")
        with TemporaryDirectory(prefix=".headway-", dir=path.parent) as folder:  # on the same disk, so that it can move
            written = Path(folder) / "headway.yaml"
            written.write_text(text, encoding="utf-8")
            loaded = load(written, self._environ, connect=False)
            if loaded.config is None:
                raise InvalidConfig(loaded.problems)
            written.rename(path)

    def try_mappings(self, config: Path, files: Sequence[Path]) -> list[Verdict]:
        """Try the rules of a config on the cases of these files, or of those beside it.  Nothing else is opened."""
        loaded = load(config, self._environ, connect=False, opens=False)
        if loaded.config is None:
            raise InvalidConfig(loaded.problems)
        paths = list(files) or files_beside(config)
        if not paths:
            raise Failure(f"There are no cases beside {config}: write some (docs/testing-mappings.md), or name a file.")
        cases, problems = read_cases(paths, loaded.config)
        if problems:
            raise InvalidConfig(problems, "The cases have")
        return [tried(loaded.config.rules[case.key_result], case) for case in cases]

    def schema(self, *, team: bool) -> dict[str, Any]:
        """Return the JSON Schema of the config, with the sources of every connector that is installed."""
        from config.json_schema import document_schema, team_schema  # pydantic's own generator loads slowly

        return team_schema() if team else document_schema(_installed())

    def upgrade(self, config: Path) -> None:
        upgrade(self._load(config).database)

    def demo(self, folder: Path, *, once: bool, progress: Progress, tell: Callable[[Demo], None]) -> None:
        """Run the emulated trackers, let their team work, and tell what moved."""
        from sandbox.clock import SimulatedClock
        from sandbox.company import build as build_company
        from sandbox.scenario import config_text, environment
        from sandbox.server import Sandbox
        from sandbox.team import work

        clock = SimulatedClock(utc_now() - timedelta(weeks=_DEMO_WEEKS), latest=utc_now)
        with Sandbox(build_company(seed=1, now=clock.now(), clock=clock)) as trackers:
            config = _demo_config(folder, config_text(trackers.urls, clock.now()))
            service = Service(environment(trackers.tokens), clock.now)
            sync = partial(service.sync, config, only=(), full=False, dry_run=False, progress=progress)
            _all_read(sync().report)
            before: StatusView | None = service.status(config, None)
            work(trackers.world, days=7 * _DEMO_WEEKS, seed=1)
            variables = () if once else tuple(environment(trackers.tokens).items())  # of use while the trackers run
            while True:
                report = sync().report
                _all_read(report)
                after = service.status(config, None)
                tell(Demo(config, before, after, service.moved(config, report), _program(self._environ), variables))
                if once:
                    return
                before = None  # told once
                time.sleep(_DEMO_PAUSE)
                work(trackers.world, days=1, seed=int(time.monotonic() * 1000))

    def moved(self, config: Path, report: Report) -> tuple[DemoUpdate, ...]:
        """Tell a report's updates with the tickets that caused them, in the order of the config."""
        known = self._load(config)
        updates = {each.key_result: each for each in report.updates}
        with _database(known) as database, database.read() as connection:
            entries = shown(connection, report.entries)
        return tuple(
            _demo_update(updates[each.id], each.title, entries) for each in known.key_results if each.id in updates
        )

    def wrong(self, config: Path) -> Wrong | None:
        """Tell what is wrong with the config that the last answer came from; None when nothing is."""
        return self._wrong.get(config)

    def _answering(self, config: Path) -> Config:
        """Load the config for an answer; where it is broken, as the runs have it meanwhile."""
        self._wrong.pop(config, None)
        found = self._taken(config, last_good=True)
        self._wrong[config] = _wrong(found)
        return found.config

    def _load(self, config: Path, *, connect: bool = False, only: Sequence[str] = ()) -> Config:
        return self._taken(config, connect=connect, only=only).config

    def _taken(
        self, config: Path, *, connect: bool = False, only: Sequence[str] = (), last_good: bool = False
    ) -> Taken:
        """Load the config, with `last_good` also a broken one.  Raises InvalidConfig."""
        try:
            return taken(config, Terms(self._environ, connect, only), _recall if last_good else None)
        except Broken as error:
            raise InvalidConfig(error.problems, hint=str(error)) from None

    def _synced(
        self, known: Config, database: Database, progress: Progress, *, only: Sequence[str], full: bool
    ) -> Synced:
        engine = self._engine(known, database, progress)
        report = engine.sync(only=only, full=full)
        with database.read() as connection:
            return Synced(report, gaps(connection, setup_of(known), self._clock(), engine.cache.of))

    def _engine(self, known: Config, database: Database, progress: Progress) -> Engine:
        return Engine(
            database=database,
            sources=[_to_read(known, name, each) for name, each in known.sources.items()],
            goals=_goals(known),
            still=standing(known.quarantine) if sure(known.quarantine) else None,
            clock=self._clock,
            progress=progress,
            version=version_of("headway"),
            debug=lambda source, error: self._debug(source, known.sources[source], error),
        )

    def _listed(self, name: str, settings: SourceSettings) -> tuple[Listed, ...]:
        """List what a config may name.  Raises Failure."""
        try:
            with closing(_connect(settings)) as connector:
                return tuple(connector.discover())
        except ConnectorError as error:
            raise Failure(f"{name}: {error}") from None
        except Exception as error:  # of a connector, which may be anybody's: its words may quote a token
            self._debug(name, settings, error)
            sentence = f"Listing it failed unexpectedly ({type(error).__name__}). {AUTHORS_HELP}"
            raise Failure(f"{name}: {sentence}") from None

    def _checked(self, name: str, settings: SourceSettings) -> Checked:
        """Try one connection; whatever goes wrong with it, the other sources are to be told, too."""
        try:
            with closing(_connect(settings)) as connector:
                return self._tried(name, settings, connector)
        except ConnectorError as error:
            failed = str(error)
        except Exception as error:  # of a connector, which may be anybody's: its words may quote a token
            self._debug(name, settings, error)
            failed = f"Checking it failed unexpectedly ({type(error).__name__}). {AUTHORS_HELP}"
        return Checked(name, settings.connector, None, failed, self._clock())

    def _tried(self, name: str, settings: SourceSettings, connector: Connector) -> Checked:
        account, failed = None, None
        try:
            account = connector.check()
        except ConnectorError as error:
            failed = str(error)
        now = self._clock()
        skew = None if connector.told is None else now - connector.told
        return Checked(name, settings.connector, account, failed, now, connector.quota, skew)

    def _debug(self, name: str, settings: SourceSettings, error: Exception) -> None:
        """Show on stderr where a connector failed, when HEADWAY_DEBUG asks for it: without the source's secrets."""
        if self._environ.get("HEADWAY_DEBUG"):
            lines = [f"{name}: {type(error).__name__}", *traced(error, secrets_of(settings))]
            sys.stderr.write("".join(f"{harmless(line, 1000)}\n" for line in lines))

    def _known_sources(self, known: Config, names: Sequence[str]) -> None:
        for name in names:
            if name not in known.sources:
                raise Failure(f"There is no source {name} in the config; it has {', '.join(known.sources) or 'none'}.")

    def _known_key_result(self, known: Config, name: str) -> Setup:
        setup = setup_of(known)
        if setup.key_result(name) is None:
            if told := message_for(known.quarantine, name):
                raise Failure(f"{told} `headway history {name}` shows what is recorded of it.")
            raise Failure(_no_key_result(name, [each.id for each in setup.key_results]))
        return setup


def _no_key_result(name: str, known: Sequence[str]) -> str:
    """Name the ids that may have been meant: the nearest, or all where they are few."""
    near = get_close_matches(name, known, cutoff=0.5)
    if near:
        remedy = f"did you mean {' or '.join(near)}?"
    elif len(known) <= _FEW:
        remedy = f"it has {', '.join(known) or 'none'}."
    else:
        remedy = "`headway status` lists them with their ids."
    return f"There is no key result {name} in the config: {remedy}"


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
        quarantine=known.quarantine,
    )


def _goals(known: Config) -> list[Goal]:
    """The key results to record, with their rules: all but those that stand still, or may do so."""
    still, certain = standing(known.quarantine), sure(known.quarantine)
    return [
        Goal(each, known.rules.get(each.id), known.calendar)
        for each in known.key_results
        if each.id not in still and (certain or each.id in known.rules)
    ]


def _as_written(known: Config, name: str, settings: SourceSettings) -> SourceToRead:
    """A source that nobody connects to: an address that is a placeholder still may be any."""
    source = _to_read(known, name, settings)
    return replace(source, demand=replace(source.demand, site="")) if "${" in settings.site else source


def _to_read(known: Config, name: str, settings: SourceSettings) -> SourceToRead:
    demand = Demand(site=settings.site, shaping=settings.shaping)
    for rule in known.rules.values():
        demand = demand.union(demand_of(rule, name))
    connect = _closed if name in known.closed else partial(_connect, settings)
    return SourceToRead(name, settings.container_names, connect, demand)


def _installed() -> dict[str, type[SourceSettings]]:
    """The settings of all connectors.  A broken one breaks no other; `validate` tells of it where a config names it."""
    found = {}
    for name in registry.names():
        with suppress(registry.Unusable):
            found[name] = registry.find(name).settings
    return found


def _connect(settings: SourceSettings) -> Connector:
    with _OPENING:
        return Patient(registry.find(settings.connector).connect(settings))


def _closed() -> Connector:
    raise Stop("Its secret stood in the config in plain, so it is not kept: correct the config to read on.")


def _containers_key(settings: SourceSettings) -> str | None:
    """Return the key under which a source lists its containers, as `projects`; None where none does, as with a file."""
    fields = type(settings).model_fields.items()
    names = settings.container_names
    return next((field.alias or key for key, field in fields if getattr(settings, key) == names), None)


def _recall(url: str) -> tuple[Kept, ...]:
    """Return the last good config; nothing where the database cannot be asked: whoever opens it next is told why."""
    try:
        with closing(open_database(url, create=False)) as database:
            return kept(database)
    except (StoreError, DBAPIError):
        return ()


def _wrong(found: Taken) -> Wrong | None:
    return Wrong(found.problems, found.config.quarantine) if found.config.quarantine else None


@contextmanager
def _database(known: Config, *, create: bool = False) -> Iterator[Database]:
    database = open_database(known.database, create=create)
    try:
        yield database
    finally:
        database.close()


def _absent(known: Config) -> str:
    return f"There is no database at {place_of(known.database)} yet: run `headway sync`."


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


def _demo_config(folder: Path, text: str) -> Path:
    """Write the demo's config over the last one, and begin with an empty database.

    Raises Failure for a folder with a config or database that no demo wrote.
    """
    marker = folder / _DEMO_MARKER
    if not marker.exists() and any((folder / name).exists() for name in ("headway.yaml", "headway.db")):
        raise Failure(f"{folder} holds a config or database of yours: name another one with --folder.")
    folder.mkdir(parents=True, exist_ok=True)
    marker.write_text("What lies here was made by `headway demo`, which begins anew each time.\n", encoding="utf-8")
    for name in ("headway.db", "headway.db-wal", "headway.db-shm"):
        (folder / name).unlink(missing_ok=True)
    path = folder / "headway.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def _demo_update(update: KeyResultUpdate, title: str, entries: Sequence[ShownEntry]) -> DemoUpdate:
    causes = [cause for entry in entries if entry.entry.key_result == update.key_result for cause in entry.causes]
    return DemoUpdate(
        key_result=update.key_result,
        title=title,
        old=update.old,
        new=update.new,
        sources=tuple(sorted({cause.cause.source for cause in causes if cause.cause.source})),
        tickets=tuple(dict.fromkeys((cause.item.key, cause.item.title) for cause in causes if cause.item)),
    )


def run(arguments: Sequence[str], service: Service) -> int:
    """Run one command.  Every failure becomes a sentence on stderr and an exit code; no traceback reaches a user."""
    app = commands.build(service, version_of("headway"))
    try:
        code = app(args=list(arguments), prog_name="headway", standalone_mode=False)
    except Abort:  # Ctrl-C, or the end of what is typed, where a question waits
        code = INTERRUPTED
    except Exception as error:
        return _complain(error)
    if code == INTERRUPTED:  # Typer's answer to Ctrl-C
        return _say("Interrupted; nothing is half-written.", INTERRUPTED)
    return code if isinstance(code, int) else 0


def _complain(error: Exception) -> int:
    match error:
        case Failure():
            commands.complain(error, Out().aside)
            return error.code
        case StoreError():
            return _say(str(error))
        case DBAPIError():
            return _say(f"The database failed: {reason(error)}. Nothing is half-written; try again.")
        case OSError():
            return _say(f"{error.strerror or 'The system refused something'}: {error.filename or ''}".rstrip(": "))
    if hasattr(error, "show") and hasattr(error, "exit_code"):  # a usage error, of a class Typer keeps to itself
        error.show()
        option = getattr(error, "option_name", None)
        hint = f"{option} stands before the command, as in: {commands.EXAMPLE}"
        return _say(hint, error.exit_code) if option in commands.BEFORE_THE_COMMAND else int(error.exit_code)
    if os.environ.get("HEADWAY_DEBUG"):
        raise error
    return _say(
        f"Something unexpected happened ({type(error).__name__}). HEADWAY_DEBUG=1 shows where; please report it."
    )


def _say(sentence: str, code: int = 1) -> int:
    Out().aside.print(f"headway: {harmless(sentence, 1000)}")
    return code


def command(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the `headway` command on the real world.  Returns its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a sign shows another one
    return run(arguments, Service(environ))
