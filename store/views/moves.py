"""What moved since a time: of each key result its value then, and the tickets that moved it."""

from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, BindParameter, Connection, Select, bindparam, func, select, type_coerce

from okrs.immutable import immutable
from okrs.lanes import Lane, lane_of
from okrs.ledger import WHOLE, Entry, EntryKind
from okrs.work import WorkItem
from store import ledger
from store.database import raw, slices
from store.tables import ledger_delta, ledger_entry, micros
from store.views.feed import items_of

NAMED = 3
"""Tickets that are named of each key result."""

_AUTOMATIC = sorted(
    kind.value for kind in EntryKind if lane_of(kind) is Lane.AUTOMATIC and kind is not EntryKind.CORRECTION
)
_WHOLE = sorted(kind.value for kind in WHOLE)


@immutable
class Movers:
    """The tickets that moved a key result, the last ones first."""

    tickets: tuple[WorkItem, ...]
    more: bool


def first_since(connection: Connection, at: datetime) -> int:
    """Return the number of the first entry that was written at or after a time; one past the head where none was.

    Entries are numbered without a gap in the order of their writing, so the place is found by halving: there is no
    index of times.
    """
    low, high = 1, ledger.head_of(connection).seq + 1
    while low < high:
        middle = (low + high) // 2
        written = raw(connection, "SELECT at FROM ledger_entry WHERE seq = ?", (middle,)).scalar_one_or_none()
        if written is not None and written < micros(at):
            low = middle + 1
        else:
            high = middle
    return low


@immutable
class Before:
    """The automatic value that a key result had."""

    value: Decimal | None
    fresh: bool
    """It was measured for the first time since: this is its first value."""


def values_before(connection: Connection, seq: int, name: str | None = None) -> dict[str, Before]:
    """Return the automatic value that each key result had before an entry, of those that have one from there on.

    With `name` of that one alone.
    """
    entries = ledger_entry.c
    mine = [entries.seq >= seq, entries.kind.in_(_AUTOMATIC)]
    mine += [entries.key_result == name] if name is not None else []
    first = select(func.min(entries.seq)).where(*mine).group_by(entries.key_result)
    columns = (entries.key_result, entries.kind, entries.old, entries.new)
    begun = EntryKind.BASELINE.value
    return {
        row.key_result: Before(row.new if row.kind == begun else row.old, row.kind == begun)
        for row in connection.execute(select(*columns).where(entries.seq.in_(first)))
    }


def before_in(entries: Iterable[Entry]) -> dict[str, Before]:
    """Return the same of entries that were read already, in their order."""
    found: dict[str, Before] = {}
    for each in entries:
        if each.kind.value in _AUTOMATIC and each.key_result not in found:
            begun = each.kind is EntryKind.BASELINE
            found[each.key_result] = Before(each.new if begun else each.old, begun)
    return found


def movers(connection: Connection, seq: int, names: Collection[str]) -> dict[str, Movers]:
    """Return the tickets that moved some key results since an entry."""
    found: dict[str, dict[tuple[str, str], None]] = {}
    for some in slices(names):
        for each in connection.execute(_last_movers(), {"seq": seq, "names": some}):
            found.setdefault(each.key_result, {})[each.source, each.item] = None
    items = items_of(connection, {ticket for tickets in found.values() for ticket in tickets})
    return {
        name: Movers(tuple(items[each] for each in list(tickets)[:NAMED] if each in items), len(tickets) > NAMED)
        for name, tickets in found.items()
    }


@cache
def _last_movers() -> Select[Any]:
    """Put together once: that takes as long as to answer it."""
    row, entry = ledger_delta.c, ledger_entry.c
    names: BindParameter[str] = bindparam("names", expanding=True)
    since = entry.seq >= bindparam("seq")
    mine = (since, entry.key_result.in_(names), entry.kind.in_(_AUTOMATIC), entry.kind.not_in(_WHOLE))
    order = (row.seq.desc(), row.place.desc())
    nth = func.row_number().over(partition_by=entry.key_result, order_by=order).label("nth")
    joined = ledger_delta.join(ledger_entry, entry.seq == row.seq)
    told = select(entry.key_result, row.source, row.item, nth).select_from(joined)
    ranked = told.where(*mine, type_coerce(row.delta, BigInteger) != 0).subquery()
    return select(ranked).where(ranked.c.nth <= 2 * NAMED).order_by(ranked.c.nth)


def counted_since(connection: Connection, names: Collection[str], source: str, item: str) -> dict[str, datetime]:
    """Return since when a ticket counts in key results as it does: when its amount was last written anew."""
    row, entry = ledger_delta.c, ledger_entry.c
    joined = ledger_delta.join(ledger_entry, entry.seq == row.seq)
    found: dict[str, datetime] = {}
    for some in slices(names):
        mine = (entry.key_result.in_(some), entry.kind.in_(_AUTOMATIC), row.source == source, row.item == item)
        anew = row.old_amount.is_distinct_from(row.new_amount)
        last = select(entry.key_result, func.max(entry.at).label("last")).select_from(joined).where(*mine, anew)
        found |= {told.key_result: told.last for told in connection.execute(last.group_by(entry.key_result))}
    return found
