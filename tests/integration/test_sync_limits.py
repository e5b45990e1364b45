"""Trackers that limit requests: a short wait is rested for in the middle of a read, a long one is kept from run to run,
whoever wants the source read earlier."""

import hmac
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from email.utils import formatdate
from pathlib import Path
from random import Random
from threading import Lock
from types import SimpleNamespace
from typing import Any, cast

import pytest

from config.model import Config
from connectors import registry
from connectors.contract import Quota
from connectors.patience import Pacer, Patient
from okrs.cycle import Calendar
from okrs.demand import Demand
from okrs.immutable import replace
from sandbox.clock import SimulatedClock
from sandbox.records import Project, Tracker
from sandbox.server import TOKENS, Sandbox
from sandbox.world import World
from store import schedule, sources
from store.database import Database, open_database
from store.sources import Lease
from sync.engine import Engine
from sync.schedule import Rhythm
from sync.scheduler import Plan, Poll, Scheduler
from sync.task import Outcome, Progress, SourceReport
from tests.integration.asana_client import connect
from tests.integration.drill import KEYS, SOURCE, START, engine_of, serving, source_of
from tests.integration.test_sync_scheduler import AtOnce
from usecases.ground import Ground
from usecases.hooking import Hooks
from usecases.syncing import Wanted, sync
from web.hooks import Verdict

TRACKERS: tuple[Tracker, ...] = ("jira", "asana", "github")
TYPES: dict[Tracker, str] = {"jira": "Task", "github": "", "asana": "default_task"}
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SECRET = "a-webhook-secret-0001"
SIGNED = {"jira": ("X-Hub-Signature", "sha256="), "github": ("X-Hub-Signature-256", "sha256="),
          "asana": ("X-Hook-Signature", "")}  # fmt: skip


ASANA = f"""\
version: 1
database: sqlite:///headway.db
cycles:
  - {{id: 2026-Q4, start: 2026-10-01, end: 2026-12-31}}
sources:
  {SOURCE}: {{connector: asana, token: "${{TOKEN}}", projects: ["KEY"]}}
"""


class Office:
    """A tracker in the sandbox, a source that reads it every minute, and the scheduler, on one clock."""

    def __init__(self, tracker: Tracker, database: Database) -> None:
        self.tracker, self.database = tracker, database
        self.clock = SimulatedClock(START)
        self.world = World(self.clock)
        self.world.add_user("Mira", "mira")
        key = KEYS[tracker][0]
        self.project: Project = self.world.add_project(tracker, "Payments", key=key)
        for number in range(3):
            self.world.create(self.project, f"task {number}", TYPES[tracker])
        self.sandbox: Sandbox = serving(tracker, self.world)
        self.polls: list[Poll] = []
        self.scheduler = self.begin()

    def begin(self) -> Scheduler:
        source = source_of(self.tracker, self.sandbox, [self.project], Demand())
        engine = replace(engine_of(source, self.database, self.clock), waits=False)
        plan = Plan(engine, {SOURCE: Rhythm(MINUTE)}, Calendar())
        return Scheduler(plan, self.clock.now, AtOnce(), Random(7).random, self.polls.append)

    def pass_(self, span: timedelta) -> list[Outcome]:
        """Let time pass, with a tick every ten seconds; return how the source was read."""
        before, end = len(self.polls), self.clock.now() + span
        while self.clock.now() < end:
            self.clock.advance(timedelta(seconds=10))
            self.scheduler.tick()
        return [each.outcome for each in self.polls[before:] if each.source]

    def read(self) -> SourceReport:
        """Read it at once; return how that went."""
        self.scheduler.tick()
        report = self.polls[-1].read
        assert report is not None
        return report

    def hook(self) -> None:
        """Let the tracker tell that something happened: then its source is due."""
        header, prefix = SIGNED[self.tracker]
        keys: dict[str, Any] = {"connector": self.tracker, "token": "t", "webhook_secret": SECRET}
        keys |= {"url": "https://acme.atlassian.net", "email": "a@b.c"} if self.tracker == "jira" else {}
        keys |= {"repositories": ["acme/web"]} if self.tracker == "github" else {"projects": [self.project.key]}
        settings = registry.find(self.tracker).settings.model_validate(keys)
        config = cast("Config", SimpleNamespace(sources={SOURCE: settings}))
        body = b'{"events": [{"action": "changed"}]}'
        signature = prefix + hmac.new(SECRET.encode(), body, "sha256").hexdigest()
        hooks = Hooks(self.database, lambda: config, self.clock.now)
        assert hooks.delivered(SOURCE, {header.lower(): signature}, body) in (Verdict.TAKEN, Verdict.HEARD)
        with self.database.read() as connection:
            assert schedule.turns(connection)[SOURCE].due == self.clock.now()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(f"sqlite:///{tmp_path / 'headway.db'}", create=True)) as database:
        yield database


