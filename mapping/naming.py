"""What the items of a source are called: whether a name is known, and which one was meant."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from difflib import get_close_matches
from typing import Protocol

from mapping.family import Candidate, Facet
from mapping.meaning import FACETS
from mapping.rule import Selector
from okrs.immutable import immutable
from okrs.work import Kind, WorkItem, fold_key, fold_name


@immutable
class Mirrored:
    """A source as it was read completely."""

    candidates: Sequence[Candidate]
    containers: tuple[str, ...] = ()
    """Their names, by the config and by the tracker."""
    queries: Mapping[str, str | None] = field(default_factory=dict)
    """Those that were asked, with the error of the last time."""


BY_KEY = frozenset({Selector.EPIC, Selector.PARENT, Selector.KEY})
"""Named by a ticket's key: the one beside it is no likelier than any other."""

NAMED_ITEMS = {Selector.MILESTONE: Kind.MILESTONE, Selector.SPRINT: Kind.SPRINT}
"""What is called by names of its own, though no item may be in it."""


def near_key(named: "Named", selector: Selector, value: str, epics: Callable[[], Iterable[WorkItem]]) -> str | None:
    """Return the key that a value says in small letters, or by an epic's title; None where it says none."""
    upper = value.strip().upper()
    if named.has(Selector.KEY, upper):
        return upper
    if selector is Selector.KEY:
        return None
    return min((item.key for item in epics() if fold_name(item.title) == fold_name(value)), default=None)


def nearest(value: str, folded: Iterable[str]) -> str | None:
    """Return the folded name that is most like a value; None where none is."""
    return next(iter(get_close_matches(fold_name(value), folded, n=1)), None)


class Named(Protocol):
    """The names by which the items of one source can be selected, wherever they are looked up."""

    @property
    def queries(self) -> Mapping[str, str | None]:
        """Those that were asked, with the error of the last time."""

    def has(self, selector: Selector, value: str) -> bool:
        """Tell whether an item goes by that name; as an ancestor, also whether one of that key was read."""

    def near(self, selector: Selector, value: str) -> str | None:
        """Return the known name that is most like a value; None where none is, as for a number."""


class Names:
    """The names by which the items of one source can be selected, gathered when somebody asks."""

    def __init__(self, mirrored: Mirrored) -> None:
        self.mirrored = mirrored
        self._facets: dict[Selector, Facet] = {}
        self._written: dict[Selector, dict[str, str]] = {}

    @property
    def queries(self) -> Mapping[str, str | None]:
        """Those that were asked, with the error of the last time."""
        return self.mirrored.queries

    def has(self, selector: Selector, value: str) -> bool:
        """Tell whether an item goes by that name; as an ancestor, also whether one of that key was read."""
        if selector in (Selector.EPIC, Selector.PARENT) and self.has(Selector.KEY, value):
            return True
        if selector not in self._facets:
            self._facets[selector] = self._gathered(selector)
        return self._facets[selector].has(value)

    def near(self, selector: Selector, value: str) -> str | None:
        """Return the known name that is most like a value; None where none is."""
        if value.isdigit():
            return None
        if selector in BY_KEY:
            return near_key(self, selector, value, self._epics)
        if selector not in self._written:
            every = (name for each in self.mirrored.candidates for name in written(selector, each.item))
            self._written[selector] = {fold_name(name): name for name in (*every, *self._besides(selector)) if name}
        found = nearest(value, self._written[selector])
        return self._written[selector][found] if found else None

    def _epics(self) -> Iterator[WorkItem]:
        return (each.item for each in self.mirrored.candidates if each.item.kind is Kind.EPIC)

    def _gathered(self, selector: Selector) -> Facet:
        facets = [FACETS[selector](each) for each in self.mirrored.candidates]
        besides = self._besides(selector)
        keys, names = {fold_key(each) for each in besides}, {fold_name(each) for each in besides}
        return Facet(
            frozenset(keys.union(*(each.keys for each in facets))),
            frozenset(names.union(*(each.names for each in facets))),
        )

    def _besides(self, selector: Selector) -> list[str]:
        """Names of what exists though no item is in it: an empty project, milestone or sprint."""
        if selector is Selector.PROJECT:
            return list(self.mirrored.containers)
        if selector not in NAMED_ITEMS:
            return []
        return own_names(selector, (each.item for each in self.mirrored.candidates))


def own_names(selector: Selector, items: Iterable[WorkItem]) -> list[str]:
    """Return what the milestones, or the sprints, among items are called."""
    mine = (item for item in items if item.kind is NAMED_ITEMS.get(selector))
    return [name for item in mine for name in (item.title, item.key, *item.aliases)]


def written(selector: Selector, item: WorkItem) -> Iterator[str | None]:
    """Yield an item's names for a selector, as they are written."""
    match selector:
        case Selector.PROJECT:
            yield from (ref.name or ref.id for ref in item.projects)
        case Selector.SECTION:
            yield from (ref.name for ref in item.sections)
        case Selector.LABEL:
            yield from item.labels
        case Selector.ASSIGNEE:
            yield from item.assignees
        case Selector.TYPE:
            yield item.type
        case Selector.STATUS:
            yield item.status
        case Selector.RESOLUTION:
            yield item.resolution
