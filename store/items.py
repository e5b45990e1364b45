"""Work items as rows: one payload that holds everything that matters, its hash, and the columns that SQL needs."""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

import orjson

from okrs.demand import Extra
from okrs.work import Kind, Ref, State, Step, WorkItem
from store.tables import from_micros, micros, storable

Row = tuple[str, str, str, str, str, str, str | None, str | None, int, int | None, str, str]
"""The values of an `incoming` row, in the order of `ROW`."""

ROW = (
    "source",
    "container",
    "id",
    "key",
    "kind",
    "state",
    "status",
    "resolution",
    "children",
    "updated_at",
    "hash",
    "payload",
)
SOURCE: Final = 0
CONTAINER: Final = 1
ID: Final = 2
UPDATED_AT: Final = 9
HASH: Final = 10
PAYLOAD: Final = 11
"""Places in a row."""


Encoded = tuple[Row, WorkItem]
"""A row, and the item that it is read as."""


_ESCAPE: Final = ord("\\")
"""Looked for first: a sign is found several times faster than a text."""


def encoded(source: str, container: str, item: WorkItem) -> Encoded:
    """Return the `incoming` row of an item, and the item as it is read from there.

    Made for every item of every listing, so it reads `_value_`, which is several times faster than `value`.
    """
    payload = encode(item)
    if _ESCAPE in payload and b"\\u0000" in payload:
        payload = orjson.dumps(_storable(orjson.loads(payload)))
        item = decode(payload, item.updated_at)
    updated = None if item.updated_at is None else micros(item.updated_at)
    digest = digest_of(payload)
    kind, state = item.kind._value_, item.state._value_
    return (
        source, container, item.id, item.key, kind, state, item.status, item.resolution, item.children, updated, digest,
        payload.decode(),
    ), item  # fmt: skip


def digest_of(payload: bytes) -> str:
    """Return the hash of an encoded item."""
    return blake2b(payload, digest_size=16).hexdigest()


def _storable(facts: Any) -> Any:  # noqa: ANN401 - any part of an encoded item
    if isinstance(facts, list):
        return [_storable(each) for each in facts]
    return storable(facts) if isinstance(facts, str) else facts


CREATED_AT, CLOSED_AT = 9, 10
"""Places of the two dates in an encoded item."""

_PLAIN = 21
"""How many facts an encoded item has that has no sprints, references and history."""

TITLE, ASSIGNEES, FIELDS = 4, 17, 18
"""Places of what may name people."""


def encode(item: WorkItem) -> bytes:
    """Return everything that matters of an item as compact JSON; `updated_at` alone makes no new version."""
    facts: list[Any] = [
        item.id,
        item.key,
        item.kind._value_,
        item.type,
        item.title,
        item.url,
        item.state._value_,
        item.status,
        item.resolution,
        None if item.created_at is None else micros(item.created_at),
        None if item.closed_at is None else micros(item.closed_at),
        (item.parent.id, item.parent.name) if item.parent else None,
        [(ref.id, ref.name) for ref in item.projects],
        item.milestones,
        item.members,
        item.labels,
        [(ref.id, ref.name) for ref in item.sections] if item.sections else (),
        item.assignees,
        item.fields,
        item.aliases,
        item.children,
    ]
    if item.sprints or item.refs or item.history:  # behind the others, so that items without them keep their hash
        facts += [item.sprints, item.refs, [_step(step) for step in item.history]]
    return orjson.dumps(facts)


_EXTRAS: Final = {Extra.SPRINTS: _PLAIN, Extra.REFS: _PLAIN + 1, Extra.HISTORIES: _PLAIN + 2}
"""Places of what is asked beside items, in an item that has any of it."""


def same_without(left_out: Iterable[Extra], one: str, other: str) -> bool:
    """Tell whether two encoded items are the same but for this."""
    first, second = _whole(one), _whole(other)
    for extra in left_out:
        first[_EXTRAS[extra]] = second[_EXTRAS[extra]]
    return first == second


END_OF_HISTORY: Final = "]]]"
"""How an encoded item ends that has a history, and no other does: of its last step, of the history, of the item."""

_STAND = (6, 7, 8, CLOSED_AT)
"""Places of what a history leads to: state, status, resolution, and when it was closed."""


def with_history(payload: str, held: str) -> str | None:
    """Return an encoded item with the history that another form of it has; None where the two stand differently."""
    facts, known = _whole(payload), _whole(held)
    if any(facts[place] != known[place] for place in _STAND):
        return None
    facts[_EXTRAS[Extra.HISTORIES]] = known[_EXTRAS[Extra.HISTORIES]]
    return orjson.dumps(facts).decode()


def _whole(payload: str) -> list[Any]:
    """Return the facts of an encoded item, with empty ones for those that it leaves out."""
    facts: list[Any] = orjson.loads(payload)
    return facts if len(facts) > _PLAIN else [*facts, [], [], []]


def created_of(payload: str) -> datetime | None:
    """Return when an encoded item was created."""
    return instant(orjson.loads(payload)[CREATED_AT])


def likeness(payload: bytes | str) -> tuple[int | None, str]:
    """Return what stays the same of an encoded item when it gets another id: its creation and its title."""
    facts = orjson.loads(payload)
    return facts[9], facts[4]


_KINDS = {kind.value: kind for kind in Kind}
_STATES = {state.value: state for state in State}
"""Looked up, because calling an enum costs more than reading the rest of an item."""


def decode(payload: bytes | str, updated_at: datetime | None) -> WorkItem:
    """The inverse of `encode`."""
    row = orjson.loads(payload)
    return WorkItem(
        id=row[0],
        key=row[1],
        kind=_KINDS[row[2]],
        type=row[3],
        title=row[4],
        url=row[5],
        state=_STATES[row[6]],
        status=row[7],
        resolution=row[8],
        created_at=instant(row[CREATED_AT]),
        updated_at=updated_at,
        closed_at=instant(row[CLOSED_AT]),
        parent=Ref(*row[11]) if row[11] else None,
        projects=_refs(tuple(map(tuple, row[12]))),
        milestones=_shared(tuple(row[13])),
        members=tuple(row[14]),
        labels=_shared(tuple(row[15])),
        sections=_refs(tuple(map(tuple, row[16]))),
        assignees=_shared(tuple(row[17])),
        fields=tuple((name, text) for name, text in row[18]),
        aliases=tuple(row[19]),
        children=row[20],
        **_extras(row[_PLAIN:]),
    )


def _extras(row: list[Any]) -> dict[str, Any]:
    if not row:
        return {}
    sprints, refs, history = row
    steps = tuple(
        Step(from_micros(at), _STATES[state], status, resolution) for at, state, status, resolution in history
    )
    return {"sprints": _shared(tuple(sprints)), "refs": tuple(refs), "history": steps}


def _step(step: Step) -> tuple[int, str, str | None, str | None]:
    return (micros(step.at), step.state.value, step.status, step.resolution)


@lru_cache(maxsize=4096)
def _refs(pairs: tuple[tuple[str, str], ...]) -> tuple[Ref, ...]:
    return tuple(Ref(*pair) for pair in pairs)


@lru_cache(maxsize=4096)
def _shared(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return an equal tuple made before: thousands of items have the same few labels, and a mirror is held whole."""
    return texts


def instant(number: int | None) -> datetime | None:
    """Return the time of microseconds since 1970, None for none."""
    return None if number is None else from_micros(number)
