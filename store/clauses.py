"""Clauses as SQL over the rows of `facet`: the ranges in which a search begins, and what must hold of a row in them.

    where: {label: p1, project: PAY}  ->  term = p1's AND marks have PAY's bits AND EXISTS (PAY's row of the item)

A row carries what it says of its item whichever its term, so that one row stands for the item.  The search begins with
the terms that fewest items have; of the others the marks on the row tell nearly always whether it is worth looking.
What is found is what `mapping.meaning.selects` selects, by property test.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from mapping.facets import EVERYONE, Row, asked_rows, name_of
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
    names_a_kind,
)
from okrs.cycle import Period
from okrs.immutable import immutable
from okrs.work import Kind, State, fold_name
from store.database import listed
from store.dressing import KINDS, STATES
from store.queries import name_of_query
from store.sql import FALSE, TRUE, Sql, all_of, any_of, not_
from store.tables import micros
from store.terms import Term, mark

_FEW = 8
"""Terms that are asked for one by one."""

_MANY = 64
"""Terms up to which they are asked for in the item's rows; of more it is asked whether they are among the item's.

What is asked of an item is then as much whatever their number, and they stand in the text, for values are bounded.
"""

_TERMS = {
    "sqlite": "json_each(w.terms) AS t",
    "postgresql": "json_array_elements_text(CAST(w.terms AS json)) AS t(value)",
}


@immutable
class Known:
    """What of a source a clause is translated with."""

    dialect: str
    source: str
    terms: Mapping[Row, Term]
    """Of all rows behind the clause, and of `EVERYONE`; a row that no item has is not there."""
    queries: Mapping[str, Collection[str]]
    """What the source's own queries find."""

    def of(self, leaf: Leaf) -> tuple[Term, ...]:
        """Return the terms that a leaf means."""
        return tuple(self.terms[row] for row in asked_rows(leaf) if row in self.terms)

    def texts(self, leaf: Match) -> list[str]:
        """Return the queries that a leaf means."""
        return sorted(set(leaf.values).intersection(self.queries))


@immutable
class _Lead:
    """Where a search may begin: every item that the clause selects has a row of one of the terms."""

    terms: tuple[int, ...]
    items: int
    """How many rows there are, about."""
    implied: Clause | None = None
    """What holds of all of them."""
    listed: Clause | None = None
    """The query by whose hits they are looked up."""


def selected(known: Known, clause: Clause) -> Sql:
    """Return the condition on rows `f` of `facet` that gives one row for each item that a settled clause selects."""
    everyone = known.terms.get(EVERYONE)
    if everyone is None:
        return FALSE
    lead = _lead(known, clause) or _Lead((everyone.id,), everyone.items)
    if not lead.terms:
        return FALSE
    kind = TRUE if names_a_kind(clause) else Sql(f"f.kind = {KINDS[Kind.ISSUE]}")
    return all_of((_begun(lead.terms), kind, holds(known, clause, lead), _once(known, lead.terms)))


def led(known: Known, clause: Clause) -> Sql | None:
    """Return a condition on rows that gives some for each item that a settled clause selects, and for others.

    It is short whatever the clause.  None where no terms say who they are.
    """
    lead = _lead(known, clause)
    if lead is None or lead.listed is not None or EVERYONE not in known.terms:
        return None
    return _begun(lead.terms) if lead.terms else FALSE


def _begun(terms: tuple[int, ...]) -> Sql:
    if len(terms) > _MANY:
        return Sql(f"f.term IN ({_written(terms)})")
    return Sql("f.term = ?", terms) if len(terms) == 1 else Sql(f"f.term IN ({listed(terms)})", terms)


def _written(terms: Iterable[int]) -> str:
    return ", ".join(map(str, terms))


def _once(known: Known, terms: tuple[int, ...]) -> Sql:
    """Of an item that has several of the terms only the first row is taken."""
    if len(terms) > _MANY:
        return not_(_among(known, terms, " AND CAST(t.value AS BIGINT) < f.term"))
    if len(terms) > _FEW:
        there = f"SELECT 1 FROM facet d WHERE d.term IN ({listed(terms)}) AND d.item = f.item AND d.term < f.term"
        return Sql(f"NOT EXISTS ({there})", terms)
    return all_of(not_(all_of((Sql("f.term > ?", (term,)), _worn(term)))) for term in sorted(terms)[:-1])


def _worn(term: int) -> Sql:
    """The item of a row has a term: the marks rule it out nearly always where it has not."""
    there = "SELECT 1 FROM facet p WHERE p.term = ? AND p.item = f.item"
    return Sql(f"((f.marks & ?) = ? AND EXISTS ({there}))", (mark(term), mark(term), term))


def _among(known: Known, terms: Iterable[int], only: str = "") -> Sql:
    """One of the item's terms is one of these."""
    worn = f"dressed w, {_TERMS[known.dialect]} WHERE w.source = ? AND w.item = f.item"
    there = f"SELECT 1 FROM {worn} AND CAST(t.value AS BIGINT) IN ({_written(terms)}){only}"
    return Sql(f"EXISTS ({there})", (known.source,))


