"""Items that the mirror never held go straight into it: the first read of a container brings thousands of them.

Nothing is there to be compared with, and the way by `incoming` would only write everything twice.

    items ─▶ rows, made by a thread while the database takes those before ─▶ item, item_version, presence
          └▶ the few that the mirror knows, of another container or of earlier times: they are gathered as ever
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import chain
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, bindparam, exists, select

from okrs.demand import Container
from okrs.work import WorkItem
from store.aside import ROWS_AT_ONCE, each_once, rows_of
from store.database import raw
from store.forgetting import Forgotten, forgotten_of
from store.items import Row
from store.sources import Lease, following
from store.tables import container, micros, presence


@dataclass(frozen=True, slots=True)
class Newcomers:
    """What became of a first read."""

    many: int
    """How many items were new, and are in the mirror now."""
    known: list[WorkItem]
    """The others."""


def never_read(connection: Connection, lease: Lease, known: Container) -> bool:
    """Tell whether a container is read for the first time: nobody is missed there, and nobody arrived meanwhile."""
    return connection.execute(_held(), {"of_source": lease.source, "of_container": known.id}).first() is None


@cache
def _held() -> Select[Any]:
    source: BindParameter[str] = bindparam("of_source")
    name: BindParameter[str] = bindparam("of_container")
    read = exists().where(container.c.source == source, container.c.id == name, container.c.watermark.is_not(None))
    there = exists().where(presence.c.source == source, presence.c.container == name)
    return select(1).where(read | there)


def put_newcomers(
    connection: Connection, lease: Lease, known: Container, items: Sequence[WorkItem], now: datetime
) -> Newcomers:
    """Put what is new among a first read into the mirror."""
    generation = connection.execute(select(following(lease.source))).scalar_one()
    here, others, gone = set[str](), list[WorkItem](), forgotten_of(connection, lease.source)
    for some, rows in _encoded(lease, known, each_once(items), gone):
        held = here | _known(connection, lease, rows)
        new = {_id(row): row for row in rows if _id(row) not in held}
        _put(connection, list(new.values()), micros(now), generation)
        here |= new.keys()
        others += [each for each, row in zip(some, rows, strict=True) if new.get(_id(row)) is not row]
    return Newcomers(len(here), others)


def _encoded(
    lease: Lease, known: Container, items: Sequence[WorkItem], gone: Forgotten
) -> Iterator[tuple[Sequence[WorkItem], list[Row]]]:
    """Yield some items after the others, each time with their rows."""
    every = [items[begin : begin + ROWS_AT_ONCE] for begin in range(0, len(items), ROWS_AT_ONCE)]
    with ThreadPoolExecutor(1, thread_name_prefix="rows") as maker:
        begun = (maker.submit(rows_of, lease.source, known.id, some, gone) for some in every)
        yield from zip(every, _one_ahead(begun), strict=True)


def _one_ahead(begun: Iterator[Future[list[Row]]]) -> Iterator[list[Row]]:
    """Yield rows, the next ones being made meanwhile: the database lets go of Python's lock while it takes these."""
    made = next(begun, None)
    while made is not None:
        rows, made = made.result(), next(begun, None)
        yield rows


def _id(row: Row) -> str:
    return row[2]


def _known(connection: Connection, lease: Lease, rows: Sequence[Row]) -> set[str]:
    """Return the ids among these that the mirror has ever held."""
    marks = ", ".join("?" * len(rows))
    text = f"SELECT id FROM item WHERE source = ? AND id IN ({marks})"  # noqa: S608 - all of it is ours
    return set(raw(connection, text, (lease.source, *map(_id, rows))).scalars())


_ITEM = "source, id, key, kind, state, status, resolution, children, updated_at, hash, seen_at, state_since, changed"
_VERSION = "source, item, seen_at, generation, hash, payload"
_PRESENCE = "source, container, item, misses"


def _put(connection: Connection, rows: Sequence[Row], now: int, generation: int) -> None:
    """Insert items with their first versions and places.  One statement for all: see `store.aside`."""
    items, versions, places = list[tuple[Any, ...]](), list[tuple[Any, ...]](), list[tuple[Any, ...]]()
    for source, home, name, *facts, digest, payload in rows:
        items.append((source, name, *facts, digest, now, now, generation))
        versions.append((source, name, now, generation, digest, payload))
        places.append((source, home, name, 0))
    for table, columns, values in (
        ("item", _ITEM, items),
        ("item_version", _VERSION, versions),
        ("presence", _PRESENCE, places),
    ):
        if values:
            group = f"({', '.join('?' * len(values[0]))})"
            groups = ", ".join([group] * len(values))
            text = f"INSERT INTO {table} ({columns}) VALUES {groups}"  # noqa: S608 - all of it is ours
            raw(connection, text, tuple(chain.from_iterable(values)))
