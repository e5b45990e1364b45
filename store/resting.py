"""Whose facets rest on what changed: those below an epic, in a milestone or a sprint, and who a key means or meant."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from mapping.facets import FORMER, MILESTONE, PARENT, SPRINT, bearing, ties_to
from okrs.work import WorkItem, fold_key
from store import dressing, lookup
from store.database import raw
from store.queries import FORMER_KEYS
from store.terms import tied


def touched(connection: Connection, source: str, since: int) -> set[str]:
    """Return the ids of what changed, came or left since a generation, and of all whose facets rest on it."""
    rows = raw(connection, "SELECT id FROM item WHERE source = ? AND changed > ?", (source, since))
    changed = {row[0] for row in rows}
    there = dressing.worn(connection, source, changed).keys()  # who was gone then is as good as new
    was, now = lookup.before(connection, source, there, since), _present(connection, source, changed)
    moved = {name for name in changed if bearing(was.get(name)) != bearing(now.get(name))}
    keys = [each.key for name in moved for each in _forms(name, was, now)]
    former = _former(connection, source)
    passed_on = _passed_on(connection, source, keys, moved, since, rows=former)
    now |= _present(connection, source, passed_on)
    moved |= passed_on
    forms = [each for name in moved for each in _forms(name, was, now)]
    resting = _members(connection, source, forms) | _below(connection, source, moved, forms, former)
    return changed | moved | resting


def _former(connection: Connection, source: str) -> Sequence[Row[Any]]:
    return raw(connection, FORMER_KEYS, (source,)).all()


def _present(connection: Connection, source: str, ids: Iterable[str]) -> dict[str, WorkItem]:
    return {name: held for name, (held, gone) in lookup.look_up(connection, source, ids).items() if gone is None}


def _forms(name: str, *known: Mapping[str, WorkItem]) -> list[WorkItem]:
    """An item as it was and as it is."""
    return [held[name] for held in known if name in held]


def _passed_on(
    connection: Connection,
    source: str,
    keys: Iterable[str],
    moved: Collection[str],
    since: int,
    *,
    rows: Sequence[Row[Any]],
) -> set[str]:
    """Items that a key meant, or means, though they had it only before: as long as nobody else has or had it since.

    Somebody else may have had it for a while, and be as before now.
    """
    passed = [row.key for row in rows if row.item in moved or row.changed > since]
    folded = {fold_key(key) for key in [*keys, *passed]}
    dressed = set(tied(connection, source, FORMER, [f"~{key}" for key in folded]))
    return dressed | {row.item for row in rows if fold_key(row.key) in folded}


def _members(connection: Connection, source: str, forms: Iterable[WorkItem]) -> set[str]:
    """Whoever belongs to a plan that changed, by its own word or by that of the plan."""
    plans = list(forms)
    ids = [f"={each.id}" for each in plans]
    mine = [*tied(connection, source, MILESTONE, ids), *tied(connection, source, SPRINT, ids)]
    return {*mine} | {member for each in plans for member in each.members}


def below(connection: Connection, source: str, moved: Iterable[str], forms: Iterable[WorkItem]) -> set[str]:
    """Return all descendants, as far as facets tell; who came or changed since then is dressed anew anyway.

    `moved` are ids, `forms` the same items as they were and as they are.
    """
    return _below(connection, source, moved, forms, _former(connection, source))


def _below(
    connection: Connection,
    source: str,
    moved: Iterable[str],
    forms: Iterable[WorkItem],
    rows: Sequence[Row[Any]],
) -> set[str]:
    former: dict[str, list[str]] = {}
    for row in rows:
        former.setdefault(row.item, []).append(row.key)
    ties = {tie for name in moved for tie in ties_to(name, *former.get(name, ()))}
    ties |= {tie for each in forms for tie in ties_to("", each.key)}
    found: set[str] = set()
    while ties:
        new = set(tied(connection, source, PARENT, ties)) - found
        found |= new
        keys = lookup.keys_of(connection, source, new)
        ties = {tie for name in new for tie in ties_to(name, keys.get(name, ""), *former.get(name, ()))}
    return found