def _lead(known: Known, clause: Clause) -> _Lead | None:
    match clause:
        case Match(Selector.QUERY, _):
            found = sum(len(known.queries[text]) for text in known.texts(clause))
            everyone = known.terms[EVERYONE]
            return _Lead((everyone.id,), found, listed=clause)
        case Match(Selector.KIND | Selector.STATE, _) | Within() | Not():
            return None
        case Match() | FieldMatch():
            terms = known.of(clause)
            return _Lead(tuple(term.id for term in terms), sum(term.items for term in terms), clause)
        case AllOf(clauses):
            leads = [lead for each in clauses if (lead := _lead(known, each)) is not None]
            return min(leads, key=lambda lead: lead.items, default=None)
        case AnyOf(clauses):
            return _united(clause, [_lead(known, each) for each in clauses])


def _united(clause: AnyOf, leads: list[_Lead | None]) -> _Lead | None:
    some = [lead for lead in leads if lead is not None]
    if len(some) < len(leads) or any(lead.listed for lead in some):
        return None
    terms = tuple(sorted({term for lead in some for term in lead.terms}))
    whole = all(lead.implied is each for lead, each in zip(some, clause.clauses, strict=True))
    return _Lead(terms, sum(lead.items for lead in some), clause if whole else None)


def holds(known: Known, clause: Clause, lead: _Lead | None = None) -> Sql:
    """Return the condition that a settled clause holds of the item of a row `f`, which is one of those of the lead."""
    if lead is not None and clause is lead.implied:
        return TRUE
    match clause:
        case Not(Not(inner)):
            return holds(known, inner, lead)
        case Not(inner):
            return not_(holds(known, inner, lead))
        case AllOf(clauses):
            return all_of(holds(known, each, lead) for each in clauses)
        case AnyOf(clauses):
            return any_of(_one_of(known, clauses, lead))
        case Match() | FieldMatch() | Within():
            return _leaf(known, clause, listed_=lead is not None and clause is lead.listed)


def _one_of(known: Known, clauses: Iterable[Clause], lead: _Lead | None) -> Iterator[Sql]:
    """Yield the conditions of which one must hold; clauses that ask for many terms are asked at once."""
    terms = {term.id for each in clauses if isinstance(each, Match | FieldMatch) for term in known.of(each)}
    if len(terms) > _MANY:
        yield _among(known, sorted(terms))
        clauses = [each for each in clauses if not isinstance(each, Match | FieldMatch) or name_of(each) is None]
    yield from (holds(known, each, lead) for each in clauses)


def _leaf(known: Known, leaf: Leaf, *, listed_: bool) -> Sql:
    match leaf:
        case Within(moment, spans):
            column = "f.created" if moment is Moment.CREATED else "f.closed"
            return any_of(_within(column, span) for span in spans if isinstance(span, Period))
        case Match(Selector.KIND, values):
            return _coded("f.kind", {KINDS[kind] for kind in Kind if kind.value in _folded(values)})
        case Match(Selector.STATE, values):
            return _coded("f.state", {STATES[state] for state in State if state.value in _folded(values)})
        case Match(Selector.QUERY, _):
            return _hit(known, leaf, listed_=listed_)
        case Match() | FieldMatch():
            return _worn_any(known, tuple(term.id for term in known.of(leaf)))


def _folded(values: Iterable[str]) -> set[str]:
    return {fold_name(value) for value in values}


def _coded(column: str, codes: Iterable[int]) -> Sql:
    some = ", ".join(str(code) for code in sorted(codes))
    return Sql(f"{column} IN ({some})") if some else FALSE


def _within(column: str, span: Period) -> Sql:
    """Who has no date lies in no span, which `NOT` must know, too."""
    values = (micros(span.start), micros(span.end))
    return Sql(f"({column} IS NOT NULL AND {column} >= ? AND {column} < ?)", values)


def _hit(known: Known, leaf: Match, *, listed_: bool) -> Sql:
    texts = known.texts(leaf)
    if not texts:
        return FALSE
    hits = f"FROM query_hit q WHERE q.source = ? AND q.query IN ({listed(texts)})"
    values = (known.source, *map(name_of_query, texts))
    if listed_:
        return Sql(f"f.item IN (SELECT q.item {hits})", values)
    return Sql(f"EXISTS (SELECT 1 {hits} AND q.item = f.item)", values)


def _worn_any(known: Known, terms: tuple[int, ...]) -> Sql:
    if len(terms) > _MANY:
        return _among(known, terms)
    if len(terms) <= _FEW:
        return any_of(_worn(term) for term in terms)
    return Sql(f"EXISTS (SELECT 1 FROM facet p WHERE p.term IN ({listed(terms)}) AND p.item = f.item)", terms)
