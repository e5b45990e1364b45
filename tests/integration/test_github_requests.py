"""Whatever the connector sends is promised by GitHub's OpenAPI document: path, method, parameters and their types."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from jsonschema import Draft4Validator

from connectors.contract import Connector, Container, Cursor, Demand, Stop
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

DOCUMENT = Path(__file__).resolve().parents[3] / "shared" / "specs" / "github.json"

pytestmark = pytest.mark.skipif(not DOCUMENT.is_file(), reason="the OpenAPI document is not beside the repository")

# GitHub's document does not tell of GraphQL and of repositories by their ids, and ours is trimmed by the rest.
UNDESCRIBED = re.compile(
    "/graphql|/repositories/[0-9]+(/issues/[0-9]+)?|/orgs/[^/]+/issue-types|/installation/repositories"
    "|/app/installations/[0-9]+(/access_tokens)?"
)


@cache
def document() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(DOCUMENT.read_bytes())
    return parsed


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        reference: str = node["$ref"]
        node = document()
        for name in reference.removeprefix("#/").split("/"):
            node = node[name]
    return node


def problems(asked: Asked) -> list[str]:
    """Return what is wrong with a request."""
    for template in sorted(document()["paths"], key=lambda one: one.count("{")):
        if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", template), asked.path):
            break
    else:
        return [f"no such path: {asked.path}"]
    operation = document()["paths"][template].get(asked.method.lower())
    if operation is None:
        return [f"no such method: {asked.method} {template}"]
    known = {one["name"]: one for one in map(resolved, operation["parameters"]) if one["in"] == "query"}
    wrong = [f"{template}: no parameter {name}" for name in asked.query if name not in known]
    wrong += [
        f"{template}: {name} is required"
        for name, one in known.items()
        if one.get("required") and name not in asked.query
    ]
    for name in set(asked.query) & set(known):
        schema = resolved(known[name]["schema"])
        value: object = asked.query[name]
        if schema.get("type") == "integer" and asked.query[name].isdigit():
            value = int(asked.query[name])
        wrong += [f"{template}: {name}: {error.message}" for error in Draft4Validator(schema).iter_errors(value)]
    return wrong


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer() as running:
        running.issues = [issue(number) for number in range(1, 250)]
        running.milestones = [milestone(number) for number in range(1, 120)]
        yield running


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
        "/user/repos": [],
        "/orgs/acme/issue-types": [],
    }

    def answer(one: Asked) -> Reply | None:
        return Reply(200, json.dumps(answers[one.path])) if one.path in answers else None

    server.always = answer
    github.look_up(box, [Ref("3001", "acme/web#1"), Ref("milestone:901", "acme/web/milestone/1")], Demand())
    github.matching("is:issue label:p1", None)
    github.check()
    github.discover()
    with pytest.raises(Stop):
        github.changed(box, FIRST, Demand(fields=frozenset({"x"})))


def test_every_request_is_as_github_promises(server: GitHubServer) -> None:
    github = opened(server.url)
    everything(server, github)
    github.close()
    assert len({asked.path for asked in server.asked}) >= 10
    assert [wrong for asked in server.asked if not UNDESCRIBED.fullmatch(asked.path) for wrong in problems(asked)] == []


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/repos/acme/web/issue", {}),
        ("/repos/acme/web/issues", {"states": "all"}),
        ("/repos/acme/web/issues", {"state": "both"}),
        ("/repos/acme/web/issues", {"per_page": "many"}),
        ("/search/issues", {"sort": "created"}),
    ],
)
def test_the_check_itself_finds_a_wrong_request(path: str, query: dict[str, str]) -> None:
    assert problems(Asked(path, query, {})), urlencode(query)
