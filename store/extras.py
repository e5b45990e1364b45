"""What a read did not bring beside items and fields: what is known of it stays.

Most reads ask for no histories, and one that does, as `backfill`, brings them along; sprints and links stay away while
a token may not read them.  Where nothing else of an item differs, the version with them goes on: else each of the two
reads would make new versions of items that nobody touched.  What differs otherwise loses them: a history would not
tell how the item came to be what it is, and the change may have been one of its sprint, or of its links.

A history that was asked for, and cannot be had whole for once, is not one in which nothing happened: what is known
goes on for as long as the item stands as it stood.
"""

from collections.abc import Iterable, Set
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Update, and_, bindparam, false, func, or_, select, update

from okrs.demand import Container, Extra
from store.items import END_OF_HISTORY, digest_of, same_without, with_history
from store.putting import HERE, of
from store.sources import Lease
from store.tables import incoming, item, item_version

_EVERY = frozenset(Extra)


def keep_extras(connection: Connection, lease: Lease, known: Iterable[Container], asked: Set[Extra]) -> None:
    """Let what was gathered of containers have what the mirror knows and the read did not bring."""
    statement = _lacking(left_out=not asked >= _EVERY, histories=Extra.HISTORIES in asked)
    kept = [
        {"of_source": lease.source, "of_container": row.container, "of_id": row.id, "as_hash": told[0], "as": told[1]}
        for row in connection.execute(statement, of(lease, known))
        if (told := _kept(asked, row.payload, row.hash, row.held))
    ]
    if kept:
        connection.execute(_as_known(), kept)


def _kept(asked: Set[Extra], payload: str, known_hash: str, held: str) -> tuple[str, str] | None:
    """Return the hash and the payload with which an item goes on; None where it is to be as it came."""
    if payload == held:
        return None  # what differs is forgotten of both
    lost = Extra.HISTORIES in asked and held.endswith(END_OF_HISTORY) and not payload.endswith(END_OF_HISTORY)
    lacking = (_EVERY - asked) | ({Extra.HISTORIES} if lost else set())
    if same_without(lacking, payload, held):
        return known_hash, held
    told = with_history(payload, held) if lost else None
    return (digest_of(told.encode()), told) if told else None


@cache
def _lacking(*, left_out: bool, histories: bool) -> Select[Any]:
    """Items that differ from the mirror, of which it may know more.

    Of what was left out more is longer, except for links in another order: a pull request names some in its title,
    whoever asks.  A history that was asked for may be lacking in an item that has become longer otherwise.
    """
    version = (item_version.c.source == item.c.source, item_version.c.item == item.c.id)
    joined = incoming.join(item, and_(item.c.source == incoming.c.source, item.c.id == incoming.c.id)).join(
        item_version, and_(*version, item_version.c.seen_at == item.c.seen_at)
    )
    now, held = incoming.c.payload, item_version.c.payload
    told = (incoming.c.container, incoming.c.id, now, item.c.hash, held.label("held"))
    longer = func.length(held) >= func.length(now) if left_out else false()
    lost = and_(held.endswith(END_OF_HISTORY), ~now.endswith(END_OF_HISTORY)) if histories else false()
    return select(*told).select_from(joined).where(*HERE, item.c.hash != incoming.c.hash, or_(longer, lost))


@cache
def _as_known() -> Update:
    here = (incoming.c.source == bindparam("of_source"), incoming.c.container == bindparam("of_container"))
    told = update(incoming).where(*here, incoming.c.id == bindparam("of_id"))
    return told.values(hash=bindparam("as_hash"), payload=bindparam("as"))
