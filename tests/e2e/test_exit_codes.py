"""Exit codes, and a sentence for everything that can go wrong before a tracker is asked."""

import re
import signal
import time
from pathlib import Path

import pytest

from sandbox.team import work
from tests.e2e.conftest import LONGEST, Headway

USAGE = {
    "no command": [],
    "an unknown command": ["nonsense"],
    "an unknown option": ["sync", "--bogus"],
    "a missing argument": ["explain"],
    "an argument too many": ["status", "more"],
    "half a command": ["db"],
    "an option without its value": ["sync", "--source"],
}


@pytest.mark.parametrize("name", USAGE)
def test_wrong_usage_is_2_and_points_to_the_help(settled: Headway, name: str) -> None:
    code, out, err = settled.run(*USAGE[name])
    assert (code, out) == (2, "")
    assert "Error: Option '--source' requires an argument." in err or ("Usage: headway" in err and "--help" in err)
    assert "before the command" not in err


@pytest.mark.parametrize(
    "arguments", [["status", "-c", "x"], ["sync", "-cx"], ["db", "upgrade", "--config", "x"], ["sync", "-vv"]]
)
def test_an_option_of_the_program_after_the_command_is_shown_its_place(headway: Headway, arguments: list[str]) -> None:
    code, out, err = headway.run(*arguments)
    assert (code, out) == (2, "")
    assert "stands before the command, as in: headway -c PATH -v sync" in err


WRONG = {
    "a source": (["sync", "--source", "nope"], "There is no source nope in the config; it has acme-jira"),
    "a source to check": (["check", "nope"], "There is no source nope in the config; it has acme-jira"),
    "a key result": (
        ["explain", "nope"],
        "There is no key result nope in the config: `headway status` lists them with ",
    ),
    "a key result's near miss": (
        ["explain", "p1-bug"],
        "There is no key result p1-bug in the config: did you mean p1-bugs",
    ),
    "a key result's history": (["history", "nope"], "There is no key result nope in the config"),
    "a cycle": (["status", "--cycle", "nope"], "There is no cycle nope in the config; it has sandbox."),
    "a ticket": (["which", "PAY-99999"], "No ticket called PAY-99999 was ever read: check the spelling"),
    "no ticket": (["which", " "], "Which ticket? Give its key, as in `headway which PAY-12`."),
    "a folder": (["backup", "nowhere/copy.db"], "nowhere/copy.db cannot be written: its folder is not there. Make it"),
    "a config": (["-c", "nope.yaml", "status"], "nope.yaml:1:1 ← there is no such file: name "),
}


@pytest.mark.parametrize("tracker", ["jira", "asana"])
def test_who_takes_a_title_for_a_key_hears_the_key(settled: Headway, tracker: str) -> None:
    asked = f"""SELECT i.key, json_extract(v.payload, '$[4]') FROM item i JOIN item_version v
        ON (v.source, v.item, v.seen_at) = (i.source, i.id, i.seen_at)
        WHERE i.kind = 'issue' AND i.gone IS NULL AND i.source LIKE '%{tracker}%' ORDER BY i.id LIMIT 1"""
    ((key, title),) = settled.rows(asked)
    code, out, err = settled.run("which", title)
    assert (code, out) == (1, "")
    assert err == f"headway: {title} is a title: ask by the key, `headway which {key}`.\n"


@pytest.mark.parametrize("name", WRONG)
def test_a_name_that_nothing_has_is_1_and_a_sentence(settled: Headway, name: str) -> None:
    arguments, sentence = WRONG[name]
    before = settled.rows("SELECT * FROM run")
    code, out, err = settled.run(*arguments)
    assert (code, out) == (1, "")
    assert sentence in err
    assert settled.rows("SELECT * FROM run") == before


