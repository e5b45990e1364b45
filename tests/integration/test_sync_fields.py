"""Fields that a tracker refuses: the rules that name them wait, and everything else goes on."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update

from mapping.lint import FieldRefused
from mapping.rule import FieldMatch, Measure, Rule
from okrs.demand import Demand
from okrs.work import State
from store import sources
from store.database import Database
from store.sources import ContainerState
from store.tables import container
from store.views.refused import Refused
from store.views.waiting import Waiting, Why, waiting
from sync.planned import Note
from sync.task import Outcome
from tests.builders import SOURCE, a_part, a_rule, an_item
from tests.integration.fakes import RECORDS, Clock, FakeTracker, World, dump


def summed(field: str) -> Rule:
    return a_rule(a_part(Measure.SUM, by=field))


def matching(field: str, value: str) -> Rule:
    return a_rule(a_part(where=FieldMatch(field, (value,))))


@pytest.fixture
def world(database: Database) -> World:
    """Two projects on one source that two teams share: one counts, the other adds up points."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY", "OPS")
    tracker.fields = {"points": True, "market": False}
    for name in ("PAY", "OPS"):
        fields = (("market", "DE"), ("points", "3"))
        tracker.put(name, *(an_item(f"{name}-{number}", State.DONE, fields=fields) for number in range(3)))
    made = World(database, {SOURCE: tracker}, clock)
    made.feed("count", a_rule())
    made.feed("points", summed("points"))
    assert made.sync().sources[0].state is Outcome.OK
    return made


def tracker_of(world: World) -> FakeTracker:
    return world.trackers[SOURCE]


def held(world: World) -> dict[str, ContainerState]:
    with world.database.read() as connection:
        return {each.name: each for each in sources.state_of(connection, SOURCE).containers}


def told(world: World) -> tuple[Refused, ...]:
    return world.refused()


def close_one(world: World, key: str) -> None:
    tracker_of(world).put(key.split("-", maxsplit=1)[0], an_item(key, State.DONE, points="3"))


def test_while_nothing_is_refused_everything_is_asked_once(world: World) -> None:
    tracker_of(world).asked.clear()
    world.sync(full=True)
    assert sorted(tracker_of(world).listed) == [("OPS", None), ("PAY", None)]


def test_an_unknown_field_of_one_rule_keeps_no_other_from_moving(world: World) -> None:
    world.feed("theirs", summed("storypoints"))
    close_one(world, "PAY-9")
    (source,) = world.sync().sources
    assert (source.state, source.error) == (Outcome.OK, None)
    assert (world.value("count"), world.value("points"), world.value("theirs")) == (Decimal(7), Decimal(21), None)
    assert told(world) == (Refused("theirs", SOURCE, "storypoints", "There is no field storypoints."),)


def test_a_rule_that_turns_to_an_unknown_field_keeps_its_value(world: World) -> None:
    world.feed("points", summed("storypoints"))
    close_one(world, "PAY-9")
    for _ in range(2):
        assert world.sync().sources[0].state is Outcome.OK
        assert (world.value("count"), world.value("points")) == (Decimal(7), Decimal(18))
    shown = world.status("points")
    assert (shown.reading, shown.refused) == (True, ("There is no field storypoints.",))
    assert (world.status("count").reading, world.status("count").refused) == (False, ())
    assert world.verify().ok


def test_a_field_that_vanishes_keeps_the_value_and_comes_back(world: World) -> None:
    tracker_of(world).fields = {"market": False}
    close_one(world, "PAY-9")
    assert world.sync().sources[0].state is Outcome.OK
    assert (world.value("count"), world.value("points")) == (Decimal(7), Decimal(18))
    assert world.status("points").reading
    tracker_of(world).fields = {"points": True}
    world.sync()
    assert world.value("points") == Decimal(21)
    assert (world.status("points").reading, told(world)) == (False, ())
    assert world.verify().ok


def test_once_corrected_the_rule_is_measured_in_the_same_run(world: World) -> None:
    world.feed("points", summed("storypoints"))
    world.sync()
    world.feed("points", summed("points"))
    world.sync()
    assert (world.value("points"), told(world)) == (Decimal(18), ())


def test_a_field_without_numbers_goes_on_being_compared(world: World) -> None:
    world.feed("german", matching("market", "DE"))
    world.feed("theirs", summed("market"))
    assert world.sync().sources[0].state is Outcome.OK
    assert (world.value("german"), world.value("theirs")) == (Decimal(6), None)
    assert told(world) == (Refused("theirs", SOURCE, "market", "market holds no numbers."),)
    tracker_of(world).put("PAY", an_item("PAY-9", State.DONE, fields=(("market", "DE"),)))
    world.sync()
    assert (world.value("german"), world.value("theirs")) == (Decimal(7), None)


def test_an_unknown_field_behind_where_is_refused_too(world: World) -> None:
    world.feed("theirs", matching("xyz", "1"))
    world.sync()
    assert world.value("theirs") is None
    assert [(each.key_result, each.field) for each in told(world)] == [("theirs", "xyz")]


