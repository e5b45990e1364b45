"""The scheduler: at every tick it reads the sources that are due, and looks at all key results once a day begins.

    tick:                                            # every few seconds; decides, and hands the work to a pool
        due(now, rhythms, turns) → claim → poll      # `sync.schedule` decides; a claim is a hint, a lease the authority
    poll:                                            # in the pool, one run for each source: a slow one delays no other
        report = engine.sync(only=[source])          # warm: what many runs share is kept by the engine
        settle(following(…))                         # when it is read next

A process renews the claims of what it reads, and one that dies in a poll leaves a claim that is over within a minute.
A failure is told once, and so is its end.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, wait
from datetime import datetime
from threading import RLock

from sqlalchemy.exc import SQLAlchemyError

from connectors.logs import ERROR, WARNING, announce, tell
from okrs.cycle import Calendar
from okrs.immutable import immutable
from store import schedule
from store.database import Database
from store.schedule import Turn
from store.sources import LEASE, surrender
from sync.engine import AUTHORS_HELP, Engine, Report
from sync.schedule import Read, Rhythm, due, following, midnight_passed
from sync.task import Outcome, SourceReport

_CATCHING_UP, _TICK = "", "the scheduler"
"""Stand for the look at all key results, and for the tick itself, among the sources; none has such a name."""

_KEPT_EVERY = LEASE / 4
"""After so long a claim is made anew whose source is still read."""

_GLANCE = 0.2
"""Seconds between two looks at whether somebody is in a hurry."""


@immutable
class Plan:
    """What a config asks to be done, by an engine that stays warm until the config changes."""

    engine: Engine
    rhythms: Mapping[str, Rhythm]
    calendar: Calendar


@immutable
class Poll:
    """One read of a source, or (`source` empty) one look at what time alone did."""

    source: str
    report: Report | None
    """None where it failed for a reason that is no tracker's."""
    began: datetime
    ended: datetime
    seconds: float
    """How long it took."""

    @property
    def outcome(self) -> Outcome:
        return self.read.state if self.read else Outcome.OK if self.report and not self.source else Outcome.FAILED

    @property
    def read(self) -> SourceReport | None:
        return next(iter(self.report.sources), None) if self.report else None


