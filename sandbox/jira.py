"""Jira Cloud, as far as Headway reads it (REST API v2 and v3, Jira Software): what it does in its own way."""

import base64
import binascii

from sandbox.exchange import Answer, Refused, Request, Route, whole_number
from sandbox.jira_shapes import Json
from sandbox.jira_site import GATEWAY, PAGED, JiraSite, listed, posted
from sandbox.world import World

CLOUD_ID = "11223344-a1b2-3b33-c444-def123456789"
WITH_SCOPES = "sandbox-jira-scoped-token"
"""A token with scopes: refused at the site, taken below `/ex/jira/{CLOUD_ID}`."""

_API = f"{GATEWAY}/rest/api/(?:2|3)"
_LONGEST_PAGE = 100
_LONGEST_ID_PAGE = 5000
_SEARCH = frozenset(("jql", "fields", "maxResults", "nextPageToken"))
_MOST_BY_ID = 100
_MOST_CHANGELOGS = 1000


class JiraApi(JiraSite):
    """Answers for the Jira Cloud site at `base`, the address of its root, and for its gateway there."""

    def __init__(self, world: World, base: str, email: str, token: str) -> None:
        super().__init__(world, base, _API, ("Cloud", "1001.0.0"))
        self._credentials = {False: f"{email}:{token}", True: f"{email}:{WITH_SCOPES}"}
        removed = frozenset(("jql", "fields", "maxResults", "startAt"))
        projects = PAGED | {"id", "keys", "action"}
        self.routes: tuple[Route, ...] = (
            Route("project search", f"{_API}/project/search", self._projects, projects),
            Route("bulk issues", f"{_API}/issue/bulkfetch", self._by_ids, methods=("POST",)),
            Route("changelogs", f"{_API}/changelog/bulkfetch", self._changelogs, methods=("POST",)),
            Route("count", f"{_API}/search/approximate-count", self._count, methods=("POST",)),
            Route("search", f"{_API}/search/jql", self._search, _SEARCH, ("GET", "POST")),
            Route("removed search", f"{_API}/search", self._removed, removed, ("GET", "POST")),
            Route("tenant", "/_edge/tenant_info", lambda _: Answer({"cloudId": CLOUD_ID})),
            *self.common,
        )

    def authorised(self, request: Request) -> bool:
        """Jira Cloud takes the e-mail and an API token; what kind of server it is, it tells everybody."""
        header = request.headers.get("authorization")
        through = request.path.startswith("/ex/jira/")
        if through and not request.path.startswith(f"/ex/jira/{CLOUD_ID}/"):
            return False
        if header is None:
            return not through and request.path.endswith(("/serverInfo", "/tenant_info"))
        scheme, _, value = header.partition(" ")
        try:
            return scheme.lower() == "basic" and base64.b64decode(value).decode() == self._credentials[through]
        except (binascii.Error, UnicodeDecodeError):
            return False

    def _projects(self, request: Request) -> Answer:
        wanted = {*request.query.get("id", ()), *request.query.get("keys", ())}
        found = [one for one in self.visible() if not wanted or {one.key, str(one.id)} & wanted]
        return self.values(request, found, self.shapes.project, _LONGEST_PAGE)

    def _by_ids(self, request: Request) -> Answer:
        """Return the issues of these ids or keys, in ascending order of their ids; archived ones, too."""
        body = posted(request, frozenset(("issueIdsOrKeys", "fields")))
        wanted, fields = _texts(body, "issueIdsOrKeys"), frozenset(_texts(body, "fields"))
        if len(wanted) > _MOST_BY_ID:
            raise Refused(400, f"You can request up to {_MOST_BY_ID} issues.")
        found = sorted([one for one in self.items() if {str(one.id), one.key} & set(wanted)], key=lambda one: one.id)
        return Answer({"issues": [self.shapes.issue(one, fields, only_id=False) for one in found], "issueErrors": []})

    def _changelogs(self, request: Request) -> Answer:
        body = posted(request, frozenset(("issueIdsOrKeys", "fieldIds", "maxResults", "nextPageToken")))
        wanted, fields = _texts(body, "issueIdsOrKeys"), _texts(body, "fieldIds")
        if len(wanted) > _MOST_CHANGELOGS or len(fields) > 10:
            raise Refused(400, "At most 1000 issues and 10 fields can be asked for.")
        every = [
            (str(item.id), entry)
            for item in self.items()
            if {str(item.id), item.key} & set(wanted)
            for entry in self.shapes.histories(item)
        ]
        size, token = body.get("maxResults", 1000), body.get("nextPageToken")
        begin = _offset(token if isinstance(token, str) else None, "changelogs")
        end = begin + min(size if isinstance(size, int) else 1000, request.page_cap or 10_000)
        logs: dict[str, list[Json]] = {}
        for number, entry in every[begin:end]:
            logs.setdefault(number, []).append(entry)
        answer: Json = {"issueChangeLogs": [{"issueId": key, "changeHistories": log} for key, log in logs.items()]}
        return Answer(answer | ({"nextPageToken": _token(end, "changelogs")} if end < len(every) else {}))

    def _count(self, request: Request) -> Answer:
        jql = str(posted(request, frozenset(("jql",))).get("jql") or "")
        return Answer({"count": len(self.select(self.query(jql)))})

    def _removed(self, _request: Request) -> Answer:
        raise Refused(410, "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API.")

    def _search(self, request: Request) -> Answer:
        jql, fields, size, token = _search_arguments(request)
        found = self.select(self.query(jql))
        begin = _offset(token, jql)
        end = min(begin + min(size, request.page_cap or size), len(found))
        page = found[request.begin(begin) : end]
        issues = [self.shapes.issue(one, fields, only_id=not fields - {"id"}) for one in page]
        body: Json = {"issues": issues, "isLast": end >= len(found)}
        return Answer(body | ({"nextPageToken": _token(end, jql)} if end < len(found) else {}))


def _search_arguments(request: Request) -> tuple[str, frozenset[str], int, str | None]:
    """Return JQL, fields, page size and page token of a search by GET or POST."""
    if request.method == "POST":
        body = posted(request, _SEARCH)
        jql, size, token = (body.get(name) for name in ("jql", "maxResults", "nextPageToken"))
        fields = frozenset(_texts(body, "fields"))
        size = str(size) if size is not None else None
    else:
        jql, size, token = (request.one(name) for name in ("jql", "maxResults", "nextPageToken"))
        fields = listed(request, "fields")
    wanted = whole_number(size, 50, "maxResults must be a number.")
    longest = _LONGEST_PAGE if fields - {"id"} else _LONGEST_ID_PAGE
    return str(jql or ""), fields, max(1, min(wanted, longest)), str(token) if token else None


def _texts(body: Json, name: str) -> list[str]:
    value = body.get(name)
    return [str(one) for one in value] if isinstance(value, list) else []


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
