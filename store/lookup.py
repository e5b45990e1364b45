"""Questions to the mirror: items as they are now, as they were, and who looks like whom."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cache, lru_cache
from itertools import islice
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    func,
    or_,
    select,
    true,
    type_coerce,
)

from mapping.ending import seen_last
from mapping.family import Seen
from okrs.immutable import immutable
from okrs.work import Ref, WorkItem, fold_key
from store.database import listed, raw, slices
from store.forgetting import forgotten_of
from store.fresh import Fresh
from store.items import decode, encode, instant, likeness
from store.tables import former_key, from_micros, item, item_version, presence

VERSIONS = item.join(
    item_version,
    and_(
        item_version.c.source == item.c.source,
        item_version.c.item == item.c.id,
        item_version.c.seen_at == item.c.seen_at,
    ),
)
"""Each item with its version of today."""


def _versions() -> Select[Any]:
    return select(item.c.hash, item.c.state_since, item.c.updated_at, item.c.gone, item_version.c.payload).select_from(
        VERSIONS
    )


# Questions that are asked again and again are put together once: that takes as long as to answer them.

_NAME: BindParameter[str] = bindparam("name")
_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_GENERATION: BindParameter[int] = bindparam("generation")


_LAST_SEEN = """SELECT v.payload, i.updated_at, i.gone
 FROM item i JOIN item_version v ON v.source = i.source AND v.item = i.id AND v.seen_at = i.seen_at
 WHERE i.source = ? AND i.id IN ({ids})"""

_PRESENT_BRIEFLY = "SELECT id, hash, state_since, updated_at FROM item WHERE source = ? AND gone IS NULL ORDER BY id"

_PRESENT = """SELECT v.payload, i.hash, i.state_since, i.updated_at
 FROM item i JOIN item_version v ON v.source = i.source AND v.item = i.id AND v.seen_at = i.seen_at
 WHERE i.source = ? AND i.gone IS NULL AND i.id IN ({ids}) ORDER BY i.id"""


@cache
def _before() -> Select[Any]:
    mine = (item_version.c.source == _NAME, item_version.c.item.in_(_IDS), item_version.c.generation <= _GENERATION)
    every = select(item_version.c.item, item_version.c.payload).where(*mine)
    return every.order_by(item_version.c.item, item_version.c.seen_at)


def _plain_versions() -> Select[Any]:
    """The same with times as the whole numbers that they are: thousands are read at once."""
    plain = [type_coerce(column, BigInteger).label(column.name) for column in (item.c.state_since, item.c.updated_at)]
    return _versions().with_only_columns(item_version.c.payload, item.c.hash, *plain)


def items_of(connection: Connection, name: str, fresh: Fresh | None = None) -> list[Seen]:
    """Return all items of a source that are in the mirror, in the order of their ids; `fresh` may know some of them."""
    known = {} if fresh is None else fresh.of(name)
    if not known or forgotten_of(connection, name):
        return items_where(connection, name, true())
    rows = raw(connection, _PRESENT_BRIEFLY, (name,)).all()
    if len(known) < len(rows) / 2:  # to read most of them by their ids takes longer than to read all
        return items_where(connection, name, true())
    others = items_among(connection, name, (each for each, digest, _, at in rows if (digest, at) not in known))
    read = {each.item.id: each for each in others}
    return [
        read[each] if (found := known.get((digest, at))) is None else Seen(found, digest, _moment(since))
        for each, digest, since, at in rows
    ]


def items_where(
    connection: Connection, name: str, condition: ColumnElement[bool], most: int | None = None
) -> list[Seen]:
    """Return the items of a source that are in the mirror and fulfil a condition, in the order of their ids."""
    return _seen(connection.execute(_present(name, condition).limit(most)).all())


def items_among(connection: Connection, name: str, ids: Iterable[str]) -> list[Seen]:
    """Return the items of these ids that are in the mirror."""
    return [
        each
        for some in slices(ids)
        for each in _seen(raw(connection, _PRESENT.format(ids=listed(some)), (name, *some)).all())
    ]


def _present(name: str | BindParameter[str], condition: ColumnElement[bool]) -> Select[Any]:
    here = (item.c.source == name, item.c.gone.is_(None), condition)
    return _plain_versions().where(*here).order_by(item.c.id)


def _seen(rows: Sequence[Any]) -> list[Seen]:
    return [Seen(decode(payload, instant(updated)), digest, _moment(since)) for payload, digest, since, updated in rows]


_moment = lru_cache(1024)(from_micros)
"""Remembered: thousands of items are in their state since the same few reads."""


def parents_of(connection: Connection, name: str, container_id: str) -> tuple[str, ...]:
    """Return the ids of a container's items whose children listings hide, in order."""
    return tuple(connection.execute(_parents(), {"name": name, "container": container_id}).scalars())


