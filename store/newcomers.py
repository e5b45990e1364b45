"""Items that the mirror never held go straight into it: the first read of a container brings thousands of them.

Nothing is there to be compared with, and the way by `incoming` would only write everything twice.

    rows ─▶ each item once ─▶ item, item_version, presence
                           └▶ those that the mirror knows, of another container or of earlier: gathered as ever
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, bindparam, exists, select

from okrs.demand import Container
from store.aside import ROWS_AT_ONCE, each_once, without_forgotten
from store.database import raw, slices
from store.items import ID, Row
from store.sources import Lease, following
from store.tables import container, item, micros, presence


@dataclass(frozen=True, slots=True)
class Newcomers:
    """What became of a first read."""

    many: int
    """How many items were new, and are in the mirror now."""
    known: Sequence[Row]
    """The others."""


def may_go_straight(connection: Connection, lease: Lease, known: Container) -> bool:
    """Tell whether a container is read for the first time: nobody is missed there, and nobody arrived meanwhile.

    On SQLite alone: PostgreSQL takes one row after the other faster than many in one statement, and a new database has
    no statistics by which it would find the few that are known.
    """
    if connection.dialect.name != "sqlite":
        return False
    return connection.execute(_held(), {"of_source": lease.source, "of_container": known.id}).first() is None


@cache
def _held() -> Select[Any]:
    source: BindParameter[str] = bindparam("of_source")
    name: BindParameter[str] = bindparam("of_container")
    read = exists().where(container.c.source == source, container.c.id == name, container.c.watermark.is_not(None))
    there = exists().where(presence.c.source == source, presence.c.container == name)
    return select(1).where(read | there)


def put_newcomers(connection: Connection, lease: Lease, rows: Sequence[Row], now: datetime) -> Newcomers:
    """Put what is new among the rows of a first read into the mirror."""
    generation = connection.execute(select(following(lease.source))).scalar_one()
    listed = without_forgotten(connection, lease, each_once(rows))
    known = _known(connection, lease, listed)
    new = [row for row in listed if row[ID] not in known] if known else listed
    for begin in range(0, len(new), ROWS_AT_ONCE):
        _put(connection, new[begin : begin + ROWS_AT_ONCE], micros(now), generation)
    return Newcomers(len(new), [row for row in listed if row[ID] in known])


def _known(connection: Connection, lease: Lease, rows: Sequence[Row]) -> set[str]:
    """Return the ids among these that the mirror has ever held."""
    if connection.execute(select(item.c.id).where(item.c.source == lease.source).limit(1)).first() is None:
        return set()
    known = set[str]()
    for ids in slices(row[ID] for row in rows):
        marks = ", ".join("?" * len(ids))
        text = f"SELECT id FROM item WHERE source = ? AND id IN ({marks})"  # noqa: S608 - all of it is ours
        known.update(raw(connection, text, (lease.source, *ids)).scalars())
    return known


_ITEM = "source, id, key, kind, state, status, resolution, children, updated_at, hash, seen_at, state_since, changed"
_VERSION = "source, item, seen_at, generation, hash, payload"
_PRESENCE = "source, container, item, misses"


def _put(connection: Connection, rows: Sequence[Row], now: int, generation: int) -> None:
    """Insert items with their first versions and places."""
    items, versions, places, known = list[Any](), list[Any](), list[Any](), (now, now, generation)
    for row in rows:
        source, home, name = row[:3]
        items += (source, name, *row[3:-1], *known)
        versions += (source, name, now, generation, *row[-2:])
        places += (source, home, name, 0)
    _insert(connection, "item", _ITEM, items)
    _insert(connection, "item_version", _VERSION, versions)
    _insert(connection, "presence", _PRESENCE, places)


def _insert(connection: Connection, table: str, columns: str, values: Sequence[Any]) -> None:
    """Insert rows whose values stand one behind the other.  One statement for all: see `store.aside`."""
    width = columns.count(",") + 1
    groups = ", ".join([f"({', '.join('?' * width)})"] * (len(values) // width))
    raw(connection, f"INSERT INTO {table} ({columns}) VALUES {groups}", values)  # noqa: S608 - all of it is ours
