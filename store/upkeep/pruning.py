"""`prune`: old versions of items, and old runs, that nothing rests on any more.

A version may go when another one took its place before the limit, so that whoever asks for a day after the limit finds
the same; and when none of these needs it:

- the ledger: a row, or the evidence, names it;
- a key result that was measured last before its successor came;
- a cycle that is over: its tickets are measured as they stood at its end, also when that is known later;
- the time since when an item stands as it does: the first of several versions of one state stays while others do.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, pairwise, zip_longest
from typing import NamedTuple

import orjson
from sqlalchemy import Connection, and_, delete, func, select, union

from mapping.codec import parse_rule
from okrs.immutable import immutable
from store import ledger
from store.database import Database
from store.finals import finals
from store.items import CLOSED_AT
from store.tables import evidence, from_micros, item_version, ledger_delta, ledger_entry, run, run_source
from store.upkeep.exporting import Watch
from store.views.origins import NOTHING_READ

_AT_ONCE = 500
_FETCHED = 1000
_OVERHEAD = 100
"""Bytes of a row beside its payload, about."""


@immutable
class Version:
    """A version of an item, as far as it matters whether it may go."""

    seen_at: datetime
    generation: int
    stand: tuple[str | None, ...]
    """State, status and resolution."""
    referenced: bool
    """The ledger names it."""
    size: int
    """Bytes, about."""
    closed_at: datetime | None = None
    """The tracker's own date."""


def droppable(
    versions: Sequence[Version], limit: datetime, floor: int | None = None, ends: Iterable[datetime] = ()
) -> list[Version]:
    """Return which versions of one item, the oldest first, may go.

    `floor` is the generation at which some key result of the source was measured last; None where none was.  `ends` are
    those of cycles.
    """
    needed = {at for end in ends for at in _stood(versions, end)}
    runs = [at for at, (_, run_) in enumerate(groupby(versions, key=lambda each: each.stand)) for _ in run_]
    kept = {
        at
        for at, (each, after) in enumerate(zip_longest(versions, versions[1:]))
        if at in needed or after is None or not _is_replaced(each, after, limit, floor)
    }
    kept |= {runs.index(runs[at]) for at in kept}  # since when it stands like that
    kept |= {
        runs.index(runs[at]) - 1 for before, at in pairwise(sorted(kept)) if _would_join(versions, runs, before, at)
    }
    return [each for at, each in enumerate(versions) if at not in kept]


def _is_replaced(each: Version, after: Version, limit: datetime, floor: int | None) -> bool:
    old = after.seen_at <= limit and (floor is None or after.generation <= floor)
    return old and not each.referenced


def _would_join(versions: Sequence[Version], runs: Sequence[int], before: int, at: int) -> bool:
    """Tell whether two that stand alike would look as if nothing had been in between."""
    return versions[before].stand == versions[at].stand and runs[before] != runs[at]


def _stood(versions: Sequence[Version], end: datetime) -> set[int]:
    """Return what tells how an item stood at the end of a cycle, as `store.lookup.stood` asks for it."""
    earlier = [at for at, each in enumerate(versions) if each.seen_at < end]
    late = {
        at
        for at, each in enumerate(versions)
        if each.seen_at >= end and each.closed_at is not None and each.closed_at < end
    }
    return {earlier[-1] if earlier else 0} | late


def _ends(connection: Connection) -> list[datetime]:
    """The ends of the cycles of all key results that go on to be measured, closed or not."""
    rules = {each.rule for each in ledger.states(connection).values() if not each.retired}
    return sorted({parse_rule(ledger.rule_text_of(connection, digest)).period.end for digest in rules})


class _Row(NamedTuple):
    source: str
    item: str
    version: Version

    @property
    def key(self) -> tuple[str, str, datetime]:
        return self.source, self.item, self.version.seen_at


@immutable
class Pruned:
    """What went, or would."""

    before: datetime
    versions: int
    size: int
    """Bytes, about."""
    runs: int


def prune(database: Database, wanted: datetime, watch: Watch, *, dry_run: bool = False) -> Pruned:
    """Delete what is older than this and nobody needs, in short transactions; with `dry_run` count it."""
    with database.read() as connection:
        total = connection.execute(select(func.count()).select_from(item_version)).scalar_one()
        rows = [(row.key, row.version.size) for row in _old(connection, wanted, watch, total)]
        old_runs = _old_runs(connection, wanted)
        read = sum(len(names) for names in old_runs.reads.values())
    if not dry_run:
        _delete_versions(database, [key for key, _ in rows])
        _delete_runs(database, old_runs)
    size = sum(bytes_ for _, bytes_ in rows) + _OVERHEAD * (len(old_runs.runs) + read)
    return Pruned(wanted, len(rows), size, len(old_runs.runs))


# --- versions ------------------------------------------------------------------------------------------------------


