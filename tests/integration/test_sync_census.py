"""The census in a run: deleted, moved, hidden and unobserved are told apart, once a day and with --full."""

from datetime import timedelta

import pytest

from connectors.contract import Stop, TryLater
from mapping.rule import Counts
from okrs.immutable import replace
from okrs.ledger import CauseKind
from okrs.work import Ref, State
from store import queries
from store.database import Database
from store.sources import ContainerState, state_of
from sync.listing import OVERLAP, WIDE_OVERLAP
from sync.task import Outcome
from tests.builders import SOURCE, a_part, a_rule, an_item, where
from tests.integration.fakes import FakeTracker, World, two_projects


@pytest.fixture
def world(database: Database) -> World:
    return two_projects(database)


def tracker_of(world: World) -> FakeTracker:
    tracker = world.trackers[SOURCE]
    assert isinstance(tracker, FakeTracker)
    return tracker


def causes(world: World) -> list[tuple[CauseKind, str, int]]:
    """What the last entry tells."""
    return [(each.cause, each.item, int(each.delta)) for each in world.entries("open")[-1].deltas if each.delta]


def known(world: World, name: str) -> ContainerState:
    with world.database.read() as connection:
        return next(each for each in state_of(connection, SOURCE).containers if each.name == name)


def test_the_first_read_is_its_own_census(world: World) -> None:
    assert tracker_of(world).counted == []
    world.sync()
    assert tracker_of(world).counted == []


def test_once_a_day_everybody_is_counted(world: World) -> None:
    world.clock.forward(hours=23)
    world.sync()
    assert tracker_of(world).counted == []
    world.clock.forward(hours=1)
    world.sync()
    assert sorted(tracker_of(world).counted) == ["OPS", "PAY"]
    world.sync()
    assert len(tracker_of(world).counted) == 2


def test_full_means_a_complete_listing_and_one_census(world: World) -> None:
    tracker = tracker_of(world)
    tracker.asked.clear()
    world.sync(full=True)
    assert [since for _, since in tracker.listed] == [None, None]
    assert sorted(tracker.counted) == ["OPS", "PAY"]
    assert tracker.looked_up == []


def test_what_the_tracker_says_was_deleted_leaves_at_once(world: World) -> None:
    tracker_of(world).deleted.add(tracker_of(world).drop("PAY", "PAY-2").id)
    report = world.sync(full=True)
    assert report.sources[0].removed == 1
    assert world.value("open") == 4
    assert causes(world) == [(CauseKind.DELETED, "id:PAY-2", -1)]


def test_what_nobody_knows_of_leaves_at_the_second_census(world: World) -> None:
    tracker_of(world).drop("PAY", "PAY-2")
    first = world.sync(full=True).sources[0]
    assert (first.removed, first.missed) == (0, 1)
    assert world.value("open") == 5
    second = world.sync(full=True).sources[0]
    assert (second.removed, second.missed) == (1, 0)
    assert causes(world) == [(CauseKind.HIDDEN, "id:PAY-2", -1)]


def test_a_move_into_another_container_moves_no_number(world: World) -> None:
    tracker_of(world).move("PAY-2", "PAY", "OPS")
    for _ in range(3):
        assert world.sync(full=True).sources[0].removed == 0
    assert world.value("open") == 5
    assert [each.key for each in tracker_of(world).projects["OPS"].items.values()][-1] == "PAY-2"


def test_a_move_that_only_the_look_up_shows_is_a_move_too(world: World) -> None:
    """The new container's listing lags; the old one's census is first."""
    tracker = tracker_of(world)
    tracker.move("PAY-2", "PAY", "OPS")
    tracker.projects["OPS"].unlisted.add("id:PAY-2")
    for _ in range(3):
        assert world.sync(full=True).sources[0].removed == 0
    assert world.value("open") == 5


def test_a_move_out_of_sight_is_a_move(world: World) -> None:
    tracker = tracker_of(world)
    held = tracker.drop("PAY", "PAY-2")
    tracker.elsewhere[held.id] = replace(held, key="FAR-1", projects=(Ref("#FAR", "FAR"),))
    world.sync(full=True)
    assert world.value("open") == 4
    assert causes(world) == [(CauseKind.MOVED, "id:PAY-2", -1)]


def test_what_is_archived_stays(world: World) -> None:
    tracker_of(world).projects["PAY"].unlisted.add("id:PAY-2")
    for _ in range(3):
        assert world.sync(full=True).sources[0].removed == 0
    assert world.value("open") == 5


def test_what_no_poll_showed_is_found_by_the_census(world: World) -> None:
    """Visible late, with an old date: no incremental read ever asks for it."""
    tracker = tracker_of(world)
    tracker.put("PAY", an_item("PAY-9"))
    items = tracker.projects["PAY"].items
    items["id:PAY-9"] = replace(items["id:PAY-9"], updated_at=world.clock() - timedelta(days=30))
    world.sync()
    assert world.value("open") == 5
    world.clock.forward(days=1)
    world.sync()
    assert world.value("open") == 6


