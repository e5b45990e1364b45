"""The service's numbers for Prometheus: what polls did since it began, and how things stand when they are asked for."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from okrs.immutable import immutable
from okrs.ledger import EntryKind
from store import ledger, schedule, sources
from store.database import Database
from store.holds import open_holds
from store.schedule import Turn
from store.sources import SourceState
from sync.scheduler import Poll
from sync.task import Outcome

TIME = "time"
"""Stands among the sources for what midnight, a cycle's edge or a changed config moved, without a read."""

_SECONDS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900)


@immutable
class Standing:
    """How the service stands; what its gauges are made of."""

    sources: Mapping[str, SourceState]
    turns: Mapping[str, Turn]
    items: Mapping[str, int]
    holds: int
    values: Mapping[str, float]
    """Automatic values by key result."""
    broken: int
    """Files of the config in quarantine."""


class Telemetry:
    """Counts what polls do, and tells it."""

    def __init__(self, look: Callable[[], Standing], clock: Callable[[], datetime]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the process tells when it began
        self.registry = CollectorRegistry()
        told = self.registry
        self._polls = Counter("headway_polls", "Reads of a source.", ["source", "outcome"], registry=told)
        self._errors = Counter("headway_poll_errors", "Reads of a source that failed.", ["source"], registry=told)
        self._requests = Counter("headway_requests", "Requests to a source's tracker.", ["source"], registry=told)
        self._changed = Counter("headway_items_changed", "Items that reads changed.", ["source"], registry=told)
        self._updates = Counter(
            "headway_updates", "Key results that moved, by the source that was read then.", ["source"], registry=told
        )
        self._held = Counter(
            "headway_holds", "Updates that were held, by the source that was read then.", ["source"], registry=told
        )
        self._duration = Histogram(
            "headway_poll_seconds", "How long reads took.", ["source"], buckets=_SECONDS, registry=told
        )
        self._left = Gauge("headway_quota_remaining", "Requests that the tracker allows.", ["source"], registry=told)
        self._tick = Gauge("headway_scheduler_tick_age_seconds", "Since the scheduler last ticked.", registry=told)
        ProcessCollector(registry=told)
        PlatformCollector(registry=told)
        told.register(_Gauges(look, clock))

    def polled(self, poll: Poll) -> None:
        """Count a poll."""
        if poll.report is not None:
            held = sum(each.kind is EntryKind.HOLD for each in poll.report.entries)
            self._updates.labels(poll.source or TIME).inc(len(poll.report.updates))
            self._held.labels(poll.source or TIME).inc(held)
        if not poll.source:
            return
        self._polls.labels(poll.source, poll.outcome.value).inc()
        self._duration.labels(poll.source).observe(poll.seconds)
        self._errors.labels(poll.source).inc(poll.outcome in (Outcome.FAILED, Outcome.UNAUTHENTICATED))
        if poll.read is not None:
            self._requests.labels(poll.source).inc(poll.read.requests)
            self._changed.labels(poll.source).inc(poll.read.changed)
            if poll.read.quota is not None:
                self._left.labels(poll.source).set(poll.read.quota.remaining)

    def text(self, ticked: float | None) -> bytes:
        """Return all numbers; `ticked` is when the scheduler last did, on the monotonic clock."""
        self._tick.set(time.monotonic() - ticked if ticked is not None else float("inf"))
        return generate_latest(self.registry)


class _Gauges(Collector):
    def __init__(self, look: Callable[[], Standing], clock: Callable[[], datetime]) -> None:
        self.look, self.clock = look, clock

    def describe(self) -> Iterable[Metric]:
        """Keep the registry from asking the database for the names of our numbers."""
        return ()

    def collect(self) -> Iterable[Metric]:
        try:
            standing = self.look()
        except SQLAlchemyError:
            return [_gauge("headway_database_up", "Whether the database answers.", {(): 0})]
        return [_gauge("headway_database_up", "Whether the database answers.", {(): 1}), *self._all(standing)]

    def _all(self, standing: Standing) -> Iterator[Metric]:
        now, every = self.clock(), standing.sources
        read = {(name,): each.last_success for name, each in every.items() if each.last_success}
        yield _gauge(
            "headway_source_age_seconds",
            "Since the last complete read.",
            {name: (now - at).total_seconds() for name, at in read.items()},
            "source",
        )
        yield _gauge(
            "headway_source_last_read_timestamp_seconds",
            "When the last complete read was.",
            {name: at.timestamp() for name, at in read.items()},
            "source",
        )
        yield _gauge(
            "headway_source_up",
            "Whether the last read went well.",
            {(name,): each.state == Outcome.OK for name, each in every.items()},
            "source",
        )
        yield _gauge(
            "headway_source_failures",
            "Reads that failed since the last that did not.",
            {(name,): each.failures for name, each in standing.turns.items()},
            "source",
        )
        yield _gauge(
            "headway_source_next_poll_timestamp_seconds",
            "When it is read next; none where polling stopped.",
            {(name,): at.timestamp() for name, each in standing.turns.items() if (at := each.at(now))},
            "source",
        )
        yield _gauge("headway_items", "Items in the mirror.", {(n,): v for n, v in standing.items.items()}, "source")
        yield _gauge("headway_holds_open", "Updates that wait for a person.", {(): standing.holds})
        yield _gauge("headway_config_broken_files", "Files of the config in quarantine.", {(): standing.broken})
        values: dict[tuple[str, ...], float] = {(name,): value for name, value in standing.values.items()}
        yield _gauge("headway_key_result_value", "What the tickets say.", values, "key_result")


def _gauge(name: str, help_: str, values: Mapping[tuple[str, ...], float], *labels: str) -> Metric:
    family = GaugeMetricFamily(name, help_, labels=labels)
    for label, value in values.items():
        family.add_metric(label, float(value))
    return family


@dataclass
class Counted:
    """How many items each source has, counted anew when it changed: counting takes a while."""

    _held: dict[str, tuple[int, int]] = field(default_factory=dict)

    def of(self, connection: Connection, name: str, generation: int) -> int:
        at, items = self._held.get(name, (-1, 0))
        if at != generation:
            items = sources.items_held(connection, name)
            self._held[name] = (generation, items)
        return items


def look(database: Database, names: Iterable[str], counted: Counted, broken: int) -> Standing:
    """Look at how things stand, on one snapshot."""
    with database.read() as connection:
        states = {name: sources.state_of(connection, name) for name in names}
        return Standing(
            states,
            {name: turn for name, turn in schedule.turns(connection).items() if name in states},
            {name: counted.of(connection, name, each.generation) for name, each in states.items()},
            len(open_holds(connection)),
            {
                name: float(each.value)
                for name, each in ledger.states(connection).items()
                if each.value is not None and not each.retired
            },
            broken,
        )
