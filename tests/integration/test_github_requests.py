"""Whatever the connector sends is promised by GitHub's OpenAPI document: path, method, parameters and their types."""

import json
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from connectors.contract import Connector, Container, Cursor, Demand, Family, Stop
from okrs.work import Ref
from tests.integration.github_server import (
    FIRST,
    NOW,
    Asked,
    GitHubServer,
    Reply,
    issue,
    memo_of,
    milestone,
    opened,
    pages,
)
from tests.integration.spec_requests import SPECS, Sent, problems

DOCUMENT = SPECS / "github.json"

pytestmark = pytest.mark.skipif(not DOCUMENT.is_file(), reason="the OpenAPI documents are not beside the repository")

# GitHub's document does not tell of GraphQL and of repositories by their ids, and ours is trimmed by the rest.
UNDESCRIBED = re.compile(
    "/graphql|/repositories/[0-9]+(/issues/[0-9]+)?|/orgs/[^/]+/issue-types|/installation/repositories"
    "|/app/installations/[0-9]+(/access_tokens)?"
)


def sent(asked: Asked) -> Sent:
    """Return a request in the form that is held against the document."""
    return Sent(asked.method, f"{asked.path}?{urlencode(asked.query)}")


@pytest.fixture
def server(server: GitHubServer) -> GitHubServer:
    server.issues = [issue(number) for number in range(1, 250)]
    server.milestones = [milestone(number) for number in range(1, 120)]
    return server


def everything(server: GitHubServer, github: Connector) -> None:
    """Ask for all that a connector can be asked for."""
    (box,) = [one for one in github.containers() if isinstance(one, Container)]
    memo = memo_of(pages(github, FIRST, box))
    pages(github, Cursor(NOW, NOW - timedelta(days=1), memo=memo), box)
    pages(github, Cursor(NOW, datetime(2026, 10, 30, tzinfo=UTC), memo=memo), box)
    asked: list[str | None] = [None]
    while asked:
        asked += github.census(box, Demand(), asked.pop()).following
    answers = {
        "/search/issues": {"total_count": 0, "incomplete_results": False, "items": []},
        "/repos/acme/web/issues/1": issue(1),
        "/repos/acme/web/milestones/1": milestone(1),
        "/repos/acme/web/labels": [],
        "/repos/acme/web/issues/1/sub_issues": [issue(2, repository_url=f"{server.url}/repos/acme/web")],
        "/user/repos": [],
        "/orgs/acme/issue-types": [],
    }

    def answer(one: Asked) -> Reply | None:
        return Reply(200, json.dumps(answers[one.path])) if one.path in answers else None

    server.always = answer
    github.look_up(box, [Ref("3001", "acme/web#1"), Ref("milestone:901", "acme/web/milestone/1")], Demand())
    github.matching("is:issue label:p1", None)
    github.outside(Family("acme/web#1", deep=True), None)
    github.check()
    github.discover()
    with pytest.raises(Stop):
        github.changed(box, FIRST, Demand(fields=frozenset({"x"})))


def test_every_request_is_as_github_promises(server: GitHubServer) -> None:
    github = opened(server.url)
    everything(server, github)
    github.close()
    assert len({asked.path for asked in server.asked}) >= 10
    described = [sent(asked) for asked in server.asked if not UNDESCRIBED.fullmatch(asked.path)]
    assert [problem for one in described for problem in problems(DOCUMENT, one)] == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (Sent("GET", "/repos/acme/web/issue"), "no such path"),
        (Sent("GET", "/repos/acme/web/issues?states=all"), "no parameter 'states'"),
        (Sent("GET", "/repos/acme/web/issues?state=both"), "'both' is not one of"),
        (Sent("GET", "/repos/acme/web/issues?per_page=many"), "per_page"),
        (Sent("GET", "/search/issues?sort=created"), "the parameter 'q' is required"),
        (Sent("DELETE", "/repos/acme/web/issues"), "only get, post"),
    ],
)
def test_the_check_itself_finds_a_wrong_request(wrong: Sent, told: str) -> None:
    (problem,) = problems(DOCUMENT, wrong)
    assert told in problem
