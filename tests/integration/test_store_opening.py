"""Opening a database that others open, or write, at the same moment."""

import errno
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from service import Service, run
from store.database import StoreError, is_full, open_database, reason


def test_a_first_run_waits_for_another_that_writes_already(tmp_path: Path) -> None:
    """SQLite itself answers `database is locked` at once to one that turns WAL on meanwhile."""
    path, began = tmp_path / "headway.db", threading.Event()

    def other() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            began.set()
            time.sleep(0.2)
            connection.execute("COMMIT")

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(other)
        began.wait()
        with closing(open_database(f"sqlite:///{path}", create=True)) as database, database.read() as connection:
            assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        done.result()


@pytest.mark.parametrize("mapped", [False, True])
def test_a_service_reads_the_file_as_memory_and_a_command_does_not(tmp_path: Path, mapped: bool) -> None:
    url = f"sqlite:///{tmp_path / 'headway.db'}"
    with closing(open_database(url, create=True, mapped=mapped)) as database, database.read() as connection:
        assert bool(connection.execute(text("PRAGMA mmap_size")).scalar()) is mapped


def test_the_log_of_a_long_write_does_not_stay(tmp_path: Path) -> None:
    path = tmp_path / "headway.db"
    with closing(open_database(f"sqlite:///{path}", create=True)) as database:
        with database.write() as connection:
            connection.execute(text("CREATE TABLE long (body BLOB)"))
            connection.execute(text("INSERT INTO long VALUES (zeroblob(80000000))"))
        for _ in range(2):  # the first one may still begin behind it
            with database.write() as connection:
                connection.execute(text("DELETE FROM long"))
        assert (tmp_path / "headway.db-wal").stat().st_size < 70_000_000


def test_many_first_runs_at_once_make_one_database(database_url: str) -> None:
    many = 5
    together = Barrier(many)

    def first_run(_: int) -> int:
        together.wait()
        with closing(open_database(database_url, create=True)) as database, database.read() as connection:
            return int(connection.execute(text("SELECT count(*) FROM alembic_version")).scalar_one())

    with ThreadPoolExecutor(many) as pool:
        assert list(pool.map(first_run, range(many))) == [1] * many


@pytest.mark.parametrize("url", ["postgresql+psycopg://u:s3cret@127.0.0.1:PORT/x", "mysql://u:s3cret@host/x"])
def test_an_address_that_cannot_be_read_is_a_sentence_without_its_password(url: str) -> None:
    with pytest.raises(StoreError, match="no address of SQLite or PostgreSQL") as raised:
        open_database(url, create=True)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(("said", "told"), [("", "Exception"), ("first\nsecond", "first")])
def test_a_driver_s_reason_is_one_line_even_when_it_says_nothing(said: str, told: str) -> None:
    assert reason(DBAPIError("SELECT 1", None, Exception(said))) == told


def _filled() -> sqlite3.Error:
    """What SQLite says where its file may not grow."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("PRAGMA max_page_count = 1")
        with pytest.raises(sqlite3.Error) as found:
            connection.execute("CREATE TABLE t (c)")
    return found.value


class _DiskFull(Exception):
    sqlstate = "53100"


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (_filled(), True),
        (DBAPIError("SELECT 1", None, _filled()), True),
        (DBAPIError("SELECT 1", None, _DiskFull()), True),
        (OSError(errno.ENOSPC, "No space left on device", "out.jsonl"), True),
        (OSError(errno.EACCES, "Permission denied", "out.jsonl"), False),
        (DBAPIError("SELECT 1", None, Exception("no such table")), False),
        (sqlite3.OperationalError("database is locked"), False),
    ],
)
def test_a_full_disk_is_told_apart_and_told(error: Exception, full: bool, capsys: pytest.CaptureFixture[str]) -> None:
    assert is_full(error) is full

    class Full(Service):
        def upgrade(self, config: Path) -> None:
            raise error

    assert run(["db", "upgrade"], Full({})) == 1
    told = capsys.readouterr().err
    assert ("There is no room left on the disk." in told) is full
    assert "unexpected" not in told
