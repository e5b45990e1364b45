"""What the command prints: documents of the agreed shape on stdout, everything else on stderr, help that helps."""

import itertools
import os
import pty
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import shapes
from tests.e2e.conftest import COMMAND, Headway

KEY_RESULTS = [
    *("p1-bugs", "open-bugs", "platform-flow", "one-click", "checkout-release", "performance", "accessibility"),
    *("storefront", "go-live", "launch-day", "interviews", "legal-terms"),
]

DOCUMENTS: dict[str, tuple[Sequence[str], Any]] = {
    "status": (["status"], shapes.STATUS),
    "explain of two parts": (["explain", "one-click"], shapes.EXPLAIN),
    "explain with a start": (["explain", "interviews"], shapes.EXPLAIN),
    "explain of a binary": (["explain", "legal-terms"], shapes.EXPLAIN),
    "history": (["history", "p1-bugs"], shapes.HISTORY),
    "verify": (["verify"], shapes.VERIFY),
    "validate": (["validate"], shapes.VALIDATE),
    "which": (["which", "PAY-5"], shapes.WHICH),
    "plan": (["plan"], shapes.PLAN),
    "check": (["check"], shapes.CHECK),
    "discover": (["discover", "acme-jira"], shapes.DISCOVER),
}

COMMANDS = (
    *("validate", "plan", "check", "discover", "sync", "status", "explain", "which", "history", "backfill", "verify"),
    "demo",
)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document_has_the_agreed_shape_and_stands_alone(settled: Headway, name: str) -> None:
    arguments, shape = DOCUMENTS[name]
    code, out, err = settled.run(*arguments, "--json")
    assert code == 0
    assert list(shapes.complaints(out, shape)) == []
    assert err == ""


def test_both_syncs_print_one_document_and_nothing_else(headway: Headway) -> None:
    for moved in (12, 0):
        code, out, err = headway.run("sync", "--json")
        assert (code, err) == (0, "")
        assert list(shapes.complaints(out, shapes.SYNC)) == []
        assert len(out["updates"]) == moved
        assert [each["state"] for each in out["sources"]] == ["ok"] * 3


def test_a_document_holds_something(settled: Headway) -> None:
    status = settled.run("status", "--json").out
    assert [each["id"] for each in status["key_results"]] == KEY_RESULTS
    assert all(each["value"] is not None and each["updated_at"] for each in status["key_results"])
    assert [(each["name"], each["state"]) for each in status["sources"]] == [
        ("acme-jira", "ok"),
        ("acme-github", "ok"),
        ("acme-asana", "ok"),
    ]
    history = settled.run("history", "p1-bugs", "--json").out
    assert [each["kind"] for each in history] == ["baseline", "auto"]
    assert [cause["kind"] for cause in history[0]["causes"]] == ["baseline"]
    assert all(cause["key"].startswith("PAY-") and cause["url"] for cause in history[1]["causes"])
    for before, after in itertools.pairwise(history):
        assert before["new"] == after["old"]
    for entry in history:
        assert sum(cause["delta"] for cause in entry["causes"]) == entry["new"] - (entry["old"] or 0)


@pytest.mark.parametrize("arguments", [["status"], ["explain", "one-click"], ["history", "one-click"], ["check"]])
def test_text_into_a_pipe_has_neither_colour_nor_bars_that_move(settled: Headway, arguments: list[str]) -> None:
    code, out, err = settled.run(*arguments)
    assert (code, err) == (0, "")
    assert out.strip()
    assert "\x1b" not in out


def test_sync_into_a_pipe_shows_no_progress(copy: Headway) -> None:
    code, out, err = copy.run("sync")
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    assert "No key result moved." in out


