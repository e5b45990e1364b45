"""The GitHub connector reads repositories over real HTTP: everything, what changed, and page by page."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest

from connectors.contract import (
    Connector,
    ConnectorError,
    Container,
    CredentialsRefused,
    Demand,
    MalformedAnswer,
    RateLimited,
    Stop,
    TryLater,
    Unreadable,
)
from okrs.immutable import replace
from okrs.work import Kind
from tests.integration.github_server import (
    FIRST,
    NOW,
    TOKEN,
    WEB,
    Asked,
    GitHubServer,
    Reply,
    issue,
    items,
    milestone,
    opened,
    pages,
)


@pytest.fixture
def github(server: GitHubServer) -> Iterator[Connector]:
    connector = opened(server.url)
    yield connector
    connector.close()


def test_a_first_read_brings_milestones_and_all_issues_open_or_closed(server: GitHubServer, github: Connector) -> None:
    server.milestones = [milestone(1)]
    server.issues = [
        issue(number, state="closed" if number % 2 else "open", closed_at=None) for number in range(1, 251)
    ]
    assert github.containers() == (WEB,)
    read = items(pages(github))
    assert {item.key for item in read} == {"acme/web/milestone/1", *(f"acme/web#{n}" for n in range(1, 251))}
    assert len(read) == 251
    assert github.requests == 3 + 2  # the repository, the milestones and ceil(250 / 100) pages
    assert github.requests == len(server.asked)
    first = next(asked for asked in server.asked if asked.path.endswith("/issues"))
    assert first.query == {"state": "all", "per_page": "100", "sort": "created", "direction": "asc"}


def test_an_incremental_read_asks_in_utc_and_brings_the_milestones_again(
    server: GitHubServer, github: Connector
) -> None:
    server.milestones = [milestone(1), milestone(2)]
    server.issues = [issue(number) for number in range(1, 200)]
    server.issues[6]["updated_at"] = "2026-11-20T08:00:00Z"
    since = datetime(2026, 11, 20, 3, 0, 0, 900_000, tzinfo=timezone(timedelta(hours=-5)))
    github.containers()
    read = items(pages(github, replace(FIRST, since=since)))
    assert {(item.kind, item.key) for item in read} == {
        (Kind.MILESTONE, "acme/web/milestone/1"),
        (Kind.MILESTONE, "acme/web/milestone/2"),
        (Kind.ISSUE, "acme/web#7"),
    }
    assert github.requests == 3
    for row in server.issues[:150]:
        row["updated_at"] = "2026-11-20T08:00:00Z"
    read = items(pages(github, replace(FIRST, since=since)))
    assert {item.key for item in read if item.kind is Kind.ISSUE} == {f"acme/web#{n}" for n in range(1, 151)}
    listings = [asked for asked in server.asked if "since" in asked.query]
    assert {asked.query["since"] for asked in listings} == {"2026-11-20T08:00:00Z"}
    assert len(listings) == 2


def test_nothing_changed_costs_three_requests(server: GitHubServer, github: Connector) -> None:
    server.issues = [issue(number) for number in range(1, 500)]
    github.containers()
    assert items(pages(github, replace(FIRST, since=NOW))) == []
    assert github.requests == 3


def test_many_milestones_are_paged_too(server: GitHubServer, github: Connector) -> None:
    server.milestones = [milestone(number) for number in range(1, 151)]
    github.containers()
    assert len(items(pages(github))) == 150
    assert github.requests == 4


@pytest.mark.parametrize("numbered", [True, False])
def test_pages_may_be_asked_in_any_order_by_any_connection(server: GitHubServer, numbered: bool) -> None:
    server.numbered = numbered
    server.milestones = [milestone(number) for number in range(1, 130)]
    server.issues = [issue(number) for number in range(1, 340)]
    github = opened(server.url)
    github.containers()
    whole = pages(github)
    assert len(whole) == 6
    asked: list[str | None] = [None]
    read = []
    while asked:
        later = opened(server.url)  # another process, which has resolved nothing
        page = later.changed(WEB, replace(FIRST, resume=asked.pop()), Demand())
        later.close()
        read.append(page)
        asked += page.following
    github.close()
    assert sorted(item.id for item in items(read)) == sorted(item.id for item in items(whole))
    assert len(set(items(read))) == 129 + 339


def test_the_first_page_names_all_the_others_at_once(server: GitHubServer, github: Connector) -> None:
    server.issues = [issue(number) for number in range(1, 340)]
    github.containers()
    assert len(github.changed(WEB, FIRST, Demand()).following) == 3 + 1  # three pages, and the milestones


def test_refused_page_numbers_are_followed_as_links_instead(server: GitHubServer, github: Connector) -> None:
    """Large repositories answer 422 to a page's number: the listing begins anew, once, as a chain."""
    server.issues = [issue(number) for number in range(1, 540)]
    github.containers()
    first = github.changed(WEB, FIRST, Demand())

    def only_links(asked: Asked) -> Reply | None:
        if asked.path.endswith("/issues") and "page" in asked.query and "after" not in asked.query:
            return Reply(422, '{"message": "Pagination with the page parameter is not supported"}')
        return None

    def with_cursors(asked: Asked) -> Reply | None:
        if not asked.path.endswith("/issues") or "page" in asked.query:
            return only_links(asked)
        begin = int(asked.query.get("after", "0"))
        more = f'<{server.url}/repositories/42/issues?after={begin + 100}>; rel="next"' if begin < 500 else ""
        return Reply(200, json.dumps(server.issues[begin : begin + 100]), {"Link": more})

    server.always = with_cursors
    read = [first]
    for resume in first.following:
        read += pages(github.twin(), replace(FIRST, resume=resume))
    assert {item.key for item in items(read)} == {f"acme/web#{number}" for number in range(1, 540)}
    assert github.changed(WEB, replace(FIRST, resume=first.following[1]), Demand()).following  # asked again: again
    chains = [asked for asked in server.asked if "after" in asked.query]
    assert len(chains) == 5


