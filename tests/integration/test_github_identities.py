"""Census, look-ups and searches against the sandbox: what moved, what was deleted, and what is only out of sight."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from connectors.contract import (
    Connector,
    ConnectorError,
    Container,
    CredentialsRefused,
    Demand,
    Family,
    Fate,
    Found,
    MalformedAnswer,
    QueryRefused,
    RateLimited,
    Stop,
    TryLater,
)
from connectors.github.search import is_advanced, narrowed, qualifier
from okrs.work import Ref
from sandbox.clock import SimulatedClock
from sandbox.records import Item
from sandbox.server import Sandbox
from sandbox.world import World
from tests.integration.github_server import FIRST, PLAIN, WEB, GitHubServer, Reply, items, opened, pages

START = datetime(2026, 10, 1, 9, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    world = World(SimulatedClock(START))
    world.add_user("Mira", "mira")
    for name in ("acme/web", "acme/api", "acme/secret"):
        project = world.add_project("github", name.partition("/")[2], name)
        world.add_milestone(project, "v1")
        for number in range(1, 6):
            world.create(project, f"Issue {number}", "Bug", labels=("p1",), pull=number == 5)
    return world


@pytest.fixture
def sandbox(world: World) -> Iterator[Sandbox]:
    with Sandbox(world) as running:
        yield running


@pytest.fixture
def github(sandbox: Sandbox) -> Iterator[Connector]:
    connector = opened(sandbox.urls["github"], "acme/web", "acme/api", token=sandbox.tokens["github"])
    yield connector
    connector.close()


def box_of(github: Connector) -> Container:
    return next(box for box in github.containers() if isinstance(box, Container))


def ref(item: Item) -> Ref:
    return Ref(str(item.id), item.key)


def fate(github: Connector, one: Ref) -> Found:
    return github.look_up(box_of(github), [one], PLAIN)[one.id]


def census(github: Connector, box: Container) -> list[Ref]:
    found: list[Ref] = []
    asked: list[str | None] = [None]
    while asked:
        page = github.census(box, Demand(), asked.pop())
        found += page.refs
        asked += page.following
    return found


def test_a_census_names_everything_that_a_full_read_brings(sandbox: Sandbox, github: Connector) -> None:
    sandbox.faults.page_caps["github"] = 2
    box = box_of(github)
    whole = items(pages(github, FIRST, box))
    assert sorted(census(github, box), key=lambda one: one.id) == sorted(
        [Ref(item.id, item.key) for item in whole], key=lambda one: one.id
    )


def test_what_is_here_comes_as_it_is(github: Connector, world: World) -> None:
    found = fate(github, ref(world.item("acme/web#1")))
    assert found.fate is Fate.HERE
    assert found.item is not None
    assert (found.item.key, found.item.type) == ("acme/web#1", "Bug")


def test_a_transferred_issue_is_followed_into_a_configured_repository(github: Connector, world: World) -> None:
    old = ref(world.item("acme/web#1"))
    new = world.transfer(world.item("acme/web#1"), world.project("acme/api"))
    found = fate(github, old)
    assert (found.fate, found.container) == (Fate.MOVED, str(world.project("acme/api").id))
    assert found.item is not None
    assert (found.item.id, found.item.key) == (str(new.id), new.key)
    assert found.item.projects == (Ref(str(new.project.id), "acme/api"),)


def test_a_transferred_issue_elsewhere_left_all_of_them(github: Connector, world: World) -> None:
    old = ref(world.item("acme/web#1"))
    new = world.transfer(world.item("acme/web#1"), world.project("acme/secret"))
    found = fate(github, old)
    assert (found.fate, found.container) == (Fate.MOVED, None)
    assert found.item is not None
    assert found.item.id == str(new.id)


def test_a_transfer_out_of_sight_says_nothing(github: Connector, world: World) -> None:
    old = ref(world.item("acme/web#1"))
    world.transfer(world.item("acme/web#1"), world.project("acme/secret"))
    world.project("acme/secret").hidden = True
    assert fate(github, old) == Found(Fate.HIDDEN)


def test_deleted_hidden_and_renumbered_are_told_apart(github: Connector, world: World) -> None:
    gone = ref(world.item("acme/web#2"))
    world.delete(world.item("acme/web#2"))
    asked = [gone, Ref("77", "acme/web#3"), Ref("78", "acme/web#999"), Ref("79", ""), ref(world.item("acme/web#4"))]
    found = github.look_up(box_of(github), asked, PLAIN)
    assert [found[one.id].fate for one in asked] == [
        Fate.DELETED,
        Fate.HIDDEN,
        Fate.HIDDEN,
        Fate.HIDDEN,
        Fate.HERE,
    ]


def test_milestones_are_looked_up_by_the_number_in_their_key(github: Connector, world: World) -> None:
    milestone = world.milestones[0]
    one = Ref(f"milestone:{milestone.id}", "acme/web/milestone/1")
    found = fate(github, one)
    assert found.fate is Fate.HERE
    assert found.item is not None
    assert found.item.title == "v1"
    world.delete_milestone(milestone)
    assert fate(github, one) == Found(Fate.HIDDEN)


def test_a_repository_renamed_a_moment_ago_is_no_transfer(github: Connector, world: World) -> None:
    box = box_of(github)
    world.rename_project(world.project("acme/web"), "acme/shop")
    item = world.item("acme/shop#1")
    found = github.look_up(box, [Ref(str(item.id), "acme/web#1")], PLAIN)[str(item.id)]
    assert (found.fate, found.container) == (Fate.HERE, None)
    assert found.item is not None
    assert found.item.key == "acme/shop#1"


def test_a_repository_out_of_sight_deletes_and_hides_nothing(github: Connector, world: World) -> None:
    box, one = box_of(github), ref(world.item("acme/web#1"))
    world.project("acme/web").hidden = True
    with pytest.raises(Stop, match="the repository acme/web"):
        github.look_up(box, [one], PLAIN)


def test_issues_that_are_switched_off_were_not_deleted() -> None:
    """GitHub answers 410 for each of them, as for a deleted one."""
    with GitHubServer() as server:
        off = '{"id": 42, "full_name": "acme/web", "has_issues": false}'
        server.always = lambda asked: Reply(410, "{}") if "/issues/" in asked.path else Reply(200, off)
        github = opened(server.url)
        with pytest.raises(Stop, match="switched off"):
            github.look_up(WEB, [Ref("1", "acme/web#1")], PLAIN)
        github.close()


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(401, "{}"), CredentialsRefused),
        (Reply(429, "{}"), RateLimited),
        (Reply(403, '{"message": "You have exceeded a secondary rate limit"}'), RateLimited),
        (Reply(403, "{}", {"X-RateLimit-Remaining": "0"}), RateLimited),
        (Reply(502, "{}"), TryLater),
        (Reply(200, "<html>"), MalformedAnswer),
    ],
)
def test_trouble_is_no_fate(reply: Reply, expected: type[ConnectorError]) -> None:
    with GitHubServer() as server:
        server.always = lambda asked: reply if "/issues/" in asked.path else None
        github = opened(server.url)
        with pytest.raises(expected):
            github.look_up(WEB, [Ref("1", "acme/web#1")], PLAIN)
        github.close()


def test_a_redirect_to_another_host_is_not_followed() -> None:
    with GitHubServer() as server, GitHubServer() as other:
        there = Reply(301, "{}", {"Location": f"{other.url}/repositories/9/issues/1"})
        server.always = lambda asked: there if "/issues/" in asked.path else None
        github = opened(server.url)
        with pytest.raises(MalformedAnswer, match="another host"):
            github.look_up(WEB, [Ref("1", "acme/web#1")], PLAIN)
        github.close()
        assert other.asked == []


def hits(github: Connector, query: str) -> list[str]:
    found: list[str] = []
    asked: list[str | None] = [None]
    while asked:
        page = github.matching(query, asked.pop())
        found += [one.name for one in page.refs]
        asked += page.following
    return sorted(found)


SERVERS = ("", "3.18.0", "3.17.9")
"""github.com, the first Enterprise Server that searches as it does, and the last that does not."""


@pytest.mark.parametrize("server", SERVERS)
def test_a_query_finds_ids_in_the_configured_repositories_only(
    sandbox: Sandbox, github: Connector, server: str
) -> None:
    sandbox.apis["github"].server = server  # type: ignore[attr-defined]
    sandbox.faults.page_caps["github"] = 3
    names = ("acme/web", "acme/api")
    assert hits(github, "is:issue label:p1") == sorted(f"{name}#{n}" for name in names for n in range(1, 5))
    assert hits(github, "repo:acme/secret is:issue") == []
    assert hits(github, "repo:acme/api is:pr") == ["acme/api#5"]
    assert sandbox.requests["github", "search"] == 3 + 2 + 1  # pages of three


@pytest.mark.parametrize("server", SERVERS)
def test_a_query_that_names_no_kind_is_asked_for_both_where_it_must(
    sandbox: Sandbox, github: Connector, server: str
) -> None:
    sandbox.apis["github"].server = server  # type: ignore[attr-defined]
    sandbox.apis["github"].strict_search = True  # type: ignore[attr-defined]
    assert len(hits(github, "label:p1")) == 10
    assert sandbox.requests["github", "search"] == 3


def test_a_refusal_that_names_a_kind_that_was_named_ends() -> None:
    refused = Reply(422, "{\"message\": \"Query must include 'is:issue' or 'is:pull-request'\"}")
    with GitHubServer() as server:
        server.always = lambda asked: refused if asked.path == "/search/issues" else None
        github = opened(server.url)
        (issues, _) = github.matching("label:p1", None).following
        with pytest.raises(QueryRefused):
            github.matching("label:p1", issues)
        github.close()


def test_an_or_of_a_query_stays_within_the_configured_repositories(
    sandbox: Sandbox, github: Connector, world: World
) -> None:
    """Without parentheses the repositories would belong to its second half, and most would be found elsewhere."""
    for number in range(1, 1001):
        world.create(world.project("acme/secret"), f"Secret {number}", labels=("old",))
    world.relabel(world.item("acme/web#1"), ["old"])
    assert hits(github, "label:old OR label:older") == ["acme/web#1"]
    sandbox.apis["github"].strict_search = True  # type: ignore[attr-defined]
    assert hits(github, "label:old OR label:older") == ["acme/web#1"]
    assert hits(github, "repo:acme/web label:old OR repo:acme/api label:older") == ["acme/web#1"]
    assert sandbox.requests["github", "search"] == 1 + 3 + 3


@pytest.mark.parametrize(
    ("query", "strict", "searches"),
    [
        ("is:issue", False, 2),
        ("title OR is:issue", False, 2),
        ("a OR b OR c OR d OR is:issue", False, 4),
        ("a OR b OR c OR d OR e OR is:issue", False, 8),
        ("-label:p1", True, 1 + 2 * 2),
    ],
)
def test_many_repositories_are_asked_in_several_searches(
    sandbox: Sandbox, world: World, query: str, strict: bool, searches: int
) -> None:
    """GitHub refuses more than five operators, those of the query counted."""
    names = [f"acme/many{number}" for number in range(8)]
    for name in names:
        world.create(world.add_project("github", name.partition("/")[2], name), "Only one")
    sandbox.apis["github"].strict_search = strict  # type: ignore[attr-defined]
    github = opened(sandbox.urls["github"], *names, token=sandbox.tokens["github"])
    assert hits(github, query) == [f"{name}#1" for name in names]
    assert sandbox.requests["github", "search"] == searches
    github.close()


def test_a_query_with_more_operators_than_github_takes_is_refused_in_its_words(github: Connector) -> None:
    with pytest.raises(QueryRefused, match="More than five AND / OR / NOT operators"):
        github.matching("a OR b OR c OR d OR e OR f OR is:issue", None)


@pytest.mark.parametrize(
    ("server", "advanced"),
    [
        ("", True),
        ("ghe.com", True),
        ("3.18.0", True),
        ("4.0.1", True),
        ("3.17.12", False),
        ("3.9.0", False),
        ("2.22.3", False),
    ],
)
def test_the_language_is_known_by_the_version_of_the_server(server: str, advanced: bool) -> None:
    assert is_advanced(server) is advanced


def test_a_refused_query_stops_with_the_reason_of_github(github: Connector) -> None:
    with pytest.raises(QueryRefused, match="the qualifier colour:red is not understood"):
        github.matching("is:issue colour:red", None)


def test_too_many_hits_stop(sandbox: Sandbox, github: Connector, world: World) -> None:
    for number in range(1000):
        world.create(world.project("acme/web"), f"More {number}")
    with pytest.raises(QueryRefused, match="more than 1000 tickets: narrow the query"):
        github.matching("is:issue", None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"total_count": 1, "incomplete_results": true, "items": []}', TryLater),
        ('{"total_count": 1, "items": []}', TryLater),
        ('{"total_count": 0, "incomplete_results": false}', MalformedAnswer),
        ("[]", MalformedAnswer),
    ],
)
def test_half_a_search_is_none(body: str, expected: type[ConnectorError]) -> None:
    with GitHubServer() as server:
        server.always = lambda asked: Reply(200, body) if asked.path == "/search/issues" else None
        github = opened(server.url)
        with pytest.raises(expected):
            github.matching("is:issue", None)
        github.close()


def test_a_refusal_is_shown_in_one_short_line() -> None:
    long = '{"message": "' + "x\\n\\u001b[31m" * 200 + '"}'
    with GitHubServer() as server:
        server.always = lambda asked: Reply(422, long) if asked.path == "/search/issues" else None
        github = opened(server.url)
        with pytest.raises(Stop) as caught:
            github.matching("is:issue", None)
        github.close()
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("value", "written"),
    [("acme/web", "repo:acme/web"), ('a b"c\\', 'repo:"a b\\"c\\\\"'), ("", 'repo:""')],
)
def test_one_function_writes_qualifiers(value: str, written: str) -> None:
    assert qualifier("repo", value) == written


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("label:p1", "label:p1 (repo:a/b OR repo:c/d)"),
        ("label:p1\n  is:open", "label:p1 is:open (repo:a/b OR repo:c/d)"),
        ("repo:a/b label:p1", "repo:a/b label:p1"),
        ("(org:a is:open)", "(org:a is:open)"),
        ("(org:a OR org:b) is:open", "(org:a OR org:b) is:open"),
        ("-repo:a/b", "-repo:a/b (repo:a/b OR repo:c/d)"),
        ("title-repo:x", "title-repo:x (repo:a/b OR repo:c/d)"),
        ('"see repo:x"', '"see repo:x" (repo:a/b OR repo:c/d)'),
        ("label:a OR label:b", "(label:a OR label:b) (repo:a/b OR repo:c/d)"),
        ("NOT label:a", "(NOT label:a) (repo:a/b OR repo:c/d)"),
        ("(label:a)or(label:b)", "((label:a)or(label:b)) (repo:a/b OR repo:c/d)"),
        ("(x (y) OR z) is:open", "(x (y) OR z) is:open (repo:a/b OR repo:c/d)"),
        ('"a) OR (b"', '"a) OR (b" (repo:a/b OR repo:c/d)'),
        ("label:OR ORDER", "label:OR ORDER (repo:a/b OR repo:c/d)"),
    ],
)
def test_a_query_is_narrowed_unless_it_names_its_own(query: str, asked: str) -> None:
    assert narrowed(query, {"a/b": "a/b", "c/d": "c/d"}, advanced=True) == (asked,)


def test_one_repository_needs_no_operator() -> None:
    assert narrowed("label:a OR label:b", {"a/b": "a/b"}, advanced=True) == ("(label:a OR label:b) repo:a/b",)


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("label:p1", "label:p1 repo:a/b repo:c/d"),
        ("repo:a/b label:p1", "repo:a/b label:p1"),
        ("label:a OR label:b", "label:a OR label:b repo:a/b repo:c/d"),
    ],
)
def test_an_older_server_is_asked_in_the_language_that_it_has(query: str, asked: str) -> None:
    assert narrowed(query, {"a/b": "a/b", "c/d": "c/d"}, advanced=False) == (asked,)


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("label:p1", "label:p1 (repo:a/new OR repo:c/d)"),
        ("Repo:A/B label:p1", "Repo:a/new label:p1"),
        ('(repo:"a/b" OR -repo:a/b)', '(repo:"a/new" OR -repo:a/new)'),
        ("-repo:a/b", "-repo:a/new (repo:a/new OR repo:c/d)"),
        ("repo:a/bc", "repo:a/bc"),
        ("my-repo:a/b", "my-repo:a/b (repo:a/new OR repo:c/d)"),
    ],
)
def test_a_query_names_repositories_as_they_are_called_now(query: str, asked: str) -> None:
    assert narrowed(query, {"a/b": "a/new", "c/d": "c/d"}, advanced=True) == (asked,)


def test_a_transfer_into_a_repository_that_could_not_be_read_is_none_out_of_them_all(
    sandbox: Sandbox, github: Connector, world: World
) -> None:
    sandbox.faults.status(502, tracker="github", path="/repos/acme/api")
    box, old = box_of(github), ref(world.item("acme/web#1"))
    world.transfer(world.item("acme/web#1"), world.project("acme/api"))
    found = github.look_up(box, [old], PLAIN)[old.id]
    assert (found.fate, found.container) == (Fate.MOVED, str(world.project("acme/api").id))


def outside(github: Connector, above: str, *, deep: bool = True) -> list[str]:
    pages = [github.outside(Family(above, deep), None)]
    asked = {*pages[0].following, *pages[0].also}
    waiting = sorted(asked)
    while waiting:
        page = github.outside(Family(above, deep), waiting.pop())
        pages.append(page)
        waiting += sorted({*page.following, *page.also} - asked)
        asked |= {*page.following, *page.also}
    return sorted(ref.name for page in pages for ref in page.refs)


def test_sub_issues_in_repositories_that_are_not_configured_are_told(
    sandbox: Sandbox, github: Connector, world: World
) -> None:
    """Its children, theirs through one that is read and one that is not, and none that the token does not see."""
    ops = world.add_project("github", "acme/ops", "acme/ops")
    epic = world.create(world.project("acme/web"), "Epic")
    mine = world.create(world.project("acme/api"), "Ours", parent=epic)
    for number in range(5):
        world.create(ops, f"Theirs {number}", parent=epic)
    world.create(ops, "Below ours", parent=mine)
    world.create(ops, "Below theirs", parent=world.item("acme/ops#1"))
    world.create(world.project("acme/secret"), "Nobody sees it", parent=epic)
    world.project("acme/secret").hidden = True
    sandbox.faults.page_caps["github"] = 2
    assert outside(github, epic.key) == [f"acme/ops#{number}" for number in range(1, 8)]
    assert outside(github, f" {epic.key} ", deep=False) == [f"acme/ops#{number}" for number in range(1, 6)]
    assert outside(github, mine.key) == ["acme/ops#6"]
    assert outside(github, "acme/web#1") == []


def test_what_lies_under_something_else_than_an_issue_is_not_guessed(github: Connector) -> None:
    with pytest.raises(Stop, match="name the issue as owner/name#number"):
        github.outside(Family("7", deep=True), None)
    with pytest.raises(Stop):
        github.outside(Family("acme/web#4040", deep=True), None)


@pytest.mark.parametrize("status", [301, 403, 404, 410])
def test_a_deeper_issue_out_of_sight_hides_none_of_the_others(
    sandbox: Sandbox, github: Connector, world: World, status: int
) -> None:
    ops = world.add_project("github", "acme/ops", "acme/ops")
    epic = world.create(world.project("acme/web"), "Epic")
    for number in range(3):
        above = world.create(ops, f"Theirs {number}", parent=epic)
        world.create(ops, f"Below {number}", parent=above)
    sandbox.faults.status(status, tracker="github", path="/acme/ops/issues/3/sub_issues")
    assert outside(github, epic.key) == [f"acme/ops#{number}" for number in (1, 2, 3, 5, 6)]


def test_a_limit_of_a_deeper_issue_is_one(sandbox: Sandbox, github: Connector, world: World) -> None:
    epic = world.create(world.project("acme/web"), "Epic")
    world.create(world.project("acme/api"), "Below", parent=world.create(world.project("acme/api"), "B", parent=epic))
    sandbox.faults.status(429, retry_after=60, tracker="github", path="/acme/api/issues/6/sub_issues")
    with pytest.raises(RateLimited):
        outside(github, epic.key)


def test_an_epic_that_was_transferred_is_followed(github: Connector, world: World) -> None:
    ops = world.add_project("github", "acme/ops", "acme/ops")
    epic = world.create(world.project("acme/web"), "Epic")
    old = epic.key
    world.create(ops, "Theirs", parent=world.transfer(epic, world.project("acme/api")))
    assert outside(github, old) == ["acme/ops#1"]
