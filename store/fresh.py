"""Items that were read from a tracker just now: who looks at them next in the mirror need not read them again."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from okrs.work import WorkItem
from store.items import HASH, UPDATED_AT, Encoded


@dataclass(frozen=True, slots=True)
class Fresh:
    """Items by source and content hash, from a first read until the record that follows it has looked at them.

    What has this hash is this item, wherever it is met and whatever happened meanwhile: only what was forgotten of it
    may be missing in the mirror, so a source of which anything is forgotten is read instead.
    """

    _held: dict[str, dict[str, tuple[int | None, WorkItem]]] = field(default_factory=dict)

    def keep(self, source: str, some: Iterable[Encoded]) -> None:
        """Remember items of a source."""
        self._held.setdefault(source, {}).update((row[HASH], (row[UPDATED_AT], item)) for row, item in some)

    def has(self, source: str) -> bool:
        """Tell whether any item of a source is known."""
        return bool(self._held.get(source))

    def item(self, source: str, digest: str, updated: int | None) -> WorkItem | None:
        """Return an item by its hash, if it is known as of when its tracker says that it was updated."""
        at, known = self._held[source].get(digest, (None, None))
        return known if at == updated else None

    def forget(self) -> None:
        """Give the memory back."""
        self._held.clear()
