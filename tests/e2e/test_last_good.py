"""A typo in the config: runs and answers go on by what was last good, and all of them say so."""

import re
import shutil
from pathlib import Path

import pytest

from tests.e2e import shapes
from tests.e2e.conftest import Answer, Headway
from tests.e2e.test_tokens import COMMANDS
from tests.unit.docs_pages import ROOT
from tests.unit.test_docs_commands import all_commands

TEAM = """\
objectives:
  - id: fast-web
    cycle: sandbox
    title: The web shop feels instant
    key_results:
      - {id: speed-bugs, title: Mend what is slow, start: 0, target: 30}
mappings:
  - key_result: speed-bugs
    from: [{source: acme-jira, where: {type: Bug}, measure: count}]
"""
FOLDER = ("-c", "okrs")


@pytest.fixture
def broken(copy: Headway) -> Headway:
    """The settled company with a mistake in its one file."""
    copy.edit("measure: percent", "measure: percnet")
    return copy


@pytest.fixture
def teams(copy: Headway) -> Path:
    """The settled company's config in a folder, with the file of a team that has a mistake; where that is."""
    folder = copy.folder / "okrs"
    folder.mkdir()
    shutil.move(copy.config, folder)
    shutil.move(copy.database, folder)
    team = folder / "team.yaml"
    team.write_text(TEAM, encoding="utf-8")
    assert copy.run(*FOLDER, "sync", "--json").code == 0
    team.write_text(TEAM.replace("count", "cuont"), encoding="utf-8")
    return team


def told(answer: Answer, sentence: str) -> None:
    """Hold that an answer with a note says this on stderr, beside the mistake, and ends with 1."""
    assert answer.code == 1
    assert re.search(r"^error: \S+\.yaml:\d+:\d+ ", answer.err, re.MULTILINE)
    assert f"headway: {sentence} Correct it; `headway validate` lists every mistake.\n" in answer.err


ONE = re.compile("The config has [0-9]+ errors?: the last good one runs instead.")


def test_one_broken_file_answers_as_it_was_last_good(broken: Headway, settled: Headway) -> None:
    before = settled.run("status", "--json").out
    status = broken.run("status", "--json")
    assert list(shapes.complaints(status.out, shapes.STATUS)) == []
    assert [each["value"] for each in status.out["key_results"]] == [each["value"] for each in before["key_results"]]
    assert all("goes on by the last good version" in each["quarantined"] for each in status.out["key_results"])
    assert [(each["file"], each["runs"]) for each in status.out["quarantine"]] == [("headway.yaml", True)]
    assert status.out["sources"] == before["sources"]
    sentence = ONE.search(status.err)
    assert sentence is not None
    for command in (["status"], ["explain", "p1-bugs"], ["history", "p1-bugs"], ["which", "PAY-5"]):
        answer = broken.run(*command)
        told(answer, sentence[0])
        assert answer.out != ""
    assert "· in quarantine" in broken.run("status").out
    assert "headway.yaml is in quarantine: its last good version runs instead. Correct it;" in broken.run("status").out
    assert "headway.yaml is in quarantine, and the key result goes on" in broken.run("explain", "p1-bugs").out
    explained = broken.run("explain", "p1-bugs", "--json").out
    assert list(shapes.complaints(explained, shapes.EXPLAIN)) == []
    assert "in quarantine" in explained["quarantined"]
    assert broken.run("history", "p1-bugs", "--json").out == settled.run("history", "p1-bugs", "--json").out
    missing = broken.run("explain", "p1-bug")
    assert "did you mean p1-bugs" in missing.err
    assert ONE.search(missing.err)


def test_a_run_refuses_it_unless_the_last_good_one_is_wanted(broken: Headway) -> None:
    before = broken.database.read_bytes()
    refused = broken.run("sync")
    assert (refused.code, refused.out) == (1, "")
    assert "headway: The config has " in refused.err
    assert "`headway sync --last-good` goes on with what was last good of it" in refused.err
    assert broken.database.read_bytes() == before
    for words in (["plan"], ["check"], ["discover", "acme-jira"]):
        answer = broken.run(*words)
        assert (answer.code, answer.out) == (1, "")
    done = broken.run("sync", "--last-good", "--json")
    assert done.code == 1
    assert list(shapes.complaints(done.out, shapes.SYNC)) == []
    assert {each["state"] for each in done.out["sources"]} == {"ok"}
    assert [each["file"] for each in done.out["quarantine"]] == ["headway.yaml"]
    text = broken.run("sync", "--last-good")
    assert ONE.search(text.err)
    assert re.search(r"^headway\.yaml is in quarantine since 20\S+ \S+ UTC: its last good", text.out, re.MULTILINE)
    (since,) = (each["since"] for each in broken.run("status", "--json").out["quarantine"])
    assert since is not None
    assert since in str(broken.run("status", "--json").out)


