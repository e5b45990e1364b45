"""What a project's events tell of its tasks, page by page, and how far they are trusted.  Pure: no requests.

`GET /events` (https://developers.asana.com/reference/events): events of a project "bubble up" from its tasks and their
sub-tasks; at most 100 a page; delivered "at most once", within a minute on average; a token lives 24 hours or less.
`parent` is told for `added` and `removed` alone, so the parent of a changed sub-task comes from the mirror.  So events
are a hint where to look, and never the truth: the nightly walk and the census repair what they miss.

UNCHECKED against the real service: that a task put under another one is told as `added` with that parent, and that a
deleted parent's sub-tasks are told as deleted, too, and that a project's events tell of its sections and of tags.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.contract import MalformedAnswer
from okrs.immutable import immutable

MOST_PAGES = 10
"""When more events than this wait, reading the project in full is cheaper than following them."""

MOST_SINGLES = 50
"""When more tasks than this would be asked one by one, the listing is read in full."""

LONGEST_TRUST = timedelta(hours=20)
"""A read that begins longer ago than this walks every parent: tokens live 24 hours at most."""

_ACTIONS = {"added": "a", "changed": "c", "removed": "r", "deleted": "d", "undeleted": "u"}


@immutable
class Told:
    """One page of events."""

    sync: str = ""
    """The token of the next page, "" when there is none."""
    more: bool = False
    renewed: bool = False
    """The token that was sent is not valid any more (412): what happened since is not known."""
    renamed: bool = False
    """A section or a tag has another name, which touches none of its tasks."""
    tasks: tuple[tuple[str, str, str], ...] = ()
    """(letter of the action, gid of the task, "kind:gid" of what it was added to or removed from, else "")."""


def told(answer: object, status: int, what: str) -> Told:
    """Read the answer of `GET /events`, also one of 412.  Raises MalformedAnswer."""
    body: Mapping[str, Any] = answer if isinstance(answer, dict) else {}
    sync = body.get("sync")
    if not isinstance(sync, str | None):
        raise MalformedAnswer(f"The answer for {what} holds a token that is no text; nothing of it was used.")
    if status == 412:
        return Told(sync or "", renewed=True)
    rows = body.get("data")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise MalformedAnswer(f"The answer for {what} holds no list `data`; nothing of it was used.")
    tasks = tuple([event for row in rows if (event := _event(row)) is not None])
    renamed = any(_renames(row) for row in rows)
    return Told(sync or "", more=body.get("has_more") is True and bool(sync), renamed=renamed, tasks=tasks)


def _renames(row: Mapping[str, Any]) -> bool:
    """Tell whether an event may have given a section or a tag another name; an event may leave out what changed."""
    resource, change = _ref(row.get("resource")), row.get("change")
    kind = (resource[1] if resource else "") or row.get("type")
    named = change.get("field", "name") == "name" if isinstance(change, dict) else True
    return kind in ("section", "tag") and row.get("action") == "changed" and named


def _event(row: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Return an event of a task, None for one of anything else (comments, the project)."""
    resource, parent = _ref(row.get("resource")), _ref(row.get("parent"))
    action = _ACTIONS.get(str(row.get("action")))
    if resource is None or action is None or (resource[1] or row.get("type")) != "task":
        return None
    return action, resource[0], f"{parent[1]}:{parent[0]}" if parent else ""


def _ref(thing: object) -> tuple[str, str] | None:
    if not isinstance(thing, dict) or not isinstance(thing.get("gid"), str) or not thing["gid"]:
        return None
    kind = thing.get("resource_type")
    return thing["gid"], kind if isinstance(kind, str) else ""


def walks_all(now: datetime, since: datetime | None, walked: str) -> bool:
    """Tell whether every known parent is walked: once a UTC day (`walked` is the last one), and after a long pause."""
    return since is None or walked != day(now) or now - since > LONGEST_TRUST


def day(now: datetime) -> str:
    """Return the UTC day that a memo remembers."""
    return now.astimezone(UTC).date().isoformat()
