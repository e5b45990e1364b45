"""Keeps the facets of large mirrors: what changed since the last time is dressed anew, with all that rests on it.

A mirror of a few thousand items is read whole, which is quicker than keeping facets of it.  Who only looks while facets
are behind asks them together with what moved since (`index_beside`).
"""

import uuid
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import orjson
from sqlalchemy import Connection, Select, bindparam, select

from mapping.ending import asks_how_far, however_far
from mapping.facets import (
    EVERYONE,
    PLANS,
    Row,
    asked_of,
    asked_rows,
    asks_kin,
)
from mapping.family import Candidate, Lore, Seen, candidates
from mapping.meaning import selecting, settled
from mapping.measure import NO_SCOPES, Scopes, held
from mapping.rule import Clause, Rule, leaves_of
from okrs.immutable import immutable, replace
from store import clauses, dressing, lookup, queries, resting, sources
from store.clauses import Known
from store.database import Database, listed, raw, slices
from store.narrowing import beside, called, foundation_of, joined, present
from store.rows import fetched, put
from store.sql import FALSE, Sql, all_of
from store.tables import faceted, item, micros
from store.tables import source as source_table
from store.terms import Numbering, Term, find

LARGE = 50_000
"""Items from which on facets are kept for a source, however few rules ask it."""

_LEAST = 1_000
"""Items up to which none are, however many rules do."""

_LOOKS = 250_000
"""So many looks of rules at items take a second or two, which every poll would cost that moves one of them."""

_FEW = 2_000
"""Items up to which a key result is measured by those that moved alone."""

_FEW_MOVED = 100
"""Items up to which those that moved since the end of a cycle are named in the question for what a rule selects."""

_AT_ONCE = 10_000
"""Items that are dressed at the same time when all of them are."""

_LATE = 2_000
"""So many items may be late for who reads by facets that are behind: every rule looks at each of them."""

VERSION = 1
"""Of what facets mean and how they are written; facets of another one are made anew."""


@immutable
class _Kept:
    """What the facets that are kept are of."""

    generation: int
    asked: frozenset[str]
    called: str
    build: str
    """One for each time that all items were dressed."""
    built: int | None
    """The generation at which that was done; None while it goes on."""

    def enough(self, asked: frozenset[str], called: str) -> bool:
        """Tell whether they can go on to be kept, for who asks this."""
        return self.built is not None and self.asked >= asked and self.called == called


class Index:
    """The facets of a source as they are in one snapshot, ready for the questions of many rules."""

    def __init__(
        self,
        source: str,
        kept: _Kept,
        lore: Lore,
        foundation: Mapping[str, Seen] | None = None,
        late: frozenset[str] = frozenset(),
    ) -> None:
        self.source = source
        self.kept = kept
        self.lore = lore
        self.late = late
        """Ids of items of which the facets tell how they were: those that moved since, and all that rest on them."""
        self.plans: dict[Hashable, Any] = {}
        """What rules were translated to, kept by whoever does that."""
        self._terms: dict[Row, Term | None] = {}
        self._foundation = foundation
        self._moved: dict[int, Sql] = {}
        self._late: dict[str, Seen] | None = None
        self._latecomers: list[Candidate] | None = None

    @property
    def build(self) -> str:
        """Another one whenever the facets of all items were made anew."""
        return self.kept.build

    @property
    def generation(self) -> int:
        """The source's generation whose items the facets are of."""
        return self.kept.generation

    def tells(self, connection: Connection) -> bool:
        """Tell whether it is the index of this snapshot, too: facets that were made anew have other numbers."""
        return _kept(connection, self.source) == self.kept

    def foundation(self, connection: Connection) -> Mapping[str, Seen]:
        """Return what the facets of many rest on."""
        if self._foundation is None:
            self._foundation = foundation_of(connection, self.source, self.lore)
        return self._foundation

    def seen(self, connection: Connection, ids: Iterable[str]) -> dict[str, Seen]:
        """Return the items of these ids that are in the mirror, and those that are late, which are loaded once."""
        if self._late is None:
            self._late = present(connection, self.source, self.late)
        return present(connection, self.source, set(ids) - self.late) | self._late

    def latecomers(self, connection: Connection) -> list[Candidate]:
        """Return those that are late, as they are."""
        if self._latecomers is None:
            around = beside(connection, self.source, self.seen(connection, ()), self.lore, self.foundation(connection))
            self._latecomers = [each for each in around if each.item.id in self.late]
        return self._latecomers

    def known(self, connection: Connection, some: Sequence[Clause]) -> Known | None:
        """Return what settled clauses are translated with; None where the facets that they ask for are not kept."""
        if not asked_of(some) <= self.kept.asked:
            return None
        rows = {EVERYONE, *(row for clause in some for leaf in leaves_of(clause) for row in asked_rows(leaf))}
        self._look_up(connection, rows)
        terms = {row: term for row in rows if (term := self._terms[row]) is not None}
        return Known(connection.dialect.name, self.source, terms, self.lore.queries)

    def term(self, connection: Connection, row: Row) -> Term | None:
        """Return the term of a row; None where no item ever had it."""
        self._look_up(connection, {row})
        return self._terms[row]

    def moved(self, connection: Connection, since: int) -> Sql:
        """Return the condition on rows of items that may stand otherwise than they did then.

        Who they are is asked once: every key result of a cycle that is over asks for it, and many of them at once when
        few moved, on the first day after its end.
        """
        if since not in self._moved:
            stood = "SELECT id FROM item WHERE source = ? AND state_since >= ?"
            closed = "SELECT f.item FROM facet f WHERE f.term = ? AND f.closed >= ?"
            everyone = self.term(connection, EVERYONE)
            values = (self.source, since, everyone.id if everyone is not None else -1, since)
            some = [row[0] for row in raw(connection, f"{stood} UNION {closed} LIMIT {_FEW_MOVED + 1}", values)]
            many = Sql(f"(f.closed >= ? OR f.item IN ({stood}))", (since, self.source, since))
            few = Sql(f"f.item IN ({listed(some)})", tuple(sorted(some))) if some else FALSE
            self._moved[since] = few if len(some) <= _FEW_MOVED else many
        return self._moved[since]

    def _look_up(self, connection: Connection, rows: set[Row]) -> None:
        new = rows - self._terms.keys()
        if new:
            self._terms |= dict.fromkeys(new) | find(connection, self.source, new)


