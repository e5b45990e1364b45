"""What a first read shows goes straight into the mirror, and leaves it as the way by `incoming` would."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from okrs.demand import Demand
from okrs.immutable import replace
from okrs.work import State, Step, WorkItem
from store import mirror
from store.census import Settled
from store.database import Database
from store.mirror import Reach, Read, Taken
from store.sources import generations
from store.tables import absence, arrival, container, forgotten, former_key, incoming, item, item_version, presence
from tests.builders import BEFORE, WITHIN, an_item
from tests.integration.readings import OPS, PAY, Reading

TABLES = (item, item_version, presence, absence, arrival, former_key, container, incoming)
KEYS = [f"OPS-{number}" for number in range(12)]
WHOLE = Demand(histories=True)


def made(chance: Random, key: str, reading: Reading) -> WorkItem:
    """An item in one of some forms, updated at one of some times."""
    state = chance.choice(list(State))
    return an_item(
        key,
        state,
        updated_at=reading.clock.now + timedelta(minutes=chance.randrange(-3, 3)),
        labels=tuple(chance.sample(["a", "b", "c"], chance.randrange(3))),
        history=(Step(WITHIN, state, "moved", None),) if chance.random() < 0.3 else (),
        children=chance.randrange(2),
    )


def lived(reading: Reading, chance: Random) -> None:
    """What the source has been through when the container comes: another one that lost some items."""
    before = [made(chance, key, reading) for key in chance.sample(KEYS, chance.randrange(len(KEYS)))]
    reading.read(OPS, before, complete=True, demand=WHOLE)
    lost = chance.sample(before, min(len(before), 3))
    reading.count(OPS, *[each.key for each in before if each not in lost], said=Settled(deleted=[i.id for i in lost]))


def listing(reading: Reading, chance: Random) -> list[WorkItem]:
    keys = chance.sample(KEYS, 5) + [f"PAY-{number}" for number in range(chance.randrange(8))]
    items = [made(chance, key, reading) for key in keys]
    again = [replace(each, title="newer", updated_at=each.updated_at and each.updated_at + timedelta(seconds=1))
             for each in chance.sample(items, 2)]  # fmt: skip
    renamed = [replace(each, key=f"NEW-{number}") for number, each in enumerate(items) if chance.random() < 0.2]
    others = [each for each in items if each.id not in {one.id for one in renamed}]
    return [*others, *renamed, *again]


def dressed(database: Database, source: str) -> Iterator[tuple[Any, ...]]:
    """All rows of a source, without its name."""
    with database.read() as connection:
        for table in TABLES:
            rows = connection.execute(select(table).where(table.c.source == source).order_by(*table.primary_key))
            yield from ((table.name, *row[1:]) for row in map(tuple, rows))
        yield (generations(connection, [source])[source],)


def twins(database: Database, seed: int) -> dict[str, Taken]:
    """Let two sources live the same until a container comes: one is taken straight, one is gathered before."""
    taken = dict[str, Taken]()
    for name in ("straight", "gathered"):
        chance, reading = Random(seed), Reading(database, name)
        if chance.random() < 0.8:
            lived(reading, chance)
        items, complete = listing(reading, chance), chance.random() < 0.8
        reading.clock.forward(minutes=1)
        now, demand = reading.clock(), WHOLE if chance.random() < 0.5 else Demand()
        if name == "gathered":
            reading.gather(PAY, *[items[begin : begin + 4] for begin in range(0, len(items), 4)])
            taken[name] = reading.take(PAY, complete=complete, demand=demand)
        else:
            read = Read(PAY, Reach(demand, now, complete=complete), reading.rows(PAY, items), first=True)
            taken[name] = mirror.take(database, reading.lease, [read], now)
    return taken


@pytest.mark.parametrize("seed", range(40))
def test_both_ways_lead_to_the_same_mirror(database: Database, seed: int) -> None:
    taken = twins(database, seed)
    assert taken["straight"] == taken["gathered"]
    assert list(dressed(database, "straight")) == list(dressed(database, "gathered"))


def test_thousands_are_each_taken_once(database: Database) -> None:
    reading = Reading(database)
    items = [an_item(f"PAY-{number}") for number in range(1234)]
    now = reading.clock()
    read = Read(PAY, Reach(Demand(), now, complete=True), reading.rows(PAY, [*items, *items[:100]]), first=True)
    assert mirror.take(database, reading.lease, [read], now) == Taken(seen=1234, changed=1234)
    assert {key: seen.item for key, seen in reading.items.items()} == {each.key: each for each in items}


def test_ids_that_are_one_to_the_database_do_not_meet(database: Database) -> None:
    """PostgreSQL keeps no U+0000; a hostile tracker must not end every read by it."""
    reading = Reading(database)
    one, two = an_item("PAY-1", updated_at=WITHIN), an_item("PAY-1", updated_at=WITHIN, id="id:PAY-1\0")
    now = reading.clock()
    read = Read(PAY, Reach(Demand(), now, complete=True), reading.rows(PAY, [one, two]), first=True)
    mirror.take(database, reading.lease, [read], now)
    assert list(reading.items) == ["PAY-1"]


@pytest.mark.parametrize("first", [True, False])
def test_a_form_without_a_date_is_older_than_any(database: Database, *, first: bool) -> None:
    reading, told = Reading(database), [(State.DONE, WITHIN), (State.TODO, None), (State.DOING, BEFORE)]
    rows = reading.rows(PAY, [an_item("PAY-1", state, updated_at=at) for state, at in told])
    now = reading.clock()
    if not first:
        mirror.gather(database, reading.lease, PAY, rows, now)
    read = Read(PAY, Reach(Demand(), now, complete=True), rows if first else (), first=first)
    assert mirror.take(database, reading.lease, [read], now) == Taken(seen=1, changed=1)
    assert [each.item.state for each in reading.items.values()] == [State.DONE]


def test_what_is_forgotten_does_not_come_by_a_first_read(database: Database) -> None:
    reading = Reading(database)
    with database.write() as connection:
        connection.execute(forgotten.insert().values(source="s", item="id:PAY-1"))
    now = reading.clock()
    read = Read(
        PAY, Reach(Demand(), now, complete=True), reading.rows(PAY, [an_item("PAY-1", assignees=("anna",))]), first=True
    )
    mirror.take(database, reading.lease, [read], now)
    [seen] = reading.items.values()
    assert (seen.item.title, seen.item.assignees) == ("(forgotten)", ("(forgotten)",))


def test_containers_that_show_the_same_are_taken_one_after_the_other(database: Database) -> None:
    reading = Reading(database)
    now = reading.clock()
    reach, shown = Reach(Demand(), now, complete=True), [an_item("PAY-1")]
    reads = [Read(each, reach, reading.rows(each, shown), first=True) for each in (PAY, OPS)]
    assert mirror.take(database, reading.lease, reads, now) == Taken(seen=2, changed=1)
    with database.read() as connection:
        assert sorted(connection.execute(select(presence.c.container)).scalars()) == [OPS.id, PAY.id]