def test_a_listing_that_grows_while_it_is_read_loses_nothing(server: GitHubServer, github: Connector) -> None:
    server.issues = [issue(number) for number in range(1, 200)]
    github.containers()
    first = github.changed(WEB, FIRST, Demand())
    server.issues += [issue(number) for number in range(200, 320)]
    read = [first] + [page for resume in first.following for page in pages(github, replace(FIRST, resume=resume))]
    assert {item.key for item in items(read)} == {f"acme/web#{number}" for number in range(1, 320)}


def test_asking_a_page_twice_gives_the_same_page(server: GitHubServer, github: Connector) -> None:
    server.issues = [issue(number) for number in range(1, 300)]
    cursor = replace(FIRST, resume=pages(github)[0].following[1])
    assert github.changed(WEB, cursor, Demand()) == github.changed(WEB, cursor, Demand())


def test_threads_with_twins_never_mix_up_their_answers(server: GitHubServer, github: Connector) -> None:
    """A socket that two threads share hands the answer of one to the other; every twin has its own."""
    server.issues = [issue(number) for number in range(1, 1001)]
    github.containers()
    first = github.changed(WEB, FIRST, Demand())
    alone = {resume: github.changed(WEB, replace(FIRST, resume=resume), Demand()) for resume in first.following}
    twins = [github.twin() for _ in range(8)]

    def ask(number: int) -> bool:
        twin, resumes = twins[number], first.following[number:] + first.following[:number]
        return all(twin.changed(WEB, replace(FIRST, resume=one), Demand()) == alone[one] for one in resumes)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(8)))
    assert sum(twin.requests for twin in twins) == 8 * len(first.following)
    for twin in twins:
        twin.close()


def test_a_renamed_repository_is_read_whole_under_its_new_name(server: GitHubServer) -> None:
    server.ids = {"acme/shop": 42}
    server.moved = {"acme/web": 42}
    server.issues = [issue(number, state="closed") for number in range(1, 121)]
    github = opened(server.url)
    assert github.containers() == (WEB,)
    read = items(pages(github))
    github.close()
    assert [item.key for item in read] == [f"acme/shop#{number}" for number in range(1, 121)]
    assert {item.projects[0].id for item in read} == {"42"}
    assert github.requests == len(server.asked) == 5


def test_a_redirect_in_a_listing_is_an_error_and_is_not_followed(server: GitHubServer, github: Connector) -> None:
    github.containers()
    server.moved = {"acme/web": 42}
    with pytest.raises(Stop, match=r"moved the issues of acme/web elsewhere \(301\)"):
        github.changed(WEB, FIRST, Demand())
    assert github.requests == len(server.asked) == 2


def test_a_redirect_to_another_host_is_not_followed(server: GitHubServer, github: Connector) -> None:
    with GitHubServer() as other:
        server.replies = [Reply(301, "{}", {"Location": f"{other.url}/repositories/42"})]
        (found,) = github.containers()
        assert isinstance(found, Unreadable)
        assert "elsewhere" in found.error
        assert other.asked == []


def test_an_unreadable_repository_leaves_the_others(server: GitHubServer) -> None:
    server.ids = {"acme/web": 42, "acme/api": 43}
    github = opened(server.url, "acme/web", "acme/gone", "acme/api")
    first, gone, last = github.containers()
    github.close()
    assert (first, last) == (WEB, Container("43", "acme/api"))
    assert isinstance(gone, Unreadable)
    assert gone.name == "acme/gone"
    assert "404" in gone.error


def test_a_repository_that_the_token_may_not_read_leaves_the_others(server: GitHubServer) -> None:
    server.ids = {"acme/web": 42, "acme/api": 43}
    server.replies = [Reply(403, '{"message": "Resource protected by organization SAML enforcement."}')]
    github = opened(server.url, "acme/web", "acme/api")
    refused, other = github.containers()
    github.close()
    assert isinstance(refused, Unreadable)
    assert "(403)" in refused.error
    assert other == Container("43", "acme/api")


