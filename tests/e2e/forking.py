"""The command out of one process that has loaded everything: each run is a fork of it, killed at the instant asked for.

What makes hundreds of kills affordable: a run begins within some milliseconds instead of half a second, of which a kill
would mostly find modules that load.  It is the same command, `headway.main`, on the same files; a SIGKILL ends it.

    Stall(at=n)              by itself, just before its n-th statement (BEGIN and COMMIT are statements, too)
    Stall(at=n, word=w)      the same of the statements that begin with this word
    Stall(at=n, wait=s)      from outside, s seconds after that statement began: mostly within it, or within its writes
    Stall(wait=s)            from outside, s seconds after it was born

As a program (`python -m tests.e2e.forking`) it is the process that forks: one order a line, one answer a line.
"""

import itertools
import json
import os
import pkgutil
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Any, NamedTuple

LONGEST = 120.0
ROOT = Path(__file__).parents[2]
_ROOMS = ("okrs", "connectors", "mapping", "store", "config", "sync", "terminal", "usecases")
_LIBRARIES = ("jira", "github", "rich.progress", "sqlalchemy.dialects.sqlite")


@dataclass(frozen=True, slots=True)
class Stall:
    """When a run is killed; without `at` and `wait` never."""

    at: int | None = None
    wait: float | None = None
    word: str = ""
    """Only statements that begin with it are counted."""


NEVER = Stall()


class Ran(NamedTuple):
    """How a run ended."""

    code: int
    """Negative: the signal that killed it."""
    out: str
    err: str
    statements: list[str]
    """The first word of each that began, in order."""
    seconds: float

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass
class Forks:
    """The process that forks, for as long as the context stands."""

    environ: Mapping[str, str]
    runs: "Counter[Path]" = field(default_factory=Counter, init=False)
    """How many there were in a folder."""
    _process: "subprocess.Popen[str] | None" = field(default=None, init=False)

    def __enter__(self) -> "Forks":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.forking"],
            cwd=ROOT,
            env=dict(self.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process is not None:
            with self._process as process:
                if process.stdin:
                    process.stdin.close()
                process.wait(LONGEST)

    def run(
        self, folder: Path, *arguments: str, stall: Stall = NEVER, plant: str | None = None, pages: int | None = None
    ) -> Ran:
        """Run a command in a folder.

        `plant` names a mistake of `tests.e2e.planted` that this run makes; `pages` is how large its database may
        become, as on a disk without room for more.  Whatever it does, it prints no traceback.
        """
        process = self._process
        self.runs[folder] += 1
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        order = {"folder": str(folder), "arguments": arguments, "plant": plant, "pages": pages, **asdict(stall)}
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        assert line, "the process that forks is gone"
        ran = Ran(**json.loads(line))
        assert "Traceback" not in ran.err, ran.err
        return ran


# --- the process that forks ------------------------------------------------------------------------------------------


def main() -> None:
    """Load what commands need, as they do, then do what each line asks for."""
    for room in _ROOMS:
        for each in pkgutil.walk_packages(import_module(room).__path__, f"{room}."):
            if ".migrations" not in each.name and ".conformance" not in each.name:
                import_module(each.name)
    for name in ("service", "headway", "tests.e2e.planted", *_LIBRARIES):
        import_module(name)
    with suppress(ImportError):
        import_module("sqlalchemy.dialects.postgresql.psycopg")
        import_module("psycopg")
    for line in sys.stdin:
        print(json.dumps(_ran(json.loads(line))._asdict()), flush=True)


def _ran(order: Mapping[str, Any]) -> Ran:
    with TemporaryFile() as out, TemporaryFile() as err:
        told, tell = os.pipe()
        began = time.monotonic()
        pid = os.fork()
        if pid == 0:
            os.close(told)
            _live(order, tell, out.fileno(), err.fileno())
        os.close(tell)
        statements = _watched(pid, told, began, order)
        _, status = os.waitpid(pid, 0)
        seconds = time.monotonic() - began
        os.close(told)
        return Ran(os.waitstatus_to_exitcode(status), _told(out), _told(err), statements, seconds)


def _told(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def _watched(pid: int, heard: int, began: float, order: Mapping[str, Any]) -> list[str]:
    """Read which statements a run began until it ends, and kill it when that is asked for."""
    at, wait, text = order["at"], order["wait"], b""
    until = began + (wait if at is None and wait is not None else LONGEST)
    while True:
        ready, _, _ = select.select([heard], [], [], max(0.0, until - time.monotonic()))
        piece = os.read(heard, 65536) if ready else b""
        if not piece:
            break
        text += piece
        told = [each for each in text.decode().split() if each.startswith(order["word"])]
        if at is not None and wait is not None and len(told) >= at:
            until, at = time.monotonic() + wait, None
    if not ready:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return text.decode().split()


def _live(order: Mapping[str, Any], tell: int, out: int, err: int) -> None:
    """Become the command; this never returns."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.chdir(order["folder"])
    sys.argv = ["headway", *order["arguments"]]
    _listen(tell, order)
    if order["plant"]:
        import_module("tests.e2e.planted").PLANTS[order["plant"]]()
    import_module("headway").main()


def _listen(tell: int, order: Mapping[str, Any]) -> None:
    """Tell of each statement before it begins, and end with SIGKILL at the last one."""
    connect, numbers, pages = sqlite3.connect, itertools.count(1), order["pages"]
    last = order["at"] if order["wait"] is None else None

    def heard(statement: str) -> None:
        word = statement.split(None, 1)[0]
        if word.startswith(order["word"]) and next(numbers) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        os.write(tell, f"{word}\n".encode())

    def connected(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        if pages is not None:
            connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()
        connection.set_trace_callback(heard)
        return connection

    sqlite3.connect = sqlite3.dbapi2.connect = connected  # type: ignore[assignment]
    if "psycopg" in sys.modules:
        _listen_to_a_server(sys.modules["psycopg"], heard)


def _listen_to_a_server(psycopg: Any, heard: Callable[[str], None]) -> None:
    """Tell of what is sent to PostgreSQL, too; there a transaction begins by itself."""
    execute, executemany, commit = psycopg.Cursor.execute, psycopg.Cursor.executemany, psycopg.Connection.commit

    def one(cursor: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        heard(str(query))
        return execute(cursor, query, *arguments, **options)

    def many(cursor: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        heard(str(query))
        return executemany(cursor, query, *arguments, **options)

    def committed(connection: Any) -> Any:
        heard("COMMIT")
        return commit(connection)

    psycopg.Cursor.execute, psycopg.Cursor.executemany, psycopg.Connection.commit = one, many, committed


if __name__ == "__main__":
    main()
