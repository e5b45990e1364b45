"""Items on their way into the mirror, as rows: encoded, and put aside in `incoming` until their container is taken."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from math import inf

from sqlalchemy import Connection
from sqlalchemy.engine import Dialect

from okrs.work import WorkItem
from store.database import upsert
from store.forgetting import forgotten_of
from store.items import CONTAINER, ID, ROW, UPDATED_AT, Encoded, Row, encoded
from store.putting import not_older
from store.sources import Lease
from store.tables import incoming

ROWS_AT_ONCE = 500
"""SQLite takes 32,766 parameters."""


def encoded_of(source: str, container_id: str, items: Iterable[WorkItem]) -> list[Encoded]:
    """Return what a container shows as rows, each with its item."""
    return [encoded(source, container_id, each) for each in items]


def rows_of(source: str, container_id: str, items: Iterable[WorkItem]) -> list[Row]:
    """Return what a container shows as rows."""
    return [row for row, _ in encoded_of(source, container_id, items)]


def put_aside(connection: Connection, lease: Lease, rows: Sequence[Row]) -> None:
    """Put rows among those gathered.  Of an item that is listed twice the newest form stays."""
    if not rows:
        return
    every = without_forgotten(connection, lease, each_once(rows))
    statement, group = _gathering(connection.dialect)
    if group is None:
        connection.exec_driver_sql(statement, [dict(zip(ROW, row, strict=True)) for row in every])
        return
    for begin in range(0, len(every), ROWS_AT_ONCE):
        some = every[begin : begin + ROWS_AT_ONCE]
        # One statement for all rows: after each one SQLite lets go of Python's lock, for which busy readers wait.
        connection.exec_driver_sql(statement.replace(group, ", ".join([group] * len(some))), tuple(chain(*some)))


def each_once(rows: Sequence[Row]) -> Sequence[Row]:
    """Return rows, of an item that a container shows twice the newest form; one without a date is older than any."""
    if len({row[ID] for row in rows}) == len(rows):  # as on nearly every page
        return rows
    oldest_first = sorted(rows, key=lambda row: -inf if row[UPDATED_AT] is None else row[UPDATED_AT])
    return list({(row[CONTAINER], row[ID]): row for row in oldest_first}.values())


def without_forgotten(connection: Connection, lease: Lease, rows: Sequence[Row]) -> Sequence[Row]:
    """Return rows without what is forgotten of them; the hashes stay those of what the tracker shows."""
    gone = forgotten_of(connection, lease.source)
    return [(*row[:-1], gone.erased(row[-1])) for row in rows] if gone else rows


@lru_cache(maxsize=8)
def _gathering(dialect: Dialect) -> tuple[str, str | None]:
    """The statement of `put_aside` as text, and where its parameters go by their place, the group of one row in it.

    There are thousands of rows, and a statement object would look at every value of every one.
    """
    statement = upsert(dialect.name, incoming)
    newer = {column.name: statement.excluded[column.name] for column in incoming.c if not column.primary_key}
    compiled = statement.on_conflict_do_update(
        index_elements=["source", "container", "id"],
        set_=newer,
        where=not_older(incoming.c.updated_at, statement.excluded.updated_at),
    ).compile(dialect=dialect, column_keys=list(ROW))
    return str(compiled), f"({', '.join('?' * len(ROW))})" if compiled.positional else None
