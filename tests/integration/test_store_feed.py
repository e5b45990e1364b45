"""The ledger a page at a time: causes added up, what moved since, and the course for a chart."""

from datetime import timedelta
from decimal import Decimal

import pytest

from mapping.rule import Measure
from okrs.ledger import CauseKind, EntryKind
from okrs.work import State
from store.database import Database
from store.views.course import course
from store.views.feed import EXAMPLES, Wanted, feed
from store.views.moves import NAMED, first_since, movers, values_before
from store.views.rules import life_of, rules, uncounted
from tests.builders import SOURCE, a_part, a_rule, an_item, where
from tests.integration.fakes import Clock, FakeTracker, World


@pytest.fixture
def world(database: Database) -> World:
    """Twenty tickets; on the second day twelve of them are done, one is given up, and one comes."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", *(an_item(f"PAY-{number:02}") for number in range(20)))
    made = World(database, {SOURCE: tracker}, clock)
    made.feed("kr", a_rule(a_part(Measure.PERCENT)))
    made.feed("bugs", a_rule(a_part(where=where(type="Bug"))))
    made.sync()
    clock.forward(days=1)
    for number in range(12):
        tracker.change("PAY", f"PAY-{number:02}", state=State.DONE, closed_at=clock.now)
    tracker.change("PAY", "PAY-12", state=State.CANCELLED, closed_at=clock.now)
    tracker.put("PAY", an_item("PAY-20", created_at=clock.now))
    made.sync()
    return made


def test_causes_of_an_entry_are_added_up_by_kind_and_name_a_few(world: World) -> None:
    with world.database.read() as connection:
        [entry, first] = feed(connection, Wanted({"kr"})).entries
    assert [(each.kind, each.tickets) for each in entry.causes] == [
        (CauseKind.CLOSED, 12), (CauseKind.CANCELLED, 1), (CauseKind.ADDED, 1),
    ]  # fmt: skip
    assert (entry.entry.new, entry.entry.old) == (Decimal(60), Decimal(0))
    assert sum(each.delta for each in entry.causes) == 60
    assert [item.key for item in entry.causes[0].examples] == [f"PAY-{number:02}" for number in range(EXAMPLES)]
    assert (first.entry.kind, first.causes) == (EntryKind.BASELINE, ())


def test_what_moved_nothing_is_left_out_where_it_is_not_asked_for(world: World) -> None:
    tracker = world.trackers[SOURCE]
    world.feed("closed", a_rule(a_part(Measure.COUNT)))
    world.sync()
    tracker.put("PAY", an_item("PAY-30"))  # one more that may be closed
    world.sync()
    tracker.change("PAY", "PAY-00", state=State.TODO, closed_at=None)
    tracker.change("PAY", "PAY-30", state=State.DONE, closed_at=world.clock.now)
    world.sync()
    with world.database.read() as connection:
        every, telling = (feed(connection, Wanted({"closed"}, silent=each)).entries for each in (True, False))
    assert [(each.entry.old == each.entry.new, len(each.causes)) for each in every] == [
        (True, 2),
        (True, 0),
        (False, 0),
    ]
    assert [each.entry.seq for each in telling] == [every[0].entry.seq, every[2].entry.seq]


def test_the_feed_is_cut_and_goes_on_where_it_was_cut(world: World) -> None:
    with world.database.read() as connection:
        every = [each.entry.seq for each in feed(connection, Wanted()).entries]
        newest = feed(connection, Wanted(most=1))
        older = feed(connection, Wanted(most=9, before=newest.entries[0].entry.seq))
        none = feed(connection, Wanted(set()))
        kinds = feed(connection, Wanted(kinds=[EntryKind.BASELINE], until=every[-1]))
    assert every == sorted(every, reverse=True)
    assert (newest.more, older.more) == (True, False)
    assert [each.entry.seq for each in (*newest.entries, *older.entries)] == every
    assert (none.entries, none.more) == ((), False)
    assert [each.entry.seq for each in kinds.entries] == every[-1:]


def test_the_first_entry_since_a_time_is_found(world: World) -> None:
    entries = world.entries()
    with world.database.read() as connection:
        for each in entries:
            later = [other.seq for other in entries if other.at > each.at]
            assert first_since(connection, each.at) == min(other.seq for other in entries if other.at == each.at)
            assert first_since(connection, each.at + timedelta(seconds=1)) == min(later, default=len(entries) + 1)
        assert first_since(connection, world.clock() - timedelta(days=99)) == 1


def test_before_the_first_entry_nothing_is_found(database: Database) -> None:
    with database.read() as connection:
        assert first_since(connection, Clock().now) == 1
        assert values_before(connection, 1) == {}
        assert feed(connection, Wanted()).entries == ()


def test_what_moved_is_told_with_the_last_tickets(world: World) -> None:
    with world.database.read() as connection:
        today = first_since(connection, world.clock() - timedelta(hours=1))
        before, moved = values_before(connection, today), movers(connection, today, ["kr", "bugs"])
        ever = values_before(connection, 1)
    assert {name: (each.value, each.fresh) for name, each in before.items()} == {"kr": (Decimal(0), False)}
    assert set(moved) == {"kr"}
    assert (len(moved["kr"].tickets), moved["kr"].more) == (NAMED, True)
    assert {name: each.fresh for name, each in ever.items()} == {"kr": True, "bugs": True}


def test_the_course_counts_who_is_on_the_line(world: World) -> None:
    with world.database.read() as connection:
        found = course(connection, "kr")
        before = course(connection, "kr", world.clock() - timedelta(hours=1))
    assert [each.new for each in found.entries] == [0, 60]
    assert [number for _, number in found.scope] == [20]  # one was given up, one came
    assert [each.new for each in before.entries] == [0]


def test_a_long_course_begins_later_with_as_many_on_the_line(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.views.course.MOST", 1)
    world.trackers[SOURCE].put("PAY", an_item("PAY-21"))
    world.sync()
    with world.database.read() as connection:
        found = course(connection, "kr")
    assert [number for _, number in found.scope] == [21]


def test_rules_say_what_they_have_on_the_line(world: World) -> None:
    with world.database.read() as connection:
        found = rules(connection, world._setup(), ["kr", "bugs", "nobody"])
        life = life_of(connection, "kr")
        [left] = uncounted(connection, world._setup())
    assert [(each.tickets, each.counted) for each in found["kr"].selected] == [(20, 12)]
    assert [(each.tickets, each.counted) for each in found["bugs"].selected] == [(0, 0)]
    assert set(found) == {"kr", "bugs"}
    assert (life.changes, life.since) == (0, world.entries("kr")[0].at)
    assert [item.key for item in left.some] == ["PAY-12"]  # cancelled work is on nobody's line


def test_a_rule_that_waits_is_told(world: World) -> None:
    world.feed("kr", a_rule(a_part(Measure.COUNT)))
    with world.database.read() as connection:
        assert rules(connection, world._setup(), ["kr"])["kr"].waits
    world.sync()
    with world.database.read() as connection:
        found = rules(connection, world._setup(), ["kr"])["kr"]
        assert not found.waits
        assert life_of(connection, "kr").changes == 1
    assert found.words.parts[0].sentence == "Counts issues that are done."
