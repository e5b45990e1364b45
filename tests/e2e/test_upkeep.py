"""The care of a database by the real command: moved, copied, pruned and made to forget; also killed in the middle."""

import json
import os
import pty
import random
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sandbox.scenario import environment
from sandbox.team import work
from tests.e2e import shapes
from tests.e2e.conftest import COMMAND, LONGEST, Headway, plain_environment
from tests.e2e.crashing import assert_whole


def answers(headway: Headway, **variables: str) -> dict[str, Any]:
    """What is told of every key result."""
    asked = (["explain", "launch-day"], ["explain", "p1-bugs"], ["history", "one-click"])
    told = {" ".join(each): headway.run(*each, "--json", **variables).out for each in asked}
    return told | {"verify": headway.run("verify", "--json", **variables).out}


def moved(headway: Headway, folder: Path) -> Headway:
    """The same config with no database, and an export to make one of."""
    code, out, err = headway.run("export", str(folder / "ledger.jsonl"), "--json")
    assert (code, err) == (0, "")
    assert list(shapes.complaints(out, shapes.EXPORT)) == []
    there = folder / "there"
    there.mkdir()
    shutil.copyfile(headway.config, there / "headway.yaml")
    return Headway(headway.sandbox, there)


def test_moved_it_answers_the_same_and_the_next_sync_writes_nothing(copy: Headway, tmp_path: Path) -> None:
    copy.run("sync", "--full")  # as the next one elsewhere will be
    before = answers(copy)
    there = moved(copy, tmp_path)
    code, out, err = there.run("import", "../ledger.jsonl", "--json")
    assert (code, err) == (0, "")
    assert list(shapes.complaints(out, shapes.IMPORT)) == []
    assert out["entries"] == before["verify"]["entries"]
    assert answers(there) == before
    synced = there.run("sync", "--json")
    assert (synced.code, synced.out["updates"], [each["changed"] for each in synced.out["sources"]]) == (0, [], [0] * 3)
    assert answers(there) == before
    again = there.run("sync", "--full", "--json")
    assert (again.code, again.out["updates"]) == (0, [])
    assert answers(there) == before
    assert there.run("status", "--json").out["sources"][0]["state"] == "ok"


def test_what_the_team_does_after_the_move_moves_the_same(headway: Headway, tmp_path: Path) -> None:
    headway.run("sync", "--json")
    there = moved(headway, tmp_path)
    assert there.run("import", "../ledger.jsonl").out.startswith("The ledger is whole: 12 entries")
    work(headway.sandbox.world, days=4, seed=5)
    updates = headway.run("sync", "--json").out["updates"]
    assert updates
    assert there.run("sync", "--json").out["updates"] == updates
    assert there.values() == headway.values()


def test_there_and_back_over_postgresql_it_is_the_same_file(copy: Headway, tmp_path: Path, postgres_url: str) -> None:
    copy.run("sync", "--full")
    before = answers(copy)
    there = moved(copy, tmp_path)
    there.edit("sqlite:///headway.db", "${HEADWAY_TEST_DATABASE}")
    here = {"HEADWAY_TEST_DATABASE": postgres_url}
    assert there.run("import", "../ledger.jsonl", **here).code == 0
    assert answers(there, **here) == before
    assert there.run("sync", "--json", **here).out["updates"] == []
    assert there.run("export", "again.jsonl", **here).code == 0
    back = Headway(copy.sandbox, tmp_path / "back")
    back.folder.mkdir()
    shutil.copyfile(copy.config, back.config)
    assert back.run("import", "../there/again.jsonl").code == 0
    assert answers(back) == before
    code, _, err = there.run("backup", "copy.db", **here)
    assert code == 1
    assert "pg_dump" in err
    assert not (there.folder / "copy.db").exists()
    code, out, _ = there.run("prune", "--older-than", "1s", "--json", **here)
    assert (code, out["vacuumed"]) == (0, False)
    assert there.run("forget", "PAY-5", "--yes", "--json", **here).code == 0
    assert there.run("verify", "--json", **here).out["ok"] is True


