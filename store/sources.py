"""Sources and their containers: leases with fencing tokens, watermarks, what was read when.

A lease says who reads a source; its fence grows with every lease.  Every commit of a reader checks the fence in the
same transaction, so that one who slept through its lease cannot write (Kleppmann, "How to do distributed locking").
"""

import os
import socket
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, field
from datetime import datetime, timedelta
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    BindParameter,
    CompoundSelect,
    Connection,
    Delete,
    Insert,
    Row,
    ScalarSelect,
    Select,
    Update,
    bindparam,
    cast,
    delete,
    exists,
    func,
    literal,
    select,
    union_all,
    update,
)

from okrs.demand import Container, Demand
from okrs.immutable import immutable
from okrs.work import fold_key
from store.database import Database, upsert
from store.tables import Instant, absence, container, incoming, item, presence, roll, run_source, source

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
    """Fields that rules name and the tracker refused, by name, each with its sentence: `demand` is without them."""
    late: frozenset[str] = frozenset()
    """Those of them that were refused in the middle of a listing."""

    def refusal(self, name: str, demand: Demand) -> str | None:
        """Return why the tracker cannot give a field as it is demanded; None where nothing is known against it."""
        held = self.demand
        lacking = name not in held.fields or (name in demand.numbers and name not in held.numbers)
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
        row = connection.execute(_locked(), {"name": name}).one_or_none()
        if row is None:
            begun = upsert(connection.dialect.name, source).values(name=name, generation=0, fence=0, state="never")
            connection.execute(begun.on_conflict_do_nothing(index_elements=["name"]))
            row = connection.execute(_locked(), {"name": name}).one()
        if row.lease_until is not None and row.lease_until > now and not _dead(row.lease_holder):
            return None
        fence = row.fence + 1
        told = {"of_source": name, "to_fence": fence, "to_holder": holder, "until": now + LEASE, "at": now}
        connection.execute(_taken(), told)
        if reader is not None:
            connection.execute(_read_in_run(), {"source": name, **asdict(reader)})
    return Lease(name, holder, fence, reader.run if reader else None)


@cache
def _taken() -> Update:
    taken = update(source).where(source.c.name == bindparam("of_source"))
    lease = taken.values(lease_holder=bindparam("to_holder"), lease_until=bindparam("until"))
    return lease.values(fence=bindparam("to_fence"), last_attempt=bindparam("at"))


@cache
def _read_in_run() -> Insert:
    return run_source.insert().values({name: bindparam(name) for name in ("source", "run", "connector", "version")})


@cache
def _locked() -> Select[Any]:
    return select(source).where(source.c.name == bindparam("name")).with_for_update()


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
    held = {"of_source": lease.source, "of_fence": lease.fence, "of_holder": lease.holder, "at_end": now + LEASE}
    if connection.execute(_renewed(), held).rowcount != 1:
        raise LeaseLostError(lease.source)


@cache
def _renewed() -> Update:
    mine = (source.c.fence == bindparam("of_fence"), source.c.lease_holder == bindparam("of_holder"))
    return update(source).where(source.c.name == bindparam("of_source"), *mine).values(lease_until=bindparam("at_end"))


def renew(database: Database, lease: Lease, now: datetime) -> None:
    """Renew the lease where nothing is written for long.  Raises LeaseLostError."""
    with database.write() as connection:
        fenced(connection, lease, now)


def release(database: Database, lease: Lease, now: datetime, state: str, error: str | None) -> None:
    """Give the lease back and say how the read went; a lease that is not ours any more is left alone."""
    told = {"of_source": lease.source, "of_fence": lease.fence, "to_state": state, "to_error": error}
    with database.write() as connection:
        if state == "ok":
            connection.execute(_released(success=True), {**told, "at": now})
        else:
            connection.execute(_released(success=False), told)
        if lease.run is not None:
            mine = {"of_source": lease.source, "of_run": lease.run}
            connection.execute(_read_ended(), {**mine, "to_state": state, "at": now})


# Questions of every run are put together once: that takes as long as to answer them.


@cache
def _released(*, success: bool) -> Update:
    mine = (source.c.name == bindparam("of_source"), source.c.fence == bindparam("of_fence"))
    told = update(source).where(*mine).values(state=bindparam("to_state"), error=bindparam("to_error"))
    released = told.values(lease_holder=None, lease_until=None)
    return released.values(last_success=bindparam("at")) if success else released


