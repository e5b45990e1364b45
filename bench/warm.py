"""Polls of a process that stays, on a mirror that is there.  `python -m bench.warm URL ITEMS`, as `bench.polling` does.

What it prints is the median in milliseconds.  The tracker is in memory: what is left is the database, the evaluation,
and the threads that ask twenty projects.
"""

import gc
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from itertools import islice

from bench import company
from bench.measuring import as_the_command_does
from bench.polling import TICKETS, Memory, engine_of
from okrs.immutable import replace
from okrs.work import State, WorkItem
from store.database import open_database
from sync.engine import Engine

WARMING, ROUNDS = 3, 25


def polls(url: str, items: int) -> list[float]:
    """Return the milliseconds of each poll after the first ones, which warm."""
    tracker, clock = Memory(), [company.NOW]
    waiting = (company.item_of(each) for each in company.tickets(items) if not each.state.closed)
    with closing(open_database(url, create=False, mapped=True)) as database:
        engine = engine_of(database, tracker, lambda: clock[0])
        engine.sync()
        return [1000 * _poll(engine, tracker, clock, waiting) for _ in range(WARMING + ROUNDS)][WARMING:]


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


if __name__ == "__main__":
    as_the_command_does()
    print(statistics.median(polls(sys.argv[1], int(sys.argv[2]))))
