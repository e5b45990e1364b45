"""All of a poll that finds ten moved tickets of a million.  `python -m bench.polling`

First as `serve` does it, in a process that is warm, with a tracker in memory: what is left is the database and the
evaluation.  Then as one command, whose tracker is the sandbox: beside it, a process that only imports what the command
needs.  Then a year of one large key result, of which the size of the ledger is told.
"""

import gc
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from sqlalchemy import text

from bench import asking, company
from bench.measuring import on_a_database, timed
from bench.mirror import HEADWAY
from connectors.contract import Connector, Container, Cursor, Demand, Page
from connectors.plain import Plain
from connectors.settings import SourceSettings
from mapping.rule import AllOf, Measure, Part, Rule
from okrs.cycle import Calendar, Period
from okrs.numbers import rounded
from okrs.objective import KeyResult, Numeric
from okrs.work import State, WorkItem
from sandbox.clock import RealClock
from sandbox.records import Item
from sandbox.server import Sandbox
from sandbox.world import World
from store.database import Database, open_database
from sync.deciding import Goal
from sync.engine import Engine
from sync.task import Progress, SourceToRead
from usecases.ground import Ground

MOST_MILLISECONDS, MOST_TIMES, MOST_SECONDS_MORE, MOST_MB, MOST_LEDGER_MB = 30, 1.5, 0.3, 150, 10
TICKETS, ROUNDS, COMMANDS = 10, 11, 5
LARGE, DAYS = 20_000, 365
PROJECTS = tuple(f"P{number}" for number in range(company.PROJECTS))
TABLES = ("ledger_entry", "ledger_delta", "evidence")


@dataclass
class Memory(Plain):
    """A tracker that answers at once: what was touched since the last poll, by project."""

    touched: list[WorkItem] = field(default_factory=list)

    def containers(self) -> Sequence[Container]:
        return [Container(name, name, name) for name in PROJECTS]

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:  # noqa: ARG002 - the protocol's
        return Page(tuple(each for each in self.touched if each.projects[0].id == container.id))

    def close(self) -> None:
        pass


def measure(url: str, items: int) -> float:
    """Print the figures; return 0 when no limit is missed, else 1."""
    folder = Path(url.removeprefix("sqlite:///")).parent
    missed = [_warm(url, items), _command(folder, items), _year(f"sqlite:///{folder / 'year.db'}")]
    return float(any(missed))


def _warm(url: str, items: int) -> bool:
    database, now = open_database(url, create=True), company.NOW
    timed("mirror filled", lambda: company.build(database, items, now=now))
    tracker, clock = Memory(), [now]
    engine = Engine(database, [_source(tracker)], _goals(), lambda: clock[0], Progress(), "bench", large=0)
    timed("first record of every key result", engine.sync)
    waiting = (company.item_of(each) for each in company.tickets(items) if not each.state.closed)
    took = [_poll(engine, tracker, clock, waiting) for _ in range(ROUNDS + 1)][1:]  # the first one warms
    found = 1000 * statistics.median(took)
    print(f"{items} items, {TICKETS} moved: a poll in a warm process {found:.1f} ms, at most {MOST_MILLISECONDS}")
    database.close()
    return found > MOST_MILLISECONDS


def _source(tracker: Memory) -> SourceToRead:
    return SourceToRead(company.SOURCE, PROJECTS, lambda: tracker, company.DEMAND, "jira", "bench")


def _goals() -> list[Goal]:
    return [_goal(f"kr-{at:04}", company.rule_of(each)) for at, each in enumerate(company.questions())]


def _goal(name: str, rule: Rule) -> Goal:
    return Goal(KeyResult(name, "o", "c", "Title", Numeric(rounded(0), rounded(100))), rule, Calendar())


def _poll(engine: Engine, tracker: Memory, clock: list[datetime], waiting: Iterator[WorkItem]) -> float:
    clock[0] += timedelta(minutes=5)
    done = {"state": State.DONE, "status": "Done", "closed_at": clock[0], "updated_at": clock[0]}
    tracker.touched = [replace(each, **done) for each in islice(waiting, TICKETS)]  # type: ignore[arg-type] # as named
    gc.collect()
    begun = time.perf_counter()
    report = engine.sync()
    took = time.perf_counter() - begun
    if report.sources[0].changed != TICKETS or not report.updates:
        raise SystemExit(f"the poll was to find {TICKETS} tickets: {report.sources[0]}")
    return took


# --- one command -------------------------------------------------------------------------------------------------


