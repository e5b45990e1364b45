"""The one way to GitHub: PyGithub's requester over a connection of ours that counts, keeps time and never redirects.

PyGithub follows a 301 without its query string, so a renamed repository would list its open issues only, and asks
a 202 again for ever (`github/Requester.py`, 2.10).  Both end at our connection and come back as plain answers.
"""

from collections.abc import ItemsView, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from github import Auth, Github

from connectors.contract import MalformedAnswer
from connectors.github.answer import Answer
from connectors.github.credentials import Credentials, InstalledApp
from connectors.github.settings import Settings, graphql_url
from connectors.http import USER_AGENT
from connectors.line import READ_TIMEOUT, Line, Route

API_VERSION = "2022-11-28"
PAGE_SIZE = 100
"""The most that GitHub gives."""


class _Unfollowed(Exception):
    """An answer that PyGithub must not see, because it would send another request by itself."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class _Cable:
    """PyGithub's connection, over our `Line`: what `cnx` of its requester must offer, and no more."""

    def __init__(self, line: Line) -> None:
        self.line = line
        parts = urlsplit(line.route.url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._asked: tuple[str, str, Mapping[str, str], bytes | None] = ("GET", "/", {}, None)
        self.what = ""
        """What is asked next, for people."""
        self.body = b""
        """Of the last answer."""

    def request(self, verb: str, url: str, input: object, headers: dict[str, str], stream: bool = False) -> None:  # noqa: ARG002 - PyGithub's names
        """Remember what to ask; `getresponse` asks it."""
        self._asked = (verb, url, headers, input.encode() if isinstance(input, str) else None)

    def getresponse(self) -> "_Response":
        verb, url, headers, body = self._asked
        answer = self.line.ask(verb, self._origin + url, self.what, headers, body)
        self.body = answer.body
        if answer.status in (202, 301):
            raise _Unfollowed(Answer(answer.status, answer.headers, b""))
        return _Response(answer.status, answer.headers)

    def close(self) -> None:
        self.line.close()


@dataclass(frozen=True, slots=True)
class _Response:
    """What PyGithub sees of an answer: all but the body, which it would only hand on as text."""

    status: int
    headers: Mapping[str, str]

    def getheaders(self) -> ItemsView[str, str]:
        return self.headers.items()

    def read(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class _Question:
    """One request; `what` names for people what is asked for."""

    method: str
    path: str
    what: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = None


def route_of(settings: Settings) -> Route:
    """Return the way to a source's GitHub.  Two things are asked by POST and change nothing: GraphQL and tokens."""
    tokens = set() if settings.app is None else {f"/app/installations/{settings.app.installation}/access_tokens"}
    graphql = frozenset({urlsplit(graphql_url(settings.url)).path})  # on Enterprise it lives beside the REST API
    return Route(settings.url, settings.proxy, settings.ca_bundle, frozenset(tokens), posts_beside=graphql)


class Wire:
    """Answers of one GitHub for one thread: a `Github` object mixes up the answers of two."""

    def __init__(self, route: Route, credentials: Credentials) -> None:
        self.url = route.url
        self.credentials = credentials
        self.line = Line(route)
        self._cable = _Cable(self.line)
        self._signed: tuple[str, Github] | None = None
        """The requester of the token in use."""

    def twin(self) -> Self:
        return type(self)(self.line.route, self.credentials)

    def owns(self, url: str) -> bool:
        """Tell whether a URL out of an answer leads to this GitHub; the token goes nowhere else."""
        return self.line.owns(url)

    def get(self, path: str, what: str, query: Mapping[str, str] | None = None, etag: str = "") -> Answer:
        """Ask for one path below the API root, or for a whole URL, of which only path and query are used.

        With an ETag a 304 may come back.  Raises TryLater when no whole answer came, Stop when asking again cannot
        help, MalformedAnswer when the answer is no HTTP that the library understands.
        """
        return self._as_installed(_Question("GET", path, what, query or {}, {"If-None-Match": etag} if etag else {}))

    def graphql(self, query: str, variables: Mapping[str, Any], what: str) -> Answer:
        """Ask by GraphQL.  Raises as `get` does; what the answer holds is `connectors.github.graphql`'s."""
        body = {"query": query, "variables": dict(variables)}
        return self._as_installed(_Question("POST", graphql_url(self.url), what, body=body))

    def get_as_app(self, app: InstalledApp, path: str, what: str) -> Answer:
        """Ask with the App's own signature, as GitHub wants it for what is about the App itself."""
        assert app.signature is not None  # noqa: S101 - its constructor raises without one
        return self._ask_as_app(app.signature, "GET", path, what)

    def close(self) -> None:
        self._cable.close()
        if self._signed:
            self._signed[1].close()

    def _as_installed(self, asked: "_Question") -> Answer:
        """Ask with the token; an App's token that is refused is renewed once."""
        token = self.credentials.token(self.line.told, self._ask_as_app)
        answer = self._send(self._github(token), asked)
        if answer.status != 401 or not self.credentials.refused(token):
            return answer
        token = self.credentials.token(self.line.told, self._ask_as_app)
        return self._send(self._github(token), asked)

    def _github(self, token: str) -> Github:
        if self._signed is None or self._signed[0] != token:
            if self._signed:
                self._signed[1].close()
            self._signed = (token, self._requester(Auth.Token(token)))
        return self._signed[1]

    def _requester(self, auth: Auth.Auth) -> Github:
        return Github(
            auth=auth,
            base_url=self.url,
            timeout=READ_TIMEOUT,
            user_agent=USER_AGENT,
            per_page=PAGE_SIZE,
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=None,
            api_version=API_VERSION,
        )

    def _ask_as_app(self, signature: Auth.Auth, method: str, path: str, what: str) -> Answer:
        github = self._requester(signature)
        try:
            return self._send(github, _Question(method, path, what))
        finally:
            github.close()

    def _send(self, github: Github, asked: "_Question") -> Answer:
        self._cable.what = asked.what
        try:
            status, fields, _ = github.requester.requestJson(
                asked.method,
                asked.path,
                dict(asked.query),
                {"Accept": "application/vnd.github+json", **asked.headers},
                asked.body,
                self._cable,  # type: ignore[arg-type]  # whatever has the three methods will do
            )
            return Answer(status, fields, self._cable.body)
        except _Unfollowed as unfollowed:
            return unfollowed.answer
        except (ValueError, OverflowError):
            pass  # the library's error may quote the token and must not be chained
        raise MalformedAnswer(f"The answer for {asked.what} has headers that are not GitHub's; nothing of it was used.")
