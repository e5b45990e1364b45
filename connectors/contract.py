"""What the sync engine knows of a tracker: pages of items, resume points, and errors typed by what to do next.

A connector is opened for one source, used by one thread at a time, and closed; `twin` makes another one for another
thread.  It reads only.  One call of `changed` is one page: small enough to be asked again when it fails, so retry
lives outside, in one place (`connectors.patience`).

    asked = [None]                                   # a read of one container
    while asked:                                     # in any order, several at once
        page = connector.changed(container, replace(cursor, resume=asked.pop()), demand)
        ...gather page.items...
        asked += page.following                      # nothing is left: the container was read completely
        asked += page.also                           # those that no page named before

A census is walked in the same way and brings identities alone; what it misses is looked up one by one.
`connectors.plain.Plain` answers everything that a simple tracker does not offer.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, Self

from okrs.demand import Container, Demand, Extra, Family
from okrs.immutable import immutable
from okrs.work import Ref, WorkItem

__all__ = [
    "AccessDenied",
    "Account",
    "Connector",
    "ConnectorError",
    "Container",
    "CredentialsRefused",
    "Cursor",
    "Demand",
    "Extra",
    "ExtraRefused",
    "Family",
    "Fate",
    "FieldsRefused",
    "Found",
    "IdPage",
    "Listed",
    "MalformedAnswer",
    "Page",
    "QueryRefused",
    "Quota",
    "RateLimited",
    "Stop",
    "TryLater",
    "Unreachable",
    "Unreadable",
    "What",
]


def _nothing_held(_ids: Iterable[str]) -> Mapping[str, WorkItem]:
    return {}


@immutable
class Cursor:
    """Where to read from.  `since` already contains the overlap; None asks for everything."""

    now: datetime
    since: datetime | None = None
    resume: str | None = None
    """Opaque text of a page before; valid within one run only, trackers' page tokens expire."""
    parents: Callable[[], tuple[str, ...]] = tuple
    """Returns the ids of items known to have children that listings hide (`WorkItem.children` > 0)."""
    memo: Mapping[str, str] = field(default_factory=dict)
    """What the last complete read of this container left for the next one (`Page.memo`), as an ETag; may be empty.

    Also there when everything is to be listed (`since` None): then it may say what else happened, as which tasks were
    deleted, and nothing that is listed may be left out for it.
    """
    held: Callable[[Iterable[str]], Mapping[str, WorkItem]] = _nothing_held
    """Returns the mirror's items by id, of those it holds: for trackers that tell of a change without the item."""


@immutable
class Page:
    """Some items of a container, and where the pages that follow begin."""

    items: tuple[WorkItem, ...]
    following: tuple[str, ...] = ()
    """Resume points of further pages: each may be asked at once, in any order.  The read is complete when none is
    left.  A tracker whose pages are a chain names one."""
    total: int | None = None
    """How many items the whole read will bring, where the tracker says so; for progress bars only."""
    memo: Mapping[str, str] = field(default_factory=dict)
    """Small texts kept for the next read of this container once this one is complete; those of all pages together."""
    also: tuple[str, ...] = ()
    """Resume points that other pages may name, too, as the children of a parent; each is asked once.  One of
    `following` that was named before is a circle, and fails the read."""


@immutable
class IdPage:
    """Identities alone: a page of a census, or of what a query of the tracker's own finds."""

    refs: tuple[Ref, ...]
    """`Ref(id, key)`; the key is "" where the tracker tells the id alone."""
    following: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    """As of a `Page`."""


class Fate(StrEnum):
    """What became of an item that a census misses, or that it shows and the mirror does not have."""

    HERE = "here"
    """It is in its container, whatever the listing says (archived, or an index that lags)."""
    MOVED = "moved"
    """It lives elsewhere now."""
    DELETED = "deleted"
    """The tracker says that it was deleted."""
    HIDDEN = "hidden"
    """The tracker knows nothing of it, or does not let this token see it."""


@immutable
class Found:
    """What a direct look-up says of one item."""

    fate: Fate
    item: WorkItem | None = None
    """As it is now: always with HERE, with MOVED where the tracker lets us see it."""
    container: str | None = None
    """MOVED: id of the container of this source that it lives in now; None when it left them all."""


@immutable
class Quota:
    """How many requests the tracker still allows, as its last answer told."""

    remaining: int
    limit: int | None = None
    reset: datetime | None = None
    """When it begins anew."""
    near: bool = False
    """The tracker says itself that little is left."""


