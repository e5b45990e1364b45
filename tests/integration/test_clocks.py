"""What the trackers' answers tell of their time and limits, and that no clock which runs ahead loses a change."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors import registry
from connectors.conformance.walking import read
from connectors.contract import Connector, Container, Cursor, Quota
from okrs.demand import Demand
from okrs.immutable import replace
from okrs.work import State
from sandbox.clock import SimulatedClock
from sandbox.records import Item
from sandbox.server import JIRA_EMAIL, Sandbox
from sandbox.world import World
from store import lookup
from store.database import open_database
from sync.task import Outcome
from tests.integration.drill import KEYS, SOURCE, START, Mode, engine_of, serving, source_of, tracker_of

MODES: tuple[Mode, ...] = ("jira", "jira data center", "github", "asana")
AHEAD = timedelta(hours=3)
"""So much later is it on this machine than at the tracker."""
TYPES = {"jira": "Task", "asana": "default_task"}
LIMITS = {
    "X-RateLimit-Limit": "350",
    "X-RateLimit-Remaining": "41",
    "X-RateLimit-Reset": "2026-11-02T10:00Z",
}
"""As Jira Cloud tells them: https://developer.atlassian.com/cloud/jira/platform/rate-limiting/"""


@contextmanager
def serving_one(mode: Mode) -> Iterator[tuple[Sandbox, Item]]:
    """Serve one project with two items, of which the first is returned."""
    world = World(SimulatedClock(START))
    world.add_user("Ada Lovelace", "ada")
    key = KEYS[tracker_of(mode)][0]
    project = world.add_project(tracker_of(mode), key or "Launch", key)
    first, _ = (world.create(project, title, TYPES.get(project.tracker, "")) for title in ("Fix it", "Leave it"))
    world.clock.advance(timedelta(days=1))
    with serving(mode, world) as sandbox:
        yield sandbox, first


@contextmanager
def opened(mode: Mode, sandbox: Sandbox, item: Item) -> Iterator[Connector]:
    tracker = tracker_of(mode)
    known = registry.find(tracker)
    keys = {
        "connector": tracker,
        "url": sandbox.urls[tracker],
        "token": sandbox.tokens[tracker],
        "repositories" if tracker == "github" else "projects": [item.project.key],
        **({"email": JIRA_EMAIL} if mode == "jira" else {}),
    }
    with closing(known.connect(known.settings.model_validate(keys))) as connector:
        yield connector


def read_once(connector: Connector) -> None:
    (box,) = connector.containers()
    assert isinstance(box, Container)
    assert read(connector, box, Cursor(now=datetime.now(UTC)), Demand()).items


@pytest.mark.parametrize("mode", MODES)
def test_a_read_tells_the_tracker_s_own_time(mode: Mode) -> None:
    with serving_one(mode) as (sandbox, item), opened(mode, sandbox, item) as connector:
        told, now = [connector.told], sandbox.world.clock.now()
        for _ in range(2):
            read_once(connector)
            told.append(connector.told)
            sandbox.world.clock.advance(timedelta(hours=1))
        assert told == [None, now, now + timedelta(hours=1)]


def test_github_tells_what_is_left_of_its_limit() -> None:
    with serving_one("github") as (sandbox, item), opened("github", sandbox, item) as connector:
        unasked = connector.quota
        read_once(connector)
        first = connector.quota
        read_once(connector)
        later = connector.quota
        assert unasked is None
        assert first is not None
        assert later is not None
        begins_anew = sandbox.world.clock.now() + timedelta(hours=1)
        assert (first.limit, first.reset, first.near) == (5000, begins_anew, False)
        assert 0 < later.remaining < first.remaining < 5000


@pytest.mark.parametrize("mode", ["jira", "jira data center"])
def test_jira_tells_what_is_left_of_its_limit_where_the_site_says_it(mode: Mode) -> None:
    with serving_one(mode) as (sandbox, item), opened(mode, sandbox, item) as connector:
        told = []
        for headers in ({}, LIMITS, {**LIMITS, "X-RateLimit-NearLimit": "true"}):
            sandbox.faults.headers["jira"] = headers
            read_once(connector)
            told.append(connector.quota)
        left = Quota(41, 350, datetime(2026, 11, 2, 10, tzinfo=UTC))
        assert told == [None, left, replace(left, near=True)]


def test_asana_tells_nothing_of_its_limits() -> None:
    with serving_one("asana") as (sandbox, item), opened("asana", sandbox, item) as connector:
        read_once(connector)
        assert connector.quota is None


@pytest.mark.parametrize("mode", MODES)
def test_a_machine_whose_clock_runs_ahead_loses_no_change(mode: Mode, tmp_path: Path) -> None:
    """For the tracker, the change comes before what this machine calls the time of the first read.

    GitHub and Asana are asked by their own time.  Jira's window counts from when it is asked, whatever time it is here.
    """
    with serving_one(mode) as (sandbox, item):
        sandbox.faults.status(403, tracker="asana", path="/events", times=100)  # which would name the change
        machine = SimulatedClock(sandbox.world.clock.now() + AHEAD)
        with closing(open_database(f"sqlite:///{tmp_path / 'headway.db'}", create=True)) as database:

            def synced() -> State:
                source = source_of(mode, sandbox, [item.project], Demand())
                (report,) = engine_of(source, database, machine).sync().sources
                assert report.state is Outcome.OK
                with database.read() as connection:
                    held, _ = lookup.look_up(connection, SOURCE, [str(item.id)])[str(item.id)]
                return held.state

            assert synced() is State.TODO
            for clock in (sandbox.world.clock, machine):
                clock.advance(timedelta(minutes=30))
            sandbox.world.close(item)
            assert synced() is State.DONE
