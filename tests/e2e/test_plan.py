"""`headway plan`: what a changed config would do, told without tracker, token or trace."""

import re
import sqlite3
from pathlib import Path

import pytest

from sandbox.team import work
from tests.e2e import shapes
from tests.e2e.conftest import Headway

NO_TOKENS = dict.fromkeys((f"HEADWAY_SANDBOX_{name}_TOKEN" for name in ("JIRA", "GITHUB", "ASANA")), "")


def test_a_config_in_force_changes_nothing_and_nobody_is_asked(settled: Headway) -> None:
    settled.sandbox.requests.clear()
    before = settled.database.read_bytes()
    code, out, err = settled.run("plan", "--exit-code", "--json", **NO_TOKENS)
    assert (code, err, out["changes"]) == (0, "", False)
    assert list(shapes.complaints(out, shapes.PLAN)) == []
    assert {each["id"]: each["new"] for each in out["key_results"]} == settled.values()
    assert settled.sandbox.requests.total() == 0
    assert settled.database.read_bytes() == before
    assert "Nothing would change: 12 key results." in settled.run("plan").out


def test_a_changed_config_ends_with_5_when_asked_and_comes_true(headway: Headway) -> None:
    assert headway.run("sync").code == 0
    headway.edit("label: p1, not", "label: [p1, p2], not")
    headway.edit("start: 65, target: 30", "start: 65, target: 28")
    assert headway.run("plan").code == 0
    code, out, err = headway.run("plan", "--exit-code", "--json", **NO_TOKENS)
    assert (code, err) == (5, "")
    bugs, opened = out["key_results"][:2]
    assert (bugs["note"], opened["note"]) == ("rule changed", "target changed: from 65 to 30 ⇒ from 65 to 28")
    assert bugs["in"]
    assert {each["reason"] for each in bugs["in"]} >= {None, "open"}
    assert not bugs["out"]
    assert [each["id"] for each in out["key_results"] if each["changes"]] == ["p1-bugs", "open-bugs"]
    synced = headway.run("sync", "--json").out
    assert synced["updates"] == [{"key_result": "p1-bugs", "old": bugs["old"], "new": bugs["new"]}]
    counted = headway.run("explain", "p1-bugs", "--json").out["parts"][0]["counted"]
    assert {each["key"] for each in counted} >= {each["key"] for each in bugs["in"] if each["reason"] is None}
    assert headway.run("plan", "--exit-code").code == 0


def test_what_is_not_read_yet_is_named_and_so_is_what_leaves(copy: Headway) -> None:
    copy.edit("[acme/web, acme/api]", "[acme/web, acme/new]")
    copy.edit("label: interview", "query: approved")
    out = copy.run("plan", "--json", **NO_TOKENS).out
    notes = {each["id"]: (each["new"], each["note"]) for each in out["key_results"] if each["note"]}
    assert notes["interviews"] == (None, "rule changed; unknown until read: the query approved of acme-asana")
    assert notes["performance"][1] == "without what is not read yet: acme/new of acme-github"
    assert out["sources"] == [{"name": "acme-github", "dropped": ["acme/api"], "added": ["acme/new"], "anew": False}]


def test_a_source_that_is_read_otherwise_needs_a_nod_though_no_rule_changed(copy: Headway) -> None:
    copy.edit("[acme/web, acme/api]", "[acme/web]")
    code, out, err = copy.run("plan", "--exit-code", **NO_TOKENS)
    assert (code, err) == (5, "")
    assert "acme-github: acme/api left the config; its tickets leave with the next read." in out
    assert "The rules change nothing (12 key results); what the next read changes is known after it." in out
    assert copy.run("plan", "--json", **NO_TOKENS).out["changes"] is True


def test_before_the_first_sync_everything_is_new_and_unknown(headway: Headway) -> None:
    code, out, err = headway.run("plan", "--exit-code", **NO_TOKENS)
    assert (code, err) == (5, "")
    assert "p1-bugs  new; unknown until read: PAY and PLAT of acme-jira\n" in out
    assert "There is no database at" in out
    assert "12 of 12 key results would change." in out
    assert not headway.database.exists()


