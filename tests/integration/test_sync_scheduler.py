"""The scheduler on a clock of its own, over a tracker that fails at random, for days."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from sqlalchemy import text

from connectors.contract import CredentialsRefused, RateLimited, Stop, TryLater
from connectors.logs import log
from mapping.rule import AllOf, LastDays, Moment, Window, Within
from okrs.cron import parse_cron
from okrs.cycle import Calendar
from okrs.immutable import replace
from okrs.work import State
from store import schedule, sources
from store.database import Database
from store.schedule import Turn
from store.sources import acquire
from sync.schedule import LONGEST_PAUSE, Rhythm
from sync.scheduler import Plan, Poll, Scheduler
from sync.task import Outcome
from tests.builders import a_part, a_rule, an_item
from tests.integration.fakes import Clock, FakeTracker, World

MINUTE = timedelta(minutes=1)
FIVE = Rhythm(5 * MINUTE)
RECENT = AllOf((Within(Moment.CLOSED, (LastDays(2),)),))
MORNING = datetime(2026, 11, 20, 9, tzinfo=UTC)


class AtOnce(Executor):
    """Does everything at once, in the thread that asks."""

    def submit(self, act: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(act(*args, **options))
        return future


class Office:
    """Trackers, a database, and a scheduler over them."""

    def __init__(self, database: Database, rhythms: dict[str, Rhythm], pool: Executor | None = None) -> None:
        self.clock = Clock(MORNING)
        self.trackers = {name: FakeTracker(self.clock, f"P-{name}") for name in rhythms}
        self.world = World(database, self.trackers, self.clock)
        for name, tracker in self.trackers.items():
            tracker.put(f"P-{name}", *(an_item(f"{name}-{number}") for number in range(1, 4)))
            self.world.feed(f"kr-{name}", a_rule(a_part(source=name)))
        self.rhythms = rhythms
        self.polls: list[Poll] = []
        self.scheduler = self.begin(pool)

    def plan(self) -> Plan:
        return Plan(replace(self.world.engine(), waits=False), self.rhythms, Calendar())

    def begin(self, pool: Executor | None = None) -> Scheduler:
        """A scheduler as a new process would build it."""
        scheduler = Scheduler(self.plan(), self.clock, pool or AtOnce(), Random(7).random, self.polls.append)
        scheduler.begin()
        return scheduler

    def pass_(self, span: timedelta, step: timedelta = MINUTE) -> list[Poll]:
        """Let time pass, with a tick at every step; return the polls of sources."""
        before, end = len(self.polls), self.clock.now + span
        while self.clock.now < end:
            self.clock.now += step
            self.scheduler.tick()
        return [each for each in self.polls[before:] if each.source]

    def turn(self, name: str) -> Turn:
        with self.world.database.read() as connection:
            return schedule.turns(connection)[name]

    def close(self, name: str, number: int) -> None:
        self.trackers[name].change(f"P-{name}", f"{name}-{number}", state=State.DONE, closed_at=self.clock.now)


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database, {"a": FIVE})


@pytest.fixture
def told() -> Iterator[list[tuple[str, dict[str, object]]]]:
    """What is logged by default, and the recoveries."""
    events: list[tuple[str, dict[str, object]]] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            events.append((record.getMessage(), getattr(record, "facts", {})))

    log.addHandler(Listener())
    log.setLevel(logging.WARNING)
    yield events
    log.handlers.clear()


def test_what_was_never_read_is_read_at_once_and_a_closed_ticket_moves_the_number(office: Office) -> None:
    office.scheduler.tick()
    assert [each.source for each in office.polls] == ["", "a"]
    assert office.world.value("kr-a") == 0
    office.close("a", 2)
    assert office.pass_(4 * MINUTE) == []
    assert [each.outcome for each in office.pass_(2 * MINUTE)] == [Outcome.OK]
    assert office.world.value("kr-a") == 1
    assert office.world.verify().ok


def test_a_source_that_fails_is_told_of_once_and_once_more_when_it_recovers(
    office: Office, told: list[tuple[str, dict[str, object]]]
) -> None:
    office.scheduler.tick()
    office.trackers["a"].refuses = TryLater("The tracker does not answer.")
    polls = office.pass_(timedelta(hours=6))
    assert {each.outcome for each in polls} == {Outcome.FAILED}
    pauses = [b.began - a.began for a, b in pairwise(polls)]
    assert pauses[:4] == sorted(pauses[:4])
    assert max(pauses) <= LONGEST_PAUSE + MINUTE
    assert 8 <= len(polls) <= 10
    office.trackers["a"].refuses = None
    assert office.pass_(timedelta(hours=1))[0].outcome is Outcome.OK
    assert office.turn("a").failures == 0
    assert told == [
        ("failing", {"what": "a", "error": "The tracker does not answer."}),
        ("recovered", {"what": "a"}),
    ]


def test_refused_credentials_stop_polling_until_the_config_changes(
    office: Office, told: list[tuple[str, dict[str, object]]]
) -> None:
    office.scheduler.tick()
    office.trackers["a"].refuses = CredentialsRefused("The tracker refused the token (401).")
    assert [each.outcome for each in office.pass_(timedelta(days=2))] == [Outcome.UNAUTHENTICATED]
    assert [event for event, _ in told] == ["polling stopped until the config changes"]
    office.trackers["a"].refuses = None
    office.scheduler.renew(office.plan(), frozenset())
    assert office.pass_(timedelta(days=1)) == [], "a change of something else is none of its own"
    office.scheduler.renew(office.plan(), frozenset({"a"}))
    assert [each.outcome for each in office.pass_(MINUTE)] == [Outcome.OK]


def test_a_failure_that_becomes_a_refusal_is_told_of_as_such(
    office: Office, told: list[tuple[str, dict[str, object]]]
) -> None:
    office.trackers["a"].refuses = TryLater("The tracker does not answer.")
    office.pass_(timedelta(hours=2))
    office.trackers["a"].refuses = CredentialsRefused("The tracker refused the token (401).")
    office.pass_(timedelta(days=1))
    assert [event for event, _ in told] == ["failing", "polling stopped until the config changes"]


def test_a_new_process_tries_again_what_was_stopped(office: Office) -> None:
    office.trackers["a"].refuses = CredentialsRefused("No.")
    office.scheduler.tick()
    office.trackers["a"].refuses = None
    office.scheduler = office.begin()
    assert [each.outcome for each in office.pass_(MINUTE)] == [Outcome.OK]


def test_a_new_process_does_not_read_at_once_what_another_one_just_read(office: Office) -> None:
    office.scheduler.tick()
    office.scheduler = office.begin()
    assert office.pass_(3 * MINUTE) == []


def test_two_processes_read_each_source_once(office: Office) -> None:
    other = office.begin()
    for _ in range(60):
        office.clock.now += MINUTE
        office.scheduler.tick()
        other.tick()
    reads = [each for each in office.polls if each.source]
    assert {each.outcome for each in reads} == {Outcome.OK}
    assert 11 <= len(reads) <= 14


def test_of_two_that_find_it_due_in_the_same_moment_one_gets_the_turn(office: Office) -> None:
    database, seen = office.world.database, None
    assert schedule.claim(database, "a", seen, MORNING + MINUTE)
    assert not schedule.claim(database, "a", seen, MORNING + MINUTE)
    turn = office.turn("a")
    assert schedule.claim(database, "a", turn, MORNING + 2 * MINUTE)
    assert not schedule.claim(database, "a", turn, MORNING + 2 * MINUTE)


def test_what_another_one_reads_is_looked_at_again_soon(office: Office) -> None:
    lease = acquire(office.world.database, "a", MORNING)
    assert lease is not None
    office.scheduler.tick()
    assert [each.outcome for each in office.polls if each.source] == [Outcome.SKIPPED]
    sources.release(office.world.database, lease, MORNING, "ok", None)
    assert [each.outcome for each in office.pass_(MINUTE)] == [Outcome.OK]


def test_who_asks_is_served_at_once_also_where_polling_was_stopped(office: Office) -> None:
    office.scheduler.tick()
    database = office.world.database
    schedule.ask(database, ["a"], office.clock(), stopped=False)
    assert len(office.pass_(MINUTE)) == 1
    office.trackers["a"].refuses = CredentialsRefused("No.")
    office.pass_(10 * MINUTE)
    schedule.ask(database, ["a"], office.clock(), stopped=False)
    assert office.pass_(10 * MINUTE) == []
    schedule.ask(database, ["a"], office.clock(), stopped=True)
    assert len(office.pass_(10 * MINUTE)) == 1


def test_who_asks_while_it_is_read_is_served_once_more(office: Office) -> None:
    """What happened after the read began may not be in it."""
    tracker, database = office.trackers["a"], office.world.database
    connect = tracker.connect

    def asking() -> Any:
        schedule.ask(database, ["a"], office.clock(), stopped=False)
        tracker.connect = connect  # type: ignore[method-assign]
        return connect()

    tracker.connect = asking  # type: ignore[method-assign]
    office.scheduler.renew(office.plan(), frozenset())
    office.scheduler.tick()
    assert len(office.pass_(MINUTE)) == 1


HOUR = timedelta(hours=1)
LIMITED = RateLimited("The tracker limits requests (429). It asks to wait 3600 s.", 3600)


def meanwhile(office: Office, act: Callable[[], object]) -> list[datetime]:
    """Let something happen while the next read begins; the list is empty until then."""
    tracker, connect, met = office.trackers["a"], office.trackers["a"].connect, list[datetime]()

    def acting() -> Any:
        tracker.connect = connect  # type: ignore[method-assign]
        if not met:
            met.append(office.clock())
            act()
        return connect()

    tracker.connect = acting  # type: ignore[method-assign]
    office.scheduler.renew(office.plan(), frozenset())
    return met


def limited(office: Office) -> None:
    """Let the tracker refuse the first read, and answer the next one."""
    office.trackers["a"].refuses = LIMITED
    office.scheduler.tick()
    office.trackers["a"].refuses = None


def test_a_tracker_that_asks_to_wait_is_asked_when_that_is_over(office: Office) -> None:
    limited(office)
    assert office.pass_(HOUR - MINUTE) == []
    assert [each.outcome for each in office.pass_(MINUTE)] == [Outcome.OK]
    assert len(office.pass_(5 * MINUTE)) == 1, "then it goes on as ever"


@pytest.mark.parametrize("stopped", [False, True])
def test_nobody_who_asks_makes_a_limited_source_due_before_that(office: Office, *, stopped: bool) -> None:
    """A webhook, or a person on its page: what they know of is read when the tracker allows it."""
    limited(office)
    for _ in range(11):
        assert office.pass_(5 * MINUTE) == []
        schedule.ask(office.world.database, ["a"], office.clock(), stopped=stopped)
    assert len(office.pass_(5 * MINUTE)) == 1
    assert office.pass_(3 * MINUTE) == [], "all of them were served"


def test_a_webhook_during_the_read_that_meets_the_limit_does_not_hide_it(office: Office) -> None:
    met = meanwhile(office, lambda: schedule.ask(office.world.database, ["a"], office.clock(), stopped=False))
    limited(office)
    assert met
    assert office.pass_(HOUR - MINUTE) == []
    assert len(office.pass_(MINUTE)) == 1


def test_a_new_process_and_another_one_wait_as_well(office: Office) -> None:
    limited(office)
    office.scheduler, other = office.begin(), office.begin()
    for _ in range(59):
        other.tick()
        assert office.pass_(MINUTE) == []
    office.pass_(MINUTE)
    other.tick()
    assert len([each for each in office.polls if each.source]) == 2


def test_one_that_finds_it_read_elsewhere_leaves_the_limit_that_was_met_there(office: Office) -> None:
    """A read may outlive its claim: then another process takes the turn, and not the lease."""
    database, now = office.world.database, MORNING
    assert schedule.claim(database, "a", None, now)
    lease = acquire(database, "a", now)
    assert lease is not None

    def ended(poll: Poll) -> None:
        """The other one's read ends when this one has found it under way, and did not say so yet."""
        if poll.outcome is Outcome.SKIPPED:
            schedule.settle(database, "a", now, Turn(now + 5 * MINUTE, 1, now + HOUR))
            sources.release(database, lease, now, "failed", "It asks to wait.")
            office.polls.append(poll)

    late = Scheduler(office.plan(), office.clock, AtOnce(), Random(7).random, ended)
    late.tick()
    assert len(office.polls) == 1
    assert office.turn("a").failures == 1
    assert office.pass_(HOUR - MINUTE) == []
    assert len(office.pass_(MINUTE)) == 1


