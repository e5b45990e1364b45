"""What was read just now is not read again from the mirror, and nobody can tell."""

from datetime import datetime
from random import Random

import pytest
from sqlalchemy import event

from okrs.demand import Demand
from okrs.immutable import replace
from okrs.ledger import Entry
from okrs.work import State, WorkItem
from store import lookup, mirror
from store.aside import encoded_of
from store.census import Settled
from store.database import Database
from store.fresh import Fresh, Known
from store.items import decode
from store.lookup import Ticket
from store.mirror import Reach, Read
from store.upkeep.forgetting import forget_tickets
from sync.engine import Engine
from tests.builders import a_part, a_rule, an_item
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
        fresh.forget(["s"])
        assert [each.item for each in lookup.items_of(connection, "s", fresh)] == items
    assert len(decoded) == len(items)


def test_what_is_forgotten_is_not_remembered(database: Database) -> None:
    reading, fresh = Reading(database), Fresh()
    secret = an_item("PAY-1", title="a secret")
    kept(reading, [secret, an_item("PAY-2")], fresh)
    forget_tickets(database, [Ticket("s", secret)])
    with database.read() as connection:
        assert "secret" not in str(lookup.items_of(connection, "s", fresh))


@pytest.fixture
def world(database: Database) -> World:
    """Two sources of three tickets, two of them done."""
    clock = Clock()
    trackers = {name: FakeTracker(clock, "PAY", "OPS") for name in ("s", "t")}
    for tracker in trackers.values():
        tracker.put("PAY", an_item("PAY-1", State.DONE), an_item("PAY-2"))
        tracker.put("OPS", an_item("OPS-1", State.DONE))
    made = World(database, trackers, clock)
    made.feed("kr", a_rule(a_part(source="s")))
    return made


class Watched(Fresh):
    """Tells what was known when it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.known: list[int] = []

    def of(self, source: str) -> Known:
        found = super().of(source)
        self.known.append(len(found))
        return found


def test_a_first_record_looks_at_what_was_read_and_the_memory_is_given_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_payload: str, _at: datetime | None) -> WorkItem:
        raise AssertionError("it was read from the mirror")

    engine = world.engine()
    engine.cache.fresh = fresh = Watched()
    monkeypatch.setattr("store.lookup.decode", refused)
    (entry,) = engine.sync().entries
    assert entry.new == 2
    assert fresh.known == [3]
    assert {name: len(fresh.of(name)) for name in ("s", "t")} == {"s": 0, "t": 0}


def test_a_run_forgets_what_it_read_itself_however_it_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of one engine read at the same time: what another one waits for stays."""
    engine = world.engine()
    engine.cache.fresh.keep("t", encoded_of("t", PAY.id, [an_item("PAY-1")]))

    def broken(_engine: Engine, _run: object) -> list[Entry]:
        raise KeyError("ours")

    monkeypatch.setattr(Engine, "_record", broken)
    with pytest.raises(KeyError):
        engine.sync(only=["s"])
    assert {name: len(engine.cache.fresh.of(name)) for name in ("s", "t")} == {"s": 0, "t": 1}


def test_of_a_source_that_brings_too_much_nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.fresh.MOST", 10)
    fresh, some = Fresh(), encoded_of("s", PAY.id, [an_item(f"PAY-{number}") for number in range(6)])
    others = encoded_of("s", PAY.id, [an_item(f"OPS-{number}") for number in range(6)])
    fresh.keep("t", some[:4])
    fresh.keep("s", some)
    assert (len(fresh.of("s")), len(fresh.of("t"))) == (6, 4)
    fresh.keep("s", others)
    fresh.keep("s", some)
    assert (len(fresh.of("s")), len(fresh.of("t"))) == (0, 4)
    fresh.forget(["s"])
    fresh.keep("s", some)
    assert (len(fresh.of("s")), len(fresh.of("t"))) == (6, 4)


def test_where_most_is_not_fresh_the_mirror_is_read_at_once(database: Database) -> None:
    reading, fresh = Reading(database), Fresh()
    items = [an_item(f"PAY-{number}") for number in range(5)]
    reading.read(PAY, items)
    for many in (2, 3):
        fresh.keep("s", encoded_of("s", PAY.id, items[:many]))
        with database.read() as connection:
            told = list[str]()
            event.listen(connection, "before_cursor_execute", lambda *what, told=told: told.append(what[2]))
            assert [each.item for each in lookup.items_of(connection, "s", fresh)] == items
        by_ids = [text for text in told if "IN (" in text]
        assert bool(by_ids) is (many == 3)
