"""The one way to GitHub: PyGithub's requester over a connection of ours that counts, keeps time and never redirects.

PyGithub follows a 301 without its query string, so a renamed repository would list its open issues only, and asks
a 202 again for ever (`github/Requester.py`, 2.10).  Both end at our connection and come back as plain answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import orjson
from github import Auth, Github
from github.Requester import HTTPSRequestsConnectionClass, RequestsResponse
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException, SSLError
from urllib3.exceptions import HTTPError

from connectors.contract import ConnectorError, CredentialsRefused, MalformedAnswer, RateLimited, Stop, TryLater
from connectors.http import READ_TIMEOUT, TIMEOUT, USER_AGENT, error_for, same_origin

API_VERSION = "2022-11-28"
PAGE_SIZE = 100
"""The most that GitHub gives."""

_LIMIT_WORDS = ("rate limit", "abuse detection")
"""In the text of a 403 that only limits.  The secondary limit may come without any header that says so:
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What GitHub answered, whatever the status.  Header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: str

    def error(self, what: str) -> ConnectorError:
        """Return the typed error of an answer that is not a 200; its body is never repeated."""
        if self.status == 403 and any(words in self.body.lower() for words in _LIMIT_WORDS):
            limited = error_for(403, self.headers, what)
            if isinstance(limited, RateLimited):
                return limited
            return RateLimited(f"The tracker limits requests (403) for {what}.")
        if self.status == 202:
            return TryLater(f"The tracker is not ready yet (202) for {what}; it is asked again later.")
        if 300 <= self.status < 400:
            return Stop(
                f"The tracker moved {what} elsewhere ({self.status}): a repository that was renamed or transferred "
                "meanwhile is found again by the next run; otherwise check `url`."
            )
        return error_for(self.status, self.headers, what)

    def json(self, what: str) -> object:
        """Return the parsed body of a 200.  Raises the typed error of any other status, or MalformedAnswer."""
        if self.status != 200:
            raise self.error(what)
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            pass  # raised below, so that the body is not part of the chain of causes
        raise MalformedAnswer(f"The answer for {what} is not JSON; nothing of it was used. Check `url`.")


class _Unfollowed(Exception):
    """An answer that PyGithub must not see, because it would send another request by itself."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class _Line(HTTPSRequestsConnectionClass):
    """PyGithub's connection for both schemes, with the number of requests that really left."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else str(parts.hostname)
        # The annotation says int; the value goes to `requests`, which takes (connect, read).
        super().__init__(host, port, timeout=TIMEOUT, retry=None)  # type: ignore[arg-type]
        self.protocol = parts.scheme
        self.sent = 0

    def getresponse(self) -> RequestsResponse:
        self.sent += 1
        response = super().getresponse()
        response.response.encoding = "utf-8"  # JSON always is; without a charset `requests` would guess, slowly
        if response.status in (202, 301):
            headers = {name.lower(): value for name, value in response.getheaders()}
            raise _Unfollowed(Answer(response.status, headers, ""))
        return response

    def close(self) -> None:
        """Close the sockets now; `requests` only lets go of its pools, which an error of the past may keep alive."""
        for adapter in self.session.adapters.values():
            if isinstance(adapter, HTTPAdapter):
                for manager in (adapter.poolmanager, *adapter.proxy_manager.values()):
                    keys = manager.pools.keys()  # this mapping refuses to be iterated over
                    for key in keys:
                        manager.pools[key].close()
        super().close()


class Wire:
    """Answers of one GitHub, asked with one token, by one thread."""

    def __init__(self, url: str, token: str) -> None:
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise CredentialsRefused(
                "The GitHub token is empty or holds signs that no token has: set it anew in the environment."
            )
        self.url = url
        self._line = _Line(url)
        self._github = Github(
            auth=Auth.Token(token),
            base_url=url,
            timeout=READ_TIMEOUT,
            user_agent=USER_AGENT,
            per_page=PAGE_SIZE,
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=None,
            api_version=API_VERSION,
        )

    @property
    def sent(self) -> int:
        """How many HTTP requests were sent."""
        return self._line.sent

    def owns(self, url: str) -> bool:
        """Tell whether a URL out of an answer leads to this GitHub; the token goes nowhere else."""
        try:
            return same_origin(self.url, url)
        except ValueError:  # no URL at all
            return False

    def get(self, path: str, what: str, query: Mapping[str, str] | None = None) -> Answer:
        """Ask for one path below the API root, or for a whole URL, of which only path and query are used.

        Raises TryLater when no whole answer came, Stop when asking again cannot help, MalformedAnswer when the
        answer is no HTTP that the library understands.
        """
        headers = {"Accept": "application/vnd.github+json"}
        try:
            status, fields, body = self._github.requester.requestJson(
                "GET", path, dict(query or {}), headers, cnx=self._line
            )
            return Answer(status, fields, body)
        except _Unfollowed as unfollowed:
            return unfollowed.answer
        except (OSError, HTTPError, ValueError, OverflowError) as error:
            failed = _trouble(error, what)
        raise failed  # outside of `except`: the library's error may quote the token and must not be chained

    def close(self) -> None:
        self._line.close()
        self._github.close()


def _trouble(error: Exception, what: str) -> ConnectorError:
    """Return our error for what the library raised, without its words."""
    if isinstance(error, SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Stop(f"The certificate of the tracker was not accepted for {what}: check `url` and the host's CAs.")
    if isinstance(error, (RequestException, HTTPError)) and isinstance(error, ValueError):  # no URL, no header
        return Stop(f"The request for {what} cannot be sent: check `url`.")
    if isinstance(error, (OSError, HTTPError)):
        return TryLater(f"The tracker gave no whole answer for {what}; it is asked again later.")
    return MalformedAnswer(f"The answer for {what} has headers that are not GitHub's; nothing of it was used.")
