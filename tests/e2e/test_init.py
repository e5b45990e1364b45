"""`headway init` against the emulated trackers: by flags, by questions on a terminal, and what it refuses."""

import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sandbox.server import JIRA_EMAIL
from tests.e2e.conftest import COMMAND, LONGEST, Headway

CONTAINERS = {
    "jira": f"email={JIRA_EMAIL},projects=PAY,PLAT",
    "github": "repositories=acme/web,acme/api",
    "asana": "projects=1204000000000001",
}


@pytest.fixture
def desk(settled: Headway, tmp_path: Path) -> Headway:
    """An empty folder; its trackers are shared and must not be changed."""
    return Headway(settled.sandbox, tmp_path)


def flags(desk: Headway, tracker: str, more: str = "", variable: str = "") -> list[str]:
    keys = f"url={desk.sandbox.urls[tracker]},token_env={variable or tracker.upper() + '_TOKEN'}"
    return ["--source", f"{tracker}:{','.join(each for each in (keys, more) if each)}"]


def tokens(desk: Headway) -> dict[str, str]:
    return {f"{name.upper()}_TOKEN": token for name, token in desk.sandbox.tokens.items()}


def moves(desk: Headway, path: str = "headway.yaml") -> dict[str, Any]:
    """Validate, sync and show what was written; returns the values."""
    for command in ("validate", "sync", "status"):
        code, out, err = desk.run("-c", path, command, **tokens(desk))
        assert (code, err) == (0, ""), out
    assert desk.run("-c", path, "validate", "--json", **tokens(desk)).out == []
    shown = desk.run("-c", path, "status", "--json").out
    return {each["id"]: each["value"] for each in shown["key_results"]}


@pytest.mark.parametrize("tracker", CONTAINERS)
def test_flags_write_a_config_that_moves(desk: Headway, tracker: str) -> None:
    code, out, err = desk.run("init", *flags(desk, tracker, CONTAINERS[tracker]), **tokens(desk))
    assert code == 0, err
    assert f"✓ {tracker}: signed in as " in err
    assert out == "headway.yaml is written. Look into it, then:\n  headway validate\n  headway sync\n  headway status\n"
    assert [path.name for path in desk.folder.iterdir()] == ["headway.yaml"]
    text = desk.config.read_text(encoding="utf-8")
    assert f"${{{tracker.upper()}_TOKEN}}" in text
    assert desk.sandbox.tokens[tracker] not in text
    values = moves(desk)
    assert values
    assert None not in values.values()
    assert any(values.values())


def test_all_trackers_together(desk: Headway) -> None:
    asked = [word for tracker, keys in CONTAINERS.items() for word in flags(desk, tracker, keys)]
    code, _, err = desk.run("init", *asked, "--timezone", "Europe/Berlin", "--output", "first.yaml", **tokens(desk))
    assert code == 0, err
    assert len(moves(desk, "first.yaml")) == 4


def test_without_connecting_it_is_plainer_and_moves_all_the_same(desk: Headway) -> None:
    code, out, err = desk.run("init", *flags(desk, "github", CONTAINERS["github"], "LATER"), "--no-connect")
    assert (code, err) == (0, "")
    assert "  read -rs LATER && export LATER\n" in out
    assert desk.run("sync", LATER=desk.sandbox.tokens["github"]).code == 0
    assert desk.values()["finished"] > 0


