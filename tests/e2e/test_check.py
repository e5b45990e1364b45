"""`headway check` against real HTTP: what the token sees, what is left, and whether the clocks agree."""

import pytest

from tests.e2e import shapes
from tests.e2e.conftest import Headway

MANY = 1000


def test_it_says_for_each_source_who_and_what_and_that_the_clocks_agree(settled: Headway) -> None:
    code, out, err = settled.run("check", "--json")
    assert (code, err) == (0, "")
    assert list(shapes.complaints(out, shapes.CHECK)) == []
    assert {each["source"]: (each["ok"], each["sees"], each["missing"], each["lacks"]) for each in out} == {
        "acme-jira": (True, ["PAY", "PLAT"], [], []),
        "acme-github": (True, ["acme/web", "acme/api"], [], []),
        "acme-asana": (True, ["1204000000000001", "1204000000000006"], [], []),
    }
    assert all(each["who"] for each in out)
    text = settled.run("check").out
    assert "clock" not in text
    assert text.count("✓") == 3
    told = [each["clock_skew_seconds"] for each in out]
    assert all(seconds is not None and abs(seconds) <= 5 for seconds in told), told


def test_one_source_alone_is_asked_alone(settled: Headway) -> None:
    before = settled.sandbox.total("jira"), settled.sandbox.total("asana")
    code, out, _ = settled.run("check", "acme-github", "--json")
    assert code == 0
    assert [each["source"] for each in out] == ["acme-github"]
    assert (settled.sandbox.total("jira"), settled.sandbox.total("asana")) == before


@pytest.mark.parametrize(
    "command",
    [["check", "acme-jira"], ["discover", "acme-jira"], ["sync", "--source", "acme-jira", "--dry-run"]],
    ids=" ".join,
)
def test_a_variable_of_another_source_need_not_be_set(settled: Headway, command: list[str]) -> None:
    code, _, err = settled.run(*command, HEADWAY_SANDBOX_GITHUB_TOKEN="")
    assert (code, "is not set" in err) == (0, False), err


def test_a_variable_of_the_source_itself_must_be_set(settled: Headway) -> None:
    for command in (["check", "acme-github"], ["check"]):
        code, _, err = settled.run(*command, HEADWAY_SANDBOX_GITHUB_TOKEN="")
        assert (code, "TOKEN is not set" in err) == (1, True), err


def test_a_limit_that_is_used_up_is_told_with_what_is_left(settled: Headway) -> None:
    limits = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4102444800"}
    settled.sandbox.faults.status(403, headers=limits, tracker="github", times=MANY)
    try:
        code, out, _ = settled.run("check", "acme-github", "--json")
        text = settled.run("check", "acme-github").out
    finally:
        settled.sandbox.faults.clear()
    assert code == 1
    [mine] = out
    assert mine["ok"] is False
    assert mine["quota"] == {"remaining": 0, "limit": 5000, "reset": "2100-01-01T00:00:00Z", "near": False}
    assert "! warning: no request of 5000 is left; begins anew at 2100-01-01 00:00 UTC" in text


@pytest.mark.parametrize("tracker", ["jira", "github", "asana"])
def test_a_source_that_fails_is_1_and_a_sentence_beside_the_others(settled: Headway, tracker: str) -> None:
    settled.sandbox.faults.status(401, tracker=tracker, times=MANY)
    try:
        code, out, err = settled.run("check", "--json")
    finally:
        settled.sandbox.faults.clear()
    assert (code, err) == (1, "")
    assert {each["source"]: each["ok"] for each in out} == {
        f"acme-{each}": each != tracker for each in ("jira", "github", "asana")
    }
    [failed] = [each for each in out if not each["ok"]]
    assert "(401)" in failed["error"]
    assert (failed["who"], failed["sees"], failed["detail"]) == (None, [], None)


def test_a_token_without_a_right_is_1_and_told_before_a_sync_meets_it(settled: Headway) -> None:
    settled.sandbox.faults.status(403, tracker="github", path="/repos/acme/web/issues", times=MANY)
    try:
        code, out, err = settled.run("check", "--json")
        text = settled.run("check", "acme-github").out
    finally:
        settled.sandbox.faults.clear()
    assert (code, err) == (1, "")
    assert {each["source"]: each["ok"] for each in out} == {"acme-jira": True, "acme-github": False, "acme-asana": True}
    (lacking,) = next(each["lacks"] for each in out if each["source"] == "acme-github")
    assert "the issues of acme/web (403): give it the permission Issues: read" in lacking
    assert "✗ lacks a right: The token may not read the issues of acme/web" in " ".join(text.split())
