"""Polls with a memo end where a full read ends, whatever happened between them, and quiet ones are cheap."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import Connector, Container, Cursor, Demand, Page
from connectors.github.probe import QUERY
from okrs.immutable import replace
from okrs.work import WorkItem
from sandbox.clock import SimulatedClock
from sandbox.records import Project
from sandbox.server import Sandbox
from sandbox.world import World
from tests.integration.github_server import (
    FIRST,
    NOW,
    GitHubServer,
    Reply,
    issue,
    items,
    memo_of,
    milestone,
    opened,
    pages,
)

START = datetime(2026, 10, 1, 9, tzinfo=UTC)
OVERLAP = timedelta(minutes=15)
Edit = Callable[[World, Project, int], None]


def test_a_quiet_poll_is_three_requests_and_free_of_charge(server: GitHubServer, github: Connector) -> None:
    server.issues = [issue(number) for number in range(1, 250)]
    server.milestones = [milestone(1)]
    first = pages(github, replace(FIRST, since=NOW))
    before = len(server.asked)
    github.containers()
    second = pages(github, replace(FIRST, since=NOW, memo=memo_of(first)))
    assert items(second) == []
    assert len(server.asked) - before == 3
    assert [asked.headers.get("if-none-match", "")[:2] for asked in server.asked[before:]] == ["", "W/", "W/"]
    assert memo_of(second) == memo_of(first)


def test_a_change_makes_the_probe_the_whole_poll(server: GitHubServer, github: Connector) -> None:
    server.issues = [issue(number) for number in range(1, 250)]
    memo = memo_of(pages(github, replace(FIRST, since=NOW)))
    server.issues[4] = issue(5, updated="2026-11-22T12:00:00Z", title="New")
    before = len(server.asked)
    assert [item.title for item in items(pages(github, replace(FIRST, since=NOW, memo=memo)))] == ["New"]
    assert len(server.asked) - before == 2


def test_the_probe_asks_without_since_and_newest_first(server: GitHubServer, github: Connector) -> None:
    pages(github, replace(FIRST, since=NOW))
    assert server.asked[1].query == QUERY
    assert "since" not in QUERY


def test_a_memo_of_another_token_is_not_used(server: GitHubServer, github: Connector) -> None:
    memo = memo_of(pages(github, replace(FIRST, since=NOW)))
    server.tokens.add("ghp_another")
    other = opened(server.url, token="ghp_another")
    other.containers()
    pages(other, replace(FIRST, since=NOW, memo=memo))
    other.close()
    assert all("if-none-match" not in asked.headers for asked in server.asked[3:])


def test_a_full_read_asks_everything_whatever_the_memo(server: GitHubServer, github: Connector) -> None:
    server.issues, server.milestones = [issue(1)], [milestone(1)]
    memo = memo_of(pages(github, replace(FIRST, since=NOW)))
    assert memo
    assert len(items(pages(github, replace(FIRST, memo=memo)))) == 2


def test_pages_by_since_are_a_chain(server: GitHubServer, github: Connector) -> None:
    """An issue that is touched meanwhile enters in the middle: out of order, the next one would slip past."""
    server.issues = [issue(number, updated="2026-11-22T12:00:00Z") for number in range(1, 450)]
    read = pages(github, replace(FIRST, since=NOW))
    assert [len(page.following) for page in read if page.items] == [1, 1, 1, 1, 0]
    assert len(items(read)) == 449


def test_a_wider_window_finds_what_showed_up_late(server: GitHubServer, github: Connector) -> None:
    """An index that lags shows an old change behind the last poll's `since`; only the nightly window finds it."""
    server.issues = [issue(number) for number in range(1, 250)]
    server.issues[0] = issue(1, updated="2026-11-22T11:00:00Z")
    memo = memo_of(pages(github, replace(FIRST, since=NOW)))
    nightly = replace(FIRST, since=NOW - timedelta(hours=24), memo=memo)
    assert [item.key for item in items(pages(github, nightly))] == ["acme/web#1"]


def test_milestones_on_several_pages_are_never_taken_for_unchanged(server: GitHubServer, github: Connector) -> None:
    server.milestones = [milestone(number) for number in range(1, 151)]
    memo = memo_of(pages(github, replace(FIRST, since=NOW)))
    server.milestones[-1]["title"] = "New"
    assert "New" in [item.title for item in items(pages(github, replace(FIRST, since=NOW, memo=memo)))]


def test_a_full_page_of_milestones_is_never_taken_for_unchanged(server: GitHubServer, github: Connector) -> None:
    """One more begins the next page and leaves this one, and its ETag, as they are."""
    server.milestones = [milestone(number) for number in range(1, 101)]
    memo = memo_of(pages(github, replace(FIRST, since=NOW)))
    server.milestones.append(milestone(101))
    assert len(items(pages(github, replace(FIRST, since=NOW, memo=memo)))) == 101


def test_a_304_that_nobody_asked_for_is_no_page(server: GitHubServer, github: Connector) -> None:
    server.replies = [Reply(304, "")]
    with pytest.raises(Exception, match="304"):
        github.changed(Container("42", "acme/web"), replace(FIRST, since=NOW), Demand())


