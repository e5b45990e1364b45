"""What lies under epics and parents where a source does not read: nobody counts it, and who looks is told."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import orjson
from sqlalchemy import Connection, delete, tuple_

from okrs.demand import Family
from okrs.immutable import immutable
from store.database import Database
from store.rows import fetched, put
from store.sources import Lease, fenced
from store.tables import family as table
from store.tables import short, storable

EXAMPLES = 20
"""Keys that are kept of what is not read."""


@immutable
class Unread:
    """What the tracker said last of one family."""

    family: Family
    items: int = 0
    """How many of it are not read."""
    examples: tuple[str, ...] = ()
    """Their keys, in order, of the first `EXAMPLES`."""
    error: str | None = None
    """Why it could not be asked the last time; what it said before stays."""
    asked_at: datetime | None = None
    """When it said so; None where it never did."""
    tried_at: datetime | None = None
    containers: frozenset[str] = frozenset()
    """Ids of those that were read when it was tried."""


def unread(connection: Connection, source: str) -> Mapping[Family, Unread]:
    """Return what was told of each family of a source that was ever asked."""
    rows = fetched(connection, table, "WHERE source = ? ORDER BY name, deep", (source,))
    found = [
        Unread(
            Family(row.above, row.deep),
            row.items,
            tuple(orjson.loads(row.examples)),
            row.error,
            row.asked_at,
            row.tried_at,
            frozenset(orjson.loads(row.containers)),
        )
        for row in rows
    ]
    return {each.family: each for each in found}


def keep(database: Database, lease: Lease, told: Unread, now: datetime) -> None:
    """Keep what the tracker said of a family.  Raises LeaseLostError."""
    facts = {
        "above": storable(told.family.above),
        "items": told.items,
        "examples": orjson.dumps(told.examples[:EXAMPLES]).decode(),
        "error": told.error,
        "asked_at": told.asked_at,
        "tried_at": told.tried_at,
        "containers": orjson.dumps(sorted(told.containers)).decode(),
    }
    with database.write() as connection:
        fenced(connection, lease, now)
        put(connection, table, [{"source": lease.source, **_key(told.family), **facts}], on=["source", "name", "deep"])


def forget(database: Database, lease: Lease, families: Iterable[Family], now: datetime) -> None:
    """Drop families that no rule names any more.  Raises LeaseLostError."""
    keys: Collection[tuple[object, ...]] = [tuple(_key(each).values()) for each in families]
    if keys:
        with database.write() as connection:
            fenced(connection, lease, now)
            mine = tuple_(table.c.name, table.c.deep).in_(keys)
            connection.execute(delete(table).where(table.c.source == lease.source, mine))


def _key(family: Family) -> dict[str, object]:
    return {"name": short(storable(family.above)), "deep": family.deep}
