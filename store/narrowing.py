"""Some items of a large mirror with everything that their facets rest on, instead of all items of the source.

`selection` is the SQL form of a clause over the table `facet`; it finds what `mapping.meaning.selects` would, by
property test.  What it finds is measured by the same Python as everything else.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    cast,
    false,
    func,
    not_,
    or_,
    select,
    true,
    type_coerce,
)

from mapping.facets import KEY, LEADING, PLAN, PLANS, name_of, rank, values_of
from mapping.family import Candidate, Lore, Seen, candidates
from mapping.rule import (
    AllOf,
    AnyOf,
    Clause,
    FieldMatch,
    Leaf,
    Match,
    Moment,
    Not,
    Selector,
    Within,
    leaves_of,
    names_a_kind,
)
from okrs.cycle import Period
from okrs.work import Kind, Ref, fold_key, fold_name
from store import lookup
from store.database import slices
from store.items import CLOSED_AT, CREATED_AT
from store.lookup import VERSIONS
from store.tables import facet, item, item_version, micros, query_hit


def selection(connection: Connection, source: str, clause: Clause, queries: Collection[str]) -> Select[Any]:
    """Return the query for the ids that a settled clause selects.  `queries` are the texts of the source's own ones."""
    sql = _Sql(connection.dialect.name, source, queries)
    tables = VERSIONS if any(isinstance(leaf, Within) for leaf in leaves_of(clause)) else item
    found = select(item.c.id).select_from(tables).where(item.c.source == source, item.c.gone.is_(None))
    found = found.where(*_led(sql, clause))
    return found if names_a_kind(clause) else found.where(item.c.kind == Kind.ISSUE.value)


def _led(sql: "_Sql", clause: Clause) -> list[ColumnElement[bool]]:
    """Conditions that all must hold: one by a list of ids to begin with, the others by looking at each of them."""
    demanded = [clause] if not isinstance(clause, AllOf) else list(clause.clauses)
    names = {number: name_of(each) for number, each in enumerate(demanded) if isinstance(each, Match | FieldMatch)}
    ranks = {number: rank(name) for number, name in names.items() if name and rank(name) < len(LEADING)}
    leader = min(ranks, key=lambda number: ranks[number]) if ranks else None
    return [sql.listed(each) if number == leader else sql.holds(each) for number, each in enumerate(demanded)]


@dataclass(frozen=True, slots=True)
class _Sql:
    """Clauses as conditions on the items of a source."""

    dialect: str
    source: str
    queries: Collection[str]

    def holds(self, clause: Clause) -> ColumnElement[bool]:
        match clause:
            case Not(inner):
                return not_(self.holds(inner))
            case AllOf(clauses):
                return and_(true(), *map(self.holds, clauses))
            case AnyOf(clauses):
                return or_(false(), *map(self.holds, clauses))
            case Match() | FieldMatch() | Within():
                return self._leaf(clause)

    def _leaf(self, leaf: Leaf) -> ColumnElement[bool]:
        match leaf:
            case Within(moment, spans):
                at = func.coalesce(self._moment(moment), _NO_DATE)
                return or_(false(), *(_contains(at, span) for span in spans if isinstance(span, Period)))
            case Match(Selector.KIND | Selector.STATE as selector, values):
                return item.c[selector.value].in_([fold_name(value) for value in values])
            case Match(Selector.QUERY, values):
                return item.c.id.in_(self._found(values))
            case Match() | FieldMatch():
                return self._rows(leaf).where(facet.c.item == item.c.id).exists()

    def listed(self, leaf: Clause) -> ColumnElement[bool]:
        """The same for a leaf that the facets answer, so that the search begins with its items."""
        return item.c.id.in_(self._rows(leaf)) if isinstance(leaf, Match | FieldMatch) else self.holds(leaf)

    def _rows(self, leaf: Match | FieldMatch) -> Select[Any]:
        mine = (facet.c.source == self.source, facet.c.name == name_of(leaf))
        return select(facet.c.item).where(*mine, facet.c.value.in_(values_of(leaf.values)))

    def _found(self, values: Iterable[str]) -> Select[Any]:
        texts = set(values).intersection(self.queries)
        return select(query_hit.c.item).where(query_hit.c.source == self.source, query_hit.c.query.in_(texts))

    def _moment(self, moment: Moment) -> ColumnElement[Any]:
        """The date stands in the payload alone: few clauses ask for it."""
        place = CREATED_AT if moment is Moment.CREATED else CLOSED_AT
        if self.dialect == "sqlite":
            return func.json_extract(item_version.c.payload, f"$[{place}]")
        return cast(cast(item_version.c.payload, JSON)[place].as_string(), BigInteger)


