"""A long, random life of the sandbox's trackers, with a mirror that follows: what `test_drill.py` runs.

Each step edits something, breaks something, lets time pass, or polls.  In the end the faults stop, one poll and two
censuses follow, and the mirror must hold what the sandbox holds: told from its records, not read through a connector.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from connectors import registry
from connectors.patience import Pacer, Patient
from okrs.demand import Demand
from okrs.work import Kind, State, WorkItem
from sandbox.clock import SimulatedClock
from sandbox.records import Item, Milestone, Project, Tracker
from sandbox.server import JIRA_EMAIL, Sandbox
from sandbox.world import World
from store import lookup
from store.database import Database
from sync.engine import Engine, Report
from sync.task import Outcome, SourceToRead
from tests.integration.fakes import Quiet

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
SOURCE = "drill"
Mode = Literal["jira", "jira data center", "github", "asana"]
KEYS: Mapping[Tracker, tuple[str, str, str]] = {
    "jira": ("PAY", "OPS", "FAR"),
    "github": ("acme/web", "acme/api", "acme/far"),
    "asana": ("", "", ""),
}

Edit = tuple[str, Callable[[], object]]
"""What it is called, and how it is done."""

Facts = dict[str, Any]
"""What the drill compares of an item."""


def facts_of(item: WorkItem) -> Facts:
    """An item of the mirror, as the oracle tells it."""
    return {
        "key": item.key,
        "kind": item.kind,
        "type": item.type,
        "title": item.title,
        "state": item.state,
        "labels": sorted(item.labels),
        "parent": (item.parent.id or item.parent.name) if item.parent else None,  # an id, or a key: see `by_id`
        "milestones": sorted(item.milestones),
        "members": sorted(item.members),
        "projects": sorted(ref.id for ref in item.projects),
        "sections": sorted(ref.name for ref in item.sections),
        "closed_at": item.closed_at and item.closed_at.replace(microsecond=0),
    }


class Oracle:
    """What a perfect mirror holds, told from the sandbox's records."""

    def __init__(self, world: World, projects: list[Project]) -> None:
        self.world, self.projects = world, projects
        self.tracker = projects[0].tracker

    def everything(self) -> dict[str, Facts]:
        with self.world.lock:
            found = {str(item.id): self._item(item) for item in self.world.items.values() if self._inside(item)}
            if self.tracker != "asana":
                prefix = "version" if self.tracker == "jira" else "milestone"
                found |= {
                    f"{prefix}:{one.id}": self._milestone(one)
                    for one in self.world.milestones
                    if one.project in self.projects
                }
        return found

    def _inside(self, item: Item) -> bool:
        top = item
        while self.tracker == "asana" and top.parent is not None:
            top = top.parent
        return any(project in self.projects for project, _ in self.world.homes(top))

    def _item(self, item: Item) -> Facts:
        facts: Facts = {
            "key": item.key,
            "kind": self._kind(item),
            "type": item.type or ("Pull request" if item.pull else "Issue"),
            "title": item.title,
            "state": self._state(item),
            "labels": sorted(item.labels),
            "parent": str(item.parent.id) if item.parent else None,
            "milestones": [],
            "members": [],
            "projects": sorted(project.key for project, _ in self.world.homes(item)),
            "sections": [],
            "closed_at": item.closed and item.closed.replace(microsecond=0),
        }
        if self.tracker == "asana":
            facts["sections"] = sorted((section or home.sections[0]).name for home, section in self.world.homes(item))
            if item.type == "milestone":
                facts["members"] = sorted(str(one.id) for one in item.blocked_by)
        elif self.tracker == "github":
            facts["projects"] = [str(item.project.id)]
            facts["milestones"] = [f"milestone:{item.milestone.id}"] if item.milestone else []
        else:
            facts["milestones"] = [f"version:{item.milestone.id}"] if item.milestone else []
        return facts

    def _kind(self, item: Item) -> Kind:
        match self.tracker:
            case "jira":
                return {"Epic": Kind.EPIC, "Sub-task": Kind.SUBTASK}.get(item.type, Kind.ISSUE)
            case "github":
                return Kind.PULL_REQUEST if item.pull else Kind.ISSUE
            case "asana":
                if item.type == "milestone":
                    return Kind.MILESTONE
                return Kind.SUBTASK if item.parent else Kind.ISSUE

    def _state(self, item: Item) -> State:
        if self.tracker == "github" and item.pull and item.state in ("todo", "doing"):
            return State.TODO if item.draft else State.DOING
        if self.tracker != "jira" and item.state == "doing":
            return State.TODO
        return State(item.state)

    def _milestone(self, one: Milestone) -> Facts:
        jira = self.tracker == "jira"
        closed = one.closed
        return {
            "key": f"{one.project.key}/version/{one.id}" if jira else f"{one.project.key}/milestone/{one.number}",
            "kind": Kind.MILESTONE,
            "type": "version" if jira else "milestone",
            "title": one.title,
            "state": State.DONE if closed else State.TODO,
            "labels": [],
            "parent": None,
            "milestones": [],
            "members": [],
            "projects": [one.project.key if jira else str(one.project.id)],
            "sections": [],
            "closed_at": closed
            and (_midnight(closed) if jira else closed.replace(microsecond=0)),  # releases have a day
        }


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def by_id(facts: Facts, held: Mapping[str, Facts]) -> Facts:
    """Name the parent by its id, and leave out what an item says of others that are gone.

    Trackers drop such words without a date, and no rule that joins by id sees them.
    """
    keys = {one["key"]: name for name, one in held.items() if one["kind"] is not Kind.MILESTONE}
    parent = facts["parent"]
    return facts | {
        "milestones": [one for one in facts["milestones"] if one in held],
        "members": [one for one in facts["members"] if one in held],
        "parent": parent if parent in held else keys.get(parent),
    }


