"""What evaluations of the same mirror share: its items, joined once for as long as the source's generation stands."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime

from sqlalchemy import Connection

from mapping.family import Candidate
from mapping.measure import Scopes
from mapping.rule import Rule
from store import facets, queries, sources
from store.narrowing import joined


class MirrorCache:
    """Candidates of each source, loaded once for as long as the source's generation stands.

    Of a large mirror every rule gets its own few, for as long as they are needed.
    """

    def __init__(self) -> None:
        self._held: dict[str, tuple[int, list[Candidate]]] = {}
        self._indexes: dict[str, facets.Index] = {}
        self._touched: dict[str, tuple[int, dict[int, facets.Touched | None]]] = {}

    def of_rule(
        self, connection: Connection, rule: Rule, generations: Mapping[str, int], now: datetime, scopes: Scopes
    ) -> dict[str, list[Candidate]]:
        """Return what a rule may select, or has in a frozen scope, of its sources as they are in this snapshot."""
        few = {}
        for name, generation in generations.items():
            index = self.index(connection, name, generation)
            found = facets.chosen(connection, index, rule, now, scopes) if index is not None else None
            if found is not None:
                few[name] = found
        return few | self.load(connection, {name: at for name, at in generations.items() if name not in few})

    def some(self, connection: Connection, name: str, ids: AbstractSet[str]) -> list[Candidate]:
        """Return items of a source by their ids, each among all that is said of it elsewhere in this snapshot."""
        index = self.index(connection, name, sources.generations(connection, [name])[name])
        if index is None:
            every = self.of(connection, name)
        else:
            every = joined(connection, name, ids, index.lore, index.foundation(connection))
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
        held = self._indexes.get(name)
        if held is None or held.generation != generation:
            held = facets.index_of(connection, name)
            if held is None:
                return None
            self._indexes[name] = held
        return held

    def load(self, connection: Connection, generations: Mapping[str, int]) -> dict[str, list[Candidate]]:
        """Return the candidates of the named sources as they are in this connection's snapshot."""
        for name, generation in generations.items():
            if self._held.get(name, (-1, []))[0] != generation:
                self._held[name] = (generation, queries.candidates_of(connection, name))
        return {name: self._held[name][1] for name in generations}

    def of(self, connection: Connection, name: str) -> list[Candidate]:
        """Return the candidates of one source as they are in this connection's snapshot."""
        return self.load(connection, sources.generations(connection, [name]))[name]
