"""The real `headway` command as a subprocess, against the emulated trackers over HTTP and on the machine's clock."""

import json
import os
import shutil
import sqlite3
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.clock import RealClock
from sandbox.company import build
from sandbox.scenario import config_text, environment
from sandbox.server import Sandbox
from sandbox.team import work

COMMAND = str(Path(sysconfig.get_path("scripts")) / "headway")
TOKENS = {name: f"marked-{name}-token-4f9a1c77" for name in ("jira", "asana", "github")}
LONGEST = 120
"""Seconds after which a command that does not end fails its test."""


class Answer(NamedTuple):
    """What a command gave back; `out` is the parsed document when `--json` was asked and anything was printed."""

    code: int
    out: Any
    err: str


@dataclass(frozen=True)
class Headway:
    """The command in a folder of its own, with its config and the trackers it reads."""

    sandbox: Sandbox
    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "headway.yaml"

    @property
    def database(self) -> Path:
        return self.folder / "headway.db"

    def run(self, *arguments: str, **variables: str) -> Answer:
        """Run one command to its end.  Whatever it does, it prints no traceback and no token."""
        process = self.start(*arguments, **variables)
        return self.end(process, *arguments)

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [COMMAND, *arguments],
            cwd=self.folder,
            env={**plain_environment(), **environment(self.sandbox.tokens), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def end(self, process: subprocess.Popen[str], *arguments: str) -> Answer:
        with process:
            out, err = process.communicate(timeout=LONGEST)
        assert "Traceback" not in err, err
        for token in self.sandbox.tokens.values():
            assert token not in out + err
        return Answer(process.returncode, json.loads(out) if "--json" in arguments and out else out, err)

    @contextmanager
    def plain(self) -> Iterator[sqlite3.Connection]:
        """The SQLite database as anybody can open it; commits at the end."""
        with closing(sqlite3.connect(self.database)) as connection, connection:
            yield connection

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.plain() as connection:
            return connection.execute(query).fetchall()

    def values(self) -> dict[str, Any]:
        """The key results' values as `status` tells them."""
        return {each["id"]: each["value"] for each in self.run("status", "--json").out["key_results"]}

    def edit(self, old: str, new: str) -> None:
        """Replace a text of the config that stands there once or more."""
        text = self.config.read_text(encoding="utf-8")
        assert old in text
        self.config.write_text(text.replace(old, new), encoding="utf-8")

    def beside(self, folder: Path) -> "Headway":
        """A copy of config and database elsewhere, for the same trackers."""
        shutil.copytree(self.folder, folder)
        return Headway(self.sandbox, folder)


def private_key() -> bytes:
    """Return a new private key as GitHub gives one to an App."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, no_password = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, pem, no_password)


def plain_environment() -> dict[str, str]:
    """This process's environment without what would change the command's answers."""
    ours = ("HEADWAY_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def at_work(folder: Path, seed: int = 1, tokens: Mapping[str, str] = TOKENS) -> Iterator[Headway]:
    """Serve a fresh company, with its config in the folder, for as long as the iteration stands."""
    now = datetime.now(UTC)
    with Sandbox(build(seed, now, RealClock()), tokens=tokens) as sandbox:
        headway = Headway(sandbox, folder)
        headway.config.write_text(config_text(sandbox.urls, now), encoding="utf-8")
        yield headway


@pytest.fixture
def headway(tmp_path: Path) -> Iterator[Headway]:
    """The command with a fresh company and no database yet."""
    folder = tmp_path / "office"
    folder.mkdir()
    yield from at_work(folder)


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Headway]:
    """A company that was synced, worked for five days, and was synced again; for tests that only read."""
    for headway in at_work(tmp_path_factory.mktemp("settled")):
        assert headway.run("sync", "--json").code == 0
        work(headway.sandbox.world, days=5, seed=3)
        assert headway.run("sync", "--json").code == 0
        yield headway


@pytest.fixture
def copy(settled: Headway, tmp_path: Path) -> Headway:
    """The settled company's config and database, to be changed; its trackers are shared and must not be."""
    return settled.beside(tmp_path / "copy")
