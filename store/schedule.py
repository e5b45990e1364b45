"""When each source is read next, for all processes that read: hints only, a lease decides who does.

A turn is claimed by a condition on what was seen of it, so that of two processes that find a source due one reads it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update

from okrs.immutable import immutable
from store.database import Database, upsert
from store.tables import schedule

LONGEST_LIMIT = timedelta(days=1)
"""A tracker that asks to wait is believed that long: who asks for more may have a wrong clock, or we have one."""


@immutable
class Turn:
    """When a source is read next."""

    due: datetime | None
    """None: not before somebody changes the config, or asks for it."""
    failures: int = 0
    """Reads that failed since the last that did not."""
    not_before: datetime | None = None
    """Until when its tracker asked to wait, whoever makes it due earlier; None where it did not."""

    def at(self, now: datetime) -> datetime | None:
        """Return when its turn comes, as it looks now; None as for `due`."""
        limit = self.limit(now)
        return self.due if self.due is None or limit is None else max(self.due, limit)

    def limit(self, now: datetime) -> datetime | None:
        """Return until when its tracker is to be left alone; None where it may be asked now.

        One that is longer than any that is believed was written while our clock was wrong.
        """
        lasts = self.not_before is not None and now < self.not_before <= now + LONGEST_LIMIT
        return self.not_before if lasts else None


def turns(connection: Connection) -> Mapping[str, Turn]:
    """Return the turns of all sources that ever had one."""
    rows = connection.execute(select(schedule))
    return {row.source: Turn(row.due, row.failures, row.not_before) for row in rows}


def claim(database: Database, name: str, seen: Turn | None, until: datetime) -> bool:
    """Put a turn off until then, and tell whether it still was as it was seen: then it is ours."""
    with database.write() as connection:
        if seen is None:
            statement = upsert(connection.dialect.name, schedule).values(source=name, due=until, failures=0)
            first = statement.on_conflict_do_nothing(index_elements=["source"]).returning(schedule.c.source)
            return connection.execute(first).one_or_none() is not None
        return _move(connection, name, seen.due, until)


def keep(database: Database, name: str, claimed: datetime, until: datetime) -> bool:
    """Put a turn off for longer that is ours, and tell whether it still was: somebody may have asked for the source."""
    with database.write() as connection:
        return _move(connection, name, claimed, until)


def settle(database: Database, name: str, claimed: datetime, turn: Turn) -> None:
    """Write the next turn of a source whose turn was ours, and which was read.

    What somebody asked for meanwhile comes first, but not before the tracker allows it.
    """
    with database.write() as connection:
        told = {"failures": turn.failures, "not_before": turn.not_before}
        connection.execute(update(schedule).where(schedule.c.source == name).values(told))
        _move(connection, name, claimed, turn.due)


def put_off(database: Database, name: str, claimed: datetime, until: datetime | None) -> None:
    """Put the turn of a source off that was ours, and which another one reads: how that goes it says itself."""
    with database.write() as connection:
        _move(connection, name, claimed, until)


def _move(connection: Connection, name: str, seen: datetime | None, due: datetime | None) -> bool:
    """Move a turn, and tell whether it still was where it was seen."""
    mine = (schedule.c.source == name, schedule.c.due.is_(None) if seen is None else schedule.c.due == seen)
    return connection.execute(update(schedule).where(*mine).values(due=due)).rowcount == 1


def ask(database: Database, names: Iterable[str], now: datetime, *, stopped: bool) -> None:
    """Make sources due now; with `stopped` those too that wait for a change of the config.

    One whose tracker asked to wait has its turn when that is over.
    """
    later: ColumnElement[Any] = schedule.c.due > now
    _make_due(database, names, now, later | schedule.c.due.is_(None) if stopped else later)


def begin_anew(database: Database, names: Iterable[str], now: datetime) -> None:
    """Make sources due now, whatever kept them: their settings changed, and limits are of a token or an address."""
    _make_due(database, names, now, None, not_before=None)


def end_waits(database: Database, names: Iterable[str]) -> None:
    """Let sources be read at their turns whose trackers allow it again, as somebody found who asked them."""
    with database.write() as connection:
        here = (schedule.c.source.in_(sorted(names)), schedule.c.not_before.is_not(None))
        connection.execute(update(schedule).where(*here).values(not_before=None))


def _make_due(
    database: Database, names: Iterable[str], now: datetime, where: ColumnElement[Any] | None, **more: None
) -> None:
    with database.write() as connection:
        for name in sorted(names):
            put = upsert(connection.dialect.name, schedule).values(source=name, due=now, failures=0)
            anew = {"due": now, **more}
            connection.execute(put.on_conflict_do_update(index_elements=["source"], set_=anew, where=where))


def resume(database: Database, names: Iterable[str], now: datetime) -> None:
    """Let sources be read again that were stopped."""
    with database.write() as connection:
        here = (schedule.c.source.in_(sorted(names)), schedule.c.due.is_(None))
        connection.execute(update(schedule).where(*here).values(due=now))
