"""Files of SQLite: `backup` copies one online, `import` makes one that is there only when it is whole."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from store.database import Database, file_of, open_database, renamed
from store.upkeep.exporting import Watch
from store.upkeep.parts import cleared, part_of

_PAGES = 2048
"""Pages that are copied in one step."""


class UnsoundCopyError(Exception):
    """The copy is not sound: the text says what SQLite found."""


def copy_to(database: Database, path: Path, watch: Watch) -> int:
    """Copy the database as it is at this moment, while others write.  Returns the bytes of the copy.

    It is made beside the path under another name, and gets its own when it is whole and on the disk.  Raises
    FileExistsError where something is there already, and UnsoundCopyError.
    """
    if path.exists() or path.is_symlink():
        cleared(path)
        raise FileExistsError(path)
    with part_of(path) as part:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _copy(database, part, watch)
        size = part.stat().st_size
        os.link(part, path)  # refuses where somebody else was faster
        synced(path.parent)
    return size


def _copy(database: Database, part: Path, watch: Watch) -> None:
    with closing(sqlite3.connect(part, isolation_level=None)) as copy:
        with closing(database.engine.raw_connection()) as pooled:
            source = pooled.driver_connection
            if not isinstance(source, sqlite3.Connection):
                raise TypeError("only a SQLite database is copied")
            source.execute("BEGIN")  # one snapshot from begin to end: else it began anew whenever somebody wrote
            try:
                source.execute("SELECT count(*) FROM sqlite_master").fetchone()
                source.backup(copy, pages=_PAGES, progress=lambda _status, left, total: watch(total - left, total))
            finally:
                source.execute("ROLLBACK")
        found = copy.execute("PRAGMA quick_check(1)").fetchone()
        if found != ("ok",):
            raise UnsoundCopyError(str(found[0]))
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
    synced(part)


@contextmanager
def filled(url: str) -> Iterator[Database]:
    """Open a database that is to be filled: of a SQLite file that is not there yet one beside it.

    That gets its name when all is well and on the disk; a failure leaves no file.  Raises FileExistsError where one is
    there by then.
    """
    path = file_of(url)
    if path is None or path.exists():
        if path is not None:
            cleared(path)
        with closing(open_database(url, create=True)) as database:
            yield database
        return
    with part_of(path) as part:
        with closing(open_database(renamed(url, part), create=True)) as database:
            yield database
            _written_back(database)
        synced(part)
        os.link(part, path)  # refuses where somebody else was faster
        synced(path.parent)


def _written_back(database: Database) -> None:
    """Put everything that stands in the log beside a SQLite file into the file."""
    with closing(database.engine.raw_connection()) as pooled:
        pooled.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]


def synced(path: Path) -> None:
    """Wait until a file, or what a folder lists, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def compact(database: Database) -> bool:
    """Write a SQLite file anew without what was deleted.  False where somebody else uses it all the time."""
    if not database.sqlite:
        return False
    with closing(database.engine.raw_connection()) as pooled:
        try:
            pooled.driver_connection.execute("VACUUM")  # type: ignore[union-attr]
            (busy, *_) = pooled.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()  # type: ignore[union-attr]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            return False
    return not busy
