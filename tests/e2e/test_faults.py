"""One tracker fails: its numbers stay, it is said in a sentence, the others are done."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.faults import Faults
from sandbox.team import work
from tests.e2e.conftest import Headway, at_work

FED_BY = {
    "jira": {"p1-bugs", "open-bugs", "platform-flow", "one-click", "checkout-release"},
    "github": {"one-click", "performance", "accessibility", "storefront"},
    "asana": {"go-live", "launch-day", "interviews", "legal-terms"},
}
SHARED = {"one-click"}
MANY = 1000

FAULTS: dict[str, Callable[[Faults, str], None]] = {
    "401": lambda faults, tracker: faults.status(401, tracker=tracker, times=MANY),
    "403": lambda faults, tracker: faults.status(403, tracker=tracker, times=MANY),
    "500": lambda faults, tracker: faults.status(500, tracker=tracker, times=MANY),
    "a login page": lambda faults, tracker: faults.html(tracker=tracker, times=MANY),
    "half an answer": lambda faults, tracker: faults.cut(tracker=tracker, times=MANY),
    "a broken connection": lambda faults, tracker: faults.drop(tracker=tracker, times=MANY),
}

STATES = {"401": "unauthenticated"}

# What passes is asked again with seconds between, so not every tracker goes through it.  A 403 is the trouble of one
# project or repository, and not the token's.
CASES = [
    *((name, tracker) for name in ("401", "a login page", "half an answer") for tracker in FED_BY),
    ("403", "jira"),
    ("403", "github"),
    ("500", "asana"),
    ("a broken connection", "github"),
]


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Headway]:
    """One company for all of these faults, synced once."""
    for headway in at_work(tmp_path_factory.mktemp("busy")):
        assert headway.run("sync", "--json").code == 0
        yield headway


def by_name(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in rows}


def values(headway: Headway) -> dict[str, int]:
    """The values on record, in millionths."""
    return {str(name): int(value) for name, value in headway.rows("SELECT id, value FROM key_result")}


def is_a_sentence(text: str | None) -> bool:
    return text is not None and len(text) > 20 and text[0].isupper() and text.endswith(".") and "Error" not in text


@pytest.mark.parametrize(("name", "tracker"), CASES, ids=[" from ".join(case) for case in CASES])
def test_a_failing_tracker_keeps_its_numbers_and_holds_up_nobody(busy: Headway, name: str, tracker: str) -> None:
    before, source = values(busy), f"acme-{tracker}"
    work(busy.sandbox.world, days=2, seed=7)
    FAULTS[name](busy.sandbox.faults, tracker)
    try:
        code, out, _ = busy.run("sync", "--json")
    finally:
        busy.sandbox.faults.clear()
    assert code == 3
    reports = by_name(out["sources"])
    assert {each: reports[each]["state"] for each in reports} == {
        f"acme-{each}": "ok" if each != tracker else STATES.get(name, "failed") for each in FED_BY
    }
    assert is_a_sentence(reports[source]["error"])
    after = values(busy)
    moved = {each for each in after if after[each] != before[each]}
    assert moved == {each["key_result"] for each in out["updates"]}
    assert not moved & (FED_BY[tracker] - SHARED)
    assert moved

    shown = by_name(busy.run("status", "--json").out["sources"])
    assert shown[source]["state"] == STATES.get(name, "degraded")
    assert shown[source]["error"] == reports[source]["error"]

    assert busy.run("sync", "--json").code == 0
    healed = values(busy)
    assert any(healed[each] != after[each] for each in FED_BY[tracker])


def test_after_all_that_the_ledger_is_whole(busy: Headway) -> None:
    assert busy.run("verify", "--json").out["ok"] is True


def test_status_tells_people_why_a_source_is_not_fresh(copy: Headway) -> None:
    copy.sandbox.faults.status(401, tracker="jira", times=MANY)
    try:
        code, out, _ = copy.run("sync")
    finally:
        copy.sandbox.faults.clear()
    assert code == 3
    sentence = "acme-jira: unauthenticated · The tracker refused the credentials (401)"
    assert sentence in out
    assert "The tracker refused the credentials (401)" in copy.run("status").out


@pytest.mark.parametrize("tracker", FED_BY)
def test_a_container_that_cannot_be_read_leaves_the_others_of_its_source(headway: Headway, tracker: str) -> None:
    """DESIGN: an unreadable container makes its source failed; its numbers stay as last seen."""
    headway.run("sync", "--json")
    before = values(headway)
    projects = [each for each in headway.sandbox.world.projects if each.tracker == tracker]
    projects[1].hidden = True
    code, out, _ = headway.run("sync", "--json")
    assert code == 3
    report = by_name(out["sources"])[f"acme-{tracker}"]
    assert report["state"] == "failed"
    assert is_a_sentence(report["error"])
    assert projects[1].key in report["error"]
    assert values(headway) == before
    check = headway.run("check", "--json")
    assert check.code == 1
    [mine] = [each for each in check.out if each["source"] == f"acme-{tracker}"]
    assert (mine["ok"], mine["missing"]) == (False, [projects[1].key])
    projects[1].hidden = False
    assert headway.run("sync", "--json").code == 0
    assert values(headway) == before


def test_trouble_that_passes_is_not_even_noticed(headway: Headway) -> None:
    for tracker in FED_BY:
        headway.sandbox.faults.status(502, tracker=tracker)
    headway.sandbox.faults.status(429, tracker="github", retry_after=1)
    code, out, _ = headway.run("sync", "--json")
    assert code == 0
    assert len(out["updates"]) == 12


def test_a_limit_with_a_long_wait_is_not_slept_through(headway: Headway) -> None:
    headway.sandbox.faults.status(429, tracker="github", retry_after=3600, times=MANY)
    code, out, _ = headway.run("sync", "--json")
    assert code == 3
    report = by_name(out["sources"])["acme-github"]
    assert report["state"] == "failed"
    assert "3600 s" in report["error"]
    assert report["requests"] == 1


def test_check_says_what_is_wrong_with_a_connection(settled: Headway) -> None:
    settled.sandbox.faults.status(401, tracker="github", times=MANY)
    try:
        code, out, _ = settled.run("check", "--json")
        text = settled.run("check", "acme-github")
    finally:
        settled.sandbox.faults.clear()
    assert code == text.code == 1
    assert {each["source"]: each["ok"] for each in out} == {
        "acme-jira": True,
        "acme-github": False,
        "acme-asana": True,
    }
    assert "✗ acme-github: The tracker refused the credentials (401)" in text.out