def test_validate_blames_for_an_id_given_twice_only_who_took_it(teams: Path, copy: Headway) -> None:
    teams.write_text(TEAM, encoding="utf-8")
    assert copy.run(*FOLDER, "sync", "--json").code == 0
    teams.with_name("a-team.yaml").write_text(TEAM.replace("fast-web", "other"), encoding="utf-8")
    errors = [each for each in copy.run(*FOLDER, "validate", "--json").out if each["severity"] == "error"]
    assert {Path(each["file"]).name for each in errors} == {"a-team.yaml"}
    assert len(errors) == 2


def test_validate_says_what_runs_meanwhile(broken: Headway) -> None:
    answer = broken.run("validate")
    assert (answer.code, answer.err) == (1, "")
    assert "`headway sync --last-good` would go on meanwhile: of headway.yaml its last good version runs" in answer.out
    assert "is valid" not in answer.out
    broken.run("sync", "--last-good")
    assert "headway.yaml is in quarantine since 20" in broken.run("validate").out
    assert list(shapes.complaints(broken.run("validate", "--json").out, shapes.VALIDATE)) == []


def test_a_team_s_mistake_is_said_of_its_key_results_alone(copy: Headway, teams: Path) -> None:
    before = {each["id"]: each["value"] for each in copy.run(*FOLDER, "status", "--json").out["key_results"]}
    done = copy.run(*FOLDER, "sync", "--last-good")
    told(done, f"The config has 1 error: {teams.relative_to(copy.folder)} in quarantine, everything else is taken.")
    assert "its last good version runs on (speed-bugs); all other files are taken." in done.out
    status = copy.run(*FOLDER, "status", "--json")
    in_quarantine = {each["id"]: each["quarantined"] for each in status.out["key_results"] if each["quarantined"]}
    assert set(in_quarantine) == {"speed-bugs"}
    assert "okrs/team.yaml:9:" in in_quarantine["speed-bugs"]
    assert {each["id"]: each["value"] for each in status.out["key_results"]} == before
    teams.write_text(TEAM, encoding="utf-8")
    mended = copy.run(*FOLDER, "sync", "--last-good", "--json")
    assert (mended.code, mended.out["quarantine"], mended.out["updates"]) == (0, [], [])
    assert copy.run(*FOLDER, "status").code == 0


def test_without_its_database_nothing_can_run(broken: Headway) -> None:
    broken.edit("database: ", "databsae: ")
    for words in (["status"], ["sync", "--last-good"], ["history", "p1-bugs"]):
        answer = broken.run(*words)
        assert (answer.code, answer.out) == (1, "")
        assert "headway: Where the last good config is kept is told by `database`, which is not known: nothing" in (
            answer.err
        )


def test_a_secret_in_plain_is_not_kept_and_its_source_waits(copy: Headway) -> None:
    token = copy.sandbox.tokens["github"]
    copy.edit("${HEADWAY_SANDBOX_GITHUB_TOKEN}", token)
    assert copy.run("sync", "--json").code == 0
    assert token.encode() not in copy.database.read_bytes()
    copy.edit("measure: percent", "measure: percnet")
    done = copy.run("sync", "--last-good", "--json")
    assert done.code == 1
    states = {each["name"]: (each["state"], each["error"]) for each in done.out["sources"]}
    failed = [name for name, (state, _) in states.items() if state != "ok"]
    assert failed == ["acme-github"]
    assert "not kept" in states["acme-github"][1]
    values = {each["id"]: each["value"] for each in copy.run("status", "--json").out["key_results"]}
    assert None not in values.values()


