"""What evaluations of the same mirror share: its items, joined once for as long as the source's generation stands."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from threading import Lock

from sqlalchemy import Connection

from mapping.family import Candidate
from mapping.measure import Scopes
from mapping.rule import Rule
from store import facets, queries, sources
from store.database import Database
from store.fresh import Fresh
from store.narrowing import beside
from store.selecting import KnownEmpty


class MirrorCache:
    """Candidates of each source, loaded once for as long as the source's generation stands.

    Of a large mirror every rule gets its own few, for as long as they are needed.
    """

    def __init__(self) -> None:
        self.fresh = Fresh()
        """What was read just now."""
        self._lock: AbstractContextManager[object] = nullcontext()
        self._held: dict[str, tuple[int, list[Candidate]]] = {}
        self._indexes: dict[str, facets.Index] = {}
        self._snapshot: Connection | None = None
        self._telling: set[str] = set()
        """Sources whose index is that of the snapshot."""
        self._behind: dict[str, tuple[int, Hashable, facets.Index | None]] = {}
        """The index of sources whose facets are behind, with what moved since: at which generation, of which facets.
        None where the mirror is read instead."""
        self._touched: dict[str, tuple[int, dict[int, facets.Touched | None]]] = {}
        self._ended: dict[tuple[str, datetime], tuple[int, dict[int | None, list[Candidate]]]] = {}
        """By source and the end of a cycle: its generation, and how all of its items stood, or those that moved since
        another one.  Many rules of one cycle ask for the same, and every item's past is read for it."""

    def follow(
        self, database: Database, name: str, asked: frozenset[str], large: int, tell: facets.Tell = facets.nobody
    ) -> None:
        """Bring the facets of a source up to its items, and keep what that told of those that moved."""
        told = facets.follow(database, name, asked, large, tell)
        if told is not None:
            self._indexes[name] = told.index
            self._touched[name] = (told.index.generation, {told.since: told.touched})

    def of_rule(
        self,
        connection: Connection,
        rule: Rule,
        generations: Mapping[str, int],
        now: datetime,
        scopes: Scopes,
        *,
        alone: bool = False,
    ) -> Mapping[str, Sequence[Candidate]]:
        """Return what a rule may select, or has in a frozen scope, of its sources as they are in this snapshot.

        When its cycle is over, as it stood at the end; so do the other answers of a rule.  With `alone` what it rests
        on may be left out where measuring does not ask for it.
        """
        with self._lock:
            few, indexes = {}, {}
            for name, generation in generations.items():
                index = self._any_index(connection, name, generation)
                some = None if index is None else facets.chosen(connection, index, rule, now, scopes, alone=alone)
                if index is not None and some is not None:
                    few[name], indexes[name] = some, index
            whole = self.load(connection, {name: at for name, at in generations.items() if name not in few})
            if any(part.once for part in rule.parts):
                keys = {ref for every in (*few.values(), *whole.values()) for each in every for ref in each.item.refs}
                few = {name: _with_namesakes(connection, index, few[name], keys) for name, index in indexes.items()}
            end = rule.period.end
            if now < end:
                return few | whole
            few = {name: queries.at_end(connection, name, some, end) for name, some in few.items()}
            return few | {
                name: self._at_end(connection, name, (generations[name], None), every, end)
                for name, every in whole.items()
            }

    @contextmanager
    def indexes(
        self, connection: Connection, generations: Mapping[str, int]
    ) -> Iterator[Mapping[str, facets.Index] | None]:
        """Lend the indexes of sources as they are in this snapshot; None where one of them is to be read whole."""
        with self._lock:
            found = {name: self._any_index(connection, name, generation) for name, generation in generations.items()}
            known = {name: index for name, index in found.items() if index is not None}
            yield known if len(known) == len(found) else None

    def of_touched(
        self,
        connection: Connection,
        rule: Rule,
        touched: Mapping[str, facets.Touched],
        generations: Mapping[str, int],
        now: datetime,
    ) -> Mapping[str, Sequence[Candidate]]:
        """Return what moved in a rule's sources until this snapshot."""
        end = rule.period.end
        if now < end:
            return {name: some.candidates for name, some in touched.items()}
        return {
            name: self._at_end(connection, name, (generations[name], some.since), some.candidates, end)
            for name, some in touched.items()
        }

    def of_one(
        self, connection: Connection, rule: Rule, name: str, every: Sequence[Candidate], now: datetime
    ) -> Mapping[str, Sequence[Candidate]]:
        """Return some items of a source as they are to a rule."""
        end = rule.period.end
        return {name: every if now < end else queries.at_end(connection, name, every, end)}

    def _at_end(
        self,
        connection: Connection,
        name: str,
        span: tuple[int, int | None],
        every: Sequence[Candidate],
        end: datetime,
    ) -> Sequence[Candidate]:
        """Return all items of a source, or those that moved between two generations, as they stood at an end."""
        generation, since = span
        at, held = self._ended.get((name, end), (-1, {}))
        if at != generation:
            held = {}
            self._ended[name, end] = (generation, held)
        if since not in held:
            held[since] = queries.at_end(connection, name, every, end)
        return held[since]

    def some(self, connection: Connection, name: str, ids: AbstractSet[str]) -> list[Candidate]:
        """Return items of a source by their ids, each among all that is said of it elsewhere in this snapshot."""
        index = self._any_index(connection, name, sources.generations(connection, [name])[name])
        if index is None:
            every = self.of(connection, name)
        else:
            every = beside(connection, name, index.seen(connection, ids), index.lore, index.foundation(connection))
        return [each for each in every if each.item.id in ids]

    def touched(self, connection: Connection, name: str, since: int, generation: int) -> facets.Touched | None:
        """Return what moved in a source between two generations, the later of which is this snapshot's.

        None where that is not known: of small sources, which are measured as a whole.
        """
        index = self.index(connection, name, generation)
        if index is None:
            return None
        at, held = self._touched.get(name, (-1, {}))
        if at != generation:
            held = {}
            self._touched[name] = (generation, held)
        if since not in held:
            held[since] = facets.touched(connection, index, since)
        return held[since]

    def index(self, connection: Connection, name: str, generation: int) -> facets.Index | None:
        """Return the index of a source at its generation; None where none is kept, or it is behind."""
        if self._snapshot is not connection:
            self._snapshot, self._telling = connection, set()
        held = self._indexes.get(name)
        if held is None or held.generation != generation or not (name in self._telling or held.tells(connection)):
            held = facets.index_of(connection, name)
            if held is None:
                return None
            self._indexes[name] = held
        self._telling.add(name)
        return held

    def _any_index(self, connection: Connection, name: str, generation: int) -> facets.Index | None:
        """Return the index of a source for a question that heeds who is late; None where the mirror is to be read."""
        current = self.index(connection, name, generation)
        if current is not None:
            return current
        mark = facets.mark_of(connection, name)
        if self._behind.get(name, (-1, None))[:2] != (generation, mark):
            self._behind[name] = (generation, mark, facets.index_beside(connection, name))
        return self._behind[name][2]

    def load(self, connection: Connection, generations: Mapping[str, int]) -> dict[str, list[Candidate]]:
        """Return the candidates of the named sources as they are in this connection's snapshot."""
        for name, generation in generations.items():
            if self._held.get(name, (-1, []))[0] != generation:
                self._held[name] = (generation, queries.candidates_of(connection, name, self.fresh))
        return {name: self._held[name][1] for name in generations}

    def of(self, connection: Connection, name: str) -> list[Candidate]:
        """Return the candidates of one source as they are in this connection's snapshot."""
        return self.load(connection, sources.generations(connection, [name]))[name]


class SharedCache(MirrorCache):
    """One that several threads ask, each of its own snapshot: one at a time, and what is loaded serves all of them."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()
        self.known_empty = KnownEmpty()


def _with_namesakes(
    connection: Connection, index: facets.Index, some: list[Candidate], keys: set[str]
) -> list[Candidate]:
    """Add who has one of the keys that items name, selected or not: a key that several have means none of them."""
    held = {each.item.id for each in some}
    return some + [each for each in facets.namesakes(connection, index, keys) if each.item.id not in held]
