"""Anchors: where the ledger ended at some time, kept where whoever may write to the database may not write."""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from okrs.immutable import immutable
from okrs.ledger import timestamp


@immutable
class Anchor:
    """The last entry of the ledger at a time."""

    seq: int
    hash: str
    at: datetime | None
    """When that was so; None where the line does not tell."""
    line: int = 0
    """Of the file that it was read from, 1-based."""

    @property
    def text(self) -> str:
        """One line of JSON, without its end."""
        return json.dumps(anchor_json(self), separators=(",", ":"))


def anchor_json(anchor: Anchor) -> dict[str, Any]:
    """An anchor, as documents have it."""
    return {"seq": anchor.seq, "hash": anchor.hash, "at": timestamp(anchor.at) if anchor.at else None}


def _told(name: str, value: str) -> re.Pattern[str]:
    """A fact as JSON has it, or JSON in JSON, or a log: `"seq": 7`, `\\"seq\\":7`, `seq=7`."""
    return re.compile(rf"""\b{name}\\*["']?\s*[:=]\s*\\*["']?({value})(?![\w.])""")


_SEQ, _HASH = _told("seq", r"[0-9]{1,18}"), _told("hash", r"[0-9a-f]{64}")
_AT = _told("at", r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})")


def anchors_in(lines: Iterable[str]) -> Iterator[Anchor]:
    """Yield the anchors of a file, or of a log in which other things stand, too."""
    for number, line in enumerate(lines, start=1):
        seq, digest, at = _SEQ.search(line), _HASH.search(line), _AT.search(line)
        if seq and digest:
            yield Anchor(int(seq[1]), digest[1], _instant(at[1]) if at else None, number)


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # as of a thirteenth month
        return None
