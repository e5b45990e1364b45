"""A year of one large key result, and how much its ledger grows.  `python -m bench.year [--items N] [--days D]`

A key result counts what percentage of its tickets is done; every day some more of them are closed, until all are.  The
tracker in memory shows all its tickets whenever it is asked for them, so that the nightly census and the weekly
complete read see what they would see.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import text

from bench import company
from bench.polling import PROJECTS, goal_of, source_of
from connectors.contract import Container, Cursor, Demand, Page
from connectors.plain import Plain
from mapping.rule import AllOf, Measure, Part, Rule
from okrs.cycle import Period
from okrs.immutable import replace
from okrs.work import State, WorkItem
from store.database import Database, open_database
from store.views.verify import verify
from sync.engine import Engine
from sync.task import Outcome, Progress

MOST_MB = 10
TABLES = ("ledger_entry", "ledger_delta", "evidence")


@dataclass
class Shelf(Plain):
    """A tracker that holds its tickets by container and id."""

    items: dict[str, dict[str, WorkItem]] = field(default_factory=lambda: defaultdict(dict))

    def put(self, item: WorkItem) -> None:
        self.items[company.home_of(item)][item.id] = item

    def containers(self) -> Sequence[Container]:
        return [Container(name, name, name) for name in PROJECTS]

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:  # noqa: ARG002 - the protocol's
        every, since = self.items[container.id].values(), cursor.since
        return Page(tuple(every if since is None else (one for one in every if (one.updated_at or since) >= since)))


def live(url: str, items: int, days: int) -> bool:
    """Print the figures; tell whether the limit is missed."""
    database, clock = open_database(url, create=True), [company.NOW]
    company.build(database, items, now=clock[0])
    shelf = Shelf()
    for each in company.everything(items):
        shelf.put(each)
    rule = Rule((Part(company.SOURCE, AllOf(()), Measure.PERCENT),), _period(clock[0], days))
    engine = Engine(
        database, [source_of(shelf)], [goal_of("large", rule)], lambda: clock[0], Progress(), "year", large=0
    )
    engine.sync()
    begun, alive = _size(database), [each for each in company.everything(items) if not each.state.closed]
    a_day, took = -(-len(alive) // days), 0.0
    for day in range(days):
        clock[0] += timedelta(days=1)
        for each in alive[day * a_day : (day + 1) * a_day]:
            shelf.put(replace(each, state=State.DONE, status="Done", closed_at=clock[0], updated_at=clock[0]))
        took += _poll(engine)
    ended = _size(database)
    print(f"a year of one key result over {items} tickets, of which {a_day} are closed a day:", end=" ")
    print(f"its ledger grows from {begun:.1f} to {ended:.1f} MB, at most {MOST_MB}")
    print(f"a day's poll, with its census, took {took / days:.2f} s")
    _hold(database, days)
    database.close()
    return ended > MOST_MB


def _period(now: datetime, days: int) -> Period:
    return Period(now - timedelta(days=1), now + timedelta(days=days + 30))


def _poll(engine: Engine) -> float:
    begun = time.perf_counter()
    report = engine.sync()
    if report.sources[0].state is not Outcome.OK:
        raise SystemExit(f"the poll failed: {report.sources[0]}")
    return time.perf_counter() - begun


def _hold(database: Database, days: int) -> None:
    """See that the year was one: an entry for every day on which something was closed, and a ledger that verifies."""
    with database.read() as connection:
        entries, last = connection.execute(text("SELECT count(*), max(seq) FROM ledger_entry")).one()
        value = connection.execute(text("SELECT new FROM ledger_entry WHERE seq = :last"), {"last": last}).scalar_one()
        found = verify(connection)
    if not found.ok:
        raise SystemExit(f"the ledger does not verify: {found}")
    print(f"{entries} entries for {days} days, the last value is {value}; the ledger verifies")


def _size(database: Database) -> float:
    """Megabytes of the ledger's tables with their indexes."""
    asked = text(f"SELECT sum(pgsize) FROM dbstat JOIN sqlite_master USING (name) WHERE tbl_name IN {TABLES}")
    with database.read() as connection:
        return float(connection.execute(asked).scalar_one()) / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--days", type=int, default=365)
    chosen = parser.parse_args()
    with TemporaryDirectory() as folder:
        return int(live(f"sqlite:///{Path(folder) / 'year.db'}", chosen.items, chosen.days))


if __name__ == "__main__":
    sys.exit(main())
