"""The ledger's tables: reading entries, and appending them under the head's lock.

`append` is the one writer of values: entry, rows, evidence and the key result's state go in together.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Row, Select, bindparam, select

from mapping.attribution import Evidence
from mapping.totals import Total
from okrs.immutable import immutable
from okrs.ledger import GENESIS, CauseKind, Delta, Entry, EntryKind
from okrs.numbers import from_millionths, sum_to_millionths, to_millionths
from store.database import gathered, listed, raw, raw_many, slices
from store.renames import written_of
from store.rows import fetched, put
from store.tables import (
    evidence,
    from_micros,
    key_result,
    ledger_delta,
    ledger_entry,
    ledger_head,
    micros,
    rule,
    storable,
    whole,
)

_AT_ONCE = 1000
"""Rows that are fetched together when the whole ledger is read."""


@immutable
class KeyResultState:
    """What the ledger says of a key result now, and what it was measured from."""

    id: str
    value: Decimal | None
    seq: int
    """The last entry of this key result."""
    rule: str
    """Content hash of the rule in force."""
    terms: str
    measured_at: datetime
    moved_at: datetime
    """When the value last changed."""
    generations: Mapping[str, int]
    retired: bool = False
    totals: tuple[Total, ...] = ()
    """Of the parts of the rule, as the evidence adds up; none where they were never kept."""


@immutable
class Draft:
    """An entry before it has its place in the chain."""

    kind: EntryKind
    old: Decimal | None
    new: Decimal | None
    rule: str | None
    why: str | None = None
    details: str | None = None
    deltas: tuple[Delta, ...] = ()
    by: str | None = None
    """The id of the person who did it; None when nobody did."""


@immutable
class Head:
    """The last entry of the ledger."""

    seq: int = 0
    hash: str = GENESIS


def lock_head(connection: Connection) -> Head:
    """Wait for the right to append; held until the transaction ends."""
    lock = "SELECT seq, hash FROM ledger_head"
    if connection.dialect.name != "sqlite":  # whose writers wait for each other anyway
        lock += " FOR UPDATE"
    row = raw(connection, lock).one_or_none()
    if row is None:
        put(connection, ledger_head, [{"id": 1, "seq": 0, "hash": GENESIS}], on=["id"], anew={})
        row = raw(connection, lock).one()  # somebody else may have begun it, and written
    return Head(row.seq, row.hash)


def head_of(connection: Connection) -> Head:
    """Return the last entry's place without locking."""
    row = raw(connection, "SELECT seq, hash FROM ledger_head").one_or_none()
    return Head(row.seq, row.hash) if row else Head()


def append(
    connection: Connection, head: Head, name: str, drafts: Iterable[Draft], *, at: datetime, run: str | None
) -> list[Entry]:
    """Chain the drafts behind the head, with their rows and evidence.  The head must be locked."""
    entries = chained(head, name, drafts, at=at, run=run)
    write(connection, entries)
    return entries


def chained(head: Head, name: str, drafts: Iterable[Draft], *, at: datetime, run: str | None) -> list[Entry]:
    """Return the entries that drafts of a key result become behind a head."""
    entries: list[Entry] = []
    for draft in drafts:
        entry = Entry(
            seq=head.seq + 1,
            key_result=name,
            at=at,
            kind=draft.kind,
            old=draft.old,
            new=draft.new,
            run=run,
            rule=draft.rule,
            by=draft.by,
            why=draft.why,
            details=draft.details,
            prev=head.hash,
            deltas=draft.deltas,
        ).sealed()
        entries.append(entry)
        head = Head(entry.seq, entry.hash)
    return entries


def write(connection: Connection, entries: Sequence[Entry]) -> None:
    """Write chained entries, also of several key results, with their rows and evidence.  The head must be locked."""
    if not entries:
        return
    put_entries(connection, entries)
    _keep_evidence(connection, entries)
    raw(connection, "UPDATE ledger_head SET seq = ?, hash = ?", (entries[-1].seq, entries[-1].hash))


def put_entries(connection: Connection, entries: Sequence[Entry]) -> None:
    """Write entries with their rows, and nothing that follows from them."""
    columns = [column.name for column in ledger_entry.c]
    told = [{name: getattr(each, name) for name in columns} | {"kind": each.kind.value} for each in entries]
    put(connection, ledger_entry, told)
    deltas = [_row_of(each, place, row) for each in entries for place, row in enumerate(each.deltas)]
    raw_many(connection, _DELTA, deltas)


# Rows of a first entry are as many as the tickets it is about, and a statement object looks at every value.

