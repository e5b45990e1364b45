"""Sources and their containers: leases with fencing tokens, watermarks, what was read when.

A lease says who reads a source; its fence grows with every lease.  Every commit of a reader checks the fence in the
same transaction, so that one who slept through its lease cannot write (Kleppmann, "How to do distributed locking").
"""

import os
import socket
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    BindParameter,
    Connection,
    CursorResult,
    Delete,
    Row,
    ScalarSelect,
    Select,
    bindparam,
    cast,
    delete,
    literal,
    select,
    update,
)

from okrs.demand import Container, Demand
from okrs.immutable import immutable
from okrs.work import fold_key
from store.database import Database, listed, raw, slices, upsert
from store.items import instant
from store.rows import put
from store.tables import (
    Instant,
    absence,
    container,
    incoming,
    item,
    micros,
    presence,
    roll,
    source,
    storable,
)

LEASE = timedelta(seconds=60)


class LeaseLostError(Exception):
    """Another worker took the source meanwhile; nothing of this read may be committed."""


@immutable
class Reader:
    """Who reads a source: a run, by a connector of some version."""

    run: str
    connector: str
    version: str


@immutable
class Lease:
    """The right to read one source."""

    source: str
    holder: str
    fence: int
    run: str | None = None
    """The run that reads it, where one does."""


@immutable
class ContainerState:
    """What we have of a container.  `read_at` None: never read completely, though that was tried."""

    id: str
    name: str
    called: str
    watermark: datetime | None
    read_at: datetime | None
    demand: Demand
    error: str | None
    wide_at: datetime | None = None
    """When a read last went back a whole day."""
    census_at: datetime | None = None
    full_at: datetime | None = None
    """When a read last listed everything."""
    memo: Mapping[str, str] = field(default_factory=dict)
    """What the connector left for its next read."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """What rules ask and the tracker refused, by `Demand.names`, each with its sentence: `demand` is without it."""
    late: frozenset[str] = frozenset()
    """Those of them that were refused in the middle of a listing."""

    def refusal(self, name: str, demand: Demand) -> str | None:
        """Return why the tracker cannot give what is demanded by a name; None where nothing is known against it."""
        held = self.demand
        lacking = name not in held.names or (name in demand.numbers and name not in held.numbers)
        return self.refused.get(name) if lacking else None

    def goes_by(self, name: str) -> bool:
        """Tell whether a config means it by a name: its last one there, the tracker's, or its id."""
        return fold_key(name) in map(fold_key, (self.name, self.called, self.id))


@immutable
class SourceState:
    """What we know of a source."""

    name: str
    generation: int
    state: str
    last_success: datetime | None
    error: str | None
    containers: tuple[ContainerState, ...]

    def usable(self, demand: Demand) -> bool:
        """Tell whether what was read holds what this demand asks; a container that never was read is not waited for."""
        read = [each for each in self.containers if each.read_at]
        return bool(read) and all(each.demand.covers(demand) for each in read)

    def ready(self, names: Iterable[str], demand: Demand) -> bool:
        """Tell whether every configured container was read completely, with at least this demand."""
        return all(each is not None and each.demand.covers(demand) for each in self.read_as(names))

    def read_as(self, names: Iterable[str]) -> "list[ContainerState | None]":
        """Return what was read of the containers that a config names; None of one that never was."""
        read = {each.name: each for each in self.containers if each.read_at}
        return [read.get(name) or next((each for each in read.values() if each.goes_by(name)), None) for name in names]


def acquire(database: Database, name: str, now: datetime, reader: Reader | None = None) -> Lease | None:
    """Take the lease of a source, None while somebody else holds it.  What the reader is, stays on record.

    A holder on this host whose process is gone loses it at once.
    """
    holder = f"{_process()}/{uuid.uuid4().hex[:8]}"
    with database.write() as connection:
        row = _locked(connection, name).one_or_none()
        if row is None:
            raw(connection, _BEGUN, (name,))
            row = _locked(connection, name).one()
        fence, until, held_by = row
        if until is not None and until > micros(now) and not _dead(held_by):
            return None
        raw(connection, _TAKEN, (holder, micros(now + LEASE), fence + 1, micros(now), name))
        if reader is not None:
            raw(connection, _READ_IN_RUN, (name, reader.run, reader.connector, reader.version))
    return Lease(name, holder, fence + 1, reader.run if reader else None)


# What every run asks and says is text: to put a statement together takes a short command longer than to run it.

_BEGUN = "INSERT INTO source (name, generation, fence, state) VALUES (?, 0, 0, 'never') ON CONFLICT (name) DO NOTHING"
_TAKEN = "UPDATE source SET lease_holder = ?, lease_until = ?, fence = ?, last_attempt = ? WHERE name = ?"
_READ_IN_RUN = "INSERT INTO run_source (source, run, connector, version) VALUES (?, ?, ?, ?)"


def _locked(connection: Connection, name: str) -> CursorResult[*tuple[Any, ...]]:
    """Ask for the fence, the end and the holder of a source's lease; nobody else changes them before the commit."""
    text = "SELECT fence, lease_until, lease_holder FROM source WHERE name = ?"
    return raw(connection, text if connection.dialect.name == "sqlite" else f"{text} FOR UPDATE", (name,))