def test_changed_settings_end_the_wait(office: Office) -> None:
    """Limits are of a token, and whoever changes one wants to see whether it does."""
    limited(office)
    office.scheduler.renew(office.plan(), frozenset())
    assert office.pass_(5 * MINUTE) == []
    office.scheduler.renew(office.plan(), frozenset({"a"}))
    assert [each.outcome for each in office.pass_(MINUTE)] == [Outcome.OK]


def test_a_config_that_changed_during_the_read_does_not_inherit_its_limit(office: Office) -> None:
    met = meanwhile(office, lambda: office.scheduler.renew(office.plan(), frozenset({"a"})))
    limited(office)
    assert met
    assert [each.outcome for each in office.pass_(MINUTE)] == [Outcome.OK]


@pytest.mark.parametrize("changed", [frozenset[str](), frozenset({"b"})])
def test_a_change_of_something_else_during_the_read_does_not_hide_its_limit(
    office: Office, changed: frozenset[str]
) -> None:
    met = meanwhile(office, lambda: office.scheduler.renew(office.plan(), changed))
    limited(office)
    assert met
    assert office.pass_(HOUR - MINUTE) == []
    assert [each.outcome for each in office.pass_(MINUTE)] == [Outcome.OK]


def test_a_limit_without_a_time_is_a_failure_as_any(office: Office) -> None:
    office.trackers["a"].refuses = RateLimited("The tracker limits requests (429).")
    office.scheduler.tick()
    (poll,) = [each for each in office.polls if each.source]
    assert poll.read is not None
    assert poll.read.wait_until is None
    assert office.turn("a") == Turn(office.turn("a").due, 1)
    assert len(office.pass_(5 * MINUTE)) == 1


