"""A long, random life of the sandbox's trackers, with a mirror that follows: what `test_drill.py` runs.

Each step edits something, breaks something, takes a permission away, changes what the rules demand, lets time pass, or
polls.  In the end the faults stop, one poll and two censuses follow, and the mirror must hold what the sandbox holds,
every fact of it: told from its records (`drill_oracle`), not read through a connector.  What trackers do not date (new
names of labels, sections and other items, what happened while the issues of a project were hidden or an issue was
archived) may be as it was; it must be right after one complete read more.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest
from sqlalchemy import select

from connectors import line, registry
from connectors.patience import Pacer, Patient
from okrs.demand import Demand
from okrs.work import Kind
from sandbox.asana import AsanaApi
from sandbox.clock import SimulatedClock
from sandbox.github import GitHubApi
from sandbox.records import Board, Project, Tracker
from sandbox.server import JIRA_EMAIL, Sandbox
from sandbox.world import World
from store import lookup, queries
from store.database import Database, open_database
from store.tables import item, presence
from sync.engine import Engine, Report
from sync.listing import OVERLAP
from sync.task import Outcome, Progress, SourceToRead
from tests.integration.drill_edits import Edit, People
from tests.integration.drill_oracle import FIELDS, KINDS, QUERIES, Facts, Names, Oracle, facts_of

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
SOURCE = "drill"
Mode = Literal["jira", "jira data center", "github", "asana"]
MODES: tuple[Mode, ...] = ("jira", "jira data center", "github", "asana")
KEYS: Mapping[Tracker, tuple[str, str, str]] = {
    "jira": ("PAY", "OPS", "FAR"),
    "github": ("acme/web", "acme/api", "acme/far"),
    "asana": ("", "", ""),
}
LATER: Mapping[Mode, str] = {
    "jira": "nextPageToken=",
    "jira data center": "startAt=",
    "github": "page=",
    "asana": "offset=",
}
"""What stands in the address of a page that is not the first."""

Differences = dict[str, tuple[Any, Any]]
"""By an item's id or a query's text: what is in the sandbox, and what in the mirror."""

HASTE, PATIENCE = 0.05, 0.5
"""Seconds that an answer is waited for while one hangs, and seconds that it hangs."""


def tracker_of(mode: Mode) -> Tracker:
    return "jira" if mode == "jira data center" else mode


def serving(mode: Mode, world: World) -> Sandbox:
    """Serve a world in the way of one mode."""
    return Sandbox(world, jira_mode="data_center" if mode == "jira data center" else "cloud")


def source_of(
    mode: Mode, sandbox: Sandbox, projects: Sequence[Project | str], demand: Demand, **keys: object
) -> SourceToRead:
    """Return the source that reads these projects, with all retries and no waiting; `keys` are more of its config."""
    tracker = tracker_of(mode)
    known = registry.find(tracker)
    names = tuple(one if isinstance(one, str) else one.key for one in projects)
    settings = known.settings.model_validate(
        {
            "connector": tracker,
            "url": sandbox.urls[tracker],
            "token": sandbox.tokens[tracker],
            "repositories" if tracker == "github" else "projects": names,
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
        progress=Progress(),
        version="drill",
        sleep=lambda _: None,
    )


@dataclass(frozen=True)
class Pace:
    """How a life goes."""

    steps: int = 120
    items: int = 4
    """In each project, when it begins."""
    minutes: tuple[int, ...] = (1, 5, 14, 60, 300)
    """How much time may pass in one step."""
    pages: tuple[int, ...] = (1, 3, 7)
    """How small the pages of a tracker may become."""
    lags: tuple[int, ...] = (0, 1, 9)
    """After how many minutes the tracker's index may notice a change."""
    lost: float = 0.0
    """How many of the events of changes get lost, as a share."""
    ahead: tuple[int, ...] = (0,)
    """By how many minutes a change may be dated too late: by a server whose clock is wrong, or by an import."""
    meddling: Literal["as it comes", "none", "rules"] = "as it comes"
    """Whether rules, names and permissions change, or the rules alone; with none of them only queries are demanded.
    Whatever is read anew because of them hides what was lost before."""

    @property
    def late(self) -> bool:
        """What shows up may be older than any poll but the daily one looks back."""
        return timedelta(minutes=max(self.lags)) > OVERLAP


