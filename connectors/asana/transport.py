"""One GET to Asana: its client library writes the request, `connectors.line.Line` sends it.

What the library does well is used: it quotes what stands in a path and adds the credentials.  What it does by itself
is taken away: `_Desk` stands where it keeps its sockets, so that it can neither send nor retry nor follow a redirect;
its endless page iterators, its decoding, which turns no-break spaces of titles into plain ones, its debug log of whole
answers, its thread pool and the handlers it hangs on loggers are all left out or undone (asana 5.4).
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from urllib.parse import urlencode

import asana
import orjson

from connectors.asana.settings import Settings
from connectors.contract import CredentialsRefused, MalformedAnswer, Stop
from connectors.http import USER_AGENT, error_for
from connectors.line import Answer, Line, Route

_SETTING_UP = Lock()


@dataclass(frozen=True, slots=True)
class Ask:
    """One question: the path with names in braces, what they stand for, the query; `what` names it for people."""

    what: str
    path: str
    ids: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


class _Sent:
    """What the library is told: all is well.  The true answer is judged by us, where its text can do no harm."""

    status = 200
    reason = ""

    def getheaders(self) -> dict[str, str]:
        return {}


class _Desk:
    """Stands in the library for its pool of sockets, and hands every request to our line."""

    def __init__(self, line: Line) -> None:
        self.what = ""
        self.answer: Answer | None = None
        self._line = line

    def request(
        self,
        method: str,
        url: str,
        *,
        fields: object = None,
        headers: Mapping[str, str],
        preload_content: bool,  # noqa: ARG002 - how urllib3 is called
        timeout: object,  # noqa: ARG002 - the line keeps its own, whatever the library makes of one
    ) -> _Sent:
        query = urlencode(list(fields)) if isinstance(fields, list) else ""
        self.answer = self._line.ask(method, f"{url}?{query}" if query else url, self.what, headers)
        return _Sent()

    def taken(self) -> Answer | None:
        """Return what came back last, once."""
        answer, self.answer = self.answer, None
        return answer


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


def _writer(url: str, token: str, desk: _Desk) -> Any:  # noqa: ANN401 - the library has no types
    with _SETTING_UP, _loggers_kept():
        configuration = asana.Configuration()
        configuration.host = url
        configuration.access_token = token
        client = asana.ApiClient(configuration)
    # The pool is for asynchronous calls, which nobody makes; its threads would outlive the connection.
    client.pool.close()
    client.pool.join()
    client.rest_client.pool_manager = desk
    client.user_agent = USER_AGENT
    return client


class Transport:
    """Asks with one token at one address; used by one thread."""

    def __init__(self, settings: Settings, line: Line | None = None) -> None:
        """Raises CredentialsRefused when the token has signs that no HTTP header can carry, Stop as `Line` does."""
        token = settings.token.get_secret_value()
        if not token or not all("!" <= sign <= "~" for sign in token):
            raise CredentialsRefused("The Asana token is empty or holds spaces, line ends or other foreign signs.")
        self.line = line or Line(Route(settings.url, settings.proxy, settings.ca_bundle))
        self.status = 0
        """HTTP status of the last answer; 0 when none came."""
        self._desk = _Desk(self.line)
        self._writer = _writer(settings.url, token, self._desk)

    def get(self, ask: Ask, *also: int) -> object:
        """Return the parsed body of a 2xx answer, or of one whose status is in `also`.  Raises ConnectorError.

        The bytes are parsed here: the library would alter titles, and take a page of HTML for a text.
        """
        answer = self._answer(ask)
        if not 200 <= answer.status <= 299 and answer.status not in also:
            if answer.status == 402:
                raise Stop(f"Asana offers {ask.what} in its paid plans only (402).")
            raise error_for(answer.status, answer.headers, ask.what)
        try:
            body: object = orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            raise MalformedAnswer(f"The answer for {ask.what} is no JSON; nothing of it was used.") from None
        return body

    def close(self) -> None:
        self.line.close()

    def _answer(self, ask: Ask) -> Answer:
        self.status, self._desk.what = 0, ask.what
        self._writer.call_api(
            ask.path,
            "GET",
            path_params=dict(ask.ids),
            query_params=dict(ask.query),  # a fresh one: the library writes into it
            header_params={"Accept": "application/json", "Accept-Encoding": "gzip"},
            auth_settings=["token"],
            _preload_content=False,
        )
        answer = self._desk.taken()
        if answer is None:
            raise Stop(f"The Asana library did not write the request for {ask.what}; its version is not supported.")
        self.status = answer.status
        return answer
