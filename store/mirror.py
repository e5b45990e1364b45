"""The mirror: our copy of the items as of each container's last complete read.

    gather(page) …   pages go to `incoming`, apart; nothing that is measured is touched
    take()           after the last page: one transaction moves them into the mirror with the watermark

In SQLite a container that is read for the first time, and is not large, is taken without being gathered
(`store.newcomers`).

A killed read leaves rows in `incoming` only; the next read of the container begins by throwing them away.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from functools import cache
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from okrs.demand import Container, Demand, Extra
from okrs.immutable import immutable, replace
from okrs.work import Kind
from store.aside import put_aside
from store.database import Database, raw
from store.extras import keep_extras
from store.items import ID, Row, created_of
from store.newcomers import may_go_straight, put_newcomers
from store.putting import HERE, news, of, put_gathered, throw_away
from store.rows import put
from store.sources import Lease, demand_text, fenced
from store.tables import arrival, container, incoming, item, presence


@immutable
class Taken:
    """What a read brought: items it listed, and items that are new or differ."""

    seen: int = 0
    changed: int = 0


@immutable
class Reach:
    """How far a read went."""

    demand: Demand
    watermark: datetime
    """When it began."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """What it had to do without, by `Demand.names`, each with the reason."""
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


def gather(
    database: Database, lease: Lease, known: Container, rows: Sequence[Row], now: datetime, *, first: bool = False
) -> None:
    """Put some pages aside (`store.aside.rows_of`).  An item listed twice keeps its newest form.

    The first ones of a read throw away what a killed read left behind.  Raises LeaseLostError.
    """
    with database.write() as connection:
        fenced(connection, lease, now)
        if first:
            throw_away(connection, lease, [known])
        put_aside(connection, lease, rows)


@immutable
class Read:
    """A container that was read to its end."""

    known: Container
    reach: Reach
    rest: Sequence[Row] = ()
    """What was not gathered."""
    first: bool = False
    """Nothing was gathered: the rest is all there is, as of most polls, and mostly it is nothing."""


def take(database: Database, lease: Lease, reads: Sequence[Read], now: datetime) -> Taken:
    """Move what was gathered of containers, and the rest, into the mirror, with their watermarks: all or nothing.

    Raises LeaseLostError, and SuddenlyEmptyError when a complete listing shows nothing of what was there.
    """
    with database.write() as connection:
        fenced(connection, lease, now)
        throw_away(connection, lease, [each.known for each in reads if each.first])
        new, reads = _straight(connection, lease, reads, now)
        put_aside(connection, lease, [row for each in reads for row in each.rest])
        for each in reads:
            if each.reach.complete and not new and _shows_nothing_known(connection, lease, each.known):
                raise SuddenlyEmptyError(each.known.name)
        for asked, some in _alike(reads).items():
            keep_extras(connection, lease, some, asked)
        found = [_taken(connection, lease, some, now) for some in _together(reads)]
        taken = Taken(new + sum(each.seen for each in found), new + sum(each.changed for each in found))
        renamed = _are_renamed(connection, lease, reads)
        _finish(connection, lease, reads, now)
        if taken.changed or renamed:
            next_generation(connection, lease)
    return taken


def _straight(connection: Connection, lease: Lease, reads: Sequence[Read], now: datetime) -> tuple[int, Sequence[Read]]:
    """Put what a first read shows for the first time into the mirror.  Returns how many, and the reads of the rest."""
    match reads:
        case [Read(first=True, reach=Reach(complete=True), rest=[_, *_]) as read]:
            if may_go_straight(connection, lease, read.known):
                found = put_newcomers(connection, lease, read.rest, now)
                return found.many, [replace(read, rest=found.known)]
    return 0, reads


def _alike(reads: Iterable[Read]) -> dict[frozenset[Extra], list[Container]]:
    """Return containers that may have brought something, by what was asked beside their items."""
    groups: dict[frozenset[Extra], list[Container]] = {}
    for each in reads:
        if each.rest or not each.first:
            groups.setdefault(each.reach.demand.extras, []).append(each.known)
    return groups


def _together(reads: Iterable[Read]) -> list[list[Container]]:
    """Containers whose items may be moved by the same statements: no item is in two of them."""
    groups: list[list[Container]] = []
    ids, some = set[str](), list[Container]()
    for each in reads:
        mine = {row[ID] for row in each.rest}
        if not each.first:
            groups.append([each.known])
        elif mine and ids.isdisjoint(mine):
            some.append(each.known)
            ids |= mine
        elif mine:
            groups.append([each.known])
    return [*([some] if some else []), *groups]


def _taken(connection: Connection, lease: Lease, known: Sequence[Container], now: datetime) -> Taken:
    seen = connection.execute(_gathered(), of(lease, known)).scalar_one()
    _note_arrivals(connection, lease, known)
    return Taken(seen, put_gathered(connection, lease, known, now))


@cache
def _gathered() -> Select[Any]:
    return select(func.count()).select_from(incoming).where(*HERE)


def _note_arrivals(connection: Connection, lease: Lease, known: Sequence[Container]) -> None:
    """Keep who was gathered and is new to the source, though it was created before its container's last read.

    They are kept until they were looked into: a run that ends before that must not leave work counted twice.
    """
    rows = connection.execute(_strangers(), of(lease, known))
    old = [row.id for row in rows if (created_of(row.payload) or row.watermark) < row.watermark]
    put(connection, arrival, [{"source": lease.source, "item": each} for each in old], on=["source", "item"], anew={})


@cache
def _strangers() -> Select[Any]:
    """Those of a container that was never read are many, and nobody was there before them."""
    read = select(container.c.watermark).where(
        container.c.source == incoming.c.source, container.c.id == incoming.c.container
    )
    last = read.scalar_subquery()
    told = (incoming.c.id, incoming.c.payload, last.label("watermark"))
    return news(*told).where(item.c.hash.is_(None), last.is_not(None))


def _are_renamed(connection: Connection, lease: Lease, reads: Iterable[Read]) -> bool:
    """Tell whether the config calls a container otherwise than before: rules may name it."""
    told = raw(connection, "SELECT id, name FROM container WHERE source = ?", (lease.source,))
    called = {row.id: row.name for row in told}
    return any(called.get(each.known.id, each.known.name) != each.known.name for each in reads)


def next_generation(connection: Connection, lease: Lease) -> None:
    """Say that something of the source changed, so that its key results are measured."""
    raw(connection, "UPDATE source SET generation = generation + 1 WHERE name = ?", (lease.source,))


def _of(table: Any, lease: Lease, known: Container) -> tuple[ColumnElement[bool], ...]:  # noqa: ANN401 - any of three tables
    return (table.c.source == lease.source, table.c.container == known.id)


def _shows_nothing_known(connection: Connection, lease: Lease, known: Container) -> bool:
    """Tell whether the container had items of its own and none of its items was gathered.

    Items that were since seen in another container have moved there, and are not missed here.
    """
    elsewhere = presence.alias()
    moved = select(elsewhere.c.item).where(
        elsewhere.c.source == lease.source,
        elsewhere.c.item == presence.c.item,
        elsewhere.c.container != known.id,
    )
    shown = select(incoming.c.id).where(*_of(incoming, lease, known))
    return shows_none(connection, lease, known, shown, ~moved.correlate(presence).exists())


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


def _finish(connection: Connection, lease: Lease, reads: Iterable[Read], now: datetime) -> None:
    """Write what these reads of containers left, with their watermarks."""
    rows = [
        {
            "source": lease.source,
            "id": each.known.id,
            "name": each.known.name,
            "called": each.known.called,
            "watermark": each.reach.watermark,
            "read_at": now,
            "demand": demand_text(each.reach.demand, each.reach.refused, each.reach.late),
            "error": None,
            "memo": orjson.dumps(dict(each.reach.memo), option=orjson.OPT_SORT_KEYS).decode(),
            "wide_at": now if each.reach.wide or each.reach.complete else None,
            "full_at": now if each.reach.complete else None,
            "census_at": now if each.reach.complete else None,
        }
        for each in reads
    ]
    put(connection, container, rows, on=["source", "id"], anew=_FINISHED)


_ANEW = ("name", "called", "watermark", "read_at", "demand", "error", "memo")
_FINISHED = {name: f"excluded.{name}" for name in _ANEW} | {
    "wide_at": "coalesce(excluded.wide_at, container.wide_at)",
    "full_at": "coalesce(excluded.full_at, container.full_at)",
    # What a first complete read lists is all there is; later ones leave counting to the census.
    "census_at": "coalesce(container.census_at, excluded.census_at)",
}