def _process() -> str:
    return f"{socket.gethostname()}/{os.getpid()}"


def surrender(database: Database) -> None:
    """Give back every lease of this process, which ends; whatever still reads by one cannot commit any more."""
    with database.write() as connection:
        mine = source.c.lease_holder.startswith(f"{_process()}/", autoescape=True)
        connection.execute(update(source).where(mine).values(lease_holder=None, lease_until=None))


def _dead(holder: str | None) -> bool:
    """Tell whether the holder was a process of this host that is gone."""
    host, pid, _ = (holder or "//").split("/", 2)
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def fenced(connection: Connection, lease: Lease, now: datetime) -> None:
    """Renew the lease within the transaction that is about to commit.  Raises LeaseLostError when it is not ours."""
    if raw(connection, _RENEWED, (micros(now + LEASE), lease.source, lease.fence, lease.holder)).rowcount != 1:
        raise LeaseLostError(lease.source)


_RENEWED = "UPDATE source SET lease_until = ? WHERE name = ? AND fence = ? AND lease_holder = ?"


def renew(database: Database, lease: Lease, now: datetime) -> None:
    """Renew the lease where nothing is written for long.  Raises LeaseLostError."""
    with database.write() as connection:
        fenced(connection, lease, now)


def release(database: Database, lease: Lease, now: datetime, state: str, error: str | None) -> None:
    """Give the lease back and say how the read went; a lease that is not ours any more is left alone."""
    told, success = storable(state), micros(now) if state == "ok" else None
    with database.write() as connection:
        raw(connection, _RELEASED, (told, error and storable(error), success, lease.source, lease.fence))
        if lease.run is not None:
            raw(connection, _READ_ENDED, (told, micros(now), lease.source, lease.run))


_RELEASED = """UPDATE source SET state = ?, error = ?, last_success = coalesce(?, last_success),
    lease_holder = NULL, lease_until = NULL WHERE name = ? AND fence = ?"""
_READ_ENDED = "UPDATE run_source SET state = ?, ended_at = ? WHERE source = ? AND run = ?"


def state_of(connection: Connection, name: str) -> SourceState:
    """Return what we know of a source; one that was never read has no containers."""
    row = raw(connection, "SELECT generation, state, last_success, error FROM source WHERE name = ?", (name,)).first()
    containers = tuple(_container(each) for each in raw(connection, _CONTAINERS, (name,)))
    if row is None:
        return SourceState(name, 0, "never", None, None, ())
    return SourceState(name, row.generation, row.state, instant(row.last_success), row.error, containers)


_CONTAINERS = """SELECT id, name, called, watermark, read_at, demand, error, wide_at, census_at, full_at, memo
    FROM container WHERE source = ? ORDER BY name"""


def items_held(connection: Connection, name: str) -> int:
    """Return how many items of a source are in the mirror; they are counted one by one."""
    held = raw(connection, "SELECT count(*) FROM item WHERE source = ? AND gone IS NULL", (name,))
    return int(held.scalar_one())


