"""Who an item was before: renamed and reused containers, moved and transferred items, and lists that hide things."""

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.contract import Container, Found, TryLater, Unreadable
from mapping.meaning import selecting
from mapping.rule import Counts
from okrs.demand import Demand
from okrs.immutable import replace
from okrs.work import Kind, Ref, State
from sandbox.clock import SimulatedClock
from sandbox.world import World as Company
from store.database import Database, open_database
from store.lookup import items_of
from store.queries import candidates_of
from sync import roll_call
from sync.listing import COMPLETE_AGAIN
from sync.task import Outcome
from tests.builders import SOURCE, a_part, a_rule, an_item, where
from tests.integration import drill
from tests.integration.fakes import FakeConnector, FakeTracker, Project, World, two_projects


@pytest.fixture
def world(database: Database) -> World:
    return two_projects(database)


def tracker_of(world: World) -> FakeTracker:
    return world.trackers[SOURCE]


def feed(world: World, **selectors: str) -> None:
    world.feed("named", a_rule(a_part(where=where(**selectors), counts=Counts.OPEN)))


# --- names that rules go on using -----------------------------------------------------------------------------------


def test_a_rule_may_name_an_item_by_the_key_it_had_before_it_was_moved(world: World) -> None:
    tracker = tracker_of(world)
    tracker.put("PAY", an_item("PAY-9", kind=Kind.EPIC), an_item("PAY-4", parent=Ref("", "PAY-9")))
    feed(world, epic="PAY-9")
    world.sync()
    assert world.value("named") == 1
    epic = tracker.drop("PAY", "PAY-9")
    tracker.put("OPS", replace(epic, key="OPS-9", projects=()))  # its child still tells the old key
    world.sync()
    assert world.value("named") == 1
    feed(world, epic="OPS-9")
    world.sync()
    assert world.value("named") == 1


def test_a_key_that_somebody_else_has_today_means_that_one(world: World) -> None:
    tracker = tracker_of(world)
    feed(world, key="PAY-1")
    world.sync()
    moved = tracker.drop("PAY", "PAY-1")
    tracker.put("OPS", replace(moved, key="OPS-7", projects=(), state=State.DONE))
    world.sync()
    assert world.value("named") == 0  # the one that was PAY-1, which is done
    tracker.put("PAY", an_item("PAY-1", id="another"))
    world.sync()
    assert world.value("named") == 1


@pytest.mark.parametrize("project", [Ref("#PAY", "CASH"), Ref("CASH")], ids=["by id and name", "by key alone"])
def test_a_rule_may_name_a_container_as_the_config_does_whatever_the_tracker_calls_it(
    world: World, project: Ref
) -> None:
    tracker = tracker_of(world)
    feed(world, project="PAY")
    world.sync()
    assert world.value("named") == 3
    tracker.projects["PAY"].called = "CASH"
    for item in list(tracker.projects["PAY"].items.values()):
        tracker.put("PAY", replace(item, projects=(project,)))
    world.sync()
    assert world.value("named") == 3
    feed(world, project="CASH")
    world.sync()
    assert world.value("named") == 3


def test_a_container_that_the_config_calls_otherwise_has_its_rules_measured_anew(world: World) -> None:
    tracker = tracker_of(world)
    feed(world, project="CASH")
    world.sync()
    assert world.value("named") == 0
    tracker.projects["CASH"] = dataclasses.replace(tracker.projects.pop("PAY"), name="CASH")
    world.sync()
    assert world.value("named") == 3


# --- another one under the same name --------------------------------------------------------------------------------


def test_a_name_that_another_container_took_is_refused_until_a_person_says_that_it_is_meant(world: World) -> None:
    tracker = tracker_of(world)
    tracker.projects["PAY"] = Project("#NEW", "PAY")
    tracker.put("PAY", an_item("PAY-1", id="new"))
    tracker.put("OPS", an_item("OPS-3"))
    report = world.sync().sources[0]
    assert report.state is Outcome.FAILED
    assert "PAY is another one at the tracker" in str(report.error)
    assert "--full" in str(report.error)
    assert world.value("open") == 6  # the other container is read, and nothing of this one left
    assert world.sync(full=True).sources[0].state is Outcome.OK
    assert world.value("open") == 4


def test_queries_are_not_asked_while_a_container_cannot_be_read(world: World) -> None:
    tracker = tracker_of(world)
    tracker.finds["team = core"] = {"id:PAY-1", "id:OPS-1"}
    feed(world, query="team = core")
    world.sync()
    assert world.value("named") == 2
    tracker.projects["PAY"].hidden = True
    tracker.finds["team = core"] = {"id:OPS-1"}  # the tracker shows no more of it
    report = world.sync().sources[0]
    assert "not asked while PAY cannot be read" in str(report.error)
    assert world.value("named") == 2
    tracker.projects["PAY"].hidden = False
    tracker.finds["team = core"] = {"id:PAY-1"}
    assert world.sync().sources[0].state is Outcome.OK
    assert world.value("named") == 1


