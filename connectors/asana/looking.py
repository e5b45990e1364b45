"""What became of a task that a census misses, or shows anew.

A task in the trash is taken to be as unknown (404) as one that never was: no field of a task says "deleted" (schema
`TaskResponse`).  UNCHECKED against the real service, where the owner of the trash may see more; a task that is shown
counts as what it shows.  That it was deleted is told by the project's events alone, and reads remember those.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from connectors.asana import asking
from connectors.asana.asking import Asking
from connectors.asana.normalise import FIELDS, homes, parent_of, work_item
from connectors.asana.values import CUSTOM_FIELDS, wanted
from connectors.contract import Demand, Fate, Found, Stop

_CLIMB = "parent,memberships.project"


@dataclass(slots=True)
class Looking:
    """Look-ups for one project; what was seen of parents is not asked twice."""

    asking: Asking
    project: str
    configured: Collection[str]
    deleted: Collection[str]
    demand: Demand
    _seen: dict[str, dict[str, Any] | None] = field(default_factory=dict)

    def up(self, gid: str) -> Found:
        """Return what became of one task.  Raises ConnectorError, but for 403 and 404."""
        row = self._row(gid, FIELDS + (CUSTOM_FIELDS if self.demand.fields else ""))
        item = work_item(row, wanted(self.demand)) if row is not None else None
        if row is None or item is None:
            return Found(Fate.DELETED if gid in self.deleted else Fate.HIDDEN)
        self._seen[gid] = row
        found, whole = self._homes(gid)
        if self.project in found:
            return Found(Fate.HERE, item)
        if not whole:  # a task above is out of sight, and with it where this one lives
            return Found(Fate.HIDDEN)
        return Found(Fate.MOVED, item, next((home for home in found if home in self.configured), None))

    def _homes(self, gid: str) -> tuple[list[str], bool]:
        """Return the projects of a task and of every task above it, and whether all of them could be seen.

        A sub-task has no project of its own, as a rule.
        """
        found: list[str] = []
        climbed: set[str] = set()
        above: str | None = gid
        while above is not None and above not in climbed and self.project not in found:
            climbed.add(above)
            row = self._parent(above)
            if row is None:
                return found, False
            found += homes(row)
            above = parent_of(row)
        return found, True

    def _parent(self, gid: str) -> dict[str, Any] | None:
        if gid not in self._seen:
            self._seen[gid] = self._row(gid, _CLIMB)
        return self._seen[gid]

    def _row(self, gid: str, fields: str) -> dict[str, Any] | None:
        """Return a task, None where it is unknown or closed to this token."""
        try:
            return self.asking.one(asking.task(gid), fields)
        except Stop:
            if self.asking.lost:
                return None
            raise
