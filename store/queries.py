"""What the trackers' own queries find: a set of item ids for each query of a source, as of its last complete answer."""

from collections.abc import Iterable, Mapping, Set
from datetime import datetime

from sqlalchemy import Connection, delete, select

from mapping.family import Candidate, Lore, candidates
from store.database import Database, inserted, slices, upsert
from store.lookup import items_of
from store.mirror import next_generation
from store.sources import Lease, fenced
from store.tables import container, former_key, query, query_hit


def replace_hits(database: Database, lease: Lease, text: str, found: Set[str], now: datetime) -> int:
    """Keep what a query finds now.  Returns how many ids are new or gone.  Raises LeaseLostError."""
    with database.write() as connection:
        fenced(connection, lease, now)
        known = select(query.c.text).where(query.c.source == lease.source, query.c.text == text)
        first = connection.execute(known.where(query.c.read_at.is_not(None))).first() is None
        _note(connection, lease, text, {"read_at": now, "error": None})
        here = (query_hit.c.source == lease.source, query_hit.c.query == text)
        held = {row.item for row in connection.execute(select(query_hit.c.item).where(*here))}
        for some in slices(sorted(held - found)):
            connection.execute(delete(query_hit).where(*here, query_hit.c.item.in_(some)))
        new = [{"source": lease.source, "query": text, "item": item} for item in sorted(found - held)]
        inserted(connection, query_hit.insert(), new)
        changed = len(held ^ found)
        if changed or first:
            next_generation(connection, lease)
        return changed


def note_error(database: Database, lease: Lease, text: str, error: str, now: datetime) -> None:
    """Keep why a query could not be asked; what it found last stays."""
    with database.write() as connection:
        fenced(connection, lease, now)
        _note(connection, lease, text, {"error": error})


def forget_others(database: Database, lease: Lease, texts: Iterable[str], now: datetime) -> None:
    """Drop the queries that no rule names any more."""
    with database.write() as connection:
        fenced(connection, lease, now)
        for table, column in ((query_hit, query_hit.c.query), (query, query.c.text)):
            connection.execute(delete(table).where(table.c.source == lease.source, column.not_in(tuple(texts))))


def candidates_of(connection: Connection, source: str) -> list[Candidate]:
    """Return all items of a source that are in the mirror, with what else is known of them."""
    return candidates(items_of(connection, source), lore_of(connection, source))


def lore_of(connection: Connection, source: str) -> Lore:
    """Return what the mirror knows of a source beside its items."""
    keys = connection.execute(select(former_key.c.key, former_key.c.item).where(former_key.c.source == source))
    held = connection.execute(select(container).where(container.c.source == source)).all()
    names = {row.called: row.name for row in held if row.called} | {row.id: row.name for row in held}
    return Lore(hits(connection, source), {row.key: row.item for row in keys}, names)


def hits(connection: Connection, source: str) -> Mapping[str, frozenset[str]]:
    """Return what each query of a source that was ever answered finds: ids of items by the query's text."""
    asked = connection.execute(select(query.c.text).where(query.c.source == source, query.c.read_at.is_not(None)))
    found: dict[str, set[str]] = {row.text: set() for row in asked}
    for row in connection.execute(select(query_hit).where(query_hit.c.source == source)):
        found.setdefault(row.query, set()).add(row.item)
    return {text: frozenset(items) for text, items in found.items()}


def _note(connection: Connection, lease: Lease, text: str, told: dict[str, object]) -> None:
    statement = upsert(connection.dialect.name, query).values(source=lease.source, text=text, **told)
    connection.execute(statement.on_conflict_do_update(index_elements=["source", "text"], set_=told))
