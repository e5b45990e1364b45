"""What a run costs in requests: counted by the tracker, told by the report, and held to what Headway promises.

A first read takes a request for each hundred items of a container and three more; when nothing changed it takes three
for each container.  Beside these stand one for each parent with sub-tasks (Asana, at first), one for each query, and
one for each board with sprints or fields.  Nothing is asked for an item by itself.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from okrs.demand import Demand
from sandbox.clock import SimulatedClock
from sandbox.records import Item, Project, Tracker
from sandbox.server import Sandbox
from sandbox.world import World
from store.database import Database, open_database
from sync.task import Outcome
from tests.integration.drill import KEYS, START, Mode, engine_of, serving, source_of, tracker_of

MODES: tuple[Mode, ...] = ("jira", "jira data center", "github", "asana")
JIRAS: tuple[Mode, ...] = ("jira", "jira data center")
SIZES = (0, 1, 99, 100, 101, 250)
TYPES: dict[Tracker, str] = {"jira": "Task", "github": "", "asana": "default_task"}
HOUR = timedelta(hours=1)

PLAIN = Demand()
HISTORIES, REFS, SPRINTS = Demand(histories=True), Demand(refs=True), Demand(sprints=True)


def named(mode: Mode) -> Demand:
    """A field that people spell by its name."""
    return Demand(fields=frozenset({{"github": "points", "asana": "Effort"}.get(mode, "story_points")}))


def queries(mode: Mode) -> Demand:
    """Two queries that find everything."""
    told = ("is:issue", "is:issue is:open") if mode == "github" else ("project = PAY", "project = PAY ORDER BY key")
    return Demand(queries=frozenset(told))


@dataclass
class Company:
    """A world of one tracker, and a mirror that follows it."""

    mode: Mode
    sandbox: Sandbox
    database: Database
    clock: SimulatedClock
    projects: list[Project]
    demand: Demand
    keys: dict[str, Any] = field(default_factory=dict)

    @property
    def world(self) -> World:
        return self.sandbox.world

    def fill(self, count: int, **facts: Any) -> list[Item]:
        """Add items to each project."""
        kind = TYPES[tracker_of(self.mode)]
        return [
            self.world.create(project, f"Item {number}", kind, **facts)
            for project in self.projects
            for number in range(count)
        ]

    def sync(self) -> int:
        """Return how many requests a run an hour later took: the tracker and the report count the same."""
        self.clock.advance(HOUR)
        self.sandbox.log.clear()
        source = source_of(self.mode, self.sandbox, self.projects, self.demand, **self.keys)
        (report,) = engine_of(source, self.database, self.clock).sync().sources
        assert report.state is Outcome.OK, report
        assert report.requests == len(self.sandbox.log) > 0
        return report.requests

    @property
    def asked(self) -> list[str]:
        """What the last run sent."""
        return [f"{method} {target}" for _, method, target, _ in self.sandbox.log]


Open = Callable[..., Company]


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Open]:
    """Opens companies and closes them."""
    opened: list[Company] = []

    def make(mode: Mode, demand: Demand = PLAIN, containers: int = 1, **keys: Any) -> Company:
        tracker, clock = tracker_of(mode), SimulatedClock(START)
        world = World(clock)
        world.add_user("Mira", "mira")
        sections = ("Ideas",) if tracker == "asana" else ()
        projects = [world.add_project(tracker, f"Project {key}", key, sections) for key in KEYS[tracker][:containers]]
        database = open_database(f"sqlite:///{tmp_path / f'{len(opened)}.db'}", create=True)
        opened.append(Company(mode, serving(mode, world), database, clock, projects, demand, keys))
        return opened[-1]

    yield make
    for each in opened:
        each.sandbox.close()
        each.database.close()


def pages(count: int) -> int:
    return ceil(count / 100)


def first_read(count: int, containers: int = 1) -> int:
    """Return how many requests a first read of so many items in each container may take."""
    return containers * (pages(count) + 3)


# --- a container by itself -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("containers", [1, 3])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("count", SIZES)
def test_a_container_is_read_within_its_budget(company: Open, mode: Mode, count: int, containers: int) -> None:
    one = company(mode, containers=containers)
    one.fill(count)
    assert one.sync() <= first_read(count, containers), one.asked
    assert one.sync() <= containers * 3, one.asked


# --- what a mapping asks besides -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class More:
    """What is demanded beyond plain items, and what it may cost."""

    mode: Mode
    demand: Demand
    first: Callable[[int], int] = lambda _count: 0
    """Requests that a first read of so many items may take beyond its budget."""
    quiet: int = 0
    """Requests that a run may take beyond three when nothing changed."""


CASES = {
    # queries: one each
    "queries of Jira": More("jira", queries("jira"), lambda _: 2, 2),
    "queries of Data Center": More("jira data center", queries("jira data center"), lambda _: 2, 2),
    # fields of issues, by their names
    "a field of Jira": More("jira", named("jira")),
    "a field of Data Center": More("jira data center", named("jira data center")),
    "a field of Asana": More("asana", named("asana")),
    # links, which come with the issues
    "links of Jira": More("jira", REFS),
    "links of Data Center": More("jira data center", REFS),
    # histories: one for each page where they do not come with the issues
    "histories of Jira": More("jira", HISTORIES, pages),
    "histories and a field of Jira": More("jira", HISTORIES.union(named("jira")), pages),
    "histories of Data Center": More("jira data center", HISTORIES),
    # branches of pull requests: one for each page
    "branches of GitHub": More("github", REFS, pages),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("count", SIZES)
def test_what_is_demanded_besides_has_its_price(company: Open, name: str, count: int) -> None:
    more = CASES[name]
    one = company(more.mode, more.demand)
    one.fill(count, pull=more.mode == "github")
    assert one.sync() <= first_read(count) + more.first(count), one.asked
    assert one.sync() <= 3 + more.quiet, one.asked


@pytest.mark.parametrize("containers", [1, 3])
@pytest.mark.parametrize("mode", JIRAS)
@pytest.mark.parametrize("count", SIZES)
def test_boards_with_sprints_cost_one_each(company: Open, mode: Mode, count: int, containers: int) -> None:
    one = company(mode, SPRINTS.union(named(mode)), containers)
    items = one.fill(count)
    for project in one.projects:
        for number in range(3):
            sprint = one.world.add_sprint(project, f"Sprint {number}")
            one.world.end_sprint(sprint)
            for item in items[:1]:
                one.world.plan(item, sprint)
    # The list of boards and that of fields leave no room for a page, which a project without an issue has, too.
    empty = 1 if count == 0 else 0
    assert one.sync() <= first_read(count, containers) + containers + empty, one.asked
    assert one.sync() <= containers * 3 + containers, one.asked


@pytest.mark.parametrize("containers", [1, 3])
@pytest.mark.parametrize("count", SIZES)
def test_a_board_of_github_costs_one_for_all_repositories(company: Open, count: int, containers: int) -> None:
    one = company("github", named("github"), containers, boards=("acme/1",))
    items = one.fill(count, pull=True)
    board = one.world.add_board("acme", "Roadmap", {"Points": "NUMBER"})
    for item in items[:100]:
        one.world.set_value(board, item, "Points", 1.0)
    assert one.sync() <= containers * (pages(count) + 3) + 1, one.asked
    assert one.sync() <= containers * 3 + 1, one.asked


def test_what_github_gives_by_hundreds_costs_one_a_hundred(company: Open) -> None:
    """Boards tell of no change, and searches give at most a hundred: both are read whole in every run."""
    one = company("github", named("github").union(queries("github")), boards=("acme/1",))
    items = one.fill(250)
    board = one.world.add_board("acme", "Roadmap", {"Points": "NUMBER"})
    for item in items:
        one.world.set_value(board, item, "Points", 1.0)
    hundreds = pages(250) + 2 * pages(250)
    assert one.sync() == pages(250) + 2 + hundreds, one.asked
    assert one.sync() == 3 + hundreds, one.asked


@pytest.mark.parametrize("containers", [1, 3])
def test_what_is_archived_on_a_board_of_github_costs_once_a_day(company: Open, containers: int) -> None:
    one = company("github", named("github"), containers, boards=("acme/1",))
    items = one.fill(250)
    board = one.world.add_board("acme", "Roadmap", {"Points": "NUMBER"})
    for item in items[:250]:
        one.world.set_value(board, item, "Points", 1.0)
        one.world.put_away(board, item)
    one.sync()
    costs = [one.sync() for _ in range(23)]
    assert sorted(costs) == [*[containers * 3 + 1] * 22, containers * 3 + 3], one.asked


@pytest.mark.parametrize("parents", [1, 60])
def test_parents_of_asana_cost_one_each_at_first_and_nothing_afterwards(company: Open, parents: int) -> None:
    one = company("asana")
    for item in one.fill(150)[:parents]:
        for number in range(3):
            one.world.create(item.project, f"Step {number}", TYPES["asana"], parent=item)
    assert one.sync() <= pages(150 + 3 * parents) + 3 + parents, one.asked
    assert one.sync() <= 3, one.asked


# --- growth --------------------------------------------------------------------------------------------------------


def everything(mode: Mode) -> Demand:
    """All that a tracker can be asked for."""
    demand = HISTORIES.union(REFS).union(SPRINTS).union(named(mode))
    return demand if mode == "asana" else demand.union(queries(mode))


def grow(one: Company, count: int) -> None:
    """Add items, some of them onto a board or into a sprint."""
    world, mode = one.world, one.mode
    items = one.fill(count, pull=mode == "github")[:20]
    if mode == "github":
        board = world.boards[0] if world.boards else world.add_board("acme", "Roadmap", {"Points": "NUMBER"})
        for item in items:
            world.set_value(board, item, "Points", 1.0)
    elif mode in JIRAS:
        sprint = world.sprints[0] if world.sprints else world.add_sprint(one.projects[0], "Sprint 1")
        for item in items:
            world.plan(item, sprint)


@pytest.mark.parametrize("mode", MODES)
def test_a_run_in_which_nothing_changed_costs_the_same_in_a_world_of_any_size(company: Open, mode: Mode) -> None:
    one = company(mode, everything(mode), **({"boards": ("acme/1",)} if mode == "github" else {}))
    costs = []
    for count in (3, 300):
        grow(one, count)
        one.sync()
        costs.append(one.sync())
    besides = 0 if mode == "asana" else 3  # a board and two queries
    assert costs == [(2 if mode in JIRAS else 3) + besides] * 2, one.asked


@pytest.mark.parametrize("mode", MODES)
def test_many_changes_cost_no_more_than_few(company: Open, mode: Mode) -> None:
    one = company(mode, HISTORIES.union(REFS))
    items = one.fill(300, pull=mode == "github")
    one.sync()
    costs = []
    for changed in (3, 95):
        one.sync()
        for item in items[:changed]:
            one.world.retitle(item, f"{item.title}, again")
        costs.append(one.sync())
    assert 2 <= costs[0] == costs[1] <= 6, one.asked


@pytest.mark.parametrize("mode", MODES)
def test_a_first_read_is_a_census_and_the_next_one_is_due_in_a_day(company: Open, mode: Mode) -> None:
    one = company(mode)
    one.fill(101)
    one.sync()
    costs = [one.sync() for _ in range(23)]
    assert max(costs) <= 3
    assert one.sync() > 3


@pytest.mark.parametrize("mode", JIRAS)
def test_lists_of_a_site_are_asked_once_however_many_projects_begin_at_the_same_time(company: Open, mode: Mode) -> None:
    one = company(mode, HISTORIES.union(named(mode)), containers=3)
    one.fill(2)
    one.sandbox.faults.latency = 0.05  # so that all of them wait for their first answer
    one.sync()
    lists = [asked.rpartition("/")[2] for asked in one.asked]
    assert (lists.count("field"), lists.count("status"), lists.count("serverInfo")) == (1, 1, 0)
