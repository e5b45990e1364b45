"""`export`: everything of a database that cannot be read again from the trackers, as JSON lines.

    {"headway_export":1, "version":…, "head":{"hash":…,"seq":…}, "counts":{…}}     the first line
    {"rule":{…}}                                                                 a row each, table by table, in the
    {"ledger_entry":{…},"hash":…}                                                order of `store.upkeep.records.RECORDS`
    {"end":{"sha256":…}}                                                         of all bytes before it

The same database gives the same bytes, and so does a database that was made of an export.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import orjson
from sqlalchemy import Connection

from okrs.immutable import immutable
from store import ledger
from store.ledger import Head
from store.upkeep.entries import entry_lines
from store.upkeep.records import AT_ONCE, ENTRIES, RECORDS

FORMAT = 1
"""Grows when an older version could not read what this one writes."""

Watch = Callable[[int, int], None]
"""Told how many lines are done, and of how many."""


@immutable
class Header:
    """What the first line says."""

    head: Head
    version: str
    """Of Headway, that wrote it."""
    counts: dict[str, int]
    """How many rows of each table follow."""

    @property
    def lines(self) -> int:
        """How many lines the file has."""
        return sum(self.counts.values()) + 2


def header_of(connection: Connection, version: str) -> Header:
    """Return what the first line of an export of this snapshot says."""
    return Header(ledger.head_of(connection), version, {each.name: each.count(connection) for each in RECORDS})


def header_line(header: Header) -> bytes:
    """Write the first line."""
    head = {"seq": header.head.seq, "hash": header.head.hash}
    return written({"headway_export": FORMAT, "version": header.version, "head": head, "counts": header.counts})


def end_line(digest: str) -> bytes:
    """Write the last line: the SHA-256 of all bytes before it."""
    return written({"end": {"sha256": digest}})


def written(document: dict[str, Any]) -> bytes:
    """Write a line."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def export_lines(connection: Connection, header: Header, watch: Watch) -> Iterator[bytes]:
    """Yield an export of this snapshot, line by line; nothing of it is held."""
    digest, total = hashlib.sha256(), header.lines
    for done, line in enumerate(_body(connection, header), 1):
        digest.update(line)
        if done % AT_ONCE == 0:
            watch(done, total)
        yield line
    yield end_line(digest.hexdigest())
    watch(total, total)


def _body(connection: Connection, header: Header) -> Iterator[bytes]:
    yield header_line(header)
    for record in RECORDS:
        yield from entry_lines(connection) if record.name == ENTRIES else record.lines(connection)