@cache
def _read_ended() -> Update:
    mine = (run_source.c.source == bindparam("of_source"), run_source.c.run == bindparam("of_run"))
    return update(run_source).where(*mine).values(state=bindparam("to_state"), ended_at=bindparam("at"))


@cache
def _source() -> Select[Any]:
    return select(source).where(source.c.name == bindparam("name"))


@cache
def containers_of() -> Select[Any]:
    """The question for the containers of the source `name`, by their names."""
    return select(container).where(container.c.source == bindparam("name")).order_by(container.c.name)


def state_of(connection: Connection, name: str) -> SourceState:
    """Return what we know of a source; one that was never read has no containers."""
    row = connection.execute(_source(), {"name": name}).one_or_none()
    rows = connection.execute(containers_of(), {"name": name})
    containers = tuple(_container(each) for each in rows)
    if row is None:
        return SourceState(name, 0, "never", None, None, ())
    return SourceState(name, row.generation, row.state, row.last_success, row.error, containers)


def items_held(connection: Connection, name: str) -> int:
    """Return how many items of a source are in the mirror; they are counted one by one."""
    held = select(func.count()).select_from(item).where(item.c.source == name, item.c.gone.is_(None))
    return connection.execute(held).scalar_one()


@cache
def _generations() -> Select[Any]:
    return select(source.c.name, source.c.generation).where(source.c.name.in_(bindparam("names", expanding=True)))


def generations(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """Return the generation of each source; 0 for one that was never read."""
    wanted = tuple(names)
    rows = connection.execute(_generations(), {"names": wanted})
    found = {row.name: row.generation for row in rows}
    return {name: found.get(name, 0) for name in wanted}


@cache
def _turns() -> Select[Any]:
    return select(source.c.name, source.c.fence, source.c.generation)


def turns(connection: Connection) -> dict[str, tuple[int, int]]:
    """Return how often each source was leased, and its generation: whoever changes anything of it moves one of them."""
    return {row.name: (row.fence, row.generation) for row in connection.execute(_turns())}


def note_error(
    database: Database, lease: Lease, known: Container, error: str, now: datetime, *, unobserved: bool = False
) -> None:
    """Keep why a container could not be read; what we have of it stays as last seen.

    `unobserved` says that it could not be seen at all: then its next read begins from the start, for nobody knows
    what was missed, and must show something of what was there before it is believed again.
    """
    with database.write() as connection:
        fenced(connection, lease, now)
        statement = upsert(connection.dialect.name, container).values(
            source=lease.source, id=known.id, name=known.name, demand=demand_text(Demand()), error=error
        )
        told: dict[str, object] = {"error": error, "name": known.name} | ({"watermark": None} if unobserved else {})
        connection.execute(statement.on_conflict_do_update(index_elements=["source", "id"], set_=told))


def note_refused(
    database: Database, lease: Lease, known: Container, demand: Demand, refused: Mapping[str, str], *, now: datetime
) -> None:
    """Keep that fields are gone of a container that was read: a rule that names one is not measured any more.

    `demand` is what remains.
    """
    with database.write() as connection:
        fenced(connection, lease, now)
        held = (container.c.source == lease.source, container.c.id == known.id)
        connection.execute(update(container).where(*held).values(demand=demand_text(demand, refused)))


def keep_only(database: Database, lease: Lease, keep: Iterable[str], now: datetime) -> int:
    """Drop the containers that left the config, and the items that are in no other.  Returns how many items left."""
    here, others = container.c.source == lease.source, {"of_source": lease.source, "kept": tuple(keep)}
    with database.read() as connection:
        if connection.execute(_any_other(), others).first() is None:
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


@cache
def _any_other() -> CompoundSelect[Any]:
    """Something of a container that is not to be kept."""
    others: BindParameter[str] = bindparam("kept", expanding=True)
    homes = ((incoming, incoming.c.container), (roll, roll.c.container), (container, container.c.id))
    mine = (
        select(literal(1)).where(exists().where(each.c.source == bindparam("of_source"), home.not_in(others)))
        for each, home in homes
    )
    return union_all(*mine)


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


def _container(row: Row[tuple[object, ...]]) -> ContainerState:
    demand, refused, late = _told(row.demand)
    return ContainerState(
        id=row.id,
        name=row.name,
        called=row.called,
        watermark=row.watermark,
        read_at=row.read_at,
        demand=demand,
        error=row.error,
        wide_at=row.wide_at,
        census_at=row.census_at,
        full_at=row.full_at,
        memo=orjson.loads(row.memo),
        refused=refused,
        late=late,
    )
