"""Questions to Jira: the client library writes them, `connectors.line` sends them, nobody repeats or follows them."""

from collections.abc import Mapping
from urllib.parse import quote

import requests
from jira import JIRA

from connectors.contract import Stop
from connectors.http import USER_AGENT
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
        self._root = settings.root
        self._session = _library(settings)._session
        self._advice = _advice(settings)
        self.line = Line(Route(settings.root, settings.proxy, settings.ca_bundle, POSTS, timeout))

    def ask(self, path: str, what: str, parameters: Parameters | None = None, body: Json | None = None) -> Answer:
        """Return the answer to one question, whatever its status; `body` makes it a POST.

        No error keeps the library's one, whose request holds the token.  Raises ConnectorError.
        """
        asked = self._write("GET" if body is None else "POST", path, parameters, body)
        if asked is None or asked.url is None:
            raise Stop(f"The request for {what} cannot be written: check `url`, `email` and `token` of the source.")
        content = asked.body.encode() if isinstance(asked.body, str) else asked.body
        answer = self.line.ask(asked.method or "GET", asked.url, what, dict(asked.headers), content)
        return Answer(answer.status, answer.headers, answer.body, self._advice)

    def _write(
        self, method: str, path: str, parameters: Parameters | None, body: Json | None
    ) -> requests.PreparedRequest | None:
        """Return the request as the library's session writes it, None where it cannot be written."""
        request = requests.Request(method, f"{self._root}/{path}", params=parameters, json=body)
        try:
            return self._session.prepare_request(request)
        except (ValueError, requests.RequestException):  # an address or a header that cannot be written
            return None

    def close(self) -> None:
        self._session.close()
        self.line.close()


def part(text: str) -> str:
    """Return a text as one part of a path."""
    return quote(text, safe="")


def _library(settings: Settings) -> JIRA:
    """Return the client without a word to the site: `get_server_info` would speak before a failure can be typed."""
    token = settings.token.get_secret_value()
    client = JIRA(
        settings.root,
        options={"headers": {"User-Agent": USER_AGENT}},
        basic_auth=None if settings.email is None else (settings.email, token),
        token_auth=token if settings.email is None else None,
        get_server_info=False,
        logging=False,
        max_retries=0,
    )
    client._session.trust_env = False  # a password of ~/.netrc is for somebody else
    return client


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
