"""What people do around the items, to projects, milestones, sprints and boards: none of it touches an item's stamp."""

from sandbox.holdings import Holdings
from sandbox.records import Board, Event, Item, Milestone, Project, Sprint, Tracker


class Planning(Holdings):
    """Edits of what items are in."""

    def rename_project(self, project: Project, key: str) -> None:
        """Give a project or repository another key; GitHub redirects from the old one."""
        with self.lock:
            project.former.append(project.key)
            project.key = key

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

    def rename_label(self, tracker: Tracker, label: str, name: str) -> None:
        """Give a label of all repositories, or a tag, another name; what carries it is not touched."""
        with self.lock:
            for item in self.items.values():
                if item.project.tracker == tracker:
                    item.labels = [name if one == label else one for one in item.labels]

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

    def begin_sprint(self, sprint: Sprint) -> None:
        """Start a sprint; its issues are not touched."""
        with self.lock:
            sprint.state, sprint.start = "active", self.clock.now()

    def end_sprint(self, sprint: Sprint) -> None:
        """Complete a sprint; its issues are not touched."""
        with self.lock:
            sprint.state, sprint.completed = "closed", self.clock.now()

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
            board.leave(item.id)
            board.updated = self.clock.now()

    def put_away(self, board: Board, item: Item) -> None:
        """Put an issue away on a board, as GitHub does by itself to what was closed; the issue is not touched."""
        with self.lock:
            board.archived.add(item.id)
            board.updated = self.clock.now()

    def bring_back(self, board: Board, item: Item) -> None:
        """Restore an issue that was put away on a board."""
        with self.lock:
            board.archived.discard(item.id)
            board.updated = self.clock.now()
