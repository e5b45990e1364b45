"""The task of reading one source: what is read, by whose lease, and how it goes."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from connectors.contract import (
    Connector,
    ConnectorError,
    Container,
    CredentialsRefused,
    FieldsRefused,
    Quota,
    RateLimited,
    Unreadable,
)
from connectors.logs import INFO, tell
from okrs.demand import Demand
from okrs.immutable import immutable
from store import mirror, sources
from store.database import Database
from store.fresh import Fresh
from store.mirror import Read
from store.schedule import LONGEST_LIMIT
from store.sources import LEASE, ContainerState, Lease

_KEPT_EVERY = LEASE.total_seconds() / 4
"""Seconds after which a read that waits renews its lease."""


class Outcome(StrEnum):
    OK = "ok"
    FAILED = "failed"
    UNAUTHENTICATED = "unauthenticated"
    SKIPPED = "skipped"


@immutable
class SourceReport:
    """How the read of a source went; `error` is a sentence for people."""

    name: str
    state: Outcome
    requests: int = 0
    seen: int = 0
    changed: int = 0
    removed: int = 0
    error: str | None = None
    missed: int = 0
    """Items that a census of this run could not find, and that leave if the next one cannot, either."""
    quota: Quota | None = None
    """What the tracker said last of the requests that it still allows, where it did."""
    wait_until: datetime | None = None
    """Until when the tracker asked not to be asked, by this run's clock and a day at the most; None where it did not,
    or did not say how long."""

    @property
    def limited_until(self) -> datetime | None:
        """When the tracker allows requests again that asked to wait, or said that none is left."""
        spent = self.quota.reset if self.quota and self.quota.remaining == 0 else None
        return max((each for each in (self.wait_until, spent) if each), default=None)

    def allows(self, now: datetime) -> bool:
        """Tell whether the tracker answered everything, and allows more."""
        limit = self.limited_until
        return self.state is Outcome.OK and (limit is None or limit <= now)


class Progress:
    """Who is told about long work; by itself it does not care."""

    def page(self, source: str, container: str, items: int, total: int | None) -> None:
        """A page of so many items came in; `total` is what the whole read will bring, where known."""

    def done(self, report: SourceReport) -> None:
        """A source is finished."""

    def indexed(self, source: str, items: int, total: int) -> None:
        """So many items more of a large source, of all of them, are indexed for what the rules ask."""

    def measured(self, key_results: int, total: int) -> None:
        """So many key results more are measured, of those that are due."""


@immutable
class SourceToRead:
    """One configured source: how to open it, and what the mappings need of it."""

    name: str
    containers: tuple[str, ...]
    connect: Callable[[], Connector]
    demand: Demand
    connector: str = ""
    version: str = ""
    """Of the connector."""


@immutable
class Task:
    """A source that is being read under its lease; `full` asks for complete listings and a census of everything."""

    database: Database
    source: SourceToRead
    lease: Lease
    clock: Callable[[], datetime]
    progress: Progress
    full: bool = False
    fresh: Fresh = field(default_factory=Fresh)
    """Where what is read is remembered until it is measured."""
    sleep: Callable[[float], None] = time.sleep

    def rest(self, seconds: float) -> None:
        """Wait in the middle of a read, and keep the lease meanwhile.  Raises LeaseLostError."""
        tell(INFO, "waiting for a limit", source=self.source.name, seconds=round(seconds))
        left = seconds
        while left > 0:
            sources.renew(self.database, self.lease, self.clock())
            self.sleep(min(left, _KEPT_EVERY))
            left -= _KEPT_EVERY
        sources.renew(self.database, self.lease, self.clock())

    def states(self) -> dict[str, ContainerState]:
        """What we have of each container, by id."""
        with self.database.read() as connection:
            return {each.id: each for each in sources.state_of(connection, self.source.name).containers}

    def note(self, name: str, error: str, *, unobserved: bool = False) -> None:
        """Keep why a container could not be read; `name` is how the config spells it.

        Of one that never was, whose id nobody knows, it is kept that it was tried.
        """
        held = [Container(each.id, each.name) for each in self.states().values() if each.name == name]
        for known in held or [Container(f"?{name}", name)]:
            sources.note_error(self.database, self.lease, known, error, self.clock(), unobserved=unobserved)


@immutable
class Granted:
    """What a container is read for: what is demanded of its source, without what the tracker refused of it."""

    demand: Demand
    refused: Mapping[str, str] = field(default_factory=dict)
    """That by `Demand.names`, each with the tracker's sentence."""
    late: frozenset[str] = frozenset()
    """Those of them that were refused in the middle of a listing: to ask for one again costs another listing."""

    def less(self, error: ConnectorError, *, late: bool = False) -> "Granted | None":
        """Return what is left after an error; None where it is about nothing that is still demanded."""
        if not isinstance(error, FieldsRefused):
            return None
        left = self.demand.without(error.refused)
        if left == self.demand:
            return None
        return Granted(left, {**self.refused, **error.refused}, self.late.union(error.refused if late else ()))

    @classmethod
    def again(cls, asked: Demand, held: ContainerState | None) -> "Granted":
        """Return what is to be asked after a read that was refused something late: it goes on without that."""
        late = held.late & asked.names if held else frozenset[str]()
        if held is None or not late:
            return cls(asked)
        left = asked.without(late)
        return cls(left.without(late - held.demand.fields), {name: held.refused[name] for name in late}, late)


