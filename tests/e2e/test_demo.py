"""`headway demo`: no account, no config, and key results that move by the tickets of all three trackers."""

import os
import pty
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from terminal.commands import UPDATES_WAIT
from tests.e2e import shapes
from tests.e2e.conftest import COMMAND, LONGEST
from tests.e2e.serving import until

TRACKERS = {"p1-bugs": "jira/browse", "performance": "github/acme", "launch-day": "asana/1/1/task"}
"""Key results, and where the pages of their tickets begin."""
STILL = (["status"], ["explain", "one-click"], ["history", "one-click"], ["which", "PAY-7"], ["plan"], ["verify"])
"""What can be asked when the trackers are gone."""


def demo(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HEADWAY_")}
    return subprocess.run([COMMAND, "demo", *arguments], cwd=folder, env=environment, capture_output=True, check=False)


def test_once_tells_one_story_as_json_and_again_in_the_same_folder(tmp_path: Path) -> None:
    for _ in range(2):
        done = demo(tmp_path, "--once", "--json")
        assert (done.returncode, done.stderr) == (0, b"")
        story = orjson.loads(done.stdout)
        assert list(shapes.complaints(story, shapes.DEMO)) == []
        moved = [each for each in story["updates"] if each["old"] != each["new"] and each["old"] is not None]
        assert len(moved) >= 8
        for tracker in ("acme-jira", "acme-github", "acme-asana"):
            assert sum(tracker in each["sources"] for each in moved) >= 2
        assert told(story["before"]) | {each["key_result"]: each["new"] for each in moved} == told(story["after"])
        assert {each["state"] for each in story["after"]["sources"]} == {"ok"}
    config = Path(story["config"])
    assert (tmp_path / config).is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["headway-demo"]


def told(status: dict[str, Any]) -> dict[str, Any]:
    return {each["id"]: each["value"] for each in status["key_results"]}


def test_once_tells_the_story_in_words_and_what_to_look_at_next(tmp_path: Path) -> None:
    done = demo(tmp_path, "--once", "--folder", "tour")
    out = done.stdout.decode()
    assert (done.returncode, done.stderr) == (0, b"")
    assert "\x1b" not in out
    assert out.index("Before") < out.index("What moved") < out.index("After")
    assert re.search(r"\n  Fix 25 P1 checkout bugs  \d+ → \d+ bugs  PAY-", out)
    assert re.search(r"\n  Legal approved the terms everywhere  [\d.]+ → [\d.]+, (not )?done  ", out)
    assert "export " not in out, "the trackers are gone by now"
    called = next(line for line in out.splitlines() if line.startswith("Look closer: ")).removeprefix("Look closer: ")
    assert "headway -c tour/headway.yaml status" in called
    assert subprocess.run(shlex.split(called), cwd=tmp_path, capture_output=True, check=False).returncode == 0
    assert "check, discover and sync have nothing to read any more" in " ".join(out.split())
    for arguments in (*STILL, ["validate", "--offline"]):
        look = subprocess.run(
            [COMMAND, "-c", "tour/headway.yaml", *arguments], cwd=tmp_path, capture_output=True, check=False
        )
        assert look.returncode == 0, look.stderr
        assert arguments[0] in out or "--offline" in arguments
    head = (tmp_path / "tour" / "headway.yaml").read_text(encoding="utf-8").partition("version: 1")[0]
    assert "gone when the demo ends" in head, "whoever follows an error about its tokens reads why there are none"


def test_ctrl_c_before_the_pages_are_there_interrupts_it(tmp_path: Path) -> None:
    with begun(tmp_path) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Look closer"):
                break
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=LONGEST)
    assert process.returncode in (0, 130), "it may have begun to serve meanwhile"
    assert "Traceback" not in err


def test_it_serves_what_it_told_and_goes_on_until_ctrl_c(tmp_path: Path) -> None:
    with begun(tmp_path, "--port", "0") as process:
        assert process.stdout is not None
        url = next(line.split()[-1] for line in process.stdout if line.startswith("The pages of it: "))
        before = versions(tmp_path)
        done = next(line for line in process.stdout if line.startswith("  the team: "))
        assert re.search(r"the team: \S.* (closed|merged|opened|begun|reopened|given up|estimated anew)$", done)
        with urllib.request.urlopen(url) as answer:
            overview = answer.read().decode()
        for seen in ("by hand", "waits for you", "Six customers are booked"):
            assert seen.casefold() in (overview + asked(url + "key-results/interviews")).casefold()
        course = asked(url + "key-results/p1-bugs")
        assert "the pace of the last 8 weeks" in course
        assert '<polygon class="ahead"' in course
        for name, place in TRACKERS.items():
            links = re.findall(rf'href="(http://[0-9.:]+/{place}/[^"]+)"', asked(f"{url}key-results/{name}"))
            assert "<h1>" in asked(links[0]), "a ticket's link leads to its page in the emulated tracker"
        until(lambda: versions(tmp_path) > before)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, err
    assert "check, discover and sync have nothing to read any more" in " ".join(out.split())
    assert "Traceback" not in err
    assert "The demo has ended." in out
    for arguments in (["status"], ["history", "one-click"], ["verify"]):
        look = subprocess.run(
            [COMMAND, "-c", "headway-demo/headway.yaml", *arguments], cwd=tmp_path, capture_output=True, check=False
        )
        assert look.returncode == 0, look.stderr


