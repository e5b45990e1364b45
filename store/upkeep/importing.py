"""`import`: an export becomes a database again, in one transaction, or nothing is written.

Every line is checked before it is written, against what this version would have written in its place; at the end the
counts, the digest and the whole ledger (`store.views.verify`) are.  A line that is wrong raises `WrongLine`.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import IntegrityError

from mapping.codec import rule_hash
from okrs.immutable import immutable
from okrs.ledger import GENESIS, Entry, link_problem
from store import ledger
from store.database import Database
from store.ledger import Head
from store.renames import named_now, renames
from store.rows import put
from store.tables import evidence, ledger_delta, ledger_entry, ledger_head, metadata
from store.upkeep.entries import entry_line, read_entry
from store.upkeep.exporting import FORMAT, Header, Watch, end_line, header_line
from store.upkeep.records import AT_ONCE, ENTRIES, RECORDS, Record
from store.views.verify import Verified, verify

_BY_NAME = {record.name: (place, record) for place, record in enumerate(RECORDS)}


class WrongLine(Exception):
    """A line is not what an export has there."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(reason)
        self.number = number
        self.reason = reason


class NotEmptyError(Exception):
    """The database has rows already."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        super().__init__("the database is not empty")
        self.counts = dict(counts)


class NotWholeError(Exception):
    """The ledger in the file is not whole: the text says why."""


@immutable
class Imported:
    """What was written."""

    header: Header
    verified: Verified


def import_lines(database: Database, lines: Iterable[bytes], watch: Watch) -> Imported:
    """Write an export into an empty database.

    Raises WrongLine, NotEmptyError and NotWholeError; nothing is written then.
    """
    reading = _Reading()
    with database.write() as connection:
        _alone(connection)
        _require_empty(connection)
        try:
            header = _taken(connection, reading, lines, watch)
        except IntegrityError:
            raise WrongLine(
                reading.number, "this line, or one shortly before it, names what the file has not."
            ) from None
        _finish(connection, header.head)
        verified = verify(connection)
        if not verified.ok:
            raise NotWholeError(verified.problem)
    return Imported(header, verified)


def _alone(connection: Connection) -> None:
    """Let nobody else write meanwhile: on SQLite nobody can."""
    if connection.dialect.name != "sqlite":
        connection.execute(text("LOCK TABLE run, source, ledger_head IN SHARE ROW EXCLUSIVE MODE"))


def _require_empty(connection: Connection) -> None:
    counts = {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in metadata.sorted_tables
        if table is not ledger_head  # it stands there as soon as anybody looked for the end
    }
    held = {name: count for name, count in counts.items() if count}
    if held:
        raise NotEmptyError(held)


@dataclass(slots=True)
class _Reading:
    """Where in the file we are, and what must come next."""

    number: int = 0
    place: int = 0
    """Of the table whose rows are read, in the order of the file."""
    key: tuple[Any, ...] | None = None
    """Of the last row of that table."""
    seq: int = 0
    prev: str = GENESIS
    counts: dict[str, int] = field(default_factory=dict)
    digest: Any = field(default_factory=hashlib.sha256)

    def wrong(self, reason: str) -> WrongLine:
        return WrongLine(self.number, reason)


def _taken(connection: Connection, reading: _Reading, lines: Iterable[bytes], watch: Watch) -> Header:
    """Check and write line by line.  Returns what the first one said."""
    each = _whole_lines(reading, lines)
    first = next(each, None)
    if first is None:
        raise WrongLine(1, "the file is empty.")
    header = _header(reading, first)
    reading.digest.update(first)
    pending = _Pending(connection)
    for line in each:
        document = _parsed(reading, line)
        if "end" in document:
            pending.flush()
            _ended(reading, header, line)
            if next(each, None) is not None:
                raise reading.wrong("something stands behind the end.")
            watch(header.lines, header.lines)
            return header
        _take(reading, pending, document, line)
        reading.digest.update(line)
        if reading.number % AT_ONCE == 0:
            watch(reading.number, header.lines)
    raise WrongLine(reading.number + 1, f"the file ends here, its first line promises {header.lines} lines.")


def _whole_lines(reading: _Reading, lines: Iterable[bytes]) -> Iterator[bytes]:
    for line in lines:
        reading.number += 1
        if not line.endswith(b"\n"):
            raise reading.wrong("the file ends in the middle of this line.")
        yield line


def _parsed(reading: _Reading, line: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise reading.wrong("it is not JSON.") from None
    if not isinstance(document, dict) or not document:
        raise reading.wrong("it is no line of an export.")
    return document


def _header(reading: _Reading, line: bytes) -> Header:
    try:
        document = orjson.loads(line)
        format_ = document["headway_export"]
    except (orjson.JSONDecodeError, TypeError, KeyError):
        raise reading.wrong("it is no export of Headway: its first line would say so.") from None
    if format_ != FORMAT:
        version = document.get("version")
        raise reading.wrong(
            f"it is of format {format_}, written by Headway {version}; this version reads format {FORMAT}: install a "
            "newer one."
        )
    try:
        head, counts = document["head"], document["counts"]
        header = Header(Head(head["seq"], head["hash"]), document["version"], dict(counts))
        strange = sorted(header.counts.keys() - _BY_NAME.keys())
        rest = header_line(header) == line and all(type(count) is int for count in header.counts.values())
    except (TypeError, KeyError, ValueError):
        strange, rest = [], False
    if strange:
        raise reading.wrong(f"it holds what this version does not know: {', '.join(strange)}. Install a newer one.")
    if not rest:
        raise reading.wrong("it is not as an export begins.")
    return header


def _take(reading: _Reading, pending: "_Pending", document: dict[str, Any], line: bytes) -> None:
    name = next((each for each in document if each in _BY_NAME), None)
    if name is None:
        raise reading.wrong(f"{_quoted(next(iter(document)))} is no table that this version knows.")
    place, record = _BY_NAME[name]
    if place < reading.place:
        raise reading.wrong(f"a row of {name} stands behind those of {RECORDS[reading.place].name}.")
    if place != reading.place:
        reading.place, reading.key = place, None
    reading.counts[name] = reading.counts.get(name, 0) + 1
    try:
        if name == ENTRIES:
            pending.entry(_entry(reading, document, line))
        else:
            pending.row(record, _row(reading, record, document, line))
    except ValueError as error:
        raise reading.wrong(f"{error}.") from None


def _entry(reading: _Reading, document: dict[str, Any], line: bytes) -> Entry:
    entry = read_entry(document)
    problem = link_problem(entry, reading.prev, reading.seq)
    if problem:
        raise ValueError(f"entry {entry.seq}: {problem.rstrip('.')}")
    if entry_line(entry) != line:
        raise ValueError("this is not how an export writes it")
    reading.seq, reading.prev = entry.seq, entry.hash
    return entry


def _row(reading: _Reading, record: Record, document: dict[str, Any], line: bytes) -> dict[str, Any]:
    row = record.row(document[record.name])
    if record.line(document[record.name]) != line:
        raise ValueError("this is not how an export writes it")
    key = record.key(row)
    if reading.key is not None and key <= reading.key:
        raise ValueError(f"the rows of {record.name} are not in their order")
    reading.key = key
    if record.name == "rule" and rule_hash(row["text"]) != row["hash"]:
        raise ValueError("the text of the rule is not what its hash says")
    return row


def _ended(reading: _Reading, header: Header, line: bytes) -> None:
    for name, count in header.counts.items():
        if reading.counts.get(name, 0) != count:
            raise reading.wrong(
                f"the file has {reading.counts.get(name, 0)} rows of {name}, its first line says {count}."
            )
    if reading.counts.keys() - header.counts.keys():
        raise reading.wrong("the file has rows that its first line does not tell of.")
    if (reading.seq, reading.prev) != (header.head.seq, header.head.hash):
        raise reading.wrong(f"the ledger ends at {reading.seq}, the first line says {header.head.seq}.")
    if end_line(reading.digest.hexdigest()) != line:
        raise reading.wrong("some line was changed after the file was written: its digest is another.")


def _quoted(text: str) -> str:
    return f"`{text[:40]}`"


class _Pending:
    """Rows that are checked and not written yet."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._record: Record | None = None
        self._rows: list[dict[str, Any]] = []
        self._entries: list[Entry] = []
        self._deltas = 0

    def row(self, record: Record, row: dict[str, Any]) -> None:
        if record is not self._record or len(self._rows) >= AT_ONCE:
            self.flush()
        self._record = record
        self._rows.append(row)

    def entry(self, entry: Entry) -> None:
        if self._rows or len(self._entries) + self._deltas >= AT_ONCE:
            self.flush()
        self._entries.append(entry)
        self._deltas += len(entry.deltas)

    def flush(self) -> None:
        if self._record is not None:
            put(self._connection, self._record.table, self._rows)
        ledger.put_entries(self._connection, self._entries)
        self._record, self._rows, self._entries, self._deltas = None, [], [], 0


def _finish(connection: Connection, head: Head) -> None:
    """Write what follows from the entries: the head, and the evidence, which is the last row of each item."""
    if head.seq:
        put(connection, ledger_head, [{"id": 1, "seq": head.seq, "hash": head.hash}], on=["id"])
    names = ("part", "source", "item", "version")
    named = named_now(renames(connection)).label("key_result")
    place = (named, *(ledger_delta.c[name] for name in names[:3]))
    newest = func.row_number().over(
        partition_by=place, order_by=(ledger_delta.c.seq.desc(), ledger_delta.c.place.desc())
    )
    rows = (
        select(
            named,
            *(ledger_delta.c[name] for name in (*names, "new_weight", "new_amount")),
            newest.label("age"),
        )
        .join(ledger_entry, ledger_entry.c.seq == ledger_delta.c.seq)
        .subquery()
    )
    last = select(*(column for column in rows.c if column.name != "age")).where(
        rows.c.age == 1, rows.c.new_weight.is_not(None)
    )
    columns = ["key_result", *names, "weight", "amount"]
    connection.execute(evidence.insert().from_select(columns, last, include_defaults=False))
