"""Anchors in files and logs: reading them, and keeping one a day."""

import sys
from collections.abc import Callable
from datetime import date, datetime
from io import SEEK_END, SEEK_SET
from pathlib import Path
from typing import IO

from config.model import Config
from connectors.logs import announce
from okrs.anchor import Anchor, anchors_in
from okrs.immutable import replace
from okrs.ledger import timestamp
from store.database import Database
from store.ledger import head_of
from store.runs import ended_since
from store.views.anchors import broken_at, sentence
from terminal.failures import Failure
from terminal.synced import KeptAnchor

STDIN = Path("-")
_TAIL = 65_536
"""Bytes at the end of a file in which its last anchor is looked for."""


def read_anchors(path: Path) -> list[Anchor]:
    """Return the anchors of a file, or of what is piped in (`-`).  Raises Failure where there is none."""
    found = _read(path)
    if not found:
        what = "What was piped in" if path == STDIN else path
        raise Failure(f"{what} holds no anchor: name a file of lines as `headway verify --anchor` prints them.")
    return found


def anchors_if_any(path: Path) -> list[Anchor]:
    """Return the anchors of the file that the config names; none where there is no such file yet."""
    try:
        known = path.exists()
    except PermissionError as error:
        raise Failure(f"{path} cannot be read ({error.strerror}): name a file of anchors.") from None
    return _read(path) if known else []


def _read(path: Path) -> list[Anchor]:
    if path == STDIN:
        return list(anchors_in(sys.stdin))
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            return list(anchors_in(lines))
    except OSError as error:
        raise Failure(f"{path} cannot be read ({error.strerror}): name a file of anchors.") from None


def keep_anchor(known: Config, database: Database, run: str, now: datetime) -> KeptAnchor | None:
    """Keep an anchor after a run, where the config wants one and the day has none yet.

    A failure is told, and harms nothing: the next run tries again.
    """
    if known.anchor is None:
        return None
    with database.read() as connection:
        head = head_of(connection)
        anchor, day = Anchor(head.seq, head.hash, now), known.calendar.day_of
        if head.seq == 0:
            return None
        if known.anchor.path is None:
            if not ended_since(connection, known.calendar.midnight(day(now)), run):
                announce("ledger anchor", seq=anchor.seq, hash=anchor.hash, at=timestamp(now))
                return KeptAnchor("log", anchor)
            return None
        path = known.anchor.path

        def objection(last: Anchor) -> str:
            broken = broken_at(connection, [last])
            return f"No anchor is kept. {sentence(broken, str(path))}" if broken else ""

        return _kept(path, anchor, day, objection)


def _kept(
    path: Path, anchor: Anchor, day: Callable[[datetime], date], objection: Callable[[Anchor], str]
) -> KeptAnchor | None:
    try:
        with path.open("a+b") as file:
            told = _appended(file, anchor, day, objection)
    except BlockingIOError:  # another run is about to keep one
        return None
    except OSError as error:
        told = f"The anchor cannot be written to {path}: {error.strerror or error}. See `anchor` in the config."
    return None if told is None else KeptAnchor(str(path), anchor, told)


def _appended(
    file: IO[bytes], anchor: Anchor, day: Callable[[datetime], date], objection: Callable[[Anchor], str]
) -> str | None:
    """Append an anchor, safe from a power cut.  Returns None where the day has one, else what speaks against it."""
    import fcntl
    import os

    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    size = file.seek(0, SEEK_END)
    file.seek(max(0, size - _TAIL), SEEK_SET)
    tail = file.read()
    last = next(reversed(list(anchors_in(tail.decode(errors="replace").splitlines()))), None)
    if tail and last is None:
        return (
            f"{file.name} holds something else than anchors, so none is written to it: name another file in `anchor`."
        )
    if last and last.at and anchor.at and day(last.at) >= day(anchor.at):
        return None
    if last and (told := objection(replace(last, line=0))):  # its line is one of the tail
        return told
    begin = b"" if not tail or tail.endswith(b"\n") else b"\n"  # a line that a power cut left unfinished
    file.write(begin + anchor.text.encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())
    return ""
