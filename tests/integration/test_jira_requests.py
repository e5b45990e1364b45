"""Every request that the Jira connector sends is one that Atlassian's OpenAPI document promises."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from connectors.contract import Demand, Family, Stop
from okrs.work import Ref
from sandbox.server import Sandbox
from sandbox.world import World
from tests.integration.jira_sandbox import EVERYTHING, START, ids, jira, new_world, only, read
from tests.integration.spec_requests import SPECS, Sent, problems

DOCUMENT = SPECS / "jira-platform.json"
BEYOND = "/rest/agile/"
"""Jira Software, which the document does not cover."""

pytestmark = pytest.mark.skipif(not DOCUMENT.is_file(), reason="the OpenAPI documents are not beside the repository")


@pytest.fixture
def world() -> World:
    world = new_world()
    project = world.project("PAY")
    world.add_milestone(project, "One-click v1")
    sprint = world.add_sprint(project, "Sprint 1")
    epic = world.create(project, "One-click checkout", "Epic")
    for number in range(120):
        world.create(project, f"Story {number}", "Story", parent=epic, labels=("p1",))
    world.plan(world.item("PAY-2"), sprint)
    world.link(world.item("PAY-2"), world.item("PAY-3"))
    world.close(world.item("PAY-3"))
    return world


@pytest.fixture
def sandbox(world: World) -> Iterator[Sandbox]:
    with Sandbox(world) as sandbox:
        yield sandbox


def sent(sandbox: Sandbox) -> list[Sent]:
    """Return what was sent so far, without Jira Software; the document is of version 3, which mirrors version 2."""
    return [Sent(method, path, body) for _, method, path, body in sandbox.log if not path.startswith(BEYOND)]


def test_whatever_is_asked_of_cloud_is_promised(world: World, sandbox: Sandbox) -> None:
    with jira(sandbox) as connector:
        read(connector, EVERYTHING)
        container = only(connector)
        read(connector, EVERYTHING, since=START - timedelta(minutes=15))
        read(connector, Demand(), since=START - timedelta(minutes=15))
        assert len(ids(lambda resume: connector.census(container, EVERYTHING, resume))) == 123
        gone = [Ref("424242"), Ref("version:4"), Ref("sprint:4")]
        here = [Ref(str(world.item("PAY-2").id)), Ref(f"version:{world.milestones[0].id}")]
        assert len(connector.look_up(container, [*gone, *here], EVERYTHING)) == 5
        assert len(ids(lambda resume: connector.matching("project = PAY", resume))) == 121
        with pytest.raises(Stop):
            connector.matching("nonsense", None)
        assert connector.outside(Family("PAY-1", deep=True), None).refs == ()
        connector.check()
        connector.discover()
    asked = sent(sandbox)
    assert [problem for one in asked for problem in problems(DOCUMENT, one)] == []
    routes = {name for tracker, name in sandbox.requests if tracker == "jira"}
    assert {"unknown", "removed search"} & routes == set()
    assert len(routes) == 15, routes  # so many different questions were held against the document, or are beyond it


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (Sent("GET", "/rest/api/2/search/jql?jql=a&max_results=3"), "no parameter 'max_results'"),
        (Sent("GET", "/rest/api/2/search/jql?maxResults=many"), "maxResults"),
        (Sent("GET", "/rest/api/2/search/jql?maxResults=1&maxResults=2"), "2 times"),
        (Sent("GET", "/rest/api/2/project/search?action=own"), "action"),
        (Sent("GET", "/rest/api/2/project/search?id=ten"), "id"),
        (Sent("GET", "/rest/api/2/projects"), "no such path"),
        (Sent("GET", "/rest/api/2/issue/bulkfetch?x=1"), "no parameter 'x'|only"),
        (Sent("POST", "/rest/api/3/changelog/bulkfetch"), "a body is required"),
        (Sent("POST", "/rest/api/3/changelog/bulkfetch", b'{"issueIdsOrKeys": "PAY-1"}'), "body"),
        (Sent("POST", "/rest/api/3/changelog/bulkfetch", b'{"issues": ["PAY-1"]}'), "no property 'issues'"),
        (Sent("POST", "/rest/api/3/changelog/bulkfetch", b"{}"), "required"),
        (Sent("POST", "/rest/api/3/changelog/bulkfetch", b"{"), "no JSON"),
        (Sent("DELETE", "/rest/api/3/status"), "only get"),
    ],
)
def test_the_check_itself_finds_a_wrong_request(wrong: Sent, told: str) -> None:
    (problem, *_) = problems(DOCUMENT, wrong)
    assert any(part in problem for part in told.split("|")), problem


@pytest.mark.parametrize(
    "right",
    [
        Sent("GET", "/rest/api/2/search/jql?jql=a%20%3D%201&maxResults=3&fields=id,summary"),
        Sent("GET", "/rest/api/2/project/search?startAt=0&action=browse&id=10000"),
        Sent("POST", "/rest/api/2/issue/bulkfetch", b'{"issueIdsOrKeys": ["1"], "fields": ["id"]}'),
    ],
)
def test_the_check_lets_a_right_request_pass(right: Sent) -> None:
    assert problems(DOCUMENT, right) == []
