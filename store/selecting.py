"""Whether parts of rules select anything, asked of a source's index where that tells, else of its mirror."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from mapping.family import Candidate
from mapping.lasting import lasting
from mapping.measure import selected
from mapping.rule import Part, Rule
from store import facets, queries


class Selecting:
    """Asks on one snapshot, of rules whose cycle is not over; what several ask of a source is read once."""

    def __init__(
        self,
        connection: Connection,
        now: datetime,
        mirror: Callable[[Connection, str], Sequence[Candidate]] = queries.candidates_of,
    ) -> None:
        self._connection = connection
        self._now = now
        self._mirror = mirror
        self._loaded: dict[str, Sequence[Candidate]] = {}
        self._indexes: dict[str, facets.Index | None] = {}

    def some(self, rule: Rule, part: Part) -> bool:
        """Tell whether a part selects any item at all, as far as can be told.

        While the facets of a large source are made nothing is said against a part: its mirror is not read for that.
        """
        name = part.source
        if name not in self._indexes:
            self._indexes[name] = facets.index_beside(self._connection, name)
        index = self._indexes[name]
        if index is None and facets.being_made(self._connection, name):
            return True
        told = None if index is None else facets.selects_some(self._connection, index, rule, part, self._now)
        if told is not None:
            return told
        if name not in self._loaded:
            self._loaded[name] = self._mirror(self._connection, name)
        return bool(selected(rule, part, self._loaded, self._now))

    def idle(self, rule: Rule, part: Part) -> bool:
        """Tell of a part that selects nothing whether it would, if it asked for no state and no days."""
        kept = lasting(part)
        return kept is not None and self.some(rule, kept)
