"""Jira Data Center, as far as Headway reads it (REST API v2, Jira Software): what it does in its own way."""

from datetime import timedelta

from sandbox.exchange import Answer, Refused, Request, Route, whole_number
from sandbox.jira_shapes import stamp
from sandbox.jira_site import PAGED, JiraSite, listed
from sandbox.world import World

_API = "/rest/api/2"
_LONGEST_PAGE = 1000
CUT = 100
"""Changelog entries that a search gives with an issue."""
TOKEN_DAYS = 90
"""How long the token lives on."""


class JiraCenterApi(JiraSite):
    """Answers for the Jira Data Center at `base`, the address of its root."""

    def __init__(self, world: World, base: str, token: str) -> None:
        super().__init__(world, base, _API, ("DataCenter", "10.3.1"))
        self._token = token
        search = PAGED | {"jql", "fields", "expand", "validateQuery"}
        self.routes: tuple[Route, ...] = (
            Route("projects", f"{_API}/project", self._projects),
            Route("search", f"{_API}/search", self._search, search),
            Route("permissions", f"{_API}/mypermissions", self._permissions, frozenset(("projectId", "projectKey"))),
            Route("tokens", "/rest/pat/latest/tokens", self._tokens),
            *self.common,
        )

    def authorised(self, request: Request) -> bool:
        """Data Center takes a personal access token; what kind of server it is, it tells everybody."""
        header = request.headers.get("authorization")
        if header is None:
            return request.path.endswith("/serverInfo")
        scheme, _, value = header.partition(" ")
        return scheme.lower() == "bearer" and value == self._token

    def _projects(self, _request: Request) -> Answer:
        return Answer([self.shapes.project(one) for one in self.visible()])

    def _search(self, request: Request) -> Answer:
        query = self.query(request.one("jql") or "")
        found, known = self.select(query), {name for one in self.items() for name in (str(one.id), one.key)}
        if request.one("validateQuery") != "false":
            for name in sorted(query.named - known):
                raise Refused(400, f"An issue with key '{name}' does not exist for field 'id'.")
        begin = whole_number(request.one("startAt"), 0, "startAt must be a number.")
        size = min(whole_number(request.one("maxResults"), 50, "maxResults must be a number."), _LONGEST_PAGE)
        size = min(size, request.page_cap or size)
        fields, expand = listed(request, "fields") or frozenset({"*navigable"}), listed(request, "expand")
        issues = [
            self.shapes.issue(one, fields, only_id=False) | self.changelog(one, expand, CUT)
            for one in found[request.begin(begin) : begin + size]
        ]
        return Answer({"startAt": begin, "maxResults": size, "total": len(found), "issues": issues})

    def _permissions(self, request: Request) -> Answer:
        self.find(request.one("projectId") or request.one("projectKey") or "")
        browse = {"id": "10", "key": "BROWSE_PROJECTS", "name": "Browse Projects", "type": "PROJECT"}
        return Answer({"permissions": {"BROWSE_PROJECTS": browse | {"havePermission": True}}})

    def _tokens(self, _request: Request) -> Answer:
        now = self.world.clock.now()
        times = {"createdAt": stamp(now), "expiringAt": stamp(now + timedelta(days=TOKEN_DAYS))}
        return Answer([{"id": 1, "name": "Headway"} | times])
