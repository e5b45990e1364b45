"""What `check` says of a token and `discover` of a site."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from connectors.contract import Account, ConnectorError, Listed, RateLimited, Stop, TryLater, What
from sandbox.custom_fields import jira_id
from sandbox.exchange import Answer
from sandbox.server import Sandbox
from sandbox.world import World
from tests.integration.jira_sandbox import MODES, START, jira, new_world, read


@pytest.fixture
def world() -> World:
    world = new_world()
    project = world.project("PAY")
    world.release(world.add_milestone(project, "Checkout 1"))
    world.add_milestone(project, "Checkout 2")
    world.begin_sprint(world.add_sprint(project, "Sprint 1"))
    world.create(project, "One-click checkout", "Epic")
    world.create(project, "Pay", "Story", labels=("p1", "Backend"))
    return world


@pytest.fixture(params=MODES)
def sandbox(world: World, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(world, jira_mode=request.param) as sandbox:
        yield sandbox


def account(sandbox: Sandbox, *projects: str) -> Account:
    with jira(sandbox, projects=list(projects or ["PAY"])) as connector:
        return connector.check()


def replaced(sandbox: Sandbox, name: str, body: object) -> None:
    """Let one route of the sandbox's Jira answer this instead."""
    api = sandbox.apis["jira"]
    (old,) = [route for route in api.routes if route.name == name]
    new = type(old)(old.name, old.pattern, lambda _: Answer(body), old.accepts, old.methods)
    api.routes = tuple([new if route is old else route for route in api.routes])


def test_check_says_who_what_and_until_when(sandbox: Sandbox) -> None:
    told = account(sandbox, "PAY", "GONE")
    assert told.who == "Ada Lovelace <ada@acme.example>"
    assert (told.sees, told.missing, told.lacks) == (("PAY",), ("GONE",), ())
    assert "(404)" in told.reasons["GONE"]
    if sandbox.jira_mode == "cloud":
        assert (told.detail, told.expires) == ("Jira Cloud 1001.0.0", None)
    else:
        assert (told.detail, told.expires) == ("Jira Data Center 10.3.1", START + timedelta(days=90))


def test_check_names_a_project_whose_issues_are_hidden_and_scopes_that_lack(sandbox: Sandbox) -> None:
    permissions = {"BROWSE_PROJECTS": {"havePermission": False}}
    hidden = {"permissions": permissions, "values": [], "isLast": True}
    replaced(sandbox, "project search" if sandbox.jira_mode == "cloud" else "permissions", hidden)
    sandbox.faults.status(403, tracker="jira", path="/agile/")
    browse, boards = account(sandbox).lacks
    assert "project PAY" in browse
    assert "Browse Projects" in browse
    assert "read:board-scope:jira-software" in boards


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_check_names_a_project_whose_issues_a_read_is_refused(world: World, sandbox: Sandbox, status: int) -> None:
    path = "/search/jql" if sandbox.jira_mode == "cloud" else "/api/2/search"
    world.create(world.project("PLAT"), "Move", "Story")
    sandbox.faults.status(status, tracker="jira", path=path)
    told = account(sandbox, "PAY", "PLAT")
    (sentence,) = told.lacks
    assert told.sees == ("PAY", "PLAT")
    assert f"the issues of PAY ({status})" in sentence or f"({status}) for the issues of PAY" in sentence
    sandbox.faults.status(status, tracker="jira", path=path)
    with jira(sandbox) as connector, pytest.raises(ConnectorError):
        read(connector)


def test_check_says_which_scope_a_search_needs(world: World) -> None:
    with Sandbox(world) as sandbox:
        for scoped, remedy in ((True, "the scope read:jira-work."), (False, "the permission Browse Projects there.")):
            sandbox.faults.status(403, tracker="jira", path="/search/jql")
            with jira(sandbox, scoped=scoped) as connector:
                (sentence,) = connector.check().lacks
            assert sentence.startswith("The token may not read the issues of PAY (403): give ")
            assert sentence.endswith(remedy)


@pytest.mark.parametrize(("status", "error"), [(302, Stop), (429, RateLimited), (502, TryLater)])
def test_other_trouble_with_the_issues_is_no_missing_right(
    sandbox: Sandbox, status: int, error: type[Exception]
) -> None:
    path = "/search/jql" if sandbox.jira_mode == "cloud" else "/api/2/search"
    sandbox.faults.status(status, tracker="jira", path=path)
    with pytest.raises(error):
        account(sandbox)