def test_while_a_field_is_refused_runs_stay_incremental_and_write_nothing(world: World) -> None:
    """Not every run may list everything because of a misspelt word."""
    world.feed("theirs", summed("storypoints"))
    world.sync()
    world.sync()
    before = dump(world.database, *RECORDS)
    tracker_of(world).asked.clear()
    world.sync()
    assert dump(world.database, *RECORDS) == before
    begun = [each for each in tracker_of(world).asked if each[1].resume is None]
    assert len(begun) == 6, "asked with the field, as a text, and without it, once for each project"
    read = [(name, cursor.since) for name, cursor, demand in begun if "storypoints" not in demand.fields]
    assert sorted(name for name, _ in read) == ["OPS", "PAY"]
    assert all(since is not None for _, since in read)


def test_a_field_that_is_refused_in_the_middle_of_a_listing_is_asked_again_by_a_complete_one_alone(
    world: World,
) -> None:
    """As a value without words: to know that it still is would cost a listing in every run."""
    tracker = tracker_of(world)
    tracker.refuses_after = 2
    world.feed("theirs", summed("market"))
    world.feed("other", matching("xyz", "1"))
    for _ in range(2):
        assert world.sync().sources[0].state is Outcome.OK
        assert {(each.key_result, each.field) for each in told(world)} == {("theirs", "market"), ("other", "xyz")}
    tracker.asked.clear()
    close_one(world, "PAY-9")
    world.sync()
    assert all(cursor.since is not None and "xyz" not in demand.fields for _, cursor, demand in tracker.asked)
    assert world.value("count") == Decimal(7)
    tracker.fields = None
    world.sync()
    assert told(world), "not asked yet"
    world.sync(full=True)
    assert told(world) == ()
    assert (world.value("other"), world.status("other").refused) == (Decimal(0), ())


def test_a_field_of_one_project_alone_waits_for_it_there(world: World) -> None:
    """What a container was refused is its own: the rule needs all of them."""
    tracker = tracker_of(world)
    world.feed("theirs", summed("effort"))
    tracker.fields = {"points": True, "market": False, "effort": True}
    world.sync()
    with world.database.write() as connection:
        lacking = sources.demand_text(Demand(frozenset({"points"}), numbers=frozenset({"points"})), {"effort": "Two."})
        connection.execute(update(container).where(container.c.name == "OPS").values(demand=lacking))
    assert told(world) == (Refused("theirs", SOURCE, "effort", "Two."),)


def test_a_field_that_only_a_census_misses_is_done_without(world: World) -> None:
    """What was listed has it still, and what is looked up must not come without it as if it had no value."""
    tracker = tracker_of(world)
    tracker.projects["PAY"].unlisted.add("id:PAY-1")  # so that it is looked up
    tracker.forgets = "points"
    world.clock.forward(days=1)
    for _ in range(2):
        assert world.sync().sources[0].state is Outcome.OK
        assert "points" not in held(world)["PAY"].demand.numbers
        assert world.value("points") == Decimal(18)
    assert [each.field for each in told(world)] == ["points"]
    assert "id:PAY-1" in tracker.looked_up


def test_a_complete_read_does_without_it_as_well(world: World) -> None:
    world.feed("theirs", summed("storypoints"))
    assert world.sync(full=True).sources[0].state is Outcome.OK
    world.clock.forward(days=8)
    close_one(world, "OPS-9")
    assert world.sync().sources[0].state is Outcome.OK
    assert (world.value("count"), world.value("points"), world.value("theirs")) == (Decimal(7), Decimal(21), None)


def test_plan_validate_and_explain_say_which_field_it_is(world: World) -> None:
    world.feed("theirs", summed("storypoints"))
    assert Note.UNKNOWN in world.plan()["theirs"].notes, "nobody has asked for it yet"
    world.sync()
    planned = world.plan()["theirs"]
    assert Note.REFUSED in planned.notes
    assert [each.refused for each in planned.lacks] == [("There is no field storypoints.",)]
    assert not planned.changes
    assert FieldRefused("theirs", 0, "storypoints", "There is no field storypoints.") in world.lint()
    with world.database.read() as connection:
        why = waiting(connection, world._setup(), "theirs", world.clock())
    assert why == Waiting(Why.FIELDS, failed=((SOURCE, "There is no field storypoints."),))


def test_a_container_read_by_an_older_version_is_not_read_anew_for_its_numbers(world: World) -> None:
    """Then nobody kept which fields were added up."""
    text = '{"fields": ["points"], "histories": false, "refs": false, "shaping": "", "site": "", "sprints": false}'
    with world.database.write() as connection:
        connection.execute(update(container).values(demand=text))
    tracker_of(world).asked.clear()
    world.sync()
    assert all(cursor.since is not None for _, cursor, _ in tracker_of(world).asked)
    assert world.clock.now - held(world)["PAY"].read_at < timedelta(minutes=1)  # type: ignore[operator]
