"""A tracker in memory that does what a test says, and the small world around it: clock, goals, engine, tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from sqlalchemy import Table, select

from connectors.contract import (
    Account,
    ConnectorError,
    Container,
    Cursor,
    Demand,
    Extra,
    ExtraRefused,
    Fate,
    FieldsRefused,
    Found,
    IdPage,
    Page,
    Unreadable,
)
from connectors.plain import Plain
from mapping.demand import demand_of
from mapping.lint import Finding
from mapping.rule import Counts, Measure, Rule
from okrs.cycle import Calendar, Cycle
from okrs.demand import Family
from okrs.guard import Guard
from okrs.immutable import facts, replace
from okrs.ledger import Entry
from okrs.objective import KeyResult, Numeric, Objective, Terms
from okrs.progress import Pace
from okrs.work import Ref, State, WorkItem
from store import ledger
from store.database import Database
from store.facets import LARGE
from store.sources import state_of
from store.tables import evidence, item, item_version, ledger_delta, ledger_entry, metadata
from store.views.explain import Explained, explain
from store.views.linting import linted
from store.views.refused import Refused, refused
from store.views.setup import Setup, SourceSetup
from store.views.status import KeyResultStatus, StatusView, status
from store.views.verify import Verified, verify
from sync.closing import Wish, close_cycle, closing
from sync.deciding import Goal
from sync.engine import Engine, Report
from sync.holding import Act
from sync.planned import Planned
from sync.planning import plan
from sync.recording import Run
from sync.task import Outcome, Progress, SourceReport, SourceToRead
from tests.builders import NOBODY_ASKED, SOURCE, a_part, a_rule, an_item

MORNING = datetime(2026, 11, 20, 9, tzinfo=UTC)
RECORDS = (item, item_version, ledger_entry, ledger_delta, evidence)
"""What a run that finds nothing new must not touch."""


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: datetime = MORNING

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **step: float) -> datetime:
        self.now += timedelta(**step)
        return self.now


@dataclass
class Project:
    """A container of the fake tracker.  `id` never changes."""

    id: str
    name: str
    items: dict[str, WorkItem] = field(default_factory=dict)
    called: str = ""
    """What the tracker calls it."""
    hidden: bool = False
    """The token may not read it."""
    breaks: tuple[int, ConnectorError] | None = None
    """From which page on (0 is the first) its listing fails, and how."""
    breaks_census: ConnectorError | None = None
    """How its census fails."""
    endless: bool = False
    """Its listing names the same next page for ever."""
    unlisted: set[str] = field(default_factory=set)
    """Ids that no listing and no census shows, though the items are there (archived, a late index)."""


class FakeTracker:
    """A tracker that lists what changed, in pages, and fails where it is told to."""

    def __init__(self, clock: Clock, *names: str, page_size: int = 2) -> None:
        self.clock = clock
        self.page_size = page_size
        self.projects = {name: Project(f"#{name}", name) for name in names}
        self.refuses: ConnectorError | None = None
        """Raised when a connection asks for the containers."""
        self.asked: list[tuple[str, Cursor, Demand]] = []
        self.counted: list[str] = []
        """Containers whose census was taken."""
        self.looked_up: list[str] = []
        """Ids that were looked up."""
        self.elsewhere: dict[str, WorkItem] = {}
        """Items of projects that nobody configured, by id."""
        self.deleted: set[str] = set()
        """Ids of which the tracker says that they were deleted."""
        self.finds: dict[str, set[str] | ConnectorError] = {}
        """What the tracker's own queries find, or how they fail."""
        self.outside: dict[Family, list[str] | ConnectorError] = {}
        """Keys of what lies under items where nobody reads, or why that cannot be told."""
        self.families: list[Family] = []
        """Those that were asked."""
        self.fields: dict[str, bool] | None = None
        """The fields that it has, and whether they may hold numbers; None where it has every one."""
        self.refuses_after = 0
        """From which item of a listing on it refuses fields, and what it denies."""
        self.denied: Extra | None = None
        """What this token may not read beside items and fields."""
        self.forgets = ""
        """A field that is gone from the first look-up on."""
        self.told: datetime | None = None
        """The tracker's own time, where it tells."""
        self.open = 0
        """Connections that are not closed."""

    def put(self, name: str, *items: WorkItem) -> None:
        """Create or change items, now."""
        project = self.projects[name]
        for each in items:
            projects = each.projects or (Ref(project.id, name),)
            project.items[each.id] = replace(each, projects=projects, updated_at=self.clock.now)

    def change(self, name: str, key: str, **facts: Any) -> None:
        """Change an item, now."""
        held = next(each for each in self.projects[name].items.values() if each.key == key)
        self.put(name, replace(held, **facts))

    def move(self, key: str, old: str, new: str) -> None:
        """Move an item to another project, now."""
        held = self.drop(old, key)
        self.put(new, replace(held, projects=()))

    def drop(self, name: str, key: str) -> WorkItem:
        """Take an item out of a project without a word."""
        items = self.projects[name].items
        return items.pop(next(each.id for each in items.values() if each.key == key))

    def connect(self) -> "FakeConnector":
        return FakeConnector(self)

    @property
    def listed(self) -> list[tuple[str, datetime | None]]:
        """Which containers were listed, and since when; each listing once."""
        return [(name, cursor.since) for name, cursor, _ in self.asked if cursor.resume is None]


