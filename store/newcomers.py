"""Items that the mirror never held go straight into it: the first read of a container brings thousands of them.

Nothing is there to be compared with, and the way by `incoming` would only write everything twice.

    rows ─▶ each item once ─▶ item, item_version, presence
                           └▶ those that the mirror knows, of another container or of earlier: gathered as ever
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy import Connection

from okrs.demand import Container
from okrs.immutable import immutable
from store.aside import ROWS_AT_ONCE, each_once, without_forgotten
from store.database import listed, raw, slices
from store.items import CONTAINER, HASH, ID, PAYLOAD, SOURCE, Row
from store.sources import Lease
from store.tables import micros, storable


@immutable
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
    return raw(connection, _HELD, (lease.source, storable(known.id)) * 2).first() is None


_HELD = """SELECT 1 WHERE EXISTS (SELECT 1 FROM container WHERE source = ? AND id = ? AND watermark IS NOT NULL)
    OR EXISTS (SELECT 1 FROM presence WHERE source = ? AND container = ?)"""


def put_newcomers(connection: Connection, lease: Lease, rows: Sequence[Row], now: datetime) -> Newcomers:
    """Put what is new among the rows of a first read into the mirror."""
    generation = raw(connection, "SELECT generation + 1 FROM source WHERE name = ?", (lease.source,)).scalar_one()
    listed = without_forgotten(connection, lease, each_once(rows))
    known = _known(connection, lease, listed)
    new = [row for row in listed if row[ID] not in known] if known else listed
    for begin in range(0, len(new), ROWS_AT_ONCE):
        _put(connection, new[begin : begin + ROWS_AT_ONCE], micros(now), generation)
    return Newcomers(len(new), [row for row in listed if row[ID] in known] if known else [])


def _known(connection: Connection, lease: Lease, rows: Sequence[Row]) -> set[str]:
    """Return the ids among these that the mirror has ever held."""
    if raw(connection, "SELECT 1 FROM item WHERE source = ? LIMIT 1", (lease.source,)).first() is None:
        return set()
    known = set[str]()
    for ids in slices(row[ID] for row in rows):
        text = f"SELECT id FROM item WHERE source = ? AND id IN ({listed(ids)})"  # noqa: S608 - all of it is ours
        known.update(raw(connection, text, (lease.source, *ids)).scalars())
    return known


_OF_ITEM = "id, key, kind, state, status, resolution, children, updated_at, hash"
_ITEM = f"item (source, seen_at, state_since, changed, {_OF_ITEM})", f"(?1, ?2, ?2, ?3{', ?' * 9})"
_VERSION = "item_version (source, seen_at, generation, item, hash, payload)", "(?1, ?2, ?3, ?, ?, ?)"
_PRESENCE = "presence (source, container, misses, item)", "(?1, ?4, 0, ?)"
"""Tables with their columns, and a row of values: what all rows have in common is told once, by its number, as SQLite
alone has it."""


def _put(connection: Connection, rows: Sequence[Row], now: int, generation: int) -> None:
    """Insert items of one container with their first versions and places."""
    common = (rows[0][SOURCE], now, generation, rows[0][CONTAINER])
    many = len(rows)
    _insert(connection, _ITEM, many, [*common[:3], *chain.from_iterable(row[ID:PAYLOAD] for row in rows)])
    _insert(connection, _VERSION, many, [*common[:3], *chain.from_iterable((row[ID], *row[HASH:]) for row in rows)])
    _insert(connection, _PRESENCE, many, [*common, *(row[ID] for row in rows)])


def _insert(connection: Connection, told: tuple[str, str], many: int, values: Sequence[Any]) -> None:
    """Insert rows, first what they have in common.  One statement for all: see `store.aside`."""
    table, row = told
    raw(connection, f"INSERT INTO {table} VALUES {', '.join([row] * many)}", values)  # noqa: S608 - all of it is ours
