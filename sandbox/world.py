"""The work of a fictional company as its three trackers keep it: plain data, and the edits that people make.

Every edit stamps `updated` the way the real tracker does: renaming a milestone or version touches no issue, and a
sub-task touches no parent.  All reading and writing happens under `World.lock`.
"""

import threading
from collections.abc import Sequence
from datetime import date

from sandbox.clock import Clock
from sandbox.records import Item, Milestone, Project, Section, State, Tracker, User

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
            self.items[item.id] = item
            return item

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
            item.parent = parent or item.parent
            item.milestone = milestone or item.milestone
            item.section = section or item.section
            self._stamp(item)

    def detach(self, item: Item) -> None:
        """Take it out of its epic and milestone."""
        with self.lock:
            item.parent = item.milestone = None
            self._stamp(item)

    def move_project(self, item: Item, project: Project) -> None:
        """Move it to another project of the same tracker: the id stays, a Jira key changes.

        Raises ValueError for GitHub, where a transfer makes a new issue, and across trackers.
        """
        with self.lock:
            if project.tracker != item.project.tracker or project.tracker == "github":
                raise ValueError(f"{item.key} cannot move to {project.key}")
            project.last_number += 1
            item.project, item.number = project, project.last_number
            item.milestone = item.section = None
            self._stamp(item)

    def block(self, item: Item, by: Sequence[Item]) -> None:
        """Say which tasks must be done before it (Asana)."""
        with self.lock:
            item.blocked_by += [one for one in by if one not in item.blocked_by]
            self._stamp(item)

    def delete(self, item: Item) -> None:
        """Delete it with its sub-tasks; children of an epic stay, without a parent and without a stamp."""
        with self.lock:
            for child in self.children(item):
                if item.type == "Epic":
                    child.parent = None
                else:
                    self.delete(child)
            for other in self.items.values():
                other.blocked_by = [one for one in other.blocked_by if one is not item]
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

    def _stamp(self, item: Item) -> None:
        item.updated = self.clock.now()
