"""Frozen scopes over a cycle's life: when they are taken, and what takes them anew."""

from decimal import Decimal

import pytest

from mapping.rule import Cancelled, Measure, Part, Scope
from okrs.immutable import replace
from okrs.work import State
from store.database import Database
from store.tables import frozen_scope
from tests.builders import SOURCE, a_part, a_rule, an_item, where
from tests.integration.fakes import RECORDS, Clock, FakeTracker, World, dump

SHARE = a_part(Measure.PERCENT, where=where(label="x"), scope=Scope.FROZEN)
MEAN = replace(SHARE, measure=Measure.MEAN, by="points")


@pytest.fixture
def world(database: Database) -> World:
    """PAY-1 and PAY-2 are open and labelled, PAY-3 is done and not labelled yet; all are older than the cycle."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    labelled = [an_item(f"PAY-{n}", labels=("x",), points="3") for n in (1, 2)]
    tracker.put("PAY", *labelled, an_item("PAY-3", State.DONE, points="8"))
    clock.forward(hours=1)
    return World(database, {SOURCE: tracker}, clock)


def feed(world: World, part: Part) -> None:
    world.feed("kr", a_rule(part))
    world.sync()


def label_the_third(world: World) -> None:
    world.trackers[SOURCE].change("PAY", "PAY-3", labels=("x",))
    world.sync()


def test_work_that_is_labelled_later_cannot_raise_the_share(world: World) -> None:
    feed(world, SHARE)
    label_the_third(world)
    assert world.value("kr") == 0


def test_work_that_loses_its_label_cannot_either(world: World) -> None:
    feed(world, SHARE)
    world.trackers[SOURCE].change("PAY", "PAY-1", state=State.DONE, closed_at=world.clock())
    world.sync()
    assert world.value("kr") == 50
    world.trackers[SOURCE].change("PAY", "PAY-2", labels=())
    world.sync()
    assert world.value("kr") == 50
    assert world.verify().ok


def test_a_scope_is_taken_by_the_first_read_also_where_that_gives_no_value(world: World) -> None:
    """Nothing is done yet, so there is no mean; what joins the label before the first value does not belong to it."""
    feed(world, MEAN)
    assert world.value("kr") is None
    before = dump(world.database, *RECORDS, frozen_scope)
    world.sync()
    assert dump(world.database, *RECORDS, frozen_scope) == before
    label_the_third(world)
    assert world.value("kr") is None
    world.trackers[SOURCE].change("PAY", "PAY-1", state=State.DONE, closed_at=world.clock())
    world.sync()
    assert world.value("kr") == 3


@pytest.mark.parametrize(
    ("part", "value"),
    [
        pytest.param(replace(SHARE, cancelled=Cancelled.OPEN), "0", id="another policy"),
        pytest.param(replace(SHARE, measure=Measure.COUNT), "0", id="another measure"),
        pytest.param(replace(SHARE, where=where(label=["x", "y"])), "33.333333", id="another clause"),
        pytest.param(replace(SHARE, scope=Scope.LIVE), "33.333333", id="live"),
    ],
)
def test_another_clause_takes_the_scope_anew_and_nothing_else(world: World, part: Part, value: str) -> None:
    feed(world, SHARE)
    label_the_third(world)
    feed(world, part)
    assert world.value("kr") == Decimal(value)
    assert world.verify().ok


def test_a_mapping_that_comes_back_has_its_scope_still(world: World) -> None:
    feed(world, SHARE)
    goal = world.goals.pop("kr")
    world.sync()
    label_the_third(world)
    world.goals["kr"] = goal
    world.sync()
    assert world.value("kr") == 0
