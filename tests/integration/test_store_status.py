"""`status` over several cycles, and what judges a binary key result before it is done."""

from datetime import date
from decimal import Decimal

import pytest

from mapping.rule import Counts, Measure
from okrs.cycle import Cycle
from okrs.immutable import replace
from okrs.objective import Binary, Objective
from okrs.progress import Status
from okrs.work import State
from store.database import Database
from store.views.status import status
from tests.builders import SOURCE, a_part, a_rule, an_item
from tests.integration.fakes import Clock, FakeTracker, World

YEAR = Cycle("year", date(2026, 1, 1), date(2026, 12, 31))
ANNUAL = Objective("annual", "year", "The year")


@pytest.fixture
def world(database: Database) -> World:
    """Nine of ten items are done."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    for number in range(10):
        state = State.DONE if number else State.TODO
        tracker.put("PAY", an_item(f"PAY-{number}", state, points="1" if number else "1000"))
    return World(database, {SOURCE: tracker}, clock)


def test_an_objective_reads_the_same_alone_and_among_all(world: World) -> None:
    world.feed("kr", a_rule(a_part(Measure.PERCENT)), Binary(Decimal(90)))
    world.sync()
    setup = world._setup()
    quarter = replace(setup.objectives[0], supports=("annual",))
    setup = replace(setup, cycles=(*setup.cycles, YEAR), objectives=(quarter, ANNUAL))
    with world.database.read() as connection:
        among = status(connection, setup, world.clock())
        alone = status(connection, setup, world.clock(), "year")
    annual = [each for each in among.objectives if each.objective.id == "annual"]
    assert list(alone.objectives) == annual
    assert annual[0].progress == 1
    assert (alone.key_results, among.cycle, alone.cycle) == ((), None, YEAR)


@pytest.mark.parametrize("counts", [Counts.DONE, Counts.OPEN])
@pytest.mark.parametrize("by", [None, "points"])
def test_a_binary_key_result_is_judged_by_the_share_of_items_done(world: World, counts: Counts, by: str | None) -> None:
    measure = Measure.SUM if by else Measure.COUNT
    world.feed("kr", a_rule(a_part(measure, by=by, counts=counts)), Binary(Decimal(10_000)))
    world.sync()
    assert world.status("kr").standing.status is Status.ON_TRACK


def test_work_under_way_is_not_done_where_it_has_part_credit(world: World) -> None:
    for number in range(1, 10):
        world.trackers[SOURCE].change("PAY", f"PAY-{number}", state=State.DOING, closed_at=None)
    half = a_part(partial=((State.DOING, Decimal("0.5")),))
    world.feed("kr", a_rule(half), Binary(Decimal(10_000)))
    world.sync()
    assert world.status("kr").standing.status is Status.OFF_TRACK
