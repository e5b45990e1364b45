"""What lies under epics where nobody reads: asked once a day, told to people, and no number moves by it."""

from datetime import timedelta
from decimal import Decimal

import pytest

from connectors.contract import CredentialsRefused, IdPage, RateLimited, Stop, TryLater
from mapping.lint import NotRead
from mapping.rule import Rule, Selector
from okrs.demand import Family
from okrs.work import Ref, State
from store.database import Database
from store.views.explain import explain_json
from sync.families import MOST_PAGES
from sync.task import Outcome
from terminal.explaining import explained
from tests.builders import SOURCE, a_part, a_rule, an_item, where
from tests.integration.fakes import Clock, FakeConnector, FakeTracker, Project, World
from tests.integration.test_explaining_measures import text

EPIC, PARENT = Family("PAY-1", deep=True), Family("PAY-1", deep=False)
ELSEWHERE = [f"OPS-{number}" for number in range(1, 6)]


def under(**names: str) -> Rule:
    return a_rule(a_part(where=where(**names)))


@pytest.fixture
def world(database: Database) -> World:
    """An epic with one done ticket that is read, and five that are not."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", an_item("PAY-1"), an_item("PAY-2", State.DONE, parent=Ref("", "PAY-1")))
    tracker.outside[EPIC] = list(ELSEWHERE)
    made = World(database, {SOURCE: tracker}, clock)
    made.feed("kr", under(epic="PAY-1"))
    made.sync()
    return made


def not_read(world: World) -> list[NotRead]:
    return [each for each in world.lint() if isinstance(each, NotRead)]


def asked_at(world: World) -> str:
    (each,) = explain_json(world.explain("kr"))["parts"][0]["not_read"]
    moment: str = each["asked_at"]
    return moment


def told(world: World, name: str = "kr") -> list[tuple[str, int, list[str], str | None]]:
    (part,) = explain_json(world.explain(name))["parts"]
    return [(each["above"], each["items"], each["examples"], each["error"]) for each in part["not_read"]]


def test_what_is_not_read_is_told_and_counts_nowhere(world: World) -> None:
    assert world.value("kr") == Decimal(1)
    assert told(world) == [("PAY-1", 5, ELSEWHERE, None)]
    assert not_read(world) == [NotRead("kr", 0, Selector.EPIC, "PAY-1", SOURCE, 5, ("OPS-1", "OPS-2", "OPS-3"))]


def test_people_are_told_what_is_not_read(world: World) -> None:
    def said() -> str:
        return text(explained(world.explain("kr"), world.goals["kr"].key_result))

    assert f"Not read (5): OPS-1, OPS-2, OPS-3, … under PAY-1, where {SOURCE} does not read" in said()
    world.trackers[SOURCE].outside[EPIC] = Stop("There is no PAY-1.")
    world.sync(full=True)
    assert "What lies there under PAY-1 could not be asked since 2026-11-20: There is no PAY-1." in said()
    assert "Not read (5): OPS-1" in said()


def test_it_is_asked_once_a_day_and_by_a_complete_sync(world: World) -> None:
    tracker = world.trackers[SOURCE]
    for _ in range(3):
        world.clock.forward(minutes=5)
        world.sync()
    assert tracker.families == [EPIC]
    world.clock.forward(days=1)
    world.sync()
    assert tracker.families == [EPIC, EPIC]
    world.sync(full=True)
    assert tracker.families == [EPIC, EPIC, EPIC]


def test_a_container_more_has_it_asked_again(world: World) -> None:
    tracker = world.trackers[SOURCE]
    tracker.projects["OPS"] = Project("#OPS", "OPS")
    tracker.outside[EPIC] = []
    world.sync()
    assert tracker.families == [EPIC, EPIC]
    assert (told(world), not_read(world)) == ([], [])


def test_a_family_that_no_rule_names_any_more_is_forgotten(world: World) -> None:
    tracker = world.trackers[SOURCE]
    world.feed("kr", under(parent="PAY-1"))
    world.sync()
    assert tracker.families == [EPIC, PARENT]
    assert not_read(world) == []
    world.feed("kr", under(epic="PAY-1"))
    world.sync()
    assert tracker.families == [EPIC, PARENT, EPIC]


def test_children_and_descendants_are_two_questions(world: World) -> None:
    world.trackers[SOURCE].outside[PARENT] = ["OPS-1"]
    world.feed("children", under(parent="PAY-1"))
    world.sync()
    assert told(world, "children") == [("PAY-1", 1, ["OPS-1"], None)]
    assert told(world) == [("PAY-1", 5, ELSEWHERE, None)]


def test_of_many_some_are_named(world: World) -> None:
    world.trackers[SOURCE].outside[EPIC] = [f"OPS-{number:02}" for number in range(50)]
    world.sync(full=True)
    ((_, items, examples, _),) = told(world)
    assert (items, examples) == (50, [f"OPS-{number:02}" for number in range(20)])


def test_an_error_is_told_and_what_was_said_before_stays(world: World) -> None:
    tracker, asked = world.trackers[SOURCE], asked_at(world)
    tracker.outside[EPIC] = Stop("There is no PAY-1.")
    world.clock.forward(days=1)
    (source,) = world.sync().sources
    assert (source.state, source.error) == (Outcome.OK, None)
    assert told(world) == [("PAY-1", 5, ELSEWHERE, "There is no PAY-1.")]
    assert asked_at(world) == asked
    assert len(not_read(world)) == 1


def test_what_could_not_be_asked_is_asked_again_after_an_hour(world: World) -> None:
    tracker = world.trackers[SOURCE]
    tracker.outside[EPIC] = TryLater("It is busy.")
    world.clock.forward(days=1)
    for _ in range(3):
        world.sync()
        world.clock.forward(minutes=5)
    assert len(tracker.families) == 2
    assert told(world) == [("PAY-1", 5, ELSEWHERE, "It is busy.")]
    tracker.outside[EPIC] = ELSEWHERE[:1]
    world.clock.forward(hours=1)
    world.sync()
    assert told(world) == [("PAY-1", 1, ["OPS-1"], None)]


def test_a_limit_keeps_nobody_from_the_census(world: World) -> None:
    """Else what is deleted would go on counting, as long as the limit is met."""
    tracker = world.trackers[SOURCE]
    tracker.outside[EPIC] = RateLimited("Wait.", 3600)
    tracker.deleted.add(tracker.drop("PAY", "PAY-2").id)
    world.clock.forward(days=1)
    (source,) = world.sync().sources
    assert (source.state, source.removed, tracker.counted) == (Outcome.OK, 1, ["PAY"])
    assert source.wait_until == world.clock.now + timedelta(hours=1)
    assert told(world) == [("PAY-1", 5, ELSEWHERE, "Wait.")]


def test_refused_credentials_are_the_sources(world: World) -> None:
    world.trackers[SOURCE].outside[EPIC] = CredentialsRefused("The token has expired.")
    world.clock.forward(days=1)
    (source,) = world.sync().sources
    assert (source.state, source.error) == (Outcome.UNAUTHENTICATED, "The token has expired.")
    assert told(world) == [("PAY-1", 5, ELSEWHERE, None)]


def test_a_family_without_end_is_left(world: World) -> None:
    world.trackers[SOURCE].outside[EPIC] = [f"OPS-{number}" for number in range(2 * MOST_PAGES + 1)]
    world.sync(full=True)
    ((_, items, _, error),) = told(world)
    assert (items, error) == (5, f"More than {MOST_PAGES} pages tell what lies under PAY-1; they were left.")


def test_the_lease_lives_while_pages_come(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = FakeConnector.outside

    def slowly(self: FakeConnector, family: Family, resume: str | None) -> IdPage:
        world.clock.forward(seconds=40)
        return answer(self, family, resume)

    monkeypatch.setattr(FakeConnector, "outside", slowly)
    world.trackers[SOURCE].outside[EPIC] = ["OPS-9", *ELSEWHERE]
    (source,) = world.sync(full=True).sources
    assert (source.state, source.error) == (Outcome.OK, None)
    assert [items for _, items, _, _ in told(world)] == [6]


def test_what_no_rule_asks_for_any_more_does_not_come_back_old(world: World) -> None:
    world.feed("kr", a_rule())
    world.sync()
    world.trackers[SOURCE].outside[EPIC] = TryLater("It is busy.")
    world.feed("kr", under(epic="PAY-1"))
    world.sync()
    assert not_read(world) == []
    assert told(world) == [("PAY-1", 0, [], "It is busy.")]


def test_it_is_not_asked_while_a_container_cannot_be_read(world: World) -> None:
    tracker = world.trackers[SOURCE]
    tracker.projects["OPS"] = Project("#OPS", "OPS", hidden=True)
    world.clock.now += timedelta(days=1)
    world.sync()
    assert tracker.families == [EPIC]