def test_without_a_config_it_says_where_one_is_looked_for(tmp_path: Path, settled: Headway) -> None:
    empty = Headway(settled.sandbox, tmp_path)
    code, out, err = empty.run("sync", "--json")
    assert (code, out) == (1, "")
    assert "headway.yaml:1:1 ← there is no such file: name " in err
    assert "-c PATH" in err
    assert list(tmp_path.iterdir()) == []
    for words in (["sync"], ["status"], ["verify"]):
        code, _, err = empty.run(*words)
        assert (code, err.splitlines()[1:]) == (1, ["headway: The config has 1 error; nothing was done."])


def test_before_the_first_sync_everything_reads_as_empty_and_nothing_is_written(headway: Headway) -> None:
    status = headway.run("status")
    assert status.code == 0
    rows = [line for line in status.out.splitlines() if "0 %" in line or "–" in line]
    assert len(rows) > 12  # objectives are told as their key results are
    assert all(re.search(r"  –  not read yet( ·|$)", row) for row in rows)
    assert "stale" not in status.out
    assert "changed rule" not in status.out
    assert {each["value"] for each in headway.run("status", "--json").out["key_results"]} == {None}
    explain = headway.run("explain", "p1-bugs")
    assert explain.code == 0
    assert "Not measured yet: run `headway sync`." in explain.out
    assert "count" not in explain.out, "a nought of which nobody knows would read as a fact"
    history = headway.run("history", "p1-bugs")
    assert history.code == 0
    assert "Nothing is recorded yet: run `headway sync`." in history.out
    assert headway.run("history", "p1-bugs", "--json").out == []
    verify = headway.run("verify", "--json")
    assert (verify.code, verify.out["ok"], verify.out["entries"]) == (1, False, 0)
    assert not headway.database.exists()


DATABASES = {
    "a folder that does not exist": "sqlite:///nowhere/headway.db",
    "a folder": "sqlite:///folder",
    "a file that is none": "sqlite:///text.db",
    "a server that is not there": "postgresql+psycopg://someone:marked-secret@127.0.0.1:1/headway",
}


@pytest.mark.parametrize("name", DATABASES)
def test_a_database_that_cannot_be_used_is_1_and_a_sentence(headway: Headway, name: str) -> None:
    headway.edit("sqlite:///headway.db", DATABASES[name])
    (headway.folder / "folder").mkdir()
    (headway.folder / "text.db").write_text("no database " * 500)
    for arguments in (["sync"], ["db", "upgrade"]):
        code, out, err = headway.run(*arguments)
        assert (code, out) == (1, "")
        assert "headway: The database cannot be opened: " in err
        assert "marked-secret" not in err
        assert len(err.splitlines()) == 1
    assert headway.sandbox.requests.total() == 0


def test_a_database_of_somebody_else_is_left_alone(headway: Headway) -> None:
    with headway.plain() as connection:
        connection.execute("CREATE TABLE guests (name TEXT)")
    for arguments in (["status"], ["sync"]):
        code, _, err = headway.run(*arguments)
        assert code == 1
        assert "holds tables that are not Headway's" in err
    assert headway.rows("SELECT name FROM sqlite_master") == [("guests",)]


def test_ctrl_c_is_130_and_leaves_nothing_half_written(headway: Headway) -> None:
    assert headway.run("sync", "--json").code == 0
    before = headway.values()
    work(headway.sandbox.world, days=2, seed=4)
    headway.sandbox.requests.clear()
    headway.sandbox.faults.hang(2 * LONGEST, tracker="jira", path="/search")  # nobody waits for that
    process = headway.start("sync", "--json")
    while not headway.sandbox.requests["jira", "search"] and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    code, out, err = headway.end(process, "sync", "--json")
    assert (code, out) == (130, "")
    assert err.strip() == "headway: Interrupted; nothing is half-written."
    assert headway.values() == before
    assert headway.run("verify", "--json").out["ok"] is True
    assert headway.run("sync", "--json").out["updates"] != []


def test_a_reader_that_goes_away_is_no_crash(settled: Headway) -> None:
    process = settled.start("history", "p1-bugs", "--json")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process:
        err = process.stderr.read()
    assert "Traceback" not in err
    assert process.returncode in (0, 1)