def tracker_of(mode: Mode) -> Tracker:
    return "jira" if mode == "jira data center" else mode


def serving(mode: Mode, world: World) -> Sandbox:
    """Serve a world in the way of one mode."""
    return Sandbox(world, jira_mode="data_center" if mode == "jira data center" else "cloud")


def source_of(
    mode: Mode, sandbox: Sandbox, projects: Sequence[Project], demand: Demand, **keys: object
) -> SourceToRead:
    """Return the source that reads these projects, with all retries and no waiting; `keys` are more of its config."""
    tracker = tracker_of(mode)
    known = registry.find(tracker)
    settings = known.settings.model_validate(
        {
            "connector": tracker,
            "url": sandbox.urls[tracker],
            "token": sandbox.tokens[tracker],
            "repositories" if tracker == "github" else "projects": tuple(project.key for project in projects),
            **({"email": JIRA_EMAIL} if mode == "jira" else {}),
            **keys,
        }
    )
    return SourceToRead(
        SOURCE,
        settings.container_names,
        lambda: Patient(known.connect(settings), Pacer(sleep=lambda _: None)),
        Demand(site=settings.site, shaping=settings.shaping).union(demand),
    )


def engine_of(source: SourceToRead, database: Database, clock: SimulatedClock) -> Engine:
    """Return an engine that reads one source, as a new process would build it."""
    return Engine(
        database=database,
        sources=[source],
        goals=[],
        clock=clock.now,
        progress=Quiet(),
        version="drill",
        sleep=lambda _: None,
    )


