"""The way to a tracker: which address is its own, through which proxy, whom to trust, and how long an answer takes."""

import http.client
import io
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Iterable, Mapping
from email.errors import (
    FirstHeaderLineIsContinuationDefect,
    MisplacedEnvelopeHeaderDefect,
    MissingHeaderBodySeparatorDefect,
)
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import parse_url
from urllib3.util.ssl_ import create_urllib3_context

from connectors.contract import Stop
from connectors.settings import is_loopback

MOST_SECONDS = 300.0
"""An answer that is not whole by then is given up, however steadily it drips."""

_BUFFER = 2**16
"""Bytes asked of the socket at once; the standard library's 8 kB makes eight times as many calls."""


def same_origin(base: str, url: str) -> bool:
    """Tell whether a URL has the base's scheme, host and port.

    What stands behind a question mark says nothing of them, and is long where pages are asked for.
    """
    origin = _remembered(url.partition("?")[0])
    return origin is not None and origin == _remembered(base)


_PORTS = {"http": 80, "https": 443}


def _origin(url: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port as urllib3 reads them, which sends the request; None for a URL that cannot be read.

    Others read some URLs differently: in `https://evil\\@good/` the standard library sees the host `good`.
    """
    try:
        parts = parse_url(url)
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.host:
        return None
    return parts.scheme, parts.host, _PORTS[parts.scheme] if parts.port is None else parts.port


_remembered = lru_cache(maxsize=64)(_origin)
"""Of the few addresses that pages are asked from, and of the root, at every request."""


def place(url: str) -> str:
    """Return `host:port` of an address, for people: without the rest, which may hold a password."""
    origin = _origin(url if "://" in url else f"http://{url}")  # the environment's proxy may have no scheme
    return "an unreadable address" if origin is None else f"{origin[1]}:{origin[2]}"


def proxy_for(url: str, configured: str | None = None) -> str | None:
    """Return the proxy for a tracker: the config's, else the environment's.

    What is on this machine is never asked through another one that only the environment names.
    """
    if configured:
        return configured
    parts = urlsplit(url)
    if is_loopback(parts.hostname or "") or proxy_bypass(parts.netloc):
        return None
    named = getproxies()
    return named.get(parts.scheme) or named.get("all")


_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def authorities(configured: str | None, environ: Mapping[str, str]) -> str:
    """Return the file of trusted certificate authorities: the config's, the environment's, else certifi's."""
    named: Iterable[str | None] = (configured, *(environ.get(name) for name in _CA_VARIABLES))
    return next((path for path in named if path), None) or certifi.where()


def trust(roots: str) -> ssl.SSLContext:
    """Return TLS that trusts these authorities (a PEM file, or a folder as OpenSSL wants it) and no others.

    Reading them costs 20 ms, so the connections of a source share one.  Raises Stop when they cannot be read.
    """
    context = create_urllib3_context()
    try:
        context.load_verify_locations(**{"capath" if Path(roots).is_dir() else "cafile": roots})
    except (OSError, ValueError):  # no such file, no right to read it, no certificate in it
        readable = False
    else:
        readable = True
    if not readable:
        raise Stop(f"The certificate authorities in {roots} cannot be read: check `ca_bundle` and the environment.")
    return context


def manager(proxy: str | None, context: ssl.SSLContext | None, timeout: tuple[float, float]) -> urllib3.PoolManager:
    """Return the sender.  Raises Stop for a proxy's address that cannot be used, without repeating it."""
    connect, read = timeout
    waits = urllib3.Timeout(connect=connect, read=read)
    if proxy is None:
        made = urllib3.PoolManager(timeout=waits, ssl_context=context)
    else:
        address, login = _read_proxy(proxy)
        made = urllib3.ProxyManager(
            address, proxy_headers=login, proxy_ssl_context=context, timeout=waits, ssl_context=context
        )
    made.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return made


def _read_proxy(proxy: str) -> tuple[str, dict[str, str]]:
    """Return a proxy's address without credentials, and the header that carries them."""
    try:
        parts = parse_url(proxy if "://" in proxy else f"http://{proxy}")  # the environment's may have no scheme
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in _PORTS or not parts.host:
        raise Stop("The proxy's address cannot be used: write `proxy:` or the environment's as http://host:3128.")
    port = _PORTS[parts.scheme] if parts.port is None else parts.port
    login = {"Proxy-Authorization": f"Basic {b64encode(_login(parts.auth)).decode()}"} if parts.auth else {}
    return f"{parts.scheme}://{parts.host}:{port}", login


def _login(auth: str) -> bytes:
    """Return `user:password` of an address as bytes: what has a meaning in addresses is written there as %40."""
    user, _, password = auth.partition(":")
    return f"{unquote(user)}:{unquote(password)}".encode()


class _Timed(io.RawIOBase):
    """What comes out of a socket until a deadline: its own time-out begins anew with every byte."""

    def __init__(self, inner: io.RawIOBase) -> None:
        self._inner = inner
        self.ended = False
        """The other side said that nothing more comes."""
        self._until = time.monotonic() + MOST_SECONDS

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - a buffer of any kind, as the base class has it
        if time.monotonic() > self._until:
            raise TimeoutError
        count = self._inner.readinto(buffer)
        self.ended = count == 0
        return count

    def close(self) -> None:
        self._inner.close()
        super().close()


_TORN = (MissingHeaderBodySeparatorDefect, FirstHeaderLineIsContinuationDefect, MisplacedEnvelopeHeaderDefect)
"""Where the standard library meets such a header, it goes on without all that follow, a `Link` among them."""


class _Reply(http.client.HTTPResponse):
    """An answer that is read against the deadline, its head included, and whose head must be whole."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:  # noqa: ANN401 - handed on as they come
        super().__init__(sock, *args, **options)
        self.fp.close()  # the reader that the standard library made
        self._timed = _Timed(sock.makefile("rb", buffering=0))
        self.fp = io.BufferedReader(self._timed, _BUFFER)

    def begin(self) -> None:
        """Read the head.  Raises ConnectionError where it broke off, BadStatusLine where it is no head."""
        super().begin()
        if self._timed.ended:  # looking for the end of the head, it found that of the connection
            raise ConnectionError
        if any(isinstance(defect, _TORN) for defect in self.msg.defects):
            raise http.client.BadStatusLine("")


class _Http(HTTPConnection):
    response_class = _Reply


class _Https(HTTPSConnection):
    response_class = _Reply


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Https
