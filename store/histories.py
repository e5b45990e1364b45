"""Histories that a read did not ask for: what is known of them stays.

Most reads ask for none, and one that does, as `backfill`, brings them along.  Where nothing else of an item differs,
the version with its history goes on: else each of the two would make new versions of items that nobody touched.
What differs otherwise loses the history, which would not tell how the item came to be what it is.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Update, and_, bindparam, func, select, update

from okrs.demand import Container
from store.items import bare
from store.putting import HERE, of
from store.sources import Lease
from store.tables import incoming, item, item_version


def keep_histories(connection: Connection, lease: Lease, known: Iterable[Container]) -> None:
    """Let what was gathered of containers, without histories, be what the mirror has where only these are lacking."""
    rows = connection.execute(_longer(), of(lease, known))
    same = [
        {"of_source": lease.source, "of_container": row.container, "of_id": row.id, "as_hash": row.hash, "as": row.held}
        for row in rows
        if bare(row.held) == row.payload
    ]
    if same:
        connection.execute(_as_known(), same)


@cache
def _longer() -> Select[Any]:
    """Items that differ from the mirror, of which it knows more: a history is never shorter than none."""
    version = (item_version.c.source == item.c.source, item_version.c.item == item.c.id)
    joined = incoming.join(item, and_(item.c.source == incoming.c.source, item.c.id == incoming.c.id)).join(
        item_version, and_(*version, item_version.c.seen_at == item.c.seen_at)
    )
    told = (incoming.c.container, incoming.c.id, incoming.c.payload, item.c.hash, item_version.c.payload.label("held"))
    more = func.length(item_version.c.payload) > func.length(incoming.c.payload)
    return select(*told).select_from(joined).where(*HERE, item.c.hash != incoming.c.hash, more)


@cache
def _as_known() -> Update:
    here = (incoming.c.source == bindparam("of_source"), incoming.c.container == bindparam("of_container"))
    told = update(incoming).where(*here, incoming.c.id == bindparam("of_id"))
    return told.values(hash=bindparam("as_hash"), payload=bindparam("as"))
