"""GitHub payloads become work items; the golden files hold a payload beside the items expected of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import MalformedAnswer
from connectors.github import normalise
from connectors.golden import golden
from okrs.work import Ref

GOLDEN = Path(__file__).parent / "golden" / "github"
REPO = Ref("4242", "acme/web")
MAKERS = {
    "issues": normalise.issue,
    "pull_requests": normalise.issue,
    "milestones": normalise.milestone,
}


def payloads(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return rows


def changed(row: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Return a copy of the payload with one (dotted) key set, or removed when the value is `...`."""
    row = json.loads(json.dumps(row))
    *way, last = path.split(".")
    inner = row
    for step in way:
        inner = inner[step]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return row


@pytest.mark.parametrize("name", MAKERS)
def test_golden_payloads(name: str) -> None:
    expected = json.loads((GOLDEN / f"{name}.items.json").read_text(encoding="utf-8"))
    items = [MAKERS[name](row, REPO) for row in payloads(name)]
    assert golden(items) == expected


@pytest.mark.parametrize("name", MAKERS)
def test_every_time_is_aware_and_in_utc(name: str) -> None:
    for row in payloads(name):
        item = MAKERS[name](row, REPO)
        for moment in (item.created_at, item.updated_at, item.closed_at):
            assert moment is None or moment.isoformat().endswith("+00:00")


def test_an_open_item_has_no_closing_date_whatever_the_payload_says() -> None:
    reopened = changed(payloads("issues")[5], "closed_at", "2026-11-15T12:00:00Z")
    assert normalise.issue(reopened, REPO).closed_at is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", ...),
        ("id", "3000000001"),
        ("id", True),
        ("number", None),
        ("title", ...),
        ("title", 5),
        ("html_url", None),
        ("state", ...),
        ("state", "merged"),
        ("state", ["open"]),
        ("state_reason", 7),
        ("created_at", ...),
        ("created_at", "yesterday"),
        ("created_at", "2026-10-01T09:00:00"),
        ("updated_at", 1790000000),
        ("labels", None),
        ("labels", "p1"),
        ("labels", [None]),
        ("labels", [{"name": None}]),
        ("assignees", ...),
        ("assignees", ["ada-l"]),
        ("milestone", 9001),
        ("milestone", {"title": "no id"}),
        ("type", "Bug"),
        ("type", {"id": 7}),
        ("parent_issue_url", 44),
        ("parent_issue_url", "https://api.github.com/repos/acme/plans"),
    ],
)
def test_a_malformed_issue_is_refused(path: str, value: object) -> None:
    row = payloads("issues")[0]
    assert normalise.issue(row, REPO).id == "3000000001"
    with pytest.raises(MalformedAnswer):
        normalise.issue(changed(row, path, value), REPO)


def test_a_closing_date_that_is_no_date_is_refused() -> None:
    with pytest.raises(MalformedAnswer, match="closed_at"):
        normalise.issue(changed(payloads("issues")[1], "closed_at", "soon"), REPO)


@pytest.mark.parametrize(("path", "value"), [("pull_request.merged_at", ...), ("pull_request", "yes")])
def test_a_closed_pull_request_must_say_whether_it_was_merged(path: str, value: object) -> None:
    thrown_away = payloads("pull_requests")[3]
    with pytest.raises(MalformedAnswer, match="pull_request"):
        normalise.issue(changed(thrown_away, path, value), REPO)


@pytest.mark.parametrize(("path", "value"), [("id", ...), ("number", "1"), ("state", "done"), ("title", None)])
def test_a_malformed_milestone_is_refused(path: str, value: object) -> None:
    with pytest.raises(MalformedAnswer):
        normalise.milestone(changed(payloads("milestones")[0], path, value), REPO)


def test_a_repository_has_its_immutable_id_and_canonical_name() -> None:
    assert normalise.repository({"id": 42, "full_name": "acme/Web.App_2"}) == Ref("42", "acme/Web.App_2")


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        {},
        {"id": 42},
        {"id": "42", "full_name": "acme/web"},
        {"id": 42, "full_name": "acme/web?state=open"},
        {"id": 42, "full_name": "acme/.."},
        {"id": 42, "full_name": "../../user"},
        {"id": 42, "full_name": "acme/web\n"},
    ],
)
def test_a_malformed_repository_is_refused(payload: object) -> None:
    with pytest.raises(MalformedAnswer):
        normalise.repository(payload)


def test_a_pull_request_names_tickets_in_its_title_and_an_issue_does_not() -> None:
    title = "PAY-12: faster basket (#34, acme/api#7), not #34 again"
    pull = normalise.issue(changed(payloads("pull_requests")[0], "title", title), REPO)
    assert pull.refs == ("PAY-12", "acme/web#34", "acme/api#7")
    assert normalise.issue(changed(payloads("issues")[0], "title", title), REPO).refs == ()


def test_a_pull_request_does_not_name_itself() -> None:
    row = payloads("pull_requests")[0]
    assert normalise.issue(changed(row, "title", f"Again #{row['number']}"), REPO).refs == ()
