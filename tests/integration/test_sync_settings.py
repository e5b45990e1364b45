"""What happens to numbers when a source is set up otherwise: read anew where it matters, never mixed, never lost."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from mapping.rule import Measure, Scale
from okrs.demand import Demand
from okrs.immutable import replace
from okrs.work import State
from store.database import Database
from sync.task import Outcome
from tests.builders import a_part, a_rule, an_item
from tests.integration.fakes import Clock, FakeTracker, Project, World

CLOSED = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.fixture
def world(database: Database) -> World:
    """One source with PAY, of which two of three items are done."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    made = World(database, {"one": tracker}, clock)
    made.reading["one"] = Demand(site="fake https://a.example", shaping="{}")
    for number, state in enumerate((State.DONE, State.DONE, State.TODO)):
        tracker.put("PAY", an_item(f"PAY-{number}", state, closed_at=CLOSED if state is State.DONE else None))
    made.feed("done", a_rule(a_part(source="one")))
    made.sync()
    clock.forward(hours=1)
    tracker.asked.clear()
    assert made.value("done") == 2
    return made


def since(world: World) -> list[datetime | None]:
    return [since for _, since in world.trackers["one"].listed]


def test_settings_that_change_what_an_item_reads_as_make_everything_be_read_anew(world: World) -> None:
    world.reading["one"] = Demand(site="fake https://a.example", shaping='{"cancelled":["Done"]}')
    world.sync()
    assert since(world) == [None]
    world.sync()
    assert since(world)[1] is not None


def test_another_site_is_not_added_to_the_first_though_its_ids_are_equal(world: World) -> None:
    tracker = world.trackers["one"]
    tracker.projects["PAY"] = Project("#PAY", "PAY")
    tracker.put("PAY", *(an_item(f"NEW-{number}", State.DONE, closed_at=CLOSED) for number in range(5)))
    world.reading["one"] = Demand(site="fake https://b.example", shaping="{}")
    report = world.sync()
    assert report.sources[0].removed == 3
    assert world.value("done") == 5
    assert world.verify().ok


@pytest.mark.parametrize("called", ["PAYMENTS", "PAY\0MENTS"])
def test_a_container_that_the_tracker_calls_otherwise_is_read_anew(world: World, called: str) -> None:
    world.trackers["one"].projects["PAY"].called = called
    world.sync()
    world.sync()
    assert [each is None for each in since(world)] == [True, False]


def test_what_happened_while_a_container_could_not_be_seen_is_caught_up(world: World) -> None:
    tracker = world.trackers["one"]
    tracker.projects["PAY"].hidden = True
    assert world.sync().sources[0].state is Outcome.FAILED
    tracker.change("PAY", "PAY-2", state=State.DONE, closed_at=world.clock())
    world.clock.forward(days=2)
    assert world.sync().sources[0].state is Outcome.FAILED
    tracker.projects["PAY"].hidden = False
    world.sync()
    assert since(world) == [None]
    assert world.value("done") == 3


def test_a_container_that_suddenly_was_empty_does_not_heal_by_showing_nothing_again(world: World) -> None:
    project = world.trackers["one"].projects["PAY"]
    held, project.items = project.items, {}
    assert world.sync(full=True).sources[0].state is Outcome.FAILED
    for _ in range(3):
        assert world.sync().sources[0].state is Outcome.FAILED
    project.items = held
    assert world.sync().sources[0].state is Outcome.OK
    assert world.value("done") == 2


def test_a_new_container_that_cannot_be_read_yet_does_not_stop_a_rule_on_record(world: World) -> None:
    tracker = world.trackers["one"]
    tracker.projects["OPS"] = Project("#OPS", "OPS", hidden=True)
    tracker.change("PAY", "PAY-2", state=State.DONE, closed_at=world.clock())
    assert world.sync().sources[0].state is Outcome.FAILED
    assert world.value("done") == 3
    assert world.verify().ok


def test_a_misspelt_container_does_not_throw_the_right_one_away(world: World) -> None:
    tracker = world.trackers["one"]
    held = tracker.projects.pop("PAY")
    tracker.projects["PYA"] = Project("", "PYA", hidden=True)
    assert world.sync().sources[0].removed == 0
    assert world.value("done") == 2
    tracker.projects = {"PAY": held}
    world.sync()
    assert world.value("done") == 2
    assert len(world.entries()) == 1


def test_numbers_that_no_column_holds_stop_their_key_result_alone(world: World) -> None:
    """100 × a milliard, divided by a millionth."""
    much = an_item("BIG-1", State.DONE, closed_at=CLOSED, fields=(("points", "1e9"),))
    debt = an_item("BIG-2", fields=(("points", "-999999999.999999"),))
    world.trackers["one"].put("PAY", much, debt)
    world.feed("absurd", a_rule(a_part(Measure.PERCENT, source="one", by="points")))
    world.feed("later", a_rule(a_part(source="one")))
    world.sync()
    assert (world.value("absurd"), world.value("later")) == (None, Decimal(3))
    assert world.verify().ok


def test_a_step_that_no_column_holds_stops_its_key_result_alone(world: World) -> None:
    """From one end of what can be kept to the other."""
    most = Decimal(8 * 10**12)
    scale = Scale(low=Decimal(2), high=Decimal(3), start=-most, target=most)
    world.feed("absurd", replace(a_rule(a_part(source="one")), scale=scale))
    world.feed("later", a_rule(a_part(source="one")))
    world.sync()
    assert (world.value("absurd"), world.value("later")) == (-most, Decimal(2))
    world.trackers["one"].put("PAY", an_item("PAY-2", State.DONE, closed_at=CLOSED))
    world.clock.forward(hours=1)
    world.sync()
    assert (world.value("absurd"), world.value("later")) == (-most, Decimal(3))
    assert world.verify().ok
