"""What the sync engine knows of a tracker: pages of items, a resume point, and errors typed by what to do next.

A connector is opened for one source, used by one thread, and closed.  It reads only.  One call of `changed` is
one page: small enough to be asked again when it fails, so retry lives outside, in one place (`connectors.http`).

    cursor = Cursor(since=watermark - overlap, now=now, parents=known parents)
    while True:
        page = connector.changed(container, cursor, demand)
        ...gather page.items...
        if page.resume is None: break                # the container was read completely
        cursor = replace(cursor, resume=page.resume)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from okrs.demand import Container, Demand
from okrs.work import WorkItem

__all__ = [
    "Account",
    "Connector",
    "ConnectorError",
    "Container",
    "CredentialsRefused",
    "Cursor",
    "Demand",
    "MalformedAnswer",
    "Page",
    "RateLimited",
    "Stop",
    "TryLater",
    "Unreadable",
]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where to read from.  `since` already contains the overlap; None asks for everything."""

    now: datetime
    since: datetime | None = None
    resume: str | None = None
    """Opaque text of the page before; valid within one run only, trackers' page tokens expire."""
    parents: tuple[str, ...] = ()
    """Ids of items known to have children that listings hide (`WorkItem.children` > 0)."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some items of a container, and where the next page begins; `resume` None means that this was the last."""

    items: tuple[WorkItem, ...]
    resume: str | None = None
    total: int | None = None
    """How many items the whole read will bring, where the tracker says so; for progress bars only."""


@dataclass(frozen=True, slots=True)
class Account:
    """What `headway check` tells of a connection."""

    who: str
    sees: tuple[str, ...]
    """Names of the configured containers that this token can read."""
    missing: tuple[str, ...] = ()
    """Names of the configured containers that it cannot read."""
    detail: str = ""
    """Kind of server and the like, for people."""


class Connector(Protocol):
    """One open connection to one tracker."""

    @property
    def requests(self) -> int:
        """How many HTTP requests were sent so far."""

    def containers(self) -> "Sequence[Container | Unreadable]":
        """Resolve every configured project or repository to its immutable id, in the order of the config.

        One that the token cannot read comes back as `Unreadable`, so that the others are still read.
        Raises ConnectorError when the source as a whole cannot be used.
        """

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        """Return one page of the items changed since the cursor, or of the milestones, which are read whole.

        Raises ConnectorError.
        """

    def check(self) -> Account:
        """Say who the token is and what it sees.  Raises ConnectorError."""

    def close(self) -> None:
        """Release sockets and threads."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A configured container that the tracker does not let us read; `error` is a sentence with the next step."""

    name: str
    error: str


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


class CredentialsRefused(Stop):
    """The token is wrong, expired or not allowed (401, 403): polling stops until the config changes."""


class MalformedAnswer(ConnectorError):
    """The answer is not what the API promises (HTML, cut JSON, a missing list): nothing of it may be used."""
