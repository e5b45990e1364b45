"""Ten tickets of a million move: whom does it concern, and what are they now?  `python -m bench.moving [--postgres]`

A warm process, as `serve` is one: what the config asks for is worked out, the mirror was looked at before.  Reading
from a tracker is not in the time.  What is promised is finding and measuring; recording it is told beside.
"""

import gc
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from bench import company
from bench.measuring import on_a_database, timed
from mapping.facets import asked_by
from okrs.cycle import Calendar
from okrs.demand import Container
from okrs.immutable import replace
from okrs.numbers import rounded
from okrs.objective import KeyResult, Numeric
from okrs.work import State, WorkItem
from store import mirror, sources
from store.aside import rows_of
from store.cache import MirrorCache
from store.database import Database, open_database
from store.mirror import Reach, Read
from store.readiness import Snapshot
from sync.deciding import Goal
from sync.recording import Run, basis_of, judge, record, settle
from sync.watching import Watch

MOST_MILLISECONDS = 20
TICKETS, ROUNDS = 10, 11


def measure(url: str, items: int) -> float:
    """Print the figures and return the milliseconds that finding and measuring took, the median of some rounds."""
    database = open_database(url, create=True)
    timed("mirror filled", lambda: company.build(database, items))
    life = Life(database, items)
    timed("first record of every key result", life.record)
    rounds = [life.round() for _ in range(ROUNDS + 1)][1:]  # the first one warms
    found, written = (1000 * statistics.median(each) for each in zip(*rounds, strict=True))
    print(
        f"{items} items, {len(life.goals)} key results, {TICKETS} tickets moved, {life.concerned} key results concerned"
    )
    print(f"finding and measuring them {found:.1f} ms, at most {MOST_MILLISECONDS}; recording {written:.1f} ms more")
    database.close()
    return float(found)


class Life:
    """The company at work: tickets are closed, and a process that was there before looks at them."""

    def __init__(self, database: Database, items: int) -> None:
        self.database = database
        self.now = company.NOW
        rules = [company.rule_of(each) for each in company.questions()]
        terms = Numeric(rounded(0), rounded(100))
        self.goals = [
            Goal(KeyResult(f"kr-{number:04}", "o", "c", "Title", terms), rule, Calendar())
            for number, rule in enumerate(rules)
        ]
        self.asked = asked_by(part for rule in rules for part in rule.parts)
        projects = tuple(f"P{number}" for number in range(company.PROJECTS))
        self.run = Run("bench", {company.SOURCE: projects})
        self.watch, self.cache = Watch(self.goals, self.run.containers), MirrorCache()
        lease = sources.acquire(database, company.SOURCE, self.now)
        if lease is None:
            raise SystemExit("somebody else has the lease")
        self.lease = lease
        self.waiting = self._open(items)
        self.concerned = 0

    def _open(self, items: int) -> Iterator[WorkItem]:
        return (company.item_of(each) for each in company.tickets(items) if not each.state.closed)

    def round(self) -> tuple[float, float]:
        """Close some tickets; return the seconds for finding and measuring, and for recording."""
        self.close()
        gc.collect()
        begun = time.perf_counter()
        self.look()
        looked = time.perf_counter()
        self.record()
        return looked - begun, time.perf_counter() - looked

    def close(self) -> None:
        """Close tickets as a read finds them, and change their facets: a few per project."""
        self.now += timedelta(minutes=1)
        for each in islice(self.waiting, TICKETS):
            closed = replace(each, state=State.DONE, status="Done", closed_at=self.now, updated_at=self.now)
            known = Container(each.projects[0].id, each.projects[0].id)
            reach, rows = Reach(company.DEMAND, self.now), rows_of(company.SOURCE, known.id, [closed])
            mirror.take(self.database, self.lease, [Read(known, reach, rows, first=True)], self.now)

    def look(self) -> None:
        """Find the key results that are concerned and measure them, on one snapshot."""
        self.cache.follow(self.database, company.SOURCE, self.asked, large=0)
        with self.database.read() as connection:
            due = self.watch.look(connection, self.cache, self.now).due
            self.concerned = len(due)
            snapshot = Snapshot(connection, self.run.containers)
            for each in due:
                basis = basis_of(snapshot, each.goal, each.portion)
                if basis.whole:
                    raise SystemExit(f"{each.goal.key_result.id} is measured by all its items")
                judge(snapshot, each.goal, basis, self.cache, self.now, portion=each.portion)

    def record(self) -> None:
        """Do what a run does after it read."""
        now: datetime = self.now
        self.cache.follow(self.database, company.SOURCE, self.asked, large=0)
        with self.database.read() as connection:
            look = self.watch.look(connection, self.cache, now)
        record(self.database, look.due, self.run, self.cache, now)
        settle(self.database, look.still)


if __name__ == "__main__":
    sys.exit(on_a_database(__doc__, measure, MOST_MILLISECONDS))
