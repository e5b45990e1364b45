"""Trackers that limit requests: when one asks to wait is kept from run to run, whoever wants it read earlier."""

import hmac
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from email.utils import formatdate
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from config.model import Config
from connectors import registry
from okrs.cycle import Calendar
from okrs.demand import Demand
from okrs.immutable import replace
from sandbox.clock import SimulatedClock
from sandbox.records import Project, Tracker
from sandbox.server import Sandbox
from sandbox.world import World
from store import schedule
from store.database import Database, open_database
from sync.schedule import Rhythm
from sync.scheduler import Plan, Poll, Scheduler
from sync.task import Outcome, SourceReport
from tests.integration.drill import KEYS, SOURCE, START, engine_of, serving, source_of
from tests.integration.test_sync_scheduler import AtOnce
from usecases.hooking import Hooks
from web.hooks import Verdict

TRACKERS: tuple[Tracker, ...] = ("jira", "asana", "github")
TYPES: dict[Tracker, str] = {"jira": "Task", "github": "", "asana": "default_task"}
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SECRET = "a-webhook-secret-0001"
SIGNED = {"jira": ("X-Hub-Signature", "sha256="), "github": ("X-Hub-Signature-256", "sha256="),
          "asana": ("X-Hook-Signature", "")}  # fmt: skip


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