def generations(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """Return the generation of each source; 0 for one that was never read."""
    wanted, found = tuple(names), dict[str, int]()
    for some in slices(wanted):
        told = raw(connection, f"SELECT name, generation FROM source WHERE name IN ({listed(some)})", some)  # noqa: S608 - all of it is ours
        found.update((row.name, row.generation) for row in told)
    return {name: found.get(name, 0) for name in wanted}


def turns(connection: Connection) -> dict[str, tuple[int, int]]:
    """Return how often each source was leased, and its generation: whoever changes anything of it moves one of them."""
    rows = raw(connection, "SELECT name, fence, generation FROM source")
    return {name: (fence, generation) for name, fence, generation in rows}


def note_error(
    database: Database, lease: Lease, known: Container, error: str, now: datetime, *, unobserved: bool = False
) -> None:
    """Keep why a container could not be read; what we have of it stays as last seen.

    `unobserved` says that it could not be seen at all: then its next read begins from the start, for nobody knows
    what was missed, and must show something of what was there before it is believed again.
    """
    with database.write() as connection:
        fenced(connection, lease, now)
        row = {"source": lease.source, "id": known.id, "name": known.name, "error": error}
        anew = {"error": "excluded.error", "name": "excluded.name"} | ({"watermark": "NULL"} if unobserved else {})
        put(connection, container, [row | {"demand": demand_text(Demand())}], on=["source", "id"], anew=anew)


def note_refused(database: Database, lease: Lease, known: Container, demand: str, *, now: datetime) -> None:
    """Keep that a container was read for what cannot be had any more: a rule that asks for it is not measured.

    `demand` is what remains, as `demand_text` writes it.
    """
    with database.write() as connection:
        fenced(connection, lease, now)
        held = (container.c.source == lease.source, container.c.id == known.id)
        connection.execute(update(container).where(*held).values(demand=demand))


def keep_only(database: Database, lease: Lease, keep: Iterable[str], now: datetime) -> int:
    """Drop the containers that left the config, and the items that are in no other.  Returns how many items left."""
    here, others = container.c.source == lease.source, {"of_source": lease.source, "kept": tuple(keep)}
    with database.read() as connection:
        if not _any_other(connection, lease.source, others["kept"]):
            return 0  # as at most polls: nobody waits for the right to write
    with database.write() as connection:
        fenced(connection, lease, now)
        for statement in _left_over():
            connection.execute(statement, others)
        gone = list(connection.execute(_other_containers(), others).scalars())
        if not gone:
            return 0
        connection.execute(delete(presence).where(presence.c.source == lease.source, presence.c.container.in_(gone)))
        connection.execute(delete(container).where(here, container.c.id.in_(gone)))
        left = leave(connection, lease.source, now, "removed")
        if left:
            connection.execute(
                update(source).where(source.c.name == lease.source).values(generation=source.c.generation + 1)
            )
        return left


@cache
def _left_over() -> tuple[Delete, ...]:
    """What is under way of containers that are not to be kept."""
    others: BindParameter[str] = bindparam("kept", expanding=True)
    tables = (incoming, roll)
    return tuple(
        delete(each).where(each.c.source == bindparam("of_source"), each.c.container.not_in(others)) for each in tables
    )


def _any_other(connection: Connection, name: str, kept: Sequence[str]) -> bool:
    """Tell whether there is anything of a container that is not to be kept."""
    other = f"NOT IN ({listed(kept)})" if kept else "IS NOT NULL"
    text = f"""SELECT 1 WHERE EXISTS (SELECT 1 FROM incoming WHERE source = ? AND container {other})
        OR EXISTS (SELECT 1 FROM roll WHERE source = ? AND container {other})
        OR EXISTS (SELECT 1 FROM container WHERE source = ? AND id {other})"""  # noqa: S608 - all of it is ours
    return raw(connection, text, (name, *map(storable, kept)) * 3).first() is not None


@cache
def _other_containers() -> Select[Any]:
    others = container.c.id.not_in(bindparam("kept", expanding=True))
    return select(container.c.id).where(container.c.source == bindparam("of_source"), others)


def following(name: str) -> ScalarSelect[int]:
    """The generation that a source will have once the transaction that changes its items is done."""
    return select(source.c.generation + 1).where(source.c.name == name).scalar_subquery()


def leave(connection: Connection, name: str, now: datetime, why: str) -> int:
    """Mark the items that are present in no container any more as gone.  Returns how many."""
    present = select(presence.c.item).where(presence.c.source == name)
    leaving = (item.c.source == name, item.c.gone.is_(None), item.c.id.not_in(present))
    moment = cast(literal(now, Instant()), BigInteger)
    rows = select(item.c.source, item.c.id, moment, literal(why)).where(*leaving)
    statement = upsert(connection.dialect.name, absence)
    noted = statement.from_select(["source", "item", "gone_at", "why"], rows, include_defaults=False)
    again = {"why": statement.excluded.why, "back_at": None}  # it left and came back within the same moment
    connection.execute(noted.on_conflict_do_update(index_elements=["source", "item", "gone_at"], set_=again))
    left = update(item).where(*leaving)
    return connection.execute(left.values(gone=why, gone_at=now, changed=following(name))).rowcount


def demand_text(demand: Demand, refused: Mapping[str, str] | None = None, late: Iterable[str] = ()) -> str:
    """Return what was asked of a container as JSON, with the fields that were refused; queries are of no container."""
    fields = {"fields": sorted(demand.fields), "numbers": sorted(demand.numbers), "refused": dict(refused or {})}
    known = fields | {"late": sorted(late)} | {"site": demand.site, "shaping": demand.shaping}
    extras = {"histories": demand.histories, "sprints": demand.sprints, "refs": demand.refs}
    return orjson.dumps(known | extras, option=orjson.OPT_SORT_KEYS).decode()


def parse_demand(text: str) -> Demand:
    """The inverse of `demand_text`, without what was refused."""
    return _told(text)[0]


@lru_cache(maxsize=256)
def _told(text: str) -> tuple[Demand, Mapping[str, str], frozenset[str]]:
    """What `demand_text` was given; the containers of a source mostly tell the same, in every poll."""
    document = orjson.loads(text)
    extras = {name: document.get(name, False) for name in ("histories", "sprints", "refs")}  # 0001 had none of them
    fields = frozenset(document["fields"])
    numbers = frozenset(document.get("numbers", fields))  # once not kept: they were looked at all the same
    demand = Demand(fields, document["site"], document["shaping"], numbers=numbers, **extras)
    return demand, MappingProxyType(document.get("refused", {})), frozenset(document.get("late", ()))


def _container(row: Row[*tuple[Any, ...]]) -> ContainerState:
    demand, refused, late = _told(row.demand)
    return ContainerState(
        id=row.id,
        name=row.name,
        called=row.called,
        watermark=instant(row.watermark),
        read_at=instant(row.read_at),
        demand=demand,
        error=row.error,
        wide_at=instant(row.wide_at),
        census_at=instant(row.census_at),
        full_at=instant(row.full_at),
        memo=orjson.loads(row.memo),
        refused=refused,
        late=late,
    )
