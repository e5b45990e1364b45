"""The mirror: our copy of the items as of each container's last complete read.

    gather(page) …   pages go to `incoming`, apart; nothing that is measured is touched
    take()           after the last page: one transaction moves them into the mirror with the watermark

A killed read leaves rows in `incoming` only; the next read of the container begins by throwing them away.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    cast,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy import literal as value
from sqlalchemy.engine import Dialect

from okrs.demand import Container, Demand
from okrs.work import Kind, WorkItem
from store.database import Database, inserted, upsert
from store.items import ROW, decode, item_row
from store.sources import Lease, demand_text, fenced, following
from store.tables import (
    Instant,
    absence,
    arrival,
    container,
    former_key,
    incoming,
    item,
    item_version,
    presence,
    source,
)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a read brought: items it listed, and items that are new or differ."""

    seen: int = 0
    changed: int = 0


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a read went."""

    demand: Demand
    watermark: datetime
    """When it began."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Fields that it had to do without, by name, each with the reason."""
    late: frozenset[str] = frozenset()
    """Those of them that only a complete read asks for again."""
    complete: bool = False
    """It listed everything there is."""
    wide: bool = False
    """It went back a whole day."""
    memo: Mapping[str, str] = field(default_factory=dict)
    """What the connector wants to know at its next read."""


class SuddenlyEmptyError(Exception):
    """A complete listing shows none of the items the container had: more likely a lost permission than the truth."""


def start_reading(database: Database, lease: Lease, known: Container, now: datetime) -> None:
    """Throw away what a killed read left behind."""
    with database.write() as connection:
        fenced(connection, lease, now)
        connection.execute(delete(incoming).where(*_of(incoming, lease, known)))


def gather(database: Database, lease: Lease, known: Container, items: Iterable[WorkItem], now: datetime) -> None:
    """Put some pages aside.  An item listed twice keeps its newest form."""
    with database.write() as connection:
        fenced(connection, lease, now)
        put_aside(connection, lease, known.id, items)


def put_aside(connection: Connection, lease: Lease, container_id: str, items: Iterable[WorkItem]) -> None:
    """Put items among those gathered of a container."""
    listed = [item_row(lease.source, container_id, each) for each in _oldest_first(items)]
    every = list({row[_ID]: row for row in listed}.values())
    if not every:
        return
    statement, group = _gathering(connection.dialect)
    if group is None:
        connection.exec_driver_sql(statement, [dict(zip(ROW, row, strict=True)) for row in every])
        return
    for begin in range(0, len(every), _ROWS_AT_ONCE):
        some = every[begin : begin + _ROWS_AT_ONCE]
        # One statement for all rows: after each one SQLite lets go of Python's lock, for which busy readers wait.
        connection.exec_driver_sql(statement.replace(group, ", ".join([group] * len(some))), tuple(chain(*some)))


_ID = ROW.index("id")
_ROWS_AT_ONCE = 500
"""SQLite takes 32,766 parameters."""


@lru_cache(maxsize=8)
def _gathering(dialect: Dialect) -> tuple[str, str | None]:
    """The statement of `gather` as text, and where its parameters go by their place, the group of one row in it.

    There are thousands of rows, and a statement object would look at every value of every one.
    """
    statement = upsert(dialect.name, incoming)
    newer = {column.name: statement.excluded[column.name] for column in incoming.c if not column.primary_key}
    compiled = statement.on_conflict_do_update(
        index_elements=["source", "container", "id"],
        set_=newer,
        where=_not_older(incoming.c.updated_at, statement.excluded.updated_at),
    ).compile(dialect=dialect, column_keys=list(ROW))
    return str(compiled), f"({', '.join('?' * len(ROW))})" if compiled.positional else None


def take(
    database: Database,
    lease: Lease,
    known: Container,
    reach: Reach,
    now: datetime,
) -> Taken:
    """Move what was gathered into the mirror, with the watermark: all or nothing.

    Raises LeaseLostError, and SuddenlyEmptyError when a complete listing shows nothing of what was there.
    """
    with database.write() as connection:
        fenced(connection, lease, now)
        seen = connection.execute(select(func.count()).where(*_of(incoming, lease, known))).scalar_one()
        if reach.complete and _shows_nothing_known(connection, lease, known):
            raise SuddenlyEmptyError(known.name)
        _note_arrivals(connection, lease, known)
        changed = put_gathered(connection, lease, known, now)
        renamed = _is_renamed(connection, lease, known)
        _finish(connection, lease, known, reach, now)
        if changed or renamed:
            next_generation(connection, lease)
    return Taken(seen, changed)


