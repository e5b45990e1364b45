"""Questions to Jira through the session of its client library, and every failure as one of our typed errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import orjson
import requests
from jira import JIRA

from connectors.contract import ConnectorError, MalformedAnswer, Stop, TryLater
from connectors.http import USER_AGENT, error_for
from connectors.jira.settings import Settings
from connectors.line import TIMEOUT
from connectors.settings import is_loopback

Parameters = Mapping[str, str | int]
"""What stands behind the question mark of an address."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def login_failed(self) -> bool:
        """Tell whether the credentials were refused.

        Cloud answers some requests as if nobody had logged in, an empty search among them, and says so in a header.
        """
        reason = self.headers.get("X-Seraph-LoginReason", "")
        told = "AUTHENTICATED_FAILED" in reason or "AUTHENTICATION_DENIED" in reason
        return self.status == 401 or (told and self.status < 429)

    @property
    def is_refusal(self) -> bool:
        """Tell whether this one thing is refused, and asking again would not help."""
        return self.status >= 400 and not self.login_failed and isinstance(self.error("it"), Stop)

    def error(self, what: str) -> ConnectorError | None:
        """Return the typed error of this answer, None when it succeeded."""
        if self.login_failed:
            return error_for(401, self.headers, what)
        if 300 <= self.status < 400:
            return Stop(
                f"Jira sends the request for {what} elsewhere ({self.status}), where the token does not go: "
                "write the site's final address as `url:`, and check the token."
            )
        return None if 200 <= self.status < 300 else error_for(self.status, self.headers, what)

    def json(self, what: str) -> object:
        """Return the JSON of a success.  Raises ConnectorError otherwise."""
        error = self.error(what)
        if error is not None:
            raise error
        try:
            answer: object = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise MalformedAnswer(f"Jira's answer for {what} is no JSON; nothing of it was used.") from None
        return answer


class Transport:
    """One session with one site.  `requests` counts what was really sent: nothing is repeated or followed here."""

    def __init__(self, settings: Settings, timeout: tuple[float, float] = TIMEOUT) -> None:
        self.requests = 0
        self._root = f"{settings.url}/rest/api/2"
        self._timeout = timeout
        self._jira = _library(settings)

    def ask(self, path: str, what: str, parameters: Parameters | None = None) -> Answer:
        """Return the answer to one GET, whatever its status.

        The session's own `request` is passed over: it fails with a plain ValueError on a date in Retry-After and
        on error bodies it does not expect.  No error keeps the library's one, whose request holds the token.
        """
        self.requests += 1
        try:
            answer = requests.Session.request(
                self._jira._session,
                "GET",
                f"{self._root}/{path}",
                params=parameters,
                timeout=self._timeout,
                allow_redirects=False,
            )
        except ValueError:  # an address or a header that cannot be written
            error: ConnectorError = Stop(
                f"The request for {what} cannot be written: check `url`, `email` and `token` of the source."
            )
        except requests.RequestException as problem:
            error = TryLater(f"{_trouble(problem)} when asked for {what}; it is asked again later.")
        else:
            return Answer(answer.status_code, answer.headers, answer.content)
        raise error

    def close(self) -> None:
        self._jira.close()  # type: ignore[no-untyped-call]  # the library leaves this one without types


def _trouble(problem: requests.RequestException) -> str:
    if isinstance(problem, requests.Timeout):
        return "Jira did not answer in time"
    if isinstance(problem, requests.exceptions.SSLError):
        return "Jira's certificate could not be verified"
    return "The connection to Jira failed"


def _library(settings: Settings) -> JIRA:
    """Return the client without a word to the site: `get_server_info` would speak before a failure can be typed."""
    token = settings.token.get_secret_value()
    client = JIRA(
        settings.url,
        options={"headers": {"User-Agent": USER_AGENT}},
        basic_auth=None if settings.email is None else (settings.email, token),
        token_auth=token if settings.email is None else None,
        get_server_info=False,
        logging=False,
        max_retries=0,
    )
    # A proxy of the environment is for other machines; `requests` would send the token to it in clear.
    client._session.trust_env = not is_loopback(urlsplit(settings.url).hostname or "")
    return client