def test_a_site_without_boards_lacks_nothing_and_trouble_is_no_answer(sandbox: Sandbox) -> None:
    sandbox.faults.status(404, tracker="jira", path="/agile/")
    assert account(sandbox).lacks == ()
    sandbox.faults.status(502, tracker="jira", path="/agile/")
    with pytest.raises(TryLater):
        account(sandbox)


@pytest.mark.parametrize(
    "tokens",
    [
        [],
        {"no": "list"},
        [{"id": 1}],
        [{"id": 1, "expiringAt": "soon"}],
        [{"id": 1, "expiringAt": "2027-01-01T00:00:00.000+0000"}, {"id": 2}],
    ],
)
def test_an_expiry_that_is_not_clear_is_not_told(world: World, tokens: object) -> None:
    with Sandbox(world, jira_mode="data_center") as sandbox:
        replaced(sandbox, "tokens", tokens)
        assert account(sandbox).expires is None
        sandbox.faults.status(404, tracker="jira", path="/pat/")
        assert account(sandbox).expires is None


def test_discover_lists_what_a_config_may_name(world: World, sandbox: Sandbox) -> None:
    world.add_field(world.project("PAY"), "Market", "multiselect")
    with jira(sandbox) as connector:
        found = connector.discover()
    cloud = sandbox.jira_mode == "cloud"
    points = "Story point estimate" if cloud else "Story Points"
    assert set(found) >= {
        Listed(What.PROJECT, "PAY", "Payments"),
        Listed(What.PROJECT, "PLAT", "Platform", note="not in the config"),
        Listed(What.MILESTONE, "Checkout 1", container="PAY", note="released"),
        Listed(What.MILESTONE, "Checkout 2", container="PAY", note="unreleased"),
        Listed(What.EPIC, "PAY-1", "One-click checkout", "PAY", "To Do"),
        Listed(What.LABEL, "p1", container="PAY"),
        Listed(What.LABEL, "Backend", container="PAY"),
        Listed(What.SPRINT, "Sprint 1", container="PAY", note="doing"),
        Listed(What.FIELD, "customfield_10016", points, note="number"),
        Listed(What.FIELD, jira_id("Market"), "Market", note="list of option", number=False),
        Listed(What.TYPE, "Sub-task", container="PAY"),
        Listed(What.STATUS, "Cancelled", container="PAY", note="done"),
    }
    assert len(set(found)) == len(found)
    assert [one.value for one in found if one.what is What.EPIC] == ["PAY-1"]
    fields = [one for one in found if one.what is What.FIELD]
    assert [(one.value, one.number) for one in fields] == [(jira_id("Market"), False), ("customfield_10016", True)]


def test_discover_walks_all_pages(world: World, sandbox: Sandbox) -> None:
    for number in range(7):
        world.add_project("jira", f"Team {number}", f"TEAM{number}")
        world.create(world.project("PAY"), f"Epic {number}", "Epic")
        world.add_sprint(world.project("PAY"), f"Sprint {number + 2}")
    sandbox.faults.page_caps["jira"] = 3
    with jira(sandbox) as connector:
        found = connector.discover()
    counts = {what: len([one for one in found if one.what is what]) for what in What}
    assert (counts[What.PROJECT], counts[What.EPIC], counts[What.SPRINT]) == (9, 8, 8)


def test_discover_does_without_boards_where_the_token_may_not_read_them(sandbox: Sandbox) -> None:
    for status in (401, 403, 404):
        sandbox.faults.status(status, tracker="jira", path="/agile/")
        with jira(sandbox) as connector:
            found = connector.discover()
        assert not [one for one in found if one.what is What.SPRINT]
        assert [one for one in found if one.what is What.TYPE]


def test_discover_leaves_out_what_it_cannot_read_and_stops_where_nothing_is(sandbox: Sandbox) -> None:
    with jira(sandbox, projects=["GONE"]) as connector:
        assert {one.what for one in connector.discover()} == {What.PROJECT, What.FIELD}
    sandbox.faults.status(404, tracker="jira", times=9)
    with jira(sandbox) as connector, pytest.raises(Stop):
        connector.discover()
