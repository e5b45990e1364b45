"""The meaning of a clause, as readable Python: the reference that every faster form must equal.

Names compare trimmed, NFC and case-folded; ids and keys exactly (an owner/name of a repository ignores case).
"""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from mapping.rule import AllOf, AnyOf, Clause, Match, Not, Selector, names_a_kind
from okrs.work import Kind, Ref, WorkItem, fold_key, fold_name

NO_QUERIES: Mapping[str, AbstractSet[str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Seen:
    """An item of the mirror: its version, and since when we see its present state, status and resolution."""

    item: WorkItem
    version: str
    state_since: datetime


@dataclass(frozen=True, slots=True)
class Facet:
    """What an item is for one selector: exact keys, and names that compare folded."""

    keys: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    def has(self, value: str) -> bool:
        return fold_key(value) in self.keys or fold_name(value) in self.names


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item among its neighbours, which give it milestones by name and ancestors by key."""

    seen: Seen
    family: "Family"

    @property
    def item(self) -> WorkItem:
        return self.seen.item

    @property
    def milestone(self) -> Facet:
        return self.family.milestones_of(self.seen.item)

    @property
    def parent(self) -> Facet:
        return self.family.parent_of(self.seen.item)

    @property
    def project(self) -> Facet:
        return self.family.projects_of(self.seen.item)

    @property
    def queries(self) -> Facet:
        return self.family.queries_of(self.seen.item)

    @property
    def ancestors(self) -> frozenset[str]:
        return self.family.ancestors_of(self.seen.item)


def candidates(mirror: Iterable[Seen], queries: Mapping[str, AbstractSet[str]] = NO_QUERIES) -> list[Candidate]:
    """Join the items of one source with their milestones and ancestors, and with the queries that find them."""
    seen = list(mirror)
    family = Family(seen, queries)
    return [Candidate(each, family) for each in seen]


class Family:
    """Who belongs to whom among the items of one source."""

    def __init__(self, seen: Iterable[Seen], queries: Mapping[str, AbstractSet[str]] = NO_QUERIES) -> None:
        items = [each.item for each in seen]
        self._by_id = {item.id: item for item in items}
        self._by_key = {fold_key(item.key): item for item in items if item.kind is not Kind.MILESTONE}
        self._milestones = {item.id: _milestone_facet(item) for item in items if item.kind is Kind.MILESTONE}
        self._queries = queries
        self._joined: dict[str, list[str]] = {}
        for milestone in items:
            for member in milestone.members:
                self._joined.setdefault(member, []).append(milestone.id)

    def milestones_of(self, item: WorkItem) -> Facet:
        """By the item's own word, by the milestone's list of members, or as a child of a milestone task."""
        ids = [*item.milestones, *self._joined.get(item.id, ())]
        if item.parent:
            ids.append(item.parent.id)
        facets = [self._milestones[each] for each in ids if each in self._milestones]
        if not facets:
            return _NOTHING
        return Facet(
            frozenset().union(*(facet.keys for facet in facets)), frozenset().union(*(facet.names for facet in facets))
        )

    def parent_of(self, item: WorkItem) -> Facet:
        """The direct parent's key: as the item tells it, and as the parent itself is called today."""
        if item.parent is None:
            return _NOTHING
        above = self._find(item.parent)
        keys = (item.parent.name, above.key if above else "")
        return Facet(frozenset(fold_key(key) for key in keys if key))

    def ancestors_of(self, item: WorkItem) -> frozenset[str]:
        """Folded keys of all ancestors, also of one outside the mirror that a child names."""
        line = [item, *self._above(item)]
        keys = {fold_key(each.key) for each in line[1:]}
        beyond = line[-1].parent
        if beyond and beyond.name and self._find(beyond) is None:
            keys.add(fold_key(beyond.name))
        return frozenset(keys)

    def projects_of(self, item: WorkItem) -> Facet:
        """Its own projects; a sub-task that has none of its own is where its nearest ancestor with projects is."""
        return next((_refs(each.projects) for each in (item, *self._above(item)) if each.projects), _NOTHING)

    def queries_of(self, item: WorkItem) -> Facet:
        """The queries of the source that find it."""
        return Facet(frozenset(fold_key(text) for text, found in self._queries.items() if item.id in found))

    def _above(self, item: WorkItem) -> list[WorkItem]:
        """Its ancestors in the mirror, nearest first; a loop of parents (trackers allow it) ends where it closes."""
        line, visited = [], {item.id}
        above = self._find(item.parent)
        while above is not None and above.id not in visited:
            visited.add(above.id)
            line.append(above)
            above = self._find(above.parent)
        return line

    def _find(self, parent: Ref | None) -> WorkItem | None:
        if parent is None:
            return None
        return self._by_id.get(parent.id) or self._by_key.get(fold_key(parent.name))


_NOTHING = Facet()


def _milestone_facet(milestone: WorkItem) -> Facet:
    keys = {fold_key(key) for key in (milestone.key, *milestone.aliases)}
    return Facet(frozenset(keys), frozenset({fold_name(milestone.title)}))


def _names(*names: str | None) -> Facet:
    return Facet(names=frozenset(fold_name(name) for name in names if name))


def _refs(refs: Iterable[Ref]) -> Facet:
    refs = tuple(refs)
    return Facet(
        frozenset(fold_key(ref.id) for ref in refs), frozenset(fold_name(ref.name) for ref in refs if ref.name)
    )


FACETS: Mapping[Selector, Callable[[Candidate], Facet]] = {
    Selector.PROJECT: lambda candidate: candidate.project,
    Selector.TYPE: lambda candidate: _names(candidate.item.type),
    Selector.KIND: lambda candidate: _names(candidate.item.kind.value),
    Selector.LABEL: lambda candidate: _names(*candidate.item.labels),
    Selector.STATE: lambda candidate: _names(candidate.item.state.value),
    Selector.STATUS: lambda candidate: _names(candidate.item.status),
    Selector.RESOLUTION: lambda candidate: _names(candidate.item.resolution),
    Selector.MILESTONE: lambda candidate: candidate.milestone,
    Selector.EPIC: lambda candidate: Facet(candidate.ancestors),
    Selector.PARENT: lambda candidate: candidate.parent,
    Selector.SECTION: lambda candidate: _refs(candidate.item.sections),
    Selector.ASSIGNEE: lambda candidate: _names(*candidate.item.assignees),
    Selector.KEY: lambda candidate: Facet(frozenset({fold_key(candidate.item.key)})),
    Selector.QUERY: lambda candidate: candidate.queries,
}


def selects(clause: Clause, candidate: Candidate) -> bool:
    """Tell whether a `where` selects an item; one that names no kind selects issues only."""
    if candidate.item.kind is not Kind.ISSUE and not names_a_kind(clause):
        return False
    return holds(clause, candidate)


def holds(clause: Clause, candidate: Candidate) -> bool:
    """Tell whether a clause is true of an item."""
    match clause:
        case Match(selector, values):
            facet = FACETS[selector](candidate)
            return any(facet.has(value) for value in values)
        case Not(inner):
            return not holds(inner, candidate)
        case AllOf(clauses):
            return all(holds(inner, candidate) for inner in clauses)
        case AnyOf(clauses):
            return any(holds(inner, candidate) for inner in clauses)
