"""What a read did not ask for beside items and fields: what is known of it stays.

Most reads ask for no histories, and one that does, as `backfill`, brings them along; sprints and links stay away while
a token may not read them.  Where nothing else of an item differs, the version with them goes on: else each of the two
reads would make new versions of items that nobody touched.  What differs otherwise loses them: a history would not
tell how the item came to be what it is, and the change may have been one of its sprint, or of its links.
"""

from collections.abc import Iterable, Set
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Update, and_, bindparam, func, select, update

from okrs.demand import Container, Extra
from store.items import same_without
from store.putting import HERE, of
from store.sources import Lease
from store.tables import incoming, item, item_version

EVERY = frozenset(Extra)


def keep_extras(connection: Connection, lease: Lease, known: Iterable[Container], asked: Set[Extra]) -> None:
    """Let what was gathered of containers be what the mirror has where only what was not asked for is lacking."""
    left_out = EVERY - asked
    if not left_out:
        return
    same = [
        {"of_source": lease.source, "of_container": row.container, "of_id": row.id, "as_hash": row.hash, "as": row.held}
        for row in connection.execute(_longer(), of(lease, known))
        if same_without(left_out, row.payload, row.held)
    ]
    if same:
        connection.execute(_as_known(), same)


@cache
def _longer() -> Select[Any]:
    """Items that differ from the mirror, of which it may know more.

    More is longer, except for links in another order: a pull request names some in its title, whoever asks.
    """
    version = (item_version.c.source == item.c.source, item_version.c.item == item.c.id)
    joined = incoming.join(item, and_(item.c.source == incoming.c.source, item.c.id == incoming.c.id)).join(
        item_version, and_(*version, item_version.c.seen_at == item.c.seen_at)
    )
    told = (incoming.c.container, incoming.c.id, incoming.c.payload, item.c.hash, item_version.c.payload.label("held"))
    more = func.length(item_version.c.payload) >= func.length(incoming.c.payload)
    return select(*told).select_from(joined).where(*HERE, item.c.hash != incoming.c.hash, more)


@cache
def _as_known() -> Update:
    here = (incoming.c.source == bindparam("of_source"), incoming.c.container == bindparam("of_container"))
    told = update(incoming).where(*here, incoming.c.id == bindparam("of_id"))
    return told.values(hash=bindparam("as_hash"), payload=bindparam("as"))
