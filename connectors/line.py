"""The one sender of requests: what leaves for a tracker leaves here, whichever client library wrote it.

The libraries know how their tracker wants to be asked (addresses, credentials, encodings).  Sending is ours, because
they follow redirects with the token, retry by rules of their own, wait without an end and take answers of any size.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from connectors.contract import ConnectorError, MalformedAnswer, Quota, Stop, TryLater
from connectors.settings import is_loopback

CONNECT_TIMEOUT = 5
READ_TIMEOUT = 60
TIMEOUT = (CONNECT_TIMEOUT, READ_TIMEOUT)
"""Seconds to connect and to wait for an answer's next byte."""

MOST_BYTES = 64 * 2**20
"""No page of a tracker is larger, unpacked; an answer that is, is refused before it fills the memory."""

_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status.  Header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
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


class Line:
    """Connections to one tracker for one thread: counts, keeps time, verifies, and never goes anywhere else."""

    def __init__(self, route: Route) -> None:
        """Raises Stop when the file of certificate authorities cannot be read."""
        self.route = route
        self.sent = 0
        self.told: datetime | None = None
        """The tracker's time as of its last answer."""
        self.quota: Quota | None = None
        self._pool = _pool(route)

    def twin(self) -> Self:
        """Return connections of their own, for another thread."""
        return type(self)(self.route)

    def ask(self, method: str, url: str, what: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """Send one request to a whole URL; `what` names it for people, as in "the issues of acme/web".

        Raises TryLater when no whole answer came, Stop when the request cannot be sent, MalformedAnswer when the
        answer is too large.  No error repeats a library's words, which may hold the token, nor is chained to them.
        """
        self._allow(method, url)
        self.sent += 1
        try:
            answer = self._send(method, url, headers, body)
        except (OSError, HTTPError, ValueError) as error:
            trouble = _trouble(error, what)
        else:
            if answer is not None:
                return answer
            trouble = MalformedAnswer(f"The answer for {what} is larger than {MOST_BYTES >> 20} MB; it was not used.")
        raise trouble  # outside of `except`, so that the library's error is not its context

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
        path = urlsplit(url).path.removeprefix(urlsplit(self.route.url).path)
        if method != "POST" or path not in self.route.posts:
            raise Stop(f"A request that could change something ({method} {path}) was not sent.")

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer | None:
        """Return the answer, None when it is too large."""
        reply = self._pool.request(
            method, url, headers=dict(headers), body=body, retries=False, redirect=False, preload_content=False
        )
        try:
            chunks, size = [], 0
            while chunk := reply.read(_CHUNK):
                chunks.append(chunk)
                size += len(chunk)
                if size > MOST_BYTES:
                    reply.close()
                    return None
        except BaseException:
            reply.close()
            raise
        reply.release_conn()
        told = {name.lower(): value for name, value in reply.headers.items()}
        self.told = _date(told.get("date", "")) or self.told
        self.quota = quota_of(told) or self.quota
        return Answer(reply.status, told, chunks[0] if len(chunks) == 1 else b"".join(chunks))


def quota_of(headers: Mapping[str, str]) -> Quota | None:
    """Return what an answer tells of limits, None when nothing.  Header names in lower case.

    GitHub counts searches apart (`X-RateLimit-Resource: search`); they say nothing of the other requests.
    """
    remaining, limit = headers.get("x-ratelimit-remaining", ""), headers.get("x-ratelimit-limit", "")
    if not _is_count(remaining) or headers.get("x-ratelimit-resource", "core") not in ("core", "graphql"):
        return None
    return Quota(int(remaining), int(limit) if _is_count(limit) else None, reset_of(headers))


def reset_of(headers: Mapping[str, str]) -> datetime | None:
    """Return when the quota begins anew: seconds since 1970 at GitHub, a date at Jira; None when not told."""
    text = headers.get("x-ratelimit-reset", "").strip()
    try:
        moment = datetime.fromtimestamp(int(text), UTC) if _is_count(text) else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else None


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 12


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None


def same_origin(base: str, url: str) -> bool:
    """Tell whether a URL has the base's scheme, host and port."""
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


def proxy_for(url: str, configured: str | None = None) -> str | None:
    """Return the proxy for a tracker: the config's, else the environment's.

    What is on this machine is never asked through another one that only the environment names.
    """
    if configured:
        return configured
    parts = urlsplit(url)
    if is_loopback(parts.hostname or "") or proxy_bypass(parts.netloc):
        return None
    return getproxies().get(parts.scheme)


_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def authorities(configured: str | None, environ: Mapping[str, str]) -> str:
    """Return the file of trusted certificate authorities: the config's, the environment's, else certifi's."""
    named: Iterable[str | None] = (configured, *(environ.get(name) for name in _CA_VARIABLES))
    return next((path for path in named if path), None) or certifi.where()


def _pool(route: Route) -> urllib3.PoolManager:
    proxy, roots = proxy_for(route.url, route.proxy), authorities(route.ca_bundle, os.environ)
    if urlsplit(route.url).scheme == "https" and not os.access(roots, os.R_OK):
        raise Stop(f"The certificate authorities in {roots} cannot be read: check `ca_bundle` and the environment.")
    timeout = urllib3.Timeout(*(route.timeout or TIMEOUT))
    if proxy is None:
        return urllib3.PoolManager(timeout=timeout, ca_certs=roots)
    parts, login = urlsplit(proxy), None
    if parts.username:  # urllib3 takes no credentials out of the address
        login = urllib3.make_headers(proxy_basic_auth=f"{parts.username}:{parts.password or ''}")
    return urllib3.ProxyManager(proxy, timeout=timeout, ca_certs=roots, proxy_headers=login)


def _trouble(error: Exception, what: str) -> ConnectorError:
    """Return our error for what urllib3 raised, without its words."""
    match error:
        case SSLError() if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return Stop(
                f"The tracker's certificate was not accepted for {what}: check `url`; where the network has a "
                "certificate authority of its own, name its file under `ca_bundle:`."
            )
        case SSLError():
            told = "TLS failed"
        case ProxyError():
            told = "The proxy did not let the request through"
        case ConnectTimeoutError() | ReadTimeoutError() if not isinstance(error, NewConnectionError):
            told = "The tracker did not answer in time"
        case NewConnectionError():
            told = "There is no connection to the tracker"
        case ValueError():  # no URL, no header; HTTPError too, where it is one
            return Stop(f"The request for {what} cannot be written: check `url` and credentials of the source.")
        case _:
            told = "The connection to the tracker broke"
    return TryLater(f"{told} when asked for {what}; it is asked again later.")