def _note_arrivals(connection: Connection, lease: Lease, known: Container) -> None:
    """Keep who was gathered and is new to the source, though it was created before the container's last read.

    They are kept until they were looked into: a run that ends before that must not leave work counted twice.
    """
    last = connection.execute(select(container.c.watermark).where(*_container(lease, known))).scalar()
    if last is None:
        return
    rows = connection.execute(
        _news(lease, known, incoming.c.payload, incoming.c.updated_at).where(item.c.hash.is_(None))
    )
    new = [decode(row.payload, row.updated_at) for row in rows]
    old = [each for each in new if each.created_at is not None and each.created_at < last]
    statement = upsert(connection.dialect.name, arrival).on_conflict_do_nothing()
    inserted(connection, statement, [{"source": lease.source, "item": each.id} for each in old])


def _is_renamed(connection: Connection, lease: Lease, known: Container) -> bool:
    """Tell whether the config calls the container otherwise than before: rules may name it."""
    called = connection.execute(select(container.c.name).where(*_container(lease, known))).scalar()
    return called not in (None, known.name)


def _container(lease: Lease, known: Container) -> tuple[ColumnElement[bool], ...]:
    return (container.c.source == lease.source, container.c.id == known.id)


def put_gathered(connection: Connection, lease: Lease, known: Container, now: datetime) -> int:
    """Move what was gathered of a container into the mirror.  Returns how many items are new or differ."""
    _add_versions(connection, lease, known, now)
    _remember_keys(connection, lease, known)
    _note_returns(connection, lease, known, now)
    changed = _put_items(connection, lease, known, now)
    _note_presence(connection, lease, known)
    connection.execute(delete(incoming).where(*_of(incoming, lease, known)))
    return changed


def next_generation(connection: Connection, lease: Lease) -> None:
    """Say that something of the source changed, so that its key results are measured."""
    moved = update(source).where(source.c.name == lease.source)
    connection.execute(moved.values(generation=source.c.generation + 1))


def _of(table: Any, lease: Lease, known: Container) -> tuple[ColumnElement[bool], ...]:  # noqa: ANN401 - any of three tables
    return (table.c.source == lease.source, table.c.container == known.id)


def _oldest_first(items: Iterable[WorkItem]) -> list[WorkItem]:
    """Where an item comes twice, its newest form comes last; most pages show everything once."""
    listed = list(items)
    if len({each.id for each in listed}) == len(listed):
        return listed
    return sorted(listed, key=lambda each: each.updated_at.timestamp() if each.updated_at else 0.0)


def _not_older(held: ColumnElement[Any], new: ColumnElement[Any]) -> ColumnElement[bool]:
    """A page that shows an older state than we hold (late indexes, drifting pages) is not news."""
    return or_(held.is_(None), new.is_(None), new >= held)


def _news(lease: Lease, known: Container, *columns: ColumnElement[Any]) -> Select[Any]:
    """Rows of `incoming` that are new to the mirror or differ from it, joined with what the mirror holds."""
    joined = incoming.outerjoin(item, and_(item.c.source == incoming.c.source, item.c.id == incoming.c.id))
    differs = or_(item.c.hash.is_(None), item.c.hash != incoming.c.hash, item.c.gone.is_not(None))
    fresh = _not_older(item.c.updated_at, incoming.c.updated_at)
    return select(*columns).select_from(joined).where(*_of(incoming, lease, known), differs, fresh)


def _seen_at(now: datetime) -> ColumnElement[Any]:
    """The new version's time; later than the version before, even when a clock stands still or goes back."""
    moment = value(now, Instant())
    return case((item.c.seen_at >= moment, cast(item.c.seen_at, BigInteger) + 1), else_=cast(moment, BigInteger))


def _add_versions(connection: Connection, lease: Lease, known: Container, now: datetime) -> None:
    new_version = or_(item.c.hash.is_(None), item.c.hash != incoming.c.hash)
    rows = _news(
        lease,
        known,
        incoming.c.source,
        incoming.c.id,
        _seen_at(now),
        following(lease.source),
        incoming.c.hash,
        incoming.c.payload,
    ).where(new_version)
    columns = ["source", "item", "seen_at", "generation", "hash", "payload"]
    connection.execute(item_version.insert().from_select(columns, rows, include_defaults=False))


def _remember_keys(connection: Connection, lease: Lease, known: Container) -> None:
    """Keep the keys that items lose by a move or a rename: rules and children may go on naming them."""
    renamed = _news(lease, known, item.c.key, incoming.c.id).where(item.c.key != incoming.c.key)
    keep_former(connection, lease, {row.key: row.id for row in connection.execute(renamed)})


def keep_former(connection: Connection, lease: Lease, keys: Mapping[str, str]) -> None:
    """Keep keys that items do not have any more, with their ids; the last who had a key is meant by it."""
    rows = [{"key": key, "item": held} for key, held in keys.items() if key]
    statement = upsert(connection.dialect.name, former_key)
    statement = statement.values(source=lease.source, changed=following(lease.source))
    told = {name: statement.excluded[name] for name in ("item", "changed")}
    inserted(connection, statement.on_conflict_do_update(index_elements=["source", "key"], set_=told), rows)


