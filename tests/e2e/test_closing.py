"""The end of a quarter by the command: graded, frozen, and shown as it was; and what is refused, with a remedy."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sandbox.team import work
from tests.e2e import shapes
from tests.e2e.conftest import Headway

CYCLE = "sandbox"
BERLIN = ZoneInfo("Europe/Berlin")
"""The config's."""


@pytest.fixture
def office(headway: Headway) -> Headway:
    """A company that was read once, in the middle of its cycle."""
    assert headway.run("sync", "--json").code == 0
    return headway


def test_what_is_closed_is_nothing_of_another_cycle(office: Headway) -> None:
    values, then = office.values(), datetime.now(UTC).isoformat()
    explained = office.run("explain", "p1-bugs", "--json").out
    assert office.run("close", CYCLE, "--early", "--yes").code == 0
    today = datetime.now(UTC).date()
    other = f"  - {{id: other, start: {today}, end: {today + timedelta(days=80)}}}\n"
    config = office.config.read_text(encoding="utf-8")
    [began] = re.findall(rf"id: {CYCLE}, start: ([0-9-]+)", config)
    head, tail = config.split("cycles:\n", 1)
    moved = f"{head}cycles:\n{other}{tail}".replace(f"cycle: {CYCLE}", "cycle: other", 1)
    office.config.write_text(moved, encoding="utf-8")
    out_of_it = ("p1-bugs", "open-bugs", "platform-flow")
    assert office.run("validate").out.count(f'its result is that of "{CYCLE}", which is closed, so nothing of it') == 3
    shown = office.run("status", "--json").out
    assert list(shapes.complaints(shown, shapes.STATUS)) == []
    told = {each["id"]: (each["value"], each["belongs_to"], each["grade"]) for each in shown["key_results"]}
    assert told == dict.fromkeys(out_of_it, (None, CYCLE, None))
    assert f"its result is that of {CYCLE}, which is closed, and stays there" in office.run("status").out
    rest = office.run("status", "--cycle", CYCLE, "--json").out["key_results"]
    stays = {name: value for name, value in values.items() if name not in out_of_it}
    assert {each["id"]: each["value"] for each in rest} == stays
    before = office.run("status", "--at", then, "--json").out
    assert list(shapes.complaints(before, shapes.STATUS_AT)) == []
    assert {each["id"]: (each["cycle"], each["value"]) for each in before["key_results"]} == {
        name: (CYCLE, value) for name, value in values.items()
    }
    assert {each["cycle"] for each in before["objectives"]} == {CYCLE}
    ended = office.run("status", "--cycle", CYCLE, "--at", datetime.now(UTC).isoformat(), "--json").out
    assert {each["id"]: each["value"] for each in ended["key_results"]} == values
    code, told, _ = office.run("explain", "p1-bugs", "--at", then, "--json")
    assert (code, told["parts"], told["closed"]) == (0, explained["parts"], None)
    code, _, err = office.run("explain", "p1-bugs", "--at", f"{today - timedelta(days=1)}")
    assert (code, "backfill" in err) == (1, False)
    assert f"Its cycle began on {began}." in err


def test_of_a_closed_cycle_that_left_the_config_it_is_told_how_it_ended(office: Headway) -> None:
    value = office.values()["p1-bugs"]
    assert office.run("close", CYCLE, "--early", "--yes").code == 0
    config = office.config.read_text(encoding="utf-8")
    gone = config[: config.index("objectives:")].replace(f"id: {CYCLE}", "id: other") + "objectives: []\nmappings: []\n"
    office.config.write_text(gone, encoding="utf-8")
    code, out, err = office.run("status", "--cycle", CYCLE)
    assert (code, out) == (1, "")
    assert f"{CYCLE} is not in the config any more. It was closed on {datetime.now(UTC):%Y-%m-%d} with " in err
    assert "`headway history accessibility` shows" in err
    code, _, err = office.run("explain", "p1-bugs")
    assert code == 1
    assert f"p1-bugs is not in the config any more. {CYCLE} was closed with it at {value:g}" in err
    assert f"{CYCLE} was closed at" in office.run("history", "p1-bugs").out


