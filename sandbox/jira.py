"""Jira Cloud, as far as Headway reads it (REST API v2 and v3): routes and rendering only."""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime

from sandbox.exchange import Answer, Refused, Request, Route, whole_number
from sandbox.jql import ACCOUNT_ZONE, JqlError, parse
from sandbox.records import Item, Milestone, Project, User
from sandbox.world import World

STORY_POINTS = "customfield_10016"
_API = "/rest/api/(?:2|3)"
_LONGEST_PAGE = 100
_LONGEST_ID_PAGE = 5000
_TYPES = {
    "Epic": ("10000", 1),
    "Story": ("10001", 0),
    "Bug": ("10002", 0),
    "Task": ("10003", 0),
    "Sub-task": ("10004", -1),
}
_STATUS = {
    "todo": ("10000", "To Do", "new", 2),
    "doing": ("10001", "In Progress", "indeterminate", 4),
    "done": ("10002", "Done", "done", 3),
    "cancelled": ("10003", "Cancelled", "done", 3),
}
_FIELDS: tuple[tuple[str, str, Mapping[str, object]], ...] = (
    ("summary", "Summary", {"type": "string", "system": "summary"}),
    ("issuetype", "Issue Type", {"type": "issuetype", "system": "issuetype"}),
    ("status", "Status", {"type": "status", "system": "status"}),
    ("labels", "Labels", {"type": "array", "items": "string", "system": "labels"}),
    (
        STORY_POINTS,
        "Story point estimate",
        {"type": "number", "custom": "com.pyxis.greenhopper.jira:jsw-story-points", "customId": 10016},
    ),
)


class JiraApi:
    """Answers for the Jira site at `base`, the address of its root."""

    name = "jira"

    def __init__(self, world: World, base: str, email: str, token: str) -> None:
        self._world, self._base = world, base
        self._credentials = f"{email}:{token}"
        search = frozenset(("jql", "fields", "maxResults", "nextPageToken"))
        removed = frozenset(("jql", "fields", "maxResults", "startAt"))
        self.routes: tuple[Route, ...] = (
            Route("serverInfo", f"{_API}/serverInfo", self._server_info),
            Route("myself", f"{_API}/myself", self._myself),
            Route("field", f"{_API}/field", self._fields),
            Route("versions", f"{_API}/project/([^/]+)/versions", self._versions),
            Route("project", f"{_API}/project/([^/]+)", self._project),
            Route("search", f"{_API}/search/jql", self._search, search, ("GET", "POST")),
            Route("removed search", f"{_API}/search", self._removed, removed, ("GET", "POST")),
        )

    def authorised(self, request: Request) -> bool:
        """Jira Cloud takes the e-mail and an API token; what kind of server it is, it tells everybody."""
        header = request.headers.get("authorization")
        if header is None:
            return request.path.endswith("/serverInfo")
        scheme, _, value = header.partition(" ")
        try:
            return scheme.lower() == "basic" and base64.b64decode(value).decode() == self._credentials
        except (binascii.Error, UnicodeDecodeError):
            return False

    def refusal(self, status: int, message: str) -> Answer:
        texts = {401: "Client must be authenticated to access this resource.", 404: "No endpoint here."}
        text = message or texts.get(status, "The request failed.")
        return Answer({"errorMessages": [text], "errors": {}}, status)

    def _server_info(self, _request: Request) -> Answer:
        info: dict[str, object] = {
            "baseUrl": self._base,
            "version": "1001.0.0",
            "versionNumbers": [1001, 0, 0],
        }
        info |= {"deploymentType": "Cloud", "buildNumber": 100290, "serverTitle": "Jira"}
        return Answer(
            info | {"buildDate": "2026-01-05T09:00:00.000+0000", "serverTime": stamp(self._world.clock.now())}
        )

    def _myself(self, _request: Request) -> Answer:
        return Answer(self._user(self._world.users[0]) | {"timeZone": ACCOUNT_ZONE, "locale": "en_US"})

    def _fields(self, _request: Request) -> Answer:
        shape = {"orderable": True, "navigable": True, "searchable": True}
        return Answer(
            [
                {
                    "id": id_,
                    "key": id_,
                    "name": name,
                    "custom": "custom" in schema,
                    "clauseNames": [id_],
                    "schema": schema,
                }
                | shape
                for id_, name, schema in _FIELDS
            ]
        )

    def _project(self, _request: Request, key: str) -> Answer:
        project = self._find(key)
        versions = [self._version(one) for one in self._world.milestones if one.project is project]
        return Answer(self._project_record(project) | {"versions": versions, "style": "classic", "archived": False})

    def _versions(self, _request: Request, key: str) -> Answer:
        project = self._find(key)
        return Answer([self._version(one) for one in self._world.milestones if one.project is project])

    def _removed(self, _request: Request) -> Answer:
        raise Refused(410, "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API.")

    def _search(self, request: Request) -> Answer:
        jql, fields, size, token = _search_arguments(request)
        visible = {one.key for one in self._world.projects if one.tracker == self.name and not one.hidden}
        try:
            query = parse(jql, visible, self._world.clock.now())
        except JqlError as error:
            raise Refused(400, str(error)) from error
        found = query.select([one for one in self._world.items.values() if one.project.key in visible])
        begin = _offset(token, jql)
        page = found[begin : begin + min(size, request.page_cap or size)]
        end = begin + len(page)
        body: dict[str, object] = {"issues": [self._issue(one, fields) for one in page], "isLast": end >= len(found)}
        if end < len(found):
            body["nextPageToken"] = _token(end, jql)
        return Answer(body)

    def _find(self, key: str) -> Project:
        for project in self._world.projects:
            if project.tracker == self.name and not project.hidden and key in (project.key, str(project.id)):
                return project
        raise Refused(404, f"No project could be found with key '{key}'.")

    def _issue(self, item: Item, fields: frozenset[str]) -> dict[str, object]:
        issue: dict[str, object] = {"id": str(item.id)}
        wanted = fields - {"id"}
        if not wanted:
            return issue
        issue |= {"key": item.key, "self": f"{self._base}/rest/api/3/issue/{item.id}"}
        known = self._issue_fields(item)
        every = bool(wanted & {"*all", "*navigable"})
        return issue | {"fields": {name: value for name, value in known.items() if every or name in wanted}}

    def _issue_fields(self, item: Item) -> dict[str, object]:
        number, level = _TYPES[item.type]
        fields: dict[str, object] = {
            "summary": item.title,
            "issuetype": {"id": number, "name": item.type, "subtask": level < 0, "hierarchyLevel": level},
            "status": _status(item),
            "resolution": {"id": "10000", "name": item.resolution} if item.resolution else None,
            "resolutiondate": stamp(item.closed) if item.closed else None,
            "statuscategorychangedate": stamp(item.changed),
            "created": stamp(item.created),
            "updated": stamp(item.updated),
            "labels": list(item.labels),
            "components": [],
            "fixVersions": [self._version(item.milestone)] if item.milestone else [],
            "assignee": self._user(item.assignee) if item.assignee else None,
            "project": self._project_record(item.project),
            STORY_POINTS: item.points,
        }
        if item.parent:
            fields["parent"] = self._parent(item.parent)
        return fields

    def _parent(self, parent: Item) -> dict[str, object]:
        number, level = _TYPES[parent.type]
        kind = {"id": number, "name": parent.type, "subtask": level < 0, "hierarchyLevel": level}
        fields = {"summary": parent.title, "status": _status(parent), "issuetype": kind}
        return {"id": str(parent.id), "key": parent.key, "fields": fields}

    def _project_record(self, project: Project) -> dict[str, object]:
        record = {"self": f"{self._base}/rest/api/3/project/{project.id}", "id": str(project.id), "key": project.key}
        return record | {"name": project.name, "projectTypeKey": "software", "simplified": False}

    def _version(self, version: Milestone) -> dict[str, object]:
        record: dict[str, object] = {"self": f"{self._base}/rest/api/3/version/{version.id}", "id": str(version.id)}
        record |= {"name": version.title, "archived": False, "released": version.closed is not None}
        day = version.closed.date() if version.closed else version.due
        return record | {"projectId": version.project.id} | ({"releaseDate": day.isoformat()} if day else {})

    def _user(self, user: User) -> dict[str, object]:
        account = f"5b10a2844c20165700ede{user.id:03d}"
        record = {"self": f"{self._base}/rest/api/3/user?accountId={account}", "accountId": account, "active": True}
        return record | {"accountType": "atlassian", "displayName": user.name, "emailAddress": user.email}


