"""What Jira Cloud and Data Center have in common, as far as Headway reads it: routes and paging."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from sandbox.exchange import Answer, Refused, Request, Route, whole_number
from sandbox.jira_shapes import TYPES, Json, Shapes, stamp
from sandbox.jql import ACCOUNT_ZONE, JqlError, Query, parse
from sandbox.records import Item, Milestone, Project, Sprint
from sandbox.world import World

GATEWAY = "(?:/ex/jira/[^/]+)?"
"""Cloud answers tokens with scopes below this path of another host."""
AGILE = f"{GATEWAY}/rest/agile/1.0"
PAGED = frozenset(("startAt", "maxResults"))
_SPRINT_ORDER = ("closed", "active", "future")
_LONGEST_AGILE_PAGE = 50


class JiraSite:
    """Answers that are the same for both kinds of Jira, at `base`, the address of its root."""

    name = "jira"

    def __init__(self, world: World, base: str, api: str, server: tuple[str, str]) -> None:
        """`server` is what kind of deployment it is, "Cloud" or "DataCenter", and its version."""
        self.world, self.base = world, base
        self.shapes = Shapes(world, base, cloud=server[0] == "Cloud")
        single = frozenset(("fields", "expand"))
        self.common: tuple[Route, ...] = (
            Route("serverInfo", f"{api}/serverInfo", lambda _: self._server_info(*server)),
            Route("myself", f"{api}/myself", self._myself),
            Route("field", f"{api}/field", lambda _: Answer(self.shapes.fields())),
            Route("status", f"{api}/status", lambda _: Answer(self.shapes.statuses())),
            Route("versions", f"{api}/project/([^/]+)/versions", self._versions),
            Route("project statuses", f"{api}/project/([^/]+)/statuses", self._statuses),
            Route("project", f"{api}/project/([^/]+)", self._project),
            Route("version", f"{api}/version/([^/]+)", self._version),
            Route("issue", f"{api}/issue/([^/]+)", self._issue, single),
            Route("boards", f"{AGILE}/board", self._boards, PAGED | {"projectKeyOrId"}),
            Route("board", f"{AGILE}/board/([^/]+)", self._board),
            Route("sprints", f"{AGILE}/board/([^/]+)/sprint", self._sprints, PAGED),
            Route("sprint", f"{AGILE}/sprint/([^/]+)", self._sprint),
        )

    def refusal(self, status: int, message: str) -> Answer:
        texts = {401: "Client must be authenticated to access this resource.", 404: "No endpoint here."}
        text = message or texts.get(status, "The request failed.")
        return Answer({"errorMessages": [text], "errors": {}}, status)

    # finding

    def visible(self) -> list[Project]:
        """Return the projects that the token may see."""
        return [one for one in self.world.projects if one.tracker == self.name and not one.hidden]

    def find(self, key: str) -> Project:
        for project in self.visible():
            if key in (project.key, str(project.id)):
                return project
        raise Refused(404, f"No project could be found with key '{key}'.")

    def items(self) -> list[Item]:
        """Return the issues that the token may see, archived ones too."""
        projects = [one for one in self.visible() if not one.barred]
        return [one for one in self.world.items.values() if one.project in projects]

    def query(self, jql: str) -> Query:
        names = {name for one in self.visible() for name in (one.key, str(one.id))}
        try:
            query = parse(jql, names, self.world.clock.now())
        except JqlError as error:
            raise Refused(400, str(error)) from error
        for name in sorted(query.above - {name for one in self.items() for name in (one.key, str(one.id))}):
            raise Refused(400, f"An issue with key '{name}' does not exist for field 'parent'.")
        return query

    def select(self, query: Query) -> list[Item]:
        """Return what a search finds: no archived issues, and by a date only what the index has noticed already."""
        found = query.select([one for one in self.items() if not one.archived and not one.project.archived])
        return [one for one in found if not query.dated or self.world.shown(one)]

    # answering

    def _server_info(self, deployment: str, version: str) -> Answer:
        numbers = [int(number) for number in version.split(".")]
        info: Json = {"baseUrl": self.base, "version": version, "versionNumbers": numbers, "serverTitle": "Jira"}
        info |= {"deploymentType": deployment, "buildNumber": 100290, "buildDate": "2026-01-05T09:00:00.000+0000"}
        return Answer(info | {"serverTime": stamp(self.world.clock.now())})

    def _myself(self, _request: Request) -> Answer:
        return Answer(self.shapes.user(self.world.users[0]) | {"timeZone": ACCOUNT_ZONE, "locale": "en_US"})

    def _project(self, _request: Request, key: str) -> Answer:
        return Answer(self.shapes.whole_project(self.find(key)))

    def _versions(self, _request: Request, key: str) -> Answer:
        project = self.find(key)
        return Answer([self.shapes.version(one) for one in self.world.milestones if one.project is project])

    def _statuses(self, _request: Request, key: str) -> Answer:
        self.find(key)
        statuses = self.shapes.statuses()
        kinds = [self.shapes.type(name) for name in TYPES]
        return Answer([{name: kind[name] for name in _BARE_TYPE} | {"statuses": statuses} for kind in kinds])

    def _version(self, _request: Request, number: str) -> Answer:
        visible = self.visible()
        found: list[Milestone] = [
            one for one in self.world.milestones if str(one.id) == number and one.project in visible
        ]
        if not found:
            raise Refused(404, f"Could not find version for id '{number}'")
        return Answer(self.shapes.version(found[0]))

    def _issue(self, request: Request, key: str) -> Answer:
        for item in self.items():
            if key in (item.key, str(item.id)):
                wanted = listed(request, "fields") or frozenset({"*all"})
                issue = self.shapes.issue(item, wanted, only_id=False)
                return Answer(issue | self.changelog(item, listed(request, "expand"), None))
        raise Refused(404, "Issue does not exist or you do not have permission to see it.")

    def changelog(self, item: Item, expand: frozenset[str], most: int | None) -> Json:
        """Return an issue's changelog where it is asked for: the newest entries, if there are more than `most`."""
        if "changelog" not in expand:
            return {}
        every = self.shapes.histories(item)
        shown = every if most is None else every[-most:]
        return {"changelog": {"startAt": 0, "maxResults": len(shown), "total": len(every), "histories": shown}}

    # Jira Software

    def _boards(self, request: Request) -> Answer:
        project = self.find(request.one("projectKeyOrId") or "")
        return self.values(request, [project], self.shapes.board)

    def _board(self, _request: Request, number: str) -> Answer:
        return Answer(self.shapes.board(self.find(number)))

    def _sprints(self, request: Request, board: str) -> Answer:
        project = self.find(board)
        mine = [one for one in self.world.sprints if one.project is project]
        if not mine:
            raise Refused(400, "The board does not support sprints")
        mine.sort(key=lambda sprint: (_SPRINT_ORDER.index(sprint.state), sprint.id))
        return self.values(request, mine, self.shapes.sprint)

    def _sprint(self, _request: Request, number: str) -> Answer:
        visible = self.visible()
        found: list[Sprint] = [one for one in self.world.sprints if str(one.id) == number and one.project in visible]
        if not found:
            raise Refused(404, f"Sprint with id {number} does not exist")
        return Answer(self.shapes.sprint(found[0]))

    def values(
        self, request: Request, every: Sequence[Any], shape: Callable[[Any], Json], longest: int = _LONGEST_AGILE_PAGE
    ) -> Answer:
        """Return one page of a list that counts its entries."""
        begin = whole_number(request.one("startAt"), 0, "startAt must be a number.")
        size = max(1, min(whole_number(request.one("maxResults"), 50, "maxResults must be a number."), longest))
        page = every[request.begin(begin) : begin + min(size, request.page_cap or size)]
        body: Json = {"startAt": begin, "maxResults": size, "total": len(every)}
        return Answer(body | {"isLast": begin + len(page) >= len(every), "values": [shape(one) for one in page]})


_BARE_TYPE = ("self", "id", "name", "subtask")


def listed(request: Request, name: str) -> frozenset[str]:
    """Return a parameter that holds several names."""
    return frozenset(one for value in request.query.get(name, ()) for one in value.split(",") if one)


def posted(request: Request, known: frozenset[str]) -> Json:
    """Return the body of a POST.  Raises Refused (400) for what this sandbox does not understand."""
    try:
        parsed = json.loads(request.body)
    except ValueError as error:
        raise Refused(400, "There was an error parsing JSON. Check that your request body is valid.") from error
    unknown = set(parsed) - known if isinstance(parsed, dict) else {"body"}
    if unknown:
        raise Refused(400, f"The sandbox does not know the parameter {', '.join(sorted(unknown))} here.")
    return dict(parsed)
