"""The three connectors keep the laws of all connectors, against the sandbox."""

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson

from connectors import asana, github, jira
from connectors.asana import normalise as asana_items
from connectors.asana.values import wanted
from connectors.conformance import Golden, HttpConformance, Tracker
from connectors.conformance.loopback import Handler
from connectors.conformance.questions import Outcome
from connectors.conformance.relay import Relay
from connectors.conformance.troubles import Reply
from connectors.github import normalise as github_items
from connectors.jira import normalise as jira_items
from connectors.jira.transport import POSTS
from okrs.demand import Demand
from okrs.work import Ref, WorkItem
from sandbox.clock import SimulatedClock
from sandbox.custom_fields import jira_id
from sandbox.records import Item, Project
from sandbox.server import JIRA_EMAIL, TOKENS, Sandbox
from sandbox.world import World

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
GOLDEN = Path(__file__).parents[1] / "unit" / "golden"
_CAP = 4
"""Items a page, so that a small world has several."""
_EDITED = _CAP + 1
"""Items of the first project that change, so that what changed takes several, too."""


@dataclass
class Office:
    """A sandbox as one tracker, in a world of two projects whose ids and keys are always the same."""

    sandbox: Sandbox
    url: str
    edited: Sequence[Item]

    def now(self) -> datetime:
        return self.sandbox.world.clock.now()

    def change(self) -> Collection[str]:
        world = self.sandbox.world
        self._wait()
        world.close(self.edited[0])
        for item in self.edited[1:]:
            world.retitle(item, "Said in other words")
        self._wait()
        return [item.key for item in self.edited]

    def move(self) -> Mapping[str, str]:
        """Move an issue or a task, of which Jira spells the key anew; GitHub's have new keys with their repository."""
        world, first, keys = self.sandbox.world, self.edited[0], [item.key for item in self.edited]
        if first.project.tracker == "github":
            world.rename_project(first.project, "acme/www")
        else:
            world.move_project(first, self.edited[-1].project)
        return dict(zip(keys, [item.key for item in self.edited], strict=True))

    def _wait(self) -> None:
        clock = self.sandbox.world.clock
        assert isinstance(clock, SimulatedClock)
        clock.advance(timedelta(minutes=5))


Fill = Callable[[World], Sequence[Item]]


@contextmanager
def office(tracker: str, fill: Fill, jira_mode: Literal["cloud", "data_center"] = "cloud") -> Iterator[Office]:
    world = World(SimulatedClock(START))
    world.add_user("Ada Lovelace", "ada")
    edited = fill(world)
    world.clock.advance(timedelta(hours=2))
    with Sandbox(world, jira_mode=jira_mode) as sandbox:
        sandbox.faults.page_caps[tracker] = _CAP
        yield Office(sandbox, sandbox.urls[tracker], edited)


def _jira_world(world: World) -> Sequence[Item]:
    first, second = (world.add_project("jira", name, key) for name, key in (("Payments", "PAY"), ("Platform", "PLAT")))
    release = world.add_milestone(first, "Release 1")
    epic = world.create(first, "One click", "Epic")
    for number in range(8):
        world.create(
            first, f"Fix {number}", "Bug", labels=("p1",), parent=epic, milestone=release, points=float(number)
        )
    world.create(first, "Part of it", "Sub-task", parent=world.item("PAY-2"))
    world.add_field(first, "Market", "multiselect")
    world.fill(world.item("PAY-4"), "Market", ("Germany", "Austria"))
    other = world.create(second, "Move", "Story", parent=epic)
    return *[world.item(f"PAY-{number}") for number in range(3, 3 + _EDITED)], other


def _github_world(world: World) -> Sequence[Item]:
    first, second = (world.add_project("github", name, name) for name in ("acme/web", "acme/api"))
    release = world.add_milestone(first, "Release 1")
    for number in range(8):
        world.create(first, f"Fix {number}", "Bug", labels=("p1",), milestone=release)
    world.create(first, "Merge #3", pull=True)
    other = world.create(second, "Move", parent=world.item("acme/web#1"))
    return *[world.item(f"acme/web#{number}") for number in range(3, 3 + _EDITED)], other


