"""Items on their way into the mirror: encoded, each once, and put aside until their container is taken."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import chain

from sqlalchemy import Connection
from sqlalchemy.engine import Dialect

from okrs.work import WorkItem
from store.database import upsert
from store.forgetting import Forgotten, forgotten_of
from store.items import ROW, Row, item_row
from store.putting import not_older
from store.sources import Lease
from store.tables import incoming

ROWS_AT_ONCE = 500
"""SQLite takes 32,766 parameters."""


def put_aside(connection: Connection, lease: Lease, items: Mapping[str, Iterable[WorkItem]]) -> None:
    """Put items, by container, among those gathered."""
    listed = {container_id: each_once(some) for container_id, some in items.items()}
    if not any(listed.values()):
        return
    gone = forgotten_of(connection, lease.source)
    every = [row for container_id, some in listed.items() for row in rows_of(lease.source, container_id, some, gone)]
    statement, group = _gathering(connection.dialect)
    if group is None:
        connection.exec_driver_sql(statement, [dict(zip(ROW, row, strict=True)) for row in every])
        return
    for begin in range(0, len(every), ROWS_AT_ONCE):
        some = every[begin : begin + ROWS_AT_ONCE]
        # One statement for all rows: after each one SQLite lets go of Python's lock, for which busy readers wait.
        connection.exec_driver_sql(statement.replace(group, ", ".join([group] * len(some))), tuple(chain(*some)))


def each_once(items: Iterable[WorkItem]) -> list[WorkItem]:
    """Return items, of those that come twice the newest form; most pages show everything once."""
    listed = list(items)
    newest = {each.id: each for each in listed}
    if len(newest) == len(listed):
        return listed
    ordered = sorted(listed, key=lambda each: each.updated_at.timestamp() if each.updated_at else 0.0)
    return list({each.id: each for each in ordered}.values())


def rows_of(source: str, container_id: str, items: Iterable[WorkItem], gone: Forgotten) -> list[Row]:
    """Return `incoming` rows, without what is forgotten; hashes stay those of what the tracker shows."""
    rows = [item_row(source, container_id, each) for each in items]
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