class FakeConnector(Plain):
    """One connection to a fake tracker, as `connectors.contract.Connector` wants it."""

    def __init__(self, tracker: FakeTracker) -> None:
        self._tracker = tracker
        self._requests = 0
        tracker.open += 1

    @property
    def requests(self) -> int:
        return self._requests

    def containers(self) -> list[Container | Unreadable]:
        self._requests += 1
        if self._tracker.refuses:
            raise self._tracker.refuses
        return [
            Unreadable(each.name, f"{each.name} cannot be read: give the token access.")
            if each.hidden
            else Container(each.id, each.name, called=each.called)
            for each in self._tracker.projects.values()
        ]

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        self._requests += 1
        self._tracker.asked.append((container.name, cursor, demand))
        self._refuse(demand, int(cursor.resume or 0))
        project, start, size = self._tracker.projects[container.name], int(cursor.resume or 0), self._tracker.page_size
        if project.breaks and start // size >= project.breaks[0]:
            raise project.breaks[1]
        items = [each for each in project.items.values() if each.id not in project.unlisted]
        found = [each for each in items if _since(each, cursor.since)]
        page = tuple(_demanded(each, demand) for each in found[start : start + size])
        if project.endless:
            return Page(page, (str(size),), len(found))
        return Page(page, (str(start + size),) if start + size < len(found) else (), len(found))

    def _refuse(self, demand: Demand, late: int = 0) -> None:
        denied = self._tracker.denied
        if denied in demand.extras and late >= self._tracker.refuses_after:
            raise ExtraRefused(denied, f"The token may not read {denied.word}.")
        known = self._tracker.fields
        if known is not None:
            refused = {name: f"There is no field {name}." for name in demand.fields if name not in known}
            refused |= {name: f"{name} holds no numbers." for name in demand.numbers if known.get(name) is False}
            if refused and late >= self._tracker.refuses_after:
                raise FieldsRefused(refused)

    @property
    def told(self) -> datetime | None:
        return self._tracker.told

    def twin(self) -> Self:
        return type(self)(self._tracker)

    def census(self, container: Container, demand: Demand, resume: str | None) -> IdPage:
        self._requests += 1
        if resume is None:
            self._tracker.counted.append(container.name)
        project, start, size = self._tracker.projects[container.name], int(resume or 0), self._tracker.page_size
        if project.breaks_census:
            raise project.breaks_census
        shown = [Ref(each.id, each.key) for each in project.items.values() if each.id not in project.unlisted]
        return IdPage(tuple(shown[start : start + size]), (str(start + size),) if start + size < len(shown) else ())

    def look_up(self, container: Container, refs: Sequence[Ref], demand: Demand) -> dict[str, Found]:
        self._requests += 1
        if self._tracker.fields:
            self._tracker.fields.pop(self._tracker.forgets, None)
        self._refuse(demand)
        self._tracker.looked_up += [ref.id for ref in refs]
        return {ref.id: self._find(container, ref.id) for ref in refs}

    def _find(self, container: Container, wanted: str) -> Found:
        if wanted in self._tracker.deleted:
            return Found(Fate.DELETED)
        for project in self._tracker.projects.values():
            if wanted in project.items:
                item = project.items[wanted]
                here = project.id == container.id
                return Found(Fate.HERE, item) if here else Found(Fate.MOVED, item, project.id)
        if wanted in self._tracker.elsewhere:
            return Found(Fate.MOVED, self._tracker.elsewhere[wanted])
        return Found(Fate.HIDDEN)

    def matching(self, query: str, resume: str | None) -> IdPage:
        self._requests += 1
        found = self._tracker.finds.get(query, set())
        if isinstance(found, ConnectorError):
            raise found
        ids, start, size = sorted(found), int(resume or 0), self._tracker.page_size
        page = tuple([Ref(each) for each in ids[start : start + size]])
        return IdPage(page, (str(start + size),) if start + size < len(ids) else ())

    def outside(self, family: Family, resume: str | None) -> IdPage:
        self._requests += 1
        if resume is None:
            self._tracker.families.append(family)
        found = self._tracker.outside.get(family, [])
        if isinstance(found, ConnectorError):
            raise found
        start, size = int(resume or 0), self._tracker.page_size
        page = tuple([Ref(f"id:{key}", key) for key in found[start : start + size]])
        return IdPage(page, (str(start + size),) if start + size < len(found) else ())

    def check(self) -> Account:
        return Account("somebody", tuple(self._tracker.projects))

    def close(self) -> None:
        self._tracker.open -= 1


