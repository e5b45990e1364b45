"""The one way to GitHub: PyGithub's requester over a connection of ours that counts, keeps time and never redirects.

PyGithub follows a 301 without its query string, so a renamed repository would list its open issues only, and asks
a 202 again for ever (`github/Requester.py`, 2.10).  Both end at our connection and come back as plain answers.
"""

from collections.abc import ItemsView, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import orjson
from github import Auth, Github
from urllib3.exceptions import HTTPError, SSLError

from connectors.contract import ConnectorError, CredentialsRefused, MalformedAnswer, RateLimited, Stop, TryLater
from connectors.http import READ_TIMEOUT, USER_AGENT, close_pool, error_for, pool_for, same_origin

API_VERSION = "2022-11-28"
PAGE_SIZE = 100
"""The most that GitHub gives."""

_LIMIT_WORDS = (b"rate limit", b"abuse detection")
"""In the text of a 403 that only limits.  The secondary limit may come without any header that says so:
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What GitHub answered, whatever the status.  Header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

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


class _Line:
    """PyGithub's connection, over urllib3: what `cnx` of its requester must offer, and no more.

    Its own connection goes through `requests`, which reads an answer in slices of 10 kB and decodes it to text that
    the parser turns into bytes again; a listing of 10,000 issues takes twice as long that way.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._pool = pool_for(url)
        self._asked: tuple[str, str, Mapping[str, str]] = ("GET", "/", {})
        self.sent = 0
        self.body = b""
        """Of the last answer."""

    def request(self, verb: str, url: str, input: object, headers: dict[str, str], stream: bool = False) -> None:  # noqa: ARG002 - PyGithub's names
        """Remember what to ask; `getresponse` asks it."""
        self._asked = (verb, url, headers)

    def getresponse(self) -> "_Response":
        verb, url, headers = self._asked
        self.sent += 1
        answer = self._pool.request(verb, self._origin + url, headers=headers, retries=False, redirect=False)
        self.body = answer.data
        if answer.status in (202, 301):
            raise _Unfollowed(
                Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, b"")
            )
        return _Response(answer.status, answer.headers)

    def close(self) -> None:
        close_pool(self._pool)


@dataclass(frozen=True, slots=True)
class _Response:
    """What PyGithub sees of an answer: all but the body, which it would only hand on as text."""

    status: int
    headers: Mapping[str, str]

    def getheaders(self) -> ItemsView[str, str]:
        return self.headers.items()

    def read(self) -> str:
        return ""


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
            status, fields, _ = self._github.requester.requestJson(
                "GET",
                path,
                dict(query or {}),
                headers,
                cnx=self._line,  # type: ignore[arg-type]  # whatever has the three methods will do
            )
            return Answer(status, fields, self._line.body)
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
    if isinstance(error, HTTPError) and isinstance(error, ValueError):  # no URL, no header
        return Stop(f"The request for {what} cannot be sent: check `url`.")
    if isinstance(error, (OSError, HTTPError)):
        return TryLater(f"The tracker gave no whole answer for {what}; it is asked again later.")
    return MalformedAnswer(f"The answer for {what} has headers that are not GitHub's; nothing of it was used.")
