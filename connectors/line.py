"""The one sender of requests: what leaves for a tracker leaves here, whoever wrote it.

A client library may write requests (addresses, credentials, encodings).  Sending is ours, because libraries follow
redirects with the token, retry by rules of their own, wait without an end and take answers of any size.
"""

import os
import ssl
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Self
from urllib.parse import urlsplit

from urllib3.exceptions import HTTPError

from connectors.body import too_large, unpacked, whole
from connectors.contract import ConnectorError, Quota, Stop
from connectors.http import USER_AGENT
from connectors.logs import DEBUG, tell
from connectors.told import date_of, quota_of
from connectors.trouble import proxy_login, trouble
from connectors.way import authorities, manager, place, proxy_for, same_origin, trust
from okrs.immutable import immutable

CONNECT_TIMEOUT = 5
READ_TIMEOUT = 30
TIMEOUT = (CONNECT_TIMEOUT, READ_TIMEOUT)
"""Seconds to connect and to wait for an answer's next byte."""


@immutable
class Answer:
    """What came back, whatever its status.  Header names in lower case; the body unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@immutable
class Route:
    """How requests reach a tracker: its root, and what the config says about the way there."""

    url: str
    proxy: str | None = None
    """Address of a proxy; None takes the environment's."""
    ca_bundle: str | None = None
    """File of the certificate authorities to trust, and no others; None takes the environment's, else certifi's."""
    posts: frozenset[str] = frozenset()
    """Paths below the root that are asked by POST and change nothing.  Any other request is a GET."""
    timeout: tuple[float, float] | None = None
    """Seconds to connect and to wait for the next byte; None takes `TIMEOUT`."""
    posts_beside: frozenset[str] = frozenset()
    """The same, as whole paths of the host: APIs that do not live below the root."""
    makes: frozenset[str] = frozenset()
    """Paths below the root that are asked by POST and do change something, as a person's own command wants it.  The
    route of a connection that reads has none."""


class Line:
    """Connections to one tracker for one thread: counts, keeps time, verifies, and never goes anywhere else."""

    def __init__(self, route: Route, trusted: ssl.SSLContext | None = None) -> None:
        """Raises Stop when the certificate authorities cannot be read, or the proxy's address."""
        self.route = route
        self.sent = 0
        self.told: datetime | None = None
        """The tracker's time as of its last answer."""
        self.quota: Quota | None = None
        proxy = proxy_for(route.url, route.proxy)
        self._places = place(route.url), place(proxy) if proxy else None
        if trusted is None and any(url.lower().startswith("https:") for url in (route.url, proxy or "")):
            trusted = trust(authorities(route.ca_bundle, os.environ))
        self._trusted = trusted
        self._pool = manager(proxy, trusted, route.timeout or TIMEOUT)

    def twin(self) -> Self:
        """Return connections of their own, for another thread."""
        return type(self)(self.route, self._trusted)

    def ask(self, method: str, url: str, what: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """Send one request to a whole URL; `what` names it for people, as in "the issues of acme/web".

        It says `headway/<version>` of who asks where the headers say nothing of it: GitHub refuses a request without.
        https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api#user-agent

        Raises TryLater when no whole answer came, Stop when the request cannot be sent, MalformedAnswer when the
        answer is too large or none.  No error repeats a library's words, which may hold the token, nor is chained
        to them.
        """
        self._allow(method, url)
        self.sent += 1
        began = time.monotonic()
        try:
            answer = self._send(method, url, what, headers, body)
        except (OSError, HTTPError, ValueError) as error:
            answer = trouble(error, what, *self._places)
        _tell(method, url, what, answer, time.monotonic() - began)
        if isinstance(answer, ConnectorError):
            raise answer  # outside of `except`, so that the library's error is not its context
        return answer

    def owns(self, url: str) -> bool:
        """Tell whether a URL out of an answer leads to this tracker; the token goes nowhere else."""
        return same_origin(self.route.url, url)

    def close(self) -> None:
        """Close the sockets now: `clear` only lets go of the pools, which an error of the past may keep alive."""
        keys = self._pool.pools.keys()  # this mapping refuses to be iterated over
        for key in keys:
            self._pool.pools[key].close()
        self._pool.clear()

    def _allow(self, method: str, url: str) -> None:
        """Headway only reads: a request that would do more is a mistake of ours.  Raises Stop."""
        if not self.owns(url):
            raise Stop("A request to another host than the source's own was not sent.")
        if method == "GET":
            return
        root, path = urlsplit(self.route.url).path.rstrip("/"), urlsplit(url).path
        below = {f"{root}/{post.lstrip('/')}" for post in self.route.posts | self.route.makes}
        if method != "POST" or path not in below | self.route.posts_beside:
            raise Stop(f"A request that could change something ({method} {path}) was not sent.")

    def _send(
        self, method: str, url: str, what: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer | ConnectorError:
        """Send, and read the whole answer.  Raises what urllib3 raises, and ValueError for headers that none can be."""
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            raise ValueError  # urllib3 lets some control characters pass
        asked = {name: value for name, value in headers.items() if name.lower() != "accept-encoding"}
        if not any(name.lower() == "user-agent" for name in asked):
            asked["User-Agent"] = USER_AGENT
        asked["Accept-Encoding"] = "gzip"  # whatever the library can read: unpacking is ours, within limits
        reply = self._pool.request(
            method, url, headers=asked, body=body, retries=False, redirect=False, preload_content=False
        )
        try:
            packed = whole(reply)
        except BaseException:
            reply.close()
            raise
        if packed is None:
            reply.close()  # what was not read would be taken for the next answer
            return too_large(what)
        reply.release_conn()
        if reply.status == 407:
            return proxy_login()
        told = {name.lower(): value for name, value in reply.headers.itermerged()}
        self.told = date_of(told) or self.told
        self.quota = quota_of(told) or self.quota
        content = unpacked(packed, told.get("content-encoding", ""), what)
        return Answer(reply.status, told, content) if isinstance(content, bytes) else content


def _tell(method: str, url: str, what: str, answer: Answer | ConnectorError, seconds: float) -> None:
    """Log a request for those who look for a fault: without its query, headers and bodies."""
    came: dict[str, object] = {}
    if isinstance(answer, Answer):
        came = {"status": answer.status, "bytes": len(answer.body)}
    else:
        came = {"failed": str(answer)}
    took = round(1000 * seconds)
    tell(DEBUG, "asked", what=what, method=method, path=urlsplit(url).path, **came, milliseconds=took)
