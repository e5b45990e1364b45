"""The course of a key result: its values in order, and how many tickets belonged to it, for a chart."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Connection

from okrs.immutable import immutable
from okrs.lanes import Lane, day_in, lane_of
from okrs.ledger import Entry
from store import ledger, people
from store.database import gathered

MOST = 3000
"""Entries that a chart shows: a year of eight a day.  Of more, the newest."""


@immutable
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
    entries = tuple(ledger.newest(connection, name, MOST, until))[::-1]
    names = people.names_of(connection, sorted({each.by for each in entries if each.by}))
    return Course(entries, _scope(connection, name, entries), names)


_CHANGES = """FROM (SELECT d.seq, CAST(sum(CASE WHEN d.old_weight IS NULL THEN 1 ELSE 0 END
 - CASE WHEN d.new_weight IS NULL THEN 1 ELSE 0 END) AS BIGINT) AS number
 FROM ledger_delta d JOIN ledger_entry e ON e.seq = d.seq WHERE e.key_result = ? GROUP BY d.seq) changed"""


def _scope(connection: Connection, name: str, entries: Sequence[Entry]) -> tuple[tuple[datetime, int], ...]:
    """Add up who came on the line and who left it.  A rebuilt day has evidence of its own, and is left out."""
    changes = dict[int, int](gathered(connection, "seq, number", _CHANGES, (name,)))
    shown = {each.seq for each in entries}
    on_line = sum(number for seq, number in changes.items() if entries and seq < entries[0].seq and seq not in shown)
    steps = []
    for each in entries:
        if lane_of(each.kind) is Lane.AUTOMATIC and changes.get(each.seq):
            on_line += changes[each.seq]
            steps.append((each.at, on_line))
    return tuple(steps)