DAYS = (1, 5, 60, 300, 1800)
SHORT, LONG = Pace(), Pace(minutes=DAYS)
QUIET, WANTING = Pace(meddling="none"), Pace(minutes=DAYS, meddling="rules")
LATE = Pace(steps=200, minutes=(60, 120, 300), lags=(0, 20, 900, 1200), lost=0.9, meddling="none")
AHEAD = Pace(minutes=(1, 5, 14, 60), ahead=(0, 0, 120, 600), lost=1.0, meddling="none")
LARGE = Pace(steps=40, items=170, pages=(40, 70))


@dataclass
class Drill:
    """One random life."""

    mode: Mode
    database: Database
    sandbox: Sandbox
    clock: SimulatedClock
    names: list[str]
    """Of the projects that are read, as the config spells them."""
    dice: random.Random
    people: People
    pace: Pace = SHORT
    demand: Demand = field(default_factory=Demand)
    without: frozenset[str] = frozenset()
    """What does not happen in this life."""
    powers: bool = True
    """Administrators take permissions away and give them back, and people ask for complete reads."""
    learning: bool = True
    """The rules change.  As after renames and returned permissions, a complete read follows: it would hide what reads
    of the changes alone lose, so that a life has each of the three or not."""
    polls: int = 0
    failures: int = 0
    blind: bool = False
    """For a while the issues of a project were hidden and the project was not: what changed then came in no listing,
    and nothing told, unless a census fell into that time.  Only a complete read tells it later."""
    hurried: bool = False
    """An answer hangs, so nobody waits long."""
    log: list[str] = field(default_factory=list)
    """What was done, for whoever has to understand a failure."""

    @property
    def tracker(self) -> Tracker:
        return tracker_of(self.mode)

    @property
    def world(self) -> World:
        return self.sandbox.world

    @property
    def projects(self) -> list[Project]:
        """What the names of the config mean today: a project of that name, else one that had it."""
        every = [one for one in self.world.projects if one.tracker == self.tracker]
        now, then = ({one.key: one for one in every}, {old: one for one in reversed(every) for old in one.former})
        return [now.get(name) or then[name] for name in self.names]

    def step(self) -> None:
        """Do one thing."""
        throw = self.dice.random()
        if 0.56 <= throw < 0.68:
            self.log.append(self._one_of(self._troubles()))
        elif 0.68 <= throw < 0.71 and self.powers:
            self.log.append(self._one_of(self._powers()))
        elif 0.71 <= throw < 0.75 and self.learning:
            self.demand = draw_demand(self.tracker, self.dice, boards=self.people.board is not None)
            self.log.append(f"the rules demand {self.demand}")
        elif throw < 0.75:
            self.log.append(self.people.edit())
        elif throw < 0.87:
            self.clock.advance(timedelta(minutes=self.dice.choice(self.pace.minutes)))
        else:
            self.poll(full=self.powers and self.dice.random() < 0.06)

    def settle(self) -> Differences:
        """Stop the faults, poll once, take two censuses; then read everything anew.  Returns what differs.

        The one poll must bring whatever changed, if the index noticed it in time; else the daily look back does.  Who
        left is for the censuses to tell, each at the first poll a day after the last one.  Two polls lie between them
        on Asana: its tokens of events live a day, and after a longer pause its projects would be read anew as a whole,
        which hides what was lost.
        """
        self.calm()
        self.clock.advance(timedelta(minutes=5))
        self.must_poll()
        found = {} if self.blind or self.pace.late else self.differences(forgiving=True, left=False)
        if found:
            return found
        for pause in (12.5,) * 4 if self.tracker == "asana" else (24.5,) * 2:
            self.clock.advance(timedelta(hours=pause))
            self.must_poll()
        found = {} if self.blind else self.differences(forgiving=True)
        if found:
            return found
        self.must_poll(full=True)
        return self.differences(forgiving=False)

    def calm(self) -> None:
        """Stop the faults, and give back what was taken away."""
        self.sandbox.faults.clear()
        self.hurried = False
        self.world.lag = self.world.ahead = timedelta
        self.world.loses = lambda: False
        for one in self.world.items.values():
            one.visible = None
        for project in self.world.projects:
            project.hidden = project.barred = project.archived = False
        if self.tracker == "jira":  # knows no project by a key that it had
            self.names = [one.key for one in self.projects]
        elif self.mode == "github":
            github = self.sandbox.apis["github"]
            assert isinstance(github, GitHubApi)
            github.strict_search = False
            github.boards.archived = True

    def differences(self, *, forgiving: bool = False, left: bool = True) -> Differences:
        """Return what differs; `forgiving` is about names that no tracker dates.

        Without `left` it is not about what a census tells, and the daily look at boards: items that are gone, or
        archived, the sprints of a board of Jira that had none, and what GitHub's boards say of what left them.
        """
        with self.database.read() as connection:
            hits = queries.hits(connection, SOURCE)
        base, cloud = self.sandbox.urls[self.tracker], self.mode == "jira"
        oracle = Oracle(self.world, self.projects, self.demand, base, cloud, self.people.board)
        true, held = oracle.everything(), self._mirror()
        for name in self._unknowable(left=left):
            true.pop(name, None)
        if not left:
            true = {name: facts for name, facts in true.items() if name in held or facts["kind"] is not Kind.SPRINT}
            held = {name: facts for name, facts in held.items() if name in true}
            if self.tracker == "github":
                true, held = ({name: {**facts, "fields": []} for name, facts in some.items()} for some in (true, held))
        plain = partial(self.people.names.plain, self.world, forgiving=forgiving)
        there, here = (
            {name: plain(facts, some if left else held) for name, facts in some.items()} for some in (true, held)
        )
        both = {name: (there.get(name), here.get(name)) for name in sorted(there.keys() | here.keys())}
        if forgiving:
            both = {name: pair for name, pair in both.items() if name not in self.people.back}
        found: Differences = {name: _apart(*pair) for name, pair in both.items() if pair[0] != pair[1]}
        for text, ids in oracle.hits().items():
            told = sorted(hits.get(text, ("never asked",)))
            if told != sorted(ids):
                found[text] = (sorted(ids), told)
        return found

    def _mirror(self) -> dict[str, Facts]:
        """What the mirror holds, as far as it is demanded."""
        with self.database.read() as connection:
            seen = [each.item for each in lookup.items_of(connection, SOURCE)]
        return {one.id: facts_of(one, self.demand) for one in seen if self.demand.sprints or one.kind != "sprint"}

    def _unknowable(self, *, left: bool) -> list[str]:
        """What was archived before anybody listed it here is in no listing and no census: nobody can know of it."""
        archived = [str(one.id) for one in self.world.items.values() if one.archived]
        with self.database.read() as connection:
            known = lookup.look_up(connection, SOURCE, archived)
        return [name for name in archived if not left or known.get(name, (None, "moved"))[1] == "moved"]

    def poll(self, *, full: bool = False) -> Report:
        """Read the source.  Whatever is out of sight meanwhile must not leave."""
        before = self._kept()
        self.polls += 1
        with pytest.MonkeyPatch.context() as patch:
            if self.hurried:
                patch.setattr(line, "TIMEOUT", (line.CONNECT_TIMEOUT, HASTE))
            report = self._engine().sync(full=full)
        told = report.sources[0]
        self.failures += told.state is not Outcome.OK
        self.log.append(f"poll: {told}")
        assert "unexpectedly" not in (told.error or ""), self.story()
        for lost, ids in before.items():
            # What was seen elsewhere meanwhile has moved.
            there = {str(one.id) for one in self.world.items.values() if str(one.project.id) == lost}
            gone = ids & there - self._held_in(lost)
            assert not gone, f"{lost} was out of sight, and {gone} left it\n{self.story()}"
        return report

    def must_poll(self, *, full: bool = False) -> Report:
        """Read the source, which must go well."""
        report = self.poll(full=full)
        assert report.sources[0].state is Outcome.OK, self.story()
        return report

    def story(self) -> str:
        """The last things that happened."""
        return "\n".join(self.log[-40:])

    def _kept(self) -> dict[str, set[str]]:
        """What the mirror has of the containers that are out of sight, by their ids."""
        lost = [one for one in self.projects if one.hidden or one.barred or one.archived]
        lost = [one for one in lost if one.hidden or self.tracker == "jira"]  # others show what is archived
        return {str(one.id): self._held_in(str(one.id)) for one in lost}

    def _held_in(self, container: str) -> set[str]:
        here = (presence.c.source == SOURCE, presence.c.container == container, item.c.gone.is_(None))
        joined = presence.join(item, (item.c.source == presence.c.source) & (item.c.id == presence.c.item))
        with self.database.read() as connection:
            return {row.item for row in connection.execute(select(presence.c.item).select_from(joined).where(*here))}

    def _engine(self) -> Engine:
        keys: dict[str, object] = {}
        if self.tracker == "jira":
            keys["fields"] = {FIELDS["jira"]: "customfield_10016"}
        if self.people.board is not None:
            keys["boards"] = [f"{self.people.board.owner}/{self.people.board.number}"]
        return engine_of(source_of(self.mode, self.sandbox, self.names, self.demand, **keys), self.database, self.clock)

    # what may happen

    def _one_of(self, every: Sequence[Edit]) -> str:
        name, act = self.dice.choice([one for one in every if one[0] not in self.without])
        act()
        return name

    def _powers(self) -> list[Edit]:
        """What an administrator does to the projects that are read, and to the config."""
        dice = self.dice
        project = dice.choice(self.projects)
        free = [one for one in self.world.projects if one not in self.projects and one.tracker == self.tracker]
        give_back: list[Edit] = [("give everything back", self._give_back)] * 3
        acts: list[Edit] = [
            *give_back,
            ("hide a project", lambda: setattr(project, "hidden", True)),
            ("the config learns of new names", self._learn),
        ]
        if self.tracker == "jira":
            acts.append(("hide the issues of a project", lambda: self._bar(project)))
        if self.tracker != "github":
            acts.append(("archive a project", lambda: setattr(project, "archived", True)))
        if project.former and free and self.mode == "github" and project.key not in self.names:
            name = project.former[-1]
            acts.append(("another project takes over a name", lambda: self.world.rename_project(free[0], name)))
        return acts

    def _bar(self, project: Project) -> None:
        project.barred = self.blind = True

    def _give_back(self) -> None:
        for project in self.world.projects:
            project.hidden = project.barred = project.archived = False

    def _learn(self) -> None:
        self.names = [one.key for one in self.projects]

    def _troubles(self) -> list[Edit]:
        """Trouble for the next requests."""
        faults, dice, tracker = self.sandbox.faults, self.dice, self.tracker
        times = dice.choice((1, 1, 1, 2, 5))
        later = LATER[self.mode]
        path = dice.choice(("", "", later))
        one = dice.choice(self.projects)
        home = f"/repos/{one.key}" if tracker == "github" else f"/{one.id}"
        wait = dice.choice((1, 30, 300, "Wed, 25 Nov 2026 10:00:00 GMT"))
        limit = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(self.clock.now().timestamp()) + 900)}
        words = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
        where: dict[str, Any] = {"tracker": tracker, "path": path}
        troubles: list[Edit] = [
            ("429", lambda: faults.status(429, retry_after=wait, times=times, **where)),
            ("500", lambda: faults.status(500, times=times, **where)),
            ("502", lambda: faults.status(502, times=times, **where)),
            ("503 for some time", lambda: faults.status(503, retry_after=wait, times=times, **where)),
            ("401", lambda: faults.status(401, **where)),
            ("403", lambda: faults.status(403, **where)),
            ("404", lambda: faults.status(404, **where)),
            ("used up", lambda: faults.status(403 if tracker == "github" else 429, headers=limit, **where)),
            ("secondary limit", lambda: faults.status(403, message=words, retry_after=wait, times=times, **where)),
            ("403 in one project", lambda: faults.status(403, tracker=tracker, path=home, times=times)),
            ("404 in one project", lambda: faults.status(404, tracker=tracker, path=home, times=times)),
            ("html", lambda: faults.html(times=times, **where)),
            ("cut", lambda: faults.cut(times=times, **where)),
            ("drop", lambda: faults.drop(times=times, **where)),
            ("hang", lambda: self._hang(times, path)),
            ("expired token", lambda: faults.status(400, tracker=tracker, path=later)),
            ("small pages", lambda: faults.page_caps.update({tracker: dice.choice(self.pace.pages)})),
            ("large pages", lambda: faults.page_caps.pop(tracker, None)),
            ("overlapping pages", lambda: faults.overlaps.add(tracker)),
            ("clean pages", lambda: faults.overlaps.discard(tracker)),
        ]
        troubles += [  # what a poll loses most easily
            ("edit between pages", lambda: faults.then(self._edit, times=times, **where)),
            ("lag", self.lag),
        ] * 3
        api = self.sandbox.apis[tracker]
        if isinstance(api, AsanaApi):
            troubles += [
                ("tokens of pages expire", lambda: faults.then(api.expire_offsets, tracker=tracker, path="/tasks")),
                ("tokens of events expire", api.expire_syncs),
            ]
        if isinstance(api, GitHubApi):
            server = "" if api.server else "3.17.2"
            troubles.append(("another server", lambda: setattr(api, "server", server)))
            troubles.append(("no archived items", lambda: setattr(api.boards, "archived", not api.boards.archived)))
            boards: dict[str, Any] = {"tracker": tracker, "path": "/graphql", "times": times}
            troubles += [
                ("searches are strict", lambda: setattr(api, "strict_search", not api.strict_search)),
                ("errors beside data", lambda: faults.partly("Something went wrong while executing it.", **boards)),
                ("502 for boards", lambda: faults.status(502, **boards)),
                ("edit between pages of boards", lambda: faults.then(self._edit, **boards)),
            ]
        return [
            (f"{name} on {path or 'anything'} × {times}", act) for name, act in troubles if name not in self.without
        ]

    def lag(self) -> None:
        """From now on the tracker's index notices what changes after some time."""
        self.world.lag = lambda: timedelta(minutes=self.dice.choice(self.pace.lags))

    def _edit(self) -> None:
        self.log.append(f"between pages: {self.people.edit()}")

    def _hang(self, times: int, path: str) -> None:
        self.hurried = True
        self.sandbox.faults.hang(PATIENCE, times=times, tracker=self.tracker, path=path)


