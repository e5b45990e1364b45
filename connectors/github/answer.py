"""What GitHub answers: statuses as typed errors, and bodies as JSON."""

from collections.abc import Mapping
from typing import Any

import orjson

from connectors.contract import AccessDenied, ConnectorError, MalformedAnswer, RateLimited, Stop, TryLater
from connectors.github.payload import Payload
from connectors.http import error_for, parsed
from connectors.shape import Shape
from okrs.immutable import immutable

_LIMIT_WORDS = (b"rate limit", b"abuse detection")
"""In the text of a 403 that only limits.  The secondary limit may come without any header that says so."""

_LEAST_WAIT = 60.0
"""Seconds to wait when a limit does not say how long:
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit"""

_LONGEST_REASON = 200

_REMEDY = "give it the permission Issues: read there (a classic token: the scope `repo`), or use another one"
_SIGN_ON = "authorise it for the organisation's single sign-on, in the settings of the token"
"""https://docs.github.com/en/rest/authentication/authenticating-to-the-rest-api: the header X-GitHub-SSO"""


class Elsewhere(Stop):
    """The answer leads to another address, which is not asked."""


@immutable
class Answer:
    """What GitHub answered, whatever the status.  Header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def error(self, what: str) -> ConnectorError:
        """Return the typed error of an answer that is not a 200; its body is never repeated."""
        error = error_for(self.status, self.headers, what)
        worded = self.status == 403 and any(words in self.body.lower() for words in _LIMIT_WORDS)
        if worded or isinstance(error, RateLimited):
            if isinstance(error, RateLimited) and error.wait is not None:
                return error
            return RateLimited(f"The tracker limits requests ({self.status}) for {what}.", _LEAST_WAIT)
        if self.status == 202:
            return TryLater(f"The tracker is not ready yet (202) for {what}: try again later.")
        if 300 <= self.status < 400:
            return Elsewhere(
                f"The tracker moved {what} elsewhere ({self.status}): a repository that was renamed or transferred "
                "meanwhile is found again by the next run; otherwise check `url`."
            )
        if isinstance(error, AccessDenied):
            remedy = _SIGN_ON if "x-github-sso" in self.headers else _REMEDY
            return AccessDenied(f"The token may not read {what} ({self.status}): {remedy}.")
        return error

    def limited(self, what: str) -> bool:
        """Tell whether a refusal is only a limit."""
        return isinstance(self.error(what), RateLimited)

    def json(self, what: str, status: int = 200, shape: Shape[Any] | None = None) -> object:
        """Return the parsed body, or its `shape`.  Raises the typed error of any other status, or MalformedAnswer."""
        if self.status != status:
            raise self.error(what)
        return parsed(self.body, what, shape)

    def rows(self, what: str, shape: Shape[Any] | None = None) -> list[Payload]:
        """Return the objects that a 200 lists.  An error is never zero rows: raises as `json` does."""
        told = self.json(what, shape=shape)
        if not isinstance(told, list) or not all(isinstance(row, dict) for row in told):
            raise MalformedAnswer(f"The answer for {what} is no list of objects; nothing of it was used.")
        return told

    def object(self, what: str, status: int = 200) -> Payload:
        """Return the object that an answer of this status holds.  Raises as `json` does."""
        told = self.json(what, status)
        if not isinstance(told, dict):
            raise MalformedAnswer(f"The answer for {what} is no object; nothing of it was used.")
        return told

    @property
    def reason(self) -> str:
        """GitHub's own words for a refusal, in one short line; "" where there are none.

        https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api#validation-failed
        """
        try:
            told = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return ""
        if not isinstance(told, dict):
            return ""
        errors = told.get("errors")
        details = [one.get("message") for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
        words = " ".join([text for text in (*details, told.get("message")) if isinstance(text, str)][:1])
        line = " ".join("".join(sign if sign.isprintable() else " " for sign in words).split())
        return line if len(line) <= _LONGEST_REASON else line[: _LONGEST_REASON - 1] + "…"