def test_a_wait_of_ages_is_believed_for_a_day(office: Office) -> None:
    office.trackers["a"].refuses = RateLimited("Too many requests.", 1e12)
    office.scheduler.tick()
    office.trackers["a"].refuses = None
    assert office.pass_(timedelta(days=1) - MINUTE) == []
    assert len(office.pass_(MINUTE)) == 1


def test_midnight_moves_what_time_moves_without_a_poll(database: Database) -> None:
    office = Office(database, {"a": Rhythm(timedelta(days=30))})
    office.world.feed("week", a_rule(a_part(source="a", where=RECENT, window=Window.ALWAYS)))
    office.close("a", 1)
    office.scheduler.renew(office.plan(), frozenset())
    office.scheduler.tick()
    values = []
    for _ in range(4):
        values.append(office.world.value("week"))
        office.pass_(timedelta(days=1), timedelta(hours=1))
    assert values[-1] == 0
    assert max(value for value in values if value is not None) == 1
    assert len([each for each in office.polls if each.source]) == 1


def test_a_failing_database_ends_nothing_and_is_told_once(
    office: Office, told: list[tuple[str, dict[str, object]]]
) -> None:
    office.scheduler.tick()
    with office.world.database.write() as connection:
        connection.execute(text("ALTER TABLE schedule RENAME TO away"))
    ticked = office.scheduler.ticked
    assert office.pass_(timedelta(hours=1)) == []
    assert office.scheduler.ticked == ticked
    with office.world.database.write() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO schedule"))
    assert [each.outcome for each in office.pass_(2 * MINUTE)] == [Outcome.OK]
    assert office.scheduler.ticked != ticked
    assert [event for event, _ in told] == ["failing", "recovered"]


