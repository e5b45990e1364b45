"""Check-ins: what people noted of key results, and how sure they were.  They move nothing."""

import json
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, func, literal_column, select

from okrs.immutable import immutable
from okrs.ledger import EntryKind, canonical_json
from okrs.numbers import plain_or_none
from store.renames import Rename, called_now, named_now, renames
from store.tables import ledger_entry


@immutable
class CheckIn:
    """What a person noted of a key result."""

    key_result: str
    note: str
    confidence: Decimal | None
    """0…1: how sure they are that it will be reached."""
    by: str
    """The id of the person: `store.people`."""
    at: datetime


def last_checkins(connection: Connection) -> dict[str, CheckIn]:
    """Return the last check-in of every key result that has one."""
    known = renames(connection)
    asked = connection.execute(_last(tuple(known))).all()
    return {called_now(known, row.key_result, row.seq): told_in(row) for row in asked}


@lru_cache(maxsize=8)
def _last(known: tuple[Rename, ...]) -> Select[Any]:
    """Put together once: that takes as long as to answer it."""
    kind = ledger_entry.c.kind == literal_column(f"'{EntryKind.CHECKIN.value}'")  # as the index has it
    last = select(func.max(ledger_entry.c.seq)).where(kind).group_by(named_now(known))
    columns = (ledger_entry.c[name] for name in ("key_result", "why", "details", "by", "at"))
    return select(ledger_entry.c.seq, *columns).where(ledger_entry.c.seq.in_(last)).order_by(ledger_entry.c.seq)


def told_in(entry: Any) -> CheckIn:  # noqa: ANN401 - an entry, or its row
    """Return the check-in that an entry tells of."""
    return CheckIn(entry.key_result, entry.why or "", confidence_in(entry.details), entry.by or "", entry.at)


def checkin_details(confidence: Decimal | None, shown: Decimal | None) -> str:
    """What the entry of a check-in carries: the confidence, and the value that people were shown then."""
    return canonical_json({"confidence": plain_or_none(confidence), "shown": plain_or_none(shown)})


def confidence_in(details: str | None) -> Decimal | None:
    """Return the confidence that the details of a check-in's entry tell."""
    told = json.loads(details or "{}").get("confidence")
    return None if told is None else Decimal(told)
