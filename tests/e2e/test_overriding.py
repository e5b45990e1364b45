"""`set`, `resume` and `checkin` by the command: what every surface then says, and what is refused."""

import csv
import io
import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from prov.model import ProvDocument

from tests.e2e import shapes
from tests.e2e.conftest import Headway
from tests.e2e.test_hostile_titles import CONTROL, TURNING


def told(headway: Headway, name: str) -> dict[str, Any]:
    status = headway.run("status", "--json").out
    assert list(shapes.complaints(status, shapes.STATUS)) == []
    return next(each for each in status["key_results"] if each["id"] == name)


def test_a_value_that_is_set_is_told_everywhere_with_the_automatic_one(copy: Headway) -> None:
    automatic = copy.values()["p1-bugs"]
    code, out, _ = copy.run("set", "p1-bugs", "24", "--why", "counted by hand", "--json", HEADWAY_USER="Ada")
    assert code == 0
    assert list(shapes.complaints(out, shapes.SET)) == []
    assert (out["old"], out["new"], out["automatic"], out["written"]) == (None, 24, automatic, True)
    status = told(copy, "p1-bugs")
    assert (status["value"], status["automatic"], status["progress"]) == (24, automatic, 24 / 25)
    assert status["override"] == {"value": 24, "why": "counted by hand", "by": "Ada", "until": None}
    explained = copy.run("explain", "p1-bugs", "--json").out
    assert list(shapes.complaints(explained, shapes.EXPLAIN)) == []
    assert (explained["value"], explained["override"]) == (automatic, status["override"])
    line = "set to 24 / 25 bugs by Ada · counted by hand · `headway resume p1-bugs` goes back"
    text = copy.run("status").out
    assert f"24 / 25 bugs (automatic {automatic})" in text
    assert " · set by hand" in text
    assert line in text
    assert line in copy.run("explain", "p1-bugs").out
    assert "automatic → 24  set by hand by Ada · counted by hand" in copy.run("history", "p1-bugs").out
    assert "Ada" not in str(copy.rows("SELECT * FROM ledger_entry"))
    assert copy.run("verify", "--json").out["ok"] is True


def test_going_back_shows_the_automatic_value_again(copy: Headway) -> None:
    automatic = copy.values()["p1-bugs"]
    copy.run("set", "p1-bugs", "24", "--why", "counted by hand")
    code, out, _ = copy.run("resume", "p1-bugs", "--why", "in order again", "--json", HEADWAY_USER="Bob")
    assert code == 0
    assert list(shapes.complaints(out, shapes.RESUME)) == []
    assert (out["old"], out["new"], out["written"]) == (24, None, True)
    status = told(copy, "p1-bugs")
    assert (status["value"], status["override"]) == (automatic, None)
    assert "24 → automatic  not set by hand any more by Bob · in order again" in copy.run("history", "p1-bugs").out
    code, text, _ = copy.run("resume", "p1-bugs")
    assert code == 0
    assert text.startswith("Nothing was written: Fix 25 P1 checkout bugs is set by nobody.")


def test_what_was_never_measured_waits_for_no_changed_rule(headway: Headway) -> None:
    headway.run("set", "p1-bugs", "24", "--why", "counted by hand")
    out = headway.run("status").out
    assert ("tickets not read yet · set by hand" in out, "changed rule" in out) == (True, False)
    assert "stale" not in out, "nothing was ever read that could be old"
    assert "acme-jira: 0 items, never read completely" in out


def test_where_no_mapping_feeds_a_key_result_nothing_is_to_be_measured(copy: Headway) -> None:
    path = copy.folder / "headway.yaml"
    one = '      - {id: churn, title: Churn below 3, unit: "%", start: 8, target: 3}\nmappings:\n'
    path.write_text(path.read_text(encoding="utf-8").replace("mappings:\n", one, 1), encoding="utf-8")
    code, out, _ = copy.run("set", "churn", "5", "--why", "survey of May")
    assert (code, out) == (0, "Churn below 3  is set to 5, down to 3 %. No mapping feeds it.\n")