def test_a_census_that_fails_fails_its_container_and_is_taken_again(world: World) -> None:
    tracker = tracker_of(world)
    tracker.drop("PAY", "PAY-2")
    world.clock.forward(days=1)
    tracker.deleted.add("id:PAY-2")
    listing = tracker.projects["PAY"]
    listing.breaks_census = TryLater("The tracker failed (502).")
    report = world.sync().sources[0]
    assert (report.state, report.error) == (Outcome.FAILED, "The tracker failed (502).")
    assert world.value("open") == 5
    listing.breaks_census = None
    assert world.sync().sources[0].removed == 1
    assert world.value("open") == 4


def test_a_container_whose_census_shows_nobody_is_unobserved(world: World) -> None:
    tracker = tracker_of(world)
    tracker.projects["PAY"].items.clear()
    for _ in range(3):
        world.clock.forward(days=1)
        report = world.sync().sources[0]
        assert report.state is Outcome.FAILED
        assert "suddenly lists none" in (report.error or "")
    assert world.value("open") == 5


def test_the_overlap_is_wide_once_a_day(world: World) -> None:
    tracker = tracker_of(world)
    steps: list[timedelta] = []
    for _ in range(3):
        watermark = known(world, "PAY").watermark
        assert watermark is not None
        tracker.asked.clear()
        world.clock.forward(hours=14)
        world.sync()
        since = dict(tracker.listed)["PAY"]
        assert since is not None
        steps.append(watermark - since)
    assert steps == [OVERLAP, WIDE_OVERLAP, OVERLAP]


def test_a_tracker_whose_clock_is_behind_is_not_read_past(world: World) -> None:
    tracker = tracker_of(world)
    tracker.told = world.clock() - timedelta(hours=3)
    world.sync()
    assert known(world, "PAY").watermark == tracker.told
    tracker.told = world.clock() + timedelta(hours=3)
    world.sync()
    assert known(world, "PAY").watermark == world.clock()


def test_a_query_is_asked_in_every_run_and_kept_whole(world: World) -> None:
    tracker = tracker_of(world)
    tracker.finds["mine"] = {"id:PAY-1", "id:PAY-2", "id:OPS-1"}
    world.queries[SOURCE] = frozenset({"mine"})
    world.sync()
    assert hits(world) == {"mine": {"id:PAY-1", "id:PAY-2", "id:OPS-1"}}
    tracker.finds["mine"] = {"id:PAY-2", "id:PAY-3"}
    world.sync()
    assert hits(world) == {"mine": {"id:PAY-2", "id:PAY-3"}}
    tracker.finds["mine"] = Stop("The field 'mien' does not exist.")
    report = world.sync().sources[0]
    assert (report.state, report.error) == (Outcome.FAILED, "The field 'mien' does not exist.")
    assert hits(world) == {"mine": {"id:PAY-2", "id:PAY-3"}}
    world.queries.clear()
    assert world.sync().sources[0].state is Outcome.OK
    assert hits(world) == {}


def hits(world: World) -> dict[str, frozenset[str]]:
    with world.database.read() as connection:
        return dict(queries.hits(connection, SOURCE))


def test_closed_work_that_moves_between_reads_of_two_containers_counts_once(world: World) -> None:
    tracker = tracker_of(world)
    tracker.change("PAY", "PAY-2", state=State.DONE, closed_at=world.clock())
    tracker.move("PAY-2", "PAY", "OPS")
    world.sync()
    assert world.value("open") == 4


def test_a_rule_with_a_query_waits_for_its_answer_and_follows_it(world: World) -> None:
    tracker = tracker_of(world)
    tracker.finds["mine"] = Stop("The query cannot be read.")
    world.feed("mine", a_rule(a_part(where=where(query="mine"), counts=Counts.OPEN)))
    world.sync()
    assert world.value("mine") is None
    tracker.finds["mine"] = {"id:PAY-1", "id:OPS-1", "id:elsewhere"}
    assert [update.new for update in world.sync().updates] == [2]
    assert (world.sync().entries, world.verify().ok) == ((), True)
    tracker.finds["mine"] = {"id:PAY-1", "id:PAY-3", "id:OPS-2"}
    world.sync()
    assert world.value("mine") == 3
    told = [(each.cause, each.item, int(each.delta)) for each in world.entries("mine")[-1].deltas]
    assert told == [
        (CauseKind.REMOVED, "id:OPS-1", -1),
        (CauseKind.ADDED, "id:OPS-2", 1),
        (CauseKind.ADDED, "id:PAY-3", 1),
    ]
    tracker.finds["mine"] = Stop("The query cannot be read.")
    world.sync()
    assert world.value("mine") == 3
    assert [line.item.key for line in world.explain("mine").measured.lines] == ["OPS-2", "PAY-1", "PAY-3"]
