"""What stands in for a broken file takes nothing away from the files that are right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from config.names import key_results_of, mappings_of, objectives_of
from config.tree import Entry, Listing, Node, Spot, Table


@dataclass(frozen=True, slots=True)
class Taken:
    """The names that some files define."""

    promises: frozenset[str]
    """Of objectives and key results."""
    mapped: frozenset[str]
    templates: frozenset[str]


def taken(roots: Sequence[Spot]) -> Taken:
    """Return the names that these files define."""
    objectives = objectives_of(roots)
    promises = [*objectives, *(inner for each in objectives for inner in key_results_of(each))]
    sections = [section for root in roots if (section := root.get("templates"))]
    return Taken(
        frozenset(each.word("id") or "" for each in promises),
        frozenset(each.word("key_result") or "" for each in mappings_of(roots)),
        frozenset(name for section in sections for name, _ in section.entries()),
    )


def only_objectives(root: Spot) -> Spot:
    """Return a file without what feeds its key results."""
    entries = root.node.entries if isinstance(root.node, Table) else {}
    return Spot(Table(root.node.place, {key: each for key, each in entries.items() if key == "objectives"}), root.home)


def giving_way(root: Spot, others: Taken) -> Spot:
    """Return a file without what others define."""
    entries = dict(root.node.entries) if isinstance(root.node, Table) else {}
    _keep(entries, "objectives", root, lambda each: each.word("id") not in others.promises, others)
    _keep(entries, "mappings", root, lambda each: each.word("key_result") not in others.mapped, others)
    section = root.get("templates")
    if section and isinstance(section.node, Table):
        left = {name: each for name, each in section.node.entries.items() if name not in others.templates}
        entries["templates"] = Entry(section.home, Table(section.node.place, left))
    return Spot(Table(root.node.place, entries), root.home)


def _keep(entries: dict[str, Entry], key: str, root: Spot, wanted: Callable[[Spot], bool], others: Taken) -> None:
    section = root.get(key)
    if section and isinstance(section.node, Listing):
        items = tuple(_without(each, others) for each in section.items() if wanted(each))
        entries[key] = Entry(section.home, Listing(section.node.place, items))


def _without(objective: Spot, others: Taken) -> Node:
    """Return an objective without key results that others define; a mapping as it is."""
    inside = objective.get("key_results")
    if inside is None or not isinstance(objective.node, Table) or not isinstance(inside.node, Listing):
        return objective.node
    left = tuple(each.node for each in inside.items() if each.word("id") not in others.promises)
    entry = Entry(inside.home, Listing(inside.node.place, left))
    return Table(objective.node.place, {**objective.node.entries, "key_results": entry})
