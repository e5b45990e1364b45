"""Entries as lines of an export: the very bytes that the hash covers, and the hash beside them.

So anybody can check an export without Headway: the SHA-256 of what stands under `ledger_entry` is `hash`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from okrs.ledger import CauseKind, Delta, Entry, EntryKind, canonical_bytes
from okrs.numbers import to_millionths
from store import ledger
from store.upkeep.records import ENTRIES

_HEAD = f'{{"{ENTRIES}":'.encode()
_COLUMNS = frozenset(
    ("seq", "key_result", "at", "kind", "old", "new", "run", "rule", "by", "why", "details", "prev", "deltas")
)


def entry_line(entry: Entry) -> bytes:
    """Write an entry with its rows."""
    return b'%s%s,"hash":"%s"}\n' % (_HEAD, canonical_bytes(entry), entry.hash.encode())


def entry_lines(connection: Connection) -> Iterator[bytes]:
    """Yield the entries in order."""
    return map(entry_line, ledger.entries_of(connection))


def read_entry(document: dict[str, Any]) -> Entry:
    """The inverse of `entry_line`, of a parsed line.  Raises ValueError; whether the hash is right is not looked at."""
    facts, digest = document[ENTRIES], document.get("hash")
    if not isinstance(facts, dict) or facts.keys() != _COLUMNS or not isinstance(digest, str):
        raise ValueError("this is no entry of a ledger that this version knows")
    try:
        return Entry(
            seq=_whole(facts["seq"]),
            key_result=_text(facts["key_result"]),
            at=datetime.fromisoformat(facts["at"]).astimezone(UTC),
            kind=EntryKind(facts["kind"]),
            old=_number(facts["old"]),
            new=_number(facts["new"]),
            run=_maybe(facts["run"]),
            rule=_maybe(facts["rule"]),
            by=_maybe(facts["by"]),
            why=_maybe(facts["why"]),
            details=_maybe(facts["details"]),
            prev=_text(facts["prev"]),
            hash=digest,
            deltas=tuple(_delta(row) for row in facts["deltas"]),
        )
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ValueError("the entry holds something that is no value of its column") from error


def _delta(row: list[Any]) -> Delta:
    part, source, item, version, old_weight, old_amount, new_weight, new_amount, cause, delta = row
    number = _number(delta)
    if number is None:
        raise ValueError("a row without a delta")
    return Delta(
        _whole(part),
        _text(source),
        _text(item),
        _text(version),
        _number(old_weight),
        _number(old_amount),
        _number(new_weight),
        _number(new_amount),
        CauseKind(cause),
        number,
    )


def _number(text: Any) -> Decimal | None:  # noqa: ANN401 - whatever stands in a line
    if text is None:
        return None
    number = Decimal(_text(text))
    to_millionths(number)  # as large as a column holds
    return number


def _whole(value: Any) -> int:  # noqa: ANN401 - whatever stands in a line
    if type(value) is not int:
        raise TypeError("no whole number")
    return value


def _text(value: Any) -> str:  # noqa: ANN401 - whatever stands in a line
    if type(value) is not str:
        raise TypeError("no text")
    return value


def _maybe(value: Any) -> str | None:  # noqa: ANN401 - whatever stands in a line
    return None if value is None else _text(value)
