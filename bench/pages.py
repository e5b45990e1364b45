"""What the pages take while a sync runs and eight people read.  `python -m bench.pages [--items N] [--entries M]`

1,000 key results in 40 objectives of 8 teams, a mirror, and a ledger that moved for seven weeks.  A process of its own
serves the pages and reads, one poll after another, a tracker that takes its time and of which ten tickets moved.  Eight
readers ask for the overview and for key results: first each for the next page as soon as it has the last one, which is
told, then each after it has looked at a page for a second, which the limit is for.  What is told is the time of the
server, from a request's arrival to the last byte of its answer, and how many bytes a first visit loads.
"""

import argparse
import http.client
import json
import random
import re
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from sqlalchemy import update

from bench import company
from bench.measuring import as_the_command_does, timed
from bench.polling import PROJECTS, Memory
from connectors.contract import Container, Cursor, Demand, Page
from mapping.attribution import Evidence
from okrs.cycle import Calendar, Cycle
from okrs.immutable import replace
from okrs.ledger import CauseKind, Delta, Entry, EntryKind
from okrs.numbers import rounded
from okrs.objective import KeyResult, Numeric, Objective
from okrs.progress import Pace
from okrs.work import State, WorkItem
from store.database import Database, open_database
from store.ledger import Head, evidence_of, head_of, put_entries, state_of
from store.tables import container, key_result, ledger_head
from store.views.setup import Setup, SourceSetup
from sync.deciding import Goal
from sync.engine import Engine
from sync.task import Progress, SourceToRead
from usecases.pages import ports_of
from web import app

MOST_MILLISECONDS, MOST_BYTES = 100, 300_000
READERS, PAGES, WARM = 8, 800, 80
LOOKED_AT, LOOKS = 1.0, 320
"""Seconds that a person looks at a page, and how many are looked at in all."""
_AT_ONCE = 5000
OBJECTIVES, TEAMS = 40, 8
WEEKS = timedelta(weeks=7)
ANSWERS_AFTER = 0.3
"""Seconds that the tracker takes for a page."""
NAMES = [f"kr-{number:04}" for number in range(company.GOALS)]


def setup() -> Setup:
    """The company's objectives, key results and rules, as the config would give them."""
    quarter = Cycle("2026-Q4", date(2026, 10, 1), date(2026, 12, 31))
    rules = {name: company.rule_of(each) for name, each in zip(NAMES, company.questions(), strict=True)}
    return Setup(
        calendar=Calendar("UTC"),
        pace=Pace(),
        cycles=(quarter,),
        sources=(SourceSetup(company.SOURCE, "jira", PROJECTS, timedelta(minutes=5)),),
        objectives=tuple(
            Objective(f"o-{at}", quarter.id, f"Objective {at}", f"o{at}@acme.example", f"team {at % TEAMS}")
            for at in range(OBJECTIVES)
        ),
        key_results=tuple(
            KeyResult(name, f"o-{at % OBJECTIVES}", quarter.id, f"Key result {at} that says what is better then",
                      Numeric(rounded(0), rounded(1000)))
            for at, name in enumerate(NAMES)
        ),
        rules=rules,
    )  # fmt: skip


@dataclass
class Slow(Memory):
    """A tracker that takes its time to answer."""

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        time.sleep(ANSWERS_AFTER)
        return super().changed(container, cursor, demand)


@dataclass
class Clock:
    now: datetime
    began: float = field(default_factory=time.monotonic)

    def __call__(self) -> datetime:
        return self.now + timedelta(seconds=time.monotonic() - self.began)


def engine_of(database: Database, tracker: Memory, clock: Clock) -> Engine:
    known = setup()
    goals = [Goal(each, known.rules[each.id], known.calendar) for each in known.key_results]
    source = SourceToRead(company.SOURCE, PROJECTS, lambda: tracker, company.DEMAND, "jira", "bench")
    return Engine(database, [source], goals, clock, Progress(), "bench", large=0)


# --- the ledger --------------------------------------------------------------------------------------------------