@dataclass
class Drill:
    """One random life."""

    tracker: Tracker
    mode: Mode
    database: Database
    sandbox: Sandbox
    clock: SimulatedClock
    projects: list[Project]
    dice: random.Random
    demand: Demand = field(default_factory=Demand)
    polls: int = 0
    failures: int = 0
    log: list[str] = field(default_factory=list)
    """What was done, for whoever has to understand a failure."""

    @property
    def world(self) -> World:
        return self.sandbox.world

    def step(self) -> None:
        """Do one thing."""
        throw = self.dice.random()
        if throw < 0.62:
            self.log.append(self.edit())
        elif throw < 0.74:
            self.log.append(self.break_something())
        elif throw < 0.86:
            self.clock.advance(timedelta(minutes=self.dice.choice((1, 5, 14, 60, 300))))
        else:
            self.poll()

    def settle(self) -> dict[str, tuple[Facts | None, Facts | None]]:
        """Stop the faults, poll once, take two censuses.  Returns what differs: (in the sandbox, in the mirror)."""
        self.sandbox.faults.clear()
        self.world.lag = timedelta
        for item in self.world.items.values():
            item.visible = None
        self.clock.advance(timedelta(minutes=5))
        self._must(self.poll())
        for _ in range(2):
            self.clock.advance(timedelta(hours=25))
            self._must(self.poll())
        return self.differences()

    def differences(self) -> dict[str, tuple[Facts | None, Facts | None]]:
        with self.database.read() as connection:
            held = {seen.item.id: facts_of(seen.item) for seen in lookup.items_of(connection, SOURCE)}
            known = lookup.look_up(connection, SOURCE, [str(item.id) for item in self.world.items.values()])
        true = Oracle(self.world, self.projects).everything()
        # What was archived before anybody listed it here is in no listing and no census: nobody can know of it.
        for item in self.world.items.values():
            _, gone = known.get(str(item.id), (None, "moved"))
            if item.archived and gone == "moved":
                true.pop(str(item.id), None)
        there, here = ({name: by_id(facts, every) for name, facts in every.items()} for every in (true, held))
        both = {name: (there.get(name), here.get(name)) for name in there.keys() | here.keys()}
        return {name: (one, other) for name, (one, other) in both.items() if one != other}

    def poll(self) -> Report:
        self.polls += 1
        report = self._engine().sync()
        self.failures += report.sources[0].state is not Outcome.OK
        self.log.append(f"poll: {report.sources[0]}")
        return report

    def _must(self, report: Report) -> None:
        assert report.sources[0].state is Outcome.OK, report.sources[0]

    def _engine(self) -> Engine:
        return engine_of(source_of(self.mode, self.sandbox, self.projects, self.demand), self.database, self.clock)

    # what may happen

    def edit(self) -> str:
        """One edit that people make."""
        world, dice = self.world, self.dice
        items = [item for item in world.items.values() if item.project.tracker == self.tracker]
        item = dice.choice(items)
        name, act = dice.choice(self._edits(item))
        act()
        return f"{name} {item.key} at {self.clock.now():%d %H:%M}"

    def _edits(self, item: Item) -> list[Edit]:
        world, dice = self.world, self.dice
        number = dice.randrange(10_000)
        edits: list[Edit] = [
            ("create beside", lambda: self._create(item.project)),
            ("create beside", lambda: self._create(item.project)),
            ("close", lambda: world.close(item)),
            ("reopen", lambda: world.reopen(item)),
            ("start", lambda: world.start(item)),
            ("retitle", lambda: world.retitle(item, f"Title {number}")),
            ("relabel", lambda: world.relabel(item, dice.sample(("p1", "p2", "web"), dice.randrange(3)))),
            ("estimate", lambda: world.estimate(item, float(number % 9))),
        ]
        if self._spare(item):
            edits.append(("delete", lambda: world.delete(item)))
            edits.append(("cancel", lambda: world.cancel(item)))
        edits += {"jira": self._jira, "github": self._github, "asana": self._asana}[self.tracker](item)
        return edits

    def _spare(self, item: Item) -> bool:
        """A container that lost everything is not believed; the first item of each stays."""
        return item.title != "The first"

    def _create(self, project: Project) -> Item:
        world, dice = self.world, self.dice
        mine = world.items_of(project)
        number = project.last_number + 1
        if self.tracker == "jira":
            epics = [one for one in mine if one.type == "Epic"]
            type_ = dice.choice(("Bug", "Story", "Task", "Epic", "Sub-task"))
            stories = [one for one in mine if one.type in ("Bug", "Story", "Task")]
            parent = None
            if type_ == "Sub-task":
                parent = dice.choice(stories) if stories else None
                type_ = type_ if parent else "Task"
            elif type_ != "Epic" and epics and dice.random() < 0.5:
                parent = dice.choice(epics)
            return world.create(project, f"New {number}", type_, parent=parent, milestone=self._some_milestone(project))
        if self.tracker == "github":
            parent = dice.choice([one for one in mine if not one.pull] or [None]) if dice.random() < 0.2 else None
            pull = parent is None and dice.random() < 0.3
            return world.create(
                project, f"New {number}", pull=pull, draft=pull and dice.random() < 0.3, parent=parent,
                milestone=self._some_milestone(project),
            )  # fmt: skip
        parent = dice.choice(mine) if mine and dice.random() < 0.4 else None
        type_ = dice.choice(("default_task", "default_task", "milestone", "approval"))
        return world.create(project, f"New {number}", type_, parent=parent)

    def _some_milestone(self, project: Project) -> Milestone | None:
        mine = [one for one in self.world.milestones if one.project is project]
        return self.dice.choice(mine) if mine and self.dice.random() < 0.3 else None

    def _milestones(self, item: Item) -> list[Edit]:
        world, dice = self.world, self.dice
        mine = [one for one in world.milestones if one.project is item.project]
        title = f"Goal {item.project.last_milestone + 1}"
        edits: list[Edit] = [("add milestone beside", lambda: world.add_milestone(item.project, title))]
        if mine:
            one = dice.choice(mine)
            edits += [
                ("rename milestone beside", lambda: world.rename_milestone(one, f"{one.title}'")),
                ("release milestone beside", lambda: world.release(one)),
                ("plan", lambda: world.move(item, milestone=one)),
            ]
            if dice.random() < 0.3:
                edits.append(("delete milestone beside", lambda: world.delete_milestone(one)))
        return edits

    def _others(self, item: Item) -> list[Project]:
        every = [one for one in self.world.projects if one.tracker == self.tracker]
        return [one for one in every if one is not item.project]

    def _jira(self, item: Item) -> list[Edit]:
        world, dice = self.world, self.dice
        edits = self._milestones(item)
        edits += [("archive", lambda: world.archive(item)), ("unarchive", lambda: world.unarchive(item))]
        edits.append(("detach", lambda: world.detach(item) if item.type != "Sub-task" else None))
        if self._spare(item) and item.type != "Sub-task":
            edits += [("move", lambda: world.move_project(item, dice.choice(self._others(item))))] * 2
        if dice.random() < 0.05:
            project = item.project
            edits.append(("rename project of", lambda: world.rename_project(project, f"K{dice.randrange(10**6)}")))
        return edits

    def _github(self, item: Item) -> list[Edit]:
        world, dice = self.world, self.dice
        edits = self._milestones(item)
        edits.append(("detach", lambda: world.detach(item)))
        if self._spare(item) and not item.pull:
            edits += [("transfer", lambda: world.transfer(item, dice.choice(self._others(item))))] * 2
        if dice.random() < 0.05:
            edits.append(
                ("rename project of", lambda: world.rename_project(item.project, f"acme/r{dice.randrange(10**6)}"))
            )
        return edits

    def _asana(self, item: Item) -> list[Edit]:
        world, dice = self.world, self.dice
        edits: list[Edit] = []
        if item.parent is None:
            sections = item.project.sections
            edits.append(("to section", lambda: world.move(item, section=dice.choice(sections))))
            edits.append(("multi-home", lambda: world.add_home(item, dice.choice(self._others(item)))))
            if self._spare(item):
                edits += [("move", lambda: world.move_project(item, dice.choice(self._others(item))))] * 2
            others = [one for one in world.items_of(item.project) if one is not item]
            if item.type == "milestone" and others:
                edits += [("block", lambda: world.block(item, [dice.choice(others)]))] * 2
        if world.trash:
            one = dice.choice(list(world.trash.values()))
            if one.parent is None or one.parent.id in world.items:
                edits += [("restore one beside", lambda: world.restore(one))] * 2
        return edits

    def break_something(self) -> str:
        """Plan trouble for the next requests."""
        faults, dice, tracker = self.sandbox.faults, self.dice, self.tracker
        times = dice.choice((1, 1, 1, 2, 5))
        later = {"jira": "nextPageToken=", "jira data center": "startAt=", "github": "page=", "asana": "offset="}[
            self.mode
        ]
        path = dice.choice(("", "", later))
        wait = dice.choice((1, 30, 300, "Wed, 25 Nov 2026 10:00:00 GMT"))
        troubles: list[Edit] = [
            ("429", lambda: faults.status(429, retry_after=wait, tracker=tracker, path=path, times=times)),
            ("500", lambda: faults.status(500, tracker=tracker, path=path, times=times)),
            ("502", lambda: faults.status(502, tracker=tracker, path=path, times=times)),
            ("401", lambda: faults.status(401, tracker=tracker, path=path)),
            ("403", lambda: faults.status(403, tracker=tracker, path=path)),
            ("404", lambda: faults.status(404, tracker=tracker, path=path)),
            ("html", lambda: faults.html(tracker=tracker, path=path, times=times)),
            ("cut", lambda: faults.cut(tracker=tracker, path=path, times=times)),
            ("drop", lambda: faults.drop(tracker=tracker, path=path, times=times)),
            ("expired token", lambda: faults.status(400, tracker=tracker, path=later)),
            ("small pages", lambda: faults.page_caps.update({tracker: dice.choice((1, 3, 7))})),
            ("large pages", lambda: faults.page_caps.pop(tracker, None)),
            ("overlapping pages", lambda: faults.overlaps.add(tracker)),
            ("clean pages", lambda: faults.overlaps.discard(tracker)),
            ("edit between pages", lambda: faults.then(self.edit, tracker=tracker, path=path, times=times)),
            ("lag", lambda: setattr(self.world, "lag", lambda: timedelta(minutes=dice.choice((0, 1, 9))))),
        ]
        name, act = dice.choice(troubles)
        act()
        return f"{name} on {path or 'anything'} × {times}"


@contextmanager
def drilling(mode: Mode, seed: int, database: Database) -> Iterator[Drill]:
    """A small world of one tracker: two projects that are read and one that is not."""
    tracker = tracker_of(mode)
    dice = random.Random(seed)
    clock = SimulatedClock(START)
    world = World(clock)
    for login in ("mira", "jonas"):
        world.add_user(login.title(), login)
    sections = ("Ideas", "Doing") if tracker == "asana" else ()
    projects = [
        world.add_project(tracker, f"Project {number}", key, sections) for number, key in enumerate(KEYS[tracker])
    ]
    with serving(mode, world) as sandbox:
        drill = Drill(tracker, mode, database, sandbox, clock, projects[:2], dice)
        for project in projects:
            first = "Task" if tracker == "jira" else "default_task" if tracker == "asana" else ""
            world.create(project, "The first", first)
            for _ in range(4):
                drill._create(project)
        yield drill
