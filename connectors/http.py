"""HTTP manners shared by all connectors: time-outs, typed errors, redaction, and the one retry policy.

The client libraries' own retries are switched off (they sleep too short, too long or not at all); a page that
fails is asked again here, by `Patient`, and nowhere else.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_base

from connectors.contract import (
    Account,
    Connector,
    ConnectorError,
    Container,
    CredentialsRefused,
    Cursor,
    Demand,
    MalformedAnswer,
    Page,
    RateLimited,
    Stop,
    TryLater,
    Unreadable,
)
from connectors.settings import is_loopback

CONNECT_TIMEOUT = 5
READ_TIMEOUT = 60
TIMEOUT = (CONNECT_TIMEOUT, READ_TIMEOUT)
"""Seconds to connect and to wait for an answer's next byte."""

ATTEMPTS = 4
LONGEST_WAIT = 45.0
"""Seconds that one page may be waited for in all: less than a lease lives.  A tracker that asks for more gets its
source read at another time instead of a sleeping worker."""

USER_AGENT = f"headway/{version('headway')}"

_P = ParamSpec("_P")
_T = TypeVar("_T")


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
        return CredentialsRefused(f"The token may not read {what} (403): give it read access or use another one.")
    if status in (404, 410):
        return Stop(
            f"The tracker does not know {what} ({status}), or this token may not see it: check the spelling and access."
        )
    if status == 408 or status >= 500:
        return TryLater(f"The tracker failed ({status}) for {what}; it is asked again later.")
    return Stop(f"The tracker did not accept the request ({status}) for {what}.")


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds a limited answer asks to wait, None when it names none.  Header names in lower case."""
    asked = headers.get("retry-after", "").strip()
    if asked:
        return _seconds(asked, now, parsedate_to_datetime)
    if headers.get("x-ratelimit-remaining") == "0":
        reset = headers.get("x-ratelimit-reset", "").strip()
        if _WHOLE.fullmatch(reset):
            return max(0.0, float(reset) - now.timestamp())
        return _until(reset, now, datetime.fromisoformat)
    return None


_WHOLE = re.compile("[0-9]{1,12}")


def _seconds(text: str, now: datetime, parse: Callable[[str], datetime]) -> float | None:
    return float(text) if _WHOLE.fullmatch(text) else _until(text, now, parse)


def _until(text: str, now: datetime, parse: Callable[[str], datetime]) -> float | None:
    try:
        return max(0.0, (parse(text) - now).total_seconds())
    except (ValueError, TypeError, OverflowError):  # no date, or one without a time zone
        return None


def proxy_for(url: str) -> str | None:
    """Return the environment's proxy for a tracker.  What is on this machine is never asked through another one."""
    parts = urlsplit(url)
    if is_loopback(parts.hostname or "") or proxy_bypass(parts.netloc):
        return None
    return getproxies().get(parts.scheme)


def pool_for(url: str) -> urllib3.PoolManager:
    """Return connections to a tracker: time-outs, verified certificates, the environment's proxy if it names one."""
    proxy = proxy_for(url)
    timeout, roots = urllib3.Timeout(CONNECT_TIMEOUT, READ_TIMEOUT), certifi.where()
    if proxy:
        return urllib3.ProxyManager(proxy, timeout=timeout, ca_certs=roots)
    return urllib3.PoolManager(timeout=timeout, ca_certs=roots)


def close_pool(manager: urllib3.PoolManager) -> None:
    """Close the sockets now: `clear` only lets go of the pools, which an error of the past may keep alive."""
    keys = manager.pools.keys()  # this mapping refuses to be iterated over
    for key in keys:
        manager.pools[key].close()
    manager.clear()


def same_origin(base: str, url: str) -> bool:
    """Tell whether a URL that an answer named has the source's scheme, host and port; the token goes nowhere else."""
    origin = _origin(url)
    return origin is not None and origin == _origin(base)


_PORTS = {"http": 80, "https": 443}


def _origin(url: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port; None for a URL that cannot be read, or that clients read differently.

    In `https://evil\\@good/` urllib sees the host `good` where urllib3, which sends the request, sees `evil`.
    """
    if "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # a bracket or a port that is none
        return None
    return parts.scheme, parts.hostname or "", _PORTS.get(parts.scheme) if port is None else port


_SECRET = re.compile(
    r"(?i)((?:token|secret|password|api_?key)=)[^&\s]+"
    r"|(\b(?:bearer|basic|token)\s+)(?=\S*[0-9]|\S{16})\S+"  # not the word after "token" in a sentence
    r"|(://[^/\s:@]*:)[^/\s@]+(?=@)"
)


def redacted(text: str, secrets: Sequence[str] = ()) -> str:
    """Return the text without the given secrets and without anything that looks like a credential."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return _SECRET.sub(lambda match: f"{match[1] or match[2] or match[3]}***", text)


class _AskedWait(wait_base):
    """Wait as long as the tracker asked; else 1, 2, 4 … seconds, and a minute when limited without a time."""

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        if isinstance(error, RateLimited):
            return 60.0 if error.wait is None else error.wait
        return float(2 ** (retry_state.attempt_number - 1))


def _too_long(retry_state: RetryCallState) -> bool:
    return retry_state.idle_for + retry_state.upcoming_sleep > LONGEST_WAIT


class Patient:
    """A connector that asks one page again when the trouble is passing.  Everything else goes through untouched.

    Once it gave up, it asks only once each time until something succeeds: a tracker that is down is not waited for
    anew for every container.
    """

    def __init__(self, connector: Connector, sleep: Callable[[float], None] = time.sleep) -> None:
        self._connector = connector
        self._gave_up = False
        self._retrying = Retrying(
            retry=retry_if_exception_type(TryLater),
            wait=_AskedWait(),
            stop=lambda state: self._gave_up or _too_long(state) or stop_after_attempt(ATTEMPTS)(state),
            sleep=sleep,
            reraise=True,
        )

    def _ask(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            answer = self._retrying(call, *args, **kwargs)
        except TryLater:
            self._gave_up = True
            raise
        self._gave_up = False
        return answer

    @property
    def requests(self) -> int:
        return self._connector.requests

    def containers(self) -> Sequence[Container | Unreadable]:
        return self._ask(self._connector.containers)

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        return self._ask(self._connector.changed, container, cursor, demand)

    def check(self) -> Account:
        return self._ask(self._connector.check)

    def close(self) -> None:
        self._connector.close()


def require(payload: object, key: str, what: str) -> list[dict[str, object]]:
    """Return the list that an answer must hold.  An error is never zero rows: raises MalformedAnswer without it."""
    rows = payload.get(key) if isinstance(payload, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise MalformedAnswer(f"The answer for {what} holds no list `{key}`; nothing of it was used.")
    return rows
