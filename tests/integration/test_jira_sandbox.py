"""The Jira connector against the sandbox: edits of a team arrive, each in its shape."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from connectors.contract import Container, CredentialsRefused, Cursor, Demand
from connectors.jira import Settings, connect
from okrs.immutable import replace
from okrs.work import Kind, State, WorkItem
from sandbox.clock import SimulatedClock
from sandbox.server import JIRA_EMAIL, TOKENS, Sandbox
from sandbox.world import World

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    world = World(SimulatedClock(START))
    world.add_user("Ada Lovelace", "ada")
    world.add_project("jira", "Payments", "PAY")
    return world


@pytest.fixture
def sandbox(world: World) -> Iterator[Sandbox]:
    with Sandbox(world) as sandbox:
        yield sandbox


def read(sandbox: Sandbox, since: datetime | None = None, token: str = TOKENS["jira"]) -> dict[str, WorkItem]:
    """Read the project on a connection of its own; return the items by title."""
    plain = {"connector": "jira", "url": sandbox.urls["jira"], "email": JIRA_EMAIL, "token": token}
    connector = connect(Settings.model_validate({**plain, "projects": ["PAY"]}))
    cursor = Cursor(now=sandbox.world.clock.now(), since=since)
    items: dict[str, WorkItem] = {}
    try:
        container = connector.containers()[0]
        assert isinstance(container, Container)
        while True:
            page = connector.changed(container, cursor, Demand(frozenset({"customfield_10016"})))
            items |= {item.title: item for item in page.items}
            if not page.following:
                return items
            cursor = replace(cursor, resume=page.following[0])
    finally:
        connector.close()


def test_a_team_at_work_is_seen_as_it_is(world: World, sandbox: Sandbox) -> None:
    project = world.project("PAY")
    release = world.add_milestone(project, "One-click v1")
    epic = world.create(project, "One-click checkout", type="Epic")
    story = world.create(project, "Pay", type="Story", parent=epic, milestone=release, points=3.0, labels=("p1",))
    bug = world.create(project, "Crash", type="Bug")
    for number in range(120):
        world.create(project, f"Story {number}", type="Story")
    items = read(sandbox)
    assert len(items) == 124
    assert (items["One-click checkout"].kind, items["One-click v1"].kind) == (Kind.EPIC, Kind.MILESTONE)
    seen = items["Pay"]
    assert (seen.key, seen.state, seen.labels) == (story.key, State.TODO, ("p1",))
    assert seen.parent is not None
    assert seen.parent.id == items["One-click checkout"].id
    assert seen.milestones == (items["One-click v1"].id,)
    assert seen.fields == (("customfield_10016", "3"),)

    watermark = world.clock.now()
    world.clock.advance(timedelta(hours=1))
    world.close(story)
    world.cancel(bug)
    world.release(release)
    news = read(sandbox, since=watermark + timedelta(minutes=1))
    assert {title: item.state for title, item in news.items()} == {
        "Pay": State.DONE,
        "Crash": State.CANCELLED,
        "One-click v1": State.DONE,
    }
    assert news["Pay"].closed_at == world.clock.now()


def test_a_wrong_token_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(CredentialsRefused):
        read(sandbox, token="wrong")