def test_the_tickets_of_a_closed_cycle_are_told_when_it_left_the_config(office: Headway) -> None:
    """With all that it was read from: what counted is in the ledger, and how it was called in the mirror."""
    asked = ("one-click", "p1-bugs")
    then, before = datetime.now(UTC).isoformat(), {}
    for name in asked:
        before[name] = office.run("explain", name, "--json").out["parts"]
    assert office.run("close", CYCLE, "--early", "--yes", HEADWAY_USER="Ada").code == 0
    config = office.config.read_text(encoding="utf-8")
    gone = config[: config.index("sources:")].replace(f"id: {CYCLE}", "id: other") + "objectives: []\nmappings: []\n"
    office.config.write_text(gone, encoding="utf-8")
    assert office.run("sync").code == 0
    for name in asked:
        code, told, err = office.run("explain", name, "--at", then, "--json")
        assert (code, err, told["parts"], told["closed"]) == (0, "", before[name], None)
        assert list(shapes.complaints(told, shapes.EXPLAIN_AT)) == []
        code, told, _ = office.run("explain", name, "--at", datetime.now(UTC).isoformat(), "--json")
        assert (code, told["parts"], told["closed"]["cycle"], told["closed"]["by"]) == (0, before[name], CYCLE, "Ada")
    titles = [each["title"] for each in before["p1-bugs"][0]["counted"][:3]]
    for when in (then, datetime.now(UTC).isoformat()):
        code, text, _ = office.run("explain", "p1-bugs", "--at", when)
        assert (code, [title in text for title in titles]) == (0, [True] * len(titles))
    code, _, err = office.run("explain", "p1-bugs")
    assert (code, f"`headway explain p1-bugs --at {datetime.now(BERLIN):%Y-%m-%d}` its tickets" in err) == (1, True)
    code, _, err = office.run("explain", "p1-bugs", "--at", "2020-01-01")
    assert (code, "Nothing was known of p1-bugs by the end of 2020-01-01" in err) == (1, True)
    code, _, err = office.run("explain", "p1-bag", "--at", then)
    assert (code, "There is no key result p1-bag in the config" in err) == (1, True)


def test_a_quarter_is_closed_and_stays(office: Headway) -> None:
    values = office.values()
    code, text, err = office.run("close", CYCLE, "--early", "--yes", HEADWAY_USER="Ada")
    assert (code, err) == (0, "")
    assert f"{CYCLE} is closed: {len(values)} key results" in text
    assert "Fix 25 P1 checkout bugs" in text
    assert office.run("status").out.splitlines()[-1] == (
        f"Nothing is open: `headway status --cycle {CYCLE}` shows how {CYCLE} ended."
    )
    assert office.values() == {}
    shown = office.run("status", "--cycle", CYCLE, "--json").out
    assert list(shapes.complaints(shown, shapes.STATUS)) == []
    assert {each["id"]: each["value"] for each in shown["key_results"]} == values
    assert {each["status"] for each in shown["key_results"] + shown["objectives"]} == {"closed"}
    assert all(0 <= each["grade"] <= 1 and each["closed_at"] for each in shown["key_results"])
    assert "closed · grade" in office.run("status", "--cycle", CYCLE).out
    explained = office.run("explain", "p1-bugs", "--json").out

    work(office.sandbox.world, days=5, seed=3)
    code, synced, _ = office.run("sync", "--json")
    assert (code, synced["updates"], synced["held"]) == (0, [], [])
    assert synced["corrections"]
    assert list(shapes.complaints(synced, shapes.SYNC)) == []
    assert office.run("status", "--cycle", CYCLE, "--json").out["key_results"] == shown["key_results"]
    corrected = {each["key_result"]: each["new"] for each in synced["corrections"]}
    after = office.run("explain", "p1-bugs", "--json").out
    assert list(shapes.complaints(after, shapes.EXPLAIN)) == []
    assert after["closed"]["by"] == "Ada"
    assert after["closed"].pop("known_now") == corrected.get("p1-bugs", values["p1-bugs"])
    after["closed"].pop("corrections"), explained["closed"].pop("known_now"), explained["closed"].pop("corrections")
    assert [part["counted"] for part in after["parts"]] == [part["counted"] for part in explained["parts"]]
    assert (after["value"], after["at"], after["closed"]) == (explained["value"], explained["at"], explained["closed"])
    moved = next(iter(corrected))
    assert "By what is known now its tickets give" in office.run("explain", moved).out
    told = office.run("history", moved).out
    assert "more became known of its closed cycle" in told
    assert f"{CYCLE} was closed at" in told
    assert "by Ada" in told
    assert office.run("verify", "--json").out["ok"] is True
    assert office.run("sync", "--json").out["corrections"] == []


