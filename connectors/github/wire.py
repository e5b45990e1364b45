"""The one way to GitHub: PyGithub's requester over a connection of ours that counts, keeps time and never redirects.

PyGithub follows a 301 without its query string, so a renamed repository would list its open issues only, and asks
a 202 again for ever (`github/Requester.py`, 2.10).  Both end at our connection and come back as plain answers.
"""

from collections.abc import ItemsView, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import orjson
from github import Auth, Github

from connectors.contract import ConnectorError, CredentialsRefused, MalformedAnswer, RateLimited, Stop, TryLater
from connectors.http import USER_AGENT, error_for
from connectors.line import READ_TIMEOUT, Line, Route

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


class _Cable:
    """PyGithub's connection, over our `Line`: what `cnx` of its requester must offer, and no more."""

    def __init__(self, line: Line) -> None:
        self.line = line
        parts = urlsplit(line.route.url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._asked: tuple[str, str, Mapping[str, str]] = ("GET", "/", {})
        self.what = ""
        """What is asked next, for people."""
        self.body = b""
        """Of the last answer."""

    def request(self, verb: str, url: str, input: object, headers: dict[str, str], stream: bool = False) -> None:  # noqa: ARG002 - PyGithub's names
        """Remember what to ask; `getresponse` asks it."""
        self._asked = (verb, url, headers)

    def getresponse(self) -> "_Response":
        verb, url, headers = self._asked
        answer = self.line.ask(verb, self._origin + url, self.what, headers)
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


class Wire:
    """Answers of one GitHub, asked with one token, by one thread."""

    def __init__(self, url: str, token: str) -> None:
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise CredentialsRefused(
                "The GitHub token is empty or holds signs that no token has: set it anew in the environment."
            )
        self.url = url
        self._cable = _Cable(Line(Route(url)))
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
        return self._cable.line.sent

    def owns(self, url: str) -> bool:
        """Tell whether a URL out of an answer leads to this GitHub; the token goes nowhere else."""
        return self._cable.line.owns(url)

    def get(self, path: str, what: str, query: Mapping[str, str] | None = None) -> Answer:
        """Ask for one path below the API root, or for a whole URL, of which only path and query are used.

        Raises TryLater when no whole answer came, Stop when asking again cannot help, MalformedAnswer when the
        answer is no HTTP that the library understands.
        """
        headers = {"Accept": "application/vnd.github+json"}
        self._cable.what = what
        try:
            status, fields, _ = self._github.requester.requestJson(
                "GET",
                path,
                dict(query or {}),
                headers,
                cnx=self._cable,  # type: ignore[arg-type]  # whatever has the three methods will do
            )
            return Answer(status, fields, self._cable.body)
        except _Unfollowed as unfollowed:
            return unfollowed.answer
        except (ValueError, OverflowError):
            pass  # the library's error may quote the token and must not be chained
        raise MalformedAnswer(f"The answer for {what} has headers that are not GitHub's; nothing of it was used.")

    def close(self) -> None:
        self._cable.close()
        self._github.close()
