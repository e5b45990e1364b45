"""The sandbox over HTTP: who may ask, how pages are cut, and trouble on demand."""

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any

import pytest
import requests

from sandbox.clock import SimulatedClock
from sandbox.server import Sandbox
from sandbox.world import World

NOW = datetime(2026, 11, 18, 9, tzinfo=UTC)
LISTINGS = {
    "jira": "/rest/api/3/search/jql?jql=project%20%3D%20PAY&fields=summary",
    "asana": "/tasks?project=1204000000000001&limit=100",
    "github": "/repos/acme/web/issues?state=all",
}


def small_world() -> World:
    """Five items in each tracker, one minute apart."""
    world = World(SimulatedClock(NOW))
    user = world.add_user("Mira Albrecht", "mira")
    asana = world.add_project("asana", "Launch", sections=("To do", "Done"))
    jira = world.add_project("jira", "Payments", "PAY")
    github = world.add_project("github", "web", "acme/web")
    for number in range(5):
        world.create(jira, f"Bug {number}", "Bug", assignee=user, points=3.0)
        world.create(asana, f"Task {number}", "default_task", section="Done")
        world.create(github, f"Issue {number}", labels=("bug",))
        world.clock.advance(timedelta(minutes=1))
    return world


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(small_world()) as running:
        yield running


def ask(sandbox: Sandbox, tracker: str, target: str, **headers: str) -> requests.Response:
    sent = {**sandbox.credentials(tracker), **headers}
    return requests.get(sandbox.urls[tracker] + target, headers=sent, timeout=10, allow_redirects=False)


def rows(answer: requests.Response) -> list[dict[str, Any]]:
    body = answer.json()
    found: list[dict[str, Any]] = body if isinstance(body, list) else body.get("issues", body.get("data"))
    return found


@pytest.mark.parametrize("tracker", LISTINGS)
def test_a_wrong_token_is_refused_in_the_trackers_own_shape(sandbox: Sandbox, tracker: str) -> None:
    for wrong in ("Bearer wrong", "Basic d3Jvbmc=", "Basic !", ""):
        answer = ask(sandbox, tracker, LISTINGS[tracker], Authorization=wrong)
        assert answer.status_code == 401
        assert {"jira": "errorMessages", "asana": "errors", "github": "message"}[tracker] in answer.json()


def test_github_takes_both_words_for_a_token_and_jira_tells_its_kind_to_everybody(sandbox: Sandbox) -> None:
    assert ask(sandbox, "github", "/user", Authorization="token sandbox-github-token").status_code == 200
    anonymous = requests.get(sandbox.urls["jira"] + "/rest/api/2/serverInfo", timeout=10)
    assert anonymous.json()["deploymentType"] == "Cloud"


@pytest.mark.parametrize("tracker", LISTINGS)
def test_an_unknown_path_is_404_and_an_unknown_parameter_400(sandbox: Sandbox, tracker: str) -> None:
    assert ask(sandbox, tracker, "/no/such/thing").status_code == 404
    answer = ask(sandbox, tracker, LISTINGS[tracker] + "&max_results=3")
    assert answer.status_code == 400
    assert "max_results" in answer.text
    assert requests.get(f"http://127.0.0.1:{sandbox.port}/elsewhere", timeout=10).status_code == 404


def test_every_tracker_pages_through_all_items_once(sandbox: Sandbox) -> None:
    sandbox.faults.page_caps.update({"jira": 2, "asana": 2, "github": 2})
    jira: list[str] = []
    token: str | None = ""
    while token is not None:
        body = ask(sandbox, "jira", LISTINGS["jira"] + (f"&nextPageToken={token}" if token else "")).json()
        jira += [issue["key"] for issue in body["issues"]]
        assert body["isLast"] is ("nextPageToken" not in body)
        token = body.get("nextPageToken")
    assert sorted(jira) == [f"PAY-{number}" for number in range(1, 6)]

    asana: list[str] = []
    url: str | None = sandbox.urls["asana"] + LISTINGS["asana"]
    while url:
        body = requests.get(url, headers=sandbox.credentials("asana"), timeout=10).json()
        asana += [task["name"] for task in body["data"]]
        url = body["next_page"] and body["next_page"]["uri"]
    assert asana == [f"Task {number}" for number in range(5)]

    github: list[int] = []
    url = sandbox.urls["github"] + LISTINGS["github"] + "&sort=created&direction=asc"
    while url:
        answer = requests.get(url, headers=sandbox.credentials("github"), timeout=10)
        github += [issue["number"] for issue in answer.json()]
        url = answer.links.get("next", {}).get("url")
    assert github == [1, 2, 3, 4, 5]
    assert [sandbox.total(tracker) for tracker in LISTINGS] == [3, 3, 3]