@immutable
class Touched:
    """The items of a source that changed, came or left since a generation, or that rest on such."""

    since: int
    ids: frozenset[str]
    candidates: tuple[Candidate, ...]
    """Those that are in the mirror now."""


@immutable
class Followed:
    """What was learned of a source while its facets were brought up to its items."""

    index: Index
    since: int
    """The generation that they were of before."""
    touched: Touched | None
    """What moved since then; None where it is too much to be measured by itself."""


def index_of(connection: Connection, source: str) -> Index | None:
    """Return the index of a source; None where no facets are kept, or not of the items as they are."""
    kept = _kept(connection, source)
    if kept is None or kept.built is None or kept.generation != _generation(connection, source):
        return None
    lore = queries.lore_of(connection, source)
    return Index(source, kept, lore) if kept.called == _called(lore) else None


def index_beside(connection: Connection, source: str) -> Index | None:
    """Return the index of a source together with what moved since its facets were kept: the whole mirror is not read.

    While a source is read, and a read of many projects takes minutes, its facets are of before; who writes brings them
    up first (`follow`), and who only looks asks this.  `chosen` and `selects_some` heed who is late.
    None where no facets are kept, or too much moved.
    """
    kept = _kept(connection, source)
    if kept is None or kept.built is None:
        return None
    lore = queries.lore_of(connection, source)
    if kept.called != _called(lore):
        return None
    if kept.generation == _generation(connection, source):
        return Index(source, kept, lore)
    if _too_many_changed(connection, source, kept.generation):
        return None
    late = resting.touched(connection, source, kept.generation)
    if len(late) > _LATE:  # an epic or a milestone may take all of its own along
        return None
    foundation = foundation_of(connection, source, lore, present(connection, source, late))
    return Index(source, kept, lore, foundation, frozenset(late))


def _too_many_changed(connection: Connection, source: str, since: int) -> bool:
    changed = select(item.c.id).where(item.c.source == source, item.c.changed > since).limit(_LATE + 1)
    return len(connection.execute(changed).all()) > _LATE


def mark_of(connection: Connection, source: str) -> Hashable:
    """Return what is another one whenever the facets of a source are."""
    return _kept(connection, source)


def being_made(connection: Connection, source: str) -> bool:
    """Tell whether the facets of all of a source's items are being made, which takes minutes where they are many."""
    kept = _kept(connection, source)
    return kept is not None and kept.built is None


def selection(
    connection: Connection, index: Index, clause: Clause, moved_since: datetime | None = None
) -> set[str] | None:
    """Return the ids that a settled clause selects; None where facets do not tell.

    With `moved_since` only those that may stand otherwise than they did then, as `mapping.ending.moved_since` tells.
    """
    asked = _asked(connection, index, clause, moved_since)
    return None if asked is None else _ids(connection, asked)


