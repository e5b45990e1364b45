"""Which rules an item may matter to: found by what it is, instead of asking every rule about every item that moved.

A rule is filed under facets of which a selected item must have at least one; whoever has none of them is not selected.
The exact question follows, for those that are found.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from mapping.ending import asks_how_far, however_far
from mapping.facets import Row, leads, rows_of
from mapping.family import Candidate
from mapping.meaning import selects, settled
from mapping.rule import Rule, Scope

_Place = tuple[str, Row]
"""A source, and a facet of its items."""


@dataclass(frozen=True, slots=True)
class Interests:
    """The rules of many key results, filed by what they ask for."""

    rules: Mapping[str, Rule]
    filed: Mapping[_Place, tuple[str, ...]]
    always: Mapping[str, tuple[str, ...]]
    """By source: those that no single facet narrows down."""
    names: Mapping[str, frozenset[str]]
    """By source: the names of the facets under which rules are filed."""
    ending: Mapping[str, tuple[str, ...]]
    """By source: those that ask how far work is, which is no facet of it when their cycle is over."""

    def of(self, source: str, candidates: Iterable[Candidate], now: datetime) -> set[str]:
        """Return the key results whose rules select any of these items of a source, or may have it in their scope."""
        found: set[str] = set()
        over = [name for name in self.ending.get(source, ()) if now >= self.rules[name].period.end]
        for each in candidates:
            some = {*self.always.get(source, ()), *over}
            for row in rows_of(each, self.names.get(source, ())):
                some.update(self.filed.get((source, row), ()))
            found |= {name for name in some - found if _matters(self.rules[name], source, each, now)}
        return found


def interests_of(rules: Mapping[str, Rule]) -> Interests:
    """File the rules of key results."""
    filed: defaultdict[_Place, list[str]] = defaultdict(list)
    always: defaultdict[str, list[str]] = defaultdict(list)
    names: defaultdict[str, set[str]] = defaultdict(set)
    ending: defaultdict[str, list[str]] = defaultdict(list)
    for name, rule in rules.items():
        for part in rule.parts:
            if asks_how_far(part.where):
                ending[part.source].append(name)
            rows = None if part.scope is Scope.FROZEN else leads(part.where)
            if rows is None:
                always[part.source].append(name)
                continue
            names[part.source].update(facet for facet, _ in rows)
            for row in rows:
                filed[part.source, row].append(name)
    return Interests(
        rules,
        {place: tuple(some) for place, some in filed.items()},
        {source: tuple(some) for source, some in always.items()},
        {source: frozenset(some) for source, some in names.items()},
        {source: tuple(some) for source, some in ending.items()},
    )


def _matters(rule: Rule, source: str, candidate: Candidate, now: datetime) -> bool:
    until, over = min(now, rule.period.end), now >= rule.period.end
    return any(
        part.scope is Scope.FROZEN
        or selects(settled(however_far(part.where) if over else part.where, rule.timezone, until), candidate)
        for part in rule.parts
        if part.source == source
    )
