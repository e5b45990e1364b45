"""Key results under new ids: what is kept of one moves with its name, its entries stay as they were written.

The ledger itself tells of a rename, in an entry of the new name; so a history is found across all names that a key
result had, and nothing else needs to be kept.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, literal_column, or_, select, update

from okrs.immutable import immutable
from okrs.ledger import EntryKind, renamed_from
from okrs.objective import KeyResult, Objective
from store.tables import evidence, final, frozen_scope, hold, key_result, ledger_entry, override


@immutable
class Rename:
    """An entry that says that a key result has another name from now on."""

    seq: int
    old: str
    new: str


def renames(connection: Connection) -> list[Rename]:
    """Return every rename, oldest first; there are few."""
    rows = connection.execute(_told()).all()
    told = ((row.seq, renamed_from(EntryKind.TARGET, row.details), row.key_result) for row in rows)
    return [Rename(seq, old, new) for seq, old, new in told if old is not None]


@cache
def _told() -> Select[Any]:
    """Put together once: that takes as long as to answer it."""
    entry = ledger_entry.c
    asked = select(entry.seq, entry.key_result, entry.details).where(
        entry.kind == literal_column(f"'{EntryKind.TARGET.value}'"),  # as the index has it
        entry.details.like('%"was":%'),
    )
    return asked.order_by(entry.seq)


def written_of(connection: Connection, name: str) -> ColumnElement[bool]:
    """Return what holds of the entries of the key result that has this name, under all names that it had."""
    known, entry = renames(connection), ledger_entry.c
    spans: list[ColumnElement[bool]] = []
    until: int | None = None
    while True:
        before = [each for each in known if until is None or each.seq < until]
        came = max((each.seq for each in before if each.new == name), default=0)
        left = max((each.seq for each in before if each.old == name), default=0)
        ends = [] if until is None else [entry.seq < until]
        spans.append(and_(entry.key_result == name, entry.seq >= max(came, left + 1), *ends))
        if came <= left:
            return or_(*spans)
        name, until = next(each.old for each in known if each.seq == came), came


def called_now(known: Sequence[Rename], name: str, seq: int) -> str:
    """Return what the key result is called now that had a name when an entry of it was written."""
    while (later := next((each for each in known if each.old == name and each.seq > seq), None)) is not None:
        name, seq = later.new, later.seq
    return name


def named_now(known: Sequence[Rename]) -> ColumnElement[str]:
    """Return what the key results are called now that entries were written of."""
    entry = ledger_entry.c
    spans = [
        (and_(entry.key_result == each.old, entry.seq < each.seq), called_now(known, each.old, each.seq - 1))
        for each in known
    ]
    return case(*spans, else_=entry.key_result) if spans else entry.key_result


def move(connection: Connection, old: str, new: str) -> None:
    """Let everything that is kept of a key result stand under its new name."""
    connection.execute(update(key_result).where(key_result.c.id == old).values(id=new))
    for table in (evidence, hold, frozen_scope, override, final):
        connection.execute(update(table).where(table.c.key_result == old).values(key_result=new))


def on_record(connection: Connection, known: KeyResult) -> str:
    """Return the name under which a key result of the config is on record: its old one until a run has renamed it."""
    return next(iter(pending(connection, [known])), known.id)


def names_of(promises: Iterable[KeyResult] | Iterable[Objective]) -> set[str]:
    """Return every name under which key results of the config, or objectives, may be on record."""
    return {name for each in promises for name in (each.id, each.was) if name}


def pending(connection: Connection, key_results: Iterable[KeyResult]) -> dict[str, str]:
    """Return which key results are yet to be renamed: their new names by the old ones.

    One whose new name has a history of its own, measured or said by people, goes on with that.
    """
    return {
        each.was: each.id
        for each in key_results
        if each.was is not None and tells_of(connection, each.was) and not tells_of(connection, each.id)
    }


def tells_of(connection: Connection, name: str) -> bool:
    """Tell whether there is any entry of a key result, also of one that was never measured."""
    told = select(ledger_entry.c.seq).where(written_of(connection, name)).limit(1)
    return connection.execute(told).first() is not None