def test_the_same_database_is_the_same_file_on_stdout_too(copy: Headway) -> None:
    assert copy.run("export", "one.jsonl").code == 0
    code, out, err = copy.run("export", "-")
    assert (code, err) == (0, "")
    file = copy.folder / "one.jsonl"
    assert file.read_text(encoding="utf-8") == out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for token in copy.sandbox.tokens.values():
        assert token not in out
    assert copy.run("export", "one.jsonl").code == 0  # takes the place of an older one
    assert [path.name for path in copy.folder.iterdir() if "part" in path.name] == []


def test_a_file_that_is_no_export_stays(copy: Headway) -> None:
    before = copy.config.read_bytes()
    code, _, err = copy.run("export", "headway.yaml")
    assert (code, copy.config.read_bytes()) == (1, before)
    assert "holds something else than an export" in err
    assert copy.run("export", "-", "--json").code == 2


def test_an_import_says_why_not(copy: Headway, tmp_path: Path) -> None:
    there = moved(copy, tmp_path)
    code, _, err = copy.run("import", str(tmp_path / "ledger.jsonl"))
    assert code == 1
    assert "headway.db is not empty: it holds" in err
    assert "entries of the ledger" in err
    lines = (tmp_path / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    cut = there.folder / "cut.jsonl"
    cut.write_bytes(b"".join(lines[:40]) + lines[40][:10])
    code, _, err = there.run("import", "cut.jsonl")
    assert code == 1
    assert "cut.jsonl:41: the file ends in the middle of this line. Nothing was imported." in err
    code, _, err = there.run("import", "headway.yaml")
    assert "headway.yaml:1: it is no export of Headway" in err
    code, _, err = there.run("import", "nope.jsonl")
    assert (code, "nope.jsonl cannot be read: No such file" in err) == (1, True)
    assert sorted(path.name for path in there.folder.iterdir()) == ["cut.jsonl", "headway.yaml"]  # and no database
    assert there.run("import", str(tmp_path / "ledger.jsonl")).code == 0


@pytest.mark.parametrize("arguments", [["export", "x"], ["backup", "x"], ["prune"], ["forget", "PAY-1", "--yes"]])
def test_without_a_database_nothing_is_made(headway: Headway, arguments: list[str]) -> None:
    code, _, err = headway.run(*arguments)
    assert code == 1
    assert "There is no database" in err
    assert [path.name for path in headway.folder.iterdir()] == ["headway.yaml"]


# --- backup --------------------------------------------------------------------------------------------------------


def test_a_copy_while_a_sync_writes_is_a_database(headway: Headway) -> None:
    headway.run("sync", "--json")
    for number in range(2):
        work(headway.sandbox.world, days=2, seed=number)
        process = headway.start("sync", "--full", "--json")
        time.sleep(0.5 + number / 2)
        code, out, err = headway.run("backup", f"copy{number}.db", "--json")
        assert (code, err) == (0, "")
        assert list(shapes.complaints(out, shapes.BACKUP)) == []
        assert headway.end(process).code == 0
        file = headway.folder / f"copy{number}.db"
        assert (stat.S_IMODE(file.stat().st_mode), file.stat().st_size) == (0o600, out["bytes"])
        restored = Headway(headway.sandbox, headway.folder.parent / f"restored{number}")
        restored.folder.mkdir()
        shutil.copyfile(headway.config, restored.config)
        shutil.copyfile(file, restored.database)
        assert_whole(restored)
        for each in (restored, restored, headway):
            assert each.run("sync", "--full", "--json").code == 0
        assert restored.values() == headway.values()
    before = file.read_bytes()
    code, _, err = headway.run("backup", file.name)
    assert (code, file.read_bytes()) == (1, before)
    assert "is there already" in err


# --- prune and forget ----------------------------------------------------------------------------------------------


def test_pruned_it_answers_the_same_and_gives_space_back(copy: Headway) -> None:
    with copy.plain() as connection:  # as if all of that were long ago
        connection.execute("UPDATE item_version SET seen_at = seen_at - 400 * 86400 * 1000000")
        connection.execute("UPDATE item SET seen_at = seen_at - 400 * 86400 * 1000000")
    before = answers(copy)
    count = copy.rows("SELECT count(*) FROM item_version")
    foreseen = copy.run("prune", "--dry-run", "--json").out
    assert list(shapes.complaints(foreseen, shapes.PRUNE)) == []
    assert (foreseen["dry_run"], copy.rows("SELECT count(*) FROM item_version")) == (True, count)
    assert foreseen["versions"] > 0
    code, out, _ = copy.run("prune", "--vacuum", "--json")
    assert (code, out["versions"], out["vacuumed"]) == (0, foreseen["versions"], True)
    assert copy.rows("SELECT count(*) FROM item_version") == [(count[0][0] - out["versions"],)]
    assert answers(copy) == before
    assert copy.run("sync", "--json").out["updates"] == []
    assert "Nothing from before" in copy.run("prune").out
    assert copy.run("prune", "--older-than", "soon").code == 2
    code, _, err = copy.run("prune", "--older-than", "6m")
    assert (code, "6mo" in err) == (2, True)


def titled(headway: Headway) -> tuple[str, str]:
    """Key and title of a ticket that counts."""
    counted = headway.run("explain", "p1-bugs", "--json").out["parts"][0]["counted"][0]
    return counted["key"], counted["title"]


def stored(headway: Headway) -> bytes:
    """All that stands in the folder but the config."""
    return b"".join(path.read_bytes() for path in headway.folder.iterdir() if path.name.startswith("headway.db"))


def test_a_ticket_is_forgotten_for_good(copy: Headway) -> None:
    key, title = titled(copy)
    assert title.encode() in stored(copy)
    before = copy.values()
    code, out, err = copy.run("forget", key)
    assert (code, out) == (1, "")
    assert title in err
    assert "--yes" in err
    assert title.encode() in stored(copy)
    code, out, err = copy.run("forget", key, "--yes", "--json")
    assert (code, err, out["clean"]) == (0, "", True)
    assert list(shapes.complaints(out, shapes.FORGET)) == []
    assert title not in json.dumps(out)
    for _ in range(2):
        assert title.encode() not in stored(copy)
        told = copy.run("explain", "p1-bugs", "--json").out["parts"][0]["counted"]
        assert [each["title"] for each in told if each["key"] == key] == ["(forgotten)"]
        assert copy.run("sync", "--full", "--json").out["updates"] == []
    assert copy.values() == before
    assert copy.run("verify", "--json").out["ok"] is True
    assert copy.run("forget", "NOPE-1", "--yes").code == 1
    assert copy.run("forget").code == 2
    assert copy.run("forget", key, "--person", "x").code == 2


def test_a_person_is_forgotten_and_was_somebody(copy: Headway) -> None:
    with copy.plain() as connection:
        connection.execute("INSERT INTO person VALUES ('p1', 'Ada Byron')")
    code, out, _ = copy.run("forget", "--person", "ada byron", "--yes", "--json")
    assert (code, out["people"]) == (0, 1)
    assert b"Ada Byron" not in stored(copy)
    assert "1 name: erased in 0 versions" in copy.run("forget", "--person", "ada byron", "--yes").out
    assert list(shapes.complaints(out, shapes.FORGET)) == []


def test_who_is_misspelt_is_not_forgotten_in_silence(copy: Headway) -> None:
    names = {each for (text,) in copy.rows("SELECT payload FROM item_version") for each in json.loads(text)[17]}
    name = min(each for each in names if " " in each)
    wrong = f"{name[:-1]}x"
    code, out, err = copy.run("forget", "--person", wrong, "--yes")
    assert (code, out) == (1, "")
    assert f"Nothing was erased: no ticket and no entry of the ledger names {wrong}. Did you mean {name}?" in err
    assert copy.rows("SELECT count(*) FROM forgotten_name") == [(0,)]
    code, out, _ = copy.run("forget", "--person", name, "--person", wrong, "--yes")
    assert code == 0
    assert re.search(r"1 name: erased in [1-9]\d* versions of [1-9]\d* tickets \(acme-\w+ [1-9]", out)
    assert f"Left out: no ticket and no entry of the ledger names {wrong}." in out
    assert copy.rows("SELECT count(*) FROM forgotten_name") == [(1,)]
    assert copy.run("forget", "--person", name, "--yes").code == 0  # once more is no mistake


def on_a_terminal(headway: Headway, typed: str, *arguments: str) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
    shown = b""
    with subprocess.Popen(
        [COMMAND, *arguments], cwd=headway.folder, env=environ, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        os.write(ours, typed.encode())
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:  # so Linux says that the other side is closed
            pass
        finally:
            os.close(ours)
    return process.returncode, shown.decode()


def test_a_terminal_is_shown_what_goes_and_asked(copy: Headway) -> None:
    key, title = titled(copy)
    code, shown = on_a_terminal(copy, "n\n", "forget", key)
    assert (code, title in shown, "Nothing was erased." in shown) == (1, True, True)
    assert titled(copy) == (key, title)
    code, shown = on_a_terminal(copy, "y\n", "forget", key)
    assert (code, f"{key}: erased in" in shown) == (0, True)
    assert titled(copy) == (key, "(forgotten)")


def test_a_terminal_sees_how_far_it_is(copy: Headway) -> None:
    code, shown = on_a_terminal(copy, "", "export", "ledger.jsonl")
    assert (code, "exporting" in shown, "100 %" in shown) == (0, True, True)


# --- killed --------------------------------------------------------------------------------------------------------


def killed(headway: Headway, dice: random.Random, longest: float, *arguments: str) -> bool:
    """Kill a command at some instant; tell whether it had not ended by itself."""
    process = headway.start(*arguments)
    time.sleep(dice.random() * longest)
    process.kill()
    code, _, err = headway.end(process)
    assert code in (0, -signal.SIGKILL), err
    return code != 0


def took(headway: Headway, *arguments: str) -> float:
    begun = time.monotonic()
    assert headway.run(*arguments).code == 0
    return time.monotonic() - begun


def importing(headway: Headway, lines: list[bytes]) -> subprocess.Popen[bytes]:
    """An import that waits for the rest of its lines, its database half made."""
    known = set(headway.folder.glob(".headway.db.*.part"))
    process = subprocess.Popen(
        [COMMAND, "import", "-"],
        cwd=headway.folder,
        env={**plain_environment(), **environment(headway.sandbox.tokens)},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(b"".join(lines))
    process.stdin.flush()
    while not set(headway.folder.glob(".headway.db.*.part")) - known:
        assert process.poll() is None
        time.sleep(0.01)
    return process


def test_what_a_killed_import_left_goes_with_the_next_one_and_a_living_one_goes_on(
    copy: Headway, tmp_path: Path
) -> None:
    there = moved(copy, tmp_path)
    lines = (tmp_path / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    half = len(lines) // 2
    with importing(there, lines[:half]) as process:
        process.kill()
    [left] = there.folder.glob(".headway.db.*.part")
    with importing(there, lines[:half]) as process:
        assert not left.exists()
        [living] = there.folder.glob(".headway.db.*.part")
        assert there.run("import", "../ledger.jsonl").code == 0
        assert living.exists()
        _, err = process.communicate(b"".join(lines[half:]), timeout=LONGEST)
    assert process.returncode == 1
    assert b"was made meanwhile" in err
    assert sorted(path.name for path in there.folder.iterdir() if not path.name.startswith("headway.")) == []
    assert_whole(there)


@pytest.mark.drill
def test_killed_at_any_instant_a_file_is_whole_or_not_there(copy: Headway) -> None:
    """What writes the database is killed by `test_crash_acts`; these write files beside it."""
    dice = random.Random(20261128)
    longest = took(copy, "export", "whole.jsonl")
    whole, landed = (copy.folder / "whole.jsonl").read_bytes(), 0
    for number in range(30):
        if landed >= 8:
            break
        landed += killed(copy, dice, longest, "export", "out.jsonl")
        file = copy.folder / "out.jsonl"
        assert not file.exists() or file.read_bytes() == whole
        landed += killed(copy, dice, longest, "backup", f"copy{number}.db")
        file = copy.folder / f"copy{number}.db"
        if file.exists():
            with closing(sqlite3.connect(file)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert landed >= 8
    copy.run("export", "out.jsonl")
    assert list(copy.folder.glob(".out.jsonl.*")) == []
    assert_whole(copy)