def test_a_reused_name_can_be_accepted_while_another_container_cannot_be_read(world: World) -> None:
    tracker = tracker_of(world)
    tracker.projects["PAY"] = Project("#NEW", "PAY")
    tracker.put("PAY", an_item("PAY-1", id="new"))
    tracker.projects["OPS"].hidden = True
    world.sync(full=True)
    assert world.value("open") == 3  # one new, and two that are kept as last seen
    tracker.projects["OPS"].hidden = False
    assert world.sync().sources[0].state is Outcome.OK
    assert world.value("open") == 3


def test_passing_trouble_of_a_container_costs_no_complete_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = tracker_of(world)
    found = FakeConnector.containers

    def half(connector: FakeConnector) -> list[Container | Unreadable]:
        return [Unreadable("PAY", "The tracker failed (502).", passing=True), *found(connector)[1:]]

    with monkeypatch.context() as broken:
        broken.setattr(FakeConnector, "containers", half)
        assert world.sync().sources[0].state is Outcome.FAILED
    tracker.asked.clear()
    world.sync()
    assert None not in [since for _, since in tracker.listed]


# --- the same work twice --------------------------------------------------------------------------------------------


def transfer(tracker: FakeTracker, key: str, new: str) -> None:
    """Transfer an item as GitHub does: a new id, the old one leads there."""
    held = tracker.drop("PAY", key)
    there = replace(held, id=f"id:{new}", key=new, projects=())
    tracker.put("OPS", there)
    tracker.elsewhere[held.id] = tracker.projects["OPS"].items[there.id]


def test_a_transferred_item_is_not_counted_twice_until_the_census(world: World) -> None:
    tracker = tracker_of(world)
    feed(world, key="PAY-2")
    world.sync()
    transfer(tracker, "PAY-2", "OPS-9")
    world.sync()
    assert tracker.counted == []
    assert tracker.looked_up == ["id:PAY-2"]
    assert world.value("open") == 5
    assert world.value("named") == 1  # under its new id it is still the one that the rule names


def test_a_transfer_whose_look_up_failed_is_looked_into_by_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = tracker_of(world)
    transfer(tracker, "PAY-2", "OPS-9")

    def fail(*_: object) -> dict[str, Found]:
        raise TryLater("The tracker failed (502).")

    with monkeypatch.context() as broken:
        broken.setattr(FakeConnector, "look_up", fail)
        assert world.sync().sources[0].state is Outcome.FAILED
    assert world.sync().sources[0].state is Outcome.OK
    assert world.value("open") == 5
    assert tracker.counted == []
    world.sync()
    assert tracker.looked_up == ["id:PAY-2"]  # once was enough


def test_more_arrivals_than_can_be_looked_into_are_for_a_census(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roll_call, "MOST_ARRIVALS", 1)
    tracker = tracker_of(world)
    for number in (1, 2):
        transfer(tracker, f"PAY-{number}", f"OPS-{number + 10}")
    world.sync()
    assert world.value("open") == 5
    assert sorted(tracker.counted) == ["OPS", "PAY"]
    world.sync()
    assert len(tracker.counted) == 2


def test_new_items_are_no_arrivals(world: World) -> None:
    tracker = tracker_of(world)
    tracker.put("OPS", replace(an_item("OPS-9"), title="About PAY-2", created_at=world.clock.now))
    world.sync()
    assert tracker.looked_up == []
    assert world.value("open") == 6


def test_a_look_alike_that_is_still_there_stays(world: World) -> None:
    tracker = tracker_of(world)
    twin = next(each for each in tracker.projects["PAY"].items.values() if each.key == "PAY-2")
    tracker.put("OPS", replace(twin, id="copy", key="OPS-9", projects=()))
    world.sync()
    assert tracker.looked_up == ["id:PAY-2"]
    assert world.value("open") == 6


# --- what lists hide ------------------------------------------------------------------------------------------------


def test_deleted_items_are_noticed_behind_any_number_of_archived_ones(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roll_call, "LOOK_UPS", 4)
    monkeypatch.setattr(roll_call, "LOOK_UPS_AGAIN", 2)
    tracker = tracker_of(world)
    archived = [an_item(f"PAY-{number}") for number in range(10, 22)]
    tracker.put("PAY", *archived)
    world.sync()
    tracker.projects["PAY"].unlisted |= {each.id for each in archived}
    for _ in range(6):
        world.sync(full=True)
    tracker.drop("PAY", "PAY-3")  # its id sorts behind theirs
    before = world.value("open")
    for _ in range(2):
        world.sync(full=True)
    assert before is not None
    assert world.value("open") == before - 1
    tracker.drop("PAY", "PAY-21")  # archived, and then deleted: found when its turn comes
    for _ in range(12):
        world.sync(full=True)
    assert world.value("open") == before - 2