def test_demanded_fields_are_refused_with_a_reason(server: GitHubServer, github: Connector) -> None:
    with pytest.raises(Stop, match="no fields of their own: name the board of story_points under"):
        github.changed(WEB, FIRST, Demand(fields=frozenset({"story_points"})))
    assert server.asked == []


def test_check_tells_the_account_and_what_it_sees(server: GitHubServer) -> None:
    github = opened(server.url, "acme/web", "acme/gone")
    account = github.check()
    github.close()
    assert (account.who, account.sees, account.missing) == ("headway-bot", ("acme/web",), ("acme/gone",))
    assert "(404)" in account.reasons["acme/gone"]
    assert server.url in account.detail


def test_check_tells_when_the_token_expires(server: GitHubServer, github: Connector) -> None:
    expires = {"github-authentication-token-expiration": "2026-12-24 10:00:00 UTC"}
    server.always = lambda asked: Reply(200, '{"login": "bot"}', expires) if asked.path == "/user" else None
    assert github.check().expires == datetime(2026, 12, 24, 10, tzinfo=UTC)


def test_check_knows_tokens_without_a_user(server: GitHubServer, github: Connector) -> None:
    refusal = Reply(403, '{"message": "Resource not accessible by integration"}')
    server.always = lambda asked: refusal if asked.path == "/user" else None
    account = github.check()
    assert account.sees == ("acme/web",)
    assert "app" in account.who


DENIED = Reply(403, '{"message": "Resource not accessible by personal access token"}')


def of_issues(reply: Reply, name: str = "acme/web") -> Callable[[Asked], Reply | None]:
    """Answer so whatever is asked for the issues of a repository."""
    return lambda asked: reply if asked.path == f"/repos/{name}/issues" else None


def test_check_tries_what_a_read_will_ask(server: GitHubServer) -> None:
    """A fine-grained token sees a repository by Metadata alone, and says nowhere what it may do."""
    server.ids = {"acme/web": 42, "acme/api": 43}
    server.issues = [issue(1)]
    server.always = of_issues(DENIED)
    github = opened(server.url, "acme/web", "acme/api")
    account = github.check()
    github.close()
    assert account.sees == ("acme/web", "acme/api")
    (lacking,) = account.lacks
    assert "the issues of acme/web (403): give it the permission Issues: read" in lacking
    tried = [asked for asked in server.asked if asked.path.endswith("/issues")]
    assert [asked.query for asked in tried] == [{"state": "all", "per_page": "1"}] * 2


@pytest.mark.parametrize("status", [404, 410])
def test_check_tells_of_issues_that_are_not_there(server: GitHubServer, github: Connector, status: int) -> None:
    server.always = of_issues(Reply(status, '{"message": "Issues are disabled for this repo"}'))
    (lacking,) = github.check().lacks
    assert f"the issues of acme/web ({status})" in lacking


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(401, "{}"), CredentialsRefused),
        (Reply(403, "{}", {"Retry-After": "7"}), RateLimited),
        (Reply(500, "{}"), TryLater),
        (Reply(302, "", {"Location": "/login"}), Stop),
        (Reply(200, "{}"), MalformedAnswer),
    ],
)
def test_check_takes_trouble_for_no_missing_right(
    server: GitHubServer, github: Connector, reply: Reply, expected: type[ConnectorError]
) -> None:
    for path in ("/repos/acme/web/issues", "/graphql"):
        server.always = lambda asked, path=path: reply if asked.path == path else None  # type: ignore[misc]
        trying = opened(server.url, boards=["acme/1"] if path == "/graphql" else None)
        with pytest.raises(expected):
            trying.check()
        trying.close()


def test_single_sign_on_is_told_as_the_reason(server: GitHubServer, github: Connector) -> None:
    asked_for = {"X-GitHub-SSO": "required; url=https://github.com/orgs/acme/sso?authorization_request=AB12"}
    server.always = of_issues(Reply(403, '{"message": "Resource protected by SAML"}', asked_for))
    (lacking,) = github.check().lacks
    assert "single sign-on" in lacking
    assert "AB12" not in lacking


def test_every_request_carries_the_token_our_name_and_the_pinned_version(
    server: GitHubServer, github: Connector
) -> None:
    github.containers()
    headers = server.asked[0].headers
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["user-agent"].startswith("headway/")
    assert headers["x-github-api-version"] == "2022-11-28"


def test_a_milestone_without_a_list_stops_the_read(server: GitHubServer, github: Connector) -> None:
    def only_milestones_fail(asked: Asked) -> Reply | None:
        return Reply(200, '{"message": "?"}') if asked.path.endswith("/milestones") else None

    server.always = only_milestones_fail
    github.containers()
    with pytest.raises(MalformedAnswer, match="the milestones of acme/web"):
        pages(github)