@dataclass
class Tally:
    """What the read of a source has brought so far."""

    clock: Callable[[], datetime]
    order: tuple[str, ...] = ()
    """Names of the containers as the config lists them: their errors are told in this order."""
    seen: int = 0
    changed: int = 0
    removed: int = 0
    missed: int = 0
    doubted: set[str] = field(default_factory=set)
    """Containers whose listing shows nothing of what they had: a census tells whether that is true."""
    state: Outcome = Outcome.OK
    small: list[Read] = field(default_factory=list)
    """Reads that found little or nothing, and are not taken yet."""
    in_memory: int = 0
    """Items of all its listings that are neither put aside nor taken yet."""
    granted: dict[str, Granted] = field(default_factory=dict)
    """What containers are read for, by id: by now, where one thing is refused after the other."""
    errors: dict[str, str] = field(default_factory=dict)
    """Sentences by what failed: a container, or "" for the source as a whole."""
    wait_until: datetime | None = None
    """As in the report."""

    def resolved(self, found: Sequence[Container | Unreadable]) -> None:
        self.order = tuple(each.name for each in found)

    def take_small(self, task: Task) -> None:
        """Let the mirror take what little was found.  Raises LeaseLostError."""
        self.take(task, self.small)
        self.small = []

    def take(self, task: Task, reads: Sequence[Read]) -> None:
        """Let the mirror take reads.  Raises LeaseLostError and SuddenlyEmptyError."""
        if reads:
            taken = mirror.take(task.database, task.lease, reads, task.clock())
            self.seen += taken.seen
            self.changed += taken.changed

    def fail(self, what: str, error: ConnectorError | str) -> None:
        """Note a failure; refused credentials are a state of their own."""
        self.errors.setdefault(what, str(error))
        self.heed(error)
        if isinstance(error, CredentialsRefused):
            self.state = Outcome.UNAUTHENTICATED
        elif self.state is Outcome.OK:
            self.state = Outcome.FAILED

    def heed(self, error: ConnectorError | str) -> None:
        """Note until when the tracker asks to wait, where an error says so: of several the last."""
        if isinstance(error, RateLimited) and error.wait is not None:
            until = self.clock() + timedelta(seconds=min(error.wait, LONGEST_LIMIT.total_seconds()))
            self.wait_until = max(until, self.wait_until or until)

    def report(self, name: str, requests: int, quota: Quota | None = None) -> SourceReport:
        place = {each: number for number, each in enumerate(self.order)}
        told = sorted(self.errors, key=lambda each: place.get(each, len(place)))
        sentences = dict.fromkeys(self.errors[each] for each in told)  # a limit met by several is told once
        return SourceReport(
            name,
            self.state,
            requests,
            self.seen,
            self.changed,
            self.removed,
            error=" ".join(sentences) or None,
            quota=quota,
            missed=self.missed,
            wait_until=self.wait_until,
        )
