"""A token that sees less: the command holds what that would do, and a person decides."""

from typing import Any

import pytest

from tests.e2e import shapes
from tests.e2e.conftest import Headway


@pytest.fixture
def robbed(headway: Headway) -> Headway:
    """A company of which all bugs that count as open went out of sight after the first sync."""
    headway.run("sync", "--json")
    world = headway.sandbox.world
    for each in headway.run("explain", "open-bugs", "--json").out["parts"][0]["counted"]:
        world.delete(world.item(each["key"]))
    assert headway.run("sync", "--full", "--json").code == 0  # once is not enough to believe it
    return headway


def held(headway: Headway) -> dict[str, Any]:
    found = {each["key_result"]: each for each in headway.run("holds", "--json").out}
    return dict(found["open-bugs"])


def test_a_loss_moves_nothing_and_every_surface_says_so(robbed: Headway) -> None:
    old = robbed.values()["open-bugs"]
    code, out, _ = robbed.run("sync", "--full", "--json")
    assert code == 4
    assert "open-bugs" not in [each["key_result"] for each in out["updates"]]
    assert robbed.values()["open-bugs"] == old
    waiting = robbed.run("holds", "--json").out
    assert waiting == out["held"]
    assert list(shapes.complaints(waiting, shapes.HOLDS)) == []
    one = held(robbed)
    assert (one["old"], one["new"]) == (old, 0)
    told = {each["id"]: each["held"] for each in robbed.run("status", "--json").out["key_results"]}
    assert told["open-bugs"] is True
    code, text, _ = robbed.run("sync")
    assert code == 4
    assert robbed.run("explain", "open-bugs", "--json").out["held"] == one
    for shown in (text, *(robbed.run(*each).out for each in (["status"], ["holds"], ["explain", "open-bugs"]))):
        assert f"`headway approve {one['id']}` or `headway reject {one['id']}`" in shown
    assert "is held" in robbed.run("history", "open-bugs").out
    planned = {each["id"]: each["held"] for each in robbed.run("plan", "--json").out["key_results"]}
    assert planned["open-bugs"] == one
    assert f"open-bugs  {old}  an update waits for a person: it would become 0" in robbed.run("plan").out
    assert robbed.run("verify", "--json").out["ok"] is True


def test_approved_as_shown_it_moves_and_names_who_did_it(robbed: Headway) -> None:
    robbed.run("sync", "--full", "--json")
    one = held(robbed)
    code, _, err = robbed.run("approve", one["id"], "--expect", "7")
    assert code == 1
    assert "0 waits, not 7" in err
    code, out, _ = robbed.run("approve", one["id"], "--expect", str(one["new"]), "--json", HEADWAY_USER="Ada")
    assert (code, out["old"], out["new"]) == (0, one["old"], 0)
    assert list(shapes.complaints(out, shapes.APPROVE)) == []
    assert robbed.values()["open-bugs"] == 0
    entry = robbed.run("history", "open-bugs", "--json").out[-1]
    assert (entry["kind"], entry["by"], entry["why"]) == ("approve", "Ada", one["reason"])
    assert {each["kind"] for each in entry["causes"]} == {"hidden"}
    assert "Ada" not in str(robbed.rows("SELECT * FROM ledger_entry"))
    assert robbed.run("approve", one["id"]).code == 1
    assert robbed.run("verify", "--json").out["ok"] is True


def test_rejected_it_stays_and_is_asked_no_more(robbed: Headway) -> None:
    robbed.run("sync", "--full", "--json")
    one = held(robbed)
    code, text, _ = robbed.run("reject", one["id"], "--why", "the token lost a project")
    assert code == 0
    assert "stays" in text
    assert robbed.values()["open-bugs"] == one["old"]
    assert "open-bugs" not in [each["key_result"] for each in robbed.run("sync", "--json").out["held"]]
    assert "the token lost a project" in robbed.run("history", "open-bugs").out
    assert f"was rejected: {one['reason']} `headway approve {one['id']}`" in robbed.run("explain", "open-bugs").out
    assert robbed.run("explain", "open-bugs", "--json").out["held"] is None
    assert robbed.run("reject", one["id"]).code == 1
    assert robbed.run("approve", one["id"]).code == 0
    assert robbed.values()["open-bugs"] == 0
    assert robbed.run("verify", "--json").out["ok"] is True


def test_a_terminal_that_approves_nothing_known_is_told_what_waits(headway: Headway) -> None:
    headway.run("sync", "--json")
    assert headway.run("holds").out == "Nothing waits to be approved.\n"
    code, _, err = headway.run("approve", "nope")
    assert code == 1
    assert "No update waits as nope: nothing waits." in err
    assert headway.run("approve", "nope", "--expect", "many").code == 2