def test_stopping_waits_for_the_running_poll_and_begins_no_other(database: Database) -> None:
    with ThreadPoolExecutor(2) as pool:
        office = Office(database, {"a": FIVE}, pool)
        inside, go_on = threading.Event(), threading.Event()
        connect = office.trackers["a"].connect

        def slowly() -> Any:
            inside.set()
            assert go_on.wait(60)
            return connect()

        office.trackers["a"].connect = slowly  # type: ignore[method-assign]
        office.scheduler.renew(office.plan(), frozenset())
        office.scheduler.tick()
        assert inside.wait(60)
        assert office.scheduler.running == {"a"}
        assert not office.scheduler.stop(0.01)
        # Its lease is free, and what it reads now cannot be committed.
        lease = acquire(database, "a", office.clock())
        assert lease is not None
        sources.release(database, lease, office.clock(), "ok", None)
        go_on.set()
        assert office.scheduler.stop(60)
        office.scheduler.tick()
        assert office.scheduler.running == frozenset()
    assert office.world.value("kr-a") is None


FAULTS = (
    TryLater("The tracker is away."),
    RateLimited("Too many requests.", 3600),
    Stop("There is no such project."),
)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.drill
def test_days_of_random_faults_miss_no_poll_and_leave_no_thread(database: Database, seed: int) -> None:
    rhythms = {
        "a": Rhythm(timedelta(minutes=20)),
        "b": Rhythm(timedelta(hours=2)),
        "c": Rhythm(timedelta(hours=1), parse_cron("7 * * * *"), "Europe/Berlin"),
    }
    office, dice = Office(database, rhythms), Random(seed)
    done = dict.fromkeys(rhythms, 0)
    threads: list[int] = []
    for hour in range(72):
        for name, tracker in office.trackers.items():
            tracker.refuses = dice.choice(FAULTS) if dice.random() < 0.25 else None
            if dice.random() < 0.3 and done[name] < 3:
                done[name] += 1
                office.close(name, done[name])
        if hour % 24 == 12:
            office.scheduler = office.begin()  # killed and begun anew
        office.pass_(timedelta(hours=1), 2 * MINUTE)
        threads.append(threading.active_count())
    for tracker in office.trackers.values():
        tracker.refuses = None
    office.pass_(timedelta(hours=3), 2 * MINUTE)
    for name, rhythm in rhythms.items():
        polls = [each for each in office.polls if each.source == name]
        longest = max(rhythm.every * 1.06, LONGEST_PAUSE) + 3 * MINUTE
        assert all(b.began - a.began <= longest for a, b in pairwise(polls)), name
        assert polls[-1].outcome is Outcome.OK
        assert office.world.value(f"kr-{name}") == Decimal(done[name])
        assert office.trackers[name].open == 0
    assert threads[-1] <= threads[0]
    assert office.world.verify().ok
