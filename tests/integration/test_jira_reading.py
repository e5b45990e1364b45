"""What is read of sprints, links, histories and estimates, on Cloud and Data Center, and how many requests it takes."""

from collections.abc import Iterator
from datetime import timedelta
from math import ceil

import pytest

from connectors.contract import (
    Container,
    CredentialsRefused,
    Cursor,
    Demand,
    Extra,
    ExtraRefused,
    MalformedAnswer,
    Stop,
)
from connectors.jira.client import Jira
from connectors.jira.site import Knowledge
from okrs.immutable import replace
from okrs.work import Kind, Ref, State
from sandbox import jira_center
from sandbox.jira import CLOUD_ID, WITH_SCOPES
from sandbox.jira_shapes import STORY_POINTS
from sandbox.server import Sandbox
from sandbox.world import World
from tests.integration.jira_sandbox import EVERYTHING, MODES, START, Mode, jira, new_world, only, pages, read, settings

SPRINTS = Demand(sprints=True)
HISTORIES = Demand(histories=True)
POINTS = Demand(frozenset({"story_points"}))
SOON = START + timedelta(hours=1)
OVERLAP = timedelta(minutes=15)


@pytest.fixture
def world() -> World:
    return new_world()


@pytest.fixture(params=MODES)
def sandbox(world: World, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(world, jira_mode=request.param) as sandbox:
        yield sandbox


def test_everything_at_once(world: World, sandbox: Sandbox) -> None:
    project = world.project("PAY")
    sprint = world.add_sprint(project, "Sprint 1, [id=9] or so")
    epic = world.create(project, "Checkout", "Epic")
    story = world.create(project, "Pay", "Story", parent=epic, points=3.0)
    task = world.create(project, "Part", "Sub-task", parent=story)
    other = world.create(world.project("PLAT"), "Cluster", "Task")
    world.plan(story, sprint)
    world.link(story, other)
    world.link(epic, story)
    world.clock.advance(timedelta(hours=1))
    world.start(story)
    world.clock.advance(timedelta(hours=1))
    world.cancel(story)
    with jira(sandbox) as connector:
        items, _ = read(connector, EVERYTHING)
    seen = items["Pay"]
    assert items["Checkout"].kind is Kind.EPIC
    assert seen.parent == Ref(str(epic.id) if sandbox.jira_mode == "cloud" else "", epic.key)
    assert items["Part"].parent == Ref(str(story.id), story.key)
    assert (items["Part"].kind, items["Part"].key) == (Kind.SUBTASK, task.key)
    assert seen.fields == (("story_points", "3"),)
    assert seen.sprints == (f"sprint:{sprint.id}",)
    assert seen.refs == (other.key, epic.key)
    assert [(step.at - START, step.state, step.status, step.resolution) for step in seen.history] == [
        (timedelta(0), State.TODO, "To Do", None),
        (timedelta(hours=1), State.DOING, "In Progress", None),
        (timedelta(hours=2), State.CANCELLED, "Cancelled", "Won't Do"),
    ]
    assert [step.state for step in items["Part"].history] == [State.TODO]
    assert items[sprint.title].key == f"PAY/sprint/{sprint.id}"


def test_nothing_that_is_not_demanded_is_brought_or_asked_for(world: World, sandbox: Sandbox) -> None:
    project = world.project("PAY")
    story = world.create(project, "Pay", "Story")
    world.plan(story, world.add_sprint(project, "Sprint 1"))
    world.link(story, world.create(project, "Other", "Story"))
    with jira(sandbox) as connector:
        items, kept = read(connector)
    assert (items["Pay"].sprints, items["Pay"].refs, items["Pay"].history, kept) == ((), (), (), {})
    assert not [path for _, _, path, _ in sandbox.log if "agile" in path or "changelog" in path or "links" in path]


def test_sprints_come_from_all_pages_of_a_board_and_end(world: World, sandbox: Sandbox) -> None:
    project = world.project("PAY")
    sprints = [world.add_sprint(project, f"Sprint {number}") for number in range(120)]
    world.begin_sprint(sprints[0])
    world.begin_sprint(sprints[1])
    world.clock.advance(timedelta(days=14))
    world.end_sprint(sprints[0])
    with jira(sandbox) as connector:
        items, kept = read(connector, SPRINTS)
    assert len(items) == 120
    ended, active, future = items["Sprint 0"], items["Sprint 1"], items["Sprint 2"]
    assert (ended.state, active.state, future.state) == (State.DONE, State.DOING, State.TODO)
    assert (ended.closed_at, active.closed_at) == (world.clock.now(), None)
    assert ended.kind is Kind.SPRINT
    assert kept["boards"] == str(project.id)


def test_a_kanban_board_is_not_asked_and_a_board_that_refuses_has_none(world: World, sandbox: Sandbox) -> None:
    world.create(world.project("PAY"), "Pay", "Story")
    with jira(sandbox) as connector:
        assert list(read(connector, SPRINTS)[0]) == ["Pay"]
    assert sandbox.requests["jira", "sprints"] == 0
    world.add_sprint(world.project("PAY"), "Sprint 1")
    sandbox.faults.status(400, tracker="jira", path="/sprint")
    with jira(sandbox) as connector:
        items, kept = read(connector, SPRINTS)
        assert list(items) == ["Pay"]
        sandbox.requests.clear()
        world.clock.advance(SOON - START)
        items, again = read(connector, SPRINTS, now=SOON, since=START + OVERLAP, memo=kept)
        assert (list(items), sandbox.requests["jira", "sprints"]) == ([], 0)
        assert again["boards"] == kept["boards"]
        assert {name: again[name] for name in kept} == kept


def test_a_quiet_poll_asks_two_things_and_one_for_each_board_with_sprints(world: World, sandbox: Sandbox) -> None:
    project = world.project("PAY")
    for number in range(130):
        world.end_sprint(world.add_sprint(project, f"Sprint {number}"))
    running = world.add_sprint(project, "Running")
    world.create(project, "Pay", "Story")
    with jira(sandbox) as connector:
        _, kept = read(connector, EVERYTHING)
    world.clock.advance(timedelta(hours=1))
    world.begin_sprint(running)
    for day, budget in ((SOON, 3), (SOON + timedelta(days=1), 2 + 1 + 3)):
        # On a new day the boards are listed anew, and all sprints with them: three pages.
        sandbox.requests.clear()
        with jira(sandbox) as connector:
            items, again = read(connector, EVERYTHING, now=day, since=day - OVERLAP, memo=kept)
            assert connector.requests == sandbox.total("jira") == budget
        assert items["Running"].state is State.DOING
        assert again["boards"] == kept["boards"]


@pytest.mark.parametrize("count", [0, 1, 100, 250])
@pytest.mark.parametrize("demand", [Demand(), POINTS, Demand(refs=True)])
def test_a_first_read_stays_within_its_budget(world: World, sandbox: Sandbox, count: int, demand: Demand) -> None:
    for number in range(count):
        world.create(world.project("PAY"), f"Story {number}", "Story")
    with jira(sandbox) as connector:
        items, _ = read(connector, demand)
        assert len(items) == count
        assert connector.requests <= max(1, ceil(count / 100)) + 3


def test_every_project_costs_two_in_a_quiet_poll(world: World, sandbox: Sandbox) -> None:
    cursor = Cursor(now=SOON, since=SOON - OVERLAP)
    with jira(sandbox, projects=["PAY", "PLAT"]) as connector:
        for container in connector.containers():
            assert isinstance(container, Container)
            assert [page.items for page in pages(connector, container, cursor, POINTS)] == [()]
        assert connector.requests == 2 * 2


def test_a_twin_asks_nothing_that_is_known_and_keeps_its_own_count(world: World, sandbox: Sandbox) -> None:
    project = world.project("PAY")
    for number in range(150):
        world.create(project, f"Story {number}", "Story", points=1.0)
    with jira(sandbox) as connector:
        container = only(connector)
        first = connector.changed(container, Cursor(now=START), EVERYTHING)
        sandbox.requests.clear()
        twin = connector.twin()
        second = twin.changed(container, Cursor(now=START, resume=first.following[0]), EVERYTHING)
        assert len(second.items) >= 50
        assert {name for _, name in sandbox.requests} <= {"search", "changelogs"}
        assert twin.requests == sandbox.total("jira") < connector.requests
        twin.close()
        assert list(connector.changed(container, Cursor(now=START), Demand()).items)


def test_pages_of_data_center_are_all_named_at_once_and_overlap(world: World) -> None:
    project = world.project("PAY")
    for number in range(350):
        world.create(project, f"Story {number}", "Story")
    with Sandbox(world, jira_mode="data_center") as sandbox, jira(sandbox) as connector:
        container, cursor = only(connector), Cursor(now=START)
        first = connector.changed(container, cursor, Demand())
        assert (len(first.following), first.total) == (3, 350)
        for item in [world.item(f"PAY-{number}") for number in range(1, 6)]:
            world.delete(item)  # every later issue moves up by five
        grown = world.create(project, "Late", "Story")
        found = {item.title for item in first.items}
        for resume in reversed(first.following):
            page = connector.changed(container, replace(cursor, resume=resume), Demand())
            found |= {item.title for item in page.items}
            assert page.following == ()
        assert found == {f"Story {number}" for number in range(350)} | {grown.title}


def test_time_and_edits_between_the_pages_of_a_poll_lose_nothing(world: World) -> None:
    """Each page of Data Center counts its window back from when it is asked: minutes later it must still be as wide."""
    project, clock = world.project("PAY"), world.clock
    for number in range(30):
        world.create(project, f"Before {number}", "Story")  # beyond the window, until it grows
    clock.advance(timedelta(seconds=75))
    since = clock.now()
    wanted = [world.create(project, f"Story {number}", "Story") for number in range(450)]
    clock.advance(timedelta(minutes=20))
    with Sandbox(world, jira_mode="data_center") as sandbox:
        connector = Jira(settings(sandbox), known=Knowledge(clock=lambda: clock.now().timestamp()))
        container, cursor = only(connector), Cursor(now=clock.now(), since=since)
        found, asked = set[str](), list[str | None]([None])
        while asked:
            page = connector.changed(container, replace(cursor, resume=asked.pop(0)), Demand())
            found |= {item.id for item in page.items}
            asked += page.following
            clock.advance(timedelta(seconds=50))
            for item in wanted[len(found) % 7 :: 11]:
                world.retitle(item, "Another title")
        connector.close()
    assert {str(item.id) for item in wanted} <= found


def test_the_window_reaches_back_to_the_cursor_when_other_projects_were_read_before(world: World) -> None:
    story = world.create(world.project("PAY"), "Pay", "Story")
    world.clock.advance(timedelta(minutes=20))
    for mode in MODES:
        with Sandbox(world, jira_mode=mode) as sandbox:
            connector = Jira(settings(sandbox), known=Knowledge(clock=lambda: world.clock.now().timestamp()))
            container, cursor = only(connector), Cursor(now=world.clock.now(), since=story.updated)
            world.clock.advance(timedelta(minutes=30))
            assert [item.key for item in connector.changed(container, cursor, Demand()).items] == ["PAY-1"]
            connector.close()


def test_a_total_that_grows_names_one_page_more(world: World) -> None:
    project = world.project("PAY")
    for number in range(150):
        world.create(project, f"Story {number}", "Story")
    with Sandbox(world, jira_mode="data_center") as sandbox, jira(sandbox) as connector:
        container, cursor = only(connector), Cursor(now=START)
        first = connector.changed(container, cursor, Demand())
        for number in range(150, 300):
            world.create(project, f"Story {number}", "Story")
        found, asked = [item.title for item in first.items], list(first.following)
        while asked:
            page = connector.changed(container, replace(cursor, resume=asked.pop()), Demand())
            found += [item.title for item in page.items]
            asked += page.following
    assert set(found) == {f"Story {number}" for number in range(300)}


def test_a_history_that_search_cuts_is_asked_for_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jira_center, "CUT", 2)
    story = world.create(world.project("PAY"), "Pay", "Story")
    for edit in (world.start, world.close, world.reopen, world.start, world.close):
        world.clock.advance(timedelta(hours=1))
        edit(story)
    with Sandbox(world, jira_mode="data_center") as sandbox, jira(sandbox) as connector:
        history = read(connector, HISTORIES)[0]["Pay"].history
        assert sandbox.requests["jira", "issue"] == 1
    assert [step.state for step in history] == [State.TODO, State.DOING, State.DONE] * 2