def selects_some(connection: Connection, index: Index, where: Clause) -> bool | None:
    """Tell whether a settled clause selects any item at all; None where facets do not tell."""
    asked = _asked(connection, index, where)
    if asked is None:
        return None
    found = raw(connection, f"{asked.text} LIMIT {len(index.late) + 1}", asked.values)
    if any(row[0] not in index.late for row in found):
        return True
    return any(map(selecting(where), index.latecomers(connection)))


def chosen(
    connection: Connection, index: Index, rule: Rule, now: datetime, scopes: Scopes = NO_SCOPES, *, alone: bool = False
) -> list[Candidate] | None:
    """Return the items of a source that a rule may select, and what they rest on; None where facets do not tell.

    With `alone` nothing else is among them where the rule asks no item for its kin: for who measures and no more.
    What a frozen scope holds is among them, though the rule may select it no more.
    """
    until = min(now, rule.period.end)
    ids = index.late | held(rule, index.source, scopes)
    for part in rule.parts:
        if part.source == index.source:
            where = settled(part.where, rule.timezone, until)
            found = _around(connection, index, where)
            if found is not None and now >= rule.period.end and asks_how_far(where):
                wider = _around(connection, index, however_far(where), rule.period.end)
                found = None if wider is None else found | wider
            if found is None:
                return None
            ids |= found
    return among(connection, index, rule, ids, alone=alone)


def among(connection: Connection, index: Index, rule: Rule, ids: Iterable[str], *, alone: bool) -> list[Candidate]:
    """Return the items of these ids, those that are late, and what they rest on; `alone` as in `chosen`."""
    some = index.seen(connection, ids)
    if alone and not asks_kin(rule.parts):
        return candidates([some[name] for name in sorted(some)], index.lore)
    return beside(connection, index.source, some, index.lore, index.foundation(connection))


def namesakes(connection: Connection, index: Index, keys: Iterable[str]) -> list[Candidate]:
    """Return the items of a source that have one of these keys, and what they rest on."""
    return called(connection, index.source, keys, index.lore, index.foundation(connection))


def _around(
    connection: Connection, index: Index, clause: Clause, moved_since: datetime | None = None
) -> set[str] | None:
    """Return what `selection` does, with others among them where the clause asks for too much."""
    found, known = selection(connection, index, clause, moved_since), index.known(connection, [clause])
    some = clauses.led(known, clause) if found is None and known is not None else None
    return found if some is None else _ids(connection, _of_rows(some))


def _asked(connection: Connection, index: Index, clause: Clause, moved_since: datetime | None = None) -> Sql | None:
    """Return the question for the rows of the items that a settled clause selects; None where SQL cannot tell."""
    known = index.known(connection, [clause])
    if known is None:
        return None
    condition = clauses.selected(known, clause)
    if moved_since is not None:
        condition = all_of((condition, index.moved(connection, micros(moved_since))))
    asked = _of_rows(condition)
    return asked if asked.fits else None


def _of_rows(condition: Sql) -> Sql:
    return Sql(f"SELECT f.item FROM facet f WHERE {condition.text}", condition.values)


def _ids(connection: Connection, asked: Sql) -> set[str]:
    return {row[0] for row in raw(connection, *asked)}


def touched(connection: Connection, index: Index, since: int) -> Touched | None:
    """Return what moved since a generation of the source; None where nobody kept note, or where it is too much."""
    if index.kept.built is None or since < index.kept.built:
        return None
    moved = select(item.c.id).where(item.c.source == index.source, item.c.changed > since).limit(_FEW + 1)
    ids = frozenset(connection.execute(moved).scalars()) | index.late
    if len(ids) > _FEW:
        return None
    around = joined(connection, index.source, ids, index.lore, index.foundation(connection))
    return Touched(since, ids, tuple(each for each in around if each.item.id in ids))


