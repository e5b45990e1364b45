"""All of a poll that finds ten moved tickets of a million.  `python -m bench.polling`

First as `serve` does it, in a process that is warm, with a tracker in memory: what is left is the database and the
evaluation.  Then as one command, whose tracker is the sandbox: beside it, a process that only imports what the command
needs.
"""

import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench import asking, company
from bench.measuring import on_a_database, timed
from bench.mirror import HEADWAY
from connectors.contract import Connector, Container, Cursor, Demand, Page
from connectors.plain import Plain
from connectors.settings import SourceSettings
from mapping.rule import Rule
from okrs.cycle import Calendar
from okrs.numbers import rounded
from okrs.objective import KeyResult, Numeric
from okrs.work import WorkItem
from sandbox.clock import RealClock
from sandbox.records import Item
from sandbox.server import Sandbox
from sandbox.world import World
from store.database import Database, open_database
from sync.deciding import Goal
from sync.engine import Engine
from sync.task import Progress, SourceToRead
from usecases.ground import Ground

MOST_MILLISECONDS, MOST_TIMES, MOST_SECONDS_MORE, MOST_MB = 30, 1.5, 0.3, 150
TICKETS, COMMANDS = 10, 5
PROJECTS = tuple(f"P{number}" for number in range(company.PROJECTS))


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
    missed = [_warm(url, items), _command(folder, items)]
    return float(any(missed))


def _warm(url: str, items: int) -> bool:
    database, now = open_database(url, create=True), company.NOW
    timed("mirror filled", lambda: company.build(database, items, now=now))
    timed("first record of every key result", engine_of(database, Memory(), lambda: now).sync)
    database.close()
    # In a process of its own, as `serve` is one that did not just fill a mirror.
    words = [sys.executable, "-m", "bench.warm", url, str(items)]
    told = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout
    found = float(told)
    print(f"{items} items, {TICKETS} moved: a poll in a warm process {found:.1f} ms, at most {MOST_MILLISECONDS}")
    return found > MOST_MILLISECONDS


def engine_of(database: Database, tracker: Connector, clock: Callable[[], datetime]) -> Engine:
    """Return an engine that measures the company by what a tracker says."""
    return Engine(database, [source_of(tracker)], _goals(), clock, Progress(), "bench", large=0)


def source_of(tracker: Connector) -> SourceToRead:
    return SourceToRead(company.SOURCE, PROJECTS, lambda: tracker, company.DEMAND, "jira", "bench")


def _goals() -> list[Goal]:
    return [goal_of(f"kr-{at:04}", company.rule_of(each)) for at, each in enumerate(company.questions())]


def goal_of(name: str, rule: Rule) -> Goal:
    return Goal(KeyResult(name, "o", "c", "Title", Numeric(rounded(0), rounded(100))), rule, Calendar())


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


if __name__ == "__main__":
    sys.exit(on_a_database(__doc__, measure, 0))