def test_a_history_with_holes_is_left_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    story = world.create(world.project("PAY"), "Pay", "Story")
    for edit in (world.start, world.close, world.reopen):
        edit(story)
    with Sandbox(world, jira_mode="data_center") as sandbox, jira(sandbox) as connector:
        api = sandbox.apis["jira"]
        whole = api.changelog  # type: ignore[attr-defined]  # the sandbox's own Jira
        monkeypatch.setattr(api, "changelog", lambda item, expand, _most: whole(item, expand, 2))
        assert read(connector, HISTORIES)[0]["Pay"].history == ()


def test_a_done_issue_of_which_the_changelog_tells_nothing_has_no_history(
    world: World, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    todo, done = (world.create(world.project("PAY"), title, "Story") for title in ("Open", "Pay"))
    world.clock.advance(timedelta(hours=3))
    world.close(done)
    shapes = sandbox.apis["jira"].shapes  # type: ignore[attr-defined]  # the sandbox's own Jira
    monkeypatch.setattr(shapes, "histories", lambda _item: [])
    with jira(sandbox) as connector:
        items, _ = read(connector, HISTORIES)
    assert (items["Pay"].history, items["Pay"].closed_at) == ((), world.clock.now())
    assert [(step.at, step.state) for step in items["Open"].history] == [(todo.created, State.TODO)]


def test_a_sprint_of_a_foreign_board_lives_in_the_project_of_that_board(world: World, sandbox: Sandbox) -> None:
    project, platform = world.project("PAY"), world.project("PLAT")
    world.add_sprint(project, "Own")
    shared = [world.add_sprint(platform, f"Shared {number}") for number in range(2)]
    for one in shared:
        one.project = project  # both boards show it; its own one is the other
    shapes = sandbox.apis["jira"].shapes  # type: ignore[attr-defined]  # the sandbox's own Jira
    plain = shapes.sprint
    shapes.sprint = lambda one: plain(one) | ({"originBoardId": platform.id} if one in shared else {})
    keys = {"Own": "PAY", "Shared 0": "PLAT", "Shared 1": "PLAT"}
    with jira(sandbox) as connector:
        items, _ = read(connector, SPRINTS)
        assert {title: item.key.split("/")[0] for title, item in items.items()} == keys
        assert sandbox.requests["jira", "board"] == 1
    platform.hidden = True
    with jira(sandbox) as connector:
        items, _ = read(connector, SPRINTS)
    assert {item.key.split("/")[0] for item in items.values()} == {"PAY"}


def test_histories_of_cloud_come_page_by_page(world: World) -> None:
    for number in range(3):
        story = world.create(world.project("PAY"), f"Story {number}", "Story")
        for edit in (world.start, world.close):
            world.clock.advance(timedelta(hours=1))
            edit(story)
    with Sandbox(world) as sandbox, jira(sandbox) as connector:
        items, _ = read(connector, HISTORIES)
        assert sandbox.requests["jira", "changelogs"] == 1
        sandbox.faults.page_caps["jira"] = 5
        again, _ = read(connector, HISTORIES)
        assert sandbox.requests["jira", "changelogs"] == 3
    assert items == again
    assert {len(item.history) for item in items.values()} == {3}


def test_story_points_are_found_by_their_schema(world: World, sandbox: Sandbox) -> None:
    world.create(world.project("PAY"), "Pay", "Story", points=5.0)
    for name in ("story_points", "Story Points", "story point estimate"):
        with jira(sandbox) as connector:
            assert read(connector, Demand(frozenset({name})))[0]["Pay"].fields == ((name, "5"),)
    with jira(sandbox, fields={"story_points": STORY_POINTS}) as connector:
        assert read(connector, POINTS)[0]["Pay"].number("story_points") == 5


def test_a_token_with_scopes_goes_through_the_gateway_and_links_lead_to_the_site(world: World) -> None:
    story = world.create(world.project("PAY"), "Pay", "Story")
    world.plan(story, world.add_sprint(world.project("PAY"), "Sprint 1"))
    with Sandbox(world) as sandbox:
        with jira(sandbox, scoped=True) as connector:
            items, _ = read(connector, EVERYTHING)
            assert "a token with scopes" in connector.check().detail
        assert {path.split("/rest/")[0] for _, _, path, _ in sandbox.log} == {f"/ex/jira/{CLOUD_ID}"}
        assert items["Pay"].url == f"{sandbox.urls['jira']}/browse/PAY-1"
        with (
            jira(sandbox, scoped=True, cloud_id="another") as connector,
            pytest.raises(CredentialsRefused, match="Check `cloud_id`"),
        ):
            connector.containers()
        with (
            jira(sandbox, email=None, token="wrong") as connector,
            pytest.raises(CredentialsRefused, match="On Cloud, a token needs `email:` beside it"),
        ):
            connector.containers()
        with (
            jira(sandbox, token=WITH_SCOPES) as connector,
            pytest.raises(CredentialsRefused, match=r"scopes needs `cloud_id:`.*/_edge/tenant_info"),
        ):
            connector.containers()


def test_boards_that_are_refused_are_told_with_the_scopes_they_need(world: World, sandbox: Sandbox) -> None:
    """Sprints alone: a token without a scope for them is a good one for issues, though the gateway says 401."""
    for status, told in ((401, "read:sprint:jira-software"), (403, "read:sprint:jira-software"), (404, "no boards")):
        sandbox.faults.status(status, tracker="jira", path="/rest/agile")
        with jira(sandbox) as connector, pytest.raises(ExtraRefused, match=told) as caught:
            read(connector, SPRINTS)
        assert list(caught.value.refused) == [Extra.SPRINTS]


def test_changelogs_that_are_refused_are_told_with_the_scope_they_need(world: World, sandbox: Sandbox) -> None:
    world.create(world.project("PAY"), "Pay", "Story")
    if sandbox.jira_mode == "data_center":  # where they come with the issues
        return
    for status in (401, 403):
        sandbox.faults.status(status, tracker="jira", path="/changelog/bulkfetch")
        with jira(sandbox) as connector, pytest.raises(ExtraRefused, match=r"read:issue\.changelog:jira") as caught:
            read(connector, HISTORIES)
        assert list(caught.value.refused) == [Extra.HISTORIES]


def test_a_board_that_was_deleted_since_stops_no_poll(world: World, sandbox: Sandbox) -> None:
    world.add_sprint(world.project("PAY"), "Sprint 1")
    with jira(sandbox) as connector:
        _, kept = read(connector, SPRINTS)
        sandbox.faults.status(404, tracker="jira", path="/sprint")
        assert read(connector, SPRINTS, now=SOON, since=START, memo=kept)[0] == {}
        sandbox.faults.status(404, tracker="jira", path="/sprint")
        with pytest.raises(Stop):
            read(connector, SPRINTS)


@pytest.mark.parametrize("mode", MODES)
def test_what_the_index_notices_late_is_found_in_the_overlap(world: World, mode: Mode) -> None:
    story = world.create(world.project("PAY"), "Pay", "Story")
    world.clock.advance(timedelta(hours=1))
    world.lag = lambda: timedelta(minutes=2)
    with Sandbox(world, jira_mode=mode) as sandbox:
        with jira(sandbox) as connector:
            watermark = world.clock.now()
            world.close(story)
            world.clock.advance(timedelta(minutes=1))
            assert read(connector, now=world.clock.now(), since=watermark)[0] == {}  # the index sleeps
            run = world.clock.now()
            world.clock.advance(timedelta(minutes=5))
            assert read(connector, now=world.clock.now(), since=run)[0] == {}  # without an overlap it is lost
            late, _ = read(connector, now=world.clock.now(), since=run - OVERLAP)
        assert late["Pay"].state is State.DONE


def test_a_listing_that_ends_too_early_is_not_believed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        world.create(world.project("PAY"), f"Story {number}", "Story")
    with Sandbox(world) as sandbox, jira(sandbox) as connector:
        api = sandbox.apis["jira"]
        whole = api.select  # type: ignore[attr-defined]  # the sandbox's own Jira
        counted = iter([30, 40, 37, 40])
        monkeypatch.setattr(api, "select", lambda query: whole(query)[: next(counted)])
        with pytest.raises(MalformedAnswer, match=r"cut .* short: it counts about 40, and gave 30"):
            read(connector)
        assert len(read(connector)[0]) == 37  # a handful less is no difference


@pytest.mark.parametrize("demand", [HISTORIES, POINTS, Demand(refs=True)])
def test_a_list_that_had_to_be_asked_for_leaves_room_for_the_count(world: World, demand: Demand) -> None:
    for number in range(150):
        world.create(world.project("PAY"), f"Story {number}", "Story")
    with Sandbox(world) as sandbox, jira(sandbox) as connector:
        read(connector, demand)
        assert sandbox.requests["jira", "count"] == 1
        pages = 2 if demand.histories else 0
        assert connector.requests <= 2 + 3 + pages


@pytest.mark.parametrize("demand", [SPRINTS, HISTORIES.union(POINTS)])
def test_two_lists_leave_no_room_for_the_count_and_the_census_counts(world: World, demand: Demand) -> None:
    for key in ("PAY", "PLAT"):
        for number in range(101):
            world.create(world.project(key), f"Story {number}", "Story")
    with Sandbox(world) as sandbox, jira(sandbox, projects=["PAY", "PLAT"]) as connector:
        for container, counts in zip(connector.containers(), (0, 1), strict=True):
            assert isinstance(container, Container)
            list(pages(connector, container, Cursor(now=START), demand))
            assert sandbox.requests["jira", "count"] == counts  # what one project asked, the next one knows
        connector.census(only(connector), demand, None)
        assert sandbox.requests["jira", "count"] == 2


def test_two_fields_that_could_be_story_points_are_for_the_admin(world: World) -> None:
    with Sandbox(world) as sandbox:
        shapes = sandbox.apis["jira"].shapes  # type: ignore[attr-defined]  # the sandbox's own Jira
        known = shapes.fields()
        classic = {"id": "customfield_10036", "name": "Story Points", "schema": {"type": "number", "custom": "float"}}
        shapes.fields = lambda: [*known, classic]
        with jira(sandbox) as connector, pytest.raises(Stop, match=r"customfield_10016.*customfield_10036") as raised:
            read(connector, POINTS)
    assert "fields: {story_points:" in str(raised.value)