def large_for(parts: int) -> int:
    """Return the items of a source from which on its facets are kept, where so many parts of rules ask it."""
    return max(_LEAST, min(LARGE, _LOOKS // max(parts, 1)))


Tell = Callable[[str, int, int], None]
"""Told of a source, how many items more are dressed, and of how many."""


def nobody(_source: str, _items: int, _total: int) -> None:
    """Tell nobody."""


def follow(
    database: Database, source: str, asked: frozenset[str], large: int = LARGE, tell: Tell = nobody
) -> Followed | None:
    """Bring the facets of a source up to its items, where they are many; returns what that told of some that moved."""
    with database.read() as connection:
        kept, generation = _kept(connection, source), _generation(connection, source)
        if kept is None and sources.items_held(connection, source) < large:
            return None
        lore = queries.lore_of(connection, source)
        called = _called(lore)
        ready = kept is not None and kept.enough(asked, called)
        if kept is not None and ready:
            if kept.generation == generation:
                return None
            ids = resting.touched(connection, source, kept.generation)
            # The facets that name the plans are behind: whoever is new among them was touched.
            mine = present(connection, source, ids)
            foundation = foundation_of(connection, source, lore, mine)
            dressed = [each for each in beside(connection, source, mine, lore, foundation) if each.item.id in mine]
    if kept is None or not ready:
        # What others ask stays: two configs would make each other's facets anew for ever.
        every = asked if kept is None else asked | kept.asked
        _dress_all(database, source, _Kept(generation, every, called, uuid.uuid4().hex, None), tell)
        return None
    now = replace(kept, generation=generation)
    with database.write() as connection:
        if _locked(connection, source) != (kept, generation):
            return None  # somebody was faster; the next one looks again
        dressing.change(connection, source, ids, dressed, now.asked)
        _mark(connection, source, ids, generation)
        _note(connection, source, now)
    some = Touched(kept.generation, frozenset(ids), tuple(dressed)) if len(ids) <= _FEW else None
    return Followed(Index(source, now, lore, foundation), kept.generation, some)


# --- all items ---------------------------------------------------------------------------------------------------


def _dress_all(database: Database, source: str, mine: _Kept, tell: Tell) -> None:
    """Dress all items as they are in one snapshot, some at a time; who begins the same meanwhile takes it over, anew.

    What changes until the end is dressed anew the next time.
    """
    with database.write() as connection:
        if _locked(connection, source)[1] != mine.generation:
            return
        dressing.forget(connection, source)
        _note(connection, source, mine)
        dressing.name_keys(connection, source)
    numbering = Numbering(source)
    with database.read() as connection:
        if _generation(connection, source) != mine.generation:
            return  # the keys are behind
        total = sources.items_held(connection, source)
        for dressed in _everyone(connection, source):
            with database.write() as writing:
                if _locked(writing, source)[0] != mine:
                    return
                dressing.put(writing, numbering, source, dressed, mine.asked)
            tell(source, len(dressed), total)
    with database.write() as connection:
        if _locked(connection, source)[0] == mine:
            dressing.count(connection, source)
            _note(connection, source, replace(mine, built=mine.generation))


def _everyone(connection: Connection, source: str) -> Iterator[list[Candidate]]:
    lore = queries.lore_of(connection, source)
    plans = connection.execute(select(item.c.id).where(item.c.source == source, item.c.kind.in_(PLANS)))
    foundation = foundation_of(connection, source, lore, present(connection, source, [row.id for row in plans]))
    last = ""
    while some := lookup.items_where(connection, source, item.c.id > last, _AT_ONCE):
        last = some[-1].item.id
        mine = {each.item.id: each for each in some}
        yield [each for each in beside(connection, source, mine, lore, foundation) if each.item.id in mine]


# --- what they are of --------------------------------------------------------------------------------------------


def _generation(connection: Connection, source: str) -> int:
    return sources.generations(connection, [source])[source]


def _kept(connection: Connection, source: str) -> _Kept | None:
    rows = fetched(connection, faceted, "WHERE source = ? AND version = ?", (source, VERSION))
    if not rows:
        return None
    row = rows[0]
    return _Kept(row.generation, frozenset(orjson.loads(row.asked)), row.called, row.build, row.built)


def _note(connection: Connection, source: str, kept: _Kept) -> None:
    asked = orjson.dumps(sorted(kept.asked)).decode()
    told = {"version": VERSION, "generation": kept.generation, "asked": asked, "called": kept.called}
    told |= {"build": kept.build, "built": kept.built}
    put(connection, faceted, [{"source": source, **told}], on=["source"])


def _called(lore: Lore) -> str:
    """How the config calls the containers, which is part of the facets of everything in them."""
    return orjson.dumps(dict(lore.names), option=orjson.OPT_SORT_KEYS).decode()


@cache
def _generation_locked() -> Select[Any]:
    here = source_table.c.name == bindparam("source")
    return select(source_table.c.generation).where(here).with_for_update()


def _locked(connection: Connection, source: str) -> tuple[_Kept | None, int | None]:
    """Return what the facets are of, and the source's generation; nobody else changes them until the end.

    A source that was never read has no generation.
    """
    row = connection.execute(_generation_locked(), {"source": source})
    return _kept(connection, source), row.scalar_one_or_none()


def _mark(connection: Connection, source: str, ids: Iterable[str], generation: int) -> None:
    """Note on items that rest on what changed that they are concerned: facets do not tell any more."""
    for some in slices(ids):
        text = f"UPDATE item SET changed = ? WHERE source = ? AND id IN ({listed(some)})"
        raw(connection, text, (generation, source, *some))
