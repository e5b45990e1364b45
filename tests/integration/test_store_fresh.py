"""What was read just now is not read again from the mirror, and nobody can tell."""

from dataclasses import replace
from datetime import datetime
from random import Random

import pytest

from okrs.demand import Demand
from okrs.work import State, WorkItem
from store import lookup, mirror
from store.aside import encoded_of
from store.census import Settled
from store.database import Database
from store.fresh import Fresh
from store.items import decode
from store.lookup import Ticket
from store.mirror import Reach, Read
from store.upkeep.forgetting import forget_tickets
from tests.builders import an_item
from tests.integration.fakes import Clock, FakeTracker, World
from tests.integration.readings import PAY, Reading
from tests.integration.test_store_newcomers import listing, lived


def kept(reading: Reading, items: list[WorkItem], fresh: Fresh, chance: Random | None = None) -> None:
    """Let the mirror take items as a first read brings them, and remember all or some of them."""
    some = encoded_of("s", PAY.id, items)
    read = Read(PAY, Reach(Demand(), reading.clock(), complete=True), [row for row, _ in some], first=True)
    mirror.take(reading.database, reading.lease, [read], reading.clock())
    fresh.keep("s", some if chance is None else chance.sample(some, chance.randrange(len(some) + 1)))


@pytest.mark.parametrize("seed", range(30))
def test_what_is_fresh_is_what_would_be_read(database: Database, seed: int) -> None:
    """Also when items are listed twice, are known in other forms, have a text that is not kept, or change at once."""
    chance, reading, fresh = Random(seed), Reading(database), Fresh()
    lived(reading, chance)
    items = [
        replace(each, title=f"U+0000 is \0 {each.key}") if chance.random() < 0.2 else each
        for each in listing(reading, chance)
    ]
    kept(reading, items, fresh, chance)
    touched = chance.sample(items, 2)
    reading.read(PAY, [replace(each, state=State.DOING, closed_at=None) for each in touched])
    reading.count(PAY, *[each.key for each in items if each not in touched], said=Settled(deleted=[touched[0].id]))
    with database.read() as connection:
        assert lookup.items_of(connection, "s", fresh) == lookup.items_of(connection, "s")


def test_nothing_is_read_that_is_fresh(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, fresh = Reading(database), Fresh()
    items = [an_item(f"PAY-{number}") for number in range(5)]
    kept(reading, items, fresh)
    decoded, plainly = list[str](), decode

    def noted(payload: str, at: datetime | None) -> WorkItem:
        decoded.append(payload)
        return plainly(payload, at)

    monkeypatch.setattr("store.lookup.decode", noted)
    with database.read() as connection:
        assert [each.item for each in lookup.items_of(connection, "s", fresh)] == items
        assert decoded == []
        fresh.forget()
        assert [each.item for each in lookup.items_of(connection, "s", fresh)] == items
    assert len(decoded) == len(items)


def test_what_is_forgotten_is_not_remembered(database: Database) -> None:
    reading, fresh = Reading(database), Fresh()
    secret = an_item("PAY-1", title="a secret")
    kept(reading, [secret, an_item("PAY-2")], fresh)
    forget_tickets(database, [Ticket("s", secret)])
    with database.read() as connection:
        assert "secret" not in str(lookup.items_of(connection, "s", fresh))


def test_a_run_gives_the_memory_back(database: Database) -> None:
    tracker = FakeTracker(Clock(), "PAY")
    tracker.put("PAY", an_item("PAY-1", State.DONE))
    engine = World(database, {"s": tracker}, tracker.clock).engine()
    engine.sync()
    assert not engine.cache.fresh.of("s")
