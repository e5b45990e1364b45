"""What the trackers keep: plain, mutable records that refer to one another."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

Tracker = Literal["jira", "asana", "github"]
State = Literal["todo", "doing", "done", "cancelled"]
Action = Literal["added", "changed", "removed", "deleted", "undeleted"]
"""What an event of Asana says that was done."""


@dataclass(eq=False, slots=True)
class User:
    """A person, known to every tracker."""

    id: int
    name: str
    login: str
    email: str


Value = str | float | User | tuple[str | User, ...]
"""What a custom field holds; a tuple where it holds several things, or Jira's option with the one below it."""


@dataclass(eq=False, slots=True)
class Section:
    """A column or heading of an Asana project."""

    id: int
    name: str


@dataclass(eq=False, slots=True)
class Project:
    """A Jira project (`key` PAY), a GitHub repository (`key` acme/web) or an Asana project (`key` is its gid)."""

    tracker: Tracker
    id: int
    key: str
    name: str
    created: datetime
    sections: list[Section] = field(default_factory=list)
    former: list[str] = field(default_factory=list)
    """Keys it had before; GitHub redirects from them."""
    hidden: bool = False
    """The token may not see it: 404."""
    barred: bool = False
    """Jira: the token may see it, and none of its issues."""
    archived: bool = False
    estimate: str = "Effort"
    """What Asana's number field for estimates is called here; "" where the project has none."""
    fields: dict[str, str] = field(default_factory=dict)
    """Further custom fields by name, each with its kind as the tracker spells it (`sandbox.custom_fields`)."""
    team_managed: bool = False
    """Jira Cloud: its further fields are its own, and no other project has them."""
    last_number: int = 0
    last_milestone: int = 0


@dataclass(eq=False, slots=True)
class Milestone:
    """A GitHub milestone or a Jira version.  (Asana's milestones are tasks.)"""

    project: Project
    id: int
    number: int
    title: str
    created: datetime
    updated: datetime
    due: date | None = None
    closed: datetime | None = None


@dataclass(eq=False, slots=True)
class Sprint:
    """A sprint of a Jira board; every project has one board, whose id is the project's."""

    project: Project
    id: int
    title: str
    state: Literal["future", "active", "closed"] = "future"
    start: datetime | None = None
    end: datetime | None = None
    completed: datetime | None = None


@dataclass(eq=False, slots=True)
class Board:
    """A GitHub project (Projects v2) of an organisation, with its items' field values."""

    owner: str
    number: int
    id: int
    title: str
    kinds: dict[str, str] = field(default_factory=dict)
    """Fields by name, each `NUMBER`, `DATE`, `TEXT`, `SINGLE_SELECT` or `ITERATION`."""
    values: dict[int, dict[str, str | float]] = field(default_factory=dict)
    """Values by item id, each by the field's name; an item without values is on the board, too."""
    archived: set[int] = field(default_factory=set)
    """Ids of the items that were put away on the board: they keep their values, and are listed only when asked for."""
    updated: datetime | None = None

    def leave(self, item: int) -> None:
        """Forget an item, archived or not."""
        self.values.pop(item, None)
        self.archived.discard(item)


@dataclass(frozen=True, slots=True)
class Change:
    """A moment from which on an item stood in this state."""

    at: datetime
    state: State
    resolution: str | None = None
    stage: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in an Asana project: what its event stream tells."""

    project: int
    item: int
    parent: int | None
    action: Action
    at: datetime
    kind: Literal["task", "section"] = "task"


@dataclass(eq=False, slots=True)
class Item:
    """An issue, pull request or task; `type` is the tracker's own word, "" where it has none."""

    project: Project
    id: int
    number: int
    type: str
    title: str
    created: datetime
    updated: datetime
    changed: datetime
    """When the state last changed."""
    state: State = "todo"
    closed: datetime | None = None
    resolution: str | None = None
    """Jira's resolution or GitHub's state_reason."""
    stage: str = ""
    """Jira: the status, where it is not the one that items of this state have first (`sandbox.jira_shapes.STAGES`)."""
    labels: list[str] = field(default_factory=list)
    components: list[str] = field(default_factory=list)
    """Of a Jira issue."""
    parent: "Item | None" = None
    milestone: Milestone | None = None
    section: Section | None = None
    assignee: User | None = None
    points: float | None = None
    values: dict[str, Value] = field(default_factory=dict)
    """What its further custom fields hold, by their names."""
    pull: bool = False
    draft: bool = False
    blocked_by: list["Item"] = field(default_factory=list)
    """Asana's dependencies: what must be done before this one."""
    separator: bool = False
    """Asana: a heading among tasks, which is shown as one of them."""
    also: list[tuple[Project, Section | None]] = field(default_factory=list)
    """Further projects of an Asana task (multi-homing), each with the section it stands in."""
    archived: bool = False
    """Jira: it left the search and can still be asked for by its key."""
    links: list["Item"] = field(default_factory=list)
    """Jira's issue links, from this side."""
    sprints: list[Sprint] = field(default_factory=list)
    """Jira: the sprints it was in, the newest last."""
    branch: str = ""
    """Of a pull request."""
    visible: datetime | None = None
    """When incremental listings show its last change; None at once.  Indexes of trackers lag."""
    history: list[Change] = field(default_factory=list)
    """How it stood since its creation, oldest first."""

    @property
    def key(self) -> str:
        """What people call it: PAY-12, acme/web#34, an Asana gid."""
        match self.project.tracker:
            case "jira":
                return f"{self.project.key}-{self.number}"
            case "github":
                return f"{self.project.key}#{self.number}"
            case "asana":
                return str(self.id)
