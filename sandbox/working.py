"""What people do to items: every edit stamps `updated` the way the real tracker does; a sub-task touches no parent."""

from collections.abc import Sequence
from dataclasses import replace

from sandbox.holdings import Holdings
from sandbox.records import Change, Item, Milestone, Project, Section, Sprint, State, User, Value


class Working(Holdings):
    """Edits of issues, pull requests and tasks."""

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

    def separate(self, item: Item, *, separator: bool = True) -> None:
        """Turn an Asana task into a heading between tasks, or back: people do it with a colon behind its name."""
        with self.lock:
            item.separator = separator
            self._stamp(item)

    def set_components(self, item: Item, components: Sequence[str]) -> None:
        """Replace all components of a Jira issue."""
        with self.lock:
            item.components = list(components)
            self._stamp(item)

    def set_stage(self, item: Item, stage: str) -> None:
        """Put a Jira issue into another status of the same category, "" for the first one; its state stays."""
        with self.lock:
            if item.stage != stage:
                item.stage = stage
                self._stamp(item)
                item.history.append(Change(item.updated, item.state, item.resolution, stage))

    def estimate(self, item: Item, points: float | None) -> None:
        """Set the story points, or take them away."""
        with self.lock:
            item.points = points
            self._stamp(item)

    def fill(self, item: Item, name: str, value: Value | None) -> None:
        """Fill in a custom field, or empty it."""
        with self.lock:
            item.values = {key: held for key, held in item.values.items() if key != name}
            if value is not None:
                item.values[name] = value
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
        self._tell(item, "removed", None if item.parent else item.project)  # other homes stay
        item.parent = parent
        if parent is None:  # its project is its home again, and not a further one besides
            item.also = [home for home in item.also if home[0] is not item.project]
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
        child.project, child.section = project, None
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

    def _leave(self, item: Item) -> None:
        for other in self.items.values():
            other.blocked_by = [one for one in other.blocked_by if one is not item]
            other.links = [one for one in other.links if one is not item]
        for board in self.boards:
            board.leave(item.id)
        del self.items[item.id]

    def _set(self, item: Item, state: State, resolution: str | None) -> None:
        if state == item.state:
            return
        self._stamp(item)
        item.state, item.changed, item.stage = state, item.updated, ""
        item.resolution = None if item.pull else resolution
        item.closed = item.updated if state in ("done", "cancelled") else None
        item.history.append(Change(item.updated, state, item.resolution))

    def _stamp(self, item: Item) -> None:
        now = self.clock.now()
        item.updated = max(now + self.ahead(), item.updated)  # a date that is too late already stays
        item.visible = now + self.lag()
        if item.parent or not self.loses():  # of a sub-task only events and the walk of a day tell
            self._tell(item, "changed")
