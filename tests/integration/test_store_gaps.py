"""Which parts of rules select nothing, and why a key result has no value."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, delete, update

from connectors.contract import Stop
from mapping.facets import asked_of
from mapping.family import Candidate
from mapping.lint import SelectsNothing
from mapping.rule import Combine, Counts, Rule
from okrs.immutable import replace
from okrs.work import State
from store import facets
from store.database import Database
from store.tables import evidence, faceted
from store.views.gaps import Gap, gaps
from store.views.waiting import Waiting, Why, waiting
from tests.builders import QUARTER, SOURCE, a_part, a_rule, an_item, where
from tests.integration.fakes import Clock, FakeTracker, World


@pytest.fixture
def world(database: Database) -> World:
    """One item is open, one is cancelled."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", an_item("PAY-1", State.TODO, labels=("p1",)), an_item("PAY-2", State.CANCELLED, labels=("p2",)))
    return World(database, {SOURCE: tracker}, clock)


def found(world: World) -> tuple[Gap, ...]:
    with world.database.read() as connection:
        return gaps(connection, world._setup(), world.clock())


def why(world: World) -> Waiting | None:
    with world.database.read() as connection:
        return waiting(connection, world._setup(), "kr", world.clock())


@pytest.mark.parametrize(("label", "empty"), [("p1", False), ("p2", False), ("p3", True)])
def test_a_part_is_empty_when_nothing_is_selected_counted_or_not(world: World, label: str, empty: bool) -> None:
    world.feed("kr", a_rule(a_part(), a_part(where=where(label=label))))
    assert found(world) == (), "nobody looked yet"
    world.sync()
    assert found(world) == ((Gap("kr", 1, SOURCE),) if empty else ())


def test_a_part_that_a_label_alone_feeds_is_no_gap(world: World) -> None:
    world.feed("kr", a_rule(a_part(), replace(a_part(where=where(label="p3")), linked=True), combine=Combine.SUM))
    world.sync()
    assert found(world) == ()


def test_where_labels_alone_feed_a_key_result_one_that_nobody_uses_is_a_gap(world: World) -> None:
    """Nothing goes on without it: the number is 0.  Once another label is used, that one does."""
    nobody, used = (replace(a_part(where=where(label=label)), linked=True) for label in ("p3", "p1"))
    world.feed("kr", a_rule(nobody))
    world.sync()
    assert world.value("kr") == 0
    assert found(world) == (Gap("kr", 0, SOURCE, linked=True),)
    world.feed("kr", a_rule(nobody, used, combine=Combine.SUM))
    world.sync()
    assert found(world) == ()


def test_a_key_result_without_a_rule_has_no_gaps(world: World) -> None:
    world.feed("kr", a_rule(a_part(where=where(label="p3"))))
    world.sync()
    world.feed("kr", None)
    world.sync()
    assert found(world) == ()


def later() -> Rule:
    return a_rule(period=replace(QUARTER, start=QUARTER.end, end=QUARTER.end + timedelta(days=90)))


@pytest.mark.parametrize(
    ("rule", "reason"), [(None, Why.MAPPING), (later(), Why.CYCLE), (a_rule(), None)], ids=["none", "later", "now"]
)
def test_after_a_sync_it_is_told_what_a_value_waits_for(world: World, rule: Rule | None, reason: Why | None) -> None:
    world.feed("kr", rule)
    before, _ = why(world), world.sync()
    after = why(world)
    assert (after.why if after else None) is reason
    assert before is not None
    assert before.why is (reason or Why.SYNC)


def test_a_query_that_was_refused_is_what_a_value_waits_for(world: World) -> None:
    world.feed("kr", a_rule(a_part(where=where(query="odd"))))
    world.trackers[SOURCE].finds["odd"] = Stop("The field odd does not exist.")
    assert why(world) == Waiting(Why.SYNC)
    world.sync()
    told = why(world)
    assert told is not None
    assert told.why is Why.SOURCES
    ((source, error),) = told.failed
    assert source == SOURCE
    assert "The field odd does not exist." in error
    assert world.status("kr").reading
    world.trackers[SOURCE].finds["odd"] = {"id:PAY-1"}
    world.sync()
    assert why(world) is None
    assert not world.status("kr").reading


def test_a_query_that_nobody_asked_yet_waits_for_a_sync(world: World) -> None:
    world.sync()
    world.feed("kr", a_rule(a_part(where=where(query="odd"))))
    assert why(world) == Waiting(Why.SYNC)
    assert world.status("kr").reading


@pytest.mark.parametrize(("label", "empty"), [("p1", False), ("p3", True)])
def test_of_a_large_source_its_facets_are_asked(world: World, label: str, empty: bool) -> None:
    """The mirror is not read for it."""
    world.feed("kr", a_rule(a_part(), a_part(where=where(label=label))))
    world.sync()
    with world.database.write() as connection:
        connection.execute(delete(evidence).where(evidence.c.part == 1))
    facets.follow(world.database, SOURCE, asked_of([where(label=label)]), large=0)

    def unread(_connection: Connection, _source: str) -> list[Candidate]:
        raise AssertionError("the whole mirror was read")

    with world.database.read() as connection:
        told = gaps(connection, world._setup(), world.clock(), unread)
    assert told == ((Gap("kr", 1, SOURCE),) if empty else ())


def test_while_the_facets_of_a_large_source_are_made_nothing_is_said(world: World) -> None:
    """Its mirror is not read for that, either: a page would take minutes."""
    world.feed("kr", a_rule(a_part(), a_part(where=where(label="p3"))))
    world.sync()
    facets.follow(world.database, SOURCE, asked_of([where(label="p3")]), large=0)
    with world.database.write() as connection:
        connection.execute(update(faceted).values(built=None))

    def unread(_connection: Connection, _source: str) -> list[Candidate]:
        raise AssertionError("the whole mirror was read")

    with world.database.read() as connection:
        assert gaps(connection, world._setup(), world.clock(), unread) == ()


@pytest.mark.parametrize("large", [0, 10**9], ids=["by facets", "whole"])
def test_a_cycle_that_is_over_has_no_gaps(world: World, large: int) -> None:
    """What a part selects of the end may be otherwise today."""
    world.large = large
    tracker = world.trackers[SOURCE]
    tracker.change("PAY", "PAY-2", status="Dropped")
    world.feed("kr", a_rule(a_part(), a_part(where=where(status="Dropped"))))
    world.sync()
    assert found(world) == ()
    world.clock.now = QUARTER.end + timedelta(days=1)
    tracker.change("PAY", "PAY-2", state=State.TODO, status="To Do", closed_at=None)
    world.sync()
    assert found(world) == ()


@pytest.mark.parametrize("large", [0, 50_000])
def test_a_true_zero_is_no_gap(world: World, large: int) -> None:
    """Nobody is at it just now: nothing is misspelt."""
    world.large = large
    world.feed("kr", a_rule(a_part(where=where(label="p1", state="cancelled"), counts=Counts.ALL)))
    world.sync()
    assert world.value("kr") == 0
    assert found(world) == ()
    assert [finding for finding in world.lint() if isinstance(finding, SelectsNothing)] == []
    world.feed("kr", a_rule(a_part(where=where(label="p3", state="cancelled"), counts=Counts.ALL)))
    world.sync()
    assert found(world) == (Gap("kr", 0, SOURCE),)
    assert [type(finding) for finding in world.lint()] == [SelectsNothing]