def _github_world_with_board(world: World) -> Sequence[Item]:
    edited = _github_world(world)
    board = world.add_board("acme", "Roadmap", {"Points": "NUMBER", "Stage": "SINGLE_SELECT"})
    for number in range(1, 6):
        world.set_value(board, world.item(f"acme/web#{number}"), "Points", number / 2)
        world.set_value(board, world.item(f"acme/web#{number}"), "Stage", "Beta")
    for pull in ("acme/web#9", "acme/api#1"):
        world.set_value(board, world.item(pull), "Points", 8.0)
    return edited


def _asana_world(world: World) -> Sequence[Item]:
    first, second = (world.add_project("asana", name, sections=("Doing",)) for name in ("Launch", "Research"))
    tasks = [world.create(first, f"Prepare {number}", section="Doing", labels=("p1",), points=2) for number in range(9)]
    world.add_field(first, "Market", "multi_enum")
    world.fill(tasks[2], "Market", ("Germany", "Austria"))
    milestone = world.create(first, "Go live", "milestone")
    world.block(milestone, tasks[:2])
    world.create(first, "Part of it", parent=tasks[4])
    world.separate(world.create(first, "Parts:", "default_task", parent=tasks[4]))
    return *tasks[3 : 3 + _EDITED], world.create(second, "Ask")


def _asana_projects() -> tuple[str, ...]:
    world = World(SimulatedClock(START))
    _asana_world(world)
    projects: list[Project] = world.projects
    return tuple([project.key for project in projects])


class TestJira(HttpConformance):
    connector = jira
    containers = ("PAY", "PLAT")
    unknown = "GONE"
    absent = "99999"
    token = TOKENS["jira"]
    fields = frozenset({"customfield_10016"})
    compared = frozenset({jira_id("Market")})
    query = 'project = "PAY" AND issuetype = Bug'
    wrong_query = "colour = red"
    above = "PAY-1"

    def spares(self, path: str, status: int) -> bool:
        """Boards and changelogs need rights of their own: `check` tells which is lacking, a read does without.

        How many issues there are is asked beside their listing, and a site need not know it.
        """
        if path.endswith("/search/approximate-count"):
            return status in (200, 404, 410)
        rights_of_their_own = "/rest/agile/" in path or path.endswith("/changelog/bulkfetch")
        return rights_of_their_own and status in (401, 403, 404)

    posts = POSTS

    @contextmanager
    def tracker(self) -> Iterator[Tracker]:
        with office("jira", _jira_world) as made:
            yield made

    def keys(self, where: str, names: Sequence[str]) -> Mapping[str, Any]:
        return {"connector": "jira", "url": where, "email": JIRA_EMAIL, "token": self.token, "projects": names}

    def goldens(self) -> Sequence[Golden]:
        root = "https://acme.atlassian.net"

        def versions(payload: bytes) -> list[WorkItem]:
            return [jira_items.version_item(row, "PAY", root) for row in orjson.loads(payload)["versions"]]

        folder = GOLDEN / "jira"
        return [Golden(folder / "versions.json", folder / "versions.items.json", versions)]


class TestJiraDataCenter(TestJira):
    """The same laws where pages are numbered, histories come with the search and a bearer token signs in."""

    @contextmanager
    def tracker(self) -> Iterator[Tracker]:
        with office("jira", _jira_world, "data_center") as made:
            yield made

    def keys(self, where: str, names: Sequence[str]) -> Mapping[str, Any]:
        return {"connector": "jira", "url": where, "token": self.token, "projects": names}

    def outcomes(self, statuses: Sequence[int]) -> list[Outcome]:
        """Leave out what came of asking when the token ends: `check` tells it where it is told, and goes on without.

        That it leaks nothing and follows no redirect is no question of that.
        """
        every = super().outcomes(statuses)
        return [one for one in every if "/rest/pat/" not in one.request or one.strayed or one.leak]