def stamp(moment: datetime) -> str:
    """Return a time as Jira writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def _status(item: Item) -> dict[str, object]:
    number, name, category, category_id = _STATUS[item.state]
    return {"id": number, "name": name, "statusCategory": {"id": category_id, "key": category, "name": name}}


def _search_arguments(request: Request) -> tuple[str, frozenset[str], int, str | None]:
    """Return JQL, fields, page size and page token of a search by GET or POST."""
    if request.method == "POST":
        body = _posted(request.body)
        jql, names, size, token = (body.get(name) for name in ("jql", "fields", "maxResults", "nextPageToken"))
        fields = frozenset(map(str, names)) if isinstance(names, list) else frozenset()
        size = str(size) if size is not None else None
    else:
        jql, size, token = (request.one(name) for name in ("jql", "maxResults", "nextPageToken"))
        fields = frozenset(name for value in request.query.get("fields", ()) for name in value.split(",") if name)
    wanted = whole_number(size, 50, "maxResults must be a number.")
    longest = _LONGEST_PAGE if fields - {"id"} else _LONGEST_ID_PAGE
    return str(jql or ""), fields, max(1, min(wanted, longest)), str(token) if token else None


def _posted(body: bytes) -> dict[str, object]:
    try:
        parsed = json.loads(body)
    except ValueError as error:
        raise Refused(400, "There was an error parsing JSON. Check that your request body is valid.") from error
    unknown = set(parsed) - {"jql", "fields", "maxResults", "nextPageToken"} if isinstance(parsed, dict) else {"body"}
    if unknown:
        raise Refused(400, f"The sandbox does not know the parameter {', '.join(sorted(unknown))} here.")
    return dict(parsed)


def _token(offset: int, jql: str) -> str:
    return base64.urlsafe_b64encode(f"{offset} {jql}".encode()).decode()


def _offset(token: str | None, jql: str) -> int:
    """Return where the page of a token begins; a token belongs to one query."""
    if token is None:
        return 0
    try:
        offset, _, asked = base64.urlsafe_b64decode(token).decode().partition(" ")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Refused(400, "The provided next page token is invalid.") from error
    if asked != jql or not offset.isdecimal():
        raise Refused(400, "The provided next page token is invalid.")
    return int(offset)