def test_a_page_token_of_another_query_or_of_nobody_is_refused(sandbox: Sandbox) -> None:
    sandbox.faults.page_caps["jira"] = 2
    token = ask(sandbox, "jira", LISTINGS["jira"]).json()["nextPageToken"]
    other = "/rest/api/3/search/jql?jql=key%20%3D%20PAY-1&nextPageToken="
    assert ask(sandbox, "jira", other + token).status_code == 400
    assert ask(sandbox, "jira", LISTINGS["jira"] + "&nextPageToken=abc").status_code == 400
    assert ask(sandbox, "asana", LISTINGS["asana"] + "&offset=abc").status_code == 400
    assert ask(sandbox, "asana", LISTINGS["asana"].replace("100", "101")).status_code == 400


def test_a_jira_search_gives_only_ids_unless_fields_are_asked_for(sandbox: Sandbox) -> None:
    bare = ask(sandbox, "jira", "/rest/api/3/search/jql?jql=project%20%3D%20PAY").json()["issues"]
    assert all(set(issue) == {"id"} for issue in bare)
    (first, *_) = ask(sandbox, "jira", LISTINGS["jira"]).json()["issues"]
    assert set(first["fields"]) == {"summary"}
    assert ask(sandbox, "jira", "/rest/api/2/search?jql=project%20%3D%20PAY").status_code == 410


def test_asana_brings_what_opt_fields_names_and_no_more(sandbox: Sandbox) -> None:
    names = "opt_fields=completed,memberships.section.name,custom_fields.number_value"
    (first, *_) = rows(ask(sandbox, "asana", f"{LISTINGS['asana']}&{names}"))
    assert set(first) == {"gid", "completed", "memberships", "custom_fields"}
    assert set(first["memberships"][0]["section"]) == {"gid", "name"}
    (compact, *_) = rows(ask(sandbox, "asana", LISTINGS["asana"]))
    assert set(compact) == {"gid", "name", "resource_type", "resource_subtype"}


def test_only_what_changed_since_comes_back(sandbox: Sandbox) -> None:
    since = (NOW + timedelta(minutes=3)).isoformat().replace("+00:00", "Z")
    for target, tracker in (
        (f"{LISTINGS['asana']}&modified_since={since}", "asana"),
        (f"{LISTINGS['github']}&since={since}", "github"),
        ("/rest/api/3/search/jql?jql=project%3DPAY%20AND%20updated%20%3E%3D%20%22-2m%22", "jira"),
    ):
        assert len(rows(ask(sandbox, tracker, target))) == 2, tracker
    assert rows(ask(sandbox, "github", LISTINGS["github"] + "&since=1970-01-01T00:00:00Z")) == []


