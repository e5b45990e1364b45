"""Some items of a large mirror with everything that their facets rest on, instead of all items of the source."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from sqlalchemy import Connection

from mapping.facets import KEY, PLAN, PLANS
from mapping.family import Candidate, Lore, Seen, candidates
from okrs.work import Ref, fold_key
from store import lookup
from store.database import slices
from store.terms import tied

NOBODY: Mapping[str, Seen] = MappingProxyType({})


def joined(
    connection: Connection, source: str, ids: Iterable[str], lore: Lore, foundation: Mapping[str, Seen]
) -> list[Candidate]:
    """Return the items of these ids, and those that their facets rest on, in the order of their ids.

    Whoever is among them has all his ancestors and plans beside him, so that each is what he is among all.
    """
    return beside(connection, source, present(connection, source, ids), lore, foundation)


def beside(
    connection: Connection, source: str, some: Mapping[str, Seen], lore: Lore, foundation: Mapping[str, Seen]
) -> list[Candidate]:
    """The same of items that were read already, by id."""
    held = dict(foundation)
    new = {name: each for name, each in some.items() if name not in held}
    _add_ancestors(connection, source, new, lore, held)
    return candidates([held[name] for name in sorted(held)], lore)


def called(
    connection: Connection, source: str, keys: Iterable[str], lore: Lore, foundation: Mapping[str, Seen]
) -> list[Candidate]:
    """Return the items that have one of these keys, or had it before, and those that their facets rest on."""
    wanted = {fold_key(key) for key in keys}
    former = {held for key, held in lore.former_keys.items() if fold_key(key) in wanted}
    some = _called(connection, source, wanted) | present(connection, source, former)
    return beside(connection, source, some, lore, foundation)


def foundation_of(
    connection: Connection, source: str, lore: Lore, also: Mapping[str, Seen] = NOBODY
) -> dict[str, Seen]:
    """Plans, which are few and name who belongs to them; and whoever has a key today that another one had before.

    `also` are items that may be plans, or have such a key, though no facet says so yet.
    """
    told = set(tied(connection, source, PLAN, ["="])) - also.keys()
    some = {**also, **present(connection, source, told)}
    plans = {name: each for name, each in some.items() if each.item.kind in PLANS}
    heirs = _called(connection, source, lore.former_keys) | _having(also, lore.former_keys)
    held: dict[str, Seen] = {}
    _add_ancestors(connection, source, plans | heirs, lore, held, also=also)
    return held


def _add_ancestors(
    connection: Connection,
    source: str,
    new: dict[str, Seen],
    lore: Lore,
    held: dict[str, Seen],
    *,
    also: Mapping[str, Seen] = NOBODY,
) -> None:
    while new:
        held |= new
        named = [each.item.parent for each in new.values() if each.item.parent is not None]
        above = _parents(connection, source, named, lore) | _having(also, [ref.name for ref in named])
        new = {name: each for name, each in above.items() if name not in held}


def _parents(connection: Connection, source: str, named: Iterable[Ref], lore: Lore) -> dict[str, Seen]:
    refs = list(named)
    former = {fold_key(key): held for key, held in lore.former_keys.items()}
    ids = {ref.id for ref in refs if ref.id}
    ids |= {held for ref in refs if (held := former.get(fold_key(ref.name)))}
    return present(connection, source, ids) | _called(connection, source, [ref.name for ref in refs])


def _called(connection: Connection, source: str, keys: Iterable[str]) -> dict[str, Seen]:
    """Items by their keys of today, which compare without case where they have a slash."""
    every = {key for key in keys if key}
    folded = {fold_key(key) for key in every if "/" in key}
    ids = set(tied(connection, source, KEY, [f"~{key}" for key in folded]))
    for some in slices(sorted(every | folded | {key.strip() for key in every})):
        # By keys alone, of whatever source: asked for both at once, SQLite looks through all items of the source.
        ids.update(held for home, held in lookup.find_key(connection, some) if home == source)
    return _having(present(connection, source, ids), every)


def _having(some: Mapping[str, Seen], keys: Iterable[str]) -> dict[str, Seen]:
    """Return those that have one of these keys today; facets may be behind."""
    folded = {fold_key(key) for key in keys}
    return {name: each for name, each in some.items() if fold_key(each.item.key) in folded}


def present(connection: Connection, source: str, ids: Iterable[str]) -> dict[str, Seen]:
    """Return the items of these ids that are in the mirror."""
    return {each.item.id: each for each in lookup.items_among(connection, source, sorted(set(ids)))}
