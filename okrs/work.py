"""Work items: one normalised shape for issues, pull requests, tasks, epics, milestones and sprints of any tracker."""

import unicodedata
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from okrs.immutable import immutable
from okrs.numbers import number_in

LARGEST = Decimal(10**9)
"""A field's number beyond this is an accident; its millionths would not fit the store's whole numbers."""

MOST_REFS = 5
"""More tickets than this are named by release notes and the like, which are no work on any of them."""


class Kind(StrEnum):
    """What an item is, whatever its tracker calls it."""

    ISSUE = "issue"
    SUBTASK = "subtask"
    PULL_REQUEST = "pull_request"
    EPIC = "epic"
    MILESTONE = "milestone"
    SPRINT = "sprint"


class State(StrEnum):
    """How far an item is, whatever its tracker calls it.  Cancelled is NOT done."""

    TODO = "todo"
    DOING = "doing"
    DONE = "done"
    CANCELLED = "cancelled"

    @property
    def closed(self) -> bool:
        return self in (State.DONE, State.CANCELLED)


@immutable
class Ref:
    """A thing an item belongs to (a project, a section): the identity compared exactly, the name as people write it."""

    id: str
    name: str = ""


@immutable
class Step:
    """How an item stood from one moment on, as its tracker's own history tells."""

    at: datetime
    state: State
    status: str | None = None
    resolution: str | None = None


@immutable
class WorkItem:
    """One item as its tracker showed it at one moment.

    All times are aware and in UTC.  `id` is unique within the source and never changes; `key` is what people call
    the item and may change.  Everything but `updated_at` takes part in the content hash that makes a new version.
    """

    id: str
    key: str
    kind: Kind
    type: str
    title: str
    url: str
    state: State
    status: str | None = None
    resolution: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    closed_at: datetime | None = None
    """The tracker's own date; None when it is open or the tracker has none."""
    parent: Ref | None = None
    """The direct parent in the same source: `Ref(id, key)`.  A tracker that tells only one of them leaves the other ""
    (GitHub and Jira Data Center's Epic Link: `Ref("", key)`); the parent itself may lie outside what we read."""
    projects: tuple[Ref, ...] = ()
    milestones: tuple[str, ...] = ()
    """Immutable ids of the milestone items (kind `milestone`) that this item belongs to."""
    members: tuple[str, ...] = ()
    """On a milestone whose tracker keeps the relation there: ids of the items that belong to it."""
    labels: tuple[str, ...] = ()
    sections: tuple[Ref, ...] = ()
    assignees: tuple[str, ...] = ()
    """Every spelling (login, e-mail, display name) of every assignee."""
    fields: tuple[tuple[str, str], ...] = ()
    """Demanded custom fields: (name as the mapping spells it, value as exact text), sorted by name.  There is a pair
    for each value of several, as of ticked options, and for each way to call it, as for people.  Of two fields of one
    name, that of numbers comes first."""
    aliases: tuple[str, ...] = ()
    """Other exact spellings by which a rule may name this item where its kind is clear, as `owner/repo#3`."""
    children: int = 0
    """How many children the tracker hides from listings, so that they are read through this parent; else 0."""
    sprints: tuple[str, ...] = ()
    """Immutable ids of the sprint items (kind `sprint`) that this item belongs to; only where demanded."""
    refs: tuple[str, ...] = ()
    """Keys of other items, of any source, that this one names: by its tracker's links where demanded, and a pull
    request in its title or branch.  `MOST_REFS` at most: the links first, then in the order of their appearance."""
    history: tuple[Step, ...] = ()
    """The whole history, oldest first, beginning with the creation; only where demanded and the tracker has one."""

    def number(self, field: str) -> Decimal | None:
        """Return a demanded field's first number, None where there is none, or none up to `LARGEST`."""
        values = (number_in(text) for name, text in self.fields if name == field)
        return next((value for value in values if value is not None and abs(value) <= LARGEST), None)


@lru_cache(maxsize=8192)
def fold_name(name: str) -> str:
    """Return the form in which names are compared: trimmed, NFC, case-folded (DESIGN 4.1).

    Remembered, since thousands of items have the same few labels and statuses.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).strip().casefold())


def fold_key(key: str) -> str:
    """Return the form in which keys are compared: exactly, but `owner/name` of a repository ignores case."""
    key = key.strip()
    return key.casefold() if "/" in key else key
