"""What may befall a tracker, and what real work looks like: the first moves no number unasked, the second always does.

The whole command against the emulated trackers; each case looks at the numbers, the exit code and the sentence.
"""

import re
from typing import Any

import pytest

from sandbox.exchange import Answer, Request
from sandbox.streams import ONE_CLICK_WEB, STOREFRONT
from tests.e2e.conftest import Headway

HALF = ("PAY", "acme/web", "1204000000000001")
LISTINGS = {"jira": ("/search/jql", {"issues": [], "isLast": True}), "github": ("/issues", [])}
"""By tracker: what its listings of issues end with, and an answer that shows none."""


@pytest.fixture
def synced(headway: Headway) -> Headway:
    """A company whose key results have their first values."""
    assert headway.run("sync", "--json").code == 0
    return headway


def kept(headway: Headway, old: dict[str, Any]) -> bool:
    return headway.values() == old and headway.run("verify", "--json").out["ok"] is True


def project(headway: Headway, key: str) -> Any:
    world = headway.sandbox.world
    return next(each for each in world.projects if each.key == key)


def test_a_token_that_lost_half_the_projects(synced: Headway) -> None:
    old = synced.values()
    for each in HALF:
        project(synced, each).hidden = True
    for _ in range(3):
        code, out, _ = synced.run("sync", "--full", "--json")
        assert code == 3
        assert (out["updates"], out["held"]) == ([], [])
        told = {each["name"]: each["error"] for each in out["sources"]}
        assert {each["state"] for each in out["sources"]} == {"failed"}
        assert "PAY" in told["acme-jira"]
        assert "acme/web" in told["acme-github"]
        assert kept(synced, old)
    for each in HALF:
        project(synced, each).hidden = False
    assert synced.run("sync", "--full", "--json").code == 0
    assert kept(synced, old)


@pytest.mark.parametrize("known", [True, False], ids=["known one by one", "not known"])
def test_listings_that_are_empty_all_of_a_sudden(
    synced: Headway, monkeypatch: pytest.MonkeyPatch, *, known: bool
) -> None:
    """Whoever can still be asked for is there, whatever the listing says; where nobody can, nothing is believed."""
    old, answer = synced.values(), synced.sandbox.answer

    def empty(request: Request, tracker: str) -> Answer:
        ending, nothing = LISTINGS.get(tracker, ("?", None))
        if request.path.endswith(ending):
            return Answer(nothing)
        if not known and request.path.endswith("/issue/bulkfetch"):
            return Answer({"issues": [], "issueErrors": []})
        if not known and tracker == "github" and re.search(r"/issues/[0-9]+$", request.path):
            return Answer({"message": "Not Found"}, 404)
        return answer(request, tracker)

    monkeypatch.setattr(synced.sandbox, "answer", empty)
    for _ in range(3):
        code, out, _ = synced.run("sync", "--full", "--json")
        assert (code, out["updates"], out["held"]) == (0 if known else 3, [], [])
        told = {each["name"]: each["error"] or "" for each in out["sources"]}
        for name in ("acme-jira", "acme-github"):
            assert ("suddenly lists none of its items; they are kept as last seen" in told[name]) is not known
        assert kept(synced, old)
    monkeypatch.undo()
    assert synced.run("sync", "--full", "--json").code == 0
    assert kept(synced, old)


def test_a_project_that_was_deleted(synced: Headway) -> None:
    old, world = synced.values(), synced.sandbox.world
    with world.lock:
        gone = project(synced, "PAY")
        world.projects.remove(gone)
        for each in world.items_of(gone):
            del world.items[each.id]
    for _ in range(3):
        code, out, _ = synced.run("sync", "--full", "--json")
        assert code == 3
        assert out["updates"] == []
        [error] = [each["error"] for each in out["sources"] if each["name"] == "acme-jira"]
        assert "PAY" in error
        assert kept(synced, old)
    assert "acme-jira" in synced.run("status").out


def test_a_milestone_that_was_renamed(synced: Headway) -> None:
    old, world = synced.values(), synced.sandbox.world
    for title in (STOREFRONT, ONE_CLICK_WEB):
        world.rename_milestone(world.milestone(title), f"{title} (2026)")
    code, out, _ = synced.run("sync", "--json")
    assert code == 4
    assert {each["key_result"] for each in out["held"]} >= {"storefront"}
    [reason] = [each["reason"] for each in out["held"] if each["key_result"] == "storefront"]
    assert f"milestone {STOREFRONT}, which its mapping names, may have been renamed" in reason
    assert "storefront" not in [each["key_result"] for each in out["updates"]]
    assert synced.values()["storefront"] == old["storefront"]
    synced.edit(f"milestone: {STOREFRONT}", f'milestone: "{STOREFRONT} (2026)"')
    _, out, _ = synced.run("sync", "--json")
    assert "storefront" not in [each["key_result"] for each in out["held"]]
    assert synced.values()["storefront"] == old["storefront"]
    assert synced.run("verify", "--json").out["ok"] is True


def test_thirty_tickets_that_were_reopened_for_real(synced: Headway) -> None:
    world = synced.sandbox.world
    with world.lock:
        closed = [each for each in world.items_of(project(synced, "PAY")) if each.closed and each.type == "Bug"][:30]
        for each in closed:
            world.reopen(each)
    assert len(closed) == 30
    before = synced.values()
    code, out, _ = synced.run("sync", "--json")
    assert (code, out["held"]) == (0, [])
    moved = {each["key_result"]: (each["old"], each["new"]) for each in out["updates"]}
    assert moved["open-bugs"] == (before["open-bugs"], before["open-bugs"] + 30)
    last = synced.run("history", "open-bugs", "--json").out[-1]
    assert (last["kind"], len(last["causes"])) == ("auto", 30)
    assert {each["kind"] for each in last["causes"]} == {"reopened"}
    assert synced.run("verify", "--json").out["ok"] is True
