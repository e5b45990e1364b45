"""The course of a key result: its values in order, and how many tickets belonged to it, for a chart."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Integer, Select, bindparam, case, cast, func, select

from okrs.lanes import Lane, day_in, lane_of
from okrs.ledger import Entry
from store import ledger, people
from store.tables import ledger_delta, ledger_entry

MOST = 3000
"""Entries that a chart shows: a year of eight a day.  Of more, the newest."""


@dataclass(frozen=True, slots=True)
class Course:
    """All that is on record of a key result, oldest first, without rows."""

    entries: tuple[Entry, ...]
    scope: tuple[tuple[datetime, int], ...]
    """How many tickets were on the line from a time on."""
    names: dict[str, str]
    """Those of people by their ids."""

    @property
    def rebuilt(self) -> list[tuple[date, Decimal]]:
        """The values of days before it was first measured, as the trackers' own dates tell."""
        told = (each for each in self.entries if lane_of(each.kind) is Lane.RECONSTRUCTED)
        days = ((day_in(each.details), each.new) for each in told)
        return sorted((day, value) for day, value in days if day is not None and value is not None)


def course(connection: Connection, name: str, until: datetime | None = None) -> Course:
    """Return the course of a key result, until a time."""
    found = _newest() if until is None else _newest().where(ledger_entry.c.at <= until)
    rows = connection.execute(found.limit(MOST), {"name": name})
    entries = tuple(ledger.entry_of(row) for row in rows)[::-1]
    names = people.names_of(connection, sorted({each.by for each in entries if each.by}))
    return Course(entries, _scope(connection, name, entries), names)


# Questions of every page are put together once: that takes as long as to answer them.


@cache
def _newest() -> Select[Any]:
    mine = select(ledger_entry).where(ledger_entry.c.key_result == bindparam("name"))
    return mine.order_by(ledger_entry.c.seq.desc())


@cache
def _changes() -> Select[Any]:
    row = ledger_delta.c
    came = case((row.old_weight.is_(None), 1), else_=0)
    stays = case((row.new_weight.is_(None), 1), else_=0)
    change = cast(func.sum(came - stays), Integer().with_variant(BigInteger, "postgresql"))
    joined = ledger_delta.join(ledger_entry, ledger_entry.c.seq == row.seq)
    mine = ledger_entry.c.key_result == bindparam("name")
    return select(row.seq, change).select_from(joined).where(mine).group_by(row.seq)


def _scope(connection: Connection, name: str, entries: Sequence[Entry]) -> tuple[tuple[datetime, int], ...]:
    """Add up who came on the line and who left it.  A rebuilt day has evidence of its own, and is left out."""
    changes = {seq: int(number) for seq, number in connection.execute(_changes(), {"name": name})}
    shown = {each.seq for each in entries}
    on_line = sum(number for seq, number in changes.items() if entries and seq < entries[0].seq and seq not in shown)
    steps = []
    for each in entries:
        if lane_of(each.kind) is Lane.AUTOMATIC and changes.get(each.seq):
            on_line += changes[each.seq]
            steps.append((each.at, on_line))
    return tuple(steps)
