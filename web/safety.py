"""What every request and answer goes through: who may ask by which name and how, and what a browser may do with it."""

from collections.abc import Mapping

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""No scripts and styles but our own files, nothing from elsewhere, and in nobody's frame."""

HEADERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with none at all browsers do not say either which page sends a form
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Guarded:
    """Lets through what asks by a name that is ours, and dresses every answer."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = frozenset(each.lower() for each in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _with_headers(message["headers"])
            await send(message)

        host = host_of(scope)
        if host not in self._hosts:
            refusal = "Headway is not served under this name. Ask by one that it knows, or start it with that host."
            await PlainTextResponse(refusal, 421)(scope, receive, dressed)
            return
        await self._app(scope, receive, dressed)


def host_of(scope: Scope) -> str:
    """Return the name that a request asks for, without the port."""
    told = [value for name, value in scope["headers"] if name == b"host"]
    if len(told) != 1:
        return ""
    host: str = told[0].decode("latin-1").lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _with_headers(given: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    told = {name for name, _ in given}
    own = [(name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in told]
    if b"cache-control" not in told:
        own.append((b"cache-control", b"no-store"))
    return [*given, *own]
