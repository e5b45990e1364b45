"""Items that were read from a tracker just now: who looks at them next in the mirror need not read them again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from okrs.work import WorkItem
from store.items import HASH, UPDATED_AT, Encoded

MOST: Final = 12_000
"""So many items are remembered, of all sources together, some 20 MB."""

Known = Mapping[tuple[str, int | None], WorkItem]
"""Items by content hash and by when their tracker says that they were updated, in microseconds since 1970."""


@dataclass
class Fresh:
    """Items by source, from a first read until the record that follows it has looked at them.

    What has this hash is this item, wherever it is met and whatever happened meanwhile: only what was forgotten of it
    may be missing in the mirror, so a source of which anything is forgotten is read instead.  Of a source that brings
    too many nothing is remembered: a part of it would not spare the reading.
    """

    _known: dict[str, dict[tuple[str, int | None], WorkItem]] = field(default_factory=dict)
    _given_up: set[str] = field(default_factory=set)

    def keep(self, source: str, some: Iterable[Encoded]) -> None:
        """Remember items of a source."""
        if source in self._given_up:
            return
        self._known.setdefault(source, {}).update({(row[HASH], row[UPDATED_AT]): item for row, item in some})
        if sum(map(len, list(self._known.values()))) > MOST:  # a copy: other sources are read meanwhile
            self._given_up.add(source)
            del self._known[source]

    def of(self, source: str) -> Known:
        """Return what is known of a source."""
        return self._known.get(source, {})

    def forget(self, sources: Iterable[str]) -> None:
        """Give the memory back."""
        for name in sources:
            self._known.pop(name, None)
            self._given_up.discard(name)
