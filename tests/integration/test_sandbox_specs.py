"""What the sandbox answers is what the trackers promise in their OpenAPI documents."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests
from jsonschema import Draft4Validator

from sandbox.company import build
from sandbox.server import Sandbox
from sandbox.streams import ASANA_PROJECTS, CHECKLIST_GID

SPECS = Path(__file__).resolve().parents[3] / "shared" / "specs"
FILES = {"jira": "jira-platform.json", "asana": "asana.json", "github": "github.json"}
PREFIX = {"jira": "", "asana": "/api/1.0", "github": ""}
NOW = datetime(2026, 11, 18, 9, tzinfo=UTC)

pytestmark = pytest.mark.skipif(not SPECS.is_dir(), reason="the OpenAPI documents are not beside the repository")

# (tracker, route) → path in the document.  /repositories/{id} is GitHub's own name for /repos/{owner}/{repo} in links.
PATHS = {
    ("jira", "serverInfo"): "/rest/api/3/serverInfo",
    ("jira", "myself"): "/rest/api/3/myself",
    ("jira", "field"): "/rest/api/3/field",
    ("jira", "versions"): "/rest/api/3/project/{projectIdOrKey}/versions",
    ("jira", "project"): "/rest/api/3/project/{projectIdOrKey}",
    ("jira", "search"): "/rest/api/3/search/jql",
    ("jira", "removed search"): "/rest/api/3/search",
    ("jira", "status"): "/rest/api/3/status",
    ("jira", "project search"): "/rest/api/3/project/search",
    ("jira", "project statuses"): "/rest/api/3/project/{projectIdOrKey}/statuses",
    ("jira", "version"): "/rest/api/3/version/{id}",
    ("jira", "issue"): "/rest/api/3/issue/{issueIdOrKey}",
    ("jira", "bulk issues"): "/rest/api/3/issue/bulkfetch",
    ("jira", "changelogs"): "/rest/api/3/changelog/bulkfetch",
    ("jira", "count"): "/rest/api/3/search/approximate-count",
    ("asana", "user"): "/users/{user_gid}",
    ("asana", "project"): "/projects/{project_gid}",
    ("asana", "tasks"): "/tasks",
    ("asana", "project tasks"): "/projects/{project_gid}/tasks",
    ("asana", "sections"): "/projects/{project_gid}/sections",
    ("asana", "subtasks"): "/tasks/{task_gid}/subtasks",
    ("asana", "task"): "/tasks/{task_gid}",
    ("asana", "workspaces"): "/workspaces",
    ("asana", "projects"): "/workspaces/{workspace_gid}/projects",
    ("asana", "tags"): "/workspaces/{workspace_gid}/tags",
    ("asana", "custom fields"): "/projects/{project_gid}/custom_field_settings",
    ("asana", "events"): "/events",
    ("github", "user"): "/user",
    ("github", "repository"): "/repos/{owner}/{repo}",
    ("github", "issues"): "/repos/{owner}/{repo}/issues",
    ("github", "milestones"): "/repos/{owner}/{repo}/milestones",
    ("github", "issue"): "/repos/{owner}/{repo}/issues/{issue_number}",
    ("github", "milestone"): "/repos/{owner}/{repo}/milestones/{milestone_number}",
    ("github", "labels"): "/repos/{owner}/{repo}/labels",
    ("github", "search"): "/search/issues",
    ("github", "sub-issues"): "/repos/{owner}/{repo}/issues/{issue_number}/sub_issues",
    ("github", "visible repositories"): "/user/repos",
}

# Routes that no document here tells of: Jira Software, the one address of a site that tells its id, GraphQL, and what
# GitHub's Apps ask.
UNDESCRIBED = {("jira", route) for route in ("boards", "board", "sprints", "sprint", "tenant")} | {
    ("github", "graphql"),
    ("github", "issue types"),
    ("github", "installed repositories"),
    ("github", "installation"),
    ("github", "installation token"),
    ("asana", "webhooks"),
}

PROJECT = ASANA_PROJECTS[0]
FIELDS = (
    "name,completed,memberships.section.name,memberships.project,tags.name,assignee.email,custom_fields.number_value"
)
JQL = "jql=project%20in%20(PAY,PLAT)%20ORDER%20BY%20created%20ASC"
REQUESTS = [
    ("jira", "serverInfo", "/rest/api/2/serverInfo"),
    ("jira", "myself", "/rest/api/2/myself"),
    ("jira", "myself", "/rest/api/3/myself"),
    ("jira", "field", "/rest/api/3/field"),
    ("jira", "versions", "/rest/api/2/project/PAY/versions"),
    ("jira", "project", "/rest/api/3/project/PAY"),
    ("jira", "search", f"/rest/api/3/search/jql?{JQL}&fields=*all&maxResults=100"),
    ("jira", "search", f"/rest/api/3/search/jql?{JQL}&fields=summary,status&maxResults=3"),
    ("jira", "search", f"/rest/api/2/search/jql?{JQL}&maxResults=5000"),
    ("jira", "status", "/rest/api/2/status"),
    ("jira", "project search", "/rest/api/2/project/search?startAt=0&maxResults=100"),
    ("jira", "project search", "/rest/api/2/project/search?keys=PAY&action=browse"),
    ("jira", "project statuses", "/rest/api/2/project/PAY/statuses"),
    ("jira", "version", "/rest/api/2/version/10007"),
    ("jira", "issue", "/rest/api/2/issue/PAY-1?fields=*all"),
    ("jira", "issue", "/rest/api/2/issue/PAY-1?fields=status&expand=changelog"),
    ("asana", "user", "/users/me"),
    ("asana", "user", "/users/me?opt_fields=name,email"),
    ("asana", "project", f"/projects/{PROJECT}"),
    ("asana", "tasks", f"/tasks?project={PROJECT}&limit=100&modified_since=2026-10-01T00:00:00Z"),
    ("asana", "tasks", f"/tasks?project={PROJECT}&limit=2&opt_fields={FIELDS},dependencies"),
    ("asana", "project tasks", f"/projects/{PROJECT}/tasks?limit=100&opt_fields={FIELDS}"),
    ("asana", "sections", f"/projects/{PROJECT}/sections?limit=10"),
    ("asana", "subtasks", f"/tasks/{CHECKLIST_GID}/subtasks?limit=100&opt_fields={FIELDS},parent.name,created_at"),
    ("asana", "task", f"/tasks/{CHECKLIST_GID}"),
    ("asana", "workspaces", "/workspaces?limit=100"),
    ("asana", "projects", "/workspaces/1204000000000000/projects?limit=100&archived=false"),
    ("asana", "tags", "/workspaces/1204000000000000/tags?limit=100"),
    ("asana", "custom fields", f"/projects/{PROJECT}/custom_field_settings?limit=100"),
    ("github", "user", "/user"),
    ("github", "repository", "/repos/acme/web"),
    ("github", "repository", "/repositories/2100000001"),
    ("github", "issues", "/repos/acme/web/issues?state=all&per_page=100&page=1&sort=updated&direction=asc"),
    ("github", "issues", "/repositories/2100000001/issues?state=all&per_page=100&page=2&since=2026-09-01T00:00:00Z"),
    ("github", "milestones", "/repos/acme/web/milestones?state=all"),
    ("github", "issue", "/repos/acme/web/issues/1"),
    ("github", "issue", "/repositories/2100000001/issues/2"),
    ("github", "sub-issues", "/repos/acme/web/issues/1/sub_issues?per_page=100"),
    ("github", "milestone", "/repos/acme/web/milestones/1"),
    ("github", "labels", "/repos/acme/web/labels?per_page=100"),
    ("github", "search", "/search/issues?q=is:issue+repo:acme/web&sort=created&order=asc&per_page=100"),
    ("github", "visible repositories", "/user/repos?per_page=100"),
]


@cache
def document(tracker: str) -> dict[str, Any]:
    parsed: dict[str, Any] = translated(json.loads((SPECS / FILES[tracker]).read_bytes()))
    return parsed


def translated(node: Any) -> Any:
    """Say OpenAPI 3.0's `nullable` in the words of JSON Schema, in which an answer may then be null."""
    if isinstance(node, list):
        return [translated(one) for one in node]
    if not isinstance(node, dict):
        return node
    inner = {name: translated(value) for name, value in node.items() if name != "nullable"}
    parts = node.get("allOf")
    nullable = node.get("nullable") is True or (
        isinstance(parts, list) and any(isinstance(part, dict) and part.get("nullable") is True for part in parts)
    )
    return {"anyOf": [inner, {"type": "null"}]} if nullable else inner