class Mirror:
    """What an engine keeps: items, watermark and memo, taken over only when a read is complete."""

    def __init__(self, github: Connector, world: World) -> None:
        self.github, self.world = github, world
        self.box = next(box for box in github.containers() if isinstance(box, Container))
        self.items: dict[str, WorkItem] = {}
        self.watermark: datetime | None = None
        self.memo: Mapping[str, str] = {}

    def poll(self, overlap: timedelta, between: Callable[[], None], breaks: bool) -> None:
        started = self.world.clock.now()
        since = self.watermark - overlap if self.watermark else None
        cursor = Cursor(started, since, memo=self.memo)
        asked: list[str | None] = [None]
        read: list[Page] = []
        while asked:
            read.append(self.github.changed(self.box, replace(cursor, resume=asked.pop()), Demand()))
            asked += read[-1].following
            between()
            if breaks:
                return
        self.take(items(read))
        self.memo, self.watermark = memo_of(read), started

    def take(self, incoming: list[WorkItem]) -> None:
        for item in incoming:
            held = self.items.get(item.id)
            if held is None or held.updated_at is None or item.updated_at is None or item.updated_at >= held.updated_at:
                self.items[item.id] = item


def _new(world: World, project: Project, number: int) -> None:
    world.create(project, f"Issue {number}", pull=number % 3 == 0)


def _edit(world: World, project: Project, number: int) -> None:
    found = world.items_of(project)
    if found:
        item = found[number % len(found)]
        acts: list[Callable[[], None]] = [
            lambda: world.close(item),
            lambda: world.reopen(item),
            lambda: world.retitle(item, f"{item.title}!"),
            lambda: world.relabel(item, [f"l{number}"]),
        ]
        acts[number % len(acts)]()


def _remove(world: World, project: Project, number: int) -> None:
    found = world.items_of(project)
    if len(found) > 3:
        world.delete(found[number % len(found)])


def _plan(world: World, project: Project, number: int) -> None:
    mine = [one for one in world.milestones if one.project is project]
    if not mine or number % 4 == 0:
        world.add_milestone(project, f"Train {number}")
    else:
        world.rename_milestone(mine[number % len(mine)], f"Train {number}")


EDITS: tuple[Edit, ...] = (_new, _new, _edit, _edit, _edit, _remove, _plan)
WAITS = [0.0, 0.0, 0.4, 1.0, 12.0, 700.0, 5000.0]

edits = st.tuples(st.integers(0, len(EDITS) - 1), st.integers(0, 99))
steps = st.lists(
    st.tuples(
        st.lists(st.tuples(edits, st.sampled_from(WAITS)), max_size=6),
        st.sampled_from([OVERLAP, OVERLAP, OVERLAP, timedelta(hours=24)]),
        st.lists(edits, max_size=3),
        st.booleans(),
    ),
    min_size=2,
    max_size=6,
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(World(SimulatedClock(START))) as running:
        yield running


def fresh(sandbox: Sandbox, cap: int) -> tuple[World, Project]:
    """Put another world into the running sandbox, with small pages."""
    world = World(SimulatedClock(START))
    world.add_user("Mira", "mira")
    project = world.add_project("github", "web", "acme/web")
    sandbox.world = world
    sandbox.apis["github"]._world = world  # type: ignore[attr-defined]
    sandbox.faults.page_caps["github"] = cap
    return world, project


@settings(max_examples=60, deadline=None, derandomize=True)
@given(plan=steps, cap=st.sampled_from([2, 3, 100]), begun=st.integers(0, 7))
def test_polls_with_a_memo_end_where_a_full_read_ends(
    sandbox: Sandbox,
    plan: list[tuple[list[tuple[tuple[int, int], float]], timedelta, list[tuple[int, int]], bool]],
    cap: int,
    begun: int,
) -> None:
    world, project = fresh(sandbox, cap)
    for number in range(begun):
        _new(world, project, number)
    github = opened(sandbox.urls["github"], token=sandbox.tokens["github"])
    mirror = Mirror(github, world)
    mirror.poll(OVERLAP, lambda: None, False)
    for changes, overlap, meanwhile, breaks in plan:
        for (which, number), wait in changes:
            EDITS[which](world, project, number)
            world.clock.advance(timedelta(seconds=wait))
        waiting = list(meanwhile)

        def between(waiting: list[tuple[int, int]] = waiting) -> None:
            if waiting:
                which, number = waiting.pop()
                if EDITS[which] is not _remove:  # a page that lost an item moves the others: the census finds them
                    EDITS[which](world, project, number)

        mirror.poll(overlap, between, breaks)
        world.clock.advance(timedelta(seconds=len(changes)))
    mirror.poll(OVERLAP, lambda: None, False)
    whole = {item.id: item for item in items(pages(github, Cursor(world.clock.now()), mirror.box))}
    again = {item.id: item for item in items(pages(github, Cursor(world.clock.now(), memo=mirror.memo), mirror.box))}
    github.close()
    assert again == whole
    assert {id_: mirror.items.get(id_) for id_ in whole} == whole


def test_a_change_in_the_second_of_the_probe_is_seen_later(sandbox: Sandbox) -> None:
    """GitHub's times are whole seconds: the change leaves the newest page as it was."""
    world, project = fresh(sandbox, 2)
    for number in range(5):
        _new(world, project, number)
    github = opened(sandbox.urls["github"], token=sandbox.tokens["github"])
    mirror = Mirror(github, world)
    mirror.poll(OVERLAP, lambda: None, False)
    mirror.poll(OVERLAP, lambda: None, False)
    world.retitle(world.items_of(project)[0], "Changed in the same second")
    world.clock.advance(timedelta(minutes=5))
    mirror.poll(OVERLAP, lambda: None, False)
    github.close()
    assert "Changed in the same second" in [item.title for item in mirror.items.values()]
