"""What stands in for a broken file takes nothing away from the files that are right."""

from collections.abc import Callable, Collection
from enum import Enum
from typing import TypeAlias

from config.names import key_results_of, mappings_of, objectives_of
from config.tree import Entry, Listing, Node, Spot, Table


class Kind(Enum):
    """What a name is one of.  Objectives and key results share theirs; a mapping is named after its key result."""

    PROMISE = "the id"
    MAPPING = "the mapping of"
    TEMPLATE = "the template"


Name: TypeAlias = tuple[Kind, str]


def names_of(root: Spot) -> dict[Name, Spot]:
    """Return the names that a file defines, and where."""
    objectives = objectives_of([root])
    promises = [*objectives, *(inner for each in objectives for inner in key_results_of(each))]
    section = root.get("templates")
    return {
        **_named(Kind.PROMISE, promises, "id"),
        **_named(Kind.MAPPING, mappings_of([root]), "key_result"),
        **{(Kind.TEMPLATE, name): each for name, each in (section.entries() if section else ())},
    }


def _named(kind: Kind, spots: Collection[Spot], key: str) -> dict[Name, Spot]:
    return {(kind, name): each.down((key,)) for each in spots if (name := each.word(key))}


def only_objectives(root: Spot) -> Spot:
    """Return a file without what feeds its key results."""
    entries = root.node.entries if isinstance(root.node, Table) else {}
    return Spot(Table(root.node.place, {key: each for key, each in entries.items() if key == "objectives"}), root.home)


def giving_way(root: Spot, others: Collection[Name]) -> Spot:
    """Return a file without what others define."""
    entries = dict(root.node.entries) if isinstance(root.node, Table) else {}
    _keep(entries, "objectives", root, lambda each: (Kind.PROMISE, each.word("id")) not in others, others)
    _keep(entries, "mappings", root, lambda each: (Kind.MAPPING, each.word("key_result")) not in others, others)
    section = root.get("templates")
    if section and isinstance(section.node, Table):
        left = {name: each for name, each in section.node.entries.items() if (Kind.TEMPLATE, name) not in others}
        entries["templates"] = Entry(section.home, Table(section.node.place, left))
    return Spot(Table(root.node.place, entries), root.home)


def _keep(
    entries: dict[str, Entry], key: str, root: Spot, wanted: Callable[[Spot], bool], others: Collection[Name]
) -> None:
    section = root.get(key)
    if section and isinstance(section.node, Listing):
        items = tuple(_without(each, others) for each in section.items() if wanted(each))
        entries[key] = Entry(section.home, Listing(section.node.place, items))


def _without(objective: Spot, others: Collection[Name]) -> Node:
    """Return an objective without key results that others define; a mapping as it is."""
    inside = objective.get("key_results")
    if inside is None or not isinstance(objective.node, Table) or not isinstance(inside.node, Listing):
        return objective.node
    left = tuple(each.node for each in inside.items() if (Kind.PROMISE, each.word("id")) not in others)
    entry = Entry(inside.home, Listing(inside.node.place, left))
    return Table(objective.node.place, {**objective.node.entries, "key_results": entry})
