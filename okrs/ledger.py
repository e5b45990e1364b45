"""The ledger: immutable entries, each with its causes and evidence, chained by their hashes (DESIGN 6)."""

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from okrs.immutable import immutable, replace
from okrs.numbers import plain_or_none

GENESIS = "0" * 64
"""`prev` of the first entry."""


class EntryKind(StrEnum):
    BASELINE = "baseline"
    AUTO = "auto"
    RULE = "rule"
    TARGET = "target"
    OVERRIDE = "override"
    RESUME = "resume"
    CHECKIN = "checkin"
    HOLD = "hold"
    LIFT = "lift"
    APPROVE = "approve"
    REJECT = "reject"
    CORRECTION = "correction"
    RECONSTRUCTED = "reconstructed"
    RETIRE = "retire"
    CLOSE = "close"


class CauseKind(StrEnum):
    CLOSED = "closed"
    REOPENED = "reopened"
    ADDED = "added"
    REMOVED = "removed"
    RE_ESTIMATED = "re_estimated"
    CANCELLED = "cancelled"
    MOVED = "moved"
    DELETED = "deleted"
    HIDDEN = "hidden"
    TIME = "time"
    BASELINE = "baseline"
    RULE = "rule"
    OVERRIDE = "override"


CAUSE_WORDS = {
    CauseKind.CLOSED: "closed",
    CauseKind.REOPENED: "reopened",
    CauseKind.ADDED: "joined",
    CauseKind.REMOVED: "left the selection",
    CauseKind.RE_ESTIMATED: "re-estimated",
    CauseKind.CANCELLED: "cancelled",
    CauseKind.MOVED: "moved or renamed",
    CauseKind.DELETED: "deleted",
    CauseKind.HIDDEN: "out of sight",
    CauseKind.TIME: "in or out of the time that counts",
}
"""What a ticket did, for people: `removed` alone would read as deleted."""


@immutable
class Delta:
    """One item's evidence before and after, and what that did to the value.

    A weight of None means that the item is not on the line of that part; amount = weight × credit.
    """

    part: int
    source: str
    item: str
    version: str
    old_weight: Decimal | None
    old_amount: Decimal | None
    new_weight: Decimal | None
    new_amount: Decimal | None
    cause: CauseKind
    delta: Decimal = Decimal(0)


@immutable
class Entry:
    """One change of one key result.  `seq` is unique over the whole ledger; `old` and `new` are values."""

    seq: int
    key_result: str
    at: datetime
    kind: EntryKind
    old: Decimal | None
    new: Decimal | None
    run: str | None = None
    rule: str | None = None
    """Content hash of the rule that was in force; the text stands in a table of its own."""
    by: str | None = None
    why: str | None = None
    details: str | None = None
    """Canonical JSON of what else the entry carries: terms, a proposal."""
    prev: str = GENESIS
    hash: str = ""
    deltas: tuple[Delta, ...] = ()

    def sealed(self) -> "Entry":
        """Return the entry with its hash filled in."""
        return replace(self, hash=entry_hash(self))


@immutable
class Cause:
    """Why a value moved, as shown to people; item None for causes that are no single ticket's."""

    kind: CauseKind
    delta: Decimal
    source: str | None = None
    item: str | None = None


WHOLE = {
    EntryKind.BASELINE: CauseKind.BASELINE,
    EntryKind.RULE: CauseKind.RULE,
    EntryKind.OVERRIDE: CauseKind.OVERRIDE,
    EntryKind.RESUME: CauseKind.OVERRIDE,
}
"""Entries whose change has one cause as a whole; their rows only carry evidence."""


def causes(entry: Entry) -> tuple[Cause, ...]:
    """Return the causes that people are shown: they add up to new − old; those without effect are left out.

    A baseline always shows its one cause, also when the value begins at 0.
    """
    if entry.kind in WHOLE:
        delta = (entry.new or Decimal(0)) - (entry.old or Decimal(0))
        return (Cause(WHOLE[entry.kind], delta),) if delta or entry.kind is EntryKind.BASELINE else ()
    return tuple(Cause(row.cause, row.delta, row.source, row.item) for row in entry.deltas if row.delta)


def proposed(entry: Entry) -> Decimal | None:
    """Return the value that a held update would lead to, as a `hold` or `reject` entry tells it."""
    new = json.loads(entry.details or "{}").get("new")
    return None if new is None else Decimal(new)


def hold_in(entry: Entry) -> str:
    """Return the id of the update that an entry holds, lifts, approves or rejects; empty where it tells of none."""
    return str(json.loads(entry.details or "{}").get("hold", ""))


_WAS = "was"


def renaming(terms: str, old: str) -> str:
    """Return the details of the `target` entry that gives a key result another id: its terms, and the id it had."""
    return canonical_json(json.loads(terms) | {_WAS: old})


def renamed_from(kind: EntryKind, details: str | None) -> str | None:
    """Return the id that a key result had before an entry of these; None where it only tells of terms, or others."""
    told = json.loads(details) if details and kind is EntryKind.TARGET else {}
    return told.get(_WAS) if isinstance(told, dict) else None


def terms_in(details: str | None) -> str | None:
    """Return the terms that a `baseline` or `target` entry carries."""
    told = json.loads(details) if details else None
    return canonical_json({key: told[key] for key in told if key != _WAS}) if isinstance(told, dict) else details


def timestamp(instant: datetime) -> str:
    """Write an instant in UTC with six digits and Z, as the canonical bytes have it."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def canonical_json(document: Any) -> str:  # noqa: ANN401 - any JSON document
    """Write JSON with sorted keys and without spaces, so that the same content is the same bytes."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical_bytes(entry: Entry) -> bytes:
    """Return the bytes that the hash covers: every column but `hash`, with the delta rows in order."""
    document = {
        "seq": entry.seq,
        "key_result": entry.key_result,
        "at": timestamp(entry.at),
        "kind": entry.kind.value,
        "old": plain_or_none(entry.old),
        "new": plain_or_none(entry.new),
        "run": entry.run,
        "rule": entry.rule,
        "by": entry.by,
        "why": entry.why,
        "details": entry.details,
        "prev": entry.prev,
        "deltas": [_row(row) for row in entry.deltas],
    }
    return canonical_json(document).encode()


def _row(row: Delta) -> list[str | int | None]:
    return [
        row.part,
        row.source,
        row.item,
        row.version,
        plain_or_none(row.old_weight),
        plain_or_none(row.old_amount),
        plain_or_none(row.new_weight),
        plain_or_none(row.new_amount),
        row.cause.value,
        plain_or_none(row.delta),
    ]


def entry_hash(entry: Entry) -> str:
    """SHA-256 of the canonical bytes, in hexadecimal."""
    return hashlib.sha256(canonical_bytes(entry)).hexdigest()


def link_problem(entry: Entry, prev: str, seq: int) -> str:
    """Say what is wrong with an entry's place behind the entry of that hash and number; empty when nothing is."""
    if entry.seq != seq + 1:
        return f"the entry before it is missing (it follows {seq})."
    if entry.prev != prev:
        return "it does not link to the entry before it."
    if entry.hash != entry_hash(entry):
        return "its content is not what its hash says: it was changed after it was written."
    return ""