class TestGitHub(HttpConformance):
    connector = github
    containers = ("acme/web", "acme/api")
    unknown = "acme/gone"
    absent = "1"
    token = TOKENS["github"]
    query = "label:p1 is:issue"
    wrong_query = "is:issue colour:red"
    above = "acme/web#1"
    posts = frozenset({"/graphql"})

    @contextmanager
    def tracker(self) -> Iterator[Tracker]:
        with office("github", _github_world) as made:
            yield made

    def keys(self, where: str, names: Sequence[str]) -> Mapping[str, Any]:
        return {"connector": "github", "url": where, "token": self.token, "repositories": names}

    def goldens(self) -> Sequence[Golden]:
        folder, repository = GOLDEN / "github", Ref("4242", "acme/web")

        def issues(payload: bytes) -> list[WorkItem]:
            return [github_items.issue(row, repository) for row in orjson.loads(payload)]

        def milestones(payload: bytes) -> list[WorkItem]:
            return [github_items.milestone(row, repository) for row in orjson.loads(payload)]

        makers = {"issues": issues, "pull_requests": issues, "milestones": milestones}
        return [Golden(folder / f"{name}.json", folder / f"{name}.items.json", make) for name, make in makers.items()]


class TestGitHubBoards(TestGitHub):
    """With a board, whose values are asked for by GraphQL, and come from elsewhere than the issues."""

    fields = frozenset({"points"})
    compared = frozenset({"stage"})
    extra = 2  # the pages of the board

    @contextmanager
    def tracker(self) -> Iterator[Tracker]:
        with office("github", _github_world_with_board) as made:
            yield made

    def keys(self, where: str, names: Sequence[str]) -> Mapping[str, Any]:
        return {**super().keys(where, names), "boards": ["acme/1"]}


class Enterprise(Relay):
    """Puts the sandbox's GitHub where an Enterprise Server has it: the API at /api/v3, and GraphQL beside it."""

    def __init__(self, tracker: str) -> None:
        self._prefix = urlsplit(tracker).path
        super().__init__(tracker)
        self.url = f"{self.origin}/api/v3"

    def _true(self, handler: Handler, body: bytes) -> Reply:
        for there in ("/api/v3", "/api"):
            if handler.path.startswith(f"{there}/"):
                handler.path = self._prefix + handler.path.removeprefix(there)
                break
        return super()._true(handler, body)

    def _here(self, text: str) -> str:
        return text.replace(self._tracker + self._prefix, self.url)


class TestGitHubEnterprise(TestGitHubBoards):
    posts = frozenset({"/api/graphql"})

    @contextmanager
    def tracker(self) -> Iterator[Tracker]:
        with office("github", _github_world_with_board) as made, Enterprise(made.url) as server:
            yield dataclasses.replace(made, url=server.url)


class TestAsana(HttpConformance):
    connector = asana
    containers = _asana_projects()
    unknown = "1209999999999999"
    absent = "1208888888888888"
    token = TOKENS["asana"]
    fields = frozenset({"effort"})
    compared = frozenset({"market"})
    extra = 1  # the sub-tasks of one parent

    def spares(self, path: str, status: int) -> bool:
        """A parent that was deleted or made private meanwhile is no reason to give up the rest.

        Events are hints: without them every parent is walked, and 412 brings their token.  A listing whose page token
        is refused begins again.
        """
        return (
            ("/events" in path and status in (400, 402, 403, 404, 412))
            or ("/subtasks" in path and status in (403, 404))
            or ("offset=" in path and status == 400)
        )

    @contextmanager
    def tracker(self) -> Iterator[Tracker]:
        with office("asana", _asana_world) as made:
            yield made

    def keys(self, where: str, names: Sequence[str]) -> Mapping[str, Any]:
        return {"connector": "asana", "url": where, "token": self.token, "projects": names}

    def goldens(self) -> Sequence[Golden]:
        fields = wanted(Demand(fields=frozenset({"effort", "Effort ", "Share", "priority", "unknown"})))

        def tasks(payload: bytes) -> list[WorkItem]:
            found = [asana_items.work_item(row, fields) for row in orjson.loads(payload)["data"]]
            return [item for item in found if item is not None]  # a section is none

        return [Golden(GOLDEN / "asana" / "tasks.json", GOLDEN / "asana" / "tasks.items.json", tasks)]
