"""An open connection to one Jira: which questions are asked, in which order."""

from collections.abc import Sequence
from urllib.parse import quote

from connectors.contract import Account, Container, Cursor, Demand, MalformedAnswer, Page, Stop, Unreadable
from connectors.http import require
from connectors.jira import fields, paging
from connectors.jira.normalise import Reading, issue_item, version_item
from connectors.jira.payload import Json, maybe, needed
from connectors.jira.settings import Settings
from connectors.jira.transport import Parameters, Transport
from connectors.line import TIMEOUT
from connectors.plain import Plain
from okrs.work import WorkItem, fold_name


class Jira(Plain):
    """A `connectors.contract.Connector`.  A quiet poll of one project asks three things: server, project, issues."""

    def __init__(self, settings: Settings, timeout: tuple[float, float] = TIMEOUT) -> None:
        self._settings = settings
        self._http = Transport(settings, timeout)
        self._server: Json | None = None
        self._known_fields: list[Json] | None = None
        self._projects: dict[str, Json] = {}
        """Projects by id, from the moment they were resolved until their first page was read."""

    @property
    def requests(self) -> int:
        return self._http.requests

    def close(self) -> None:
        self._http.close()

    def check(self) -> Account:
        server = self._server_info()
        me = self._object("myself", "the account of the token")
        found = self.containers()
        name = maybe(me, "displayName", str, "the account") or maybe(me, "name", str, "the account") or ""
        email = maybe(me, "emailAddress", str, "the account")
        return Account(
            who=f"{name} <{email}>" if email else name,
            sees=tuple(one.name for one in found if isinstance(one, Container)),
            missing=tuple(one.name for one in found if isinstance(one, Unreadable)),
            detail=f"Jira {server['deploymentType']} {maybe(server, 'version', str, 'the server') or ''}".strip(),
        )

    def containers(self) -> Sequence[Container | Unreadable]:
        self._server_info()  # a wrong address is a failure of the source, not of each of its projects
        found: list[Container | Unreadable] = []
        for name in self._settings.projects:
            project = self._project(name, name)
            if isinstance(project, Unreadable):
                found.append(project)
            else:
                self._projects[project["id"]] = project
                found.append(Container(project["id"], name, called=project["key"]))
        return found

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        versions: tuple[WorkItem, ...] = ()
        if cursor.resume is None:
            place, versions = self._first(container)
        else:
            place = paging.Place.parse(cursor.resume)
        query = paging.jql(place.project, cursor)
        if self._quiet(query, place, cursor, demand):
            page = Page(versions)
        else:
            page = self._page(query, place, self._reading(demand, full=cursor.since is None), versions)
        self._projects.pop(container.id, None)  # the next read of it starts afresh
        return page

    def _first(self, container: Container) -> tuple[paging.Place, tuple[WorkItem, ...]]:
        """Return the beginning of a container and its milestones, with no request if it was just resolved."""
        project = self._projects.get(container.id) or self._project(container.id, container.name)
        if isinstance(project, Unreadable):
            raise Stop(project.error)
        key = project["key"]
        # The API description does not require `versions`; where it is given, it must be a list.
        listed = require(project, "versions", f"the versions of {key}") if "versions" in project else []
        root = self._settings.url
        return paging.Place(key), tuple(version_item(version, key, root) for version in listed)

    def _page(self, query: str, place: paging.Place, reading: Reading, versions: tuple[WorkItem, ...]) -> Page:
        what = f"the issues of {place.project}"
        answer = self._search(query, place.asked(self._cloud), reading.asked, what)
        issues = require(answer, "issues", what)
        after = place.following(answer, len(issues), self._cloud)
        return Page(
            items=(*versions, *(issue_item(issue, reading) for issue in issues)),
            following=() if after is None else (after.text(),),
            total=maybe(answer, "total", int, what),
        )

    def _quiet(self, query: str, place: paging.Place, cursor: Cursor, demand: Demand) -> bool:
        """Tell whether nothing changed, where knowing it spares the list of fields: most polls find nothing."""
        first_of_poll = cursor.since is not None and cursor.resume is None
        if not first_of_poll or not self._list_wanted(demand):
            return False
        what = f"the issues of {place.project}"
        answer = self._search(query, {**place.asked(self._cloud), "maxResults": 1}, ("id",), what)
        return not require(answer, "issues", what) and place.following(answer, 0, self._cloud) is None

    def _list_wanted(self, demand: Demand) -> bool:
        by_name = any(not fields.is_id(self._spelled(name)) for name in demand.fields)
        return self._known_fields is None and (by_name or not self._cloud)

    def _reading(self, demand: Demand, *, full: bool) -> Reading:
        """Return how issues are read.  A full read also makes sure that fields given by id still exist."""
        if self._list_wanted(demand) or (full and demand.fields and self._known_fields is None):
            what = "the list of fields"
            self._known_fields = fields.field_list(self._http.ask("field", what).json(what))
        known = self._known_fields
        spelled = [(name, self._spelled(name)) for name in sorted(demand.fields)]
        return Reading(
            root=self._settings.url,
            cancelled=frozenset(map(fold_name, self._settings.cancelled_resolutions)),
            columns=tuple((name, one if known is None else fields.field_id(one, known)) for name, one in spelled),
            epic_link=None if known is None or self._cloud else fields.epic_link(known),
        )

    def _spelled(self, name: str) -> str:
        return self._settings.fields.get(name, name)

    def _search(self, query: str, page: Parameters, asked: Sequence[str], what: str) -> Json:
        path = "search/jql" if self._cloud else "search"
        return self._object(path, what, {"jql": query, "fields": ",".join(asked), **page})

    def _project(self, wanted: str, name: str) -> Json | Unreadable:
        """Ask for a project by its key or id; `name` is how the config spells it."""
        what = f"the project {name}"
        answer = self._http.ask(f"project/{quote(wanted, safe='')}", what)
        if answer.is_refusal:
            return Unreadable(name, str(answer.error(what)))
        project = _an_object(answer.json(what), what)
        needed(project, "id", str, what)
        needed(project, "key", str, what)
        if any(maybe(project, gone, bool, what) for gone in ("archived", "deleted")):
            # Its issues leave the search at once, which would look as if they all had been deleted.
            return Unreadable(
                name, f"The project {name} is archived or deleted: restore it, or take it out of `projects:`."
            )
        return project

    @property
    def _cloud(self) -> bool:
        return bool(self._server_info()["deploymentType"] == "Cloud")

    def _server_info(self) -> Json:
        if self._server is None:
            server = self._object("serverInfo", "the server's own description")
            needed(server, "deploymentType", str, "the server")
            self._server = server
        return self._server

    def _object(self, path: str, what: str, parameters: Parameters | None = None) -> Json:
        return _an_object(self._http.ask(path, what, parameters).json(what), what)


def _an_object(answer: object, what: str) -> Json:
    if not isinstance(answer, dict):
        raise MalformedAnswer(f"Jira's answer for {what} is no JSON object; nothing of it was used.")
    return answer