class Scheduler:
    """Reads what is due, for as long as it is ticked.  `dice` gives numbers from 0 to 1."""

    def __init__(
        self,
        plan: Plan,
        clock: Callable[[], datetime],
        pool: Executor,
        dice: Callable[[], float],
        polled: Callable[[Poll], None] = lambda _: None,
    ) -> None:
        self.plan = plan
        self.ticked: float | None = None
        """When the last tick ended that could do its work, on the monotonic clock."""
        self._clock, self._pool, self._dice, self._polled = clock, pool, dice, polled
        self._lock = RLock()
        self._running: dict[str, Future[None]] = {}
        self._caught_up: datetime | None = None
        self._troubled: dict[str, str] = {}
        self._claims: dict[str, datetime] = {}
        """Until when the turns are ours of the sources that are read just now."""
        self._settings: Counter[str] = Counter()
        """How often the settings of a source changed."""
        self._stopping = False

    def begin(self) -> None:
        """Let sources be read again whose credentials were refused: whoever starts us may have set new ones."""
        schedule.resume(self.plan.engine.database, self.plan.rhythms, self._clock())

    def renew(self, plan: Plan, changed: frozenset[str]) -> None:
        """Go on by another config; sources whose settings changed are read at once, also those that were stopped."""
        self._settings.update(changed)  # before anything else: what a read meets from here on was met by old ones
        schedule.begin_anew(plan.engine.database, changed & plan.rhythms.keys(), self._clock())
        self.plan, self._caught_up = plan, None

    @property
    def running(self) -> frozenset[str]:
        """The sources that are read by this process just now."""
        with self._lock:
            return frozenset(self._running) - {_CATCHING_UP}

    def tick(self) -> None:
        """Begin what is due.  Nothing that goes wrong here ends the scheduler."""
        if self._stopping:
            return
        if self.safely(_TICK, lambda: self._begin_due(self.plan, self._clock())):
            self.ticked = time.monotonic()

    def halt(self) -> None:
        """Begin nothing more."""
        self._stopping = True

    def stop(self, seconds: float, hurry: Callable[[], bool] = lambda: False) -> bool:
        """Begin nothing more, and wait for what is under way: so long, or until somebody is in a hurry.

        Returns whether all of it came to its end.  The leases of what did not are given back: it cannot commit any
        more, and another process may go on at once.
        """
        self.halt()
        end = time.monotonic() + seconds
        while (left := self._under_way()) and time.monotonic() < end and not hurry():
            wait(left, timeout=min(_GLANCE, seconds))
        if left:
            surrender(self.plan.engine.database)
        return not left

    def _under_way(self) -> list[Future[None]]:
        with self._lock:
            return list(self._running.values())

    def _begin_due(self, plan: Plan, now: datetime) -> None:
        database = plan.engine.database
        self._keep_claims(database, now)
        if midnight_passed(plan.calendar, self._caught_up, now):
            self._submit(_CATCHING_UP, lambda: self._catch_up(plan))
        with database.read() as connection:
            turns = schedule.turns(connection)
        with self._lock:
            running = frozenset(self._running)
        claimed = now + LEASE
        for name in due(now, plan.rhythms, turns, running):
            if schedule.claim(database, name, turns.get(name), claimed):
                self._submit(name, self._task(plan, name, turns.get(name), claimed))

    def _keep_claims(self, database: Database, now: datetime) -> None:
        """Keep the turns of what is read just now, which takes long where a read rests.

        Another process would find each of them due, only to see that it is read already.  What waits in our pool is
        not kept from one that has a place for it.
        """
        with self._lock:
            for name, claimed in list(self._claims.items()):
                if now < claimed - LEASE + _KEPT_EVERY:
                    continue
                if schedule.keep(database, name, claimed, now + LEASE):
                    self._claims[name] = now + LEASE
                else:
                    del self._claims[name]

    def _submit(self, name: str, work: Callable[[], None]) -> None:
        def done() -> None:
            try:
                work()
            finally:
                with self._lock:
                    self._running.pop(name, None)

        with self._lock:
            if self._stopping or name in self._running:
                return
            future = self._pool.submit(done)
            if not future.done():  # as long as we hold the lock it is not taken off again
                self._running[name] = future

    def _task(self, plan: Plan, name: str, turn: Turn | None, claimed: datetime) -> Callable[[], None]:
        failures, settings = turn.failures if turn else 0, self._settings[name]

        def work() -> None:
            with self._lock:
                self._claims[name] = claimed
            poll = self._poll(name, lambda: plan.engine.sync(only=[name]))
            with self._lock:
                ours = self._claims.pop(name, claimed)
            limit = poll.read.limited_until if poll.read else None
            if self._settings[name] != settings:
                limit = None  # it may be of another token
            read = Read(poll.outcome, poll.began, poll.ended, limit)
            rhythm = self.plan.rhythms.get(name, plan.rhythms[name])  # the config may have changed meanwhile
            turn = following(rhythm, failures, read, self._dice())
            if self.safely(name, lambda: _settle(plan.engine.database, name, ours, poll.outcome, turn)):
                self._tell(poll)

        return work

    def _catch_up(self, plan: Plan) -> None:
        poll = self._poll(_CATCHING_UP, plan.engine.catch_up)
        if poll.report is not None and plan is self.plan:
            self._caught_up = poll.began

    def _poll(self, name: str, run: Callable[[], Report]) -> Poll:
        began, start, reports = self._clock(), time.monotonic(), list[Report]()
        self.safely(name or "key results", lambda: reports.append(run()))
        poll = Poll(name, reports[0] if reports else None, began, self._clock(), time.monotonic() - start)
        self.safely(f"what follows a poll of {name}" if name else "what follows", lambda: self._polled(poll))
        return poll

    def safely(self, what: str, act: Callable[[], object]) -> bool:
        """Do something that a database that is away, or a mistake of ours, may keep from being done."""
        try:
            act()
        except SQLAlchemyError as error:
            self._trouble(what, f"The database failed ({type(error).__name__}); Headway goes on when it answers again.")
            return False
        except Exception as error:
            self._trouble(what, f"Something unexpected happened ({type(error).__name__}). {AUTHORS_HELP}")
            return False
        if what not in self.plan.rhythms:  # a source is fine when its tracker is
            self._fine(what)
        return True

    def _tell(self, poll: Poll) -> None:
        if poll.read is None or poll.outcome is Outcome.SKIPPED:
            return
        if poll.outcome is Outcome.OK:
            self._fine(poll.source)
        else:
            self._trouble(poll.source, poll.read.error or "", stopped=poll.outcome is Outcome.UNAUTHENTICATED)

    def _trouble(self, what: str, error: str, *, stopped: bool = False) -> None:
        """Tell of a failure, and not again before it is over or another one."""
        event = "polling stopped until the config changes" if stopped else "failing"
        with self._lock:
            known = self._troubled.get(what) == event
            self._troubled[what] = event
        if not known:
            tell(WARNING if what in self.plan.rhythms else ERROR, event, what=what, error=error)

    def _fine(self, what: str) -> None:
        with self._lock:
            known = self._troubled.pop(what, None) is not None
        if known:
            announce("recovered", what=what)


def _settle(database: Database, name: str, claimed: datetime, outcome: Outcome, turn: Turn) -> None:
    if outcome is Outcome.SKIPPED:
        schedule.put_off(database, name, claimed, turn.due)
    else:
        schedule.settle(database, name, claimed, turn)
