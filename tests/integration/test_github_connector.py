"""The GitHub connector reads repositories over real HTTP: everything, what changed, and page by page."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from connectors.contract import Connector, Container, Demand, MalformedAnswer, Stop, Unreadable
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
def server() -> Iterator[GitHubServer]:
    with GitHubServer() as running:
        yield running


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
    assert [item.key for item in read] == ["acme/web/milestone/1", *(f"acme/web#{n}" for n in range(1, 251))]
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
    assert [(item.kind, item.key) for item in read] == [
        (Kind.MILESTONE, "acme/web/milestone/1"),
        (Kind.MILESTONE, "acme/web/milestone/2"),
        (Kind.ISSUE, "acme/web#7"),
    ]
    assert server.asked[-1].query["since"] == "2026-11-20T08:00:00Z"
    assert github.requests == 3


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


def test_a_read_goes_on_from_any_page_and_loses_nothing(server: GitHubServer, github: Connector) -> None:
    server.milestones = [milestone(number) for number in range(1, 130)]
    server.issues = [issue(number) for number in range(1, 340)]
    github.containers()
    whole = pages(github)
    assert len(whole) == 6
    for done in range(1, len(whole)):
        later = opened(server.url)  # another process, which has resolved nothing
        rest = pages(later, replace(FIRST, resume=whole[done - 1].following[0]))
        later.close()
        assert items(whole[:done]) + items(rest) == items(whole)


def test_asking_a_page_twice_gives_the_same_page(server: GitHubServer, github: Connector) -> None:
    server.issues = [issue(number) for number in range(1, 300)]
    cursor = replace(FIRST, resume=pages(github)[1].following[0])
    assert github.changed(WEB, cursor, Demand()) == github.changed(WEB, cursor, Demand())


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
    with pytest.raises(Stop, match=r"moved the milestones of acme/web elsewhere \(301\)"):
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
    with pytest.raises(Stop, match="no custom number fields: leave out story_points"):
        github.changed(WEB, FIRST, Demand(fields=frozenset({"story_points"})))
    assert server.asked == []


def test_check_tells_the_account_and_what_it_sees(server: GitHubServer) -> None:
    github = opened(server.url, "acme/web", "acme/gone")
    account = github.check()
    github.close()
    assert (account.who, account.sees, account.missing) == ("headway-bot", ("acme/web",), ("acme/gone",))
    assert server.url in account.detail


def test_check_tells_when_the_token_expires(server: GitHubServer, github: Connector) -> None:
    expires = {"github-authentication-token-expiration": "2026-12-24 10:00:00 UTC"}
    server.always = lambda asked: Reply(200, '{"login": "bot"}', expires) if asked.path == "/user" else None
    assert "expires 2026-12-24 10:00:00 UTC" in github.check().detail


def test_check_knows_tokens_without_a_user(server: GitHubServer, github: Connector) -> None:
    refusal = Reply(403, '{"message": "Resource not accessible by integration"}')
    server.always = lambda asked: refusal if asked.path == "/user" else None
    account = github.check()
    assert account.sees == ("acme/web",)
    assert "app" in account.who


def test_every_request_carries_the_token_our_name_and_the_pinned_version(
    server: GitHubServer, github: Connector
) -> None:
    github.containers()
    headers = server.asked[0].headers
    assert headers["authorization"] == f"token {TOKEN}"
    assert headers["user-agent"].startswith("headway/")
    assert headers["x-github-api-version"] == "2022-11-28"


def test_a_milestone_without_a_list_stops_the_read(server: GitHubServer, github: Connector) -> None:
    def only_milestones_fail(asked: Asked) -> Reply | None:
        return Reply(200, '{"message": "?"}') if asked.path.endswith("/milestones") else None

    server.always = only_milestones_fail
    github.containers()
    with pytest.raises(MalformedAnswer, match="the milestones of acme/web"):
        github.changed(WEB, FIRST, Demand())
