"""What a perfect mirror holds, told from the sandbox's records and not read through a connector."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from okrs.demand import Demand
from okrs.work import Kind, State, WorkItem
from sandbox.jira_shapes import status_of
from sandbox.pages import asana_page, github_page, milestone_page
from sandbox.records import Board, Item, Milestone, Project, Sprint, Tracker, User, Value
from sandbox.world import World

Facts = dict[str, Any]
"""What the drill compares of an item."""

FIELDS: Mapping[Tracker, str] = {"jira": "story_points", "github": "Points", "asana": "Effort"}
"""The field with a number that rules may name; on GitHub it is a board's."""

KINDS: Mapping[Tracker, Mapping[str, str]] = {
    "jira": {
        "Team": "select",
        "Areas": "multiselect",
        "Where": "cascadingselect",
        "Reviewers": "multiuserpicker",
        "Ready on": "datepicker",
        "Note": "textfield",
    },
    "github": {"Team": "SINGLE_SELECT", "Quarter": "ITERATION", "Ready on": "DATE", "Note": "TEXT"},
    "asana": {"Team": "enum", "Areas": "multi_enum", "Reviewers": "people", "Ready on": "date", "Note": "text"},
}
"""Further fields that rules may name, each of another kind."""

Asked = Callable[[Item, datetime], bool]
QUERIES: Mapping[Tracker, Mapping[str, Asked]] = {
    "jira": {
        "issuetype = Bug": lambda item, _: item.type == "Bug",
        "status = Done AND labels is EMPTY": lambda item, _: (
            item.state == "done" and not item.stage and not item.labels
        ),
        "labels = p1": lambda item, _: "p1" in item.labels,
        "sprint is not EMPTY": lambda item, _: bool(item.sprints),
        "updated >= -2d": lambda item, now: item.updated >= (now - timedelta(days=2)),
    },
    "github": {
        "label:p1 is:issue": lambda item, _: "p1" in item.labels and not item.pull,
        "is:closed -label:web": lambda item, _: item.closed is not None and "web" not in item.labels,
        "is:pr is:merged": lambda item, _: item.pull and item.state == "done",
    },
    "asana": {},
}
"""Queries of rules, and what each of them finds."""


def facts_of(item: WorkItem, demand: Demand) -> Facts:
    """An item of the mirror, as the oracle tells it: of what costs extra, what is demanded.

    Everything but `id`, by which both are found, and the very moment of `updated_at`: an edit that changes nothing
    else makes no new version, so that it is compared whether there is one.
    """
    extras: Facts = {"fields": sorted({pair for pair in item.fields if pair[0] in demand.fields})}
    if demand.sprints:
        extras["sprints"] = sorted(item.sprints)
    if demand.histories:
        extras["history"] = [(step.at, step.state, step.status, step.resolution) for step in item.history]
    if demand.refs:
        extras["refs"] = sorted(item.refs)
    return extras | {
        "key": item.key,
        "kind": item.kind,
        "type": item.type,
        "title": item.title,
        "state": item.state,
        "labels": sorted(item.labels),
        "url": item.url,
        "status": item.status,
        "resolution": item.resolution,
        "created_at": item.created_at and item.created_at.replace(microsecond=0),
        "dated": item.updated_at is not None,
        "assignees": sorted(item.assignees),
        "aliases": sorted(item.aliases),
        "children": item.children,
        "parent": (item.parent.id, item.parent.name) if item.parent else None,  # an id, a key, or both: see `Names`
        "milestones": sorted(item.milestones),
        "members": sorted(item.members),
        "projects": sorted((ref.id, ref.name) for ref in item.projects),
        "sections": sorted((ref.id, ref.name) for ref in item.sections),
        "closed_at": item.closed_at and item.closed_at.replace(microsecond=0),
    }


@dataclass
class Names:
    """How things were called in the course of a life."""

    keys: dict[str, int] = field(default_factory=dict)
    """Every key that an item ever had, with its id."""
    words: dict[str, str] = field(default_factory=dict)
    """Labels, sections and projects of Asana that were renamed, with the name that each got."""

    def note(self, items: Iterable[Item]) -> None:
        self.keys.update({item.key: item.id for item in items})

    def plain(self, world: World, facts: Facts, held: Mapping[str, Facts], *, forgiving: bool) -> Facts:
        """Name others by their ids, and leave out what an item says of others that are gone.

        Trackers drop such words without a date, and no rule that joins by id sees them.  Nor do they date it when
        another one, a label or a section is called otherwise: `forgiving` takes what it was called for what it is.
        How many sub-tasks a task of Asana has is dated as little.
        """
        current = {item.key: item.id for item in world.items.values()}
        known = self.keys if forgiving else current
        made = facts | {name: [one for one in facts[name] if one in held] for name in ("milestones", "members")}
        if facts["parent"] is not None:
            id_, key = facts["parent"]
            parent = (id_, str(known.get(key, key)))
            made["parent"] = parent if held.keys() & {*parent} else None
        if "sprints" in facts:
            made["sprints"] = [one for one in facts["sprints"] if one in held]
        if "refs" in facts:
            there = [one for one in facts["refs"] if self.keys.get(one, 0) in {0, *current.values()}]
            made["refs"] = sorted(str(known.get(one, one)) for one in there)
        if forgiving:
            made["labels"] = sorted(map(self._today, facts["labels"]))
            made |= {name: sorted((id_, self._today(word)) for id_, word in facts[name]) for name in _PLACES}
            made["children"] = 0
        return made

    def _today(self, word: str) -> str:
        while word in self.words:
            word = self.words[word]
        return word


