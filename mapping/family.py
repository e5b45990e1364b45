"""Items among their neighbours: what they are to the selectors of a clause, milestones and ancestors included.

Names compare trimmed, NFC and case-folded; ids and keys exactly (an owner/name of a repository ignores case).
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import field
from datetime import datetime
from functools import cached_property, lru_cache

from okrs.immutable import immutable
from okrs.work import Kind, Ref, WorkItem, fold_key, fold_name


@immutable
class Seen:
    """An item of the mirror: its version, and since when we see its present state, status and resolution."""

    item: WorkItem
    version: str
    state_since: datetime
    then: "Seen | None" = None
    """How we saw it last before the end of the cycle that is measured, or first since then; or, where we saw it open
    and its tracker says later that it was closed before the end, how we saw that first.  None before that end, and of
    what we always saw as it is."""


@immutable
class Lore:
    """What is known of a source beside its items."""

    queries: Mapping[str, AbstractSet[str]] = field(default_factory=dict)
    """Ids of the items that the tracker's own queries find, by the query's text."""
    former_keys: Mapping[str, str] = field(default_factory=dict)
    """Ids of items by keys that they had before they were moved or renamed."""
    names: Mapping[str, str] = field(default_factory=dict)
    """How the config calls its containers, by id and by the tracker's own name, which may be a newer one: items name
    their projects by either."""


NO_LORE = Lore()


@immutable
class Facet:
    """What an item is for one selector: exact keys, and names that compare folded."""

    keys: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    def has(self, value: str) -> bool:
        return fold_key(value) in self.keys or fold_name(value) in self.names

    def meets(self, wanted: "Facet") -> bool:
        """Tell whether it has any of the wanted values, however many they are."""
        return not (self.keys.isdisjoint(wanted.keys) and self.names.isdisjoint(wanted.names))


@immutable
class Candidate:
    """An item among its neighbours, which give it milestones by name and ancestors by key."""

    seen: Seen
    family: "Family"
    since: Seen | None = None
    """How it is today, where `seen` is how it stood when the cycle ended."""

    @property
    def today(self) -> Seen:
        return self.since or self.seen

    @property
    def item(self) -> WorkItem:
        return self.seen.item

    @property
    def milestone(self) -> Facet:
        return self.family.milestones_of(self.seen.item)

    @property
    def sprint(self) -> Facet:
        return self.family.sprints_of(self.seen.item)

    @property
    def parent(self) -> Facet:
        return self.family.parent_of(self.seen.item)

    @property
    def project(self) -> Facet:
        return self.family.projects_of(self.seen.item)

    @property
    def queries(self) -> frozenset[str]:
        return self.family.queries_of(self.seen.item)

    @property
    def key(self) -> Facet:
        return Facet(self.family.keys_of(self.seen.item))

    @property
    def ancestors(self) -> frozenset[str]:
        return self.family.ancestors_of(self.seen.item)


def candidates(mirror: Iterable[Seen], lore: Lore = NO_LORE) -> list[Candidate]:
    """Join the items of one source with their milestones and ancestors, and with what else is known of them."""
    seen = list(mirror)
    family = Family(seen, lore)
    return [Candidate(each, family) for each in seen]


class Family:
    """Who belongs to whom among the items of one source; worked out when it is first asked, as many rules never do."""

    def __init__(self, seen: Iterable[Seen], lore: Lore = NO_LORE) -> None:
        self._items = [each.item for each in seen]
        self._lore = lore

    @cached_property
    def _by_id(self) -> Mapping[str, WorkItem]:
        return {item.id: item for item in self._items}

    @cached_property
    def _by_key(self) -> Mapping[str, WorkItem]:
        return {fold_key(item.key): item for item in self._items if item.kind is not Kind.MILESTONE}

    @cached_property
    def _formerly(self) -> list[tuple[str, str]]:
        """Folded keys that items had, and whose; not one that is somebody else's today."""
        folded = [(fold_key(key), held) for key, held in self._lore.former_keys.items()]
        return [(key, held) for key, held in folded if held in self._by_id and key not in self._by_key]

    @cached_property
    def _by_former(self) -> Mapping[str, WorkItem]:
        return {key: self._by_id[held] for key, held in self._formerly}

    @cached_property
    def _former(self) -> Mapping[str, list[str]]:
        """By the item's id."""
        former: dict[str, list[str]] = {}
        for key, held in self._formerly:
            former.setdefault(held, []).append(key)
        return former

    @cached_property
    def _milestones(self) -> Mapping[str, Facet]:
        return {item.id: self._milestone_facet(item) for item in self._items if item.kind is Kind.MILESTONE}

    @cached_property
    def _sprints(self) -> Mapping[str, Facet]:
        return {item.id: self._sprint_facet(item) for item in self._items if item.kind is Kind.SPRINT}

    @cached_property
    def _joined(self) -> Mapping[str, list[str]]:
        """Milestones that list their members, by the id of each of these."""
        joined: dict[str, list[str]] = {}
        for milestone in self._items:
            for member in milestone.members:
                joined.setdefault(member, []).append(milestone.id)
        return joined

    def milestones_of(self, item: WorkItem) -> Facet:
        """By the item's own word, by the milestone's list of members, or as a child of a milestone task."""
        ids = [*item.milestones, *self._joined.get(item.id, ())]
        if item.parent:
            ids.append(item.parent.id)
        return _joined(self._milestones[each] for each in ids if each in self._milestones)

    def sprints_of(self, item: WorkItem) -> Facet:
        """The sprints that the item was put into, by their names of today."""
        return _joined(self._sprints[each] for each in item.sprints if each in self._sprints)

    def parent_of(self, item: WorkItem) -> Facet:
        """The direct parent's key: as the item tells it, and as the parent itself is called today."""
        if item.parent is None:
            return _NOTHING
        above = self._find(item.parent)
        told = frozenset({fold_key(item.parent.name)}) if item.parent.name else frozenset[str]()
        return Facet(told | self.keys_of(above) if above else told)

    def keys_of(self, item: WorkItem) -> frozenset[str]:
        """Its folded key of today, and those it had before."""
        return frozenset({fold_key(item.key), *self._former.get(item.id, ())})

    def ancestors_of(self, item: WorkItem) -> frozenset[str]:
        """Folded keys of all ancestors, also of one outside the mirror that a child names."""
        line = [item, *self._above(item)]
        keys = set[str]().union(*(self.keys_of(each) for each in line[1:]))
        beyond = line[-1].parent
        if beyond and beyond.name and self._find(beyond) is None:
            keys.add(fold_key(beyond.name))
        return frozenset(keys)

    def projects_of(self, item: WorkItem) -> Facet:
        """Its own projects; a sub-task that has none of its own is where its nearest ancestor with projects is."""
        return next((self._projects(each.projects) for each in (item, *self._above(item)) if each.projects), _NOTHING)

    def _projects(self, refs: tuple[Ref, ...]) -> Facet:
        """By id and by name, also by what the config calls it, which is a key: a project key, owner/name or a gid."""
        facet, names = referred(refs), self._lore.names
        called = {fold_key(names[ref.id]) for ref in refs if ref.id in names}
        return facet if called <= facet.keys else Facet(facet.keys | called, facet.names)

    def queries_of(self, item: WorkItem) -> frozenset[str]:
        """The texts of the source's queries that find it, as they are written: they are of another language."""
        return frozenset(text for text, found in self._lore.queries.items() if item.id in found)

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
        key = fold_key(parent.name)
        return self._by_id.get(parent.id) or self._by_key.get(key) or self._by_former.get(key)

    def _milestone_facet(self, milestone: WorkItem) -> Facet:
        """By key and title; an alias that begins with its project's name, also with the config's name for that."""
        names = self._lore.names
        aliases = set(milestone.aliases)
        for ref in milestone.projects:
            if ref.id in names:
                own = [alias for alias in milestone.aliases if alias.startswith(f"{ref.name}#")]
                aliases |= {names[ref.id] + alias.removeprefix(ref.name) for alias in own}
        keys = self.keys_of(milestone) | {fold_key(alias) for alias in aliases}
        return Facet(keys, frozenset({fold_name(milestone.title)}))

    def _sprint_facet(self, sprint: WorkItem) -> Facet:
        return Facet(self.keys_of(sprint), frozenset({fold_name(sprint.title)}))


_NOTHING = Facet()


def _joined(facets: Iterable[Facet]) -> Facet:
    found = list(facets)
    if len(found) < 2:
        return found[0] if found else _NOTHING
    return Facet(frozenset().union(*(each.keys for each in found)), frozenset().union(*(each.names for each in found)))


@lru_cache(8192)
def any_of(values: tuple[str, ...]) -> Facet:
    """What has any of these values by one of the two.  Remembered: every item is asked for the same."""
    return Facet(frozenset(map(fold_key, values)), frozenset(map(fold_name, values)))


@lru_cache(8192)
def named(*names: str | None) -> Facet:
    """What is compared by name; none where there is no name.  Remembered: thousands of items have the same few."""
    return Facet(names=frozenset(fold_name(name) for name in names if name))


@lru_cache(8192)
def referred(every: tuple[Ref, ...]) -> Facet:
    """What is compared by id and by name."""
    return Facet(
        frozenset(fold_key(ref.id) for ref in every), frozenset(fold_name(ref.name) for ref in every if ref.name)
    )