def test_a_file_that_is_there_stays(desk: Headway) -> None:
    desk.config.write_text("mine", encoding="utf-8")
    for target in ([], ["--output", "headway.yaml"], ["--output", "."]):
        code, out, err = desk.run("init", *flags(desk, "jira"), *target, **tokens(desk))
        assert (code, out) == (1, "")
        assert "headway.yaml is there already and stays as it is: name another file with --output." in err
    assert desk.config.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "connectors: asana, github, jira"),
        (["--source", "jira"], "jira lacks url, token_env"),
        (["--source", "jira", "--no-connect"], "jira lacks url, token_env, projects"),
        (["--source", "github:repositories=acme/web"], "github: token_env: token is missing"),
        (["--source", "fogbugz:url=x"], "there are: asana, github, jira"),
        (
            ["--source", "github:token=sesame-open,repositories=acme/web"],
            "a secret is no argument: write token_env=",
        ),
        (["--source", "github:token_env=GITHUB_TOKEN,repositories=web"], "a repository is written owner/name"),
        (["--source", "jira:url=http://t.example,token_env=JIRA_TOKEN"], "only https keeps the token secret"),
        (["--source", "jira", "--timezone", "Berlin"], "is not a time zone"),
    ],
)
def test_what_flags_leave_out_or_get_wrong_is_2(desk: Headway, arguments: list[str], said: str) -> None:
    code, out, err = desk.run("init", *arguments, **tokens(desk))
    assert (code, out) == (2, "")
    assert said in err
    assert "sesame" not in err
    assert list(desk.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("tracker", "more", "said"),
    [
        ("jira", f"email={JIRA_EMAIL}", "jira lacks projects; the token sees PAY, PLAT"),
        ("github", "", "github lacks repositories; the token sees acme/web, acme/api"),
        ("asana", "", "asana lacks projects; the token sees 1204000000000001, 1204000000000006"),
    ],
)
def test_projects_are_named_where_the_token_sees_several(desk: Headway, tracker: str, more: str, said: str) -> None:
    code, _, err = desk.run("init", *flags(desk, tracker, more), **tokens(desk))
    assert code == 2
    assert said in err


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "GITHUB_TOKEN is not set: set it with `read -rs GITHUB_TOKEN && export GITHUB_TOKEN`"),
        ({"GITHUB_TOKEN": "not-the-token"}, "The tracker refused the credentials (401)"),
    ],
)
def test_a_tracker_that_cannot_be_asked_is_1(desk: Headway, variables: dict[str, str], said: str) -> None:
    code, out, err = desk.run("init", *flags(desk, "github", CONTAINERS["github"]), **variables)
    assert (code, out) == (1, "")
    assert said in err
    assert "Nothing was written; with --no-connect the tracker is not asked." in err
    assert list(desk.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("tracker", "more", "said"),
    [
        ("jira", f"email={JIRA_EMAIL},projects=PAY,NOPE", "jira cannot read NOPE: "),
        ("github", "repositories=acme/web,acme/nope", "github cannot read acme/nope: "),
        ("asana", "projects=1204000000000001,99", "asana cannot read 99: "),
    ],
)
def test_a_project_that_cannot_be_read_is_1(desk: Headway, tracker: str, more: str, said: str) -> None:
    code, out, err = desk.run("init", *flags(desk, tracker, more), **tokens(desk))
    assert (code, out) == (1, "")
    assert said in err
    assert "Nothing was written; with --no-connect the tracker is not asked." in err
    assert list(desk.folder.iterdir()) == []
    assert desk.run("init", *flags(desk, tracker, more), "--no-connect", **tokens(desk)).code == 0


class Terminal:
    """A command on a pseudo-terminal: what it shows, and what somebody types."""

    def __init__(self, desk: Headway, *arguments: str, **variables: str) -> None:
        self._here, there = pty.openpty()
        env = {**os.environ, "TERM": "dumb", "COLUMNS": "200", **variables}
        self._process = subprocess.Popen(
            [COMMAND, *arguments],
            cwd=desk.folder,
            env=env,
            stdin=there,
            stdout=there,
            stderr=there,
        )
        os.close(there)
        self.shown = ""
        self._read = 0

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._here)

    def until(self, text: str) -> None:
        """Wait until a text is shown that was not waited for before."""
        end = time.monotonic() + LONGEST
        while text not in self.shown[self._read :]:
            assert time.monotonic() < end, f"{text!r} is never shown:\n{self.shown}"
            assert self._more(), f"it ended without {text!r}:\n{self.shown}"
        self._read = self.shown.index(text, self._read) + len(text)

    def answer(self, question: str, text: str) -> None:
        self.until(question)
        os.write(self._here, f"{text}\n".encode())

    def interrupt(self, question: str) -> None:
        self.until(question)
        for _ in range(20):  # Python misses one that comes right before it begins to wait: as people do, press again
            self._process.send_signal(signal.SIGINT)
            if select.select([self._here], [], [], 2)[0]:
                return

    def end(self) -> int:
        while self._more():
            pass
        return self._process.wait(LONGEST)

    def _more(self) -> bool:
        ready, _, _ = select.select([self._here], [], [], LONGEST)
        try:
            read = os.read(self._here, 4096) if ready else b""
        except OSError:  # the other end is closed
            read = b""
        self.shown += read.decode("utf-8", "replace")
        return bool(read)


@pytest.fixture
def terminal(desk: Headway) -> Iterator[Terminal]:
    with closing(Terminal(desk, "init", **tokens(desk))) as terminal:
        yield terminal


def test_somebody_new_is_led_through(desk: Headway, terminal: Terminal) -> None:
    terminal.answer("Time zone", "Nowhere")
    terminal.answer("is not a time zone", "Europe/Berlin")
    terminal.answer("tracker, by number or name", "jra")
    terminal.answer('did you mean "jira"? Choose a number from 1 to 3', "jira")
    terminal.answer("Site root of Jira", "nonsense")
    terminal.answer("the Jira site root, as https://acme.atlassian.net, is wanted", desk.sandbox.urls["jira"])
    terminal.answer("email, as headway@acme.example (Enter for none)", JIRA_EMAIL)
    terminal.answer("Name of the environment variable that holds the token [JIRA_TOKEN]", "a-secret")
    terminal.answer("the name of a variable is wanted", "")
    terminal.until("1  PAY   Payments")
    terminal.answer("projects, by number or name", "1, PLAT")
    terminal.until("✓ jira: signed in as Mira Albrecht")
    terminal.answer("Read another tracker, too? [y/N]", "")
    terminal.answer("Write headway.yaml? [Y/n]", "")
    terminal.until("headway.yaml is written.")
    assert terminal.end() == 0
    assert desk.sandbox.tokens["jira"] not in terminal.shown
    text = desk.config.read_text(encoding="utf-8")
    assert "a-secret" not in text
    assert "      - PAY   # Payments\n      - PLAT   # Platform\n" in text
    assert all(value is not None for value in moves(desk).values())