_PLACES = ("projects", "sections")


@dataclass(frozen=True)
class Oracle:
    """Tells what the mirror of these projects should hold."""

    world: World
    projects: list[Project]
    demand: Demand
    base: str
    """The address of the tracker, as the source spells it."""
    cloud: bool = True
    """Of Jira, whether it is the Cloud."""
    board: Board | None = None

    @property
    def tracker(self) -> Tracker:
        return self.projects[0].tracker

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
            if self.tracker == "jira" and self.demand.sprints:
                mine = [one for one in self.world.sprints if one.project in self.projects]
                found |= {f"sprint:{one.id}": self._sprint(one) for one in mine}
        return found

    def hits(self) -> dict[str, set[str]]:
        """Return what each demanded query finds: on GitHub in the projects alone, on Jira everywhere."""
        now = self.world.clock.now()
        mine = [one for one in self.world.items.values() if one.project.tracker == self.tracker and not one.archived]
        if self.tracker == "github":
            mine = [one for one in mine if one.project in self.projects]
        asked = QUERIES[self.tracker]
        return {text: {str(one.id) for one in mine if asked[text](one, now)} for text in self.demand.queries}

    def _inside(self, item: Item) -> bool:
        top = item
        while self.tracker == "asana" and top.parent is not None:
            if any(project in self.projects for project, _ in self.world.homes(top)):
                return True
            top = top.parent
        return any(project in self.projects for project, _ in self.world.homes(top))

    def _item(self, item: Item) -> Facts:
        facts: Facts = self._extras(item) | {
            "key": item.key,
            "kind": self._kind(item),
            "type": item.type or ("Pull request" if item.pull else "Issue"),
            "title": item.title,
            "state": self._state(item),
            "labels": sorted(item.labels),
            "parent": self._parent(item.parent) if item.parent else None,
            "milestones": [],
            "members": [],
            "sections": [],
            "created_at": item.created.replace(microsecond=0),
            "closed_at": item.closed and item.closed.replace(microsecond=0),
            "dated": True,
            "assignees": self._called(item.assignee) if item.assignee else [],
            "aliases": [],
            "children": 0,
        }
        match self.tracker:
            case "jira":
                return facts | self._of_jira(item)
            case "github":
                return facts | self._of_github(item)
            case "asana":
                return facts | self._of_asana(item)

    def _of_jira(self, item: Item) -> Facts:
        return {
            "url": f"{self.base}/browse/{item.key}",
            "status": status_of(item.state, item.stage)[1],
            "resolution": item.resolution,
            "labels": sorted({*item.labels, *item.components}),
            "projects": [(item.project.key, "")],  # the key of an issue tells it, and not what it is called
            "milestones": [f"version:{item.milestone.id}"] if item.milestone else [],
        }

    def _of_github(self, item: Item) -> Facts:
        return {
            "url": github_page(self.base, item),
            "status": "closed" if item.closed else "open",
            "resolution": None if item.pull else item.resolution,
            "projects": [(str(item.project.id), item.project.key)],
            "milestones": [f"milestone:{item.milestone.id}"] if item.milestone else [],
        }

    def _of_asana(self, item: Item) -> Facts:
        """A task has no status but that it is completed or not, and no word for why."""
        homes = self.world.homes(item)
        columns = [section or home.sections[0] for home, section in homes]
        return {
            "url": asana_page(self.base, item),
            "status": None,
            "resolution": None,
            "projects": sorted((project.key, project.name) for project, _ in homes),
            "sections": sorted((str(section.id), section.name) for section in columns),
            "members": sorted(str(one.id) for one in item.blocked_by) if item.type == "milestone" else [],
            "children": len(self.world.children(item)),
        }

    def _parent(self, parent: Item) -> tuple[str, str]:
        """What tells of a parent: GitHub and the Epic Link of Data Center know its key alone."""
        bare = self.tracker == "github" or (self.tracker == "jira" and not self.cloud and parent.type == "Epic")
        return "" if bare else str(parent.id), parent.key

    def _called(self, user: User) -> list[str]:
        """Every way to call somebody: Cloud has ids of accounts, and GitHub logins alone."""
        account = f"5b10a2844c20165700ede{user.id:03d}" if self.cloud else user.login
        ways: dict[Tracker, list[str]] = {
            "jira": [account, user.email, user.name],
            "github": [user.login],
            "asana": [user.email, user.name],
        }
        return sorted(ways[self.tracker])

    def _fields(self, item: Item | None) -> list[tuple[str, str]]:
        """Return the demanded fields as pairs, one for each way to read a value."""
        if item is None:
            return []
        values: Mapping[str, Value] = item.values
        if self.tracker == "github":
            values = self.board.values.get(item.id, {}) if self.board else {}
        elif item.points is not None:
            values = {**values, FIELDS[self.tracker]: item.points}
        told = {name: value for name, value in values.items() if name in self.demand.fields}
        return sorted({(name, text) for name, value in told.items() for text in self._texts(name, value)})

    def _texts(self, name: str, value: Value) -> list[str]:
        several = value if isinstance(value, tuple) else (value,)
        texts = [text for one in several for text in (self._called(one) if isinstance(one, User) else [_written(one)])]
        joined = [" - ".join(texts)] if KINDS[self.tracker].get(name) == "cascadingselect" else []
        return texts + joined

    def _extras(self, item: Item | None) -> Facts:
        extras: Facts = {"fields": self._fields(item)}
        if self.demand.sprints:
            extras["sprints"] = sorted(f"sprint:{one.id}" for one in item.sprints) if item else []
        if self.demand.histories:
            extras["history"] = self._history(item) if item and self.tracker == "jira" else []
        if self.demand.refs:
            extras["refs"] = sorted(set(self._refs(item)) - {item.key}) if item else []
        return extras

    def _history(self, item: Item) -> list[tuple[datetime, State, str, str | None]]:
        return [(one.at, State(one.state), status_of(one.state, one.stage)[1], one.resolution) for one in item.history]

    def _refs(self, item: Item) -> list[str]:
        """What the drill's own titles and branches name, and links: on Jira from both ends."""
        linked = [one.key for one in item.links]
        if self.tracker == "jira":
            return linked + [one.key for one in self.world.items.values() if item in one.links]
        if not item.pull:
            return []
        _, _, named = item.title.partition("#")
        return linked + ([f"{item.project.key}#{named}"] if named else []) + ([item.branch] if item.branch else [])

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
        told = {"kind": Kind.MILESTONE, "title": one.title, "state": State.DONE if one.closed else State.TODO}
        return self._bare() | told | (self._version if self.tracker == "jira" else self._goal)(one)

    def _version(self, one: Milestone) -> Facts:
        """A version of Jira: it is released on a day, and nothing tells when it was made or changed."""
        return {
            "key": f"{one.project.key}/version/{one.id}",
            "type": "version",
            "url": f"{self.base}/projects/{one.project.key}/versions/{one.id}",
            "projects": [(one.project.key, "")],
            "closed_at": one.closed and _midnight(one.closed),
        }

    def _goal(self, one: Milestone) -> Facts:
        """A milestone of GitHub."""
        return {
            "key": f"{one.project.key}/milestone/{one.number}",
            "type": "milestone",
            "url": milestone_page(self.base, one),
            "status": "closed" if one.closed else "open",
            "projects": [(str(one.project.id), one.project.key)],
            "created_at": one.created.replace(microsecond=0),
            "closed_at": one.closed and one.closed.replace(microsecond=0),
            "dated": True,
            "aliases": [f"{one.project.key}#{one.number}"],
        }

    def _sprint(self, one: Sprint) -> Facts:
        return self._bare() | {
            "key": f"{one.project.key}/sprint/{one.id}",
            "kind": Kind.SPRINT,
            "type": "sprint",
            "title": one.title,
            "state": {"future": State.TODO, "active": State.DOING, "closed": State.DONE}[one.state],
            "url": f"{self.base}/secure/RapidBoard.jspa?rapidView={one.project.id}",
            "projects": [(one.project.key, "")],
            "closed_at": one.completed,
        }

    def _bare(self) -> Facts:
        lists: Facts = {name: [] for name in ("labels", "milestones", "members", "sections", "assignees", "aliases")}
        unknown: Facts = dict.fromkeys(("parent", "status", "resolution", "created_at"))
        return lists | unknown | {"dated": False, "children": 0} | self._extras(None)


def _written(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
