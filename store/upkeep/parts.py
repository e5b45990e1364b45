"""Files in the making: each stands beside its place under a name of its own until it is whole.

Whoever makes one holds a lock as long as he lives: `.NAME.8LETTERS.part` is made under that of a file
`.NAME.8LETTERS.part.lock`.  A lock that nobody holds is one of a maker who was killed, also where that was in another
container, whose processes we cannot see.  The lock has a file of its own, for on some systems it would be in the way of
those that SQLite takes on its own file.
"""

import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SQLITE = ("-wal", "-shm", "-journal")
"""What SQLite writes beside a file."""
_LOCK = ".lock"


@contextmanager
def part_of(path: Path) -> Iterator[Path]:
    """Say where to make a file.  What is there at the end goes, as does what makers of it left who were killed.

    Raises OSError where the folder takes no file.
    """
    cleared(path)
    descriptor, lock = _locked(path)
    part = lock.with_name(lock.name.removesuffix(_LOCK))
    try:
        yield part
    finally:
        _removed(part)
        os.close(descriptor)


def cleared(path: Path) -> None:
    """Remove what makers of a file left who were killed."""
    ours = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}\.part{re.escape(_LOCK)}")
    with suppress(OSError):  # a folder that is not there, or not ours to change
        for lock in [each for each in path.parent.iterdir() if ours.fullmatch(each.name)]:
            _clear(lock)


def _clear(lock: Path) -> None:
    with suppress(OSError):  # gone by now, or another user's; or its maker lives
        descriptor = os.open(lock, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _removed(lock.with_name(lock.name.removesuffix(_LOCK)))
        finally:
            os.close(descriptor)


def _locked(path: Path) -> tuple[int, Path]:
    """Make a lock of its own for a file, and take it."""
    try:
        while True:
            descriptor, lock = tempfile.mkstemp(f".part{_LOCK}", f".{path.name}.", path.parent)
            with suppress(OSError):  # where a file system has no locks, nobody clears away
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                return descriptor, Path(lock)
            os.close(descriptor)  # somebody cleared it away before it was locked
    except OSError as error:
        error.filename = str(path)  # what was asked for
        raise


def _removed(part: Path) -> None:
    """Remove a part and, last, its lock: by that alone the rest is found."""
    for suffix in ("", *_SQLITE, _LOCK):
        with suppress(FileNotFoundError):
            Path(f"{part}{suffix}").unlink()
