"""Items that were read from a tracker just now: who looks at them next in the mirror need not read them again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from okrs.work import WorkItem
from store.items import HASH, UPDATED_AT, Encoded

Known = Mapping[tuple[str, int | None], WorkItem]
"""Items by content hash and by when their tracker says that they were updated, in microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """Items by source, from a first read until the record that follows it has looked at them.

    What has this hash is this item, wherever it is met and whatever happened meanwhile: only what was forgotten of it
    may be missing in the mirror, so a source of which anything is forgotten is read instead.
    """

    _brought: dict[str, list[Encoded]] = field(default_factory=dict)

    def keep(self, source: str, some: Sequence[Encoded]) -> None:
        """Remember items of a source."""
        self._brought.setdefault(source, []).extend(some)

    def of(self, source: str) -> Known:
        """Return what is known of a source."""
        return {(row[HASH], row[UPDATED_AT]): item for row, item in self._brought.get(source, ())}

    def forget(self) -> None:
        """Give the memory back."""
        self._brought.clear()
