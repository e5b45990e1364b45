"""Reads and censuses of one source, done by hand: what the tests of the mirror share."""

from collections.abc import Set
from datetime import timedelta
from typing import Any

from mapping.family import Seen
from okrs.demand import Container, Demand
from okrs.work import Ref, State, WorkItem
from store import census, lookup, mirror, queries, sources
from store.aside import rows_of
from store.census import Outcome, Settled
from store.database import Database
from store.items import Row
from store.mirror import Reach, Read, Taken
from store.sources import Lease
from store.tables import item, item_version, metadata, presence
from tests.builders import an_item
from tests.integration.fakes import Clock

PAY, OPS = Container("#PAY", "PAY"), Container("#OPS", "OPS")
PLAIN = Demand()
MIRROR = (item, item_version, presence)


class Reading:
    """Reads of one source under one lease, page by page; a minute passes before each."""

    def __init__(self, database: Database, source: str = "s") -> None:
        self.database = database
        self.clock = Clock()
        self.lease = leased(database, self.clock, source)

    def read(self, known: Container, *pages: list[WorkItem], complete: bool = False, demand: Demand = PLAIN) -> Taken:
        self.clock.forward(minutes=1)
        self.gather(known, *pages)
        return self.take(known, complete=complete, demand=demand)

    def rows(self, known: Container, items: list[WorkItem]) -> list[Row]:
        return rows_of(self.lease.source, known.id, items)

    def gather(self, known: Container, *pages: list[WorkItem]) -> None:
        for number, page in enumerate(pages or [[]]):
            mirror.gather(self.database, self.lease, known, self.rows(known, page), self.clock(), first=number == 0)

    def take(self, known: Container, *, complete: bool = False, demand: Demand = PLAIN) -> Taken:
        now = self.clock()
        return mirror.take(self.database, self.lease, [Read(known, Reach(demand, now, complete=complete))], now)

    def count(self, known: Container, *keys: str, said: Settled | None = None) -> Outcome:
        """Take a census that shows these items; what the look-ups said is that nobody knows the missing ones."""
        self.clock.forward(minutes=1)
        now = self.clock()
        census.start(self.database, self.lease, known, now)
        census.gather(self.database, self.lease, known, [Ref(f"id:{key}", key) for key in keys], now)
        missing = census.compare(self.database, self.lease, known, 500, 500).missing
        return census.settle(self.database, self.lease, known, said or Settled(hidden=[ref.id for ref in missing]), now)

    def ask(self, text: str, found: Set[str]) -> int:
        """Let a query find these ids."""
        return queries.replace_hits(self.database, self.lease, text, found, self.clock.forward(minutes=1))

    @property
    def items(self) -> dict[str, Seen]:
        with self.database.read() as connection:
            return {each.item.key: each for each in lookup.items_of(connection, "s")}

    @property
    def generation(self) -> int:
        with self.database.read() as connection:
            return sources.generations(connection, ["s"])["s"]

    def gone(self, key: str) -> str | None:
        with self.database.read() as connection:
            return lookup.look_up(connection, "s", [f"id:{key}"])[f"id:{key}"][1]


def emptied(database: Database) -> Database:
    """The same database without a row: what tests do that share one."""
    with database.write() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    return database


def leased(database: Database, clock: Clock, source: str = "s") -> Lease:
    lease = sources.acquire(database, source, clock())
    assert lease is not None
    return lease


def at(reading: Reading, key: str, state: State = State.TODO, minutes: float = 0, **facts: Any) -> WorkItem:
    """An item that the tracker says was updated so many minutes from now."""
    return an_item(key, state, updated_at=reading.clock.now + timedelta(minutes=minutes), **facts)
