"""What is known of the few items that moved, asked once for all the key results that they concern."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import field

from sqlalchemy import Connection

from mapping.attribution import Evidence
from mapping.causes import Past
from okrs.immutable import immutable, replace
from okrs.ledger import CauseKind
from store import ledger, lookup

_FEW = 100
"""Items up to which more is asked than one key result needs: of many it would be too much to hold."""


@immutable
class Moved:
    """Answers about moved items, for as long as a snapshot stands."""

    connection: Connection
    _evidence: dict[tuple[str, AbstractSet[str]], Mapping[str, Sequence[Evidence]]] = field(default_factory=dict)
    _past: dict[tuple[str, int], dict[str, Past]] = field(default_factory=dict)

    def evidence(self, name: str, parts: int, source: str, ids: AbstractSet[str]) -> Sequence[Evidence]:
        """Return what is on the line of a key result of so many parts, of these items of a source."""
        if len(ids) > _FEW:
            return ledger.evidence_among(self.connection, name, parts, source, ids)
        if (source, ids) not in self._evidence:
            self._evidence[source, ids] = ledger.evidence_by_key_result(self.connection, source, ids)
        return self._evidence[source, ids].get(name, ())

    def past(
        self, source: str, ids: Iterable[str], generation: int, among: AbstractSet[str] = frozenset()
    ) -> Mapping[str, Past]:
        """Return what we knew of items of a source at a generation, and what became of them.

        `among` are those of which others will ask, too.
        """
        held = self._past.setdefault((source, generation), {})
        new = set(ids) - held.keys()
        if new:
            held |= _past(self.connection, source, new | (among if len(among) <= _FEW else set()), generation)
        return held


def _past(connection: Connection, source: str, ids: AbstractSet[str], generation: int) -> dict[str, Past]:
    asked = sorted(ids)
    known, was = lookup.look_up(connection, source, asked), lookup.before(connection, source, asked, generation)
    past: dict[str, Past] = {}
    for name in asked:
        now, gone = known.get(name, (None, None))
        past[name] = Past(was.get(name), None if gone else now, CauseKind(gone) if gone else None)
    alike = [name for name in asked if past[name].unchanged]  # time alone did it, or they had left meanwhile
    for name in lookup.touched(connection, source, alike, generation):
        past[name] = replace(past[name], returned=True)
    return past


def by_source(ids: Iterable[tuple[str, str]]) -> Mapping[str, list[str]]:
    """Return the ids of items by their sources."""
    found: dict[str, list[str]] = defaultdict(list)
    for source, name in ids:
        found[source].append(name)
    return found