_DELTA = """INSERT INTO ledger_delta
 (seq, place, part, source, item, version, cause, old_weight, old_amount, new_weight, new_amount, delta)
 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


def _row_of(entry: Entry, place: int, row: Delta) -> tuple[Any, ...]:
    numbers = (row.old_weight, row.old_amount, row.new_weight, row.new_amount, row.delta)
    return (entry.seq, place, row.part, *_names(row), row.cause.value, *map(_millionths, numbers))


def _names(row: Delta) -> tuple[str, str, str]:
    return storable(row.source), storable(row.item), storable(row.version)


def _millionths(number: Decimal | None) -> int | None:
    return None if number is None else to_millionths(number)


def _keep_evidence(connection: Connection, entries: Iterable[Entry]) -> None:
    """Evidence is the last row per item: later rows replace earlier ones."""
    last = {(entry.key_result, row.part, row.source, row.item): row for entry in entries for row in entry.deltas}
    left = "DELETE FROM evidence WHERE key_result = ? AND part = ? AND source = ? AND item = ?"
    gone = (line for line, row in last.items() if row.new_weight is None)
    raw_many(connection, left, [(storable(name), part, storable(of), storable(item)) for name, part, of, item in gone])
    raw_many(
        connection,
        _EVIDENCE,
        [
            (storable(name), row.part, *_names(row), _millionths(row.new_weight), _millionths(row.new_amount))
            for (name, *_), row in last.items()
            if row.new_weight is not None
        ],
    )


_EVIDENCE = """INSERT INTO evidence (key_result, part, source, item, version, weight, amount)
 VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key_result, part, source, item)
 DO UPDATE SET version = excluded.version, weight = excluded.weight, amount = excluded.amount"""


def keep_rules(connection: Connection, texts: Mapping[str, str]) -> None:
    """Remember the texts behind the hashes of rules."""
    told = [{"hash": digest, "text": text} for digest, text in texts.items()]
    put(connection, rule, told, on=["hash"], anew={})


def rule_text_of(connection: Connection, digest: str) -> str:
    """Return the text of a rule by its hash."""
    return str(raw(connection, "SELECT text FROM rule WHERE hash = ?", (digest,)).scalar_one())


def rule_texts(connection: Connection, digests: Iterable[str]) -> dict[str, str]:
    """Return the texts of rules by their hashes, asked for together."""
    found: dict[str, str] = {}
    for some in slices(sorted(set(digests))):
        told = raw(connection, f"SELECT hash, text FROM rule WHERE hash IN ({listed(some)})", some)  # noqa: S608 - all of it is ours
        found.update((row.hash, row.text) for row in told)
    return found


def keep_states(connection: Connection, kept: Iterable[KeyResultState]) -> None:
    """Write what the ledger says of key results now."""
    told = [
        {
            "id": state.id,
            "value": state.value,
            "seq": state.seq,
            "rule": state.rule,
            "terms": state.terms,
            "measured_at": state.measured_at,
            "moved_at": state.moved_at,
            "generations": _generations_text(state.generations),
            "retired": state.retired,
            "totals": _totals_text(state.totals),
        }
        for state in kept
    ]
    put(connection, key_result, told, on=["id"])


def _generations_text(generations: Mapping[str, int]) -> str:
    return orjson.dumps(dict(generations), option=orjson.OPT_SORT_KEYS).decode()


def state_of(connection: Connection, name: str) -> KeyResultState | None:
    """Return the state of a key result; None when it was never measured."""
    return states(connection, [name]).get(storable(name))


_FEW = 500
"""Key results that are asked for by name; of more, all are read."""


def states(connection: Connection, names: Collection[str] | None = None) -> dict[str, KeyResultState]:
    """Return the state of every key result that was ever measured, or of these alone, by id."""
    some = sorted(names) if names is not None and len(names) <= _FEW else None
    wanted = "" if some is None else f"WHERE id IN ({listed(some)}) "
    found = fetched(connection, key_result, f"{wanted}ORDER BY id", some or ())
    return {row.id: _state(row) for row in found}


def last_entries(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """Return the number of the last entry of key results, of those that were ever measured."""
    found: dict[str, int] = {}
    for some in slices(names):
        last = raw(connection, f"SELECT id, seq FROM key_result WHERE id IN ({listed(some)})", some)  # noqa: S608 - all of it is ours
        found.update((row.id, row.seq) for row in last)
    return found


def names_written(connection: Connection) -> set[str]:
    """Return every name under which an entry was ever written, also those that key results do not have any more."""
    return set(connection.execute(select(ledger_entry.c.key_result).distinct()).scalars())


class OnRecord(NamedTuple):
    """What a look at all key results needs of each, as it stands in the table: there are many, and few have moved."""

    id: str
    measured_at: int
    """Microseconds since 1970."""
    generations: str
    """As JSON: the same text for all that were measured at the same ones."""
    rule: str
    terms: str
    retired: bool


def on_record(connection: Connection) -> dict[str, OnRecord]:
    """Return how every key result stands that was ever measured, by id."""
    rows = raw(connection, "SELECT id, measured_at, generations, rule, terms, retired FROM key_result")
    return {row[0]: OnRecord._make(row) for row in rows.all()}


def generations_of(text: str) -> dict[str, int]:
    """Return the generations of sources that a key result was measured at."""
    return dict(orjson.loads(text))


def _state(row: Any) -> KeyResultState:  # noqa: ANN401 - as `fetched` returns it
    return KeyResultState(
        id=row.id,
        value=row.value,
        seq=row.seq,
        rule=row.rule,
        terms=row.terms,
        measured_at=row.measured_at,
        moved_at=row.moved_at,
        generations=generations_of(row.generations),
        retired=bool(row.retired),
        totals=_totals(row.totals),
    )


def _totals_text(totals: Iterable[Total]) -> str:
    sums = [[sum_to_millionths(each.amount), sum_to_millionths(each.weight), each.items] for each in totals]
    return json.dumps(sums)  # of any size, unlike orjson's whole numbers


def _totals(text: str) -> tuple[Total, ...]:
    return tuple(
        Total(from_millionths(amount), from_millionths(weight), items) for amount, weight, items in json.loads(text)
    )


def evidence_of(connection: Connection, name: str) -> list[Evidence]:
    """Return what is on the line of a key result, as the ledger last said."""
    rows = connection.execute(
        select(evidence)
        .where(evidence.c.key_result == name)
        .order_by(evidence.c.part, evidence.c.source, evidence.c.item)
    )
    return [Evidence(row.part, row.source, row.item, row.version, row.weight, row.amount) for row in rows]


class Recorded(NamedTuple):
    """Evidence as it stands in the table: a page adds up thousands of rows, and shows a few."""

    part: int
    source: str
    item: str
    version: str
    weight: int
    """In millionths; so is the amount."""
    amount: int

    @property
    def evidence(self) -> Evidence:
        return Evidence(*self[:4], from_millionths(self.weight), from_millionths(self.amount))


def recorded(connection: Connection, name: str) -> list[Recorded]:
    """Return what `evidence_of` does, in any order.  Nobody looked whether the numbers are whole."""
    rows = gathered(connection, ", ".join(Recorded._fields), "FROM evidence WHERE key_result = ?", (name,))
    return [Recorded._make(row) for row in rows]


def evidence_of_all(connection: Connection, names: Iterable[str]) -> dict[str, list[Evidence]]:
    """Return what is on the line of some key results, asked for together."""
    found: dict[str, list[Evidence]] = {}
    for some in slices(names):
        order = (evidence.c.key_result, evidence.c.part, evidence.c.source, evidence.c.item)
        for row in connection.execute(select(evidence).where(evidence.c.key_result.in_(some)).order_by(*order)):
            mine = found.setdefault(row.key_result, [])
            mine.append(Evidence(row.part, row.source, row.item, row.version, row.weight, row.amount))
    return found


@cache
def _evidence_among() -> Select[Any]:
    """Asked for every key result, so it is put together once."""
    mine = (evidence.c.key_result == bindparam("name"), evidence.c.source == bindparam("source"))
    some = (
        evidence.c.part.in_(bindparam("parts", expanding=True)),
        evidence.c.item.in_(bindparam("ids", expanding=True)),
    )
    return select(evidence).where(*mine, *some)


def evidence_among(connection: Connection, name: str, parts: int, source: str, ids: Iterable[str]) -> list[Evidence]:
    """Return what is on the line of a key result of these items of a source, in any of so many parts."""
    mine = {"name": name, "parts": range(parts), "source": source}
    found: list[Evidence] = []
    for some in slices(ids):
        rows = connection.execute(_evidence_among(), mine | {"ids": some})
        found += [Evidence(row.part, row.source, row.item, row.version, row.weight, row.amount) for row in rows]
    return found


@cache
def _evidence_anywhere() -> Select[Any]:
    here = (evidence.c.source == bindparam("source"), evidence.c.item.in_(bindparam("ids", expanding=True)))
    return select(evidence).where(*here).order_by(evidence.c.key_result, evidence.c.part, evidence.c.item)


def evidence_by_key_result(connection: Connection, source: str, ids: Iterable[str]) -> dict[str, list[Evidence]]:
    """Return what is on the line of any key result of these few items of a source."""
    found: dict[str, list[Evidence]] = {}
    for some in slices(ids):
        for row in connection.execute(_evidence_anywhere(), {"source": source, "ids": some}):
            mine = found.setdefault(row.key_result, [])
            mine.append(Evidence(row.part, row.source, row.item, row.version, row.weight, row.amount))
    return found


@cache
def _counting() -> Select[Any]:
    here = (evidence.c.source == bindparam("source"), evidence.c.item.in_(bindparam("ids", expanding=True)))
    return select(evidence.c.key_result).where(*here)


def counting(connection: Connection, source: str, ids: Iterable[str]) -> set[str]:
    """Return the key results that have any of these items of a source on their line."""
    found: set[str] = set()
    for some in slices(ids):
        found.update(connection.execute(_counting(), {"source": source, "ids": some}).scalars())
    return found


def still(
    connection: Connection, names: Iterable[str], was: Mapping[str, int], now: Mapping[str, int], *, head: int
) -> None:
    """Say that nothing that moved the sources since those generations is of concern to these key results.

    Whoever has an entry behind `head` was measured meanwhile, and is left alone.
    """
    told = (_generations_text(now), _generations_text(was), head)
    text = "UPDATE key_result SET generations = ? WHERE generations = ? AND seq <= ? AND id IN"
    for some in slices(names):
        raw(connection, f"{text} ({listed(some)})", (*told, *some))


def entries_of(connection: Connection, name: str | None = None) -> Iterator[Entry]:
    """Yield the entries of a key result, also under names that it had before, or all, in order and with their rows.

    Raises ValueError for rows that belong to no entry, which only a hand in the tables can make.
    """
    entries = select(ledger_entry).order_by(ledger_entry.c.seq).execution_options(yield_per=_AT_ONCE)
    rows = select(ledger_delta).order_by(ledger_delta.c.seq, ledger_delta.c.place).execution_options(yield_per=_AT_ONCE)
    if name is not None:
        of_it = written_of(connection, name)
        entries = entries.where(of_it)
        mine = select(ledger_entry.c.seq).where(of_it)
        rows = rows.where(ledger_delta.c.seq.in_(mine))
    with connection.execute(rows) as of_all, connection.execute(entries) as found:  # also when the reader stops early
        by_seq = groupby(of_all, key=lambda row: row.seq)
        seq, group = next(by_seq, (None, iter(())))
        for row in found:
            deltas: Sequence[Delta] = ()
            if seq == row.seq:
                deltas = [_delta(each) for each in group]
                seq, group = next(by_seq, (None, iter(())))
            yield entry_of(row, deltas)
    if seq is not None:
        raise ValueError(f"rows of entry {seq}, which does not exist")


def readable(connection: Connection, seq: int) -> bool:
    """Read one entry with its rows.  False when there is none; raises ValueError and the like when it cannot be."""
    found = connection.execute(select(ledger_entry).where(ledger_entry.c.seq == seq)).one_or_none()
    rows = connection.execute(select(ledger_delta).where(ledger_delta.c.seq == seq))
    return found is not None and bool(entry_of(found, [_delta(row) for row in rows]))


def entry_of(row: Row[tuple[object, ...]], deltas: Sequence[Delta] = ()) -> Entry:
    """Return the entry of a row, with these rows of its own."""
    return Entry(
        seq=row.seq,
        key_result=row.key_result,
        at=row.at,
        kind=EntryKind(row.kind),
        old=row.old,
        new=row.new,
        run=row.run,
        rule=row.rule,
        by=row.by,
        why=row.why,
        details=row.details,
        prev=row.prev,
        hash=row.hash,
        deltas=tuple(deltas),
    )


_FACTS = 'seq, key_result, at, kind, old, new, run, rule, "by", why, details, prev, hash'
_NEWEST = "FROM (SELECT * FROM ledger_entry WHERE key_result = ? AND at <= ? ORDER BY seq DESC LIMIT ?) newest"
_EVER = 2**63 - 1
_KINDS = {kind.value: kind for kind in EntryKind}


def newest(connection: Connection, name: str, most: int, until: datetime | None = None) -> Iterator[Entry]:
    """Yield the newest entries that were written under a name, the newest first, without their rows.

    Raises ValueError and the like for what a hand put into the table.
    """
    rows = gathered(connection, _FACTS, _NEWEST, (name, _EVER if until is None else micros(until), most))
    for row in sorted(rows, key=itemgetter(0), reverse=True):
        seq, key_result, at, kind, old, new, *others = row
        yield Entry(seq, key_result, from_micros(whole(at)), _KINDS[kind], _number(old), _number(new), *others)


def _number(millionths: int | None) -> Decimal | None:
    return None if millionths is None else from_millionths(whole(millionths))


def _delta(row: Row[tuple[object, ...]]) -> Delta:
    return Delta(
        part=row.part,
        source=row.source,
        item=row.item,
        version=row.version,
        old_weight=row.old_weight,
        old_amount=row.old_amount,
        new_weight=row.new_weight,
        new_amount=row.new_amount,
        cause=CauseKind(row.cause),
        delta=row.delta,
    )
