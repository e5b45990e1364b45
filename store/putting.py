"""What was gathered of a container goes into the mirror, set by set: versions, keys, items, presence.

The statements are put together once and know their source, container and time by parameters: every poll of every
container runs them, mostly for a handful of rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    ScalarSelect,
    Select,
    Update,
    and_,
    bindparam,
    case,
    cast,
    func,
    or_,
    select,
    update,
)
from sqlalchemy import literal as value

from okrs.demand import Container
from store.database import raw_many, upsert
from store.sources import Lease, following
from store.tables import Instant, absence, former_key, incoming, item, item_version, presence, source, storable

_SOURCE: BindParameter[str] = bindparam("of_source")
_CONTAINERS: BindParameter[str] = bindparam("of_containers", expanding=True)
_NOW = bindparam("at_now", type_=Instant())
HERE = (incoming.c.source == _SOURCE, incoming.c.container.in_(_CONTAINERS))
"""The rows of containers that were gathered."""


def of(lease: Lease, known: Iterable[Container], now: datetime | None = None) -> dict[str, object]:
    """Return the parameters of the statements."""
    ids = [each.id for each in known]
    return {"of_source": lease.source, "of_containers": ids} | ({} if now is None else {"at_now": now})


def put_gathered(connection: Connection, lease: Lease, known: Sequence[Container], now: datetime) -> int:
    """Move what was gathered of containers into the mirror; no item may be in two of them.

    Returns how many items are new or differ.
    """
    here, then = of(lease, known), of(lease, known, now)
    connection.execute(_versions(), then)
    keep_former(connection, lease, {row.key: row.id for row in connection.execute(_renamed(), here)})
    connection.execute(_back(), then)
    # Without the option SQLAlchemy tells the count of UPDATE and DELETE only.
    changed = connection.execute(_items(connection.dialect.name), then, execution_options={"preserve_rowcount": True})
    connection.execute(_present(connection.dialect.name), here)
    throw_away(connection, lease, known)
    return changed.rowcount


def throw_away(connection: Connection, lease: Lease, known: Iterable[Container]) -> None:
    """Throw away what was gathered of containers."""
    rows = [(lease.source, storable(each.id)) for each in known]
    raw_many(connection, "DELETE FROM incoming WHERE source = ? AND container = ?", rows)


def not_older(held: ColumnElement[Any], new: ColumnElement[Any]) -> ColumnElement[bool]:
    """A page that shows an older state than we hold (late indexes, drifting pages) is not news."""
    return or_(held.is_(None), new.is_(None), new >= held)


def news(*columns: ColumnElement[Any]) -> Select[Any]:
    """Rows of `incoming` that are new to the mirror or differ from it, joined with what the mirror holds."""
    joined = incoming.outerjoin(item, and_(item.c.source == incoming.c.source, item.c.id == incoming.c.id))
    differs = or_(item.c.hash.is_(None), item.c.hash != incoming.c.hash, item.c.gone.is_not(None))
    fresh = not_older(item.c.updated_at, incoming.c.updated_at)
    return select(*columns).select_from(joined).where(*HERE, differs, fresh)


def _seen_at() -> ColumnElement[Any]:
    """The new version's time; later than the version before, even when a clock stands still or goes back."""
    return case((item.c.seen_at >= _NOW, cast(item.c.seen_at, BigInteger) + 1), else_=cast(_NOW, BigInteger))


def _next() -> ScalarSelect[int]:
    """The generation that the source will have once this is done."""
    return select(source.c.generation + 1).where(source.c.name == _SOURCE).scalar_subquery()


@cache
def _versions() -> Any:  # noqa: ANN401 - an INSERT of a SELECT has no exact type
    """Keep the new versions of items."""
    new_version = or_(item.c.hash.is_(None), item.c.hash != incoming.c.hash)
    found = (incoming.c.source, incoming.c.id, _seen_at(), _next(), incoming.c.hash, incoming.c.payload)
    columns = ["source", "item", "seen_at", "generation", "hash", "payload"]
    return item_version.insert().from_select(columns, news(*found).where(new_version), include_defaults=False)


@cache
def _renamed() -> Select[Any]:
    """The keys that items lose by a move or a rename: rules and children may go on naming them."""
    lost = news(item.c.key, incoming.c.id).where(item.c.key != incoming.c.key)
    return lost.order_by(incoming.c.id)  # several may lose the same one: who is the last must not be chance


def keep_former(connection: Connection, lease: Lease, keys: Mapping[str, str]) -> None:
    """Keep keys that items do not have any more, with their ids; the last who had a key is meant by it."""
    rows = [{"key": key, "item": held} for key, held in keys.items() if key]
    if not rows:
        return
    statement = upsert(connection.dialect.name, former_key)
    statement = statement.values(source=lease.source, changed=following(lease.source))
    said = {name: statement.excluded[name] for name in ("item", "changed")}
    connection.execute(statement.on_conflict_do_update(index_elements=["source", "key"], set_=said), rows)


@cache
def _back() -> Update:
    """Keep that items are back: when they were not here is asked later."""
    back = news(incoming.c.id).where(item.c.gone.is_not(None), incoming.c.id == absence.c.item)
    away = (absence.c.source == _SOURCE, absence.c.back_at.is_(None))
    return update(absence).where(*away, back.correlate(absence).exists()).values(back_at=_NOW)


_SETTLED = ("state", "status", "resolution")
_COPIED = ("key", "kind", *_SETTLED, "children", "updated_at", "hash")


@cache
def _items(dialect: str) -> Any:  # noqa: ANN401 - the two dialects share no type for ON CONFLICT
    """Make the items what they are now."""
    same_version = item.c.hash == incoming.c.hash
    same_state = and_(*(_same(item.c[name], incoming.c[name]) for name in _SETTLED), item.c.gone.is_(None))
    rows = news(
        incoming.c.source,
        incoming.c.id,
        *(incoming.c[name] for name in _COPIED),
        case((same_version, cast(item.c.seen_at, BigInteger)), else_=_seen_at()),
        case((same_state, cast(item.c.state_since, BigInteger)), else_=cast(_NOW, BigInteger)),
        _next(),
    )
    set_ = (*_COPIED, "seen_at", "state_since", "changed")
    statement = upsert(dialect, item).from_select(["source", "id", *set_], rows, include_defaults=False)
    replaced = {name: statement.excluded[name] for name in set_}
    return statement.on_conflict_do_update(
        index_elements=["source", "id"], set_={**replaced, "gone": None, "gone_at": None}
    )


def _same(left: ColumnElement[Any], right: ColumnElement[Any]) -> ColumnElement[bool]:
    return func.coalesce(left, "") == func.coalesce(right, "")


@cache
def _present(dialect: str) -> Any:  # noqa: ANN401 - the two dialects share no type for ON CONFLICT
    """Say that the items are in the container."""
    rows = select(incoming.c.source, incoming.c.container, incoming.c.id, value(0)).where(*HERE)
    statement = upsert(dialect, presence).from_select(
        ["source", "container", "item", "misses"], rows, include_defaults=False
    )
    return statement.on_conflict_do_update(
        index_elements=["source", "container", "item"], set_={"misses": 0}, where=presence.c.misses != 0
    )
