"""What the trackers' own queries find: a set of item ids for each query of a source, as of its last complete answer."""

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime
from functools import cache

from sqlalchemy import BindParameter, ColumnElement, Connection, Delete, bindparam, delete, select, update

from mapping.ending import ended, moved_since
from mapping.family import Candidate, Lore, candidates
from okrs.immutable import replace
from store.database import Database, raw, slices, upsert
from store.fresh import Fresh
from store.lookup import items_of, stood
from store.mirror import next_generation
from store.rows import fetched, put
from store.sources import Lease, fenced, following
from store.tables import item, query, query_hit, short, storable


def replace_hits(database: Database, lease: Lease, text: str, found: Set[str], now: datetime) -> int:
    """Keep what a query finds now.  Returns how many ids are new or gone.  Raises LeaseLostError."""
    found, name = {storable(each) for each in found}, name_of_query(text)
    with database.write() as connection:
        fenced(connection, lease, now)
        known = select(query.c.name).where(query.c.source == lease.source, query.c.name == name)
        first = connection.execute(known.where(query.c.read_at.is_not(None))).first() is None
        _note(connection, lease, text, {"read_at": now, "error": None, "refused": False})
        here = (query_hit.c.source == lease.source, query_hit.c.query == name)
        held = set(connection.execute(select(query_hit.c.item).where(*here)).scalars())
        for some in slices(sorted(held - found)):
            connection.execute(delete(query_hit).where(*here, query_hit.c.item.in_(some)))
        new = [{"source": lease.source, "query": name, "item": each} for each in sorted(found - held)]
        put(connection, query_hit, new)
        changed = held ^ found
        for some in slices(sorted(changed)):  # what finds an item is a facet of it, though the item is the same
            moved = update(item).where(item.c.source == lease.source, item.c.id.in_(some))
            connection.execute(moved.values(changed=following(lease.source)))
        if changed or first:
            next_generation(connection, lease)
        return len(changed)


def note_error(database: Database, lease: Lease, text: str, error: str, now: datetime) -> None:
    """Keep why a query could not be asked; what it found last stays.  One that was refused stays so."""
    with database.write() as connection:
        fenced(connection, lease, now)
        _note(connection, lease, text, {"error": error}, unless=query.c.refused)


def note_refused(database: Database, lease: Lease, text: str, error: str, now: datetime) -> None:
    """Keep why the tracker refuses a query: until it answers, no rule that names it is measured."""
    with database.write() as connection:
        fenced(connection, lease, now)
        _note(connection, lease, text, {"error": error, "refused": True})


def forget_others(database: Database, lease: Lease, texts: Iterable[str], now: datetime) -> None:
    """Drop the queries that no rule names any more."""
    kept = tuple(map(name_of_query, texts))
    with database.read() as connection:
        if set(raw(connection, "SELECT name FROM query WHERE source = ?", (lease.source,)).scalars()) <= set(kept):
            return  # as at most polls: nobody waits for the right to write
    with database.write() as connection:
        fenced(connection, lease, now)
        others = {"of_source": lease.source, "kept": kept}
        for statement in _others():
            connection.execute(statement, others)


@cache
def _others() -> tuple[Delete, ...]:
    columns = ((query_hit, query_hit.c.query), (query, query.c.name))
    kept: BindParameter[str] = bindparam("kept", expanding=True)
    return tuple(
        delete(table).where(table.c.source == bindparam("of_source"), column.not_in(kept)) for table, column in columns
    )


def candidates_of(connection: Connection, source: str, fresh: Fresh | None = None) -> list[Candidate]:
    """Return all items of a source that are in the mirror, with what else is known of them."""
    return candidates(items_of(connection, source, fresh), lore_of(connection, source))


def at_end(connection: Connection, source: str, every: Sequence[Candidate], end: datetime) -> list[Candidate]:
    """Return candidates of a source as they stood at the end of a cycle that is over."""
    then = stood(connection, source, [each.item.id for each in every if moved_since(each.seen, end)], end)
    return [
        ended(replace(each, seen=replace(each.seen, then=then[each.item.id])) if each.item.id in then else each, end)
        for each in every
    ]


FORMER_KEYS = "SELECT key, item, changed FROM former_key WHERE source = ? ORDER BY changed, key"
"""The question for the former keys of a source: of two spellings of a key the last one counts."""


def lore_of(connection: Connection, source: str) -> Lore:
    """Return what the mirror knows of a source beside its items."""
    keys = raw(connection, FORMER_KEYS, (source,))
    held = raw(connection, "SELECT id, name, called FROM container WHERE source = ? ORDER BY name", (source,)).all()
    names = {row.called: row.name for row in held if row.called} | {row.id: row.name for row in held}
    return Lore(hits(connection, source), {row.key: row.item for row in keys}, names)


def hits(connection: Connection, source: str) -> Mapping[str, frozenset[str]]:
    """Return what each query of a source that was ever answered finds: ids of items by the query's text."""
    asked = {row.name: row for row in fetched(connection, query, "WHERE source = ?", (source,))}
    found: dict[str, set[str]] = {row.name: set() for row in asked.values() if row.read_at is not None}
    for row in raw(connection, "SELECT query, item FROM query_hit WHERE source = ?", (source,)):
        found.setdefault(row.query, set()).add(row.item)
    return {asked[name].text: frozenset(items) for name, items in found.items()}


def answered(connection: Connection, source: str) -> frozenset[str]:
    """Return the texts of the queries of a source that were answered at least once, and are not refused by now."""
    asked = select(query.c.text).where(query.c.source == source, query.c.read_at.is_not(None), ~query.c.refused)
    return frozenset(connection.execute(asked).scalars())


def answered_at(connection: Connection, source: str) -> dict[str, datetime]:
    """Return when each query of a source was answered last, of those that ever were."""
    asked = select(query.c.text, query.c.read_at).where(query.c.source == source, query.c.read_at.is_not(None))
    return {row.text: row.read_at for row in connection.execute(asked)}


def name_of_query(text: str) -> str:
    """Return what a query is called in the tables."""
    return short(storable(text))


def errors_of(connection: Connection, source: str) -> dict[str, str | None]:
    """Return why each query of a source was not answered when it was asked last; None of one that was."""
    return {row.text: row.error for row in fetched(connection, query, "WHERE source = ? ORDER BY text", (source,))}


def refusals_of(connection: Connection, source: str) -> dict[str, str]:
    """Return the tracker's words for each query of a source that it refuses."""
    refused = fetched(connection, query, "WHERE source = ? AND refused ORDER BY text", (source,))
    return {row.text: row.error or "" for row in refused}


def _note(
    connection: Connection,
    lease: Lease,
    text: str,
    told: dict[str, object],
    *,
    unless: ColumnElement[bool] | None = None,
) -> None:
    statement = upsert(connection.dialect.name, query).values(
        source=lease.source, name=name_of_query(text), text=text, **told
    )
    where = None if unless is None else ~unless
    connection.execute(statement.on_conflict_do_update(index_elements=["source", "name"], set_=told, where=where))
