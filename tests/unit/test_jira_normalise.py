"""Golden payloads beside their expected items, and every way in which a payload can be malformed."""

from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.contract import FieldsRefused, MalformedAnswer, Stop
from connectors.golden import golden
from connectors.jira.normalise import Reading, issue_item, version_item
from connectors.jira.settings import CANCELLED_RESOLUTIONS
from connectors.jira.values import value_texts
from okrs.work import Kind, State, fold_name

GOLDEN = Path(__file__).parent / "golden" / "jira"
CANCELLED = frozenset(map(fold_name, CANCELLED_RESOLUTIONS))
CLOUD = Reading(
    root="https://acme.atlassian.net",
    cancelled=CANCELLED,
    columns=(("severity", "customfield_10030"), ("story_points", "customfield_10016")),
)
DATA_CENTER = Reading(root="https://jira.acme.example/jira", cancelled=CANCELLED, epic_link="customfield_10100")
PLANNED = Reading(root="https://acme.atlassian.net", cancelled=CANCELLED, sprint="customfield_10020", links=True)


def load(name: str) -> Any:
    return orjson.loads((GOLDEN / name).read_bytes())


@pytest.mark.parametrize(
    ("name", "reading"),
    [("cloud", CLOUD), ("data_center", DATA_CENTER), ("planned", PLANNED), ("planned_data_center", PLANNED)],
)
def test_issues_become_the_expected_items(name: str, reading: Reading) -> None:
    items = [issue_item(issue, reading) for issue in load(f"{name}.json")["issues"]]
    assert golden(items) == load(f"{name}.items.json")
    times = [time for item in items for time in (item.created_at, item.updated_at, item.closed_at) if time]
    assert times
    assert all(time.tzinfo is UTC for time in times)


def test_versions_become_the_expected_milestones() -> None:
    items = [version_item(version, "PAY", CLOUD.root) for version in load("versions.json")["versions"]]
    assert golden(items) == load("versions.items.json")


@pytest.mark.parametrize(
    ("category", "resolution", "state"),
    [
        ("new", None, State.TODO),
        ("indeterminate", None, State.DOING),
        ("undefined", None, State.TODO),
        ("done", None, State.DONE),
        ("done", "Fixed", State.DONE),
        ("done", "  WON'T FIX ", State.CANCELLED),
        ("indeterminate", "Duplicate", State.DOING),
    ],
)
def test_the_state_is_the_category_and_the_resolution(category: str, resolution: str | None, state: State) -> None:
    issue = deepcopy(load("cloud.json")["issues"][0])
    issue["fields"]["status"]["statusCategory"]["key"] = category
    issue["fields"]["resolution"] = {"name": resolution} if resolution else None
    item = issue_item(issue, CLOUD)
    assert item.state is state
    assert (item.closed_at is not None) == state.closed


def test_own_cancelled_resolutions_replace_the_list() -> None:
    issue = load("cloud.json")["issues"][3]
    assert issue_item(issue, CLOUD).state is State.CANCELLED
    assert issue_item(issue, Reading(root="", cancelled=frozenset({"obsolete"}))).state is State.DONE


def test_a_date_without_resolution_date_is_that_of_the_category() -> None:
    item = issue_item(load("cloud.json")["issues"][4], CLOUD)
    assert item.closed_at == datetime(2026, 10, 2, 7, tzinfo=UTC)


def test_cloud_has_no_epic_by_name() -> None:
    issue = deepcopy(load("cloud.json")["issues"][0])
    issue["fields"]["issuetype"] = {"name": "Epic", "subtask": False, "hierarchyLevel": 0}
    assert issue_item(issue, CLOUD).kind is Kind.ISSUE


ADA = {"accountId": "5b", "emailAddress": "ada@acme.example", "displayName": "Ada", "active": True}
GERMANY = {"value": "Europe", "id": "1", "child": {"value": "Germany", "id": "2"}}


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (None, ()),
        ([], ()),
        ("", ()),
        ("  ", ()),
        (" Berlin ", (" Berlin ",)),
        ("2026-10-01", ("2026-10-01",)),
        (3, ("3",)),
        (5.0, ("5",)),
        (0.1, ("0.1",)),
        (1e-07, ("1e-07",)),
        (True, ("true",)),
        ({"value": "High", "id": "7"}, ("High",)),
        ({"name": "Team A", "id": "1"}, ("Team A",)),
        ({"id": "1", "key": "PAY-1", "fields": {}}, ("PAY-1",)),
        (ADA, ("Ada", "ada@acme.example", "5b")),
        ({"name": "ada", "key": "JIRAUSER1", "displayName": "Ada"}, ("Ada", "ada")),
        ([ADA, {"displayName": "Ben"}], ("Ada", "ada@acme.example", "5b", "Ben")),
        ([{"value": "A"}, {"value": "B"}, {"value": "A"}], ("A", "B")),
        (["alpha", "beta"], ("alpha", "beta")),
        (GERMANY, ("Europe", "Germany", "Europe - Germany")),
        ({"value": "Europe", "id": "1"}, ("Europe",)),
        ({"value": "Europe", "child": None}, ("Europe",)),
        ([None], ()),
    ],
)
def test_what_people_see_is_what_is_compared(value: object, texts: tuple[str, ...]) -> None:
    assert value_texts(value, "a field") == texts


