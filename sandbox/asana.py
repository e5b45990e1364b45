"""Asana, as far as Headway reads it (API 1.0): routes and rendering only."""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

from sandbox.exchange import Answer, Refused, Request, Route, whole_number
from sandbox.records import Item, Project, Section, User
from sandbox.world import World

POINTS_FIELD = "1204999900000001"
_WORKSPACE = {"gid": "1204000000000000", "resource_type": "workspace", "name": "Acme"}
_COMPACT = frozenset(("gid", "name", "resource_type", "resource_subtype"))
_PAGING = frozenset(("limit", "offset", "opt_fields"))


class AsanaApi:
    """Answers for the Asana API at `base`, the address that ends in /api/1.0."""

    name = "asana"

    def __init__(self, world: World, base: str, token: str) -> None:
        self._world, self._base, self._token = world, base, token
        fields = frozenset(("opt_fields",))
        self.routes: tuple[Route, ...] = (
            Route("user", "/users/([^/]+)", self._user_of, fields),
            Route("project", "/projects/([^/]+)", self._project, fields),
            Route("tasks", "/tasks", self._tasks, _PAGING | {"project", "modified_since"}),
            Route("project tasks", "/projects/([^/]+)/tasks", self._project_tasks, _PAGING),
            Route("sections", "/projects/([^/]+)/sections", self._sections, _PAGING),
            Route("subtasks", "/tasks/([^/]+)/subtasks", self._subtasks, _PAGING),
            Route("task", "/tasks/([^/]+)", self._task_of, fields),
        )

    def authorised(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {self._token}"

    def refusal(self, status: int, message: str) -> Answer:
        texts = {401: "Not Authorized", 403: "Forbidden", 404: "No matching route for request"}
        text = message or texts.get(status, "The request failed.")
        return Answer({"errors": [{"message": text, "help": "For more information, see the documentation."}]}, status)

    def _user_of(self, request: Request, who: str) -> Answer:
        user = self._world.users[0]
        if who not in ("me", _gid(user)):
            raise Refused(404, f"user: Unknown object: {who}")
        return self._single(request, _user(user) | {"email": user.email, "workspaces": [_WORKSPACE]})

    def _project(self, request: Request, gid: str) -> Answer:
        project = self._find(gid)
        record: dict[str, object] = _project(project) | {"archived": False, "completed": False, "workspace": _WORKSPACE}
        record |= {"created_at": stamp(project.created), "modified_at": stamp(self._world.clock.now())}
        return self._single(request, record | {"permalink_url": f"https://app.asana.com/1/1/project/{gid}"})

    def _tasks(self, request: Request) -> Answer:
        gid = request.one("project")
        if gid is None:
            raise Refused(
                400, "You should specify one of project, tag, section, user_task_list, or assignee + workspace"
            )
        since = request.one("modified_since")
        tasks = self._listed(self._find(gid))
        if since is not None:
            after = _moment(since)
            tasks = [task for task in tasks if task.updated >= after]
        return self._list(request, [self._task(task) for task in tasks])

    def _project_tasks(self, request: Request, gid: str) -> Answer:
        return self._list(request, [self._task(task) for task in self._listed(self._find(gid))])

    def _sections(self, request: Request, gid: str) -> Answer:
        return self._list(request, [_section(section) for section in self._find(gid).sections])

    def _subtasks(self, request: Request, gid: str) -> Answer:
        return self._list(request, [self._task(child) for child in self._world.children(self._find_task(gid))])

    def _task_of(self, request: Request, gid: str) -> Answer:
        return self._single(request, self._task(self._find_task(gid)))

    def _find(self, gid: str) -> Project:
        for project in self._world.projects:
            if project.tracker == self.name and not project.hidden and project.key == gid:
                return project
        raise Refused(404, f"project: Unknown object: {gid}")

    def _find_task(self, gid: str) -> Item:
        item = self._world.items.get(int(gid)) if gid.isdecimal() else None
        if item is None or item.project.tracker != self.name or item.project.hidden:
            raise Refused(404, f"task: Unknown object: {gid}")
        return item

    def _listed(self, project: Project) -> list[Item]:
        """A sub-task is in no project, so listings do not show it."""
        return [item for item in self._world.items_of(project) if item.parent is None]

    def _task(self, item: Item) -> dict[str, object]:
        closed = item.state in ("done", "cancelled")
        approval = {"approval_status": _approval(item)} if item.type == "approval" else {}
        return approval | {
            "gid": str(item.id),
            "resource_type": "task",
            "resource_subtype": item.type,
            "name": item.title,
            "completed": closed,
            "completed_at": stamp(item.closed) if item.closed else None,
            "created_at": stamp(item.created),
            "modified_at": stamp(item.updated),
            "num_subtasks": len(self._world.children(item)),
            "parent": _compact(item.parent) if item.parent else None,
            "memberships": [] if item.parent else [_membership(item)],
            "projects": [] if item.parent else [_project(item.project)],
            "tags": [{"gid": _tag_gid(name), "resource_type": "tag", "name": name} for name in item.labels],
            "assignee": _user(item.assignee) | {"email": item.assignee.email} if item.assignee else None,
            "custom_fields": [_points(item)],
            "dependencies": [{"gid": str(one.id), "resource_type": "task"} for one in item.blocked_by],
            "workspace": _WORKSPACE,
            "permalink_url": f"https://app.asana.com/1/1/task/{item.id}",
        }

    def _single(self, request: Request, record: dict[str, object]) -> Answer:
        wanted = request.one("opt_fields")
        return Answer({"data": pick(record, wanted.split(",")) if wanted else record})

    def _list(self, request: Request, records: Sequence[dict[str, object]]) -> Answer:
        wanted = request.one("opt_fields")
        begin, limit = _offset(request.one("offset")), request.one("limit")
        size = whole_number(limit, len(records) or 1, "limit: Value is not an integer")
        if limit is not None and not 1 <= size <= 100:
            raise Refused(400, "limit: Value must be between 1 and 100")
        page = records[begin : begin + min(size, request.page_cap or size)]
        end = begin + len(page)
        body: dict[str, object] = {"data": [_shown(record, wanted) for record in page]}
        if limit is not None or end < len(records):
            body["next_page"] = self._next(request, end) if end < len(records) else None
        return Answer(body)

    def _next(self, request: Request, offset: int) -> dict[str, str]:
        token = base64.urlsafe_b64encode(f"offset {offset}".encode()).decode()
        query = {name: values[-1] for name, values in request.query.items()} | {"offset": token}
        path = f"{request.path}?{urlencode(query)}"
        return {"offset": token, "path": path, "uri": self._base + path}


def pick(record: dict[str, object], names: Sequence[str]) -> dict[str, object]:
    """Return what `opt_fields` asks of a record: always the gid; a nested object without names of its own is a stub."""
    deeper: dict[str, list[str]] = {"gid": []}
    for name in names:
        head, _, rest = name.strip().removeprefix("this.").partition(".")
        deeper.setdefault(head, []).extend([rest] if rest else [])
    return {name: _picked(record[name], inner) for name, inner in deeper.items() if name in record}


def _picked(value: object, names: Sequence[str]) -> object:
    if isinstance(value, list):
        return [_picked(one, names) for one in value]
    if not isinstance(value, dict):
        return value
    if names:
        return pick(value, names)
    if "gid" in value:
        return {name: value[name] for name in ("gid", "resource_type") if name in value}
    return {name: _picked(inner, ()) for name, inner in value.items()}


def _shown(record: dict[str, object], wanted: str | None) -> dict[str, object]:
    if wanted:
        return pick(record, wanted.split(","))
    return {name: value for name, value in record.items() if name in _COMPACT}


def stamp(moment: datetime) -> str:
    """Return a time as Asana writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(400, f"modified_since: Not a valid date: {text}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        word, _, number = base64.urlsafe_b64decode(token).decode().partition(" ")
    except (binascii.Error, UnicodeDecodeError):
        word, number = "", ""
    if word != "offset" or not number.isdecimal():
        raise Refused(400, "offset: Your pagination token is invalid.")
    return int(number)


def _approval(item: Item) -> str:
    return {"done": "approved", "cancelled": "rejected"}.get(item.state, "pending")


def _points(item: Item) -> dict[str, object]:
    shown = None if item.points is None else f"{item.points:g}"
    field: dict[str, object] = {
        "gid": POINTS_FIELD,
        "resource_type": "custom_field",
        "name": "Effort",
        "type": "number",
    }
    return field | {"resource_subtype": "number", "number_value": item.points, "display_value": shown, "precision": 1}


def _compact(item: Item) -> dict[str, object]:
    record: dict[str, object] = {"gid": str(item.id), "resource_type": "task", "resource_subtype": item.type}
    return record | {"name": item.title}


def _membership(item: Item) -> dict[str, object]:
    section = item.section or item.project.sections[0]
    return {"project": _project(item.project), "section": _section(section)}


def _project(project: Project) -> dict[str, object]:
    return {"gid": project.key, "resource_type": "project", "name": project.name}


def _section(section: Section) -> dict[str, object]:
    return {"gid": str(section.id), "resource_type": "section", "name": section.name}


def _user(user: User) -> dict[str, object]:
    return {"gid": _gid(user), "resource_type": "user", "name": user.name}


def _gid(user: User) -> str:
    return str(1_203_000_000_000_000 + user.id)


def _tag_gid(name: str) -> str:
    return str(1_205_000_000_000_000 + int.from_bytes(name.encode()[:6]))
