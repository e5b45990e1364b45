"""Keeps the facets of large mirrors: what changed since the last time is dressed anew, with all that rests on it.

A mirror of a few thousand items is read whole, which is quicker than keeping facets of it.
"""

import uuid
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, select, update

from mapping.facets import (
    EVERYONE,
    FORMER,
    MILESTONE,
    PARENT,
    PLANS,
    SPRINT,
    Row,
    asked_of,
    asked_rows,
    bearing,
    ties_to,
)
from mapping.family import Candidate, Lore, Seen
from mapping.meaning import settled
from mapping.measure import NO_SCOPES, Scopes, held
from mapping.rule import Clause, Part, Rule, leaves_of
from okrs.work import WorkItem, fold_key
from store import clauses, dressing, lookup, queries, sources
from store.clauses import Known
from store.database import Database, raw, slices, upsert
from store.narrowing import beside, foundation_of, joined
from store.tables import faceted, former_key, item
from store.tables import source as source_table
from store.terms import Numbering, Term, find, tied

LARGE = 50_000
"""Items from which on facets are kept for a source."""

_FEW = 2_000
"""Items up to which a key result is measured by those that moved alone."""

_AT_ONCE = 10_000
"""Items that are dressed at the same time when all of them are."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the facets that are kept are of."""

    generation: int
    asked: frozenset[str]
    called: str
    built: int
    """The generation at which they were made of all items."""
    builder: str | None = None


class Index:
    """The facets of a source as they are in one snapshot, ready for the questions of many rules."""

    def __init__(self, source: str, kept: _Kept, lore: Lore) -> None:
        self.source = source
        self.generation = kept.generation
        self.asked = kept.asked
        self.built = kept.built
        self.lore = lore
        self.plans: dict[Hashable, Any] = {}
        """What rules were translated to, kept by whoever does that."""
        self._terms: dict[Row, Term | None] = {}
        self._foundation: Mapping[str, Seen] | None = None

    def foundation(self, connection: Connection) -> Mapping[str, Seen]:
        """Return what the facets of many rest on."""
        if self._foundation is None:
            self._foundation = foundation_of(connection, self.source, self.lore)
        return self._foundation

    def known(self, connection: Connection, some: Sequence[Clause]) -> Known | None:
        """Return what settled clauses are translated with; None where the facets that they ask for are not kept."""
        if not asked_of(some) <= self.asked:
            return None
        rows = {EVERYONE, *(row for clause in some for leaf in leaves_of(clause) for row in asked_rows(leaf))}
        self._look_up(connection, rows)
        terms = {row: term for row in rows if (term := self._terms[row]) is not None}
        return Known(self.source, terms, self.lore.queries)

    def term(self, connection: Connection, row: Row) -> Term | None:
        """Return the term of a row; None where no item ever had it."""
        self._look_up(connection, {row})
        return self._terms[row]

    def _look_up(self, connection: Connection, rows: set[Row]) -> None:
        new = rows - self._terms.keys()
        if new:
            self._terms |= dict.fromkeys(new) | find(connection, self.source, new)


@dataclass(frozen=True, slots=True)
class Touched:
    """The items of a source that changed, came or left since a generation, or that rest on such."""

    ids: frozenset[str]
    candidates: tuple[Candidate, ...]
    """Those that are in the mirror now."""


def index_of(connection: Connection, source: str) -> Index | None:
    """Return the index of a source; None where no facets are kept, or not of the items as they are."""
    kept = _kept(connection, source)
    if kept is None or kept.builder is not None or kept.generation != _generation(connection, source):
        return None
    lore = queries.lore_of(connection, source)
    return Index(source, kept, lore) if kept.called == _called(lore) else None


def selection(connection: Connection, index: Index, clause: Clause) -> set[str] | None:
    """Return the ids that a settled clause selects; None where facets do not tell."""
    known = index.known(connection, [clause])
    if known is None:
        return None
    asked = clauses.selected(known, clause)
    return {row[0] for row in raw(connection, f"SELECT f.item FROM facet f WHERE {asked.text}", asked.values)}


def selects_some(connection: Connection, index: Index, rule: Rule, part: Part, now: datetime) -> bool | None:
    """Tell whether a part selects any item at all; None where facets do not tell."""
    where = settled(part.where, rule.timezone, min(now, rule.period.end))
    known = index.known(connection, [where])
    if known is None:
        return None
    asked = clauses.selected(known, where)
    return raw(connection, f"SELECT 1 FROM facet f WHERE {asked.text} LIMIT 1", asked.values).first() is not None


def chosen(
    connection: Connection, index: Index, rule: Rule, now: datetime, scopes: Scopes = NO_SCOPES
) -> list[Candidate] | None:
    """Return the items of a source that a rule may select, and what they rest on; None where facets do not tell.

    What a frozen scope holds is among them, though the rule may select it no more.
    """
    until = min(now, rule.period.end)
    ids = set(held(rule, index.source, scopes))
    for part in rule.parts:
        if part.source == index.source:
            found = selection(connection, index, settled(part.where, rule.timezone, until))
            if found is None:
                return None
            ids |= found
    return joined(connection, index.source, ids, index.lore, index.foundation(connection))


def touched(connection: Connection, index: Index, since: int) -> Touched | None:
    """Return what moved since a generation of the source; None where nobody kept note, or where it is too much."""
    if since < index.built:
        return None
    moved = select(item.c.id).where(item.c.source == index.source, item.c.changed > since).limit(_FEW + 1)
    ids = frozenset(connection.execute(moved).scalars())
    if len(ids) > _FEW:
        return None
    around = joined(connection, index.source, ids, index.lore, index.foundation(connection))
    return Touched(ids, tuple(each for each in around if each.item.id in ids))


