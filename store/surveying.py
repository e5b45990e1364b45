"""What lint looks at of large sources: names among their terms, and each part's selection as ids, without the mirror.

That it is what `mapping.lint.surveyed` and `mapping.naming.Names` say of all items is held by test.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from decimal import Decimal
from functools import partial

from sqlalchemy import Connection

from mapping.facets import KEY, PARENT, asked_rows
from mapping.judging import absent_weight, judge_of
from mapping.lint import FEW, Picked, Surveyed, nests, other_kinds, surveyed
from mapping.meaning import settled
from mapping.naming import BY_KEY, NAMED_ITEMS, near_key, nearest, own_names, written
from mapping.rule import OF_COUNTED, Match, Missing, Part, Rule, Selector
from mapping.totals import value_of
from okrs.immutable import replace
from okrs.numbers import from_millionths
from okrs.work import Kind, WorkItem, fold_key, fold_name
from store import facets, lookup, resting, sources
from store.cache import MirrorCache
from store.clauses import selected
from store.database import raw, slices
from store.facets import Index
from store.policies import judged
from store.selecting import Selecting
from store.sql import FALSE, all_of
from store.tables import item
from store.terms import tied
from store.totals import numbered, totals_of

_AT_ONCE = 5_000
"""Items whose ancestors are looked at together."""


class Surveyor:
    """Looks at rules one after the other, on one snapshot."""

    def __init__(self, connection: Connection, cache: MirrorCache, now: datetime) -> None:
        self._connection = connection
        self._cache = cache
        self._now = now
        self._selecting = Selecting(connection, now, cache.of)
        self._parents: dict[str, frozenset[str]] = {}

    def of(self, rule: Rule) -> Surveyed:
        """Survey a rule: by SQL where that tells, else by measuring what it may select.

        Raises ArithmeticError for absurd estimates.
        """
        generations = sources.generations(self._connection, rule.sources)
        indexes = {name: self._cache.index(self._connection, name, at) for name, at in generations.items()}
        known = {name: index for name, index in indexes.items() if index is not None}
        told = any(part.partial and part.measure in OF_COUNTED for part in rule.parts)  # whose line SQL does not draw
        totals = None if told else totals_of(self._connection, known, rule, self._now)
        if totals is None:
            mirror = self._cache.of_rule(self._connection, rule, generations, self._now, {})
            found = surveyed(rule, mirror, self._now)
            parts = map(partial(self._looked_again, rule), rule.parts, found.parts)
            return replace(found, parts=tuple(parts))
        drawn = tuple(self._picked(known[part.source], rule, part) for part in rule.parts)
        return Surveyed(value_of(rule, totals, self._now), drawn)

    def _picked(self, index: Index, rule: Rule, part: Part) -> Picked:
        rows = self._on_line(index, rule, part)
        if not rows:
            where = settled(part.where, rule.timezone, min(self._now, rule.period.end))
            some = facets.selects_some(self._connection, index, where)
            return self._looked_again(rule, part, Picked(bool(some)))
        weights = [number for _, number in rows if number is not None]
        total = sum((from_millionths(each) for each in weights), Decimal(0))
        absent = Decimal(1) if part.by is None else absent_weight(part, total, len(weights))
        without = sorted(item for item, number in rows if number is None) if absent is None else []
        work = {item for item, number in rows if number is not None or absent is not None}
        picked = Picked(True, work)
        if part.missing is Missing.EXCLUDE and without:
            keys = lookup.keys_of(self._connection, part.source, without[:FEW])
            picked = Picked(True, work, len(without), tuple(keys[each] for each in without[:FEW]))
        if not nests(part):
            return picked
        heavy = {item for item, number in rows if (absent if number is None else number)}
        pairs = list(self._nested(index, heavy))
        first = pairs[0] if pairs else ("", "")
        return Picked(True, work, picked.without, picked.unestimated, len(heavy), len(pairs), example=first)

    def _looked_again(self, rule: Rule, part: Part, picked: Picked) -> Picked:
        """Look again at a part that selects nothing: what a rule may select, and its rows, lack what it would."""
        if picked.some or self._selecting.idle(rule, part):
            return replace(picked, some=True, kinds=())
        kinds = (kind for kind, other in other_kinds(part) if self._selecting.some(rule, other))
        return replace(picked, kinds=tuple(kinds))

    def _on_line(self, index: Index, rule: Rule, part: Part) -> list[tuple[str, int | None]]:
        """Ids of what a part has on its line, but for estimates, each with the number that weighs it."""
        judge = judge_of(rule, part, self._now, None)
        where = settled(part.where, rule.timezone, min(self._now, rule.period.end))
        known = index.known(self._connection, [where] if judge.of is None else [where, judge.of])
        if known is None:  # then there were no totals, either
            return []
        found = all_of((selected(known, where), judged(known, judge).line))
        if found is FALSE:
            return []
        number, tables = numbered(self._connection, index, part)
        shown = "NULL" if part.by is None else number
        text = f"SELECT f.item, {shown} FROM {tables} WHERE {found.text}"
        return [(item, number) for item, number in raw(self._connection, text, found.values)]

    # --- what lies under what --------------------------------------------------------------------------------------

    def _nested(self, index: Index, heavy: AbstractSet[str]) -> Iterator[tuple[str, str]]:
        """Yield the keys of items that lie under another one of them, in the order of their ids, each with that."""
        above = heavy & self._named(index)
        if not above:
            return
        held = [found for found, _ in lookup.look_up(self._connection, index.source, above).values()]
        keys = {fold_key(each.key): each.key for each in held}
        under = sorted(resting.below(self._connection, index.source, above, held) & heavy)
        for some in slices(under, _AT_ONCE):
            for each in self._cache.some(self._connection, index.source, set(some)):
                for key in sorted(each.ancestors & keys.keys())[:1]:
                    yield each.item.key, keys[key]

    def _named(self, index: Index) -> frozenset[str]:
        """Ids of the items that others name as their parents."""
        if index.source not in self._parents:
            text = "SELECT value FROM term WHERE source = ? AND name = ? AND items > 0"
            values = [row[0] for row in raw(self._connection, text, (index.source, PARENT))]
            ids = {value[1:] for value in values if value.startswith("=")}
            keys = {value[1:] for value in values if value.startswith("~")}
            self._parents[index.source] = frozenset(ids | _ids_of(self._connection, index, keys))
        return self._parents[index.source]


def _ids_of(connection: Connection, index: Index, keys: Iterable[str]) -> set[str]:
    """Ids of the items that have one of these folded keys, or had it before."""
    wanted = set(keys)
    ids = set(tied(connection, index.source, KEY, [f"~{key}" for key in sorted(wanted)]))
    ids |= {held for key, held in index.lore.former_keys.items() if fold_key(key) in wanted}
    for some in slices(sorted(wanted)):
        ids |= {held for home, held in lookup.find_key(connection, some) if home == index.source}
    return ids


class TermNames:
    """The names of one source as its terms have them: `mapping.naming.Names` without the items."""

    def __init__(
        self, connection: Connection, index: Index, containers: tuple[str, ...], queries: Mapping[str, str | None]
    ) -> None:
        self._connection = connection
        self._index = index
        self._containers = containers
        self.queries = queries

    def has(self, selector: Selector, value: str) -> bool:
        """Tell whether an item goes by that name; as an ancestor, also whether one of that key was read."""
        if selector in (Selector.EPIC, Selector.PARENT, Selector.KEY) and self._read(value):
            return True
        besides = self._besides(selector)
        if fold_name(value) in map(fold_name, besides) or fold_key(value) in map(fold_key, besides):
            return True
        terms = (self._index.term(self._connection, row) for row in asked_rows(Match(selector, (value,))))
        return any(term is not None and term.items for term in terms)

    def near(self, selector: Selector, value: str) -> str | None:
        """Return the known name that is most like a value; None where none is."""
        if value.isdigit():
            return None
        if selector in BY_KEY:
            return near_key(self, selector, value, self._epics)
        known = {fold_name(name): name for name in self._besides(selector) if name}
        if selector in NAMED_ITEMS:
            found = nearest(value, known)
            return known[found] if found else None
        text = "SELECT value FROM term WHERE source = ? AND name = ? AND items > 0"
        values = [row[0] for row in raw(self._connection, text, (self._index.source, selector.value))]
        folded = nearest(value, {*(each[1:] for each in values if each.startswith("~")), *known})
        return None if folded is None else known.get(folded) or self._as_written(selector, folded)

    def _epics(self) -> Iterator[WorkItem]:
        held = lookup.items_where(self._connection, self._index.source, item.c.kind == Kind.EPIC.value)
        return (each.item for each in held)

    def _read(self, key: str) -> bool:
        found = _ids_of(self._connection, self._index, {fold_key(key)})
        return any(gone is None for _, gone in lookup.look_up(self._connection, self._index.source, found).values())

    def _besides(self, selector: Selector) -> list[str]:
        if selector is Selector.PROJECT:
            return list(self._containers)
        return own_names(selector, (each.item for each in self._index.foundation(self._connection).values()))

    def _as_written(self, selector: Selector, folded: str) -> str | None:
        """A folded name as an item has it."""
        ids = tied(self._connection, self._index.source, selector.value, [f"~{folded}"])
        held = lookup.look_up(self._connection, self._index.source, [*ids][:1])
        every = (name for found, _ in held.values() for name in written(selector, found) if name)
        return next((name for name in every if fold_name(name) == folded), folded)
