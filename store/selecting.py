"""Whether parts of rules select anything, asked of a source's index where that tells, else of its mirror."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from threading import Lock

from sqlalchemy import Connection

from mapping.family import Candidate
from mapping.lasting import lasting
from mapping.meaning import selecting, settled
from mapping.rule import Clause, Match, Part, Rule, Selector, leaves_of
from okrs.immutable import immutable
from store import facets, queries, sources


@immutable
class _Empty:
    """Settled clauses that select nothing of a source as it is at a generation."""

    build: str
    generation: int
    clauses: frozenset[Clause]


class KnownEmpty:
    """What selects nothing of large sources: asked once, and from then on of what moved alone.

    One of these for all threads, each with its own snapshot.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._held: dict[str, _Empty] = {}

    def at(self, connection: Connection, index: facets.Index) -> frozenset[Clause]:
        """Return what is known to select nothing in a snapshot."""
        generation = _generation(connection, index)
        with self._lock:
            held = self._held.get(index.source)
        if held is None or held.build != index.build or held.generation > generation:
            return frozenset()
        if held.generation == generation:
            return held.clauses
        moved = facets.touched(connection, index, held.generation)
        if moved is None:
            return frozenset()
        return frozenset(each for each in held.clauses if not any(map(selecting(each), moved.candidates)))

    def keep(self, connection: Connection, index: facets.Index, clauses: Collection[Clause]) -> None:
        """Remember what was found in a snapshot, unless somebody did of a later one."""
        found = _Empty(index.build, _generation(connection, index), frozenset(clauses))
        with self._lock:
            held = self._held.get(index.source)
            if held is None or held.build != found.build or held.generation <= found.generation:
                self._held[index.source] = found


def _generation(connection: Connection, index: facets.Index) -> int:
    return sources.generations(connection, [index.source])[index.source]


class Selecting:
    """Asks on one snapshot, of rules whose cycle is not over; what several ask of a source is read once."""

    def __init__(
        self,
        connection: Connection,
        now: datetime,
        mirror: Callable[[Connection, str], Sequence[Candidate]] = queries.candidates_of,
        known: KnownEmpty | None = None,
        *,
        patient: bool = True,
    ) -> None:
        self._connection = connection
        self._now = now
        self._mirror = mirror
        self._known = known or KnownEmpty()
        self._patient = patient
        self._loaded: dict[str, Sequence[Candidate]] = {}
        self._indexes: dict[str, facets.Index | None] = {}
        self._empty: dict[str, frozenset[Clause]] = {}
        """What was known to select nothing."""
        self._found: dict[str, set[Clause]] = {}
        """What was asked now, and does not."""

    def some(self, rule: Rule, part: Part) -> bool:
        """Tell whether a part selects any item at all.

        Who is not `patient` hears nothing against a part while the facets of a large source are made: its mirror is not
        read for that.
        """
        name, where = part.source, settled(part.where, rule.timezone, min(self._now, rule.period.end))
        index = self._index(name)
        if index is None and not self._patient and facets.being_made(self._connection, name):
            return True
        told = None if index is None else self._told(index, where)
        if told is not None:
            return told
        if name not in self._loaded:
            self._loaded[name] = self._mirror(self._connection, name)
        return any(map(selecting(where), self._loaded[name]))

    def idle(self, rule: Rule, part: Part) -> bool:
        """Tell of a part that selects nothing whether it would, if it asked for no state and no days."""
        kept = lasting(part)
        return kept is not None and self.some(rule, kept)

    def remember(self) -> None:
        """Keep what was found to select nothing for whoever asks next."""
        for name, index in self._indexes.items():
            if index is not None:
                self._known.keep(self._connection, index, self._found.get(name, ()))

    def _index(self, name: str) -> facets.Index | None:
        if name not in self._indexes:
            index = self._indexes[name] = facets.index_beside(self._connection, name)
            self._empty[name] = frozenset() if index is None else self._known.at(self._connection, index)
        return self._indexes[name]

    def _told(self, index: facets.Index, where: Clause) -> bool | None:
        known = where in self._empty[index.source]
        told = False if known else facets.selects_some(self._connection, index, where)
        if told is False and not _asks_a_query(where):
            self._found.setdefault(index.source, set()).add(where)
        return told


def _asks_a_query(where: Clause) -> bool:
    """What a query finds may change though no item does."""
    return any(isinstance(each, Match) and each.selector is Selector.QUERY for each in leaves_of(where))
