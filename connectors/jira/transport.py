"""Questions to Jira: it writes them, `connectors.line` sends them, nobody repeats or follows them.

Requests are few and plain, so no library writes them: the usual client takes 70 ms to import and 0.2 ms a question, and
of all it does only an address and a few headers would be left (jira 3.10).
"""

from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import quote, urlencode

import orjson

from connectors.contract import Stop
from connectors.http import sendable
from connectors.jira.answers import Answer
from connectors.jira.payload import Json
from connectors.jira.settings import Settings
from connectors.line import Line, Route

Parameters = Mapping[str, str | int]
"""What stands behind the question mark of an address."""

PLATFORM = "rest/api/2"
"""Spoken by Cloud and Data Center.  In version 3 texts are documents instead of words, and nothing else differs."""
CLOUD_ONLY = "rest/api/3"
AGILE = "rest/agile/1.0"
TOKENS = "rest/pat/latest"

ISSUES_BY_ID = f"{PLATFORM}/issue/bulkfetch"
CHANGELOGS = f"{CLOUD_ONLY}/changelog/bulkfetch"
COUNT = f"{CLOUD_ONLY}/search/approximate-count"
POSTS = frozenset({f"/{path}" for path in (ISSUES_BY_ID, CHANGELOGS, COUNT)})
"""What is asked by POST because it needs a body; all of it only reads."""


class Transport:
    """One line to one site for one thread.  `line.sent` counts what was really sent."""

    def __init__(self, settings: Settings, timeout: tuple[float, float] | None = None) -> None:
        """Raises Stop as `Line` does."""
        self._root = settings.root
        self._headers = _headers(settings)
        self._advice = _advice(settings)
        self.line = Line(Route(settings.root, settings.proxy, settings.ca_bundle, POSTS, timeout))

    def ask(self, path: str, what: str, parameters: Parameters | None = None, body: Json | None = None) -> Answer:
        """Return the answer to one question, whatever its status; `body` makes it a POST.  Raises ConnectorError."""
        if self._headers is None:
            raise Stop(f"The request for {what} cannot be written: check `url`, `email` and `token` of the source.")
        written = _written(f"{self._root}/{path}", parameters, body)
        if written is None:
            raise Stop(f"The request for {what} cannot be written: it holds half a character.")
        address, content = written
        if content is None:
            answer = self.line.ask("GET", address, what, self._headers)
        else:
            typed = {**self._headers, "Content-Type": "application/json"}
            answer = self.line.ask("POST", address, what, typed, content)
        return Answer(answer.status, answer.headers, answer.body, self._advice)

    def close(self) -> None:
        self.line.close()


def _written(address: str, parameters: Parameters | None, body: Json | None) -> tuple[str, bytes | None] | None:
    """Return a whole address and a body; None where a text is none, as half of a pair of surrogates."""
    try:
        whole = f"{address}?{urlencode(parameters)}" if parameters else address
        return whole, None if body is None else orjson.dumps(body)
    except (UnicodeEncodeError, orjson.JSONEncodeError):
        return None


def part(text: str) -> str:
    """Return a text as one part of a path."""
    return quote(text, safe="")


def _headers(settings: Settings) -> dict[str, str] | None:
    """Return what goes with every question; None where no header can carry the token.

    With an address the two are one word by Basic, else the token is a bearer's:
    https://developer.atlassian.com/cloud/jira/platform/basic-auth-for-rest-apis/
    """
    token = settings.token.get_secret_value()
    way = _bearer(token) if settings.email is None else _basic(settings.email, token)
    if way is None:
        return None
    return {"Accept": "application/json", "Authorization": way}


def _bearer(token: str) -> str | None:
    return f"Bearer {token}" if sendable(token) else None


def _basic(email: str, token: str) -> str | None:
    try:
        return f"Basic {b64encode(f'{email}:{token}'.encode()).decode()}"
    except UnicodeEncodeError:  # of a variable that is not UTF-8; the error holds the token
        return None


def _advice(settings: Settings) -> str:
    """Return what may be wrong when this site refuses the credentials."""
    if settings.cloud_id is not None:
        return f" Check `cloud_id` ({settings.url}/_edge/tenant_info tells it), `email`, and the scopes of the token."
    if settings.email is None:
        return " On Cloud, a token needs `email:` beside it: that of the account which made it."
    return (
        " A token with scopes needs `cloud_id:` beside it; "
        f"{settings.url}/_edge/tenant_info tells it to everyone who opens that address."
    )