def operation(tracker: str, route: str, method: str = "get") -> dict[str, Any]:
    path: dict[str, Any] = document(tracker)["paths"][PREFIX[tracker] + PATHS[tracker, route]]
    return {**path[method], "parameters": [*path.get("parameters", []), *path[method].get("parameters", [])]}


def resolved(tracker: str, node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        reference: str = node["$ref"]
        node = document(tracker)
        for name in reference.removeprefix("#/").split("/"):
            node = node[name]
    return node


def problems(tracker: str, found: dict[str, Any], status: int, body: object) -> list[str]:
    """Return what is wrong with an answer."""
    response = resolved(tracker, found["responses"][str(status)])
    schema = {**response["content"]["application/json"]["schema"]}
    whole = {"allOf": [schema], "components": document(tracker)["components"]}
    return [
        f"{'/'.join(map(str, error.path))}: {error.message[:300]}" for error in Draft4Validator(whole).iter_errors(body)
    ]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    world = build(1, NOW)
    for key in ("PAY", "PLAT"):  # the one field is the site's, the other one a team-managed project's own
        world.add_field(world.project(key), "Effort", "float")
    world.project("PLAT").team_managed = True
    with Sandbox(world) as running:
        yield running


def ask(sandbox: Sandbox, tracker: str, target: str) -> requests.Response:
    return requests.get(sandbox.urls[tracker] + target, headers=sandbox.credentials(tracker), timeout=10)


@pytest.mark.parametrize(("tracker", "route", "target"), REQUESTS)
def test_every_answer_is_of_the_promised_shape(sandbox: Sandbox, tracker: str, route: str, target: str) -> None:
    before = sandbox.requests[tracker, route]
    answer = ask(sandbox, tracker, target)
    assert answer.status_code == 200, answer.text
    assert sandbox.requests[tracker, route] == before + 1
    assert problems(tracker, operation(tracker, route), 200, answer.json()) == []


def test_a_posted_search_is_of_the_promised_shape(sandbox: Sandbox) -> None:
    asked = {"jql": 'project = "PAY" ORDER BY key DESC', "fields": ["summary", "parent"], "maxResults": 7}
    url = sandbox.urls["jira"] + "/rest/api/3/search/jql"
    answer = requests.post(url, json=asked, headers=sandbox.credentials("jira"), timeout=10)
    found = operation("jira", "search", "post")
    assert problems("jira", found, 200, answer.json()) == []
    assert len(answer.json()["issues"]) == 7
    body = resolved("jira", found["requestBody"]["content"]["application/json"]["schema"])
    assert set(asked) | {"nextPageToken"} <= set(body["properties"])


@pytest.mark.parametrize(
    ("route", "target", "asked"),
    [
        ("bulk issues", "/rest/api/2/issue/bulkfetch", {"issueIdsOrKeys": ["PAY-1", "PAY-9999"], "fields": ["*all"]}),
        ("changelogs", "/rest/api/3/changelog/bulkfetch", {"issueIdsOrKeys": ["PAY-9", "PAY-30"], "maxResults": 3}),
        ("count", "/rest/api/3/search/approximate-count", {"jql": "project = PAY"}),
    ],
)
def test_what_jira_is_posted_it_answers_in_the_promised_shape(
    sandbox: Sandbox, route: str, target: str, asked: dict[str, Any]
) -> None:
    answer = requests.post(sandbox.urls["jira"] + target, json=asked, headers=sandbox.credentials("jira"), timeout=10)
    assert answer.status_code == 200, answer.text
    found = operation("jira", route, "post")
    assert problems("jira", found, 200, answer.json()) == []
    assert any(answer.json().values())


def test_every_route_is_validated(sandbox: Sandbox) -> None:
    known = {(tracker, route.name) for tracker, api in sandbox.apis.items() for route in api.routes}
    assert known == set(PATHS) | UNDESCRIBED
    posted = {("jira", route) for route in ("removed search", "bulk issues", "changelogs", "count")}
    posted.add(("asana", "events"))  # its first answer is a 412 that brings the token for the next one
    assert known - UNDESCRIBED - {(tracker, route) for tracker, route, _ in REQUESTS} == posted


def test_no_parameter_is_accepted_that_the_tracker_does_not_know(sandbox: Sandbox) -> None:
    for tracker, api in sandbox.apis.items():
        for route in [one for one in api.routes if (tracker, one.name) not in UNDESCRIBED]:
            method = route.methods[0].lower()
            found = [resolved(tracker, one) for one in operation(tracker, route.name, method)["parameters"]]
            names = {one["name"] for one in found if one["in"] == "query"}
            assert route.accepts <= names, (tracker, route.name)


@pytest.mark.parametrize(
    ("route", "target"),
    [("task", f"/tasks/{CHECKLIST_GID}"), ("project", f"/projects/{PROJECT}"), ("user", "/users/me")],
)
def test_asana_shows_nothing_that_opt_fields_could_not_ask_for(sandbox: Sandbox, route: str, target: str) -> None:
    (opt_fields,) = [
        found
        for found in (resolved("asana", one) for one in operation("asana", route)["parameters"])
        if found["name"] == "opt_fields"
    ]
    record = ask(sandbox, "asana", target).json()["data"]
    assert set(record) - {"gid", "resource_type"} <= set(opt_fields["schema"]["items"]["enum"])


@pytest.mark.parametrize(
    ("tracker", "route", "target"),
    [
        ("asana", "project", "/projects/1"),
        ("asana", "tasks", "/tasks?project=1"),
        ("github", "repository", "/repos/acme/nothing"),
        ("github", "issues", "/repos/acme/nothing/issues"),
    ],
)
def test_an_unknown_thing_is_refused_in_the_promised_shape(
    sandbox: Sandbox, tracker: str, route: str, target: str
) -> None:
    answer = ask(sandbox, tracker, target)
    assert answer.status_code == 404
    assert problems(tracker, operation(tracker, route), 404, answer.json()) == []


def test_the_check_itself_finds_a_wrong_answer(sandbox: Sandbox) -> None:
    issues = ask(sandbox, "github", "/repos/acme/web/issues").json()
    del issues[0]["title"]
    issues[1]["number"] = "seven"
    found = problems("github", operation("github", "issues"), 200, issues)
    assert len(found) == 2
    tasks = {"data": [{"gid": 7}], "next_page": None}
    assert problems("asana", operation("asana", "tasks"), 200, tasks)
    assert problems("jira", operation("jira", "search"), 200, {"issues": [], "total": 4})