def _apart(one: Facts | None, other: Facts | None) -> tuple[Any, Any]:
    """Of two forms of an item, what differs."""
    if one is None or other is None:
        return one, other
    names = [name for name in one if one[name] != other[name]]
    return {name: one[name] for name in names}, {name: other[name] for name in names}


def draw_demand(tracker: Tracker, dice: random.Random, *, boards: bool = False) -> Demand:
    """Return what the rules of a life demand; what a tracker does not have may be demanded, too."""
    asked = list(QUERIES[tracker])
    fields = [FIELDS[tracker]] if dice.random() < 0.6 else []
    fields += [name for name in KINDS[tracker] if dice.random() < 0.3]
    if tracker == "github" and not boards:
        fields = []
    return Demand(
        fields=frozenset(fields),
        sprints=dice.random() < 0.5,
        histories=dice.random() < 0.5,
        refs=dice.random() < 0.5,
        queries=frozenset(dice.sample(asked, dice.randrange(min(3, len(asked) + 1)))),
    )


@contextmanager
def drilling(
    mode: Mode, seed: int, database: Database, pace: Pace = SHORT, without: frozenset[str] = frozenset()
) -> Iterator[Drill]:
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
    for project in projects if tracker != "github" else ():
        project.fields.update(KINDS[tracker])
    board: Board | None = None
    if tracker == "github" and dice.random() < 0.7:
        board = world.add_board("acme", "Roadmap", {FIELDS["github"]: "NUMBER", **KINDS["github"]})
    people = People(tracker, world, dice, Names(), board)
    with serving(mode, world) as sandbox:
        names = [one.key for one in projects[:2]]
        demand = Demand(queries=frozenset(QUERIES[tracker]))
        if pace.meddling != "none":
            demand = draw_demand(tracker, dice, boards=board is not None)
        world.loses = lambda: dice.random() < pace.lost
        world.ahead = lambda: timedelta(minutes=dice.choice(pace.ahead))
        drill = Drill(mode, database, sandbox, clock, names, dice, people, pace, demand, without)
        meddled = pace.meddling == "as it comes" and dice.random() < 0.5
        drill.powers, drill.learning, people.renaming = (meddled and dice.random() < 0.6 for _ in range(3))
        drill.learning |= pace.meddling == "rules"
        if dice.random() < 0.4:
            sandbox.faults.page_caps[tracker] = dice.choice(pace.pages)
        for project in projects:
            first = "Task" if tracker == "jira" else "default_task" if tracker == "asana" else ""
            world.create(project, "The first", first)
            if tracker != "asana" and dice.random() < 0.5:
                world.add_milestone(project, "Goal")
            for _ in range(pace.items):
                people.furnish(people.create(project))
        people.names.note(world.items.values())
        if dice.random() < 0.5:
            drill.lag()
        yield drill


def a_database(folder: Path, seed: int) -> Database:
    return open_database(f"sqlite:///{folder / f'{seed}.db'}", create=True)


def live(mode: Mode, seed: int, folder: Path, pace: Pace) -> tuple[Differences, Drill]:
    """Live one life.  Returns what differs in the end."""
    database = a_database(folder, seed)
    try:
        with drilling(mode, seed, database, pace) as drill:
            for _ in range(drill.pace.steps):
                drill.step()
            return drill.settle(), drill
    finally:
        database.close()