def _since(each: WorkItem, since: datetime | None) -> bool:
    return since is None or each.updated_at is None or each.updated_at >= since


def _demanded(each: WorkItem, demand: Demand) -> WorkItem:
    return replace(each, fields=tuple(pair for pair in each.fields if pair[0] in demand.fields))


class Reader(Engine):
    """An engine that reads and leaves the ledger alone."""

    def _record(self, run: Run) -> list[Entry]:
        return []


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


class KilledAfterReading(Progress):
    """Ends the run when a source was read: after its take, before anything is recorded."""

    def done(self, report: SourceReport) -> None:
        raise Killed


class KilledAtPage(Progress):
    """Ends the run in the middle of a listing."""

    def page(self, source: str, container: str, items: int, total: int | None) -> None:
        raise Killed


@dataclass
class World:
    """A database, trackers by source name, and goals by key result id, as a config would have them."""

    database: Database
    trackers: Mapping[str, FakeTracker]
    clock: Clock
    goals: dict[str, Goal] = field(default_factory=dict)
    containers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Where the config names other containers than all of the tracker's."""
    reading: dict[str, Demand] = field(default_factory=dict)
    """Site and shaping of a source, where a test sets them."""
    queries: dict[str, frozenset[str]] = field(default_factory=dict)
    """Queries of a source that are asked whatever the rules say."""
    large: int = LARGE
    """Items of a source from which on its facets are kept."""
    guard: Guard = NOBODY_ASKED

    def feed(self, name: str, rule: Rule | None, terms: Terms | None = None, *, cycle: str = "cycle") -> None:
        """Write a key result and its mapping into the config."""
        numeric = terms or Numeric(Decimal(0), Decimal(20))
        self.goals[name] = Goal(KeyResult(name, "objective", cycle, name, numeric), rule, Calendar(), self.guard)

    def engine(self, progress: Progress | None = None) -> Engine:
        """A new engine, as a new process would build it."""
        return Engine(
            database=self.database,
            sources=[
                SourceToRead(name, self._named(name), tracker.connect, self._demand(name), "fake", "1.2")
                for name, tracker in self.trackers.items()
            ],
            goals=list(self.goals.values()),
            clock=self.clock,
            progress=progress or Progress(),
            version="test",
            sleep=lambda _: None,
            large=self.large,
        )

    def sync(self, *, full: bool = False, only: Iterable[str] = ()) -> Report:
        """One run, a minute after the last."""
        self.clock.forward(minutes=1)
        return self.engine().sync(full=full, only=only)

    def read_only(self) -> Report:
        """Read the sources, a minute later, and record nothing: the mirror is ahead of the ledger."""
        self.clock.forward(minutes=1)
        return Reader(**facts(self.engine())).sync(full=True)

    def record(self) -> Report:
        """Record what follows from the mirror as it is, now."""
        return self.engine().sync(only=["nobody"])

    def plan(self) -> dict[str, Planned]:
        """What would become of every key result, by id."""
        containers = {name: self._named(name) for name in self.trackers}
        with self.database.read() as connection:
            planned = plan(connection, list(self.goals.values()), containers, self.clock())
        return {each.id: each for each in planned}

    def close(self, cycle: str = "cycle", **wishes: Any) -> tuple[Entry, ...]:
        """Close a cycle, a minute later; Ada does it."""
        self.clock.forward(minutes=1)
        act = Act("Ada", self.clock(), Run("by hand", {}), "the quarter is over")
        return close_cycle(self.database, self._setup(), list(self.goals.values()), Wish(cycle, **wishes), act)

    def closing(self, cycle: str = "cycle", **wishes: Any) -> tuple[str, ...]:
        """Why a cycle cannot be closed now."""
        wish = Wish(cycle, **wishes)
        with self.database.read() as connection:
            return closing(connection, self._setup(), self.goals.values(), wish, self.clock()).refusals(wish)

    def lint(self) -> list[Finding]:
        """What the mirror says of the rules."""
        with self.database.read() as connection:
            return linted(connection, self._setup(), self.clock())

    def _named(self, name: str) -> tuple[str, ...]:
        return self.containers.get(name, tuple(self.trackers[name].projects))

    def _demand(self, name: str) -> Demand:
        demand = self.reading.get(name, Demand())
        for goal in self.goals.values():
            demand = demand.union(demand_of(goal.rule, name)) if goal.rule else demand
        return demand.union(Demand(queries=self.queries.get(name, frozenset())))

    def entries(self, name: str | None = None) -> list[Entry]:
        with self.database.read() as connection:
            return list(ledger.entries_of(connection, name))

    def value(self, name: str) -> Decimal | None:
        with self.database.read() as connection:
            state = ledger.state_of(connection, name)
        return state.value if state else None

    def explain(self, name: str) -> Explained:
        with self.database.read() as connection:
            answer = explain(connection, self._setup(), name, self.clock())
        assert answer is not None
        return answer

    def status(self, name: str) -> KeyResultStatus:
        with self.database.read() as connection:
            view = status(connection, self._setup(), self.clock(), self.goals[name].key_result.cycle)
        return next(each for each in view.key_results if each.key_result.id == name)

    def overview(self, cycle: str | None = None) -> StatusView:
        """All open cycles, or one."""
        with self.database.read() as connection:
            return status(connection, self._setup(), self.clock(), cycle)

    def refused(self) -> tuple[Refused, ...]:
        """The fields and queries of rules that trackers refuse."""
        setup = self._setup()
        with self.database.read() as connection:
            return refused(connection, setup, {each.name: state_of(connection, each.name) for each in setup.sources})

    def verify(self) -> Verified:
        with self.database.read() as connection:
            return verify(connection)

    def _setup(self) -> Setup:
        return Setup(
            calendar=Calendar(),
            pace=Pace(),
            cycles=(
                Cycle("cycle", date(2026, 10, 1), date(2026, 12, 31)),
                Cycle("next", date(2027, 1, 1), date(2027, 3, 31)),
            ),
            sources=tuple(SourceSetup(name, "fake", self._named(name), timedelta(minutes=5)) for name in self.trackers),
            objectives=(Objective("objective", "cycle", "Objective"),),
            key_results=tuple(goal.key_result for goal in self.goals.values()),
            rules={name: goal.rule for name, goal in self.goals.items() if goal.rule},
        )


def emptied(database: Database) -> Database:
    """The database without a row, for the next world."""
    with database.write() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    return database


def dump(database: Database, *tables: Table) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that stands in the tables, in the order of their keys."""
    with database.read() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in tables
        }


def two_projects(database: Database, large: int = LARGE) -> "World":
    """A world of two projects with five open tickets, measured once."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY", "OPS")
    tracker.put("PAY", *[an_item(f"PAY-{number}") for number in (1, 2, 3)])
    tracker.put("OPS", *[an_item(f"OPS-{number}") for number in (1, 2)])
    world = World(database, {SOURCE: tracker}, clock, large=large)
    world.feed("open", a_rule(a_part(counts=Counts.OPEN)))
    assert world.sync().sources[0].state is Outcome.OK
    return world


def just_measured(database: Database) -> "World":
    """A world of one ticket, which is done, measured once."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", an_item("PAY-0", State.DONE))
    world = World(database, {SOURCE: tracker}, clock)
    world.feed("kr", a_rule(a_part(Measure.COUNT)))
    world.sync()
    return world