def test_a_plan_before_the_first_read_says_that_what_is_shown_stays(headway: Headway) -> None:
    """The first read writes its first measured value, so it counts among those that change."""
    headway.run("set", "p1-bugs", "24", "--why", "counted by hand")
    out = headway.run("plan").out
    assert "unknown until read: PAY and PLAT of acme-jira; the value that is shown stays: it is set by hand" in out
    assert "12 of 12 key results would change." in out


def test_the_same_again_is_told_and_writes_nothing(copy: Headway) -> None:
    same = ("set", "p1-bugs", "24", "--why", "counted by hand", "--until", "2999-12-31")
    assert "is set to 24 / 25 bugs until 2999-12-31. Its tickets give" in copy.run(*same).out
    timed = copy.run(*same[:-1], "2999-12-31T18:00")  # of the config's zone
    assert "until 2999-12-31 18:00 " in timed.out
    assert "until 2999-12-31 18:00 " in copy.run("history", "p1-bugs").out
    copy.run(*same)
    assert " until 2999-12-31 · counted by hand" in copy.run("history", "p1-bugs").out
    rows = copy.rows("SELECT count(*) FROM ledger_entry")
    code, text, _ = copy.run(*same)
    assert (code, copy.rows("SELECT count(*) FROM ledger_entry")) == (0, rows)
    assert text.startswith(
        "Nothing was written: Fix 25 P1 checkout bugs is set to 24 / 25 bugs until 2999-12-31 alread"
    )
    assert copy.run(*same, "--json").out["written"] is False


def test_a_negative_number_is_no_option(copy: Headway) -> None:
    assert copy.run("set", "p1-bugs", "-2.5", "--why", "counted by hand", "--json").out["new"] == -2.5


def test_a_sync_goes_on_measuring_and_says_what_is_shown(headway: Headway) -> None:
    headway.run("sync")
    headway.run("set", "p1-bugs", "24", "--why", "counted by hand")
    before = told(headway, "p1-bugs")["automatic"]
    world = headway.sandbox.world
    for each in headway.run("explain", "p1-bugs", "--json").out["parts"][0]["excluded"]:
        if each["reason"] == "open":
            world.close(world.item(each["key"]))
    plan = next(each for each in headway.run("sync", "--dry-run", "--json").out["updates"])
    text = headway.run("sync").out
    after = told(headway, "p1-bugs")
    assert after["value"] == 24
    assert after["automatic"] > before
    assert plan["key_result"]
    assert f"{before} → {after['automatic']} (shown is 24, set by hand)" in text


def test_a_checkin_is_shown_with_its_confidence(copy: Headway) -> None:
    note = "two fixes wait for a release"
    code, out, _ = copy.run("checkin", "p1-bugs", "--note", note, "--confidence", "0.70", "--json", HEADWAY_USER="Ada")
    assert code == 0
    assert list(shapes.complaints(out, shapes.CHECKIN)) == []
    checkin = told(copy, "p1-bugs")["checkin"]
    assert checkin == {"note": note, "confidence": 0.7, "by": "Ada", "at": out["at"]}
    day = datetime.fromisoformat(out["at"]).astimezone(ZoneInfo("Europe/Berlin")).date()
    assert f"{note} (Ada, {day}, confidence 0.7)" in copy.run("status").out
    assert f"check-in by Ada, confidence 0.7 · {note}" in copy.run("history", "p1-bugs").out
    assert copy.run("checkin", "p1-bugs", "--note", "and on").out.startswith("Noted of Fix 25 P1 checkout bugs, ")
    assert told(copy, "p1-bugs")["checkin"]["confidence"] is None