def test_a_person_grades_with_a_reason(office: Headway) -> None:
    assert office.run("close", CYCLE, "--grade", "p1-bugs=0.7", "--early", "--yes").code == 2
    assert office.run("close", CYCLE, "--grade", "p1-bugs=1.7", "--why", "x", "--early", "--yes").code == 2
    code, _, err = office.run("close", CYCLE, "--grade", "nope=0.7", "--why", "x", "--early", "--yes")
    assert (code, f"{CYCLE} has no key result nope that could be graded." in err) == (1, True)
    code, out, _ = office.run(
        "close", CYCLE, "--grade", "p1-bugs=0.7", "--why", "the hard ones", "--early", "--yes", "--json"
    )
    assert code == 0
    assert list(shapes.complaints(out, shapes.CLOSE)) == []
    graded = {each["id"]: (each["grade"], each["graded"]) for each in out["key_results"]}
    assert graded.pop("p1-bugs") == (0.7, True)
    assert {by_hand for _, by_hand in graded.values()} == {False}
    entry = office.run("history", "p1-bugs", "--json").out[-1]
    assert (entry["seq"], entry["kind"], entry["why"]) == (
        next(each["seq"] for each in out["key_results"] if each["id"] == "p1-bugs"),
        "close",
        "the hard ones",
    )
    assert "the grade 0.7 (graded by hand)" in office.run("history", "p1-bugs").out
    assert "with the grade 0.7 given by hand: the hard ones" in office.run("explain", "p1-bugs").out


def test_what_cannot_be_closed_says_what_to_do(office: Headway) -> None:
    before = office.rows("SELECT count(*) FROM ledger_entry")
    code, text, err = office.run("close", CYCLE)
    assert (code, "grade" in text) == (1, True)
    assert "--early closes it before." in err
    code, _, err = office.run("close", CYCLE, "--early")
    assert (code, "Nothing was closed: --yes closes it" in err) == (1, True)
    code, _, err = office.run("close", "2020-Q1", "--yes")
    assert (code, f"There is no cycle 2020-Q1 in the config; it has {CYCLE}." in err) == (1, True)
    office.edit("unit: bugs, start: 0, target: 25", "unit: bugs, start: 0, target: 30")
    code, _, err = office.run("close", CYCLE, "--early", "--yes")
    assert (code, "p1-bugs is not recorded yet as the config and its tickets have it" in err) == (1, True)
    assert office.rows("SELECT count(*) FROM ledger_entry") == before


def test_numbers_of_before_the_end_are_not_taken_by_mistake(office: Headway) -> None:
    """The cycle ends with yesterday; it is read, closed, and asked to be closed again."""
    text, yesterday = office.config.read_text(encoding="utf-8"), (datetime.now(UTC) - timedelta(days=1)).date()
    end = next(line for line in text.splitlines() if "end:" in line).split("end: ")[1].rstrip("}")
    office.edit(f"end: {end}", f"end: {yesterday}")
    code, _, err = office.run("close", CYCLE, "--yes")
    assert (code, "run `headway sync`" in err) == (1, True)
    assert office.run("sync", "--json").code == 0
    assert office.run("close", CYCLE, "--yes").code == 0
    code, _, err = office.run("close", CYCLE, "--yes")
    assert (code, f"{CYCLE} was closed on" in err) == (1, True)
    planned = office.run("plan", "--json").out
    assert (planned["changes"], {each["note"] for each in planned["key_results"]}) == (False, {"its cycle is closed"})
    assert office.run("verify").code == 0


