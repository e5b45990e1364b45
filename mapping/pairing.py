"""Which ticket of another source a key means: one piece of work, seen through two (`once`, DESIGN 4.3)."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from mapping.family import Candidate
from okrs.work import WorkItem, fold_key

Work: TypeAlias = tuple[str, str]


def work_of(source: str, item: WorkItem) -> Work:
    """What makes two items one: the place where people find it, by which source ever; else its source and id."""
    return ("", item.url) if item.url else (source, item.id)


class Called:
    """Who has a key, in each of some sources."""

    def __init__(self, mirror: Mapping[str, Iterable[Candidate]]) -> None:
        self._homes: dict[str, dict[str, set[Work]]] = {}
        for source, every in mirror.items():
            for each in every:
                for key in each.key.keys:
                    self._homes.setdefault(key, {}).setdefault(source, set()).add(work_of(source, each.item))

    def meant(self, source: str, item: WorkItem) -> list[frozenset[Work]]:
        """Return for each key that an item names what it may mean in the other sources.

        A key that somebody in its own source has means that one: a link within a tracker joins two pieces of work.  Of
        several nobody knows which is meant: two sites may have the same key for different tickets.
        """
        homes = (self._homes.get(fold_key(ref), {}) for ref in item.refs)
        return [frozenset().union(*each.values()) for each in homes if each and source not in each]