def test_several_values_are_several_pairs_and_numbers_stay_numbers() -> None:
    issue = load("cloud.json")["issues"][1]
    issue["fields"]["customfield_10030"] = [{"value": "High"}, {"value": "Severe"}]
    item = issue_item(issue, CLOUD)
    assert item.fields == (("severity", "High"), ("severity", "Severe"), ("story_points", "0.1"))
    assert item.number("story_points") == Decimal("0.1")
    assert item.number("severity") is None


@pytest.mark.parametrize("value", [{"id": "1"}, [{"progress": 0, "total": 8}], {"value": 3}])
def test_a_value_without_words_is_told(value: object) -> None:
    told = "Jira holds 'severity' of PAY-43 in a form of its own"
    with pytest.raises(Stop, match=told):
        value_texts(value, "'severity' of PAY-43")
    issue = load("cloud.json")["issues"][1]
    issue["fields"]["customfield_10030"] = value
    with pytest.raises(FieldsRefused, match=told) as raised:
        issue_item(issue, CLOUD)
    assert set(raised.value.refused) == {"severity"}


MISSING = ["id", "key", "fields", "fields.summary", "fields.issuetype", "fields.issuetype.name"]
MISSING += ["fields.status", "fields.status.name", "fields.status.statusCategory", "fields.status.statusCategory.key"]
OPTIONAL = ["resolution", "resolutiondate", "created", "updated", "labels", "components", "fixVersions", "parent"]


def place(issue: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    *above, last = path.split(".")
    for name in above:
        issue = issue[name]
    return issue, last


@pytest.mark.parametrize("path", MISSING)
def test_what_must_be_there_is_demanded(path: str) -> None:
    wrong: tuple[object, ...] = (None, 7, [])
    for spoilt in wrong:
        issue = deepcopy(load("cloud.json")["issues"][1])
        inside, key = place(issue, path)
        inside[key] = spoilt
        with pytest.raises(MalformedAnswer):
            issue_item(issue, CLOUD)
    issue = deepcopy(load("cloud.json")["issues"][1])
    inside, key = place(issue, path)
    del inside[key]
    with pytest.raises(MalformedAnswer, match=key):
        issue_item(issue, CLOUD)


@pytest.mark.parametrize("name", [*OPTIONAL, "assignee", "statuscategorychangedate"])
def test_what_may_be_absent_must_still_have_its_type(name: str) -> None:
    issue = deepcopy(load("cloud.json")["issues"][2])
    issue["fields"].pop(name, None)
    issue["fields"]["resolutiondate"] = None
    issue_item(issue, CLOUD)
    issue["fields"][name] = 7
    with pytest.raises(MalformedAnswer, match=name):
        issue_item(issue, CLOUD)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("created", "yesterday"),
        ("created", "2026-10-01T08:30:00"),
        ("labels", [1]),
        ("components", ["Checkout"]),
        ("components", [{"id": "1"}]),
        ("fixVersions", [{"id": 10000}]),
        ("parent", {"key": "PAY-42"}),
        ("resolution", {"id": "1"}),
        ("assignee", {"displayName": 7}),
    ],
)
def test_wrong_insides_are_malformed(name: str, value: object) -> None:
    issue = deepcopy(load("cloud.json")["issues"][1])
    issue["fields"][name] = value
    with pytest.raises(MalformedAnswer):
        issue_item(issue, CLOUD)


@pytest.mark.parametrize(
    "links", [7, ["PAY-1"], [{"inwardIssue": "PAY-1"}], [{"outwardIssue": {"id": "1"}}], [{"inwardIssue": {"key": 1}}]]
)
def test_malformed_links_are_refused(links: object) -> None:
    issue = load("planned.json")["issues"][0]
    issue["fields"]["issuelinks"] = links
    with pytest.raises(MalformedAnswer, match=r"issuelinks|key|inwardIssue"):
        issue_item(issue, PLANNED)
    assert issue_item(issue, CLOUD).refs == ()  # not demanded, so not looked at


@pytest.mark.parametrize(
    "change", [{"id": None}, {"id": 10000}, {"name": None}, {"released": "yes"}, {"releaseDate": "1/Oct/26"}]
)
def test_a_malformed_version_is_refused(change: dict[str, object]) -> None:
    version = {**load("versions.json")["versions"][0], **change}
    with pytest.raises(MalformedAnswer):
        version_item(version, "PAY", CLOUD.root)
