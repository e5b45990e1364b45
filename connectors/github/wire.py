"""The one way to GitHub: it writes requests, over the connector's `Line`, which sends them and never redirects.

Requests are few and plain, so no library writes them: PyGithub would follow a 301 without its query string, so that a
renamed repository lists its open issues only, and ask a 202 again for ever (`github/Requester.py`, 2.10).
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import orjson

from connectors.github.answer import Answer
from connectors.github.credentials import Credentials, InstalledApp
from connectors.github.settings import Settings, graphql_url
from connectors.line import Line, Route
from okrs.immutable import immutable

API_VERSION = "2022-11-28"
PAGE_SIZE = 100
"""The most that GitHub gives."""


@immutable
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
    """Answers of one GitHub for one thread."""

    def __init__(self, route: Route, credentials: Credentials) -> None:
        self.url = route.url
        self.credentials = credentials
        self.line = Line(route)
        parts = urlsplit(route.url)
        self._origin, self._root = f"{parts.scheme}://{parts.netloc}", parts.path

    def twin(self) -> Self:
        return type(self)(self.line.route, self.credentials)

    def owns(self, url: str) -> bool:
        """Tell whether a URL out of an answer leads to this GitHub; the token goes nowhere else."""
        return self.line.owns(url)

    def get(self, path: str, what: str, query: Mapping[str, str] | None = None, etag: str = "") -> Answer:
        """Ask for one path below the API root, or for a whole URL, of which only path and query are used.

        With an ETag a 304 may come back.  Raises TryLater when no whole answer came, Stop when asking again cannot
        help, MalformedAnswer when the answer is no HTTP.
        """
        return self._as_installed(_Question("GET", path, what, query or {}, {"If-None-Match": etag} if etag else {}))

    def graphql(self, query: str, variables: Mapping[str, Any], what: str) -> Answer:
        """Ask by GraphQL.  Raises as `get` does; what the answer holds is `connectors.github.graphql`'s."""
        body = {"query": query, "variables": dict(variables)}
        return self._as_installed(_Question("POST", graphql_url(self.url), what, body=body))

    def get_as_app(self, app: InstalledApp, path: str, what: str) -> Answer:
        """Ask with the App's own signature, as GitHub wants it for what is about the App itself."""
        return self._ask_as_app(app.signature(), "GET", path, what)

    def close(self) -> None:
        self.line.close()

    def _as_installed(self, asked: _Question) -> Answer:
        """Ask with the token; an App's token that is refused is renewed once."""
        token = self.credentials.token(self.line.told, self._ask_as_app)
        answer = self._send(token, asked)
        if answer.status != 401 or not self.credentials.refused(token):
            return answer
        return self._send(self.credentials.token(self.line.told, self._ask_as_app), asked)

    def _ask_as_app(self, signature: str, method: str, path: str, what: str) -> Answer:
        return self._send(signature, _Question(method, path, what))

    def _send(self, token: str, asked: _Question) -> Answer:
        """Send one request.  https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api"""
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {token}",
            "X-GitHub-Api-Version": API_VERSION,
            **asked.headers,
        }
        body = None
        if asked.body is not None:
            body = orjson.dumps(asked.body)
            headers["Content-Type"] = "application/json"
        told = self.line.ask(asked.method, self._address(asked), asked.what, headers, body)
        return Answer(told.status, told.headers, told.body)

    def _address(self, asked: _Question) -> str:
        if asked.path.startswith("/"):
            path, own = self._root + asked.path, ""
        else:
            parts = urlsplit(asked.path)
            path, own = parts.path, parts.query
        query = "&".join(part for part in (own, urlencode(asked.query)) if part)
        return f"{self._origin}{path}?{query}" if query else f"{self._origin}{path}"