def test_the_next_cycle_is_written_from_the_last(office: Headway) -> None:
    office.run("close", CYCLE, "--early", "--yes")
    config, folder = office.config.read_text(encoding="utf-8"), office.folder / "okrs"
    code, written, err = office.run("roll", CYCLE, "next")
    assert (code, "Add this line under cycles: in headway.yaml:" in err) == (0, True)
    assert "      - id: p1-bugs-next" in written.splitlines()
    folder.mkdir()
    code, told, _ = office.run("roll", CYCLE, "next", "--out", "okrs/next.yaml")
    assert (code, "okrs/next.yaml is written: " in told) == (0, True)
    assert (folder / "next.yaml").read_text(encoding="utf-8") == written
    code, _, err = office.run("roll", CYCLE, "next", "--out", "okrs/next.yaml")
    assert (code, "is there already and stays as it is" in err) == (1, True)
    line = next(line for line in told.splitlines() if "id: next" in line)
    (folder / "headway.yaml").write_text(
        config.replace("cycles:\n", f"cycles:\n{line}\n").replace("sqlite:///", "sqlite:///../"), encoding="utf-8"
    )
    assert office.run("-c", "okrs", "validate").code == 0
    shown = office.run("-c", "okrs", "status", "--json").out
    assert (shown["cycle"], {each["cycle"] for each in shown["key_results"]}) == ("next", {"next"})
    assert office.run("-c", "okrs", "sync", "--json").code == 0
    assert office.run("-c", "okrs", "verify").code == 0


FORMER = {
    "renamed twice": [("p1-bugs", "p1-bugs-next", "p1-bugs"), ("p1-bugs-next", "p1-bugs", "p1-bugs-next")],
    "to be renamed": [("p1-bugs", "p1-bugs", "p1-bugs-next")],
    "only set by hand": [("p1-bugs", "p1-bugs-next", ""), ("p1-bugs-next", "p1-bugs", "")],
}
"""Ids that p1-bugs had and got, and what `was` says of it."""


@pytest.mark.parametrize("how", FORMER)
def test_an_id_that_anything_ever_had_is_not_given_again(headway: Headway, how: str) -> None:
    config = headway.config.read_text(encoding="utf-8")
    for _, new, was in FORMER[how]:
        text = re.sub(r"\bp1-bugs\b", new, config)
        if was:
            text = text.replace(f"id: {new},", f"id: {new}, was: {was},")
        headway.config.write_text(text, encoding="utf-8")
        if how == "renamed twice":
            assert headway.run("sync", "--json").code == 0
        elif how == "only set by hand":
            headway.run("set", new, "3", "--why", "by hand")
    if how == "renamed twice":
        headway.config.write_text(config, encoding="utf-8")
    code, written, err = headway.run("roll", CYCLE, "next")
    assert (code, "Traceback" in err) == (0, False), err
    assert "      - id: p1-bugs-next-2" in written.splitlines()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["2020-Q1", "next"], f"There is no cycle 2020-Q1 in the config; it has {CYCLE}."),
        ([CYCLE, CYCLE], f"{CYCLE} cannot be rolled into itself"),
        ([CYCLE, "next", "--start", "2027-05-01", "--end", "2027-04-01"], "before it starts on 2027-05-01"),
    ],
)
def test_what_cannot_be_rolled(office: Headway, words: list[str], told: str) -> None:
    code, out, err = office.run("roll", *words)
    assert (code, out, told in err) == (1, "", True)


def test_a_day_that_is_none_is_a_mistake_of_usage(office: Headway) -> None:
    assert office.run("roll", CYCLE, "next", "--start", "soon").code == 2
