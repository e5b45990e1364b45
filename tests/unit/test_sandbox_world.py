"""Edits of the sandbox's world stamp what the real trackers stamp; clocks and JQL keep their promises."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.clock import RealClock, SimulatedClock
from sandbox.jql import JqlError, parse
from sandbox.records import Item
from sandbox.world import World

NOW = datetime(2026, 11, 18, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def world() -> World:
    """One epic with one story in PAY, one task in PLAT, an issue of a milestone, and an Asana task."""
    made = World(SimulatedClock(NOW))
    pay = made.add_project("jira", "Payments", "PAY")
    plat = made.add_project("jira", "Platform", "PLAT")
    web = made.add_project("github", "web", "acme/web")
    launch = made.add_project("asana", "Launch", sections=("To do",))
    epic = made.create(pay, "One click", "Epic")
    made.create(pay, "Button", "Story", parent=epic)
    made.create(plat, "Move", "Task")
    made.create(web, "Banner", milestone=made.add_milestone(web, "v1"))
    made.create(launch, "Plan", "default_task")
    made.clock.advance(MINUTE)
    return made


def select(world: World, text: str) -> list[str]:
    found = parse(text, {"PAY", "PLAT"}, world.clock.now())
    jira = [item for item in world.items.values() if item.project.tracker == "jira"]
    return [item.key for item in found.select(jira)]


def test_closing_and_reopening_keep_dates_and_reasons(world: World) -> None:
    story = world.item("PAY-2")
    world.close(story)
    assert (story.state, story.closed, story.resolution, story.updated) == ("done", NOW + MINUTE, "Done", NOW + MINUTE)
    world.reopen(story)
    assert (story.state, story.closed, story.resolution) == ("todo", None, None)
    world.cancel(story)
    assert (story.state, story.resolution) == ("cancelled", "Won't Do")
    issue = world.item("acme/web#1")
    world.cancel(issue)
    assert issue.resolution == "not_planned"
    world.reopen(issue)
    assert issue.resolution == "reopened"


def test_another_status_of_the_same_category_is_a_step_that_leaves_the_state(world: World) -> None:
    story = world.item("PAY-2")
    world.start(story)
    world.clock.advance(MINUTE)
    world.set_stage(story, "In Review")
    assert (story.state, story.changed, story.updated) == ("doing", NOW + MINUTE, NOW + 2 * MINUTE)
    assert select(world, 'status = "In Review"') == ["PAY-2"]
    assert select(world, 'status = "In Progress"') == []
    world.close(story)
    assert [(change.state, change.stage) for change in story.history] == [
        ("todo", ""),
        ("doing", ""),
        ("doing", "In Review"),
        ("done", ""),
    ]


def test_asana_rejects_approvals_and_deletes_other_tasks_that_are_given_up(world: World) -> None:
    launch = next(one for one in world.projects if one.tracker == "asana")
    approval = world.create(launch, "Terms", "approval")
    world.cancel(approval)
    assert approval.state == "cancelled"
    (plan, *_) = world.items_of(launch)
    world.block(approval, [plan])
    child = world.create(launch, "Step", "default_task", parent=plan)
    world.cancel(plan)
    assert world.items_of(launch) == [approval]
    assert child.id not in world.items
    assert approval.blocked_by == []


def test_what_the_trackers_do_not_stamp_is_not_stamped(world: World) -> None:
    issue, epic = world.item("acme/web#1"), world.item("PAY-1")
    world.rename_milestone(world.milestone("v1"), "v2")
    world.release(world.milestone("v2"))
    world.create(epic.project, "Another", "Story", parent=epic)
    world.close(world.item("PAY-2"))
    assert (issue.updated, epic.updated) == (NOW, NOW)
    assert world.milestone("v2").updated == NOW + MINUTE
    world.delete_milestone(world.milestone("v2"))
    assert (issue.milestone, issue.updated) == (None, NOW)


def test_every_other_edit_is_stamped(world: World) -> None:
    story, epic = world.item("PAY-2"), world.item("PAY-1")
    other = world.create(epic.project, "Two clicks", "Epic")
    edits: list[Callable[[], None]] = [
        lambda: world.retitle(story, "New"),
        lambda: world.relabel(story, ["p1"]),
        lambda: world.estimate(story, 5.0),
        lambda: world.assign(story, world.add_user("Mira", "mira")),
        lambda: world.move(story, parent=other),
        lambda: world.detach(story),
        lambda: world.start(story),
    ]
    for edit in edits:
        world.clock.advance(MINUTE)
        edit()
        assert story.updated == world.clock.now()
    assert (story.title, story.labels, story.points, story.parent, story.state) == ("New", ["p1"], 5.0, None, "doing")


def test_a_jira_issue_that_moves_keeps_its_id_and_gets_a_new_key(world: World) -> None:
    story = world.item("PAY-2")
    world.move_project(story, world.project("PLAT"))
    assert (story.key, world.item("PLAT-2").id) == ("PLAT-2", story.id)
    with pytest.raises(ValueError, match="cannot move"):
        world.move_project(story, world.project("acme/web"))
    with pytest.raises(KeyError):
        world.item("PAY-2")


def test_children_of_a_deleted_epic_stay(world: World) -> None:
    story: Item = world.item("PAY-2")
    world.delete(world.item("PAY-1"))
    assert (story.parent, story.updated) == (None, NOW)
    assert story.id in world.items


def test_jql_selects_by_project_key_and_date_and_sorts(world: World) -> None:
    world.clock.advance(timedelta(minutes=10))
    world.retitle(world.item("PAY-1"), "One click for all")
    assert select(world, 'project = "PAY" ORDER BY key DESC') == ["PAY-2", "PAY-1"]
    assert select(world, "project IN (PAY, 'PLAT') order by created asc, key asc") == ["PAY-1", "PAY-2", "PLAT-1"]
    assert select(world, 'project = PAY AND updated >= "-5m"') == ["PAY-1"]
    assert select(world, "issuekey in (PAY-2)") == ["PAY-2"]
    assert select(world, "project in (PAY, PLAT) ORDER BY updated, key DESC") == ["PLAT-1", "PAY-2", "PAY-1"]


def test_a_jql_date_without_a_zone_is_in_the_accounts_own(world: World) -> None:
    assert select(world, 'updated >= "2026-11-18 09:00" ORDER BY key') == []
    assert select(world, 'updated >= "2026-11-18 04:00" AND project = PLAT') == ["PLAT-1"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Unbounded"),
        ("ORDER BY key", "Unbounded"),
        ("project = NOPE", "'NOPE' does not exist"),
        ("project = PAY OR project = PLAT", "Expecting 'AND'"),
        ("project = ", "ends too early"),
        ("assignee = me", "Field 'assignee'"),
        ("project != PAY", "operator '!='"),
        ('updated >= "yesterday"', "Date value 'yesterday'"),
        ("project = PAY ORDER BY rank", "'rank'"),
        ('project = "PAY', "character 10"),
    ],
)
def test_jql_beyond_the_subset_is_an_error_that_says_why(world: World, text: str, why: str) -> None:
    with pytest.raises(JqlError, match=why):
        select(world, text)


def test_a_simulated_clock_never_passes_its_latest_and_never_goes_back() -> None:
    latest = NOW + timedelta(hours=1)
    clock = SimulatedClock(NOW, lambda: latest)
    clock.advance(timedelta(minutes=30))
    assert clock.now() == NOW + timedelta(minutes=30)
    clock.advance(timedelta(days=1))
    assert clock.now() == latest
    latest = NOW
    clock.advance(MINUTE)
    assert clock.now() == NOW + timedelta(hours=1)
    with pytest.raises(ValueError, match="back"):
        clock.advance(-MINUTE)
    with pytest.raises(ValueError, match="aware"):
        SimulatedClock(datetime(2026, 1, 1))  # noqa: DTZ001 - what must be refused


def test_real_time_passes_by_itself() -> None:
    clock = RealClock()
    clock.advance(timedelta(days=1000))
    assert datetime.now(UTC) - clock.now() < timedelta(days=1)
