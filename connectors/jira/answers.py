"""What Jira answered, judged: a failure becomes one of the typed errors, a success its JSON."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from connectors.contract import ConnectorError, CredentialsRefused, MalformedAnswer, RateLimited, Stop
from connectors.http import error_for, parsed
from connectors.jira.payload import Json
from connectors.shape import Shape
from okrs.immutable import immutable

MOST_SIGNS = 200
_PLAIN_WORD = re.compile("[A-Za-z][A-Za-z0-9-]{0,39}")
"""Which of Jira's limits it is, as `jira-burst-based`:
https://developer.atlassian.com/cloud/jira/platform/rate-limiting/"""


@immutable
class Answer:
    """What came back, whatever its status.  Header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    advice: str = ""
    """A sentence added to what is said of refused credentials: how this site wants to be asked."""

    @property
    def login_failed(self) -> bool:
        """Tell whether the credentials were refused.

        Cloud answers some requests as if nobody had logged in, an empty search among them, and says so in a header.
        """
        reason = self.headers.get("x-seraph-loginreason", "")
        told = "AUTHENTICATED_FAILED" in reason or "AUTHENTICATION_DENIED" in reason
        return self.status == 401 or (told and self.status < 429)

    @property
    def is_refusal(self) -> bool:
        """Tell whether this one thing is refused, and asking again would not help."""
        return self.status >= 400 and not self.login_failed and isinstance(self.error("it"), Stop)

    @property
    def is_unknown(self) -> bool:
        """Tell whether Jira does not know the one thing asked for, or does not show it: nobody can tell which."""
        return self.is_refusal and self.status in (403, 404, 410)

    def error(self, what: str) -> ConnectorError | None:
        """Return the typed error of this answer, None when it succeeded."""
        if self.login_failed:
            return CredentialsRefused(f"{error_for(401, {}, what)}{self.advice}")
        if 300 <= self.status < 400:
            return Stop(
                f"Jira sends the request for {what} elsewhere ({self.status}), where the token does not go: "
                "write the site's final address as `url:`, and check the token."
            )
        if 200 <= self.status < 300:
            return None
        error, reason = error_for(self.status, self.headers, what), self.headers.get("ratelimit-reason", "").strip()
        if isinstance(error, RateLimited) and _PLAIN_WORD.fullmatch(reason):
            return RateLimited(f"{error} The limit is {reason}.", error.wait)
        return error

    def json(self, what: str, shape: Shape[Any] | None = None) -> object:
        """Return the JSON of a success, or its `shape`.  Raises ConnectorError otherwise."""
        error = self.error(what)
        if error is not None:
            raise error
        return parsed(self.body, what, shape)

    def object(self, what: str, shape: Shape[Any] | None = None) -> Json:
        """Return the JSON object of a success, or its `shape`.  Raises ConnectorError otherwise."""
        answer = self.json(what, shape)
        if not isinstance(answer, dict):
            raise MalformedAnswer(f"Jira's answer for {what} is no JSON object; nothing of it was used.")
        return answer

    def rows(self, what: str) -> list[Json]:
        """Return the JSON objects that a success lists.  Raises ConnectorError otherwise."""
        answer = self.json(what)
        if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
            raise MalformedAnswer(f"Jira's answer for {what} is no list; nothing of it was used.")
        return answer

    @property
    def told(self) -> str:
        """Jira's own words for a refusal, trimmed; "" when it gave none."""
        try:
            body = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return ""
        words = body.get("errorMessages") if isinstance(body, dict) else None
        return trimmed(" ".join([word for word in words if isinstance(word, str)])) if isinstance(words, list) else ""


def trimmed(text: str) -> str:
    """Return somebody else's text as part of a sentence of ours: short, and without signs that a terminal obeys."""
    shown = "".join([sign if sign.isprintable() else " " for sign in text[: 2 * MOST_SIGNS]])
    return shown if len(shown) <= MOST_SIGNS else f"{shown[: MOST_SIGNS - 1]}…"
