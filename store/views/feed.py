"""The ledger as a page reads it: newest first, some entries at a time, each with its causes added up by kind.

Nothing here reads more than a page needs: an entry may have a row for each of ten thousand tickets.
"""

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    cast,
    exists,
    func,
    or_,
    select,
    type_coerce,
)

from okrs.immutable import immutable
from okrs.ledger import WHOLE, CauseKind, Entry, EntryKind
from okrs.numbers import from_millionths
from okrs.work import WorkItem
from store import ledger, lookup, people
from store.tables import ledger_delta, ledger_entry

EXAMPLES = 4
"""Tickets that are named of each kind of cause."""


@immutable
class Wanted:
    """Which entries are asked for."""

    key_results: Collection[str] | None = None
    """None: of all."""
    kinds: Collection[EntryKind] | None = None
    before: int | None = None
    """Only those before this one."""
    most: int = 25
    until: int | None = None
    """Only those up to this one."""
    silent: bool = True
    """Also that tickets changed, where that moved nothing: neither the value nor what any of them is to it."""


@immutable
class Causes:
    """What tickets did to a value, of one kind."""

    kind: CauseKind
    tickets: int
    delta: Decimal
    examples: tuple[WorkItem, ...] = ()
    """Those that come first, as they were last seen."""


@immutable
class Told:
    """An entry, without its rows."""

    entry: Entry
    by: str | None
    """Who did it, by name."""
    causes: tuple[Causes, ...] = ()


@immutable
class Feed:
    """Some entries, newest first."""

    entries: tuple[Told, ...]
    more: bool
    """There are older ones."""


def feed(connection: Connection, wanted: Wanted) -> Feed:
    """Return the newest entries that are asked for."""
    terms = {
        "key_results": None if wanted.key_results is None else sorted(wanted.key_results),
        "kinds": None if wanted.kinds is None else sorted(each.value for each in wanted.kinds),
        "before": wanted.before,
        "until": wanted.until,
    }
    known = {name: term for name, term in terms.items() if term is not None}
    found = connection.execute(_newest(frozenset(known), silent=wanted.silent), known | {"most": wanted.most + 1})
    entries = [ledger.entry_of(row) for row in found]
    return Feed(told(connection, entries[: wanted.most]), len(entries) > wanted.most)


# Questions of every page are put together once: that takes as long as to answer them.


@cache
def _newest(terms: frozenset[str], *, silent: bool) -> Select[Any]:
    entry = ledger_entry.c
    key_results: BindParameter[str] = bindparam("key_results", expanding=True)
    kinds: BindParameter[str] = bindparam("kinds", expanding=True)
    conditions = {
        "key_results": entry.key_result.in_(key_results),
        "kinds": entry.kind.in_(kinds),
        "before": entry.seq < bindparam("before"),
        "until": entry.seq <= bindparam("until"),
    }
    found = select(ledger_entry).where(*(conditions[each] for each in sorted(terms)))
    found = found if silent else found.where(_speaks())
    return found.order_by(entry.seq.desc()).limit(bindparam("most"))


def _speaks() -> ColumnElement[bool]:
    entry = ledger_entry.c
    moved = exists().where(ledger_delta.c.seq == entry.seq, type_coerce(ledger_delta.c.delta, BigInteger) != 0)
    return or_(entry.kind != EntryKind.AUTO, entry.old.is_distinct_from(entry.new), moved)


def told(connection: Connection, entries: Sequence[Entry]) -> tuple[Told, ...]:
    """Join entries with who did them and with the tickets that caused them."""
    names = people.names_of(connection, sorted({each.by for each in entries if each.by}))
    causes = _causes(connection, [each.seq for each in entries if each.kind not in WHOLE])
    return tuple(
        Told(each, names.get(each.by, each.by) if each.by else None, tuple(causes.get(each.seq, ())))
        for each in entries
    )


def _causes(connection: Connection, seqs: Sequence[int]) -> dict[int, list[Causes]]:
    if not seqs:
        return {}
    firsts = list(connection.execute(_firsts(), {"seqs": seqs}))
    items = items_of(connection, ((each.source, each.item) for each in firsts))
    examples: dict[tuple[int, str], dict[tuple[str, str], WorkItem]] = {}
    for each in firsts:
        if (each.source, each.item) in items:
            mine_too = examples.setdefault((each.seq, each.cause), {})
            mine_too[each.source, each.item] = items[each.source, each.item]
    found: dict[int, list[Causes]] = {}
    for seq, cause, number, delta, _ in connection.execute(_sums(), {"seqs": seqs}):
        some = tuple(examples.get((seq, cause), {}).values())
        found.setdefault(seq, []).append(Causes(CauseKind(cause), number, from_millionths(delta), some))
    return found


def _moving() -> tuple[ColumnElement[bool], ...]:
    seqs: BindParameter[int] = bindparam("seqs", expanding=True)
    return ledger_delta.c.seq.in_(seqs), type_coerce(ledger_delta.c.delta, BigInteger) != 0


@cache
def _sums() -> Select[Any]:
    """How many tickets of each cause moved an entry, and by how much."""
    row, moved = ledger_delta.c, type_coerce(ledger_delta.c.delta, BigInteger)
    tickets = func.count(func.distinct(row.source + "\n" + row.item))
    sums = select(row.seq, row.cause, tickets, cast(func.sum(moved), BigInteger), func.min(row.place))
    return sums.where(*_moving()).group_by(row.seq, row.cause).order_by(row.seq, func.min(row.place))


@cache
def _firsts() -> Select[Any]:
    """The first tickets of each cause."""
    row = ledger_delta.c
    place = func.row_number().over(partition_by=(row.seq, row.cause), order_by=row.place).label("nth")
    ranked = select(row.seq, row.cause, row.source, row.item, place).where(*_moving()).subquery()
    return select(ranked).where(ranked.c.nth <= EXAMPLES).order_by(ranked.c.nth)


def items_of(connection: Connection, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], WorkItem]:
    """Return tickets by source and id, as they were last seen."""
    by_source: dict[str, set[str]] = {}
    for source, item in wanted:
        by_source.setdefault(source, set()).add(item)
    return {
        (source, item): found
        for source, ids in by_source.items()
        for item, (found, _gone) in lookup.look_up(connection, source, sorted(ids)).items()
    }
