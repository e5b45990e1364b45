"""Keeps the facets of large mirrors: what changed since the last time is dressed anew, with all that rests on it.

A mirror of a few thousand items is read whole, which is quicker than keeping facets of it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import orjson
from sqlalchemy import Connection, delete, select, update

from mapping.facets import FORMER, MILESTONE, PARENT, SPRINT, asked_of, bearing, rows_of, ties_to
from mapping.family import Candidate, Lore, Seen
from mapping.meaning import settled
from mapping.measure import NO_SCOPES, Scopes, held
from mapping.rule import Rule
from okrs.work import WorkItem, fold_key
from store import lookup, queries, sources
from store.database import Database, slices, upsert
from store.narrowing import foundation_of, joined, selection
from store.tables import facet, faceted, former_key, item
from store.tables import source as source_table

LARGE = 50_000
"""Items from which on facets are kept for a source."""

_FEW = 2_000
"""Items up to which a key result is measured by those that moved alone."""

_AT_ONCE = 5_000
_COLUMNS = ("source", "name", "value", "item")


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the facets that are kept are of."""

    generation: int
    asked: frozenset[str]
    called: str
    built: int
    """The generation at which they were made of all items."""


@dataclass(frozen=True, slots=True)
class Index:
    """The facets of a source as they are in one snapshot, ready for the questions of many rules."""

    source: str
    generation: int
    asked: frozenset[str]
    built: int
    lore: Lore
    foundation: Mapping[str, Seen]


@dataclass(frozen=True, slots=True)
class Touched:
    """The items of a source that changed, came or left since a generation, or that rest on such."""

    ids: frozenset[str]
    candidates: tuple[Candidate, ...]
    """Those that are in the mirror now."""


def index_of(connection: Connection, source: str) -> Index | None:
    """Return the index of a source; None where no facets are kept, or not of the items as they are."""
    kept = _kept(connection, source)
    if kept is None or kept.generation != _generation(connection, source):
        return None
    lore = queries.lore_of(connection, source)
    if kept.called != _called(lore):
        return None
    return Index(source, kept.generation, kept.asked, kept.built, lore, foundation_of(connection, source, lore))


def chosen(
    connection: Connection, index: Index, rule: Rule, now: datetime, scopes: Scopes = NO_SCOPES
) -> list[Candidate] | None:
    """Return the items of a source that a rule may select, and what they rest on; None where facets do not tell.

    What a frozen scope holds is among them, though the rule may select it no more.
    """
    until = min(now, rule.period.end)
    clauses = [settled(part.where, rule.timezone, until) for part in rule.parts if part.source == index.source]
    if not asked_of(clauses) <= index.asked:
        return None
    found = [selection(connection, index.source, clause, index.lore.queries) for clause in clauses]
    ids = held(rule, index.source, scopes).union(row.id for each in found for row in connection.execute(each))
    return joined(connection, index.source, ids, index.lore, index.foundation)


def touched(connection: Connection, index: Index, since: int) -> Touched | None:
    """Return what moved since a generation of the source; None where nobody kept note, or where it is too much."""
    if since < index.built:
        return None
    moved = select(item.c.id).where(item.c.source == index.source, item.c.changed > since).limit(_FEW + 1)
    ids = frozenset(connection.execute(moved).scalars())
    if len(ids) > _FEW:
        return None
    around = joined(connection, index.source, ids, index.lore, index.foundation)
    return Touched(ids, tuple(each for each in around if each.item.id in ids))


def follow(database: Database, source: str, asked: frozenset[str], large: int = LARGE) -> None:
    """Bring the facets of a source up to its items, where they are many."""
    with database.read() as connection:
        kept, generation = _kept(connection, source), _generation(connection, source)
        if kept is None and sources.items_held(connection, source) < large:
            return
        lore = queries.lore_of(connection, source)
        now = _Kept(generation, asked, _called(lore), generation)
        if kept is None or not kept.asked >= asked or kept.called != now.called:
            ids, dressed = None, queries.candidates_of(connection, source)
        elif kept.generation == now.generation:
            return
        else:
            now, ids = replace(now, asked=kept.asked, built=kept.built), _touched(connection, source, kept.generation)
            # The facets that name the plans are behind: whoever is new among them was touched.
            around = joined(connection, source, ids, lore, foundation_of(connection, source, lore, ids))
            dressed = [each for each in around if each.item.id in ids]
    with database.write() as connection:
        if _locked(connection, source) != (kept, now.generation):
            return  # somebody was faster; the next one looks again
        _forget(connection, source, ids)
        _put(connection, source, dressed, now.asked)
        _mark(connection, source, ids or (), now.generation)
        _note(connection, source, now)


def _generation(connection: Connection, source: str) -> int:
    return sources.generations(connection, [source])[source]


def _kept(connection: Connection, source: str) -> _Kept | None:
    row = connection.execute(select(faceted).where(faceted.c.source == source)).one_or_none()
    return _Kept(row.generation, frozenset(orjson.loads(row.asked)), row.called, row.built) if row else None


def _note(connection: Connection, source: str, kept: _Kept) -> None:
    asked = orjson.dumps(sorted(kept.asked)).decode()
    told = {"generation": kept.generation, "asked": asked, "called": kept.called, "built": kept.built}
    statement = upsert(connection.dialect.name, faceted).values(source=source, **told)
    connection.execute(statement.on_conflict_do_update(index_elements=["source"], set_=told))


