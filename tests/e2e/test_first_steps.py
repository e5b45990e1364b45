"""What somebody new runs into: a misspelt word, a mistyped path, a number that is not there yet."""

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.conftest import Headway
from tests.unit.docs_pages import ROOT

EMPTY = "p1-bugs: part 1 selects nothing in acme-jira: check the spelling of its `where`"


def test_a_misspelt_label_is_told_wherever_its_zero_is_shown(headway: Headway) -> None:
    assert "selects nothing" not in headway.run("sync", "--dry-run").out + headway.run("sync").out
    headway.edit("label: p1, not", "label: p1-misspelt, not")
    told = [{"key_result": "p1-bugs", "part": 0, "source": "acme-jira"}]
    assert EMPTY in headway.run("sync", "--dry-run").out
    assert headway.run("status", "--json").out["selects_nothing"] == [], "nobody looked with the new rule yet"
    document = headway.run("sync", "--json").out
    assert document["selects_nothing"] == told
    assert EMPTY in headway.run("sync").out
    assert EMPTY in headway.run("status").out
    assert headway.run("status", "--json").out["selects_nothing"] == told
    assert EMPTY.removeprefix("p1-bugs: ") in headway.run("explain", "p1-bugs").out


def test_one_empty_part_of_two_is_told(copy: Headway) -> None:
    copy.edit("epic: PAY-", "epic: PAY-9999")
    assert "one-click: part 1 selects nothing in acme-jira" in copy.run("sync").out
    explain = copy.run("explain", "one-click").out
    assert explain.count("selects nothing") == 1
    assert explain.index("part 1 selects nothing") < explain.index("acme-github: percent")


def test_a_true_zero_is_no_mistake(copy: Headway) -> None:
    copy.edit("label: p1, not", "label: p1, created: 2026-01-01..2026-01-02, not")
    for command in (["sync"], ["status"], ["explain", "p1-bugs"], ["validate"]):
        assert "selects nothing" not in copy.run(*command).out
    assert copy.run("status", "--json").out["selects_nothing"] == []
    assert "no ticket is in that state, or of those days, just now" in copy.run("explain", "p1-bugs").out
    assert copy.run("explain", "p1-bugs", "--json").out["parts"][0]["selects_nothing"] is False


def test_a_database_that_is_not_there_is_not_called_whole(headway: Headway) -> None:
    sentence = f"There is no database at {headway.database} yet: run `headway sync`."
    for arguments, expected in ((["verify"], 1), (["status"], 0)):
        code, out, err = headway.run(*arguments)
        assert (code, err) == (expected, "")
        assert sentence in out
        assert "whole" not in out
    assert headway.run("verify", "--json").out["problem"] == sentence
    assert not headway.database.exists()
    assert headway.run("sync").code == 0
    assert headway.run("verify").code == 0
    assert "no database" not in headway.run("status").out


def test_before_the_cycle_nobody_is_told_to_sync(headway: Headway) -> None:
    begins = (datetime.now(UTC) + timedelta(days=30)).date()
    ends = begins + timedelta(days=90)
    text = headway.config.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if "id: sandbox" in line)
    headway.edit(line, f"  - {{id: sandbox, start: {begins}, end: {ends}}}")
    assert headway.run("sync").code == 0
    for command in ("explain", "history"):
        out = headway.run(command, "p1-bugs").out
        assert f"its cycle begins on {begins}; nothing is measured before." in out
        assert "headway sync" not in out


def test_when_its_source_failed_the_reason_is_told(headway: Headway) -> None:
    assert headway.run("sync", HEADWAY_SANDBOX_JIRA_TOKEN="another-token").code == 3
    for command in ("explain", "history"):
        out = headway.run(command, "p1-bugs").out
        assert "it waits for a complete read. acme-jira: " in out
        assert "401" in out
        assert "headway sync" not in out


def test_numbers_that_are_too_large_are_called_so_by_every_question(headway: Headway) -> None:
    headway.edit("start: 0, target: 25", "start: 0, target: 1000000000000")
    headway.edit("key_result: p1-bugs", "key_result: p1-bugs\n    scale: {from: [1000000, 1000000.000001]}")
    assert headway.run("sync").code == 0
    assert "cannot be measured: its numbers are too large" in headway.run("plan").out
    code, _, err = headway.run("explain", "p1-bugs")
    assert (code, err) == (1, "headway: p1-bugs cannot be measured: its numbers are too large.\n")
    assert "its numbers are too large to be measured" in headway.run("history", "p1-bugs").out


def test_without_a_mapping_the_history_says_so(headway: Headway) -> None:
    text = headway.config.read_text(encoding="utf-8")
    begin = text.index("  - key_result: p1-bugs")
    headway.config.write_text(text[:begin] + text[text.index("  - key_result: open-bugs") :], encoding="utf-8")
    assert headway.run("sync").code == 0
    out = headway.run("history", "p1-bugs").out
    assert "Nothing is recorded yet: no mapping feeds it; write one." in out


def test_a_value_can_be_taken_apart(settled: Headway) -> None:
    document = settled.run("explain", "one-click", "--json").out
    first, second = document["parts"]
    lines = settled.run("explain", "one-click").out.splitlines()
    formula, result = lines[1].split(" = ")
    assert abs(eval(formula.replace("×", "*")) - document["value"]) < 0.001
    assert abs(float(result) - document["value"]) < 0.01
    shares = [f"({each['numerator']} of {each['denominator']}), weight {each['weight']}" for each in (first, second)]
    assert [share for share in shares if not any(line.endswith(share) for line in lines)] == []
    interviews = settled.run("explain", "interviews", "--json").out
    own = interviews["parts"][0]["value"]
    assert f"start value 6 + {own} = {interviews['value']}" in settled.run("explain", "interviews").out
    assert "it is done from 100" in settled.run("explain", "legal-terms").out


def test_one_of_a_kind_is_not_told_in_the_plural(headway: Headway) -> None:
    headway.config.write_text(
        """\
version: 1
database: sqlite:///headway.db
cycles: [{id: c, start: 2026-01-01, end: 2099-12-31}]
sources:
  web: {connector: github, url: "URL", token: "${HEADWAY_SANDBOX_GITHUB_TOKEN}", repositories: [acme/web]}
objectives:
  - {id: o, cycle: c, title: O, key_results: [{id: k, title: K, start: 0, target: 20}]}
mappings:
  - {key_result: k, from: [{source: web, measure: count}]}
""".replace("URL", headway.sandbox.urls["github"]),
        encoding="utf-8",
    )
    code, out, _ = headway.run("validate")
    assert (code, out) == (0, "headway.yaml is valid: 1 key result, 1 mapped, 1 source.\n")
    assert headway.run("sync").code == 0
    assert "The ledger is whole: 1 entry, head" in headway.run("verify").out
    assert "There is no key result nope in the config: it has k." in headway.run("explain", "nope").err


def test_log_json_alone_is_silent_and_its_help_says_what_makes_it_speak(copy: Headway) -> None:
    code, _, err = copy.run("--log-json", "sync", "--json")
    assert (code, err) == (0, "")
    assert '"event": "source read"' in copy.run("--log-json", "-v", "sync", "--json").err
    assert re.search(r"--log-json +With -v: log as JSON lines", copy.run("--help").out)


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make on this machine")
def test_make_help_lists_every_target_that_is_for_people() -> None:
    asked = ["make", "--no-print-directory", "help"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert [line.split()[0] for line in done.stdout.splitlines()] == targets
    assert all(len(line.split()) > 2 for line in done.stdout.splitlines())