def on_a_terminal(headway: Headway, *arguments: str, **variables: str) -> str:
    """Return what a command shows on a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    shown = b""
    with subprocess.Popen(
        [COMMAND, *arguments],
        cwd=headway.folder,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **variables},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:  # so Linux says that the other side is closed
            pass
        finally:
            os.close(ours)
    assert process.returncode == 0, shown
    return shown.decode()


def test_a_terminal_gets_colour_unless_it_asks_for_none(settled: Headway) -> None:
    assert "\x1b[32m" in on_a_terminal(settled, "status")
    assert "\x1b[3" not in on_a_terminal(settled, "status", NO_COLOR="1")


@pytest.mark.parametrize(("columns", "bars"), [("80", 0), ("120", len(KEY_RESULTS)), ("160", len(KEY_RESULTS))])
def test_a_bar_is_whole_or_gives_way_to_the_titles(settled: Headway, columns: str, bars: int) -> None:
    out = on_a_terminal(settled, "status", COLUMNS=columns, NO_COLOR="1")
    found = [word for word in out.split() if set(word) <= set("▓░|…") and len(word) > 1]
    assert [len(each.replace("…", "")) for each in found] == [20] * bars


@pytest.mark.parametrize("columns", ["40", "80"])
def test_a_pipe_gets_every_row_on_one_line_without_padding(settled: Headway, columns: str) -> None:
    for arguments in (["status"], ["explain", "one-click"], ["history", "one-click"], ["discover", "acme-jira"]):
        out = settled.run(*arguments, COLUMNS=columns).out
        assert out == settled.run(*arguments, COLUMNS="400").out
        assert [line for line in out.splitlines() if line != line.rstrip()] == []
    status = settled.run("status", COLUMNS=columns).out
    assert "\n  Everything planned for Checkout 3.2 is done  checkout-release  " in status
    assert not {"▓", "░"} & set(status)


@pytest.mark.parametrize("columns", ["80", "120"])
def test_status_shows_the_ids_that_explain_and_history_take(settled: Headway, columns: str) -> None:
    shown = on_a_terminal(settled, "status", COLUMNS=columns, NO_COLOR="1")
    assert [name for name in KEY_RESULTS if name not in shown] == []


def test_short_help_is_help(settled: Headway) -> None:
    for command in ([], ["sync"], ["db", "upgrade"]):
        assert settled.run(*command, "-h") == settled.run(*command, "--help")
        assert settled.run(*command, "-h").code == 0


@pytest.mark.parametrize("command", [*COMMANDS, "db upgrade"])
def test_help_says_what_a_command_does_and_shows_an_example(tmp_path: Path, command: str) -> None:
    done = subprocess.run(
        [COMMAND, *command.split(), "--help"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Usage: headway {command}" in done.stdout
    before, _, examples = done.stdout.partition("\n  Example")
    assert f"headway {command}" in examples
    assert before.count("\n") > 4
    assert list(tmp_path.iterdir()) == []


def test_help_shows_no_default_that_says_nothing(settled: Headway) -> None:
    assert "default: 0" not in settled.run("--help").out


def test_the_first_help_names_every_command(tmp_path: Path) -> None:
    done = subprocess.run([COMMAND, "--help"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    for command in (*COMMANDS, "db"):
        assert f"\n  {command} " in done.stdout
    assert "..." not in done.stdout.split("Commands:")[1], "a summary is cut off"
    assert "headway status --json" in " ".join(done.stdout.split())


def test_the_version_is_told(settled: Headway) -> None:
    code, out, _ = settled.run("--version")
    assert code == 0
    assert out.startswith("headway 0.")


def test_a_terminal_that_cannot_show_a_sign_is_no_failure(settled: Headway) -> None:
    answer = settled.run("status", PYTHONIOENCODING="ascii", COLUMNS="120")
    assert answer.code == 0
    assert "Fix 25 P1 checkout bugs" in answer.out


def test_the_demo_spares_a_folder_with_a_config_of_ones_own(tmp_path: Path) -> None:
    own = tmp_path / "headway.yaml"
    own.write_text("version: 1\n", encoding="utf-8")
    done = subprocess.run(
        [COMMAND, "demo", "--once", "--folder", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "name another one with --folder" in done.stderr
    assert own.read_text(encoding="utf-8") == "version: 1\n"
    assert list(tmp_path.iterdir()) == [own]