def fill(database: Database, entries: int) -> None:
    """Let every key result move for seven weeks: tickets are reopened and closed again, each in an entry of its own."""
    with database.read() as connection:
        states = {name: state for name in NAMES if (state := state_of(connection, name)) is not None}
        lines = {name: [each for each in evidence_of(connection, name) if each.amount] for name in states}
        head = head_of(connection)
    names = [name for name in states if lines[name]]
    many = max(1, entries // len(names) // 2) * 2 * len(names)  # all ends as it began, as the engine will find it
    moving = cycle(names)
    values, turns = {name: state.value or rounded(0) for name, state in states.items()}, Counter[str]()
    fresh: list[Entry] = []
    for number in range(many):
        name = next(moving)
        at = company.NOW - WEEKS + number * WEEKS / (many + 1)
        line, again = lines[name][turns[name] // 2 % len(lines[name])], bool(turns[name] % 2)
        after = values[name] + (rounded(1) if again else -rounded(1))
        delta = _delta(line, after - values[name], again=again)
        entry = Entry(head.seq + 1, name, at, EntryKind.AUTO, values[name], after, None, states[name].rule,
                      prev=head.hash, deltas=(delta,)).sealed()  # fmt: skip
        values[name], head = after, Head(entry.seq, entry.hash)
        turns[name] += 1
        fresh.append(entry)
        if len(fresh) == _AT_ONCE:
            _written(database, fresh, head)
            fresh = []
    _written(database, fresh, head)


def _delta(line: Evidence, by: Decimal, *, again: bool) -> Delta:
    """A ticket that is reopened, or closed `again`."""
    amounts = (rounded(0), line.amount) if again else (line.amount, rounded(0))
    cause = CauseKind.CLOSED if again else CauseKind.REOPENED
    old, new = amounts
    return Delta(line.part, line.source, line.item, line.version, line.weight, old, line.weight, new, cause, by)


def _written(database: Database, entries: Sequence[Entry], head: Head) -> None:
    with database.write() as connection:
        put_entries(connection, entries)
        connection.execute(update(ledger_head).values(seq=head.seq, hash=head.hash))
        for each in {each.key_result: each for each in entries}.values():
            mine = update(key_result).where(key_result.c.id == each.key_result)
            connection.execute(mine.values(seq=each.seq, value=each.new))


def _look_no_further(database: Database) -> None:
    """Have each project as if it was counted and read anew last night: the polls that people wait beside are others."""
    last = company.NOW - timedelta(hours=10)
    with database.write() as connection:
        connection.execute(update(container).values(census_at=last, wide_at=last, full_at=last))


# --- the server --------------------------------------------------------------------------------------------------


class Timed:
    """Takes the time of every answer."""

    def __init__(self, site: Any) -> None:  # noqa: ANN401 - an ASGI application
        self._site, self.took = site, defaultdict[str, list[float]](list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        begun = time.perf_counter()
        await self._site(scope, receive, send)
        if scope["type"] == "http":
            self.took[scope["path"]].append(time.perf_counter() - begun)


def serve(url: str, items: int) -> None:
    """Serve the pages and read, until nobody is there any more; then tell the times as JSON."""
    as_the_command_does()
    database, clock, tracker = open_database(url, create=False, mapped=True), Clock(company.NOW), Slow()
    engine, known = engine_of(database, tracker, clock), setup()
    engine.sync()
    site = Timed(app.build(ports_of(database, lambda: known, clock)))
    config = uvicorn.Config(site, port=0, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    reading, polls = threading.Event(), [0]

    def sync() -> None:
        waiting = (company.item_of(each) for each in company.tickets(items) if not each.state.closed)
        while not reading.is_set():
            _touched(tracker, waiting, clock())
            engine.sync()
            polls[0] += 1

    reader = threading.Thread(target=sync)
    reader.start()
    for line in sys.stdin:
        if line.strip() == "end":
            break
        print(json.dumps({"took": site.took, "polls": polls[0]}), flush=True)
        site.took.clear()
        polls[0] = 0
    reading.set()
    reader.join()
    server.should_exit = True
    thread.join()
    database.close()


def _touched(tracker: Memory, waiting: Iterator[WorkItem], now: datetime) -> None:
    done = {"state": State.DONE, "status": "Done", "closed_at": now, "updated_at": now}
    tracker.touched = [replace(each, **done) for each in islice(waiting, 10)]  # type: ignore[arg-type] # as named


# --- the readers -------------------------------------------------------------------------------------------------


@contextmanager
def served(url: str, items: int) -> Iterator[tuple[subprocess.Popen[str], int]]:
    words = [sys.executable, "-m", "bench.pages", "--serve", url, "--items", str(items)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield running, int(running.stdout.readline() if running.stdout else "")
        finally:
            running.kill()


def read(port: int, paths: Sequence[str], looked_at: float) -> None:
    dice = random.Random(repr(paths))
    time.sleep(looked_at * dice.random())  # they do not come all at once
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
        for path in paths:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise SystemExit(f"{path}: {answer.status}")
            time.sleep(looked_at * dice.uniform(0.5, 1.5))


def first_load(port: int) -> int:
    """Bytes of the overview with all that it loads, as they go over the wire to a new visitor."""
    total = 0
    waiting, seen = ["/"], set[str]()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
        while waiting:
            path = waiting.pop()
            seen.add(path)
            connection.request("GET", path)
            body = connection.getresponse().read()
            total += len(body)
            if path == "/":
                found = re.findall(r'<link[^>]+href="([^"]+)"|<(?:script|img)[^>]+src="([^"]+)"', body.decode())
                waiting += [
                    one for pair in found for one in pair if one and not urlsplit(one).netloc and one not in seen
                ]
    return total


def measure(url: str, items: int, entries: int) -> bool:
    """Print the figures; tell whether a limit is missed."""
    database = open_database(url, create=True)
    timed("mirror filled", lambda: company.build(database, items, now=company.NOW - WEEKS))
    timed("first record of every key result", engine_of(database, Memory(), Clock(company.NOW - WEEKS)).sync)
    timed(f"{entries} entries written", lambda: fill(database, entries))
    _look_no_further(database)
    database.close()
    with served(url, items) as (running, port):
        _ask(port, _paths(WARM), 0)
        _told(running)
        loaded = first_load(port)
        _told(running)
        begun = time.perf_counter()
        _ask(port, _paths(PAGES), 0)
        took = time.perf_counter() - begun
        told = _told(running)
        print(f"{PAGES / took:.0f} pages a second to {READERS} readers, {told['polls']} polls meanwhile", flush=True)
        _late(told["took"])
        _ask(port, _paths(LOOKS), LOOKED_AT)
        told = _told(running)
        print(f"{READERS} readers who look at each page for {LOOKED_AT:.0f} s, {told['polls']} polls meanwhile")
        missed = _late(told["took"])
    print(f"first load {loaded / 1000:.0f} kB, at most {MOST_BYTES // 1000}")
    return missed or loaded > MOST_BYTES


def _told(running: subprocess.Popen[str]) -> Any:  # noqa: ANN401 - JSON
    """Return what the server has to tell since it was asked last."""
    if running.stdin is None or running.stdout is None:
        raise SystemExit("the server has no pipes")
    running.stdin.write("tell\n")
    running.stdin.flush()
    return json.loads(running.stdout.readline())


def _late(took: dict[str, list[float]]) -> bool:
    """Print what pages took, and tell whether too many took too long."""
    others = [one for path, some in took.items() if path.startswith("/key-results/") for one in some]
    kinds = {"overview": took["/"], "key result": others}
    missed = False
    for name, some in kinds.items():
        middle, late = 1000 * statistics.median(some), 1000 * statistics.quantiles(some, n=20)[-1]
        missed = missed or late > MOST_MILLISECONDS
        limit = f"at most {MOST_MILLISECONDS}"
        print(f"{name}: {len(some)} pages, median {middle:.0f} ms, p95 {late:.0f} ms, {limit}")
    return missed


def _paths(many: int) -> list[str]:
    """Half of the pages are the overview."""
    dice = random.Random(many)
    return ["/" if dice.random() < 0.5 else f"/key-results/{dice.choice(NAMES)}" for _ in range(many)]


def _ask(port: int, paths: Sequence[str], looked_at: float) -> None:
    with ThreadPoolExecutor(READERS) as pool:
        list(pool.map(lambda at: read(port, paths[at::READERS], looked_at), range(READERS)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--entries", type=int, default=200_000)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.serve, chosen.items)
        return 0
    with TemporaryDirectory() as folder:
        return int(measure(f"sqlite:///{Path(folder) / 'headway.db'}", chosen.items, chosen.entries))


if __name__ == "__main__":
    sys.exit(main())