def follow(database: Database, source: str, asked: frozenset[str], large: int = LARGE) -> None:
    """Bring the facets of a source up to its items, where they are many."""
    with database.read() as connection:
        kept, generation = _kept(connection, source), _generation(connection, source)
        if kept is None and sources.items_held(connection, source) < large:
            return
        lore = queries.lore_of(connection, source)
        now = _Kept(generation, asked, _called(lore), generation)
        whole = kept is None or kept.builder is not None or not kept.asked >= asked or kept.called != now.called
        if kept is not None and not whole:
            if kept.generation == now.generation:
                return
            now, ids = replace(now, asked=kept.asked, built=kept.built), _touched(connection, source, kept.generation)
            # The facets that name the plans are behind: whoever is new among them was touched.
            around = joined(connection, source, ids, lore, foundation_of(connection, source, lore, ids))
            dressed = [each for each in around if each.item.id in ids]
    if whole:
        _dress_all(database, source, now)
        return
    with database.write() as connection:
        if _locked(connection, source) != (kept, now.generation):
            return  # somebody was faster; the next one looks again
        dressing.change(connection, source, ids, dressed, now.asked)
        _mark(connection, source, ids, now.generation)
        _note(connection, source, now)


# --- all items ---------------------------------------------------------------------------------------------------


def _dress_all(database: Database, source: str, now: _Kept) -> None:
    """Dress all items as they are in one snapshot, some at a time; nobody else may begin the same meanwhile.

    What changes until the end is dressed anew the next time.
    """
    mine = replace(now, builder=uuid.uuid4().hex)
    with database.write() as connection:
        if _locked(connection, source)[1] != now.generation:
            return
        dressing.forget(connection, source)
        _note(connection, source, mine)
        dressing.name_keys(connection, source)
    numbering = Numbering(source)
    with database.read() as connection:
        if _generation(connection, source) != now.generation:
            return  # the keys are behind
        for dressed in _everyone(connection, source):
            with database.write() as writing:
                if _locked(writing, source)[0] != mine:
                    return
                dressing.put(writing, numbering, source, dressed, now.asked)
    with database.write() as connection:
        if _locked(connection, source)[0] == mine:
            dressing.count(connection, source)
            _note(connection, source, now)


def _everyone(connection: Connection, source: str) -> Iterator[list[Candidate]]:
    lore = queries.lore_of(connection, source)
    plans = connection.execute(select(item.c.id).where(item.c.source == source, item.c.kind.in_(PLANS)))
    foundation = foundation_of(connection, source, lore, [row.id for row in plans])
    last = ""
    while some := lookup.items_where(connection, source, item.c.id > last, _AT_ONCE):
        last = some[-1].item.id
        mine = {each.item.id: each for each in some}
        yield [each for each in beside(connection, source, mine, lore, foundation) if each.item.id in mine]


# --- what they are of --------------------------------------------------------------------------------------------


def _generation(connection: Connection, source: str) -> int:
    return sources.generations(connection, [source])[source]


def _kept(connection: Connection, source: str) -> _Kept | None:
    row = connection.execute(select(faceted).where(faceted.c.source == source)).one_or_none()
    if row is None:
        return None
    return _Kept(row.generation, frozenset(orjson.loads(row.asked)), row.called, row.built, row.builder)


def _note(connection: Connection, source: str, kept: _Kept) -> None:
    asked = orjson.dumps(sorted(kept.asked)).decode()
    told = {"generation": kept.generation, "asked": asked, "called": kept.called}
    told |= {"built": kept.built, "builder": kept.builder}
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


def _mark(connection: Connection, source: str, ids: Iterable[str], generation: int) -> None:
    """Note on items that rest on what changed that they are concerned: facets do not tell any more."""
    for some in slices(ids):
        mine = (item.c.source == source, item.c.id.in_(some))
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
    resting = _members(connection, source, forms) | below(connection, source, moved, forms)
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
    dressed = set(tied(connection, source, FORMER, [f"~{key}" for key in folded]))
    return dressed | {row.item for row in rows if fold_key(row.key) in folded}


def _members(connection: Connection, source: str, forms: Iterable[WorkItem]) -> set[str]:
    """Whoever belongs to a plan that changed, by its own word or by that of the plan."""
    plans = list(forms)
    ids = [f"={each.id}" for each in plans]
    mine = [*tied(connection, source, MILESTONE, ids), *tied(connection, source, SPRINT, ids)]
    return {*mine} | {member for each in plans for member in each.members}


def below(connection: Connection, source: str, moved: Iterable[str], forms: Iterable[WorkItem]) -> set[str]:
    """All descendants, as far as facets tell; who came or changed since then is dressed anew anyway."""
    former: dict[str, list[str]] = {}
    for row in connection.execute(select(former_key).where(former_key.c.source == source)):
        former.setdefault(row.item, []).append(row.key)
    ties = {tie for name in moved for tie in ties_to(name, *former.get(name, ()))}
    ties |= {tie for each in forms for tie in ties_to("", each.key)}
    found: set[str] = set()
    while ties:
        new = set(tied(connection, source, PARENT, ties)) - found
        found |= new
        keys = lookup.keys_of(connection, source, new)
        ties = {tie for name in new for tie in ties_to(name, keys.get(name, ""), *former.get(name, ()))}
    return found
