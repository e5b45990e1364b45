"""`history` in its three forms for machines, by the command."""

import csv
import io
import json
import re
from collections.abc import Sequence
from itertools import combinations

import pytest
from prov.model import ProvDocument

from tests.e2e.conftest import Headway
from tests.e2e.test_hostile_titles import CONTROL, TURNING

FORMS = ("--csv", "--prov", "--json")


def test_the_table_says_what_the_document_says(settled: Headway) -> None:
    code, out, err = settled.run("history", "p1-bugs", "--csv")
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    entries = settled.run("history", "p1-bugs", "--json").out
    told = [
        (str(entry["seq"]), entry["at"], entry["kind"], cause["kind"], cause["key"] or "", cause["url"] or "")
        for entry in entries
        for cause in entry["causes"]
    ]
    assert len(told) > 2
    assert [tuple(row[name] for name in ("seq", "at", "kind", "cause", "key", "url")) for row in rows] == told
    assert [float(row["delta"]) for row in rows] == [each["delta"] for entry in entries for each in entry["causes"]]
    assert {row["hash"] for row in rows} == {entry["hash"] for entry in entries}


def test_an_entry_leads_to_the_connector_that_read_its_source(settled: Headway) -> None:
    runs = {run for (run,) in settled.rows("SELECT id FROM run")}
    for name in ("p1-bugs", "one-click"):
        for entry in settled.run("history", name, "--json").out:
            assert entry["run"] in runs
            assert entry["sources"], name
            for source in entry["sources"]:
                assert source["name"] == f"acme-{source['connector']}"
                assert (source["version"], source["run"]) == (entry["headway_version"], entry["run"])


def test_prov_is_read_by_others_and_the_same_each_time(settled: Headway) -> None:
    code, out, err = settled.run("history", "one-click", "--prov")
    assert (code, err) == (0, "")
    assert settled.run("history", "one-click", "--prov").out == out
    found = ProvDocument.deserialize(content=out, format="json")
    again = found.serialize(format="json")
    assert again is not None
    assert ProvDocument.deserialize(content=again, format="json") == found
    hashes = [entry["hash"] for entry in settled.run("history", "one-click", "--json").out]
    told = json.loads(out)["entity"].values()
    assert [each["headway:hash"] for each in told if "headway:prev" in each] == hashes


@pytest.mark.parametrize("forms", [*combinations(FORMS, 2), FORMS])
def test_the_forms_exclude_each_other(settled: Headway, forms: Sequence[str]) -> None:
    process = settled.start("history", "p1-bugs", *forms)
    code, out, err = settled.end(process)
    assert (code, out) == (2, "")
    assert "choose one of --csv, --prov and --json" in err


@pytest.mark.parametrize("form", ["--csv", "--prov"])
def test_a_key_result_that_is_not_there_is_no_empty_table(settled: Headway, form: str) -> None:
    code, out, err = settled.run("history", "p1-bugz", form)
    assert (code, out) == (1, "")
    assert "did you mean p1-bugs" in err


@pytest.mark.parametrize("form", ["--csv", "--prov"])
def test_hostile_texts_are_harmless(copy: Headway, form: str) -> None:
    with copy.plain() as connection:
        connection.execute("UPDATE ledger_entry SET why = '=1+1' || char(27) || '[2J' || char(8238) || char(10) || 'x'")
        connection.execute("UPDATE item SET key = '@' || key")
    code, out, err = copy.run("history", "p1-bugs", form)
    assert (code, err) == (0, "")
    assert not (CONTROL | TURNING) & set(out)
    if form == "--csv":
        assert {row["why"] for row in csv.DictReader(io.StringIO(out))} == {"'=1+1[2J x"}


def test_a_sync_tells_what_it_wrote_though_no_value_moved(copy: Headway) -> None:
    copy.edit("start: 0, target: 25}", "start: 0, target: 24}")
    copy.edit("{id: interviews,", "{id: talks, was: interviews,")
    copy.edit("key_result: interviews", "key_result: talks")
    out = copy.run("sync").out
    value = copy.values()["p1-bugs"]
    assert f"Fix 25 P1 checkout bugs  stays {value}: the target changed: now from 0 to 24" in out
    assert re.search("Talk to 26 customers  stays [0-9]+: .*interviews", out)
    assert out.count("stays") == 3  # accessibility asks for 25 as well
    assert "stays" not in copy.run("sync").out


def test_a_renamed_key_result_keeps_its_history(copy: Headway) -> None:
    before = copy.run("history", "p1-bugs", "--json").out
    value = copy.values()["p1-bugs"]
    copy.edit("{id: p1-bugs,", "{id: p1-fixed, was: p1-bugs,")
    copy.edit("key_result: p1-bugs", "key_result: p1-fixed")
    assert copy.run("history", "p1-fixed", "--json").out == before, "nobody has written the new name yet"
    planned = copy.run("plan", "--exit-code")
    assert (planned.code, "p1-fixed" in planned.out, "renamed, was p1-bugs" in planned.out) == (5, True, True)
    synced = copy.run("sync", "--json").out
    assert (synced["retired"], [each["key_result"] for each in synced["updates"]]) == ([], [])
    assert copy.values()["p1-fixed"] == value
    after = copy.run("history", "p1-fixed", "--json").out
    assert after[: len(before)] == before
    assert [(each["kind"], each["why"]) for each in after[len(before) :]] == [("target", "renamed from p1-bugs")]
    assert "renamed from p1-bugs" in copy.run("history", "p1-fixed").out
    assert copy.run("verify").code == 0
    assert copy.run("plan", "--exit-code").code == 0
    assert "p1-bugs is called p1-fixed now" in copy.run("explain", "p1-bugs").err
