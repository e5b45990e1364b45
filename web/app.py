"""The service as one ASGI application: so far what watches over it."""

from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from web.ports import Ports


def build(ports: Ports) -> FastAPI:
    """Put the application together; nothing is read before something is asked for."""
    app = FastAPI(title="Headway", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(_Guarded, hosts=ports.hosts)
    return app


class _Guarded:
    """Lets through what asks by a name that is ours."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _host(scope) not in self._hosts:
            await PlainTextResponse("Headway is not served under this name.", 421)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _host(scope: Scope) -> str:
    told = [value for name, value in scope["headers"] if name == b"host"]
    host = told[0].decode("latin-1").lower() if len(told) == 1 else ""
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
