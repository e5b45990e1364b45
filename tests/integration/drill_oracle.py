"""What a perfect mirror holds, told from the sandbox's records and not read through a connector."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from okrs.demand import Demand
from okrs.work import Kind, State, WorkItem
from sandbox.jira_shapes import STATUS
from sandbox.records import Board, Item, Milestone, Project, Sprint, Tracker
from sandbox.world import World

Facts = dict[str, Any]
"""What the drill compares of an item."""

FIELDS: Mapping[Tracker, str] = {"jira": "story_points", "github": "Points", "asana": "Effort"}
"""The field with a number that rules may name; on GitHub it is a board's."""

Asked = Callable[[Item, datetime], bool]
QUERIES: Mapping[Tracker, Mapping[str, Asked]] = {
    "jira": {
        "issuetype = Bug": lambda item, _: item.type == "Bug",
        "status = Done AND labels is EMPTY": lambda item, _: item.state == "done" and not item.labels,
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
    """An item of the mirror, as the oracle tells it: of what costs extra, what is demanded."""
    extras: Facts = {"fields": {name: item.number(name) for name in demand.fields}}
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
        "parent": (item.parent.id or item.parent.name) if item.parent else None,  # an id, or a key: see `Names`
        "milestones": sorted(item.milestones),
        "members": sorted(item.members),
        "projects": sorted(ref.id for ref in item.projects),
        "sections": sorted(ref.name for ref in item.sections),
        "closed_at": item.closed_at and item.closed_at.replace(microsecond=0),
    }


@dataclass
class Names:
    """How things were called in the course of a life."""

    keys: dict[str, int] = field(default_factory=dict)
    """Every key that an item ever had, with its id."""
    words: dict[str, str] = field(default_factory=dict)
    """Labels and sections that were renamed, with the name that each got."""

    def note(self, items: Iterable[Item]) -> None:
        self.keys.update({item.key: item.id for item in items})

    def plain(self, world: World, facts: Facts, held: Mapping[str, Facts], *, forgiving: bool) -> Facts:
        """Name others by their ids, and leave out what an item says of others that are gone.

        Trackers drop such words without a date, and no rule that joins by id sees them.  Nor do they date it when
        another one, a label or a section is called otherwise: `forgiving` takes what it was called for what it is.
        """
        current = {item.key: item.id for item in world.items.values()}
        known = self.keys if forgiving else current
        parent = str(known.get(facts["parent"], facts["parent"]))
        made = facts | {name: [one for one in facts[name] if one in held] for name in ("milestones", "members")}
        made["parent"] = parent if parent in held else None
        if "sprints" in facts:
            made["sprints"] = [one for one in facts["sprints"] if one in held]
        if "refs" in facts:
            there = [one for one in facts["refs"] if self.keys.get(one, 0) in {0, *current.values()}]
            made["refs"] = sorted(str(known.get(one, one)) for one in there)
        if forgiving:
            made |= {name: sorted(map(self._today, facts[name])) for name in ("labels", "sections")}
        return made

    def _today(self, word: str) -> str:
        while word in self.words:
            word = self.words[word]
        return word


@dataclass(frozen=True)
class Oracle:
    """Tells what the mirror of these projects should hold."""

    world: World
    projects: list[Project]
    demand: Demand
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

    def _extras(self, item: Item | None) -> Facts:
        points = item.points if item else None
        if self.board is not None:
            value = self.board.values.get(item.id, {}).get(FIELDS["github"]) if item else None
            points = value if isinstance(value, float) else None
        number = None if points is None else Decimal(str(points))
        extras: Facts = {"fields": dict.fromkeys(self.demand.fields, number)}
        if self.demand.sprints:
            extras["sprints"] = sorted(f"sprint:{one.id}" for one in item.sprints) if item else []
        if self.demand.histories:
            extras["history"] = self._history(item) if item and self.tracker == "jira" else []
        if self.demand.refs:
            extras["refs"] = sorted(set(self._refs(item)) - {item.key}) if item else []
        return extras

    def _history(self, item: Item) -> list[tuple[datetime, State, str, str | None]]:
        return [(one.at, State(one.state), STATUS[one.state][1], one.resolution) for one in item.history]

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
        jira = self.tracker == "jira"
        closed = one.closed
        return self._bare() | {
            "key": f"{one.project.key}/version/{one.id}" if jira else f"{one.project.key}/milestone/{one.number}",
            "kind": Kind.MILESTONE,
            "type": "version" if jira else "milestone",
            "title": one.title,
            "state": State.DONE if closed else State.TODO,
            "projects": [one.project.key if jira else str(one.project.id)],
            "closed_at": closed
            and (_midnight(closed) if jira else closed.replace(microsecond=0)),  # releases have a day
        }

    def _sprint(self, one: Sprint) -> Facts:
        return self._bare() | {
            "key": f"{one.project.key}/sprint/{one.id}",
            "kind": Kind.SPRINT,
            "type": "sprint",
            "title": one.title,
            "state": {"future": State.TODO, "active": State.DOING, "closed": State.DONE}[one.state],
            "projects": [one.project.key],
            "closed_at": one.completed,
        }

    def _bare(self) -> Facts:
        lists: Facts = {name: [] for name in ("labels", "milestones", "members", "sections")}
        return lists | {"parent": None} | self._extras(None)


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
