"""The Jira connector reads real HTTP: what it asks, how often, and that nothing is lost."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from math import ceil
from typing import Any

import pytest

from connectors.contract import (
    AccessDenied,
    Connector,
    ConnectorError,
    Container,
    CredentialsRefused,
    Cursor,
    Demand,
    MalformedAnswer,
    Page,
    RateLimited,
    Stop,
    TryLater,
    Unreadable,
)
from connectors.jira import Settings, connect
from connectors.jira.client import Jira
from connectors.patience import Patient
from okrs.immutable import replace
from okrs.work import Kind, Ref
from tests.builders import Time
from tests.integration.jira_site import FIELDS, NOW, Canned, Site, issue

TOKEN = "s3cret-token"
POINTS = Demand(fields=frozenset({"story_points"}))


@pytest.fixture(params=["cloud", "data center"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    with Site(cloud=request.param == "cloud") as site:
        yield site


def settings(site: Site, **more: object) -> Settings:
    email = {"email": "ada@acme.example"} if site.cloud else {}
    plain = {"connector": "jira", "url": site.url, "token": TOKEN, "projects": ["PAY"]}
    return Settings.model_validate({**plain, **email, "fields": {"story_points": "customfield_10016"}, **more})


def pages(connector: Connector, container: Container, cursor: Cursor, demand: Demand) -> Iterator[tuple[Cursor, Page]]:
    """Yield every page with the cursor that asks for it."""
    cursors = [cursor]
    while cursors:
        cursor = cursors.pop(0)
        page = connector.changed(container, cursor, demand)
        yield cursor, page
        cursors += [replace(cursor, resume=resume) for resume in page.following]


def read(connector: Connector, cursor: Cursor, demand: Demand | None = None) -> list[str]:
    """Resolve the containers and read the first one; return the ids of its items."""
    container = connector.containers()[0]
    assert isinstance(container, Container)
    found = pages(connector, container, cursor, demand or Demand())
    return [item.id for _, page in found for item in page.items]


FULL = Cursor(now=NOW)
POLL = Cursor(now=NOW, since=NOW - timedelta(minutes=20, seconds=1))


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
def test_a_first_read_brings_everything_within_its_budget(count: int) -> None:
    with Site(issues=count) as site:
        connector = connect(settings(site))
        assert site.log == []  # nothing is sent before the first question
        ids = read(connector, FULL, POINTS)
        connector.close()
        assert ids == ["version:1", *(one["id"] for one in site.issues)]
        assert connector.requests == len(site.log) <= max(1, ceil(count / 100)) + 3


@pytest.mark.parametrize("demand", [Demand(), POINTS, Demand(frozenset({"Story Points"}))])
def test_a_poll_without_news_asks_two_things_and_brings_the_milestones(site: Site, demand: Demand) -> None:
    site.issues = [issue(1)]
    connector = connect(settings(site))
    assert read(connector, POLL, demand) == ["version:1"]
    connector.close()
    assert site.paths == ["project/PAY", "search/jql" if site.cloud else "search"]
    assert connector.requests == 2


def test_a_poll_brings_what_changed(site: Site) -> None:
    site.issues = [issue(1), issue(2, updated=NOW - timedelta(minutes=21)), issue(3, updated=NOW), issue(4)]
    connector = connect(settings(site))
    assert read(connector, POLL, POINTS) == ["version:1", "10002", "10003"]
    assert site.log[-1].query["jql"].startswith('project = "PAY" AND updated >= "-21m" ORDER')
    assert "description" not in site.log[-1].query["fields"]
    site.versions[0]["name"] = "Renamed"
    container = Container("10", "PAY")
    (_, page), *more = pages(connector, container, POLL, POINTS)  # again, on the same connection
    connector.close()
    assert [item.title for item in page.items if item.kind is Kind.MILESTONE] == ["Renamed"]
    assert more == []


def test_any_page_can_be_asked_again_by_another_connection(site: Site) -> None:
    site.issues = [issue(number) for number in range(1, 351)]
    first = connect(settings(site))
    container = first.containers()[0]
    assert isinstance(container, Container)
    walked = list(pages(first, container, FULL, POINTS))
    first.close()
    assert len(walked) == 4
    for number, (cursor, page) in enumerate(walked):
        other = connect(settings(site))
        again = other.changed(container, cursor, POINTS)
        other.close()
        assert (number, again) == (number, page)


def test_smaller_pages_than_asked_for_lose_nothing(site: Site) -> None:
    site.issues = [issue(number) for number in range(1, 8)]
    site.page_cap = 3
    connector = connect(settings(site))
    assert read(connector, FULL) == ["version:1", *(one["id"] for one in site.issues)]
    connector.close()


def test_each_deployment_gets_its_own_credentials_and_page_numbers(site: Site) -> None:
    connector = connect(settings(site))
    read(connector, FULL)
    connector.close()
    basic = "Basic YWRhQGFjbWUuZXhhbXBsZTpzM2NyZXQtdG9rZW4="
    assert {asked.authorization for asked in site.log} == {basic if site.cloud else f"Bearer {TOKEN}"}
    assert ("startAt" in site.log[-1].query) is not site.cloud


@pytest.mark.parametrize("cloud", [True, False])
def test_the_server_is_asked_where_the_config_and_the_project_disagree(cloud: bool) -> None:
    with Site(cloud=cloud) as site:
        site.issues = [issue(1)]
        connector = connect(settings(site, email=None if cloud else "ada@acme.example"))
        assert read(connector, FULL) == ["version:1", "10001"]
        connector.close()
        assert site.paths.count("serverInfo") == 1
    with Site() as site:
        del site.project["style"]
        connector = connect(settings(site))
        assert read(connector, FULL) == ["version:1"]
        connector.close()
        assert site.paths.count("serverInfo") == 1


def test_data_center_knows_the_epic_by_its_key() -> None:
    with Site(cloud=False) as site:
        site.issues = [
            issue(1, issuetype={"name": "Epic", "subtask": False}),
            issue(2, customfield_10100="PAY-1", customfield_10016=3.0),
        ]
        connector = connect(settings(site))
        container = connector.containers()[0]
        assert isinstance(container, Container)
        _, epic, story = connector.changed(container, FULL, POINTS).items
        connector.close()
    assert epic.kind is Kind.EPIC
    assert story.parent == Ref("", "PAY-1")
    assert story.fields == (("story_points", "3"),)


@pytest.mark.parametrize("spelled", ["Story Points", " story points", "customfield_10016"])
def test_a_field_is_found_by_its_name_in_the_config_or_in_the_mapping(site: Site, spelled: str) -> None:
    site.issues = [issue(1, customfield_10016=8, updated=NOW)]
    for config, demanded in (({"effort": spelled}, "effort"), ({}, spelled)):
        connector = connect(settings(site, fields=config))
        container = connector.containers()[0]
        assert isinstance(container, Container)
        page = connector.changed(container, POLL, Demand(frozenset({demanded})))
        connector.close()
        assert page.items[-1].fields == ((demanded, "8"),)


@pytest.mark.parametrize(
    ("spelled", "told"),
    [
        ("Team", r"2 fields that could be 'Team' \(Team \(customfield_10200\),  team \(customfield_10201\)\)"),
        ("Story Pointz", r"did you mean Story Points \(customfield_10016\)"),
        ("Nonsense", "no field 'Nonsense'.*write its id"),
        ("customfield_999", "no field 'customfield_999'"),
    ],
)
def test_a_field_that_cannot_be_told_stops_a_full_read(site: Site, spelled: str, told: str) -> None:
    connector = connect(settings(site, fields={"effort": spelled}))
    with pytest.raises(Stop, match=told):
        read(connector, FULL, Demand(frozenset({"effort"})))
    connector.close()


NO_NUMBERS = {
    "id": "customfield_10300",
    "name": "Market",
    "schema": {"type": "array", "items": "option", "custom": "m"},
}


@pytest.mark.parametrize("spelled", ["Market", "customfield_10300"])
def test_what_is_added_up_must_hold_numbers(site: Site, spelled: str) -> None:
    number = {"id": "customfield_10036", "name": "Effort", "schema": {"type": "number", "custom": "float"}}
    site.fields = [*FIELDS, NO_NUMBERS, number]
    site.issues = [issue(1, customfield_10300=[{"value": "DE"}, {"value": "AT"}], updated=NOW)]
    connector, names = connect(settings(site)), frozenset({spelled})
    with pytest.raises(Stop) as raised:
        read(connector, FULL, Demand(fields=names, numbers=names))
    assert str(raised.value) == (
        "The field Market (customfield_10300) holds no numbers (list of option), and `by` needs some: "
        "name a number field, as Effort (customfield_10036)."
    )
    (container,) = connector.containers()
    assert isinstance(container, Container)
    [(_, page)] = pages(connector, container, FULL, Demand(fields=names))
    assert page.items[-1].fields == ((spelled, "DE"), (spelled, "AT"))
    connector.close()


ESTIMATE = {"id": "customfield_10036", "name": "Story point estimate", "schema": {"type": "number", "custom": "float"}}


def without_the_field(**facts: Any) -> dict[str, Any]:
    """Return an issue as it comes when Jira does not know the field, or does not mean it for this issue."""
    one = issue(**facts)
    del one["fields"]["customfield_10016"]
    return one


@pytest.mark.parametrize("spelled", ["customfield_10016", "Story Points"])
def test_a_field_that_vanished_stops_a_poll_that_lists_anything(site: Site, spelled: str) -> None:
    site.fields = [*[one for one in FIELDS if one["id"] != "customfield_10016"], ESTIMATE]
    told = rf"no field '{spelled}'.* did you mean Story point estimate \(customfield_10036\)\?"
    demand = Demand(frozenset({"effort"}))
    connector = connect(settings(site, fields={"effort": spelled}))
    assert read(connector, POLL, demand) == ["version:1"]  # nothing is listed, so nothing loses its value
    site.issues = [without_the_field(number=1, updated=NOW)]
    with pytest.raises(Stop, match=told):
        read(connector, POLL, demand)
    if not site.cloud:
        with pytest.raises(Stop, match=told):
            connector.look_up(Container("10", "PAY"), [Ref("10001")], demand)
    connector.close()


def test_an_item_that_is_looked_up_does_not_lose_the_value_of_a_vanished_field() -> None:
    with Site() as site:
        site.fields = [ESTIMATE]
        found = without_the_field(number=1)
        found["fields"]["project"] = {"id": "10"}
        site.canned["issue/bulkfetch"] = [Canned(body={"issues": [found]})]
        connector = connect(settings(site))
        connector.containers()
        with pytest.raises(Stop, match="no field 'customfield_10016'"):
            connector.look_up(Container("10", "PAY"), [Ref("10001")], POINTS)
        connector.close()


def test_a_name_that_became_ambiguous_stops_a_poll_that_lists_anything(site: Site) -> None:
    site.fields = [*FIELDS, {**ESTIMATE, "name": "Story points"}]
    site.issues = [issue(1, updated=NOW)]
    connector = connect(settings(site, fields={"effort": "Story Points"}))
    with pytest.raises(Stop, match=r"2 fields.*customfield_10016.*customfield_10036"):
        read(connector, POLL, Demand(frozenset({"effort"})))
    connector.close()


def test_a_field_that_is_only_empty_costs_nothing_and_one_that_is_left_out_one_question() -> None:
    with Site() as site:
        site.issues = [issue(number, updated=NOW) for number in range(1, 151)]
        connector = connect(settings(site))
        assert len(read(connector, POLL, POINTS)) == 151
        assert "field" not in site.paths
        site.issues = [without_the_field(number=number, updated=NOW) for number in range(1, 351)]
        assert len(read(connector, POLL, POINTS)) == 351
        twin = connector.twin()
        assert len(read(twin, POLL, POINTS)) == 351
        connector.close()
        twin.close()
        assert site.paths.count("field") == 1


@pytest.mark.parametrize("demand", [Demand(), POINTS, Demand(frozenset({"Story Points"})), Demand(refs=True)])
def test_every_first_read_of_cloud_is_held_against_its_count(demand: Demand) -> None:
    with Site(issues=150) as site:
        connector = connect(settings(site))
        site.canned["search/approximate-count"] = [Canned(body={"count": 200})]
        with pytest.raises(MalformedAnswer, match="it counts about 200, and gave 150"):
            read(connector, FULL, demand)
        connector.close()
        assert len(site.log) <= 2 + 3


@pytest.mark.parametrize(
    "answer",
    [
        *[Canned(status, body=b"<html>") for status in (404, 405, 410, 501)],
        *[Canned(body=json.loads(body)) for body in ("[]", "{}", '{"count": null}', '{"count": true}', "150")],
    ],
)
def test_a_site_that_cannot_count_is_read_all_the_same(answer: Canned) -> None:
    with Site(issues=150) as site:
        site.canned["search/approximate-count"] = [answer]
        connector = connect(settings(site))
        assert len(read(connector, FULL)) == 151
        connector.close()
        assert site.canned["search/approximate-count"] == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Canned(500), TryLater),
        (Canned(401), CredentialsRefused),
        (Canned(404, {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}), CredentialsRefused),
        (Canned(403), AccessDenied),
        (Canned(429), RateLimited),
        (Canned(400), Stop),
        (Canned(body=b"<html>"), MalformedAnswer),
    ],
)
def test_an_error_instead_of_the_count_is_told(answer: Canned, kind: type[ConnectorError]) -> None:
    with Site(issues=150) as site:
        site.canned["search/approximate-count"] = [answer]
        connector = connect(settings(site))
        with pytest.raises(kind) as raised:
            read(connector, FULL)
        connector.close()
    assert type(raised.value) is kind


def test_unreadable_projects_leave_the_others(site: Site) -> None:
    site.canned = {
        "project/OPS": [Canned(403, body={})],
        "project/OLD": [Canned(body={"id": "12", "key": "OLD", "archived": True, "versions": []})],
        "project/A%2FB": [Canned(400, body={})],
    }
    connector = connect(settings(site, projects=["GONE", "OPS", "OLD", "A/B", "PAY"]))
    gone, ops, old, odd, pay = connector.containers()
    connector.close()
    for one, told in ((gone, "404"), (ops, "403"), (old, "archived"), (odd, "400")):
        assert isinstance(one, Unreadable)
        assert told in one.error
    assert pay == Container("10", "PAY")


def test_a_project_that_vanished_since_it_was_resolved_is_no_empty_page(site: Site) -> None:
    connector = connect(settings(site))
    with pytest.raises(Stop, match="PAST"):
        connector.changed(Container("77", "PAST"), FULL, Demand())
    connector.close()


def test_a_project_is_known_by_its_id_after_its_key_changed(site: Site) -> None:
    site.issues = [issue(1)]
    connector = connect(settings(site))
    page = connector.changed(Container("10", "OLDKEY"), FULL, Demand())
    connector.close()
    assert [item.key for item in page.items] == ["PAY/version/1", "PAY-1"]


def test_a_project_listing_without_versions_is_read(site: Site) -> None:
    site.canned = {"project/PAY": [Canned(body=site.project)]}
    connector = connect(settings(site))
    assert read(connector, FULL) == []
    connector.close()


def test_check_says_who_and_what(site: Site) -> None:
    connector = connect(settings(site, projects=["PAY", "GONE"]))
    account = connector.check()
    connector.close()
    assert account.who == "Ada <ada@acme.example>"
    assert (account.sees, account.missing) == (("PAY",), ("GONE",))
    assert account.detail == f"Jira {'Cloud' if site.cloud else 'Data Center'} 10.3.1"


def test_patience_asks_the_same_page_again_and_every_request_is_counted(site: Site) -> None:
    site.issues = [issue(number) for number in range(1, 151)]
    path = "search/jql" if site.cloud else "search"
    site.canned = {"project/PAY": [Canned(503)], path: [Canned(502), Canned(429, {"Retry-After": "7"})]}
    time = Time()
    patient = Patient(connect(settings(site)), time.pacer())
    assert read(patient, FULL) == ["version:1", *(one["id"] for one in site.issues)]
    patient.close()
    assert time.slept == [1.0, 1.0, 7.0]
    assert patient.requests == len(site.log)


def test_the_library_waits_for_a_connection() -> None:
    code = "import sys, connectors.jira; sys.exit(any(name in sys.modules for name in ('jira', 'requests')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_of_the_library_is_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.canned = {"project/PAY": [Canned(429), Canned(503), Canned(body=None)]}
    connector = Jira(settings(site), timeout=(5, 0.05))
    with caplog.at_level(logging.DEBUG):
        for _ in range(3):
            with pytest.raises(TryLater):
                connector.containers()
    connector.close()
    assert not [record for record in caplog.records if record.name.startswith("jira")]
    assert TOKEN not in caplog.text
