"""Which rules an item may matter to: found by what it is, instead of asking every rule about every item that moved.

A rule is filed under facets of which a selected item must have at least one; whoever has none of them is not selected.
The exact question follows, for those that are found.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import field
from datetime import datetime

from mapping.ending import asks_how_far, however_far
from mapping.facets import Row, leads, rows_of
from mapping.family import Candidate
from mapping.meaning import Test, selecting, settled
from mapping.rule import Rule, Scope
from okrs.immutable import immutable

_Place = tuple[str, Row]
"""A source, and a facet of its items."""


@immutable
class _Files:
    by_row: defaultdict[_Place, list[str]] = field(default_factory=lambda: defaultdict(list))
    always: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """By source: those that no single facet narrows down."""

    def add(self, name: str, source: str, rows: Iterable[Row] | None) -> None:
        if rows is None:
            self.always[source].append(name)
        for row in rows or ():
            self.by_row[source, row].append(name)


@immutable
class Interests:
    """The rules of many key results, filed by what they ask for."""

    rules: Mapping[str, Rule]
    filed: _Files
    ended: _Files
    """Where those are filed besides, once their cycle is over, that were filed by how far an item is: that is no facet
    of it then."""
    names: Mapping[str, Set[str]]
    """By source: the names of the facets under which rules are filed."""

    def of(self, source: str, candidates: Iterable[Candidate], now: datetime) -> set[str]:
        """Return the key results whose rules select any of these items of a source, or may have it in their scope."""
        found: set[str] = set()
        asked: dict[str, tuple[Test | None, ...]] = {}
        always = {*self.filed.always.get(source, ()), *self._over(self.ended.always.get(source, ()), now)}
        for each in candidates:
            some = set(always)
            for row in rows_of(each, self.names.get(source, ())):
                some.update(self.filed.by_row.get((source, row), ()))
                some.update(self._over(self.ended.by_row.get((source, row), ()), now))
            for name in some - found:
                if name not in asked:
                    asked[name] = _asked(self.rules[name], source, now)
                if any(test is None or test(each) for test in asked[name]):
                    found.add(name)
        return found

    def _over(self, names: Iterable[str], now: datetime) -> Iterator[str]:
        return (name for name in names if now >= self.rules[name].period.end)


def interests_of(rules: Mapping[str, Rule]) -> Interests:
    """File the rules of key results."""
    filed, ended = _Files(), _Files()
    for name, rule in rules.items():
        for part in rule.parts:
            rows = None if part.scope is Scope.FROZEN else leads(part.where)
            filed.add(name, part.source, rows)
            if rows is not None and asks_how_far(part.where) and (wider := leads(however_far(part.where))) != rows:
                ended.add(name, part.source, wider)
    names: defaultdict[str, set[str]] = defaultdict(set)
    for source, (facet, _) in (*filed.by_row, *ended.by_row):
        names[source].add(facet)
    return Interests(rules, filed, ended, names)


def _asked(rule: Rule, source: str, now: datetime) -> tuple[Test | None, ...]:
    """Return what a rule asks of the items of a source; None where any of them may be in its scope."""
    until, over = min(now, rule.period.end), now >= rule.period.end
    return tuple(
        None
        if part.scope is Scope.FROZEN
        else selecting(settled(however_far(part.where) if over else part.where, rule.timezone, until))
        for part in rule.parts
        if part.source == source
    )