def test_an_unchanged_github_listing_is_304_and_costs_nothing(sandbox: Sandbox) -> None:
    first = ask(sandbox, "github", LISTINGS["github"])
    again = ask(sandbox, "github", LISTINGS["github"], **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["X-RateLimit-Remaining"] == first.headers["X-RateLimit-Remaining"] == "4999"
    sandbox.world.close(sandbox.world.item("acme/web#1"))
    changed = ask(sandbox, "github", LISTINGS["github"], **{"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200


def test_a_renamed_repository_redirects_and_a_hidden_one_is_gone(sandbox: Sandbox) -> None:
    web = sandbox.world.project("acme/web")
    sandbox.world.rename_project(web, "acme/shop")
    moved = ask(sandbox, "github", LISTINGS["github"])
    assert moved.status_code == 301
    assert moved.headers["Location"] == f"{sandbox.urls['github']}/repositories/{web.id}/issues?state=all"
    assert ask(sandbox, "github", f"/repositories/{web.id}").json()["full_name"] == "acme/shop"
    web.hidden = True
    assert ask(sandbox, "github", f"/repositories/{web.id}").status_code == 404
    sandbox.world.project("PAY").hidden = True
    assert ask(sandbox, "jira", LISTINGS["jira"]).status_code == 400
    sandbox.world.project("1204000000000001").hidden = True
    assert ask(sandbox, "asana", LISTINGS["asana"]).status_code == 404


def test_pull_requests_are_entries_that_say_when_they_were_merged(sandbox: Sandbox) -> None:
    world = sandbox.world
    merged = world.create(world.project("acme/web"), "Faster", pull=True)
    given_up = world.create(world.project("acme/web"), "Slower", pull=True, draft=True)
    world.close(merged)
    world.cancel(given_up)
    by_number = {entry["number"]: entry for entry in rows(ask(sandbox, "github", LISTINGS["github"]))}
    assert by_number[merged.number]["pull_request"]["merged_at"] == "2026-11-18T09:05:00Z"
    assert by_number[given_up.number]["pull_request"]["merged_at"] is None
    assert by_number[given_up.number]["state"] == "closed"
    assert "pull_request" not in by_number[1]


def test_planned_trouble_happens_as_often_as_planned_and_where_planned(sandbox: Sandbox) -> None:
    sandbox.faults.status(429, retry_after=7, times=2, tracker="jira", path="search")
    assert ask(sandbox, "github", LISTINGS["github"]).status_code == 200
    assert ask(sandbox, "jira", "/rest/api/3/myself").status_code == 200
    for _ in range(2):
        limited = ask(sandbox, "jira", LISTINGS["jira"])
        assert (limited.status_code, limited.headers["Retry-After"]) == (429, "7")
        assert "errorMessages" in limited.json()
    assert ask(sandbox, "jira", LISTINGS["jira"]).status_code == 200
    sandbox.faults.status(502, times=9)
    sandbox.faults.clear()
    assert ask(sandbox, "jira", LISTINGS["jira"]).status_code == 200


def test_a_limit_counts_what_it_refuses_and_begins_anew_with_the_minute(sandbox: Sandbox) -> None:
    minute = SimulatedClock(datetime(2026, 11, 18, 9, 0, 20, tzinfo=UTC))
    sandbox.faults.limit("asana", 2, minute)

    def asked() -> tuple[int, str | None]:
        answer = ask(sandbox, "asana", LISTINGS["asana"])
        return answer.status_code, answer.headers.get("Retry-After")

    assert [asked() for _ in range(3)] == [(200, None), (200, None), (429, "40")]
    minute.advance(timedelta(seconds=39.5))
    assert asked() == (429, "1")
    assert ask(sandbox, "jira", LISTINGS["jira"]).status_code == 200
    minute.advance(timedelta(seconds=1))
    assert [asked() for _ in range(3)] == [(200, None), (200, None), (429, "60")]
    sandbox.faults.clear()
    assert asked() == (200, None)


@pytest.mark.parametrize("tracker", LISTINGS)
def test_html_cut_json_and_a_dropped_connection(sandbox: Sandbox, tracker: str) -> None:
    sandbox.faults.html()
    page = ask(sandbox, tracker, LISTINGS[tracker])
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    sandbox.faults.cut()
    with pytest.raises(json.JSONDecodeError):
        json.loads(ask(sandbox, tracker, LISTINGS[tracker]).content)
    sandbox.faults.drop()
    with pytest.raises(requests.ConnectionError):
        ask(sandbox, tracker, LISTINGS[tracker])
    assert len(rows(ask(sandbox, tracker, LISTINGS[tracker]))) == 5


def test_closing_ends_a_hanging_answer_and_leaves_no_thread(sandbox: Sandbox) -> None:
    sandbox.faults.hang(3600)
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(ask(sandbox, "github", "/user").status_code))
    asking.start()
    while not sandbox.requests["github", "user"]:
        threading.Event().wait(0.001)
    sandbox.close()
    asking.join(10)
    assert not asking.is_alive()
    assert answers == [200]


def test_one_connection_serves_many_requests(sandbox: Sandbox) -> None:
    with closing(HTTPConnection("127.0.0.1", sandbox.port, timeout=10)) as connection:
        connection.connect()
        first = connection.sock
        for _ in range(20):
            connection.request("GET", "/github/user", headers=sandbox.credentials("github"))
            answer = connection.getresponse()
            assert (answer.status, len(answer.read())) == (200, int(answer.headers["Content-Length"]))
            assert connection.sock is first
