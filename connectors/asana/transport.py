"""One GET to Asana through its client library: raw bytes out, every failure as one of the typed errors.

What the library does by itself is switched off here: its retries, its redirects, its endless page iterators, its
thread pool, the log handlers it hangs on loggers, and its decoding, which turns no-break spaces of titles into
plain ones (asana 5.4, `ApiClient.deserialize`).
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import asana
import urllib3
from asana.rest import ApiException
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from connectors.contract import ConnectorError, CredentialsRefused, TryLater
from connectors.http import USER_AGENT, error_for
from connectors.line import TIMEOUT, proxy_for

_SETTING_UP = Lock()


@contextmanager
def _loggers_kept() -> Iterator[None]:
    """Undo what `asana.Configuration()` does to its own and to urllib3's logger: handlers and levels."""
    loggers = [logging.getLogger(name) for name in ("asana", "urllib3")]
    before = [(logger, list(logger.handlers), logger.level) for logger in loggers]
    try:
        yield
    finally:
        for logger, handlers, level in before:
            for handler in set(logger.handlers) - set(handlers):
                logger.removeHandler(handler)
            logger.setLevel(level)


def _client(url: str, token: str) -> Any:  # noqa: ANN401 - the library has no types
    with _SETTING_UP, _loggers_kept():
        configuration = asana.Configuration()
        configuration.host = url
        configuration.access_token = token
        configuration.proxy = proxy_for(url)
        # Nothing is asked twice here, and a redirect comes back as what it is: the token goes to no other host.
        configuration.retry_strategy = urllib3.Retry(0, raise_on_redirect=False)
        client = asana.ApiClient(configuration)
    # The pool is for asynchronous calls, which nobody makes; its threads would outlive the connection.
    client.pool.close()
    client.pool.join()
    client.user_agent = USER_AGENT
    return client


def _trouble(error: HTTPError) -> str:
    """Say in a few words what broke; never by the library's text, which may repeat what was sent."""
    reason = error.reason if isinstance(error, MaxRetryError) else error
    if isinstance(reason, NewConnectionError):
        return "no connection"
    if isinstance(reason, ConnectTimeoutError | ReadTimeoutError):
        return "time-out"
    if isinstance(reason, SSLError):
        return "TLS failed"
    return "the connection broke"


@dataclass(frozen=True, slots=True)
class Ask:
    """One question: the path with names in braces, what they stand for, the query; `what` names it for people."""

    what: str
    path: str
    ids: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


class Transport:
    """Sends requests with one token to one host; used by one thread."""

    def __init__(self, url: str, token: str) -> None:
        """Raises CredentialsRefused when the token has signs that no HTTP header can carry."""
        if not token or not all("!" <= sign <= "~" for sign in token):
            raise CredentialsRefused("The Asana token is empty or holds spaces, line ends or other foreign signs.")
        self.requests = 0
        self.status = 0
        """HTTP status of the last answer; 0 when none came."""
        self._host = urlsplit(url).netloc
        self._client = _client(url, token)

    def get(self, ask: Ask) -> bytes:
        """Return the body of a 2xx answer; the library quotes what stands in the path.  Raises ConnectorError."""
        self.requests += 1
        self.status = 0
        try:
            _, self.status, _ = self._client.call_api(
                ask.path,
                "GET",
                path_params=dict(ask.ids),
                query_params=dict(ask.query),  # a fresh one: the library writes into it
                header_params={"Accept": "application/json", "Accept-Encoding": "gzip"},
                auth_settings=["token"],
                _request_timeout=TIMEOUT,
            )
        except ApiException as error:
            raise self._refusal(error, ask.what) from None  # its text holds the whole answer
        except HTTPError as error:
            raise self._no_answer(_trouble(error), ask.what) from None
        body: bytes = self._client.last_response.data
        return body

    def close(self) -> None:
        self._client.rest_client.pool_manager.clear()

    def _refusal(self, error: ApiException, what: str) -> ConnectorError:
        self.status = error.status
        if not self.status:  # so the library reports TLS errors
            return self._no_answer("TLS failed", what)
        return error_for(self.status, error.headers or {}, what)

    def _no_answer(self, trouble: str, what: str) -> TryLater:
        return TryLater(f"No answer from {self._host} for {what} ({trouble}); it is asked again later.")