_NO_DATE = -(2**63)
"""Before every span."""


def _contains(at: ColumnElement[Any], span: Period) -> ColumnElement[bool]:
    moment = type_coerce(at, BigInteger)
    return and_(moment >= micros(span.start), moment < micros(span.end))


def joined(
    connection: Connection, source: str, ids: Iterable[str], lore: Lore, foundation: Mapping[str, Seen]
) -> list[Candidate]:
    """Return the items of these ids, and those that their facets rest on, in the order of their ids.

    Whoever is among them has all his ancestors and plans beside him, so that each is what he is among all.
    """
    held = dict(foundation)
    new = {name: each for name, each in _load(connection, source, item.c.id, ids).items() if name not in held}
    _add_ancestors(connection, source, new, lore, held)
    return candidates([held[name] for name in sorted(held)], lore)


def foundation_of(connection: Connection, source: str, lore: Lore, also: Iterable[str] = ()) -> dict[str, Seen]:
    """Plans, which are few and name who belongs to them; and whoever has a key today that another one had before.

    `also` are ids of items that may be plans though no facet says so yet.
    """
    rows = connection.execute(select(facet.c.item).where(facet.c.source == source, facet.c.name == PLAN))
    some = _load(connection, source, item.c.id, [*also, *(row.item for row in rows)])
    plans = {name: each for name, each in some.items() if each.item.kind in PLANS}
    held: dict[str, Seen] = {}
    _add_ancestors(connection, source, plans | _called(connection, source, lore.former_keys), lore, held)
    return held


def _add_ancestors(
    connection: Connection, source: str, new: dict[str, Seen], lore: Lore, held: dict[str, Seen]
) -> None:
    while new:
        held |= new
        named = [each.item.parent for each in new.values() if each.item.parent is not None]
        new = {name: each for name, each in _parents(connection, source, named, lore).items() if name not in held}


def _parents(connection: Connection, source: str, named: Iterable[Ref], lore: Lore) -> dict[str, Seen]:
    refs = list(named)
    former = {fold_key(key): held for key, held in lore.former_keys.items()}
    ids = {ref.id for ref in refs if ref.id}
    ids |= {held for ref in refs if (held := former.get(fold_key(ref.name)))}
    return _load(connection, source, item.c.id, ids) | _called(connection, source, [ref.name for ref in refs])


def _called(connection: Connection, source: str, keys: Iterable[str]) -> dict[str, Seen]:
    """Items by their keys of today, which compare without case where they have a slash."""
    plain = {form for key in keys if key for form in (key, key.strip())}
    folded = [f"~{fold_key(key)}" for key in plain if "/" in key]
    ids: list[str] = []
    for some in slices(folded):
        rows = select(facet.c.item).where(facet.c.source == source, facet.c.name == KEY, facet.c.value.in_(some))
        ids += [row.item for row in connection.execute(rows)]
    return _load(connection, source, item.c.key, plain) | _load(connection, source, item.c.id, ids)


def _load(connection: Connection, source: str, column: ColumnElement[Any], values: Iterable[str]) -> dict[str, Seen]:
    found: dict[str, Seen] = {}
    for some in slices(sorted(set(values))):
        found |= {each.item.id: each for each in lookup.items_where(connection, source, column.in_(some))}
    return found
