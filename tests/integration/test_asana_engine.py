"""What the engine makes of Asana's troubles: deletions under `--full`, a lost estimate field, a project in trouble."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.asana import events
from okrs.demand import Demand
from okrs.work import WorkItem
from sandbox.asana import AsanaApi
from sandbox.clock import SimulatedClock
from sandbox.records import Item, Project
from sandbox.world import World
from store import lookup, sources
from store.database import open_database
from sync.task import Outcome, SourceReport
from tests.integration.drill import SOURCE, START, engine_of, serving, source_of

EFFORT = Demand(fields=frozenset({"Effort"}))


class Company:
    """Two Asana projects, and a mirror that follows them."""

    def __init__(self, folder: Path) -> None:
        self.clock = SimulatedClock(START)
        self.world = World(self.clock)
        self.projects = [self.world.add_project("asana", name, sections=("Ideas",)) for name in ("Launch", "Research")]
        self.sandbox = serving("asana", self.world)
        self.database = open_database(f"sqlite:///{folder / 'headway.db'}", create=True)

    @property
    def launch(self) -> Project:
        return self.projects[0]

    @property
    def research(self) -> Project:
        return self.projects[1]

    def task(self, project: Project, title: str, **more: object) -> Item:
        return self.world.create(project, title, "default_task", **more)  # type: ignore[arg-type] # facts of any kind

    def sync(self, demand: Demand = Demand(), *, full: bool = False) -> SourceReport:  # noqa: B008 - it is frozen
        """One run of a new process, an hour later."""
        self.clock.advance(timedelta(hours=1))
        source = source_of("asana", self.sandbox, self.projects, demand)
        (report,) = engine_of(source, self.database, self.clock).sync(full=full).sources
        return report

    def held(self, item: Item) -> tuple[WorkItem, str | None]:
        """An item of the mirror, and why it left, if it did."""
        with self.database.read() as connection:
            return lookup.look_up(connection, SOURCE, [item.key])[item.key]

    def refused(self) -> list[dict[str, str]]:
        """The fields that each project was read without, with the reason."""
        with self.database.read() as connection:
            return [dict(each.refused) for each in sources.state_of(connection, SOURCE).containers]

    def close(self) -> None:
        self.sandbox.close()
        self.database.close()


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    company = Company(tmp_path)
    yield company
    company.close()


# complete reads


@pytest.mark.parametrize("polled", [False, True])
def test_a_trashed_task_leaves_as_deleted_in_a_full_read(company: Company, *, polled: bool) -> None:
    gone, kept = company.task(company.launch, "gone"), company.task(company.launch, "kept")
    assert company.sync().state is Outcome.OK
    company.world.delete(gone)
    if polled:
        company.sync()
    assert company.sync(full=True).state is Outcome.OK
    assert company.held(gone)[1] == "deleted"
    assert company.held(kept)[1] is None


def test_a_renamed_project_is_read_in_full_and_keeps_what_was_deleted(company: Company) -> None:
    gone = company.task(company.launch, "gone")
    company.task(company.launch, "kept")
    company.sync()
    company.world.delete(gone)
    company.world.rename(company.launch, "Take-off")
    company.sync()  # takes the event, and everything else anew
    company.sync(full=True)
    assert company.held(gone)[1] == "deleted"


# estimates


def test_a_renamed_estimate_field_is_done_without_until_it_is_back(company: Company) -> None:
    """Who knows what was read says that it is not there: no rule that adds it up is measured meanwhile."""
    task = company.task(company.launch, "task", points=5)
    company.task(company.research, "ask", points=1)
    assert company.sync(EFFORT).state is Outcome.OK
    for project in company.projects:
        project.estimate = "Size"
    company.world.retitle(task, "task again")
    for full in (False, True):
        assert company.sync(EFFORT, full=full).state is Outcome.OK
        assert company.held(task)[0].title == "task again"
        for told in company.refused():
            assert "No project of this Asana source has a custom field 'Effort'" in told["Effort"]
    company.launch.estimate = "Effort"
    assert company.sync(EFFORT).state is Outcome.OK
    assert company.held(task)[0].fields == (("Effort", "5"),)
    assert company.refused() == [{}, {}]


# parents that several pages name


@pytest.mark.parametrize("hours", [1, 14], ids=["the same day", "the first poll of a day"])
def test_many_restored_tasks_and_an_edited_sub_task_are_read(company: Company, hours: int) -> None:
    parent = company.task(company.launch, "parent")
    sub = company.task(company.launch, "sub", parent=parent)
    many = [company.task(company.launch, f"task {number}") for number in range(events.MOST_SINGLES + 10)]
    company.sync()
    company.sync()
    for one in many:
        company.world.delete(one)
    assert company.sync().state is Outcome.OK
    for one in many:
        company.world.restore(one)
    if hours == 1:
        company.world.retitle(sub, "sub again")
    company.clock.advance(timedelta(hours=hours - 1))
    report = company.sync()
    assert (report.state, report.error) == (Outcome.OK, None)
    assert {company.held(one)[1] for one in [parent, sub, *many]} == {None}
    assert company.held(sub)[0].title == sub.title


@pytest.mark.parametrize("path", ["permalink_url&offset=", "num_subtasks&offset="], ids=["read", "census"])
def test_a_listing_that_begins_again_names_its_parents_again(company: Company, path: str) -> None:
    parent = company.task(company.launch, "parent")
    sub = company.task(company.launch, "sub", parent=parent)
    below = [company.task(company.launch, f"below {number}", parent=sub) for number in range(5)]
    many = [company.task(company.launch, f"task {number}") for number in range(5)]
    company.sandbox.faults.page_caps["asana"] = 2
    api = company.sandbox.apis["asana"]
    assert isinstance(api, AsanaApi)
    if path.startswith("num_subtasks"):
        assert company.sync().state is Outcome.OK
        company.clock.advance(timedelta(days=1))
    expired: list[str] = []
    company.sandbox.faults.then(api.expire_offsets, tracker="asana", path=path)
    company.sandbox.faults.then(lambda: expired.append(path), tracker="asana", path=path)
    report = company.sync()
    assert (report.state, report.error) == (Outcome.OK, None)
    assert expired == [path]
    assert {company.held(one)[1] for one in [parent, sub, *below, *many]} == {None}


# names inside of items


def test_a_section_with_another_name_is_read_with_all_its_tasks(company: Company) -> None:
    task = company.task(company.launch, "task", section="Ideas")
    company.sync()
    for _ in range(30):  # until nothing but the event could bring the task
        company.sync()
    company.world.rename_section(company.launch, "Ideas", "Plans")
    company.sync()
    assert [ref.name for ref in company.held(task)[0].sections] == ["Plans"]


# one project in trouble


@pytest.mark.parametrize("path", ["/projects/{gid}", "/events?resource={gid}", "/tasks?project={gid}"])
def test_one_project_in_trouble_leaves_the_other_to_be_read(company: Company, path: str) -> None:
    first, second = company.task(company.launch, "first"), company.task(company.research, "second")
    company.sync()
    for item in (first, second):
        company.world.retitle(item, f"{item.title} again")
    company.sandbox.faults.status(502, path=path.format(gid=company.launch.key), times=1000)
    report = company.sync()
    assert report.state is Outcome.FAILED
    assert company.launch.key in (report.error or "")
    assert company.research.key not in (report.error or "")
    assert [company.held(item)[0].title for item in (first, second)] == ["first", "second again"]
    company.sandbox.faults.clear()
    assert company.sync().state is Outcome.OK
    assert company.held(first)[0].title == "first again"
