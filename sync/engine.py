"""The sync engine: how a closed ticket moves a key result.

    record(every key result)                         # on the old mirror: changed rules and targets, what a kill left
                                                     # (skipped where all is as this engine left it, or new)
    for source in sources:                           # leased: one worker at a time, fenced; sources in parallel
        for container in source.containers:          # a project, a repository; all at once, up to 8 pages under way
            for page in connector.changed(container, cursor, demand):  # what is new; everything at first, once a week
                                                     # (without what the tracker refuses of the demand, whose rules
                                                     # wait; a limit that is soon over is rested for)
                incoming.add(page)                   # some at a time; the mirror is not touched yet
                                                     # (a small first read waits in memory instead, for SQLite)
            mirror.take(incoming)                    # last page: one transaction, its own watermark, fence checked
                                                     # (what little several containers bring is taken together)
        for query in demand.queries:                 # in the tracker's own language: ids alone
            hits.replace(connector.matching(query))
        follow(arrivals)                             # transferred from another container under a new id?
        for container in source.containers:          # once a day, with --full, and where a listing shows nobody
            roll    = connector.census(container)    # ids alone
            answers = connector.look_up(whom roll misses or shows anew)
            mirror.settle(roll, answers)             # moved, deleted; hidden leaves at the second time
        for family in demand.families:               # once a day: what lies below an epic where nobody reads
            unread.keep(connector.outside(family))
    record(every key result)                         # on the new mirror: what the tickets did
                                                     # (what a first read brought is still known: `store.fresh`)
    record(what people set and ran out)              # before each record: the automatic value is shown again

    facets.follow(mirror)                            # before each record, of large mirrors alone: rules then ask by SQL
    watch.look(every key result):                    # whom does what moved concern?  And is it all, or a few tickets?
    record(those):                                   # the ONE writer of values
        basis   = ledger and generations, one snapshot
        verdict = decide(basis)                      # nothing, unless a source of it or its local day moved, or it was
                                                     # changed by hand; measures, says what counted and who moved it;
                                                     # holds what lost tickets would do (sync.guarding)
        under the ledger's lock: basis still stands? # else all over again
            write(verdict)                           # entries + deltas + evidence + value, some in one transaction

Where to look: reading is `sync.reading` (with `listing`, `asking`, `families`, `roll_call`, `walking`) over
`store.mirror` (what a read did not bring stays by `store.extras`), `store.lookup` and `store.census`; whom it concerns
is `sync.watching`; measuring is `mapping.measure`; deciding is `sync.deciding`; recording is `sync.recording` over
`store.ledger`; what people say beside what is measured is `sync.overriding`; what a rule may select of a large mirror
is found by `store.facets`, and what many rules share of a mirror is kept by `store.cache`; how items stood when a cycle
ended is `mapping.ending`; of a cycle that `sync.closing` closed only corrections are recorded.  This module only joins
them.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from threading import Lock

from sqlalchemy.exc import SQLAlchemyError

from connectors.logs import ERROR, INFO, tell
from mapping.facets import asked_by
from mapping.rule import Part
from okrs.cycle import Calendar
from okrs.immutable import immutable, replace
from okrs.lanes import Lane, lane_of
from okrs.ledger import Entry, EntryKind
from store import facets
from store.cache import MirrorCache
from store.database import Database
from store.holds import Hold, open_holds
from store.ledger import Head, head_of
from store.runs import finish_run, start_run
from store.sources import LEASE, Lease, Reader, acquire, release, turns
from sync.deciding import Goal
from sync.overriding import record_run_out
from sync.reading import read
from sync.recording import Run, record, record_renamed, record_retired, settle
from sync.task import Outcome, Progress, SourceReport, SourceToRead, Task
from sync.watching import Watch

_AT_ONCE = 8
"""Sources read at the same time."""


AUTHORS_HELP = "HEADWAY_DEBUG=1 shows where; please report it."


def _silent(_source: str, _error: Exception) -> None:
    pass


@immutable
class KeyResultUpdate:
    """A key result whose automatic value moved in this run."""

    key_result: str
    old: Decimal | None
    new: Decimal | None


@immutable
class Report:
    """What one run did."""

    run: str
    sources: tuple[SourceReport, ...]
    entries: tuple[Entry, ...]
    held: tuple[Hold, ...] = ()
    """Updates that wait for a person, from this run or before."""

    @property
    def retired(self) -> tuple[Entry, ...]:
        """The entries by which key results retired: they left the config, or their mappings did."""
        return tuple(each for each in self.entries if each.kind is EntryKind.RETIRE)

    @property
    def resumed(self) -> tuple[Entry, ...]:
        """The entries by which overrides ended that ran out."""
        return tuple(each for each in self.entries if each.kind is EntryKind.RESUME)

    @property
    def corrections(self) -> tuple[Entry, ...]:
        """The entries by which more became known of key results whose cycle is closed."""
        return tuple(each for each in self.entries if each.kind is EntryKind.CORRECTION)

    @property
    def updates(self) -> tuple[KeyResultUpdate, ...]:
        """One per key result whose automatic value moved or was measured first, in the order of their ids."""
        first: dict[str, Entry] = {}
        last: dict[str, Entry] = {}
        baselines: set[str] = set()
        for entry in self.entries:
            if lane_of(entry.kind) is not Lane.AUTOMATIC or entry.kind is EntryKind.CORRECTION:
                continue  # what a person set stays, and what is closed does not move any more
            first.setdefault(entry.key_result, entry)
            last[entry.key_result] = entry
            if entry.kind is EntryKind.BASELINE:
                baselines.add(entry.key_result)
        moved = (KeyResultUpdate(name, first[name].old, last[name].new) for name in sorted(first))
        return tuple(each for each in moved if each.old != each.new or each.key_result in baselines)


@immutable
class _Mark:
    """What else a key result could be moved by: a local day, an entry, or somebody who changed a source."""

    days: frozenset[date]
    head: Head
    sources: Mapping[str, tuple[int, int]]

    @property
    def is_new(self) -> bool:
        """Nobody has read anything yet, and nothing was ever recorded."""
        return not self.sources and self.head == Head()


@immutable
class _Asked:
    """What the rules ask of a source."""

    facets: frozenset[str]
    """The names of those that they ask for."""
    large: int
    """The items from which on facets are kept."""


@dataclass
class _Left:
    """How everything was when an engine had recorded last."""

    mark: _Mark | None = None


@immutable
class Engine:
    """Everything a run needs; effects come in through these, decisions take `now`."""

    database: Database
    sources: Sequence[SourceToRead]
    goals: Sequence[Goal]
    clock: Callable[[], datetime]
    progress: Progress
    version: str
    sleep: Callable[[float], None] = time.sleep
    cache: MirrorCache = field(default_factory=MirrorCache)
    large: int | None = None
    """Items of a source from which on its facets are kept; None for as many as the rules make it worth."""
    still: Collection[str] | None = ()
    """Names of key results that no goal has because their config is broken: they stand still, and do not retire.

    None when nobody knows which those are: then none retires.
    """
    debug: Callable[[str, Exception], None] = _silent
    """Told of a source that failed unexpectedly, and of the error, for the author of a connector."""
    waits: bool = True
    """For a source that another process reads just now; else it is skipped at once."""
    recording: Lock = field(default_factory=Lock)
    """Runs of one engine may read at the same time, each its own sources, and record one after the other."""

    @cached_property
    def _left(self) -> _Left:
        """Its own: an engine that is made from another one looks at everything anew."""
        return _Left()

    def sync(self, *, only: Iterable[str] = (), full: bool = False) -> Report:
        """Do one run: read the sources (all, or only these), then record what follows for every key result."""
        run = self._run()
        entries = [] if self._is_at_rest() else self._record(run)
        wanted = set(only)
        chosen = [each for each in self.sources if not wanted or each.name in wanted]
        try:
            reports = self._read_all(chosen, run, full=full)
            entries += self._record(run)
        finally:
            self.cache.fresh.forget(each.name for each in chosen)
        finish_run(self.database, run.id, self.clock())
        with self.database.read() as connection:
            report = Report(run.id, reports, tuple(entries), open_holds(connection))
        for hold in report.held:
            tell(INFO, "update is held", key_result=hold.key_result, old=str(hold.old), new=str(hold.new))
        for update in report.updates:
            tell(INFO, "key result moved", key_result=update.key_result, old=str(update.old), new=str(update.new))
        return report

    def _is_at_rest(self) -> bool:
        """Tell whether nothing follows: all is as this engine left it, as between most polls, or nothing is there."""
        mark = self._mark(self.clock())
        return mark.is_new or mark == self._left.mark

    def _mark(self, now: datetime) -> _Mark:
        days = frozenset(each.day_of(now) for each in self._calendars)
        with self.database.read() as connection:
            return _Mark(days, head_of(connection), turns(connection))

    @cached_property
    def _calendars(self) -> frozenset[Calendar]:
        return frozenset(goal.calendar for goal in self.goals)

    def catch_up(self) -> Report:
        """Record what follows without a read: of changed rules, and of time, which moves windows and ends overrides."""
        run = self._run()
        entries = self._record(run)
        finish_run(self.database, run.id, self.clock())
        return Report(run.id, (), tuple(entries))

    def _run(self) -> Run:
        name = start_run(self.database, self.clock(), self.version)
        return Run(name, self._containers())

    def _record(self, run: Run) -> list[Entry]:
        with self.recording:
            now = self.clock()
            entries = self._recorded(run, now)
            self._left.mark = self._mark(now)  # of just that time: what comes from here on is not recorded yet
            return entries

    def _recorded(self, run: Run, now: datetime) -> list[Entry]:
        for name, asked in self._asked.items():
            self.cache.follow(self.database, name, asked.facets, asked.large, self.progress.indexed)
        entries = record_renamed(self.database, [goal.key_result for goal in self.goals], run, now)
        with self.database.read() as connection:
            look = self._watch.look(connection, self.cache, now)
        left = [] if self.still is None else [name for name in look.others if name not in self.still]
        entries += [*record_retired(self.database, left, run, now), *record_run_out(self.database, run, now)]
        entries += record(self.database, look.due, run, self.cache, now, progress=self.progress)
        settle(self.database, look.still)
        return entries

    @cached_property
    def _watch(self) -> Watch:
        return Watch(self.goals, self._containers())

    def _containers(self) -> dict[str, tuple[str, ...]]:
        return {each.name: each.containers for each in self.sources}

    @cached_property
    def _asked(self) -> dict[str, _Asked]:
        """What the rules ask of each source."""
        parts: dict[str, list[Part]] = {}
        for part in (part for goal in self.goals if goal.rule is not None for part in goal.rule.parts):
            parts.setdefault(part.source, []).append(part)
        return {
            name: _Asked(asked_by(some), facets.large_for(len(some)) if self.large is None else self.large)
            for name, some in parts.items()
        }

    def _read_all(self, chosen: Sequence[SourceToRead], run: Run, *, full: bool) -> tuple[SourceReport, ...]:
        pool = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="source")
        try:
            reports = tuple(pool.map(lambda each: self._read(each, run, full=full), chosen))
        except BaseException:  # above all Ctrl-C: a reader may still wait a minute for its tracker
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()
        return reports

    def _read(self, source: SourceToRead, run: Run, *, full: bool) -> SourceReport:
        lease = self._lease(source.name, Reader(run.id, source.connector, source.version))
        if lease is None:
            sentence = "Another worker reads this source just now; its result will be used."
            report = SourceReport(source.name, Outcome.SKIPPED, error=sentence)
        else:
            report = self._read_leased(source, lease, full=full)
        self.progress.done(report)
        tell(
            INFO,
            "source read",
            source=report.name,
            state=report.state.value,
            requests=report.requests,
            seen=report.seen,
        )
        return report

    def _read_leased(self, source: SourceToRead, lease: Lease, *, full: bool) -> SourceReport:
        report = SourceReport(source.name, Outcome.FAILED)
        try:
            task = Task(self.database, source, lease, self.clock, self.progress, full, self.cache.fresh, self.sleep)
            report = read(task)
        except SQLAlchemyError:
            raise  # without the database there is nothing that the other sources could be read into
        except Exception as error:
            # A mistake of ours or of a client library about one source must not keep the others from being read.
            # Only its kind is told: its words may quote a request.
            tell(ERROR, "source failed unexpectedly", source=source.name, error=type(error).__name__)
            self.debug(source.name, error)
            sentence = f"Reading it failed unexpectedly ({type(error).__name__}). {AUTHORS_HELP}"
            report = replace(report, error=sentence)
        finally:
            release(self.database, lease, self.clock(), report.state.value, report.error)
        return report

    def _lease(self, name: str, reader: Reader) -> Lease | None:
        """Wait for a lease that is alive, at most as long as it can live."""
        for _ in range(int(LEASE.total_seconds()) if self.waits else 0):
            lease = acquire(self.database, name, self.clock(), reader)
            if lease is not None:
                return lease
            self.sleep(1.0)
        return acquire(self.database, name, self.clock(), reader)