@contextmanager
def begun(folder: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [COMMAND, "demo", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def asked(url: str) -> str:
    with urllib.request.urlopen(url) as answer:
        return str(answer.read().decode())


def versions(folder: Path) -> int:
    """How many states of tickets were taken over."""
    with closing(sqlite3.connect(f"file:{folder}/headway-demo/headway.db?mode=ro", uri=True)) as connection:
        [(number,)] = connection.execute("SELECT count(*) FROM item_version").fetchall()
    return int(number)


@pytest.mark.parametrize("on_the_path", [True, False])
def test_it_calls_itself_so_that_the_shell_finds_it(tmp_path: Path, on_the_path: bool) -> None:
    path = os.environ["PATH"].split(os.pathsep)
    path = [folder for folder in path if not (Path(folder) / "headway").exists()]
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([*([str(Path(COMMAND).parent)] if on_the_path else []), *path]),
    }
    done = subprocess.run(
        [COMMAND, "demo", "--once"], cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    called = "headway" if on_the_path else shlex.quote(COMMAND)
    assert f"\nLook closer: {called} -c headway-demo/headway.yaml status\n" in done.stdout


def test_on_a_terminal_it_tells_how_to_read_its_trackers_from_another_one(tmp_path: Path) -> None:
    with on_a_terminal(tmp_path) as (process, terminal):
        shown = ""
        while not re.search(r"headway\.yaml sync\r?\n", shown):
            shown += os.read(terminal, 65536).decode(errors="replace")
        exports = dict(re.findall(r"export (HEADWAY_SANDBOX_\w+)=(\S+)", shown))
        assert len(exports) == 3
        while "The pages of it: " not in shown:
            shown += os.read(terminal, 65536).decode(errors="replace")
        for arguments, code in ((["check"], 0), (["discover", "acme-jira"], 0), (["sync"], UPDATES_WAIT)):
            look = subprocess.run(
                [COMMAND, "-c", "headway-demo/headway.yaml", *arguments],
                cwd=tmp_path,
                env={**os.environ, **exports},
                capture_output=True,
                check=False,
            )
            assert look.returncode == code, look.stderr
        process.send_signal(signal.SIGINT)
        with suppress(OSError):  # so Linux says that the other side is closed
            while os.read(terminal, 65536):  # it may not end while nobody reads what it says
                pass
        process.wait(LONGEST)
    assert process.returncode == 0


@contextmanager
def on_a_terminal(folder: Path) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    ours, theirs = pty.openpty()
    with subprocess.Popen([COMMAND, "demo"], cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        try:
            yield process, ours
        finally:
            process.kill()
            os.close(ours)


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = demo(tmp_path, "--once", "--folder", "file/demo")
    assert done.returncode == 1
    assert done.stderr.decode().startswith("headway: ")
    assert b"Traceback" not in done.stderr
    assert sys.executable.encode() not in done.stderr


def test_a_port_that_is_taken_is_told_before_the_story(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = demo(tmp_path, "--port", str(port))
    assert (done.returncode, done.stdout) == (1, b"")
    told = "headway: Headway cannot listen on 127.0.0.1, port"
    assert done.stderr.decode() == f"{told} {port}: Address already in use. Name another one with --port.\n"
    assert list(tmp_path.iterdir()) == []


def test_a_demo_has_its_folder_alone(tmp_path: Path) -> None:
    """Another one would take the config and the database away from the one that runs."""
    with on_a_terminal(tmp_path) as (process, ours):
        seen = b""
        while b"The pages of it" not in seen:
            seen += os.read(ours, 65536)
        held = (tmp_path / "headway-demo" / "headway.yaml").read_bytes()
        done = demo(tmp_path, "--once")
        assert (done.returncode, done.stdout) == (1, b"")
        told = "A demo runs in headway-demo already: end it, or name another folder with --folder."
        assert done.stderr.decode() == f"headway: {told}\n"
        assert (tmp_path / "headway-demo" / "headway.yaml").read_bytes() == held
        assert process.poll() is None
    assert demo(tmp_path, "--once").returncode == 0, "what was killed holds nothing"