def test_a_server_of_its_own_is_asked_for(terminal: Terminal, desk: Headway) -> None:
    """GitHub Enterprise Server is elsewhere than github.com."""
    terminal.answer("Time zone", "")
    terminal.answer("tracker, by number or name", "github")
    terminal.answer("Name of the environment variable that holds the token [GITHUB_TOKEN]", "")
    terminal.answer("url, as https://github.acme.example/api/v3 (Enter for none)", desk.sandbox.urls["github"])
    terminal.until("acme/web")
    terminal.answer("repositories, by number or name", "acme/web")
    terminal.answer("Read another tracker, too? [y/N]", "")
    terminal.answer("Write headway.yaml? [Y/n]", "")
    assert terminal.end() == 0
    assert f"url: {desk.sandbox.urls['github']}" in desk.config.read_text(encoding="utf-8")


def test_without_the_variable_it_goes_on_untested(desk: Headway) -> None:
    with closing(Terminal(desk, "init", *flags(desk, "github", variable="NOT_SET_YET"))) as terminal:
        terminal.answer("Time zone", "")
        terminal.until("NOT_SET_YET is not set")
        terminal.answer("by number", "go on without testing the connection")
        terminal.answer("repositories, as acme/web", "acme/web")
        terminal.answer("Write headway.yaml?", "y")
        assert terminal.end() == 0
        assert "read -rs NOT_SET_YET && export NOT_SET_YET" in terminal.shown
        assert "try again" not in terminal.shown  # it would be the same however often: nobody sets it meanwhile
    assert desk.run("sync", NOT_SET_YET=desk.sandbox.tokens["github"]).code == 0


def test_a_wrong_answer_is_corrected_and_the_others_stay(desk: Headway, terminal: Terminal) -> None:
    terminal.answer("Time zone", "")
    terminal.answer("tracker, by number or name", "jira")
    terminal.answer("Site root of Jira", desk.sandbox.urls["jira"])
    terminal.answer("email, as headway@acme.example (Enter for none)", "somebody@acme.example")
    terminal.answer("Name of the environment variable that holds the token [JIRA_TOKEN]", "")
    terminal.until("The tracker refused the credentials (401)")
    terminal.answer("2  change email", "2")
    terminal.answer("email, as headway@acme.example (Enter for none)", JIRA_EMAIL)
    terminal.answer("projects, by number or name", "1")
    terminal.until("✓ jira: signed in as Mira Albrecht")
    terminal.answer("Read another tracker, too? [y/N]", "")
    terminal.answer("Write headway.yaml? [Y/n]", "")
    assert terminal.end() == 0
    text = desk.config.read_text(encoding="utf-8")
    assert (JIRA_EMAIL in text, "somebody" in text) == (True, False)


def test_a_project_that_is_not_there_is_asked_for_again(desk: Headway, terminal: Terminal) -> None:
    terminal.answer("Time zone", "")
    terminal.answer("tracker, by number or name", "jira")
    terminal.answer("Site root of Jira", desk.sandbox.urls["jira"])
    terminal.answer("email, as headway@acme.example (Enter for none)", JIRA_EMAIL)
    terminal.answer("Name of the environment variable that holds the token [JIRA_TOKEN]", "")
    terminal.answer("projects, by number or name", "1, 99")
    terminal.until("there is no 99 in the list: choose a number from 1 to ")
    terminal.answer("projects, by number or name", "PAY, PLATT")
    terminal.until("jira cannot read PLATT: ")
    terminal.answer("change projects", "change projects")
    terminal.until("1  PAY   Payments")
    terminal.answer("projects, by number or name", "1, 2")
    terminal.until("✓ jira: signed in as Mira Albrecht")
    terminal.answer("Read another tracker, too? [y/N]", "")
    terminal.answer("Write headway.yaml? [Y/n]", "")
    assert terminal.end() == 0
    text = desk.config.read_text(encoding="utf-8")
    assert "      - PAY   # Payments\n      - PLAT   # Platform\n" in text
    assert "PLATT" not in text


def test_whoever_gives_up_writes_nothing(desk: Headway) -> None:
    with closing(Terminal(desk, "init", *flags(desk, "github"), GITHUB_TOKEN="wrong-token")) as terminal:
        terminal.answer("Time zone", "")
        terminal.answer("by number", "stop, and write nothing")
        assert terminal.end() == 1
    assert list(desk.folder.iterdir()) == []


@pytest.mark.parametrize("question", ["[UTC]: ", "tracker, by number or name: "])
def test_ctrl_c_is_130_and_writes_nothing(desk: Headway, terminal: Terminal, question: str) -> None:
    if question != "[UTC]: ":
        terminal.answer("Time zone", "")
    terminal.interrupt(question)
    assert terminal.end() == 130
    assert "Interrupted; nothing is half-written." in terminal.shown
    assert "Traceback" not in terminal.shown
    assert list(desk.folder.iterdir()) == []