def _called(lore: Lore) -> str:
    """How the config calls the containers, which is part of the facets of everything in them."""
    return orjson.dumps(dict(lore.names), option=orjson.OPT_SORT_KEYS).decode()


def _locked(connection: Connection, source: str) -> tuple[_Kept | None, int | None]:
    """Return what the facets are of, and the source's generation; nobody else changes them until the end.

    A source that was never read has no generation.
    """
    row = connection.execute(select(source_table.c.generation).where(source_table.c.name == source).with_for_update())
    return _kept(connection, source), row.scalar_one_or_none()


def _put(connection: Connection, source: str, dressed: Sequence[Candidate], asked: frozenset[str]) -> None:
    # As text: a statement object would look at every value of every row, and there are millions.
    statement = str(facet.insert().compile(dialect=connection.dialect, column_keys=_COLUMNS))
    for begin in range(0, len(dressed), _AT_ONCE):
        some = dressed[begin : begin + _AT_ONCE]
        rows = sorted((source, *row, each.item.id) for each in some for row in rows_of(each, asked))
        if rows:
            positional = connection.dialect.positional
            many = rows if positional else [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
            connection.exec_driver_sql(statement, many)


def _forget(connection: Connection, source: str, ids: Iterable[str] | None) -> None:
    mine = facet.c.source == source
    if ids is None:
        connection.execute(delete(facet).where(mine))
        return
    for some in slices(ids):
        connection.execute(delete(facet).where(mine, facet.c.item.in_(some)))


def _mark(connection: Connection, source: str, ids: Iterable[str], generation: int) -> None:
    """Note on items that rest on what changed that they are concerned: facets do not tell any more."""
    for some in slices(ids):
        mine = (item.c.source == source, item.c.id.in_(some), item.c.changed < generation)
        connection.execute(update(item).where(*mine).values(changed=generation))


# --- what rests on what changed ----------------------------------------------------------------------------------


def _touched(connection: Connection, source: str, since: int) -> set[str]:
    """Return the ids of what changed, came or left since a generation, and of all whose facets rest on it."""
    rows = connection.execute(select(item.c.id).where(item.c.source == source, item.c.changed > since))
    changed = {row.id for row in rows}
    was, now = lookup.before(connection, source, changed, since), _present(connection, source, changed)
    moved = {name for name in changed if bearing(was.get(name)) != bearing(now.get(name))}
    passed_on = _passed_on(connection, source, [each.key for name in moved for each in _forms(name, was, now)], moved)
    now |= _present(connection, source, passed_on)
    moved |= passed_on
    forms = [each for name in moved for each in _forms(name, was, now)]
    resting = _members(connection, source, forms) | _below(connection, source, moved, forms)
    return changed | moved | resting


def _present(connection: Connection, source: str, ids: Iterable[str]) -> dict[str, WorkItem]:
    return {name: held for name, (held, gone) in lookup.look_up(connection, source, ids).items() if gone is None}


def _forms(name: str, *known: Mapping[str, WorkItem]) -> list[WorkItem]:
    """An item as it was and as it is."""
    return [held[name] for held in known if name in held]


def _passed_on(connection: Connection, source: str, keys: Iterable[str], moved: Collection[str]) -> set[str]:
    """Items that a key meant, or means, though they had it only before: as long as nobody else has or had it since."""
    rows = connection.execute(select(former_key).where(former_key.c.source == source)).all()
    folded = {fold_key(key) for key in [*keys, *(row.key for row in rows if row.item in moved)]}
    dressed = _tied(connection, source, FORMER, [f"~{key}" for key in folded])
    return dressed | {row.item for row in rows if fold_key(row.key) in folded}


def _members(connection: Connection, source: str, forms: Iterable[WorkItem]) -> set[str]:
    """Whoever belongs to a plan that changed, by its own word or by that of the plan."""
    plans = list(forms)
    ids = [f"={each.id}" for each in plans]
    mine = _tied(connection, source, MILESTONE, ids) | _tied(connection, source, SPRINT, ids)
    return mine | {member for each in plans for member in each.members}


def _below(connection: Connection, source: str, moved: Iterable[str], forms: Iterable[WorkItem]) -> set[str]:
    """All descendants, as far as facets tell; who came or changed since then is dressed anew anyway."""
    former: dict[str, list[str]] = {}
    for row in connection.execute(select(former_key).where(former_key.c.source == source)):
        former.setdefault(row.item, []).append(row.key)
    ties = {tie for name in moved for tie in ties_to(name, *former.get(name, ()))}
    ties |= {tie for each in forms for tie in ties_to("", each.key)}
    found: set[str] = set()
    while ties:
        new = _tied(connection, source, PARENT, ties) - found
        found |= new
        keys = _keys(connection, source, new)
        ties = {tie for name in new for tie in ties_to(name, keys.get(name, ""), *former.get(name, ()))}
    return found


def _tied(connection: Connection, source: str, name: str, values: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for some in slices(values):
        rows = select(facet.c.item).where(facet.c.source == source, facet.c.name == name, facet.c.value.in_(some))
        found.update(row.item for row in connection.execute(rows))
    return found


def _keys(connection: Connection, source: str, ids: Iterable[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for some in slices(ids):
        rows = connection.execute(select(item.c.id, item.c.key).where(item.c.source == source, item.c.id.in_(some)))
        found.update((row.id, row.key) for row in rows)
    return found
