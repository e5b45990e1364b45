"""The engine over GitHub: a repository that may not be read leaves the others of its source to be read."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from mapping.rule import Measure
from okrs.cycle import Calendar
from okrs.demand import Demand
from okrs.objective import KeyResult, Numeric
from sandbox.clock import SimulatedClock
from sandbox.server import Sandbox
from sandbox.world import World
from store import ledger, sources
from store.database import Database
from store.sources import SourceState
from sync.deciding import Goal
from sync.engine import Engine
from sync.task import Outcome, Progress, SourceReport, SourceToRead
from tests.builders import a_part, a_rule, where
from tests.integration.github_server import opened

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
WEB, API = "acme/web", "acme/api"
FOUND = "is:issue"
MANY = 1000


@dataclass
class Office:
    """A source of two repositories.  A key result counts the closed issues of each, and one what a query finds."""

    sandbox: Sandbox
    database: Database

    @property
    def world(self) -> World:
        return self.sandbox.world

    def close(self, number: int) -> None:
        for name in (WEB, API):
            self.world.close(self.world.item(f"{name}#{number}"))

    def sync(self, *, full: bool = False) -> SourceReport:
        """One run, half an hour after the last, as a new process would do it."""
        clock = self.world.clock
        assert isinstance(clock, SimulatedClock)
        clock.advance(timedelta(minutes=30))
        url, token = self.sandbox.urls["github"], self.sandbox.tokens["github"]
        selected = {WEB: where(project=WEB), API: where(project=API), FOUND: where(query=FOUND)}
        goals = [
            Goal(
                KeyResult(name, "objective", "cycle", name, Numeric(Decimal(0), Decimal(20))),
                a_rule(a_part(Measure.COUNT, source="hub", where=clause)),
                Calendar(),
            )
            for name, clause in selected.items()
        ]
        demand = Demand(queries=frozenset({FOUND}))
        engine = Engine(
            database=self.database,
            sources=[SourceToRead("hub", (WEB, API), lambda: opened(url, WEB, API, token=token), demand)],
            goals=goals,
            clock=clock.now,
            progress=Progress(),
            version="test",
            sleep=lambda _: None,
        )
        (report,) = engine.sync(full=full).sources
        return report

    def values(self) -> dict[str, Decimal | None]:
        with self.database.read() as connection:
            states = {name: ledger.state_of(connection, name) for name in (WEB, API, FOUND)}
        return {name: state.value if state else None for name, state in states.items()}

    def state(self) -> SourceState:
        with self.database.read() as connection:
            return sources.state_of(connection, "hub")


@pytest.fixture
def office(database: Database) -> Iterator[Office]:
    world = World(SimulatedClock(START))
    world.add_user("Mira", "mira")
    for name in (WEB, API):
        project = world.add_project("github", name.partition("/")[2], name)
        world.add_milestone(project, "v1")
        for number in range(1, 6):
            world.create(project, f"Issue {number}")
    with Sandbox(world) as sandbox:
        yield Office(sandbox, database)


@pytest.mark.parametrize("listing", ["issues", "milestones"])
@pytest.mark.parametrize("full", [False, True])
def test_a_repository_whose_issues_are_refused_leaves_the_others(office: Office, listing: str, full: bool) -> None:
    assert office.sync().state is Outcome.OK
    office.close(1)
    office.sandbox.faults.status(403, tracker="github", path=f"/repos/{WEB}/{listing}", times=MANY)
    report = office.sync(full=full)
    assert report.state is Outcome.FAILED
    assert f"the {listing} of {WEB} (403): give it the permission Issues: read" in (report.error or "")
    assert API not in (report.error or "")
    assert office.values() == {WEB: Decimal(0), API: Decimal(1), FOUND: Decimal(1)}
    assert office.state().state == "failed"
    errors = {each.name: each.error for each in office.state().containers}
    assert (errors[API], errors[WEB]) == (None, report.error)

    office.sandbox.faults.clear()
    assert office.sync().state is Outcome.OK
    assert office.values() == {WEB: Decimal(1), API: Decimal(1), FOUND: Decimal(2)}


def test_a_repository_that_is_refused_from_the_first_run_on_leaves_the_others(office: Office) -> None:
    office.sandbox.faults.status(403, tracker="github", path=f"/repos/{WEB}/issues", times=MANY)
    for number, seen in ((1, 6), (2, 1)):
        office.close(number)
        report = office.sync()
        assert (report.state, office.state().state) == (Outcome.FAILED, "failed")
        assert report.seen >= seen
    (taken,) = [each for each in office.state().containers if each.watermark]
    assert (taken.name, taken.error) == (API, None)


@pytest.mark.parametrize("names", [(API,), (WEB, API)])
def test_what_a_query_found_in_a_repository_out_of_sight_stays(office: Office, names: tuple[str, ...]) -> None:
    office.sync()
    office.close(1)
    assert office.sync().state is Outcome.OK
    before = office.values()
    assert before[FOUND] == 2
    for name in names:
        office.world.project(name).hidden = True
    report = office.sync()
    assert report.state is Outcome.FAILED
    assert office.values() == before
    assert f"while {' and '.join(names)} cannot be read" in (report.error or "")
    for name in names:
        office.world.project(name).hidden = False
    office.close(2)
    assert office.sync().state is Outcome.OK
    assert office.values()[FOUND] == 4


def test_a_refused_token_is_another_matter(office: Office) -> None:
    office.sandbox.faults.status(401, tracker="github", path=f"/repos/{WEB}/issues", times=MANY)
    assert office.sync().state is Outcome.UNAUTHENTICATED