def test_history_names_who_and_why_in_every_form(copy: Headway) -> None:
    copy.run("set", "p1-bugs", "24", "--why", "counted by hand", HEADWAY_USER="Ada")
    copy.run("checkin", "p1-bugs", "--note", "it goes well", HEADWAY_USER="Bob")
    copy.run("resume", "p1-bugs", "--why", "in order again", HEADWAY_USER="Cyd")
    wanted = [("override", "Ada", "counted by hand"), ("checkin", "Bob", "it goes well")]
    wanted.append(("resume", "Cyd", "in order again"))
    entries = copy.run("history", "p1-bugs", "--json").out
    assert list(shapes.complaints(entries, shapes.HISTORY)) == []
    assert [(each["kind"], each["by"], each["why"]) for each in entries[-3:]] == wanted
    rows = list(csv.DictReader(io.StringIO(copy.run("history", "p1-bugs", "--csv").out)))
    assert [(row["kind"], row["by"], row["why"]) for row in rows[-3:]] == wanted
    assert json.loads(rows[-2]["details"])["confidence"] is None
    out = copy.run("history", "p1-bugs", "--prov").out
    ProvDocument.deserialize(content=out, format="json")
    document = json.loads(out)
    for entry in entries[-3:]:
        act, value = f"headway:act/{entry['seq']}", f"headway:value/{entry['seq']}"
        made = [each for each in document["wasGeneratedBy"].values() if each["prov:entity"] == value]
        assert [each["prov:activity"] for each in made] == [act]
        agents = [each["prov:agent"] for each in document["wasAssociatedWith"].values() if each["prov:activity"] == act]
        assert len(agents) == 1
        assert document["agent"][agents[0]]["prov:type"]["$"] == "prov:Person"
        assert document["entity"][value]["headway:why"] == entry["why"]
    revised = {
        each["prov:generatedEntity"]: each["prov:usedEntity"]
        for each in document["wasDerivedFrom"].values()
        if each.get("prov:type")
    }
    first, _, last = (f"headway:value/{each['seq']}" for each in entries[-3:])
    assert revised[last] == first
    assert first not in revised, "what is set revises no measured value"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["set", "p1-bugz", "3", "--why", "w"], 1, "did you mean p1-bugs"),
        (["set", "p1-bugs", "3", "--why", "w", "--until", "2020-01-01"], 1, "2020-01-01 is over"),
        (["set", "legal-terms", "7", "--why", "w"], 1, "set it to 1 or to 0"),
        (["set", "p1-bugs", "3"], 2, "--why"),
        (["set", "p1-bugs", "3", "--why", " "], 2, "say something"),
        (["set", "p1-bugs", "many", "--why", "w"], 2, "many is not a number"),
        (["set", "p1-bugs", "3", "--why", "w", "--until", "tomorrow"], 2, "tomorrow is not a date like"),
        (["set", "p1-bugs", "3", "--why", "w", "--until", "20991231"], 2, "20991231 is not a date like"),
        (["set", "p1-bugs", "3", "--why", "w", "--untill", "2999-12-31"], 2, "unexpected extra argument"),
        (["resume", "p1-bugz"], 1, "did you mean p1-bugs"),
        (["checkin", "p1-bugz", "--note", "n"], 1, "did you mean p1-bugs"),
        (["checkin", "p1-bugs"], 2, "--note"),
        (["checkin", "p1-bugs", "--note", "n", "--confidence", "1.01"], 2, "1.01 is not between 0 and 1"),
        (["checkin", "p1-bugs", "--note", "n", "--confidence", "-0.1"], 2, "--confidence"),
        (["checkin", "p1-bugs", "--note", "n", "--confidence", "high"], 2, "high is not a number"),
    ],
)
def test_what_is_refused_says_why_and_writes_nothing(
    copy: Headway, arguments: list[str], code: int, words: str
) -> None:
    rows = copy.rows("SELECT count(*) FROM ledger_entry")
    answer = copy.run(*arguments)
    assert (answer.code, answer.out) == (code, "")
    assert words in " ".join(answer.err.split())
    assert copy.rows("SELECT count(*) FROM ledger_entry") == rows


def test_what_people_write_is_harmless_where_it_is_shown(copy: Headway) -> None:
    hostile = "=1+1\x1b[2J\u202e\nx"
    copy.run("set", "p1-bugs", "24", "--why", hostile, HEADWAY_USER=f"Ada{hostile}")
    copy.run("checkin", "p1-bugs", "--note", hostile, HEADWAY_USER=f"Bob{hostile}")
    surfaces = (["status"], ["explain", "p1-bugs"], ["history", "p1-bugs"], ["history", "p1-bugs", "--csv"])
    for arguments in (*surfaces, ["set", "p1-bugs", "24", "--why", hostile]):
        assert not (CONTROL | TURNING) & set(copy.run(*arguments).out)