@pytest.fixture(params=TRACKERS)
def office(request: pytest.FixtureRequest, database: Database) -> Iterator[Office]:
    office = Office(request.param, database)
    with office.sandbox:
        yield office


@pytest.mark.parametrize("as_date", [False, True])
def test_who_asks_to_wait_an_hour_is_asked_in_an_hour(office: Office, *, as_date: bool) -> None:
    told = formatdate(time.time() + 3600, usegmt=True) if as_date else 3600
    office.sandbox.faults.status(429, retry_after=told, tracker=office.tracker)
    report = office.read()
    assert report.state is Outcome.FAILED
    assert "asks to wait 3" in (report.error or "")
    assert report.wait_until is not None
    assert timedelta(seconds=3540) < report.wait_until - office.clock.now() <= HOUR
    asked = office.sandbox.total(office.tracker)
    office.hook()
    assert office.pass_(HOUR - MINUTE) == []
    assert office.sandbox.total(office.tracker) == asked
    assert office.pass_(2 * MINUTE)[0] is Outcome.OK


def test_a_service_that_is_started_anew_waits_as_well(office: Office) -> None:
    office.sandbox.faults.status(429, retry_after=3600, tracker=office.tracker)
    office.read()
    office.scheduler = office.begin()
    office.scheduler.begin()
    assert office.pass_(HOUR - MINUTE) == []
    assert office.pass_(2 * MINUTE)[0] is Outcome.OK


def test_a_person_s_own_command_asks_all_the_same(office: Office) -> None:
    office.sandbox.faults.status(429, retry_after=3600, tracker=office.tracker)
    office.read()
    (report,) = office.scheduler.plan.engine.sync().sources
    assert (report.state, report.wait_until) == (Outcome.OK, None)


# --- limits that are over in about a minute ------------------------------------------------------------------------


A_MINUTE = 150
"""Requests that Asana allows on its free plans."""