def test_a_project_that_shows_only_its_milestones_has_lost_its_work(world: World) -> None:
    tracker = tracker_of(world)
    tracker.put("PAY", an_item("v1", kind=Kind.MILESTONE))
    world.sync()
    tracker.projects["PAY"].unlisted |= {f"id:PAY-{number}" for number in (1, 2, 3)}
    found = tracker.projects["PAY"].items
    for key in ("PAY-1", "PAY-2", "PAY-3"):
        del found[f"id:{key}"]
    for _ in range(3):
        report = world.sync(full=True).sources[0]
        assert report.state is Outcome.FAILED
        assert "suddenly lists none" in str(report.error)
    assert world.value("open") == 5


def test_a_turnover_within_a_day_of_the_weekly_read_is_no_lost_permission(world: World) -> None:
    """Everything that was there was deleted, and the complete listing comes before the census."""
    tracker = tracker_of(world)
    for _ in range(6):
        world.clock.forward(days=1)
        world.sync()
    world.clock.forward(hours=12)
    tracker.deleted |= {tracker.drop("PAY", f"PAY-{number}").id for number in (1, 2, 3)}
    tracker.put("PAY", *[an_item(f"PAY-{number}", created_at=world.clock.now) for number in (4, 5)])
    world.clock.forward(days=1)
    assert world.sync().sources[0].state is Outcome.OK
    assert world.value("open") == 4
    assert world.sync().sources[0].state is Outcome.OK


def test_a_lost_permission_is_asked_about_with_few_look_ups(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roll_call, "IN_DOUBT", 2)
    tracker = tracker_of(world)
    tracker.projects["PAY"].items.clear()
    for _ in range(3):
        tracker.looked_up.clear()
        assert world.sync(full=True).sources[0].state is Outcome.FAILED
        assert len(tracker.looked_up) == 2
    assert world.value("open") == 5


def test_pages_of_a_read_that_failed_do_not_come_in_by_a_look_up(world: World) -> None:
    tracker = tracker_of(world)
    for number in (1, 2):
        tracker.change("OPS", f"OPS-{number}", state=State.DONE)
    tracker.projects["OPS"].breaks = (1, TryLater("The tracker failed (502)."))
    tracker.put("OPS", an_item("OPS-3"), an_item("OPS-4"))
    tracker.move("PAY-2", "PAY", "OPS")
    report = world.sync(full=True).sources[0]
    assert report.state is Outcome.FAILED
    assert world.value("open") == 5  # the move is seen, and nothing of the broken listing


def test_once_a_week_everything_is_listed(world: World) -> None:
    tracker = tracker_of(world)
    held = tracker.projects["PAY"].items
    feed(world, label="new name")
    world.sync()
    world.clock.forward(hours=2)
    world.sync()
    world.clock.forward(hours=2)
    for name, item in held.items():  # a label is renamed: nothing is stamped
        held[name] = replace(item, labels=("new name",))
    world.sync()
    assert world.value("named") == 0
    world.clock.forward(days=COMPLETE_AGAIN.days)
    tracker.asked.clear()
    world.sync()
    assert [since for _, since in tracker.listed] == [None, None]
    assert world.value("named") == 3
    tracker.asked.clear()
    world.sync()
    assert None not in [since for _, since in tracker.listed]


# --- the same against the emulated tracker --------------------------------------------------------------------------


def test_a_repository_renamed_and_an_issue_transferred_on_github(tmp_path: Path) -> None:
    clock = SimulatedClock(drill.START)
    company = Company(clock)
    company.add_user("Mira", "mira")
    web, api = (company.add_project("github", name, f"acme/{name}") for name in ("web", "api"))
    epic = company.create(web, "Epic", "Task")
    for title in ("One", "Two"):
        company.create(web, title, "Task", parent=epic)
    database = open_database(f"sqlite:///{tmp_path / 'followed.db'}", create=True)

    def selected(**selectors: str) -> int:
        with database.read() as connection:
            mirror = candidates_of(connection, drill.SOURCE)
        return sum(selecting(where(**selectors))(each) for each in mirror)

    with drill.serving("github", company) as sandbox:

        def sync() -> None:
            clock.advance(timedelta(minutes=30))
            source = drill.source_of("github", sandbox, [web, api], Demand(), repositories=("acme/web", "acme/api"))
            (report,) = drill.engine_of(source, database, clock).sync().sources
            assert report.state is Outcome.OK, report

        sync()
        key = f"acme/web#{epic.number}"
        assert (selected(project="acme/web"), selected(epic=key)) == (3, 2)
        company.rename_project(web, "acme/site")
        sync()
        assert (selected(project="acme/web"), selected(epic=key)) == (3, 2)
        assert (selected(project="acme/site"), selected(epic=f"acme/site#{epic.number}")) == (3, 2)
        one = next(each for each in company.items.values() if each.title == "One")
        company.transfer(one, api)
        sync()
        with database.read() as connection:
            titles = [each.item.title for each in items_of(connection, drill.SOURCE)]
        assert sorted(titles) == ["Epic", "One", "Two"]
    database.close()