def _command(folder: Path, items: int) -> bool:
    world = World(RealClock())
    with Sandbox(world, tokens={"jira": asking.TOKEN["BENCH_TOKEN"]}) as sandbox:
        for name in PROJECTS:
            world.add_project("jira", name, name)
        questions = company.questions()
        config = asking.written(folder, f"sqlite:///{folder / 'command.db'}", questions)
        told = config.read_text(encoding="utf-8").replace("https://acme.example", sandbox.urls["jira"])
        config.write_text(told, encoding="utf-8")
        ids = {each.key: str(each.id) for each in world.projects}
        database = open_database(f"sqlite:///{folder / 'command.db'}", create=True)
        company.build(database, items, ids, datetime.now(UTC), _demanded(config))
        database.close()
        moving = _tickets(world)  # behind the mirror's time: older ones would be looked for everywhere else, too
        words = [str(HEADWAY), "-c", str(config), "sync"]
        timed("first sync of the command", lambda: _run(words))
        needed = _needed(folder, words[1:])
        ours, bare = list[tuple[float, float]](), list[tuple[float, float]]()
        for _ in range(COMMANDS):
            for each in moving:
                world.reopen(each) if each.closed else world.close(each)
            ours.append(_run(words))
            bare.append(_run([sys.executable, "-c", _IMPORTING, str(needed)]))
    took, imports = (statistics.median(seconds for seconds, _ in each) for each in (ours, bare))
    peak = max(megabytes for _, megabytes in ours)
    most = MOST_TIMES * imports + MOST_SECONDS_MORE
    print(f"as one command {took:.2f} s, at most {most:.2f}: only importing what it needs takes {imports:.2f} s")
    print(f"peak memory {peak:.0f} MB, at most {MOST_MB}")
    return took > most or peak > MOST_MB


def _demanded(config: Path) -> Demand:
    """Return what the command asks of the tracker, so that it need not read all of it again."""
    ground = Ground(asking.TOKEN, lambda: datetime.now(UTC), _nobody)
    return ground.to_read(ground.load(config), company.SOURCE).demand


def _nobody(_settings: SourceSettings) -> Connector:
    raise SystemExit("nothing is to be read for this")


def _tickets(world: World) -> list[Item]:
    person = world.add_user("Ada", "ada")
    return [
        world.create(world.project(PROJECTS[at]), f"Ticket {at}", "Task", labels=(f"kr-{at}",), assignee=person)
        for at in range(TICKETS)
    ]


def _needed(folder: Path, arguments: list[str]) -> Path:
    """Run the command in a process that notes which modules it loaded."""
    found = folder / "modules"
    script = (
        "import sys, os, service\n"
        f"service.command({arguments!r}, os.environ)\n"
        f"open({str(found)!r}, 'w').write('\\n'.join(name for name in sys.modules if name != '__main__'))\n"
    )
    _run([sys.executable, "-c", script])
    return found


_IMPORTING = """import sys
for name in open(sys.argv[1]):
    try:
        __import__(name.strip())
    except ImportError:  # some name themselves otherwise than they are found
        pass
"""


def _run(words: list[str]) -> tuple[float, float]:
    seconds, peak, code = asking.process(words)
    if code:
        raise SystemExit(f"{' '.join(words)} ended with {code}")
    return seconds, peak


# --- a year ------------------------------------------------------------------------------------------------------


def _year(url: str) -> bool:
    """Let a key result of many tickets live a year, every day of which some of them are closed."""
    database, clock = open_database(url, create=True), [datetime(2026, 1, 1, 12, tzinfo=UTC)]
    company.build(database, LARGE, now=clock[0])
    period = Period(clock[0] - timedelta(days=1), clock[0] + timedelta(days=DAYS + 30))
    tracker = Memory()
    goal = _goal("large", Rule((Part(company.SOURCE, AllOf(()), Measure.PERCENT),), period))
    engine = Engine(database, [_source(tracker)], [goal], lambda: clock[0], Progress(), "bench", large=0)
    engine.sync()
    begun = _size(database)
    alive = [company.item_of(each) for each in company.tickets(LARGE) if not each.state.closed]
    a_day = -(-len(alive) // DAYS)
    for day in range(DAYS):
        clock[0] += timedelta(days=1)
        done = {"state": State.DONE, "status": "Done", "closed_at": clock[0], "updated_at": clock[0]}
        tracker.touched = [replace(each, **done) for each in alive[day * a_day : (day + 1) * a_day]]  # type: ignore[arg-type] # as named
        engine.sync()
    ended = _size(database)
    print(f"a year of one key result over {LARGE} tickets, of which {a_day} are closed a day:", end=" ")
    print(f"its ledger grows from {begun:.1f} to {ended:.1f} MB, at most {MOST_LEDGER_MB}")
    database.close()
    return ended > MOST_LEDGER_MB


def _size(database: Database) -> float:
    """Megabytes of the ledger's tables with their indexes."""
    asked = text(f"SELECT sum(pgsize) FROM dbstat JOIN sqlite_master USING (name) WHERE tbl_name IN {TABLES}")
    with database.read() as connection:
        return float(connection.execute(asked).scalar_one()) / 1e6


if __name__ == "__main__":
    sys.exit(on_a_database(__doc__, measure, 0))
