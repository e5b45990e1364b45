"""What a clause may ask of an item, as rows (name, value) that a database finds: the facets of `mapping.meaning`.

A value is a folded key behind `=` or a folded name behind `~`, as in ("label", "~p1").  Names that begin with `^` are
not asked by clauses; they say whose facets an item's own ones rest on.
"""

from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache

from mapping.family import Candidate, Facet
from mapping.meaning import FACETS, facet_of_field
from mapping.rule import AllOf, AnyOf, Clause, FieldMatch, Leaf, Match, Not, Part, Selector, Within, leaves_of
from okrs.work import Kind, WorkItem, fold_key, fold_name

Row = tuple[str, str]

ELSEWHERE = frozenset({Selector.KIND, Selector.STATE, Selector.QUERY})
"""Selectors that the mirror answers from its own columns and tables."""

PARENT, MILESTONE, SPRINT = "^parent", "^milestone", "^sprint"
KEY, FORMER, PLAN = "^key", "^former", "^plan"
EVERYONE = ("^all", "=")
"""The row that every item has."""

_BY = "by."

PLANS = frozenset({Kind.MILESTONE, Kind.SPRINT})
"""What others belong to, and are called by."""


_LEADING = ("key", "parent", "epic", "label", "milestone", "sprint", "field", "section", "assignee", "type", "status")
"""Facets by how few items they leave, as a rule: the first of them that a clause demands leads the search."""


def _rank(name: str) -> int:
    """The place of a facet among the leading ones; those that leave many items come last."""
    head = name.split(".", maxsplit=1)[0]
    return _LEADING.index(head) if head in _LEADING else len(_LEADING)


def leads(clause: Clause) -> frozenset[Row] | None:
    """Return rows of which whoever fulfils a clause has at least one; None where no rows say so."""
    match clause:
        case Match() | FieldMatch():
            return None if name_of(clause) is None else frozenset(asked_rows(clause))
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
    return max((_rank(name) for name, _ in rows), default=-1)


def asked_of(clauses: Iterable[Clause]) -> frozenset[str]:
    """Return the names of the facets that clauses ask for."""
    return frozenset(name for clause in clauses for leaf in leaves_of(clause) if (name := name_of(leaf)))


def asked_by(parts: Iterable[Part]) -> frozenset[str]:
    """Return the names of the facets that parts ask for; the number that weighs their items is one."""
    every = list(parts)
    clauses = [clause for part in every for clause in part.clauses]
    return asked_of(clauses) | {name_of_number(part.by) for part in every if part.by is not None}


_OF_KIN = frozenset(
    {Selector.PROJECT, Selector.MILESTONE, Selector.SPRINT, Selector.EPIC, Selector.PARENT, Selector.KEY}
)
"""What an item answers by its ancestors (a sub-task is where its parent is), its plans, or who has its former key."""


def asks_kin(parts: Iterable[Part]) -> bool:
    """Tell whether parts ask of an item what other items say."""
    every = list(parts)
    return any(part.once for part in every) or not asked_by(every).isdisjoint(each.value for each in _OF_KIN)


def name_of_number(field: str) -> str:
    """Return the name of the facet of items that have a number in a field."""
    return f"{_BY}{field}"


def fields_of(asked: Iterable[str]) -> list[str]:
    """Return the fields whose numbers are asked for, in order."""
    return sorted(name.removeprefix(_BY) for name in asked if name.startswith(_BY))


def name_of(leaf: Leaf) -> str | None:
    """Return the name of the facet behind a leaf; None where it needs none."""
    match leaf:
        case Match(selector, _) if selector not in ELSEWHERE:
            return selector.value
        case FieldMatch(field, _):
            return f"field.{field}"
    return None


_BY_KEY = frozenset({Selector.EPIC, Selector.PARENT, Selector.KEY})
_BY_BOTH = frozenset({Selector.PROJECT, Selector.MILESTONE, Selector.SPRINT, Selector.SECTION})
"""What a selector compares; all others, and fields, have names alone."""


def asked_rows(leaf: Leaf) -> list[Row]:
    """Return the rows of which an item has one when the leaf holds; none where no facet tells."""
    name = name_of(leaf)
    if name is None or isinstance(leaf, Within):
        return []
    keyed = isinstance(leaf, Match) and leaf.selector in _BY_KEY | _BY_BOTH
    called = not isinstance(leaf, Match) or leaf.selector not in _BY_KEY
    keys = {f"={fold_key(value)}" for value in leaf.values if keyed}
    names = {f"~{fold_name(value)}" for value in leaf.values if called}
    return [(name, value) for value in sorted(keys | names)]


def rows_of(candidate: Candidate, asked: Iterable[str]) -> frozenset[Row]:
    """Return the rows of an item for the named facets, and those that say what they rest on."""
    told = [*_ties(candidate)]
    for name in asked:
        told += _numbered(name, candidate.item) if name.startswith(_BY) else _told(name, _facet(name, candidate))
    return frozenset(told)


def _numbered(name: str, item: WorkItem) -> tuple[Row, ...]:
    return () if item.number(name.removeprefix(_BY)) is None else ((name, "="),)


@lru_cache(65536)
def _told(name: str, facet: Facet) -> tuple[Row, ...]:
    """Remembered, since thousands of items have the same few."""
    return (*((name, f"={key}") for key in facet.keys), *((name, f"~{folded}") for folded in facet.names))


def _facet(name: str, candidate: Candidate) -> Facet:
    if name.startswith("field."):
        return facet_of_field(candidate, name.removeprefix("field."))
    return FACETS[_SELECTORS[name]](candidate)


_SELECTORS = {selector.value: selector for selector in Selector}


def _ties(candidate: Candidate) -> Iterator[Row]:
    item = candidate.item
    folded = fold_key(item.key)
    yield EVERYONE
    yield from ((FORMER, f"~{key}") for key in candidate.key.keys if key != folded)
    if item.key != folded:  # else it is found by the key itself
        yield KEY, f"~{folded}"
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
