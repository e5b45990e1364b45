"""Writes what facets say of items: for each term that an item has a row, on which stands what measures need of it."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import orjson
from sqlalchemy import Connection, select

from mapping.facets import KEY, fields_of, name_of_number, rows_of
from mapping.family import Candidate, Seen
from okrs.numbers import to_millionths
from okrs.work import Kind, State, WorkItem, fold_key
from store.database import listed, raw, raw_many, slices
from store.tables import item, micros
from store.terms import Numbering, mark

KINDS = {
    Kind.ISSUE: 0,
    Kind.SUBTASK: 1,
    Kind.PULL_REQUEST: 2,
    Kind.EPIC: 3,
    Kind.MILESTONE: 4,
    Kind.SPRINT: 5,
}
STATES = {State.TODO: 0, State.DOING: 1, State.DONE: 2, State.CANCELLED: 3}
"""Numbers that are kept; a new one gets the next."""


class Cover(NamedTuple):
    """What a plain measure needs of an item: whole numbers alone, times as microseconds."""

    kind: int
    state: int
    closed: int | None
    """When the tracker says that it was closed."""
    seen: int | None
    """When we saw it closed, where the tracker does not say."""
    created: int | None
    number: int | None
    """Millionths of the number that weighs it: of the first field that is asked for; on rows of numbers their own."""


def cover_of(seen: Seen, field: str | None) -> Cover:
    """Return what measures need of an item that is weighed by a field."""
    item = seen.item
    at_sight = micros(seen.state_since) if item.closed_at is None and item.state.closed else None
    closed = None if item.closed_at is None else micros(item.closed_at)
    created = None if item.created_at is None else micros(item.created_at)
    return Cover(KINDS[item.kind], STATES[item.state], closed, at_sight, created, _number(item, field))


def _number(item: WorkItem, field: str | None) -> int | None:
    number = None if field is None else item.number(field)
    return None if number is None else to_millionths(number)


_AT_ONCE = 10_000

_INSERT = (
    "INSERT INTO facet (term, item, kind, state, closed, seen, created, number, marks)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_UPSERT = f"""{_INSERT} ON CONFLICT (term, item) DO UPDATE SET kind = excluded.kind, state = excluded.state,
 closed = excluded.closed, seen = excluded.seen, created = excluded.created, number = excluded.number,
 marks = excluded.marks"""
_DRESSED = "INSERT INTO dressed (source, item, terms) VALUES (?, ?, ?)"
_COUNTED = "UPDATE term SET items = items + ? WHERE id = ?"


def put(
    connection: Connection, numbering: Numbering, source: str, some: Sequence[Candidate], asked: Iterable[str]
) -> None:
    """Dress items that wear nothing yet.  `count` must follow when all are dressed."""
    terms, rows = _dressed(connection, numbering, some, asked)
    raw_many(connection, _UPSERT, rows)
    raw_many(connection, _DRESSED, [(source, item, _told(ids)) for item, ids in terms.items()])


def name_keys(connection: Connection, source: str) -> None:
    """Put up the keys that compare without case, by which others among the items may be found as their parents.

    They are on the items that `put` dresses.
    """
    rows = connection.execute(select(item.c.id, item.c.key).where(item.c.source == source, item.c.gone.is_(None)))
    numbering = Numbering(source)
    for some in rows.partitions(_AT_ONCE):
        folded = [((KEY, f"~{fold_key(key)}"), name) for name, key in some if key != fold_key(key)]
        numbers = numbering.of(connection, {row for row, _ in folded})
        bare = sorted((numbers[row], name) for row, name in folded)
        raw_many(connection, _INSERT, [(*each, 0, 0, None, None, None, None, 0) for each in bare])


def count(connection: Connection, source: str) -> None:
    """Note how many items have each term."""
    text = "UPDATE term SET items = (SELECT count(*) FROM facet WHERE facet.term = term.id) WHERE source = ?"
    raw(connection, text, (source,))


def change(
    connection: Connection, source: str, ids: Collection[str], some: Sequence[Candidate], asked: Iterable[str]
) -> None:
    """Dress anew the items of these ids; `some` are those of them that are in the mirror."""
    before = worn(connection, source, ids)
    now, rows = _dressed(connection, Numbering(source), some, asked)
    _undress(connection, source, ids, [(term, item) for item in before for term in before[item] - now.get(item, set())])
    raw_many(connection, _UPSERT, rows)
    raw_many(connection, _DRESSED, [(source, item, _told(terms)) for item, terms in now.items()])
    moved = Counter(term for terms in now.values() for term in terms)
    moved.subtract(term for terms in before.values() for term in terms)
    raw_many(connection, _COUNTED, [(by, term) for term, by in sorted(moved.items()) if by])


def worn(connection: Connection, source: str, ids: Iterable[str]) -> dict[str, set[int]]:
    """Return the terms of those of these items that are dressed."""
    found: dict[str, set[int]] = {}
    for few in slices(ids):
        text = f"SELECT item, terms FROM dressed WHERE source = ? AND item IN ({listed(few)})"
        found.update((item, set(orjson.loads(terms))) for item, terms in raw(connection, text, (source, *few)))
    return found


def forget(connection: Connection, source: str) -> None:
    """Drop all that is kept of a source."""
    raw(connection, "DELETE FROM facet WHERE term IN (SELECT id FROM term WHERE source = ?)", (source,))
    raw(connection, "DELETE FROM term WHERE source = ?", (source,))
    raw(connection, "DELETE FROM dressed WHERE source = ?", (source,))


def _undress(connection: Connection, source: str, ids: Iterable[str], rows: list[tuple[int, str]]) -> None:
    raw_many(connection, "DELETE FROM facet WHERE term = ? AND item = ?", rows)
    for few in slices(ids):
        text = f"DELETE FROM dressed WHERE source = ? AND item IN ({listed(few)})"
        raw(connection, text, (source, *few))


def _told(terms: Iterable[int]) -> str:
    return orjson.dumps(sorted(terms)).decode()


def _dressed(
    connection: Connection, numbering: Numbering, some: Sequence[Candidate], asked: Iterable[str]
) -> tuple[dict[str, set[int]], list[tuple[int | str | None, ...]]]:
    """Return the terms of each item, and the rows of the table, in its order."""
    fields = fields_of(asked)
    first = fields[0] if fields else None
    names = sorted(set(asked) - {name_of_number(field) for field in fields[:1]})
    clothes = [(each, rows_of(each, names)) for each in some]
    numbers = numbering.of(connection, {row for _, rows in clothes for row in rows})
    own = [(numbers.get((name_of_number(field), "=")), field) for field in fields[1:]]
    terms: dict[str, set[int]] = {}
    dressed: list[tuple[int | str | None, ...]] = []
    for each, rows in clothes:
        mine = terms[each.item.id] = {numbers[row] for row in rows}
        cover, marks = cover_of(each.seen, first), _marks(mine)
        weighed = {term: cover._replace(number=_number(each.item, field)) for term, field in own if term in mine}
        dressed += [(term, each.item.id, *weighed.get(term, cover), marks) for term in mine]
    dressed.sort()  # by term and item, of which there are no two
    return terms, dressed


def _marks(terms: Iterable[int]) -> int:
    marks = 0
    for term in terms:
        marks |= mark(term)
    return marks