class Lapse:
    """Lets a simulated clock pass while somebody sleeps, and notes what a read slept between its pages."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock, self._lock = clock, Lock()
        self.slept: list[float] = []
        self.meanwhile: Callable[[], object] = int

    def __call__(self) -> float:
        return self._clock.now().timestamp()

    def sleep(self, seconds: float) -> None:
        """Several threads that sleep at the same time wake up together."""
        end = self() + seconds
        with self._lock:
            self._clock.advance(timedelta(seconds=max(0.0, end - self())))

    def rest(self, seconds: float) -> None:
        self.meanwhile()
        self.slept.append(seconds)
        self.sleep(seconds)


class FreePlan:
    """An Asana project whose tasks have sub-tasks, with a limit, and what reads it."""

    def __init__(self, database: Database, parents: int) -> None:
        self.database, self.clock = database, SimulatedClock(START + timedelta(seconds=10))
        self.lapse = Lapse(self.clock)
        world = World(self.clock)
        world.add_user("Mira", "mira")
        self.project = world.add_project("asana", "Launch", sections=("Ideas",))
        for number in range(parents):
            parent = world.create(self.project, f"task {number}", "default_task")
            world.create(self.project, f"part {number}", "default_task", parent=parent)
        self.sandbox = serving("asana", world)

    def sync(self) -> SourceReport:
        """Read once, as a new process would."""
        (report,) = self.engine().sync().sources
        return report

    def connected(self, _settings: object = None) -> Patient:
        alone = connect(self.sandbox.urls["asana"], self.project.key, token=TOKENS["asana"])
        return Patient(alone, Pacer(sleep=self.lapse.sleep, clock=self.lapse))

    def command(self, config: Path, *, dry_run: bool = False) -> SourceReport:
        """`headway sync`, as a person runs it beside the service."""
        config.write_text(ASANA.replace("KEY", self.project.key))
        ground = Ground({"TOKEN": "a-token-of-asana"}, self.clock.now, self.connected)
        (report,) = sync(ground, config, Wanted([SOURCE], dry_run=dry_run), Progress()).report.sources
        return report

    def engine(self) -> Engine:
        source = replace(source_of("asana", self.sandbox, [self.project], Demand()), connect=self.connected)
        return replace(engine_of(source, self.database, self.clock), waits=False, sleep=self.lapse.rest)

    def scheduler(self, pool: Executor, polled: Callable[[Poll], None]) -> Scheduler:
        plan = Plan(self.engine(), {SOURCE: Rhythm(MINUTE)}, Calendar())
        return Scheduler(plan, self.clock.now, pool, Random(7).random, polled)

    @property
    def held(self) -> int:
        with self.database.read() as connection:
            return sources.items_held(connection, SOURCE)

    def taken(self) -> Lease | None:
        """Try to take the lease, as another process would."""
        return sources.acquire(self.database, SOURCE, self.clock.now())


@pytest.fixture
def plan(request: pytest.FixtureRequest, database: Database) -> Iterator[FreePlan]:
    plan = FreePlan(database, getattr(request, "param", 20))
    with plan.sandbox:
        yield plan


@pytest.mark.parametrize("plan", [2 * A_MINUTE + 20], indirect=True)
def test_a_first_read_that_takes_more_requests_than_a_minute_allows_finishes(plan: FreePlan) -> None:
    """It takes one for each parent, and what a read gathered that gave up is thrown away by the next one."""
    plan.sandbox.faults.limit("asana", A_MINUTE, plan.clock)
    report = plan.sync()
    assert (report.state, report.error, report.wait_until) == (Outcome.OK, None, None)
    assert report.seen == plan.held == 2 * (2 * A_MINUTE + 20)
    assert sum(plan.lapse.slept) > 60, "it rested more than once"
    assert report.requests < 3 * A_MINUTE
    assert plan.clock.now() - START < 4 * MINUTE


@pytest.mark.parametrize("plan", [3 * A_MINUTE + 20], indirect=True)
def test_while_a_read_rests_no_other_process_begins_a_run(plan: FreePlan) -> None:
    """It would find that the source is read already, and look again ten seconds later."""
    plan.sandbox.faults.limit("asana", A_MINUTE, plan.clock)
    ours, theirs = list[Poll](), list[Poll]()
    with ThreadPoolExecutor(1) as pool:
        own, other = plan.scheduler(pool, ours.append), plan.scheduler(AtOnce(), theirs.append)

        def tick() -> None:
            own.tick()
            other.tick()

        plan.lapse.meanwhile = tick
        own.tick()
    (read,) = [each for each in ours if each.source]
    assert read.outcome is Outcome.OK
    assert read.ended - read.began > 2 * MINUTE
    assert [each.outcome for each in theirs if each.source] == []
    with plan.database.read() as connection:
        assert schedule.turns(connection)[SOURCE].due == read.ended, "the turn that follows was ours to say"


def test_a_lease_that_is_lost_in_a_rest_ends_the_read(plan: FreePlan) -> None:
    def lose() -> None:
        sources.surrender(plan.database)
        assert plan.taken() is not None

    plan.sandbox.faults.status(429, retry_after=50, tracker="asana", path="/subtasks")
    plan.lapse.meanwhile = lose
    report = plan.sync()
    assert (report.state, plan.held) == (Outcome.SKIPPED, 0)
    assert len(plan.lapse.slept) == 1, "it does not sleep on for nothing"


@pytest.mark.parametrize(("told", "rests"), [(46, 46), (75, 75), (None, 60)])
def test_a_limit_in_the_middle_of_a_read_is_rested_for(plan: FreePlan, told: int | None, rests: float) -> None:
    found: list[Lease | None] = []
    plan.lapse.meanwhile = lambda: found.append(plan.taken())
    plan.sandbox.faults.status(429, retry_after=told, tracker="asana", path="/subtasks")
    assert plan.sync().state is Outcome.OK
    assert sum(plan.lapse.slept) == rests
    assert plan.held == 40
    assert set(found) == {None}, "nobody else got the lease meanwhile"


def test_for_more_than_about_a_minute_the_lease_is_given_back(plan: FreePlan) -> None:
    plan.sandbox.faults.status(429, retry_after=76, tracker="asana", path="/subtasks")
    report = plan.sync()
    assert (report.state, plan.held, plan.lapse.slept) == (Outcome.FAILED, 0, [])
    assert report.wait_until == plan.clock.now() + timedelta(seconds=76)
    assert plan.taken() is not None


@pytest.mark.parametrize("plan", [300], indirect=True)
def test_a_limit_that_lets_little_through_is_rested_for_half_an_hour_in_all(plan: FreePlan) -> None:
    plan.sandbox.faults.limit("asana", 5, plan.clock)
    report = plan.sync()
    assert (report.state, plan.held) == (Outcome.FAILED, 0)
    assert 25 * 60 < sum(plan.lapse.slept) <= 30 * 60
    assert report.wait_until is not None
    assert plan.clock.now() < report.wait_until <= plan.clock.now() + MINUTE
    assert plan.taken() is not None


@pytest.mark.parametrize("told", [50, None])
def test_a_limit_that_lets_nothing_through_is_not_rested_for_again(plan: FreePlan, told: int | None) -> None:
    plan.sandbox.faults.status(429, retry_after=told, times=10_000, tracker="asana", path="/subtasks")
    report = plan.sync()
    assert (report.state, plan.held) == (Outcome.FAILED, 0)
    assert sum(plan.lapse.slept) == (told or 60)
    assert plan.taken() is not None


def test_before_the_first_page_nobody_rests(plan: FreePlan) -> None:
    """Nothing is lost when the lease is given back then."""
    plan.sandbox.faults.status(429, retry_after=50, tracker="asana", path="/events")
    report = plan.sync()
    assert (report.state, plan.lapse.slept) == (Outcome.FAILED, [])
    assert report.wait_until is not None


# --- who ends a wait -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("refused", "dry_run", "ends"), [(1, False, True), (1, True, False), (2, False, False)])
def test_a_command_that_is_answered_ends_the_wait(
    plan: FreePlan, tmp_path: Path, *, refused: int, dry_run: bool, ends: bool
) -> None:
    """The limit was of a token that the service had before it was started anew, or is over early."""
    plan.sandbox.faults.status(429, retry_after=3600, times=refused, tracker="asana")
    polls = list[Poll]()
    plan.scheduler(AtOnce(), polls.append).tick()
    anew = plan.scheduler(AtOnce(), polls.append)
    anew.begin()
    plan.clock.advance(2 * MINUTE)
    anew.tick()
    assert [each.outcome for each in polls if each.source] == [Outcome.FAILED]
    assert plan.command(tmp_path / "headway.yaml", dry_run=dry_run).state is (
        Outcome.OK if refused == 1 else Outcome.FAILED
    )
    anew.tick()
    assert [each.outcome for each in polls if each.source] == [Outcome.FAILED, *([Outcome.OK] if ends else [])]


def test_an_answer_that_says_that_none_is_left_ends_no_wait() -> None:
    spent, some = (Quota(left, 100, START + HOUR) for left in (0, 1))
    report = SourceReport(SOURCE, Outcome.OK, quota=spent)
    assert report.limited_until == START + HOUR
    assert not report.allows(START + MINUTE)
    assert report.allows(START + HOUR)
    assert replace(report, quota=some).allows(START)
    assert not replace(report, quota=some, state=Outcome.FAILED).allows(START)
    assert not replace(report, wait_until=START + 2 * HOUR).allows(START + HOUR)