def _old(connection: Connection, limit: datetime, watch: Watch, total: int) -> Iterator[_Row]:
    floors, ends = _floors(connection), _ends(connection)
    rows = _several(connection)
    done = 0
    for (source, _), group in groupby(rows, key=lambda row: (row.source, row.item)):
        mine = list(group)
        done += len(mine)
        droppable_ = droppable([row.version for row in mine], limit, floors.get(source), ends)
        gone = {id(each) for each in droppable_}
        yield from (row for row in mine if id(row.version) in gone)
        watch(min(done, total), total)
    watch(total, total)


def _several(connection: Connection) -> Iterator[_Row]:
    """Yield the versions of the items that have several, in order."""
    v = item_version
    named = union(
        select(ledger_delta.c.source, ledger_delta.c.item, ledger_delta.c.version),
        select(evidence.c.source, evidence.c.item, evidence.c.version),
    ).subquery("named")
    many = select(v.c.source, v.c.item).group_by(v.c.source, v.c.item).having(func.count() > 1).subquery("many")
    on_named = and_(named.c.source == v.c.source, named.c.item == v.c.item, named.c.version == v.c.hash)
    found = (
        select(v.c.source, v.c.item, v.c.seen_at, v.c.generation, v.c.payload, named.c.version.label("named"))
        .select_from(
            v.join(many, and_(many.c.source == v.c.source, many.c.item == v.c.item)).outerjoin(named, on_named)
        )
        .order_by(v.c.source, v.c.item, v.c.seen_at)
        .execution_options(yield_per=_FETCHED)
    )
    with connection.execute(found) as rows:
        for row in rows:
            facts, size = orjson.loads(row.payload), len(row.payload) + _OVERHEAD
            closed = None if facts[CLOSED_AT] is None else from_micros(facts[CLOSED_AT])
            named_ = row.named is not None
            version = Version(row.seen_at, row.generation, tuple(facts[6:9]), named_, size, closed)
            yield _Row(row.source, row.item, version)


def _floors(connection: Connection) -> Mapping[str, int]:
    """The oldest generation of each source at which a key result was measured that goes on to be."""
    floors: dict[str, int] = {}
    closed = finals(connection)
    for name, state in ledger.states(connection).items():
        if state.retired or name in closed:
            continue
        for source, generation in state.generations.items():
            floors[source] = min(generation, floors.get(source, generation))
    return floors


def _delete_versions(database: Database, keys: Sequence[tuple[str, str, datetime]]) -> None:
    v = item_version
    for begin in range(0, len(keys), _AT_ONCE):
        some = keys[begin : begin + _AT_ONCE]
        with database.write() as connection:
            for (source, name), group in groupby(some, key=lambda key: key[:2]):
                times = [seen_at for *_, seen_at in group]
                here = (v.c.source == source, v.c.item == name, v.c.seen_at.in_(times))
                connection.execute(delete(v).where(*here))


# --- runs ----------------------------------------------------------------------------------------------------------


@immutable
class _OldRuns:
    runs: tuple[str, ...]
    reads: Mapping[str, tuple[str, ...]]
    """Runs by source whose read nobody asks for."""


def _old_runs(connection: Connection, before: datetime) -> _OldRuns:
    """Return runs that ended before, but those of entries and those that read last before an entry was written."""
    old = (run.c.finished_at.is_not(None), run.c.finished_at < before)
    ended = set(connection.execute(select(run.c.id).where(*old)).scalars())
    entries = select(ledger_entry.c.run).where(ledger_entry.c.run.is_not(None)).distinct().order_by(ledger_entry.c.run)
    named = sorted(name for name in connection.execute(entries).scalars() if name is not None)
    reads: dict[str, tuple[str, ...]] = {}
    kept = set(named)
    rows = connection.execute(select(run_source.c.source, run_source.c.run, run_source.c.state)).all()
    for source, group in groupby(sorted(tuple(row) for row in rows), key=lambda row: row[0]):
        mine = [(name, state) for _, name, state in group]
        needed = last_reads([name for name, state in mine if state not in NOTHING_READ], named)
        reads[source] = tuple(name for name, _ in mine if name in ended and name not in needed and name not in named)
        kept |= {name for name, _ in mine} - set(reads[source])
    return _OldRuns(tuple(sorted(ended - kept)), reads)


def last_reads(reads: Iterable[str], entries: Iterable[str]) -> set[str]:
    """Return which of the runs that read a source are the last ones that did when an entry was written, or until today.

    Ids of runs sort by time; `entries` are those that wrote entries.
    """
    needed: set[str] = set()
    waiting, last = sorted(entries), None
    at = 0
    for name in sorted(reads):
        while at < len(waiting) and waiting[at] < name:
            needed |= {last} if last is not None else set()
            at += 1
        last = name
    return needed | ({last} if last is not None else set())


def _delete_runs(database: Database, old: _OldRuns) -> None:
    for source, names in old.reads.items():
        for begin in range(0, len(names), _AT_ONCE):
            here = (run_source.c.source == source, run_source.c.run.in_(names[begin : begin + _AT_ONCE]))
            with database.write() as connection:
                connection.execute(delete(run_source).where(*here))
    for begin in range(0, len(old.runs), _AT_ONCE):
        with database.write() as connection:
            connection.execute(delete(run).where(run.c.id.in_(old.runs[begin : begin + _AT_ONCE])))
