"""What an export holds, as a list: which tables, which of their columns, in which order, and how a row is written.

A table that is not on the list is on the other one, with the reason: a test holds both against `store.tables`.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

import orjson
from sqlalchemy import BigInteger, Boolean, Column, Connection, Integer, Select, Table, collate, func, select

from okrs.immutable import immutable
from okrs.ledger import timestamp
from okrs.numbers import plain, to_millionths
from store import tables
from store.tables import Instant, Millionths, Text

AT_ONCE = 1000
"""Rows that are fetched, and written, together."""

ENTRIES = "ledger_entry"
"""The records that are written in a way of their own, each with its rows: `store.upkeep.entries`."""


@immutable
class Record:
    """A table whose rows an export holds, a line each."""

    table: Table
    without: frozenset[str] = frozenset()
    """Columns that only mean something to the database that they stand in."""

    @property
    def name(self) -> str:
        return str(self.table.name)

    @cached_property
    def columns(self) -> tuple[Column[Any], ...]:
        return tuple(column for column in self.table.c if column.name not in self.without)

    @cached_property
    def _codecs(self) -> "tuple[tuple[str, _Codec, bool], ...]":
        return tuple((str(column.name), _codec(column), bool(column.nullable)) for column in self.columns)

    def count(self, connection: Connection) -> int:
        """Return how many rows there are."""
        return connection.execute(select(func.count()).select_from(self.table)).scalar_one()

    def lines(self, connection: Connection) -> Iterator[bytes]:
        """Yield the rows as lines, in the order of their keys, the same on both databases."""
        with connection.execute(self._question(connection)) as rows:
            for row in rows:
                facts = {
                    name: None if value is None else codec.write(value)
                    for (name, codec, _), value in zip(self._codecs, row, strict=True)
                }
                yield self.line(facts)

    def _question(self, connection: Connection) -> Select[Any]:
        bytewise = (lambda column: column) if connection.dialect.name == "sqlite" else _bytewise
        order = [bytewise(column) for column in self.table.primary_key]
        return select(*self.columns).order_by(*order).execution_options(yield_per=AT_ONCE)

    def line(self, facts: Mapping[str, object]) -> bytes:
        """Write a row that is told by texts and numbers."""
        return orjson.dumps({self.name: facts}, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)

    def row(self, facts: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever stands in a line
        """The inverse of `line`: what is to stand in the columns.  Raises ValueError with what is wrong."""
        if not isinstance(facts, dict):
            raise ValueError(f"{self.name} is no row")  # noqa: TRY004 - a line of a file, not a caller's mistake
        strange = facts.keys() ^ {column.name for column in self.columns}
        if strange:
            raise ValueError(f"{self.name} has other columns than this version knows: {', '.join(sorted(strange))}")
        row: dict[str, Any] = {}
        for name, codec, nullable in self._codecs:
            value = facts[name]
            if value is None and not nullable:
                raise ValueError(f"{self.name}.{name} is missing")
            row[name] = None if value is None else _read(codec, value, f"{self.name}.{name}")
        return row

    def key(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return by what rows are ordered; texts compare by their signs as their bytes do."""
        return tuple(row[column.name] for column in self.table.primary_key)


def _bytewise(column: Column[Any]) -> Any:  # noqa: ANN401 - a column, or one with its own order
    return collate(column, "C") if isinstance(column.type, Text) else column


@immutable
class _Codec:
    """How a value of a column is written in JSON, and read."""

    kind: type
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def _read(codec: _Codec, value: Any, what: str) -> Any:  # noqa: ANN401 - any value of a column
    if type(value) is not codec.kind:
        raise ValueError(f"{what} is no {codec.kind.__name__}")
    try:
        return codec.read(value)
    except (ValueError, ArithmeticError):
        raise ValueError(f"{what} is not what this column holds") from None


def _same(value: Any) -> Any:  # noqa: ANN401 - any value of a column
    return value


def _number(text: str) -> Decimal:
    number = Decimal(text)
    to_millionths(number)  # as large as a column holds
    return number


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time without a zone")
    return found.astimezone(UTC)


def _codec(column: Column[Any]) -> _Codec:
    match column.type:
        case Instant():
            return _Codec(str, timestamp, _instant)
        case Millionths():
            return _Codec(str, plain, _number)
        case Boolean():
            return _Codec(bool, bool, _same)
        case Integer() | BigInteger():
            return _Codec(int, int, _same)
        case _:
            return _Codec(str, str, _same)


# The order is that of the file: what others refer to stands before them.
RECORDS: tuple[Record, ...] = (
    Record(tables.rule),
    Record(tables.run),
    Record(tables.run_source),
    Record(tables.person),
    Record(tables.ledger_entry),
    Record(tables.key_result),
    Record(tables.hold),
    Record(tables.override),
    Record(tables.final),
    Record(tables.frozen_scope),
    Record(
        tables.source,
        frozenset({"fence", "lease_holder", "lease_until", "last_success", "last_attempt", "state", "error"}),
    ),
    # Not when it was read: the next run reads everything, and measures nothing before that is complete.
    Record(tables.container, frozenset({"watermark", "read_at", "error", "wide_at", "census_at", "full_at", "memo"})),
    Record(tables.item),
    Record(tables.item_version),
    Record(tables.absence),
    Record(tables.presence),
    Record(tables.former_key),
    Record(tables.arrival),
    Record(tables.query, frozenset({"error"})),
    Record(tables.query_hit),
    Record(tables.forgotten),
    Record(tables.forgotten_name),
)

LEFT_OUT: Mapping[str, str] = {
    "ledger_delta": "written with its entry",
    "ledger_head": "the header tells it",
    "evidence": "follows from the rows of the entries, and is made of them",
    "term": "an index, made anew",
    "facet": "an index, made anew",
    "dressed": "an index, made anew",
    "faceted": "an index, made anew",
    "incoming": "pages of a read that is under way: it begins anew",
    "roll": "a census that is under way: it begins anew",
    "config_file": "files of the config, which the next run keeps again",
    "handshake": "webhooks that are being set up: their command begins anew",
    "family": "what the tracker has elsewhere: the next run asks it",
    "schedule": "when sources are read next: at once",
}
"""Tables that an export does not hold, each with the reason."""
