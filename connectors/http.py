"""HTTP manners shared by all connectors: typed errors, how long to wait, redaction, and what an answer must hold.

Sending is `connectors.line`, asking again is `connectors.patience`.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import orjson

from connectors.contract import (
    AccessDenied,
    ConnectorError,
    CredentialsRefused,
    MalformedAnswer,
    RateLimited,
    Stop,
    TryLater,
)
from connectors.settings import struck_out
from connectors.told import reset_of
from okrs.about import own_version

if TYPE_CHECKING:  # loaded where answers are read
    from connectors.shape import Shape

USER_AGENT = f"headway/{own_version()}"
"""Who asks, where a connector does not say it (`connectors.line`)."""


def error_for(status: int, headers: Mapping[str, str], what: str, *, now: datetime | None = None) -> ConnectorError:
    """Return the typed error of a failed answer; `what` names what was asked, as in "the issues of acme/web".

    Reads the limit headers of all three trackers: `Retry-After` (seconds or a date), then a remaining quota of 0
    with its reset time, in that order.  GitHub's primary limit comes as 403; Jira may say 503 with `Retry-After`:
    https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
    """
    lower = {name.lower(): value for name, value in headers.items()}
    now = now or datetime.now(UTC)
    wait = retry_after(lower, now)
    limited = wait is not None or lower.get("x-ratelimit-remaining") == "0"
    if status == 429 or (status in (403, 503) and limited):
        told = f" It asks to wait {wait:.0f} s." if wait is not None else ""
        return RateLimited(f"The tracker limits requests ({status}) for {what}.{told}", wait)
    if status == 401:
        return CredentialsRefused(
            f"The tracker refused the credentials (401) for {what}: make a new token and set it in the environment."
        )
    if status == 403:
        return AccessDenied(f"The token may not read {what} (403): give it read access or use another one.")
    if status in (404, 410):
        return Stop(
            f"The tracker does not know {what} ({status}), or this token may not see it: check the spelling and access."
        )
    if status == 408 or status >= 500:
        return TryLater(f"The tracker failed ({status}) for {what}: try again later.")
    return Stop(f"The tracker did not accept the request ({status}) for {what}.")


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds a limited answer asks to wait, None when it names none.  Header names in lower case."""
    asked = headers.get("retry-after", "").strip()
    if asked:
        return float(asked) if _WHOLE.fullmatch(asked) else _until(asked, now)
    reset = reset_of(headers) if headers.get("x-ratelimit-remaining") == "0" else None
    return None if reset is None else max(0.0, (reset - now).total_seconds())


_WHOLE = re.compile("[0-9]{1,12}")


def _until(text: str, now: datetime) -> float | None:
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError, OverflowError):  # no date, or one without a time zone
        return None


_SECRET = re.compile(
    r"(?i)((?:token|secret|password|api_?key)=)[^&\s]+"
    r"|(\b(?:bearer|basic|token)\s+)(?=\S*[0-9]|\S{16})\S+"  # not the word after "token" in a sentence
    r"|(://[^/\s:@]*:)[^/\s@]+(?=@)"
)


def redacted(text: str, secrets: Sequence[str] = ()) -> str:
    """Return the text without the given secrets and without anything that looks like a credential."""
    return _SECRET.sub(lambda match: f"{match[1] or match[2] or match[3]}***", struck_out(text, secrets))


def sendable(token: str) -> bool:
    """Tell whether a header can carry this as a token: printable ASCII without spaces."""
    return bool(token) and all("!" <= sign <= "~" for sign in token)


_ESCAPE = re.compile(
    rb"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(?!u[dD][89a-fA-F]).)"  # a pair; any other one
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}",
    re.DOTALL,
)
"""Escapes in JSON, of which the library refuses those that the first group does not match: halves of a pair."""


def parsed(body: bytes, what: str, shape: "Shape[Any] | None" = None) -> object:
    """Return the JSON of an answer; half a character (trackers cut emoji in two) reads as U+FFFD.

    Of an answer of the given shape only what belongs to it; any other one whole, so that who reads it says what is
    amiss.  Raises MalformedAnswer, in whose chain of causes the body does not stand.
    """
    told: object = None if shape is None else shape.read(body)
    if told is not None:
        return told
    with suppress(orjson.JSONDecodeError):  # raised below: the library's error holds the whole body
        return orjson.loads(body)
    with suppress(orjson.JSONDecodeError):
        return orjson.loads(_ESCAPE.sub(lambda match: match[1] or rb"\ufffd", body))
    raise MalformedAnswer(f"The answer for {what} is no JSON; nothing of it was used: check `url`.")


def require(payload: object, key: str, what: str) -> list[dict[str, object]]:
    """Return the list that an answer must hold.  An error is never zero rows: raises MalformedAnswer without it."""
    rows = payload.get(key) if isinstance(payload, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise MalformedAnswer(f"The answer for {what} holds no list `{key}`; nothing of it was used.")
    return rows