def test_a_comment_names_tickets_with_their_addresses(copy: Headway) -> None:
    copy.edit("label: p1, not", "label: p2, not")
    code, out, err = copy.run("plan", "--markdown", "--exit-code", **NO_TOKENS)
    assert (code, err) == (5, "")
    assert out.startswith("### Headway plan\n")
    assert "| Fix 25 P1 checkout bugs <sub>p1-bugs</sub> | " in out
    warnings, tickets = out.split("<details>")[1:]
    assert warnings.startswith("<summary>1 warning about what changes</summary>")
    assert tickets.startswith("<summary>Fix 25 P1 checkout bugs: ")
    assert out.count("</details>") == 2
    assert "- [PAY-" in out
    assert "/browse/PAY-" in out


SLIP = "headway.yaml:{line}:{column} mappings[0].from[0].where ← selects nothing that was read; no ticket has the label"


def test_what_changes_is_planned_with_the_warnings_about_it_and_no_others(copy: Headway) -> None:
    copy.edit("{epic: PAY-1}", "{project: PAY}")  # many tickets of a project have no estimate
    assert copy.run("sync").code == 0
    assert "mappings[3].from[0].by" in [each["path"] for each in copy.run("validate", "--json").out]
    assert copy.run("plan", "--json", **NO_TOKENS).out["warnings"] == []
    copy.edit("label: p1, not", "label: p11, not")
    out = copy.run("plan", "--json", **NO_TOKENS).out
    assert list(shapes.complaints(out, shapes.PLAN)) == []
    (told,) = out["warnings"]
    assert told in copy.run("validate", "--json").out
    text = f'{SLIP.format(**told)} "p11", did you mean "p1"?'
    assert f"warning: {text}" in copy.run("plan", **NO_TOKENS).out
    comment = copy.run("plan", "--markdown", **NO_TOKENS).out
    assert "<details><summary>1 warning about what changes</summary>\n\n- headway.yaml" in comment
    assert text in re.sub(r"&#(\d+);", lambda sign: chr(int(sign[1])), comment)


def test_a_plan_is_one_document_or_the_other(settled: Headway) -> None:
    code, out, err = settled.run("plan", "--json", "--markdown")
    assert (code, out) == (2, "")
    assert "choose one of --json and --markdown" in err


@pytest.mark.parametrize("option", [[], ["--exit-code"], ["--json"]])
def test_errors_are_1_and_never_5(copy: Headway, option: list[str]) -> None:
    copy.edit("measure: percent", "measure: percnet")
    code, out, err = copy.run("plan", *option)
    assert (code, out) == (1, "")
    assert "The config has " in err


def test_a_copy_of_the_database_is_enough(headway: Headway, tmp_path: Path) -> None:
    assert headway.run("sync").code == 0
    work(headway.sandbox.world, days=2, seed=5)
    backup = tmp_path / "copied.db"
    with headway.plain() as source, sqlite3.connect(backup) as target:
        source.backup(target)
    headway.edit("sqlite:///headway.db", f"sqlite:///{backup}")
    assert headway.run("plan", "--exit-code", **NO_TOKENS).code == 0


def test_a_key_result_that_leaves_the_config_is_told_by_the_run_that_retires_it(copy: Headway) -> None:
    title = "No more than 30 open bugs"
    copy.edit("open-bugs", "bugs-left")
    plan = copy.run("plan", "--json", **NO_TOKENS).out
    assert [plan["key_results"][-1][key] for key in ("id", "title")] == ["open-bugs", title]
    assert f"{title}  open-bugs  " in copy.run("plan", **NO_TOKENS).out
    assert f"| {title} <sub>open-bugs</sub> |" in copy.run("plan", "--markdown", **NO_TOKENS).out
    synced = copy.run("sync", "--json")
    assert synced.out["retired"] == [{"key_result": "open-bugs", "why": "it was taken out of the config"}]
    assert list(shapes.complaints(synced.out, shapes.SYNC)) == []
    copy.edit("bugs-left", "bugs-now")
    told = copy.run("sync").out
    assert "bugs-left is retired: it was taken out of the config; its value stays " in told
    answer = copy.run("explain", "open-bugs")
    assert answer.code == 1
    assert "open-bugs is not in the config any more: `headway history open-bugs` shows" in answer.err


def test_an_objective_has_no_tickets_and_its_key_results_are_named(settled: Headway) -> None:
    for command in ("explain", "history"):
        answer = settled.run(command, "reliable-checkout")
        assert answer.code == 1
        assert "reliable-checkout is an objective: name one of its key results, p1-bugs, open-bugs" in answer.err