@immutable
class Account:
    """What `headway check` tells of a connection."""

    who: str
    sees: tuple[str, ...]
    """Names of the configured containers that this token can read."""
    missing: tuple[str, ...] = ()
    """Names of the configured containers that it cannot read."""
    detail: str = ""
    """Kind of server and the like, for people."""
    lacks: tuple[str, ...] = ()
    """Rights that the token should have and does not, each as a sentence with the next step."""
    expires: datetime | None = None
    """When the token ends, where the tracker says so."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """For names of `missing`, the sentence that says why and what to do (`Unreadable.error`)."""


class What(StrEnum):
    """What `headway discover` lists; each is a word of the config."""

    PROJECT = "project"
    MILESTONE = "milestone"
    EPIC = "epic"
    SPRINT = "sprint"
    SECTION = "section"
    LABEL = "label"
    FIELD = "field"
    TYPE = "type"
    STATUS = "status"


@immutable
class Listed:
    """One thing that a config may name."""

    what: What
    value: str
    """As the config spells it: a project's key, a milestone's title, an epic's key, a field's id or name."""
    name: str = ""
    """What people call it, where that differs from `value`."""
    container: str = ""
    """The configured container that it belongs to; "" for what belongs to all of them."""
    note: str = ""
    """Whatever helps to choose: open or released, the type of a field, "not in the config"."""
    number: bool = True
    """Of a field: whether it may hold numbers, which `by` needs; `field.<name>` takes any."""


class Connector(Protocol):
    """One open connection to one tracker."""

    @property
    def requests(self) -> int:
        """How many HTTP requests this connection sent so far; a twin counts its own."""

    @property
    def quota(self) -> Quota | None:
        """What the last answer told of limits; None when nothing."""

    @property
    def told(self) -> datetime | None:
        """The tracker's own time, as its last answer told (its `Date` header); None before the first."""

    def twin(self) -> Self:
        """Return another connection for another thread, which knows what this one has found out.

        May be called while another thread uses this one; nothing is asked.
        """

    def containers(self) -> "Sequence[Container | Unreadable]":
        """Resolve every configured project or repository to its immutable id, in the order of the config.

        One that the token cannot read comes back as `Unreadable`, so that the others are still read.
        Raises ConnectorError when the source as a whole cannot be used.
        """

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        """Return one page of the items changed since the cursor, and of what is read whole, as milestones are.

        Raises ConnectorError; FieldsRefused for demanded fields that cannot be had, of a complete read with its first
        page, before anything else is asked: the engine asks it again in every run while a rule names such a field.
        """

    def census(self, container: Container, demand: Demand, resume: str | None) -> IdPage:
        """Return one page of the identities of everything that a complete read of the container would bring.

        Raises ConnectorError.
        """

    def look_up(self, container: Container, refs: Sequence[Ref], demand: Demand) -> Mapping[str, Found]:
        """Ask directly what became of some items of a container, by id.  Every ref is answered.

        Raises ConnectorError.
        """

    def matching(self, query: str, resume: str | None) -> IdPage:
        """Return one page of the ids that a query in the tracker's own language finds, in any container.

        The engine asks it only while every container can be read: what is found in the others would be missing.
        Raises QueryRefused with the tracker's reason where this query cannot be answered, and ConnectorError.
        """

    def outside(self, family: Family, resume: str | None) -> IdPage:
        """Return one page of what lies under an item in containers that are not configured.

        As far as the token sees it.  Nobody reads that, so that it counts in no number; who looks at one is told.  A
        tracker whose children are all read with what they lie under answers an empty page.  Asked once a day, while
        every container can be read.
        Raises ConnectorError.
        """

    def check(self) -> Account:
        """Say who the token is and what it sees.  Raises ConnectorError."""

    def discover(self) -> Sequence[Listed]:
        """List what a config may name, as projects, milestones and labels.  Raises ConnectorError."""

    def close(self) -> None:
        """Release sockets and threads."""


@immutable
class Unreadable:
    """A configured container that the tracker does not let us read; `error` is a sentence with the next step."""

    name: str
    error: str
    passing: bool = False
    """The trouble may be over when it is asked again."""


class ConnectorError(Exception):
    """Something went wrong at the tracker; the text is one sentence for people, without secrets."""


class TryLater(ConnectorError):
    """Passing trouble (a 5xx, a time-out, a broken connection): the same request may succeed later."""


class RateLimited(TryLater):
    """The tracker asks to wait.  `wait` is in seconds from now; None when it did not say."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class Stop(ConnectorError):
    """Asking again would give the same answer: a 404, a 400, a project that is gone.  A person must act."""


class FieldsRefused(Stop):
    """Fields that are demanded cannot be had: unknown to the tracker, of several meanings, or without the numbers that
    are to be added up.

    The container is read without them, and the rules that name them wait.  Name all of them at once.
    """

    def __init__(self, refused: Mapping[str, str]) -> None:
        super().__init__(" ".join(dict.fromkeys(refused.values())))
        self.refused = dict(refused)
        """By name, as it is spelled in the demand: a sentence with the next step."""


class ExtraRefused(FieldsRefused):
    """Histories, sprints or links cannot be had: this token may not read them, or the tracker has none.

    The container is read without them, and the rules that need them wait.
    """

    def __init__(self, extra: Extra, why: str) -> None:
        super().__init__({extra.value: why})


class QueryRefused(Stop):
    """This one query cannot be answered, however often it is asked: it is misspelt, names what is not there, or finds
    more than the tracker tells.

    The source is read all the same, and the rules with that query wait.
    """


class CredentialsRefused(Stop):
    """The token is wrong or expired (401): polling the source stops until the config changes."""


class Unreachable(Stop):
    """The way to the tracker is closed to every request: a certificate that is not trusted, a proxy that refuses."""


class AccessDenied(Stop):
    """The token is good, and may not see this (403): other containers of the source may be read all the same."""


class MalformedAnswer(ConnectorError):
    """The answer is not what the API promises (HTML, cut JSON, a missing list): nothing of it may be used."""
