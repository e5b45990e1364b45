"""The records of the three trackers in one place: finding them and adding to them.

All reading and writing happens under `Holdings.lock`.
"""

import threading
from collections.abc import Callable
from datetime import date, timedelta

from sandbox.clock import Clock
from sandbox.records import Action, Board, Change, Event, Item, Milestone, Project, Section, Sprint, Tracker, User

_FIRST_ID: dict[Tracker, int] = {"jira": 10_000, "asana": 1_204_000_000_000_000, "github": 2_100_000_000}


class Holdings:
    """Everything the three trackers hold.  Thread safe: one lock for all."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.users: list[User] = []
        self.projects: list[Project] = []
        self.milestones: list[Milestone] = []
        self.items: dict[int, Item] = {}
        self.lag: Callable[[], timedelta] = timedelta
        """How long the next change stays invisible to incremental listings."""
        self.ahead: Callable[[], timedelta] = timedelta
        """How much too late the next change of an item is dated, as by a server whose clock is wrong."""
        self.loses: Callable[[], bool] = lambda: False
        """Whether the event of the next change gets lost: Asana delivers each at most once."""
        self.trash: dict[int, Item] = {}
        """Deleted Asana tasks, which can be restored for 30 days."""
        self.sprints: list[Sprint] = []
        self.boards: list[Board] = []
        self.events: list[Event] = []
        """What happened in Asana projects, in order; an event token is a place in this list."""
        self.deleted: set[tuple[int, int]] = set()
        """(project id, number) of deleted GitHub issues, for which it answers 410."""
        self.transferred: dict[tuple[int, int], Item] = {}
        """(project id, number) of transferred GitHub issues, for which it redirects to the new one."""
        self._last_id = dict(_FIRST_ID)

    # finding

    def project(self, key: str) -> Project:
        """Return a project by its key.  Raises KeyError."""
        with self.lock:
            for project in self.projects:
                if project.key == key:
                    return project
        raise KeyError(key)

    def item(self, key: str) -> Item:
        """Return an item by what people call it.  Raises KeyError."""
        with self.lock:
            for item in self.items.values():
                if item.key == key:
                    return item
        raise KeyError(key)

    def milestone(self, title: str) -> Milestone:
        """Return a GitHub milestone or Jira version by its title, the oldest of several.  Raises KeyError."""
        with self.lock:
            for milestone in self.milestones:
                if milestone.title == title:
                    return milestone
        raise KeyError(title)

    def items_of(self, project: Project) -> list[Item]:
        """Return the items of a project, oldest first."""
        with self.lock:
            return [item for item in self.items.values() if item.project is project]

    def children(self, parent: Item) -> list[Item]:
        """Return the direct children of an item, oldest first."""
        with self.lock:
            return [item for item in self.items.values() if item.parent is parent]

    def homes(self, item: Item) -> list[tuple[Project, Section | None]]:
        """Return the projects an item is in; an Asana sub-task is in none."""
        with self.lock:
            own = [] if item.project.tracker == "asana" and item.parent else [(item.project, item.section)]
            return own + item.also

    def shown(self, item: Item) -> bool:
        """Tell whether incremental listings show the item's last change yet."""
        return item.visible is None or item.visible <= self.clock.now()

    # adding

    def add_user(self, name: str, login: str) -> User:
        with self.lock:
            user = User(len(self.users) + 1, name, login, f"{login}@acme.example")
            self.users.append(user)
            return user

    def add_project(self, tracker: Tracker, name: str, key: str = "", sections: tuple[str, ...] = ()) -> Project:
        """Add a project or repository; an Asana project's key is the gid it gets."""
        with self.lock:
            number = self._id(tracker)
            project = Project(tracker, number, key or str(number), name, self.clock.now())
            project.sections = [Section(self._id(tracker), section) for section in sections]
            self.projects.append(project)
            return project

    def add_milestone(self, project: Project, title: str, due: date | None = None) -> Milestone:
        """Add a GitHub milestone or a Jira version."""
        with self.lock:
            now = self.clock.now()
            project.last_milestone += 1
            milestone = Milestone(project, self._id(project.tracker), project.last_milestone, title, now, now, due)
            self.milestones.append(milestone)
            return milestone

    def create(
        self,
        project: Project,
        title: str,
        type: str = "",
        *,
        labels: tuple[str, ...] = (),
        parent: Item | None = None,
        milestone: Milestone | None = None,
        section: str = "",
        assignee: User | None = None,
        points: float | None = None,
        pull: bool = False,
        draft: bool = False,
    ) -> Item:
        """Open a new item; its parent is not touched."""
        with self.lock:
            now = self.clock.now()
            project.last_number += 1
            item = Item(project, self._id(project.tracker), project.last_number, type, title, now, now, now)
            item.labels, item.parent, item.milestone = list(labels), parent, milestone
            item.section = next((one for one in project.sections if one.name == section), None)
            item.assignee, item.points, item.pull, item.draft = assignee, points, pull, draft
            item.history = [Change(now, "todo")]
            item.visible = now + self.lag()
            self.items[item.id] = item
            self._tell(item, "added")
            return item

    def add_field(self, project: Project, name: str, kind: str) -> None:
        """Add a custom field to a Jira or Asana project."""
        with self.lock:
            project.fields[name] = kind

    def add_sprint(self, project: Project, title: str) -> Sprint:
        """Plan a sprint on the project's board (Jira)."""
        with self.lock:
            sprint = Sprint(project, self._id(project.tracker), title)
            self.sprints.append(sprint)
            return sprint

    def add_board(self, owner: str, title: str, kinds: dict[str, str]) -> Board:
        """Set up a GitHub project with custom fields."""
        with self.lock:
            number = sum(board.owner == owner for board in self.boards) + 1
            board = Board(owner, number, self._id("github"), title, kinds, updated=self.clock.now())
            self.boards.append(board)
            return board

    def _id(self, tracker: Tracker) -> int:
        self._last_id[tracker] += 1
        return self._last_id[tracker]

    def _tell(
        self,
        item: Item,
        action: Action,
        only: Project | None = None,
    ) -> None:
        """Add to the event streams of the projects that an Asana task, or a task above it, is in; or to one alone."""
        if item.project.tracker != "asana":
            return
        streams: dict[int, None] = {}
        above: Item | None = item
        while above is not None:
            streams |= {project.id: None for project, _ in self.homes(above)}
            above = above.parent
        parent = item.parent.id if item.parent and only is None else None
        for stream in [only.id] if only else streams:
            self.events.append(Event(stream, item.id, parent, action, self.clock.now()))
