"""Which key results count the same work: items sorted into groups by who has them, instead of every pair of rules.

    groups    items that the same rules have; a group is named by these rules, as the bits of one number
    shared    of two rules: the sum of the groups that both have

A new rule splits the groups of which it has some, and a group without items is gone.  So memory grows with the items,
and with a bit for each rule in each group that has any; time with what rules do share.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from itertools import combinations

from okrs.cycle import Period
from okrs.immutable import immutable

_KEPT = 100
"""Examples that are held before the first ones are picked."""


@immutable
class Common:
    """Two rules, by their numbers, that share work."""

    one: int
    other: int
    items: int
    examples: tuple[tuple[str, str], ...]
    """The first of them by source and id."""


class Overlaps:
    """The work of rules, added one after the other; they are numbered in that order."""

    def __init__(self) -> None:
        self._group: dict[str, dict[str, int]] = {}
        """By source and id; items of one group have one number in common, and not equal ones."""
        self._rules: list[tuple[Period, int]] = []
        """Of each rule its period, and how many items it has."""

    def add(self, period: Period, work: Mapping[str, Collection[str]]) -> None:
        """Add the ids of what counts in a rule, by source, each once."""
        bit, into = 1 << len(self._rules), dict[int, int]()
        self._rules.append((period, sum(len(ids) for ids in work.values())))
        for source, ids in work.items():
            groups = self._group.setdefault(source, {})
            for each in ids:
                old = groups.get(each, 0)
                if old not in into:
                    into[old] = old | bit
                groups[each] = into[old]

    def found(self, least: Decimal, few: int) -> Iterator[Common]:
        """Yield for each rule the earlier one of its period that shares most with it, if it is enough of the smaller.

        `least` is that share; `few` examples are named.
        """
        sizes = Counter(group for groups in self._group.values() for group in groups.values())
        shared: Counter[tuple[int, int]] = Counter()
        for group, items in sizes.items():
            for pair in combinations(_members(group), 2):
                shared[pair] += items
        most: dict[int, tuple[int, int]] = {}
        for one, other in sorted(shared):
            items, (mine, of_mine), (theirs, of_theirs) = shared[one, other], self._rules[one], self._rules[other]
            enough = mine == theirs and items >= least * min(of_mine, of_theirs)
            if enough and items > most.get(other, (0, 0))[0]:
                most[other] = (items, one)
        examples = self._examples({(one, other) for other, (_, one) in most.items()}, sizes, few)
        for other, (items, one) in most.items():
            yield Common(one, other, items, examples[one, other])

    def _examples(
        self, pairs: Collection[tuple[int, int]], groups: Collection[int], few: int
    ) -> dict[tuple[int, int], tuple[tuple[str, str], ...]]:
        of_group = {group: [pair for pair in combinations(_members(group), 2) if pair in pairs] for group in groups}
        first: dict[tuple[int, int], list[tuple[str, str]]] = {pair: [] for pair in pairs}
        for source, known in self._group.items():
            for each, group in known.items():
                for pair in of_group[group]:
                    first[pair].append((source, each))
                    if len(first[pair]) > _KEPT:
                        first[pair] = sorted(first[pair])[:few]
        return {pair: tuple(sorted(some)[:few]) for pair, some in first.items()}


def _members(group: int) -> list[int]:
    """The numbers of the rules that have the items of a group, in order."""
    members: list[int] = []
    while group:
        lowest = group & -group
        members.append(lowest.bit_length() - 1)
        group ^= lowest
    return members