def _note_returns(connection: Connection, lease: Lease, known: Container, now: datetime) -> None:
    """Keep that items are back: when they were not here is asked later."""
    back = _news(lease, known, incoming.c.id).where(item.c.gone.is_not(None), incoming.c.id == absence.c.item)
    away = (absence.c.source == lease.source, absence.c.back_at.is_(None))
    connection.execute(update(absence).where(*away, back.correlate(absence).exists()).values(back_at=now))


_SETTLED = ("state", "status", "resolution")
_COPIED = ("key", "kind", *_SETTLED, "children", "updated_at", "hash")


def _put_items(connection: Connection, lease: Lease, known: Container, now: datetime) -> int:
    same_version = item.c.hash == incoming.c.hash
    same_state = and_(*(_same(item.c[name], incoming.c[name]) for name in _SETTLED), item.c.gone.is_(None))
    rows = _news(
        lease,
        known,
        incoming.c.source,
        incoming.c.id,
        *(incoming.c[name] for name in _COPIED),
        case((same_version, cast(item.c.seen_at, BigInteger)), else_=_seen_at(now)),
        case((same_state, cast(item.c.state_since, BigInteger)), else_=cast(value(now, Instant()), BigInteger)),
        following(lease.source),
    )
    told = (*_COPIED, "seen_at", "state_since", "changed")
    statement = upsert(connection.dialect.name, item).from_select(["source", "id", *told], rows, include_defaults=False)
    replaced = {name: statement.excluded[name] for name in told}
    return connection.execute(
        statement.on_conflict_do_update(
            index_elements=["source", "id"], set_={**replaced, "gone": None, "gone_at": None}
        ),
        execution_options={"preserve_rowcount": True},  # else SQLAlchemy tells it of UPDATE and DELETE only
    ).rowcount


def _same(left: ColumnElement[Any], right: ColumnElement[Any]) -> ColumnElement[bool]:
    return func.coalesce(left, "") == func.coalesce(right, "")


def _note_presence(connection: Connection, lease: Lease, known: Container) -> None:
    rows = select(incoming.c.source, incoming.c.container, incoming.c.id, value(0)).where(*_of(incoming, lease, known))
    statement = upsert(connection.dialect.name, presence).from_select(
        ["source", "container", "item", "misses"], rows, include_defaults=False
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["source", "container", "item"], set_={"misses": 0}, where=presence.c.misses != 0
        )
    )


def _shows_nothing_known(connection: Connection, lease: Lease, known: Container) -> bool:
    """Tell whether the container had items of its own and none of its items was gathered.

    Items that were since seen in another container have moved there, and are not missed here.
    """
    elsewhere = presence.alias()
    moved = select(elsewhere.c.item).where(elsewhere.c.source == lease.source, elsewhere.c.container != known.id)
    shown = select(incoming.c.id).where(*_of(incoming, lease, known))
    return shows_none(connection, lease, known, shown, presence.c.item.not_in(moved))


_PLANS = (Kind.MILESTONE.value, Kind.SPRINT.value)


def shows_none(
    connection: Connection, lease: Lease, known: Container, shown: Select[Any], *own: ColumnElement[bool]
) -> bool:
    """Tell whether a listing shows nothing of all that the container had, or nothing of all the work that it had.

    A tracker may go on showing milestones to a token that must not see issues any more.  `own` says who is missed.
    """
    joined = presence.join(item, and_(item.c.source == presence.c.source, item.c.id == presence.c.item))
    had = select(presence.c.item).select_from(joined).where(*_of(presence, lease, known)).limit(1)
    for some in (had, had.where(item.c.kind.not_in(_PLANS))):
        was, still = some.where(*own), some.where(presence.c.item.in_(shown))
        if connection.execute(was).first() is not None and connection.execute(still).first() is None:
            return True
    return False


def _finish(connection: Connection, lease: Lease, known: Container, reach: Reach, now: datetime) -> None:
    told: dict[str, Any] = {
        "name": known.name,
        "called": known.called,
        "watermark": reach.watermark,
        "read_at": now,
        "demand": demand_text(reach.demand, reach.refused, reach.late),
        "error": None,
        "memo": orjson.dumps(dict(reach.memo), option=orjson.OPT_SORT_KEYS).decode(),
    }
    if reach.wide or reach.complete:
        told["wide_at"] = now
    if reach.complete:
        told["full_at"] = now
    first = {"census_at": now} if reach.complete else {}  # what it lists is all there is
    statement = upsert(connection.dialect.name, container).values(source=lease.source, id=known.id, **told, **first)
    kept = {"census_at": func.coalesce(container.c.census_at, value(now, Instant()))} if reach.complete else {}
    connection.execute(statement.on_conflict_do_update(index_elements=["source", "id"], set_={**told, **kept}))
