"""Reading one source under its lease: pages apart first, then the take (see `sync.engine`)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from connectors.contract import (
    Connector,
    ConnectorError,
    CredentialsRefused,
    Cursor,
    MalformedAnswer,
    RateLimited,
    Stop,
    Unreadable,
)
from okrs.demand import Container, Demand
from store import mirror, sources
from store.database import Database
from store.sources import Lease, LeaseLostError, SourceState

OVERLAP = timedelta(minutes=15)
"""Read again what changed shortly before the last read: indexes of trackers lag, clocks differ."""

MOST_PAGES = 100_000
"""A listing that is longer than this has no end."""


class Outcome(StrEnum):
    OK = "ok"
    FAILED = "failed"
    UNAUTHENTICATED = "unauthenticated"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class SourceReport:
    """How the read of a source went; `error` is a sentence for people."""

    name: str
    state: Outcome
    requests: int = 0
    seen: int = 0
    changed: int = 0
    removed: int = 0
    error: str | None = None


class Progress(Protocol):
    """Who is told about long work."""

    def page(self, source: str, container: str, items: int, total: int | None) -> None:
        """A page of so many items came in; `total` is what the whole read will bring, where known."""

    def done(self, report: SourceReport) -> None:
        """A source is finished."""


@dataclass(frozen=True, slots=True)
class SourceToRead:
    """One configured source: how to open it, and what the mappings need of it."""

    name: str
    containers: tuple[str, ...]
    connect: Callable[[], Connector]
    demand: Demand


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one source while it holds the lease."""

    database: Database
    source: SourceToRead
    lease: Lease
    clock: Callable[[], datetime]
    progress: Progress
    full: bool = False

    def read(self) -> SourceReport:
        """Read every container; one that fails does not keep the others from being taken."""
        try:
            connector = self.source.connect()
        except ConnectorError as error:
            return _failed(SourceReport(self.source.name, Outcome.OK), error)
        try:
            return self._read_with(connector)
        finally:
            connector.close()

    def _read_with(self, connector: Connector) -> SourceReport:
        report = SourceReport(self.source.name, Outcome.OK)
        try:
            found = connector.containers()
            _each_once(found)
            removed = self._forget_others(found)
            report = replace(report, removed=removed)
            for each in found:
                report = self._container(connector, each, report)
        except (RateLimited, CredentialsRefused) as error:  # no other container would fare better
            report = _failed(report, error)
        except ConnectorError as error:
            report = _failed(report, error)
        except LeaseLostError:
            report = replace(
                report, state=Outcome.SKIPPED, error="Another worker took this source meanwhile; it goes on there."
            )
        return replace(report, requests=connector.requests)

    def _forget_others(self, found: Sequence[Container | Unreadable]) -> int:
        """Containers that left the config, or that are of another site, leave the mirror.

        While one cannot be read nothing leaves: it may be an old one under a new, misspelt name.
        """
        unreadable = any(isinstance(each, Unreadable) for each in found)
        listed = {each.id for each in found if isinstance(each, Container)}
        keep = {
            known.id
            for known in self._state().containers
            if known.demand.site == self.source.demand.site and (unreadable or known.id in listed)
        }
        return sources.keep_only(self.database, self.lease, keep, self.clock())

    def _container(self, connector: Connector, each: Container | Unreadable, report: SourceReport) -> SourceReport:
        if isinstance(each, Unreadable):
            self._note(each.name, each.error, unobserved=True)
            return replace(report, state=Outcome.FAILED, error=_also(report.error, each.error))
        try:
            taken = self._take(connector, each)
        except (RateLimited, CredentialsRefused) as error:
            self._note(each.name, str(error))
            raise
        except ConnectorError as error:
            self._note(each.name, str(error))
            return _failed(report, error)
        except mirror.SuddenlyEmptyError:
            error_text = (
                f"{each.name} suddenly lists none of its items; they are kept as last seen. "
                "If the token lost access, give it back; if everything was deleted, take it out of the config."
            )
            self._note(each.name, error_text, unobserved=True)
            return replace(report, state=Outcome.FAILED, error=_also(report.error, error_text))
        return replace(
            report,
            seen=report.seen + taken.seen,
            changed=report.changed + taken.changed,
            removed=report.removed + taken.removed,
        )

    def _take(self, connector: Connector, known: Container) -> mirror.Taken:
        started = self.clock()
        cursor = self._cursor(known, started)
        mirror.start_reading(self.database, self.lease, known, started)
        waiting: list[str | None] = [None]
        for _ in range(MOST_PAGES):
            page = connector.changed(known, replace(cursor, resume=waiting.pop()), self.source.demand)
            mirror.gather(self.database, self.lease, known, page.items, self.clock())
            self.progress.page(self.source.name, known.name, len(page.items), page.total)
            waiting += page.following
            if not waiting:
                return mirror.take(
                    self.database,
                    self.lease,
                    known,
                    demand=self.source.demand,
                    watermark=started,
                    complete=cursor.since is None,
                    now=self.clock(),
                )
        raise MalformedAnswer(f"The listing of {known.name} does not end; nothing of it was used.")

    def _cursor(self, known: Container, now: datetime) -> Cursor:
        """From a little before the last complete read.

        Or everything: at first, in full, for a wider demand, under a new name, and after it could not be seen.
        """
        for held in self._state().containers:
            same = held.id == known.id and held.called == known.called and held.demand.covers(self.source.demand)
            if held.watermark is not None and same and not self.full:
                with self.database.read() as connection:
                    parents = mirror.parents_of(connection, self.source.name, known.id)
                return Cursor(now=now, since=held.watermark - OVERLAP, parents=parents)
        return Cursor(now=now)

    def _note(self, name: str, error: str, *, unobserved: bool = False) -> None:
        for held in self._state().containers:
            if held.name == name:
                known = Container(held.id, held.name)
                sources.note_error(self.database, self.lease, known, error, self.clock(), unobserved=unobserved)

    def _state(self) -> SourceState:
        with self.database.read() as connection:
            return sources.state_of(connection, self.source.name)


def _each_once(found: Sequence[Container | Unreadable]) -> None:
    """Two names of one project would be read against each other.  Raises Stop."""
    names: dict[str, str] = {}
    for each in found:
        if isinstance(each, Container) and names.setdefault(each.id, each.name) != each.name:
            raise Stop(f"{names[each.id]} and {each.name} are the same at the tracker: leave one out of the config.")


def _failed(report: SourceReport, error: ConnectorError) -> SourceReport:
    state = Outcome.UNAUTHENTICATED if isinstance(error, CredentialsRefused) else Outcome.FAILED
    return replace(report, state=state, error=_also(report.error, str(error)))


def _also(said: str | None, more: str) -> str:
    return f"{said} {more}" if said else more
