"""What must not be kept: titles and people of forgotten items, and forgotten names, wherever trackers show them again.

The content hash of a version stays what it was of the whole content: the ledger's rows name it, and an item that did
not change makes no new version.  What is erased is the text alone, on its way into the mirror and in what that has.
"""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import Connection

from okrs.immutable import immutable
from okrs.work import fold_name
from store.database import raw
from store.items import ASSIGNEES, FIELDS, TITLE

PLACEHOLDER = "(forgotten)"
"""Stands in the place of what was erased."""


@lru_cache(maxsize=8192)
def digest_of(name: str) -> str:
    """Return by what a forgotten name is known again without being kept."""
    return sha256(f"headway forgot {fold_name(name)}".encode()).hexdigest()


@immutable
class Forgotten:
    """What is forgotten of one source."""

    items: frozenset[str]
    """Ids."""
    names: frozenset[str]
    """Digests."""

    def __bool__(self) -> bool:
        return bool(self.items or self.names)

    def erased(self, payload: str) -> str:
        """Return an encoded item without what is forgotten of it: the same text where that is nothing."""
        facts = orjson.loads(payload)
        whole = facts[0] in self.items
        return erased(facts, whole=whole, names=self.names) or payload


def forgotten_of(connection: Connection, source: str) -> Forgotten:
    """Return what is forgotten of a source."""
    items = raw(connection, "SELECT item FROM forgotten WHERE source = ?", (source,)).scalars()
    names = raw(connection, "SELECT digest FROM forgotten_name").scalars()
    return Forgotten(frozenset(items), frozenset(names))


def erased(facts: list[Any], *, whole: bool, names: frozenset[str]) -> str | None:
    """Return an item's facts without title and people, or without these names, encoded; None where none are there."""
    gone = {name for name in people_of(facts) if digest_of(name) in names} if names else set[str]()
    if whole:
        gone |= set(facts[ASSIGNEES])
    title = PLACEHOLDER if whole else facts[TITLE]
    if title == facts[TITLE] and not gone - {PLACEHOLDER}:
        return None
    folded = {fold_name(name) for name in gone}
    known = list(facts)
    known[TITLE] = title
    known[ASSIGNEES] = _without(facts[ASSIGNEES], folded)
    known[FIELDS] = [[name, PLACEHOLDER if fold_name(text) in folded else text] for name, text in facts[FIELDS]]
    return orjson.dumps(known).decode()


def people_of(facts: list[Any]) -> list[str]:
    """Return who may be a person in an item's encoded facts: its assignees, and what stands in its fields."""
    return [*facts[ASSIGNEES], *(text for _, text in facts[FIELDS])]


def _without(names: Iterable[str], folded: set[str]) -> list[str]:
    kept = [PLACEHOLDER if fold_name(name) in folded else name for name in names]
    return list(dict.fromkeys(kept))
