"""How Jira writes things down: issues, versions, sprints, changelogs.  Cloud and Data Center differ in details."""

import zlib
from collections.abc import Mapping
from datetime import datetime

from sandbox.custom_fields import jira_field, jira_values
from sandbox.records import Change, Item, Milestone, Project, Sprint, User
from sandbox.world import World

STORY_POINTS = "customfield_10016"
SPRINT = "customfield_10020"
EPIC_LINK = "customfield_10008"
TYPES = {
    "Epic": ("10000", 1),
    "Story": ("10001", 0),
    "Bug": ("10002", 0),
    "Task": ("10003", 0),
    "Sub-task": ("10004", -1),
}
STATUS = {
    "todo": ("10000", "To Do", "new", 2),
    "doing": ("10001", "In Progress", "indeterminate", 4),
    "done": ("10002", "Done", "done", 3),
    "cancelled": ("10003", "Cancelled", "done", 3),
}
STAGES = {"Selected": ("10004", "todo"), "In Review": ("10005", "doing"), "Released": ("10006", "done")}
"""Further statuses, each with its id and the state whose category it has."""
RESOLUTIONS = {"Done": "10000", "Won't Do": "10001"}
_ENDS = ("from", "fromString", "to", "toString")
_GREENHOPPER = "com.pyxis.greenhopper.jira"
_SYSTEM = (
    ("summary", "Summary", {"type": "string", "system": "summary"}),
    ("issuetype", "Issue Type", {"type": "issuetype", "system": "issuetype"}),
    ("status", "Status", {"type": "status", "system": "status"}),
    ("labels", "Labels", {"type": "array", "items": "string", "system": "labels"}),
)
_JSW_POINTS = {"type": "number", "custom": f"{_GREENHOPPER}:jsw-story-points", "customId": 10016}
_PLAIN_NUMBER = {
    "type": "number",
    "custom": "com.atlassian.jira.plugin.system.customfieldtypes:float",
    "customId": 10016,
}
_SPRINTS = {"type": "array", "items": "json", "custom": f"{_GREENHOPPER}:gh-sprint", "customId": 10020}
_EPIC = {"type": "any", "custom": f"{_GREENHOPPER}:gh-epic-link", "customId": 10008}
Json = dict[str, object]


