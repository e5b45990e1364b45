"""Asana, as far as Headway reads it (API 1.0): its routes."""

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from sandbox import asana_shapes as shapes
from sandbox.asana_webhooks import Webhooks
from sandbox.exchange import Answer, Refused, Request, Route, whole_number
from sandbox.records import Item, Project
from sandbox.world import World

_PAGING = frozenset(("limit", "offset", "opt_fields"))
_MOST = 100
"""Rows and events a page."""
_TOKEN_LIFE = timedelta(hours=24)


class AsanaApi:
    """Answers for the Asana API at `base`, the address that ends in /api/1.0."""

    name = "asana"

    def __init__(self, world: World, base: str, token: str) -> None:
        self._world, self._base, self._token = world, base, token
        self._offsets = self._syncs = 0
        """How often the tokens of pages and of events were made to expire."""
        self.webhooks = Webhooks(world)
        fields, workspace = frozenset(("opt_fields",)), "/workspaces/([^/]+)"
        self.routes: tuple[Route, ...] = (
            Route("user", "/users/([^/]+)", self._user_of, fields),
            Route("workspaces", "/workspaces", self._workspaces, _PAGING),
            Route("projects", workspace + "/projects", self._projects, _PAGING | {"archived"}),
            Route("tags", workspace + "/tags", self._tags, _PAGING),
            Route("project", "/projects/([^/]+)", self._project, fields),
            Route("tasks", "/tasks", self._tasks, _PAGING | {"project", "modified_since"}),
            Route("project tasks", "/projects/([^/]+)/tasks", self._project_tasks, _PAGING),
            Route("sections", "/projects/([^/]+)/sections", self._sections, _PAGING),
            Route("custom fields", "/projects/([^/]+)/custom_field_settings", self._custom_fields, _PAGING),
            Route("subtasks", "/tasks/([^/]+)/subtasks", self._subtasks, _PAGING),
            Route("task", "/tasks/([^/]+)", self._task_of, fields),
            Route("events", "/events", self._events, frozenset(("resource", "sync"))),
            Route("webhooks", "/webhooks", self._new_webhook, fields, ("POST",)),
        )

    def expire_offsets(self) -> None:
        """Make every token of a further page that was given out invalid, as Asana does after a while."""
        self._offsets += 1

    def expire_syncs(self) -> None:
        """Make every token of events that was given out invalid: Asana promises none for the whole of 24 hours."""
        self._syncs += 1

    def authorised(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {self._token}"

    def refusal(self, status: int, message: str) -> Answer:
        texts = {401: "Not Authorized", 403: "Forbidden", 404: "No matching route for request"}
        texts[429] = "There were too many requests. Ask again after the time that is given."
        text = message or texts.get(status, "The request failed.")
        return Answer({"errors": [{"message": text, "help": "For more information, see the documentation."}]}, status)

    def _user_of(self, request: Request, who: str) -> Answer:
        user = self._world.users[0]
        if who not in ("me", shapes.user_gid(user)):
            raise Refused(404, f"user: Unknown object: {who}")
        return self._single(request, shapes.user(user) | {"email": user.email, "workspaces": [shapes.WORKSPACE]})

    def _workspaces(self, request: Request) -> Answer:
        return self._list(request, [dict(shapes.WORKSPACE)])

    def _projects(self, request: Request, workspace: str) -> Answer:
        _only_workspace(workspace)
        found = [one for one in self._world.projects if one.tracker == self.name and not one.hidden]
        wanted = request.one("archived")
        if wanted is not None:
            found = [one for one in found if one.archived == (wanted == "true")]
        return self._list(request, [shapes.project(one) | {"archived": one.archived} for one in found])

    def _tags(self, request: Request, workspace: str) -> Answer:
        _only_workspace(workspace)
        items = [one for one in self._world.items.values() if one.project.tracker == self.name]
        return self._list(
            request, [shapes.tag(name) for name in sorted({name for one in items for name in one.labels})]
        )

    def _project(self, request: Request, gid: str) -> Answer:
        project = self._find(gid)
        record = shapes.project(project) | {"archived": project.archived, "workspace": shapes.WORKSPACE}
        record |= {"completed": False, "created_at": shapes.stamp(project.created)}
        record["custom_field_settings"] = shapes.field_settings(project)
        record["modified_at"] = shapes.stamp(self._world.clock.now())
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
            tasks = [task for task in tasks if task.updated >= after and self._world.shown(task)]
        return self._list(request, self._shown(tasks))

    def _project_tasks(self, request: Request, gid: str) -> Answer:
        return self._list(
            request, [shapes.task(self._world, task, self._base) for task in self._listed(self._find(gid))]
        )

    def _sections(self, request: Request, gid: str) -> Answer:
        return self._list(request, [shapes.section(section) for section in self._find(gid).sections])

    def _custom_fields(self, request: Request, gid: str) -> Answer:
        return self._list(request, shapes.field_settings(self._find(gid)))

    def _subtasks(self, request: Request, gid: str) -> Answer:
        children = self._world.children(self._find_task(gid))
        return self._list(request, self._shown(children))

    def _task_of(self, request: Request, gid: str) -> Answer:
        return self._single(request, shapes.task(self._world, self._find_task(gid), self._base))

    def _new_webhook(self, request: Request) -> Answer:
        """Asks the target while the request waits, as Asana does."""
        try:
            wish = json.loads(request.body)["data"]
            resource, target = str(wish["resource"]), str(wish["target"])
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(400, "resource, target: Missing input") from error
        return self.webhooks.make(self._find(resource), target)

    def _events(self, request: Request) -> Answer:
        """What happened since a token was given out; 412 with a new one for none, an unknown and an old one."""
        gid = request.one("resource")
        if gid is None:
            raise Refused(400, "resource: Missing input")
        project, now = self._find(gid), self._world.clock.now()
        begin = self._place(request.one("sync"), project, now)
        every = self._world.events
        if begin is None:
            text = "Sync token invalid or too old."
            return Answer({"errors": [{"message": text}], "sync": self._sync(project, len(every), now)}, 412)
        waiting = [index for index in range(begin, len(every)) if every[index].project == project.id]
        page = waiting[: min(_MOST, request.page_cap or _MOST)]
        more = len(page) < len(waiting)
        end = page[-1] + 1 if more else len(every)
        shown = [shapes.event(self._world, every[index]) for index in page]
        return Answer({"data": shown, "sync": self._sync(project, end, now), "has_more": more})

    def _sync(self, project: Project, place: int, now: datetime) -> str:
        return _token(f"sync {self._syncs} {project.id} {place} {now.isoformat()}")

    def _place(self, token: str | None, project: Project, now: datetime) -> int | None:
        """Return from where on to tell, None when the token is not valid."""
        words = _words(token or "")
        if words[:3] != ["sync", str(self._syncs), str(project.id)] or len(words) != 5:
            return None
        return int(words[3]) if now - datetime.fromisoformat(words[4]) < _TOKEN_LIFE else None

    def _find(self, gid: str) -> Project:
        for project in self._world.projects:
            if project.tracker == self.name and not project.hidden and project.key == gid:
                return project
        raise Refused(404, f"project: Unknown object: {gid}")

    def _find_task(self, gid: str) -> Item:
        """What is in the trash is not found by anyone, nor is what only hidden projects hold."""
        item = self._world.items.get(int(gid)) if gid.isdecimal() else None
        above = item
        while item is not None and above is not None:
            if above.project.tracker == self.name and any(not home.hidden for home, _ in self._world.homes(above)):
                return item
            above = above.parent
        raise Refused(404, f"task: Unknown object: {gid}")

    def _listed(self, project: Project) -> list[Item]:
        """A sub-task is in no project by itself, so listings show it only where it was put into one besides."""
        items = [item for item in self._world.items.values() if item.project.tracker == self.name]
        return [item for item in items if any(home is project for home, _ in self._world.homes(item))]

    def _shown(self, tasks: Sequence[Item]) -> list[dict[str, object]]:
        return [shapes.task(self._world, task, self._base) for task in tasks]

    def _single(self, request: Request, record: dict[str, object]) -> Answer:
        wanted = request.one("opt_fields")
        return Answer({"data": shapes.pick(record, wanted.split(",")) if wanted else record})

    def _list(self, request: Request, records: Sequence[dict[str, object]]) -> Answer:
        begin, limit = self._begin(request.one("offset")), request.one("limit")
        size = whole_number(limit, len(records) or 1, "limit: Value is not an integer")
        if limit is not None and not 1 <= size <= _MOST:
            raise Refused(400, "limit: Value must be between 1 and 100")
        end = min(begin + min(size, request.page_cap or size), len(records))
        page = records[request.begin(begin) : end]
        body: dict[str, object] = {"data": [shapes.shown(record, request.one("opt_fields")) for record in page]}
        if limit is not None or end < len(records):
            body["next_page"] = self._next(request, end) if end < len(records) else None
        return Answer(body)

    def _next(self, request: Request, offset: int) -> dict[str, str]:
        token = _token(f"offset {self._offsets} {offset}")
        query = {name: values[-1] for name, values in request.query.items()} | {"offset": token}
        path = f"{request.path}?{urlencode(query)}"
        return {"offset": token, "path": path, "uri": self._base + path}

    def _begin(self, token: str | None) -> int:
        words = _words(token) if token is not None else ["offset", str(self._offsets), "0"]
        if words[:2] != ["offset", str(self._offsets)] or len(words) != 3:
            raise Refused(400, "offset: Your pagination token has expired.")
        return int(words[2])


def _token(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def _words(token: str) -> list[str]:
    try:
        return base64.urlsafe_b64decode(token).decode().split()
    except (binascii.Error, UnicodeDecodeError):
        return []


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(400, f"modified_since: Not a valid date: {text}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _only_workspace(gid: str) -> None:
    if gid != shapes.WORKSPACE["gid"]:
        raise Refused(404, f"workspace: Unknown object: {gid}")