def test_a_version_that_cannot_be_kept_leaves_the_older_one_and_says_so(copy: Headway) -> None:
    token = copy.sandbox.tokens["github"]
    copy.edit("title: Checkout never", f"title: {token} Checkout never")
    for words in (["sync"], ["sync", "--json"], ["validate"]):
        answer = copy.run(*words)
        assert answer.code == 0
        told = str(answer.out) + answer.err
        assert "objectives[0].title ← this is or holds a secret in plain, so this version is not kept" in told
        assert token not in told
    assert token.encode() not in copy.database.read_bytes()
    copy.edit("measure: percent", "measure: percnet")
    assert copy.run("sync", "--last-good", "--json").code == 1
    assert copy.run("status", "--json").out["objectives"][0]["title"].startswith("Checkout never")


CHORES = (
    ["verify"],
    ["verify", "--anchor"],
    ["export", "ledger.jsonl"],
    ["backup", "copy.db"],
    ["prune"],
    ["forget", "PAY-5", "--yes"],
    ["db", "upgrade"],
    ["set", "p1-bugs", "3", "--why", "counted by hand"],
    ["checkin", "p1-bugs", "--note", "on its way"],
    ["resume", "p1-bugs"],
)


def test_a_team_s_mistake_stops_no_chore(copy: Headway, teams: Path) -> None:
    """Nothing of them is about that file: they are done, and the mistake is told beside."""
    for chore in CHORES:
        code, out, err = copy.run(*FOLDER, *chore)
        assert (code, bool(out)) == (0, True), (chore, err)
        assert "error: okrs/team.yaml:9:" in err
        assert f"{teams.relative_to(copy.folder)} in quarantine, everything else is taken." in err
    for chore in (["set", "speed-bugs", "3", "--why", "by hand"], ["checkin", "speed-bugs", "--note", "on its way"]):
        code, out, err = copy.run(*FOLDER, *chore)
        assert (code, out) == (1, "")
        assert "headway: Nothing was written: okrs/team.yaml is in quarantine, and the key result goes on by" in err
    there = copy.folder / "there"
    there.mkdir()
    for file in teams.parent.glob("*.yaml"):
        shutil.copyfile(file, there / file.name)
    code, out, err = copy.run("-c", "there", "import", "ledger.jsonl")
    assert (code, out.startswith("The ledger is whole"), "there/team.yaml in quarantine" in err) == (0, True, True)


def endings() -> dict[str, str]:
    """How each command ends while a file is broken, as its documentation says; of `sync` without an option."""
    section = (
        (ROOT / "docs/teams.md").read_text(encoding="utf-8").split("## How each command ends")[1].split("\n## ")[0]
    )
    rows = [line.split("|")[1:4] for line in section.splitlines() if line.startswith("| `")]
    return {
        name: code.strip()
        for commands, _, code in rows
        for name in re.findall("`([a-z ]+)`", commands.partition(", and `sync` with")[0])
    }


def test_every_command_ends_as_it_is_documented(copy: Headway, teams: Path) -> None:
    documented = endings()
    assert documented.keys() == all_commands().keys()
    done = {*(" ".join(chore[:2]) if chore[0] == "db" else chore[0] for chore in CHORES), "import"}  # by the test above
    assert {name for name, code in documented.items() if code == "0"} >= done
    for name in documented.keys() - done - {"demo", "serve"}:  # whose folder is its own; which is tested where it runs
        words = COMMANDS[name][0]
        code, out, err = copy.run(*FOLDER, *(word.replace("{github}", copy.sandbox.urls["github"]) for word in words))
        if name in ("approve", "reject"):  # there is nothing to decide
            assert (code, documented[name], "No update waits" in err) == (1, "0", True)
        else:
            assert f"{code}" == documented[name], (name, out, err)
        told = out if name == "validate" else err
        assert ("error: okrs/team.yaml:9:" in told) is (name not in ("schema", "init")), (name, told)


def test_a_broken_main_file_stops_no_chore_of_its_database(broken: Headway) -> None:
    for chore in CHORES[:7]:
        code, _, err = broken.run(*chore)
        assert (code, bool(ONE.search(err))) == (0, True), err
    code, _, err = broken.run("set", "p1-bugs", "3", "--why", "by hand")
    assert (code, "headway: Nothing was written: headway.yaml is in quarantine" in err) == (1, True)