class Shapes:
    """Renders for the Jira at `base`, the address of its root."""

    def __init__(self, world: World, base: str, *, cloud: bool) -> None:
        self._world, self._base, self._cloud = world, base, cloud

    def issue(self, item: Item, wanted: frozenset[str], *, only_id: bool) -> Json:
        """Return an issue with the fields asked for; Cloud gives the id alone when nothing else is wanted."""
        if only_id:
            return {"id": str(item.id)}
        every = bool(wanted & {"*all", "*navigable"})
        fields = {name: value for name, value in self._fields(item).items() if every or name in wanted}
        return {"id": str(item.id), "key": item.key, "self": self._self("issue", item.id), "fields": fields}

    def _fields(self, item: Item) -> Json:
        fields: Json = {
            "summary": item.title,
            "issuetype": self.type(item.type),
            "status": self.status(item.state, item.stage),
            "resolution": {"id": RESOLUTIONS[item.resolution], "name": item.resolution} if item.resolution else None,
            "resolutiondate": stamp(item.closed) if item.closed else None,
            "created": stamp(item.created),
            "updated": stamp(item.updated),
            "labels": list(item.labels),
            "components": [self._component(name) for name in item.components],
            "fixVersions": [self.version(item.milestone)] if item.milestone else [],
            "assignee": self.user(item.assignee) if item.assignee else None,
            "project": self.project(item.project),
            "issuelinks": self._links(item),
            STORY_POINTS: item.points,
            **jira_values(item, self.user),
        }
        if self._cloud:
            fields["statuscategorychangedate"] = stamp(item.changed)
            fields[SPRINT] = [self._sprint_field(one) for one in item.sprints] or None
        else:
            fields[SPRINT] = [_written(one) for one in item.sprints] or None
            fields[EPIC_LINK] = item.parent.key if item.parent and item.parent.type == "Epic" else None
        if item.parent and (self._cloud or item.parent.type != "Epic"):
            fields["parent"] = self._short(item.parent)
        return fields

    def _short(self, item: Item) -> Json:
        status = self.status(item.state, item.stage)
        fields = {"summary": item.title, "status": status, "issuetype": self.type(item.type)}
        return {"id": str(item.id), "key": item.key, "self": self._self("issue", item.id), "fields": fields}

    def _links(self, item: Item) -> list[Json]:
        """Return the links of an issue: outward where it was linked from here, inward at the other end."""
        kind = {"id": "10000", "name": "Relates", "inward": "relates to", "outward": "relates to"}
        inward = [one for one in self._world.items.values() if item in one.links]
        ends = [("outwardIssue", one) for one in item.links] + [("inwardIssue", one) for one in inward]
        return [{"id": f"{item.id}{one.id}", "type": kind, end: self._short(one)} for end, one in ends]

    def type(self, name: str) -> Json:
        number, level = TYPES[name]
        record: Json = {"id": number, "name": name, "subtask": level < 0, "self": self._self("issuetype", number)}
        return record | ({"hierarchyLevel": level} if self._cloud else {})

    def status(self, state: str, stage: str = "") -> Json:
        _, _, category, category_id = STATUS[state]
        number, name = status_of(state, stage)
        inner = {"id": category_id, "key": category, "name": name, "self": self._self("statuscategory", category_id)}
        return {"id": number, "name": name, "self": self._self("status", number), "statusCategory": inner}

    def statuses(self) -> list[Json]:
        """Return the statuses of the site."""
        further = [self.status(state, name) for name, (_, state) in STAGES.items()]
        return [self.status(state) for state in STATUS] + further

    def _component(self, name: str) -> Json:
        number = str(zlib.crc32(name.encode()))
        return {"self": self._self("component", number), "id": number, "name": name}

    def project(self, project: Project) -> Json:
        record: Json = {"self": self._self("project", project.id), "id": str(project.id), "key": project.key}
        record |= {"name": project.name, "projectTypeKey": "software"}
        return record | ({"simplified": project.team_managed} if self._cloud else {})

    def whole_project(self, project: Project) -> Json:
        versions = [self.version(one) for one in self._world.milestones if one.project is project]
        types = [self.type(name) for name in TYPES]
        record = self.project(project) | {"versions": versions, "components": [], "issueTypes": types}
        style = "next-gen" if project.team_managed else "classic"
        return record | {"archived": project.archived} | ({"style": style} if self._cloud else {})

    def version(self, version: Milestone) -> Json:
        record: Json = {"self": self._self("version", version.id), "id": str(version.id)}
        record |= {"name": version.title, "archived": False, "released": version.closed is not None}
        day = version.closed.date() if version.closed else version.due
        return record | {"projectId": version.project.id} | ({"releaseDate": day.isoformat()} if day else {})

    def user(self, user: User) -> Json:
        if not self._cloud:
            record: Json = {"self": self._self("user", user.login), "name": user.login, "key": f"JIRAUSER{user.id}"}
            return record | {"displayName": user.name, "emailAddress": user.email, "active": True}
        account = f"5b10a2844c20165700ede{user.id:03d}"
        record = {"self": f"{self._base}/rest/api/3/user?accountId={account}", "accountId": account, "active": True}
        return record | {"accountType": "atlassian", "displayName": user.name, "emailAddress": user.email}

    def fields(self) -> list[Json]:
        """Return the fields of the site: Cloud estimates in a field of its own kind, Data Center in a plain number."""
        named: list[tuple[str, str, Mapping[str, object]]] = [*_SYSTEM, (SPRINT, "Sprint", _SPRINTS)]
        if self._cloud:
            named.append((STORY_POINTS, "Story point estimate", _JSW_POINTS))
        else:
            named += [(STORY_POINTS, "Story Points", _PLAIN_NUMBER), (EPIC_LINK, "Epic Link", _EPIC)]
        mine = [project for project in self._world.projects if project.tracker == "jira"]
        further = [jira_field(name, kind, project) for project in mine for name, kind in project.fields.items()]
        known: list[Json] = [{"id": id_, "name": name, "schema": schema} for id_, name, schema in named]
        return [self._field(field) for field in {str(field["id"]): field for field in known + further}.values()]

    def _field(self, field: Json) -> Json:
        shape: Json = {"custom": str(field["id"]).startswith("customfield_"), "clauseNames": [field["id"]]}
        shape |= {"orderable": True, "navigable": True, "searchable": True}
        return field | shape | ({"key": field["id"]} if self._cloud else {})

    # Jira Software

    def board(self, project: Project) -> Json:
        """Return a project's one board: a scrum board once sprints were planned, until then a kanban board."""
        location = {"projectId": project.id, "projectKey": project.key, "projectName": project.name}
        kind = "scrum" if any(one.project is project for one in self._world.sprints) else "kanban"
        record: Json = {"id": project.id, "name": f"{project.key} board", "type": kind, "location": location}
        return {"self": f"{self._base}/rest/agile/1.0/board/{project.id}"} | record

    def sprint(self, sprint: Sprint) -> Json:
        record: Json = {"id": sprint.id, "self": f"{self._base}/rest/agile/1.0/sprint/{sprint.id}"}
        record |= {"state": sprint.state, "name": sprint.title, "originBoardId": sprint.project.id}
        times = {"startDate": sprint.start, "endDate": sprint.end, "completeDate": sprint.completed}
        return record | {name: stamp(time) for name, time in times.items() if time}

    def _sprint_field(self, sprint: Sprint) -> Json:
        return {"id": sprint.id, "name": sprint.title, "state": sprint.state, "boardId": sprint.project.id}

    # changelogs

    def histories(self, item: Item) -> list[Json]:
        """Return what changed of status and resolution, oldest first."""
        pairs = zip(item.history, item.history[1:], strict=False)
        return [
            {"id": f"{item.id}{index:03d}", "created": stamp(new.at), "items": self._changes(old, new)}
            for index, (old, new) in enumerate(pairs)
        ]

    def _changes(self, old: Change, new: Change) -> list[Json]:
        status = ("status", status_of(old.state, old.stage), status_of(new.state, new.stage))
        ends = [(RESOLUTIONS.get(one.resolution or ""), one.resolution) for one in (old, new)]
        resolution = ("resolution", ends[0], ends[1])
        return [
            self._change(name, (*before, *after)) for name, before, after in (status, resolution) if before != after
        ]

    def _change(self, name: str, ends: tuple[str | None, ...]) -> Json:
        record: Json = {"field": name, "fieldtype": "jira"}
        record |= {"fieldId": name} if self._cloud else {}
        return record | {key: text for key, text in zip(_ENDS, ends, strict=True) if text}

    def _self(self, kind: str, number: object) -> str:
        return f"{self._base}/rest/api/{3 if self._cloud else 2}/{kind}/{number}"


def status_of(state: str, stage: str) -> tuple[str, str]:
    """Return id and name of a status."""
    return (STAGES[stage][0], stage) if stage else STATUS[state][:2]


def stamp(moment: datetime) -> str:
    """Return a time as Jira writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def _written(sprint: Sprint) -> str:
    """Return a sprint as Data Center puts it into an issue: the program's own idea of how to write it."""
    inner = f"id={sprint.id},rapidViewId={sprint.project.id},state={sprint.state.upper()},name={sprint.title}"
    return f"com.atlassian.greenhopper.service.sprint.Sprint@1f[{inner},goal=<null>]"
