"""One Jira site as we ask it: single questions, and what was found out already."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from threading import Lock

from connectors.contract import MalformedAnswer, Stop
from connectors.http import require
from connectors.jira.answers import Answer
from connectors.jira.paging import PAGE_SIZE, Chained, Numbered
from connectors.jira.payload import Json, maybe, needed
from connectors.jira.settings import Settings
from connectors.jira.transport import COUNT, ISSUES_BY_ID, PLATFORM, Parameters, Transport, part

A_HANDFUL = 4
"""So many issues more or less are no difference between a listing and an approximate count."""

MOST_BY_ID = 100
"""Issues that one question by id may name."""

_WITHOUT_COUNT = (404, 405, 410, 501)
_OF_CLOUD = ("style", "simplified")


@dataclass(slots=True)
class Knowledge:
    """What one connection found out and its twins need not ask again.  Only ever replaced whole, never half-made."""

    server: Json | None = None
    cloud: bool | None = None
    """Whether this is Cloud, once that is clear."""
    fields: list[Json] | None = None
    categories: dict[str, str] | None = None
    """Status categories by status id."""
    fresh: dict[str, Json] = field(default_factory=dict)
    """Projects by id, from the moment they were resolved until their first page was read."""
    configured: frozenset[str] | None = None
    """Ids of the configured projects that can be read."""
    unread: bool = False
    """Whether there are others that cannot: their ids, and so which fields are theirs, nobody knows."""
    homes: dict[int, str] = field(default_factory=dict)
    """Boards, and the keys of the projects that they live in."""
    asking: Lock = field(default_factory=Lock)
    """Held while one of the lists is asked for: twins that begin at the same time wait for it."""
    clock: Callable[[], float] = time.monotonic
    began: float = field(init=False)
    """When the run began, on the clock."""

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.began = self.clock()

    def passed(self) -> float:
        """Return how many seconds ago the run began."""
        return self.clock() - self.began


class Site:
    """The questions that reading, looking up and checking share."""

    def __init__(self, settings: Settings, http: Transport, known: Knowledge) -> None:
        self.settings, self.http, self.known = settings, http, known
        self.besides = 0
        """How many questions this connection asked for lists that no issue comes with: fields, statuses, boards."""

    @property
    def cloud(self) -> bool:
        """Whether this is Cloud.  The server is asked where the config and the projects do not agree on it."""
        if self.known.cloud is None:
            self.known.cloud = bool(self.server()["deploymentType"] == "Cloud")
        return self.known.cloud

    def server(self) -> Json:
        if self.known.server is None:
            what = "the server's own description"
            server = self.ask("serverInfo", what).object(what)
            needed(server, "deploymentType", str, "the server")
            self.known.server = server
        return self.known.server

    def fields(self) -> list[Json]:
        with self.known.asking:
            if self.known.fields is None:
                what = "the list of fields"
                self.besides += 1
                listed = self.ask("field", what).rows(what)
                if not listed:  # every Jira has some; taken for true, no rule's field would exist any more
                    raise MalformedAnswer("Jira's list of fields is empty; nothing of it was used.")
                self.known.fields = listed
            return self.known.fields

    def categories(self) -> dict[str, str]:
        """Return the category's key of every status, by the status's id."""
        with self.known.asking:
            if self.known.categories is None:
                what = "the list of statuses"
                self.besides += 1
                listed = self.ask("status", what).rows(what)
                self.known.categories = {needed(one, "id", str, what): category(one, what) for one in listed}
            return self.known.categories

    def project(self, wanted: str, name: str) -> Json:
        """Ask for a project by its key or id; `name` is how the config spells it.  Raises ConnectorError."""
        what = f"the project {name}"
        project = self.ask(f"project/{part(wanted)}", what).object(what)
        needed(project, "id", str, what)
        needed(project, "key", str, what)
        if any(maybe(project, gone, bool, what) for gone in ("archived", "deleted")):
            # Its issues leave the search at once, which would look as if they all had been deleted.
            raise Stop(f"The project {name} is archived or deleted: restore it, or take it out of `projects:`.")
        self._notice(project)
        return project

    def _notice(self, project: Json) -> None:
        """Take the kind of server from the config where a project looks like one of that kind, which saves asking.

        Data Center takes bearer tokens alone, Cloud a token with its account's address, or through its gateway; and
        only Cloud tells of the two styles of projects.
        """
        told = self.settings.email is not None or self.settings.cloud_id is not None
        if self.known.cloud is None and told == any(name in project for name in _OF_CLOUD):
            self.known.cloud = told

    def search(
        self,
        query: str,
        place: Chained | Numbered,
        asked: Iterable[str],
        what: str,
        *,
        size: int = PAGE_SIZE,
        more: Parameters | None = None,
    ) -> Answer:
        """Return the answer to a search: one page of what a query finds, with the fields asked for."""
        path = "search/jql" if isinstance(place, Chained) else "search"
        return self.ask(path, what, {"jql": query, "fields": ",".join(asked), **place.asked(size), **(more or {})})

    def count(self, query: str, what: str) -> int | None:
        """Return about how many issues a query finds (Cloud); None where this site cannot tell.

        The count is a check beside the listing, so that a site without it is read all the same.  Raises ConnectorError
        for what is wrong with any question: credentials, limits, passing trouble, an answer that is no JSON.
        """
        answer = self.http.ask(COUNT, what, body={"jql": query.partition(" ORDER BY ")[0]})
        if answer.status in _WITHOUT_COUNT and not answer.login_failed:
            return None
        told = answer.json(what)
        count = told.get("count") if isinstance(told, dict) else None
        return count if isinstance(count, int) and not isinstance(count, bool) else None

    def start(self, project: str = "", window: int | None = None) -> Chained | Numbered:
        """Return the first page of a search."""
        if self.cloud:
            return Chained(project, window=window)
        return Numbered(project, window=window, began=0.0 if window is None else self.known.passed())

    def by_ids(self, ids: Sequence[str], asked: Sequence[str]) -> tuple[list[Json], list[str]]:
        """Return the issues of these ids that Cloud finds, wherever they are, and the ids that it stumbled over."""
        what = f"{len(ids)} issues by their ids"
        body: Json = {"issueIdsOrKeys": list(ids), "fields": list(asked)}
        answer = self.http.ask(ISSUES_BY_ID, what, body=body).object(what)
        issues = require(answer, "issues", what)
        errors = require(answer, "issueErrors", what) if answer.get("issueErrors") is not None else []
        return issues, [needed(one, "id", str, what) for one in errors]

    def ask(self, path: str, what: str, parameters: Parameters | None = None, api: str = PLATFORM) -> Answer:
        """Ask one question of the platform, or of another API of the same site."""
        return self.http.ask(f"{api}/{path}", what, parameters)


def category(status: Json, what: str) -> str:
    """Return the key of a status's category: `new`, `indeterminate`, `done` and others; its name is translated."""
    return needed(needed(status, "statusCategory", dict, what), "key", str, what)


def tripwire(count: int | None, seen: int, what: str) -> None:
    """Raise MalformedAnswer where a listing that ended is markedly shorter than Jira's own count of it.

    Page tokens have been seen to end in the middle.  The count is approximate, so a handful is no difference.
    """
    if count is not None and seen * 10 < count * 9 and count - seen > A_HANDFUL:
        raise MalformedAnswer(f"Jira cut the list of {what} short: it counts about {count}, and gave {seen}.")
