"""Conditions of SQL as values: how they are joined and denied, and which of them every database takes."""

import re
from collections.abc import Iterable
from itertools import accumulate, chain
from typing import NamedTuple

_BESIDE = 32
"""Conditions that stand beside each other: SQLite takes `a OR b OR c` for nested ones, and a depth of 1,000."""

_DEEPEST = 20
"""Brackets within brackets: SQLite reads a few more, each of which may take `_BESIDE` of its depth."""

_MOST_VALUES = 500
"""Far fewer than databases take: what a hundred conditions ask of every row takes longer than to read the items."""


class Sql(NamedTuple):
    """A text with the values of its marks `?`."""

    text: str
    values: tuple[int | str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether every database takes it, and answers soon: few values, and nothing nested deep."""
        if len(self.values) > _MOST_VALUES:
            return False
        steps = (1 if bracket == "(" else -1 for bracket in re.findall("[()]", self.text))
        return max(accumulate(steps), default=0) <= _DEEPEST


TRUE, FALSE = Sql("1 = 1"), Sql("1 = 0")


def all_of(every: Iterable[Sql]) -> Sql:
    """Return the condition that all of them hold."""
    some = list(dict.fromkeys(each for each in every if each is not TRUE))
    if FALSE in some:
        return FALSE
    return _joined(" AND ", some) if some else TRUE


def any_of(every: Iterable[Sql]) -> Sql:
    """Return the condition that one of them holds."""
    some = list(dict.fromkeys(each for each in every if each is not FALSE))
    if TRUE in some:
        return TRUE
    return _joined(" OR ", some) if some else FALSE


def not_(one: Sql) -> Sql:
    """Return the condition that it does not hold."""
    if one is TRUE or one is FALSE:
        return FALSE if one is TRUE else TRUE
    return Sql(f"NOT ({one.text})", one.values)


def _joined(word: str, some: list[Sql]) -> Sql:
    while len(some) > _BESIDE:
        some = [_joined(word, some[begin : begin + _BESIDE]) for begin in range(0, len(some), _BESIDE)]
    if len(some) == 1:
        return some[0]
    return Sql(f"({word.join(each.text for each in some)})", tuple(chain.from_iterable(each.values for each in some)))