@cache
def _parents() -> Select[Any]:
    return (
        select(item.c.id)
        .join(presence, and_(presence.c.source == item.c.source, presence.c.item == item.c.id))
        .where(presence.c.source == bindparam("name"), presence.c.container == bindparam("container"))
        .where(item.c.children > 0, item.c.gone.is_(None))
        .order_by(item.c.id)
    )


def look_up(connection: Connection, name: str, ids: Iterable[str]) -> dict[str, tuple[WorkItem, str | None]]:
    """Return items by id as they were last seen, with the reason for which they left, if they did."""
    found: dict[str, tuple[WorkItem, str | None]] = {}
    for some in slices(ids):
        text = _LAST_SEEN.format(ids=listed(some))
        for payload, updated, gone in raw(connection, text, (name, *some)).all():
            known = decode(payload, instant(updated))
            found[known.id] = (known, gone)
    return found


def keys_of(connection: Connection, name: str, ids: Iterable[str]) -> dict[str, str]:
    """Return the keys of items of a source by their ids."""
    found: dict[str, str] = {}
    for some in slices(ids):
        rows = connection.execute(select(item.c.id, item.c.key).where(item.c.source == name, item.c.id.in_(some)))
        found.update((row.id, row.key) for row in rows)
    return found


def before(connection: Connection, name: str, ids: Iterable[str], generation: int) -> dict[str, WorkItem]:
    """Return items as we knew them at that generation of the source; those we did not know are left out."""
    found: dict[str, WorkItem] = {}
    for some in slices(ids):
        rows = connection.execute(_before(), {"name": name, "ids": some, "generation": generation})
        found.update({row.item: decode(row.payload, None) for row in rows})
    return found


def touched(connection: Connection, name: str, ids: Iterable[str], generation: int) -> set[str]:
    """Return those items that changed, left or came back after a generation, also where they are as they were."""
    found: set[str] = set()
    for some in slices(ids):
        mine = (item.c.source == name, item.c.id.in_(some), item.c.changed > generation)
        found.update(connection.execute(select(item.c.id).where(*mine)).scalars())
    return found


def stood(connection: Connection, name: str, ids: Iterable[str], end: datetime) -> dict[str, Seen]:
    """Return items as we saw them last before `end`, or else first; not those of which we never saw anything else.

    What was closed before the end though we saw that later is told as `mapping.ending.seen_last` has it.
    """
    found: dict[str, Seen] = {}
    at, older = item_version.c.seen_at, or_(item_version.c.seen_at < end, item_version.c.seen_at < item.c.seen_at)
    joined = item_version.join(item, and_(item.c.source == item_version.c.source, item.c.id == item_version.c.item))
    columns = (item_version.c.item, at, item_version.c.hash, item_version.c.payload)
    for some in slices(ids):
        rows = connection.execute(
            select(*columns)
            .select_from(joined)
            .where(item_version.c.source == name, item_version.c.item.in_(some), older)
            .order_by(item_version.c.item, at)
        )
        for row in rows:
            sight = Seen(decode(row.payload, None), row.hash, row.seen_at)
            told = seen_last(found.get(row.item), sight, end)
            if told is not None:
                found[row.item] = told
    return found


@cache
def _with_key() -> Select[Any]:
    here = item.c.key.in_(bindparam("keys", expanding=True))
    return select(item.c.source, item.c.id).where(here).order_by(item.c.source, item.c.id)


def find_key(connection: Connection, keys: Iterable[str]) -> list[tuple[str, str]]:
    """Return (source, id) of the items that are called by one of these keys."""
    rows = connection.execute(_with_key(), {"keys": tuple(keys)})
    return [(row.source, row.id) for row in rows]


def find_folded(connection: Connection, key: str) -> list[tuple[str, str]]:
    """Like `find_key`, for keys that compare without case; `key` is already folded."""
    rows = connection.execute(select(item.c.source, item.c.id).where(func.lower(item.c.key) == key))
    return [(row.source, row.id) for row in rows]


