"""When each source is read next, for all processes that read: hints only, a lease decides who does.

A turn is claimed by a condition on what was seen of it, so that of two processes that find a source due one reads it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update

from okrs.immutable import immutable
from store.database import Database, upsert
from store.tables import schedule


@immutable
class Turn:
    """When a source is read next."""

    due: datetime | None
    """None: not before somebody changes the config, or asks for it."""
    failures: int = 0
    """Reads that failed since the last that did not."""


def turns(connection: Connection) -> Mapping[str, Turn]:
    """Return the turns of all sources that ever had one."""
    rows = connection.execute(select(schedule.c.source, schedule.c.due, schedule.c.failures))
    return {row.source: Turn(row.due, row.failures) for row in rows}


def claim(database: Database, name: str, seen: Turn | None, until: datetime) -> bool:
    """Put a turn off until then, and tell whether it still was as it was seen: then it is ours."""
    with database.write() as connection:
        if seen is None:
            statement = upsert(connection.dialect.name, schedule).values(source=name, due=until, failures=0)
            first = statement.on_conflict_do_nothing(index_elements=["source"]).returning(schedule.c.source)
            return connection.execute(first).one_or_none() is not None
        mine = (schedule.c.source == name, _at(seen.due))
        return connection.execute(update(schedule).where(*mine).values(due=until)).rowcount == 1


def settle(database: Database, name: str, claimed: datetime, turn: Turn) -> None:
    """Write the next turn of a source whose turn was ours.  What somebody asked for meanwhile comes first."""
    with database.write() as connection:
        here = schedule.c.source == name
        connection.execute(update(schedule).where(here).values(failures=turn.failures))
        connection.execute(update(schedule).where(here, _at(claimed)).values(due=turn.due))


def ask(database: Database, names: Iterable[str], now: datetime, *, stopped: bool) -> None:
    """Make sources due now; with `stopped` those too that wait for a change of the config."""
    later: ColumnElement[Any] = schedule.c.due > now
    with database.write() as connection:
        for name in sorted(names):
            put = upsert(connection.dialect.name, schedule).values(source=name, due=now, failures=0)
            condition = later | schedule.c.due.is_(None) if stopped else later
            connection.execute(put.on_conflict_do_update(index_elements=["source"], set_={"due": now}, where=condition))


def resume(database: Database, names: Iterable[str], now: datetime) -> None:
    """Let sources be read again that were stopped."""
    with database.write() as connection:
        here = (schedule.c.source.in_(sorted(names)), schedule.c.due.is_(None))
        connection.execute(update(schedule).where(*here).values(due=now))


def _at(due: datetime | None) -> ColumnElement[bool]:
    return schedule.c.due.is_(None) if due is None else schedule.c.due == due
