"""The work of a fictional company as its three trackers keep it: plain data, and the edits that people make.

Every edit stamps `updated` the way the real tracker does: renaming a milestone or version touches no issue, and a
sub-task touches no parent.  All reading and writing happens under `World.lock`.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Literal

from sandbox.clock import Clock
from sandbox.records import Board, Change, Event, Item, Milestone, Project, Section, Sprint, State, Tracker, User

_FIRST_ID: dict[Tracker, int] = {"jira": 10_000, "asana": 1_204_000_000_000_000, "github": 2_100_000_000}


class World:
    """Everything the three trackers hold, and the edits.  Thread safe: one lock for all."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.users: list[User] = []
        self.projects: list[Project] = []
        self.milestones: list[Milestone] = []
        self.items: dict[int, Item] = {}
        self.lag: Callable[[], timedelta] = timedelta
        """How long the next change stays invisible to incremental listings."""
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

    # building

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

    # editing

    def start(self, item: Item) -> None:
        """Begin to work on it; a draft pull request becomes ready."""
        with self.lock:
            item.draft = False
            self._set(item, "doing", None)

    def close(self, item: Item) -> None:
        """Finish it: done, completed, approved, or merged."""
        with self.lock:
            self._set(item, "done", {"jira": "Done", "github": "completed", "asana": None}[item.project.tracker])

    def cancel(self, item: Item) -> None:
        """Give it up: won't do, not planned, closed unmerged, rejected.

        Asana knows no such state but for approvals: there people delete the task.
        """
        with self.lock:
            if item.project.tracker == "asana" and item.type != "approval":
                self.delete(item)
                return
            reasons = {"jira": "Won't Do", "github": "not_planned", "asana": None}
            self._set(item, "cancelled", reasons[item.project.tracker])

    def reopen(self, item: Item) -> None:
        """Take it up again; the resolution is gone."""
        with self.lock:
            self._set(item, "todo", "reopened" if item.project.tracker == "github" else None)

    def retitle(self, item: Item, title: str) -> None:
        with self.lock:
            item.title = title
            self._stamp(item)

    def relabel(self, item: Item, labels: Sequence[str]) -> None:
        """Replace all labels, or tags."""
        with self.lock:
            item.labels = list(labels)
            self._stamp(item)

    def estimate(self, item: Item, points: float | None) -> None:
        """Set the story points, or take them away."""
        with self.lock:
            item.points = points
            self._stamp(item)

    def assign(self, item: Item, user: User | None) -> None:
        with self.lock:
            item.assignee = user
            self._stamp(item)

    def move(
        self,
        item: Item,
        *,
        parent: Item | None = None,
        milestone: Milestone | None = None,
        section: Section | None = None,
    ) -> None:
        """Put it under another epic, milestone or section; what is not given stays."""
        with self.lock:
            self._reparent(item, parent or item.parent)
            item.milestone = milestone or item.milestone
            item.section = section or item.section
            self._stamp(item)

    def detach(self, item: Item) -> None:
        """Take it out of its epic and milestone."""
        with self.lock:
            self._reparent(item, None)
            item.milestone = None
            self._stamp(item)

    def _reparent(self, item: Item, parent: Item | None) -> None:
        """Put it under another item, or to the top: the event streams of Asana tell both sides."""
        if parent is item.parent:
            return
        self._tell(item, "removed")
        item.parent = parent
        self._tell(item, "added")

    def move_project(self, item: Item, project: Project) -> None:
        """Move it to another project of the same tracker: the id stays, a Jira key changes; sub-tasks go with it.

        Raises ValueError for GitHub, where a transfer makes a new issue, and across trackers.
        """
        with self.lock:
            if project.tracker != item.project.tracker or project.tracker == "github":
                raise ValueError(f"{item.key} cannot move to {project.key}")
            self._tell(item, "removed", item.project)
            project.last_number += 1
            item.project, item.number = project, project.last_number
            item.milestone = item.section = None
            item.also = [home for home in item.also if home[0] is not project]
            self._stamp(item)
            self._tell(item, "added", project)
            for child in self.children(item):
                if item.type != "Epic":
                    self._follow(child, project)

    def _follow(self, child: Item, project: Project) -> None:
        """A sub-task goes where its parent goes; in Asana that touches nothing of its own, and no event tells of it."""
        if project.tracker != "asana":
            self.move_project(child, project)
            return
        child.project = project
        for below in self.children(child):
            self._follow(below, project)

    def transfer(self, item: Item, project: Project) -> Item:
        """Transfer a GitHub issue: it becomes a new one, without a milestone, to which the old address redirects."""
        with self.lock:
            project.last_number += 1
            new = replace(
                item, project=project, id=self._id("github"), number=project.last_number, milestone=None, parent=None
            )
            new.labels, new.history = list(item.labels), list(item.history)
            self._leave(item)
            self.transferred[item.project.id, item.number] = new
            self.items[new.id] = new
            self._stamp(new)
            return new

    def archive(self, item: Item) -> None:
        """Archive a Jira issue: it leaves the search, and is still there."""
        with self.lock:
            item.archived = True

    def unarchive(self, item: Item) -> None:
        """Bring a Jira issue back into the search; nothing stamps it."""
        with self.lock:
            item.archived = False

    def add_home(self, item: Item, project: Project, section: Section | None = None) -> None:
        """Put an Asana task into one more project."""
        with self.lock:
            if all(home is not project for home, _ in self.homes(item)):
                item.also.append((project, section or next(iter(project.sections), None)))
                self._stamp(item)
                self._tell(item, "added", project)

    def drop_home(self, item: Item, project: Project) -> None:
        """Take an Asana task out of one of several projects.  Raises ValueError when it is in no other."""
        with self.lock:
            kept = [home for home in self.homes(item) if home[0] is not project]
            if not kept or len(kept) == len(self.homes(item)):
                raise ValueError(f"{item.key} cannot leave {project.key}")
            self._tell(item, "removed", project)
            if not item.parent:
                (item.project, item.section), *kept = kept
            item.also = kept
            self._stamp(item)

    def link(self, item: Item, other: Item) -> None:
        """Link two Jira issues, which touches both, or say which issue a pull request closes."""
        with self.lock:
            item.links.append(other)
            self._stamp(item)
            if item.project.tracker == "jira":
                self._stamp(other)

    def plan(self, item: Item, sprint: Sprint) -> None:
        """Put a Jira issue into a sprint."""
        with self.lock:
            if sprint not in item.sprints:
                item.sprints.append(sprint)
                self._stamp(item)

    def rename_sprint(self, sprint: Sprint, title: str) -> None:
        """Give a sprint another name; its issues are not touched."""
        with self.lock:
            sprint.title = title

    def delete_sprint(self, sprint: Sprint) -> None:
        """Delete a sprint; its issues lose it without a stamp."""
        with self.lock:
            self.sprints.remove(sprint)
            for item in self.items.values():
                item.sprints = [one for one in item.sprints if one is not sprint]

    def begin_sprint(self, sprint: Sprint) -> None:
        """Start a sprint; its issues are not touched."""
        with self.lock:
            sprint.state, sprint.start = "active", self.clock.now()

    def end_sprint(self, sprint: Sprint) -> None:
        """Complete a sprint; its issues are not touched."""
        with self.lock:
            sprint.state, sprint.completed = "closed", self.clock.now()

    def set_value(self, board: Board, item: Item, name: str, value: str | float | None) -> None:
        """Put a GitHub issue onto a board, or change a field of it there: the issue itself is not touched."""
        with self.lock:
            values = board.values.setdefault(item.id, {})
            if value is None:
                values.pop(name, None)
            else:
                values[name] = value
            board.updated = self.clock.now()

    def take_off(self, board: Board, item: Item) -> None:
        """Take an issue off a board; the issue itself is not touched."""
        with self.lock:
            board.values.pop(item.id, None)
            board.updated = self.clock.now()

    def block(self, item: Item, by: Sequence[Item]) -> None:
        """Say which tasks must be done before it (Asana)."""
        with self.lock:
            item.blocked_by += [one for one in by if one not in item.blocked_by]
            self._stamp(item)

    def delete(self, item: Item) -> None:
        """Delete it with its sub-tasks; children of an epic stay, without a parent and without a stamp.

        An Asana task goes to the trash; of a GitHub issue its address says that it was deleted.
        """
        with self.lock:
            for child in self.children(item):
                if item.type == "Epic" or item.project.tracker == "github":
                    child.parent = None
                else:
                    self.delete(child)
            self._leave(item)
            if item.project.tracker == "asana":
                self.trash[item.id] = item
                self._tell(item, "deleted")
            if item.project.tracker == "github":
                self.deleted.add((item.project.id, item.number))

    def restore(self, item: Item) -> None:
        """Bring an Asana task back from the trash, with the sub-tasks that went with it; nothing stamps them."""
        with self.lock:
            self.items[item.id] = self.trash.pop(item.id)
            self._tell(item, "undeleted")
            for child in [one for one in self.trash.values() if one.parent is item]:
                self.restore(child)

    def rename_label(self, tracker: Tracker, label: str, name: str) -> None:
        """Give a label of all repositories, or a tag, another name; what carries it is not touched."""
        with self.lock:
            for item in self.items.values():
                if item.project.tracker == tracker:
                    item.labels = [name if one == label else one for one in item.labels]

    def rename(self, project: Project, name: str) -> None:
        """Give a project another name; its items are not touched."""
        with self.lock:
            project.name = name

    def rename_section(self, project: Project, section: str, name: str) -> None:
        """Give a section of an Asana project another name; its tasks are not touched, an event tells of it."""
        with self.lock:
            found = next(one for one in project.sections if one.name == section)
            found.name = name
            self.events.append(Event(project.id, found.id, None, "changed", self.clock.now(), "section"))

    def _leave(self, item: Item) -> None:
        for other in self.items.values():
            other.blocked_by = [one for one in other.blocked_by if one is not item]
            other.links = [one for one in other.links if one is not item]
        for board in self.boards:
            board.values.pop(item.id, None)
        del self.items[item.id]

    def rename_milestone(self, milestone: Milestone, title: str) -> None:
        """Rename a milestone or version; its issues are not touched."""
        with self.lock:
            milestone.title, milestone.updated = title, self.clock.now()

    def release(self, milestone: Milestone) -> None:
        """Close a milestone, release a version; its issues are not touched."""
        with self.lock:
            milestone.closed = milestone.updated = self.clock.now()

    def delete_milestone(self, milestone: Milestone) -> None:
        """Delete a milestone or version; its issues lose it without a stamp."""
        with self.lock:
            self.milestones.remove(milestone)
            for item in self.items.values():
                if item.milestone is milestone:
                    item.milestone = None

    def rename_project(self, project: Project, key: str) -> None:
        """Give a project or repository another key; GitHub redirects from the old one."""
        with self.lock:
            project.former.append(project.key)
            project.key = key

    def _set(self, item: Item, state: State, resolution: str | None) -> None:
        if state == item.state:
            return
        self._stamp(item)
        item.state, item.changed = state, item.updated
        item.resolution = None if item.pull else resolution
        item.closed = item.updated if state in ("done", "cancelled") else None
        item.history.append(Change(item.updated, state, item.resolution))

    def _stamp(self, item: Item) -> None:
        item.updated = self.clock.now()
        item.visible = item.updated + self.lag()
        self._tell(item, "changed")

    def _tell(
        self,
        item: Item,
        action: Literal["added", "changed", "removed", "deleted", "undeleted"],
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