@immutable
class Ticket:
    """An item as it was last seen, and what became of it."""

    source: str
    item: WorkItem
    gone: str | None = None
    """Why it is in the mirror no more: `deleted`, `hidden` or `removed`."""
    gone_at: datetime | None = None
    """When a read found that it had gone."""

    @property
    def identity(self) -> tuple[str, str]:
        return self.source, self.item.id


def called(connection: Connection, key: str) -> tuple[Ticket, ...]:
    """Return the items that a person may mean by a key, in order: the first of these that finds any decides.

    What has the key today, then what had it before, then what has it in other case; then, in the same order, what is
    gone.  The question for another case looks through the keys of all items.
    """
    exact = [key, key.strip(), fold_key(key)]
    former = select(former_key.c.source, former_key.c.item).where(former_key.c.key.in_(exact))
    gone: tuple[Ticket, ...] = ()
    ways: tuple[Callable[[], Iterable[tuple[str, str]]], ...] = (
        lambda: find_key(connection, exact),
        lambda: [(source, held) for source, held in connection.execute(former)],
        lambda: find_folded(connection, key.strip().lower()),
        lambda: _formerly(connection, key.strip().lower()),
    )
    for way in ways:
        found = _tickets(connection, way())
        present = tuple(each for each in found if each.gone is None)
        if present:
            return present
        gone = gone or found
    return gone


_LONGEST_TITLE = 1000
"""SQLite looks for no pattern that is much longer; trackers have no longer ones."""


_FEW = 3
"""Items of one title that are named: whoever asks means one."""


def titled(connection: Connection, title: str, most: int = _FEW) -> list[str]:
    """Return the keys of some present items that are called so exactly, in order.  It looks through all of them."""
    if len(title) > _LONGEST_TITLE:
        return []
    there = item_version.c.payload.contains(orjson.dumps(title).decode(), autoescape=True)
    rows = connection.execute(select(item.c.key, item_version.c.payload).select_from(VERSIONS)
                              .where(item.c.gone.is_(None), there).order_by(item.c.source, item.c.id))  # fmt: skip
    found = (row.key for row in rows if decode(row.payload, None).title == title)
    return list(islice(found, most))


def _formerly(connection: Connection, folded: str) -> list[tuple[str, str]]:
    lower = func.lower(former_key.c.key) == folded
    rows = connection.execute(select(former_key.c.source, former_key.c.item).where(lower))
    return [(row.source, row.item) for row in rows]


def _tickets(connection: Connection, found: Iterable[tuple[str, str]]) -> tuple[Ticket, ...]:
    tickets = []
    for source, held in sorted(set(found)):
        known = _versions().add_columns(item.c.gone_at).where(item.c.source == source, item.c.id == held)
        for row in connection.execute(known):
            tickets.append(Ticket(source, decode(row.payload, row.updated_at), row.gone, row.gone_at))
    return tuple(tickets)


def arrivals_of(connection: Connection, name: str) -> list[str]:
    """Return the ids of the items of a source that nobody looked into since they came, in order."""
    return list(raw(connection, "SELECT item FROM arrival WHERE source = ? ORDER BY item", (name,)).scalars())


def alike(connection: Connection, name: str, some: Iterable[WorkItem]) -> dict[str, tuple[Ref, ...]]:
    """Return the present items of a source that look like one of these under another id, by their containers.

    Alike is what was created in the same moment with the same title: a tracker that transfers an item gives it a new
    id, and keeps these.  Everything of the source is looked through once.
    """
    wanted = {likeness(encode(each)): each.id for each in some if each.created_at is not None}
    found: dict[str, dict[str, Ref]] = {}
    everything = (
        _versions()
        .with_only_columns(item.c.id, item.c.key, presence.c.container, item_version.c.payload)
        .join(presence, and_(presence.c.source == item.c.source, presence.c.item == item.c.id))
        .where(item.c.source == name, item.c.gone.is_(None))
        .order_by(item.c.id)
    )
    for row in connection.execution_options(yield_per=1000).execute(everything) if wanted else ():
        if wanted.get(likeness(row.payload), row.id) != row.id:
            found.setdefault(row.container, {})[row.id] = Ref(row.id, row.key)
    return {home: tuple(refs.values()) for home, refs in found.items()}
