"""Terms: a facet with one value of it, under a number, so that the rows of millions of items stay small.

Whatever the length of a name or a value, rows are asked for as they are; what stands in the table is `kept`.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import Connection

from mapping.facets import Row
from store.database import listed, raw, raw_many, slices
from store.tables import short

_AT_ONCE = 500
_MOST = 200_000
"""Terms that are remembered while all items are dressed."""


class Term(NamedTuple):
    """A term's number, and how many items have it."""

    id: int
    items: int


@lru_cache(8192)
def mark(term: int) -> int:
    """Return the bits that stand for a term among the marks of an item."""
    return (1 << term % 61) | (1 << term * 2654435761 % 2**32 % 59)


def find(connection: Connection, source: str, asked: Iterable[Row]) -> dict[Row, Term]:
    """Return the terms of a source behind some rows; those that no item ever had are left out."""
    found: dict[Row, Term] = {}
    meant = {kept(row): row for row in asked}
    every = sorted(meant)
    for begin in range(0, len(every), _AT_ONCE):
        conditions, values = [], []
        for name, of_name in groupby(every[begin : begin + _AT_ONCE], lambda row: row[0]):
            some = [value for _, value in of_name]
            conditions.append(f"source = ? AND name = ? AND value IN ({listed(some)})")
            values += [source, name, *some]
        text = f"SELECT name, value, id, items FROM term WHERE {' OR '.join(conditions)}"
        found.update(
            (meant[name, value], Term(number, items)) for name, value, number, items in raw(connection, text, values)
        )
    return found


def kept(row: Row) -> Row:
    """Return a row as the table has it; no two have the same."""
    name, value = row
    return short(name), short(value)


def tied(connection: Connection, source: str, name: str, values: Iterable[str]) -> Iterator[str]:
    """Yield the ids of the items of a source that have one of these values of a facet; once for each that they have."""
    joined = "term JOIN facet ON facet.term = term.id"
    for some in slices(map(short, values)):
        text = f"SELECT item FROM {joined} WHERE source = ? AND name = ? AND value IN ({listed(some)})"
        yield from (row[0] for row in raw(connection, text, (source, name, *some)))


class Numbering:
    """The numbers of a source's terms; new terms get theirs here."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._known: dict[Row, int] = {}

    def of(self, connection: Connection, rows: Iterable[Row]) -> dict[Row, int]:
        """Return the number of every row."""
        asked = set(rows)
        if len(self._known) > _MOST:
            self._known = {}
        new = asked - self._known.keys()
        self._learn(connection, new)
        new -= self._known.keys()
        text = "INSERT INTO term (source, name, value, items) VALUES (?, ?, ?, 0)"
        raw_many(connection, text, [(self._source, *kept(row)) for row in sorted(new)])
        self._learn(connection, new)
        return self._known

    def _learn(self, connection: Connection, rows: Iterable[Row]) -> None:
        found = find(connection, self._source, rows)
        self._known.update({row: term.id for row, term in found.items()})
