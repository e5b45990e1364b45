"""What a clause may ask of an item, as rows (name, value) that a database finds: the facets of `mapping.meaning`.

A value is a folded key behind `=` or a folded name behind `~`, as in ("label", "~p1").  Names that begin with `^` are
not asked by clauses; they say whose facets an item's own ones rest on.
"""

from collections.abc import Collection, Iterable, Iterator

from mapping.family import Candidate, Facet
from mapping.meaning import FACETS, facet_of_field
from mapping.rule import AllOf, AnyOf, Clause, FieldMatch, Leaf, Match, Not, Selector, Within, leaves_of
from okrs.work import Kind, WorkItem, fold_key, fold_name

Row = tuple[str, str]

ELSEWHERE = frozenset({Selector.KIND, Selector.STATE, Selector.QUERY})
"""Selectors that the mirror answers from its own columns and tables."""

PARENT, MILESTONE, SPRINT = "^parent", "^milestone", "^sprint"
KEY, FORMER, PLAN = "^key", "^former", "^plan"

PLANS = frozenset({Kind.MILESTONE, Kind.SPRINT})
"""What others belong to, and are called by."""


LEADING = ("key", "parent", "epic", "label", "milestone", "sprint", "field", "section", "assignee", "type", "status")
"""Facets by how few items they leave, as a rule: the first of them that a clause demands leads the search."""


def rank(name: str) -> int:
    """The place of a facet among the leading ones; those that leave many items come last."""
    head = name.split(".", maxsplit=1)[0]
    return LEADING.index(head) if head in LEADING else len(LEADING)


def leads(clause: Clause) -> frozenset[Row] | None:
    """Return rows of which whoever fulfils a clause has at least one; None where no rows say so."""
    match clause:
        case Match() | FieldMatch():
            name = name_of(clause)
            return frozenset((name, value) for value in values_of(clause.values)) if name else None
        case AllOf(clauses):
            known = [rows for rows in map(leads, clauses) if rows is not None]
            return min(known, key=_breadth, default=None)
        case AnyOf(clauses):
            every = [leads(inner) for inner in clauses]
            known = [rows for rows in every if rows is not None]
            return frozenset().union(*known) if len(known) == len(every) else None
        case Not() | Within():
            return None


def _breadth(rows: Collection[Row]) -> int:
    return max((rank(name) for name, _ in rows), default=-1)


def asked_of(clauses: Iterable[Clause]) -> frozenset[str]:
    """Return the names of the facets that clauses ask for."""
    return frozenset(name for clause in clauses for leaf in leaves_of(clause) if (name := name_of(leaf)))


def name_of(leaf: Leaf) -> str | None:
    """Return the name of the facet behind a leaf; None where it needs none."""
    match leaf:
        case Match(selector, _) if selector not in ELSEWHERE:
            return selector.value
        case FieldMatch(field, _):
            return f"field.{field}"
    return None


def values_of(values: Iterable[str]) -> list[str]:
    """Return the facet values that any of the written values means."""
    return sorted({form for value in values for form in (f"={fold_key(value)}", f"~{fold_name(value)}")})


def rows_of(candidate: Candidate, asked: Iterable[str]) -> frozenset[Row]:
    """Return the rows of an item for the named facets, and those that say what they rest on."""
    return frozenset([*_ties(candidate), *(row for name in asked for row in _rows(name, candidate))])


def _rows(name: str, candidate: Candidate) -> Iterator[Row]:
    facet = _facet(name, candidate)
    for key in facet.keys:
        yield name, f"={key}"
    for folded in facet.names:
        yield name, f"~{folded}"


def _facet(name: str, candidate: Candidate) -> Facet:
    if name.startswith("field."):
        return facet_of_field(candidate, name.removeprefix("field."))
    return FACETS[Selector(name)](candidate)


def _ties(candidate: Candidate) -> Iterator[Row]:
    item = candidate.item
    yield from ((FORMER, f"~{key}") for key in candidate.key.keys if key != fold_key(item.key))
    if "/" in item.key:  # compared without case, for which the items themselves have no index
        yield KEY, f"~{fold_key(item.key)}"
    if item.kind in PLANS:
        yield PLAN, "="
    if item.parent is not None:
        yield from ((PARENT, tie) for tie in ties_to(item.parent.id, item.parent.name))
    yield from ((MILESTONE, f"={each}") for each in item.milestones)
    yield from ((SPRINT, f"={each}") for each in item.sprints)


def ties_to(identity: str, *keys: str) -> Iterator[str]:
    """Yield the values by which others name an item: its id, and its keys."""
    if identity:
        yield f"={identity}"
    yield from (f"~{fold_key(key)}" for key in keys if key)


def bearing(item: WorkItem | None) -> object:
    """Return what of an item others' facets rest on: equal bearings leave them as they are."""
    if item is None:
        return None
    plan = (item.title, item.aliases, item.members) if item.kind in PLANS else ()
    return (item.key, item.kind, item.parent, item.projects, plan)
