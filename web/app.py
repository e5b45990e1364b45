"""The pages as one ASGI application."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from web import events
from web.desk import Desk, NotThere
from web.failing import place_of
from web.forms import Forbidden
from web.pages import ROUTERS
from web.ports import Ports, Report
from web.safety import HEADERS, Guarded

_SAID = {
    404: "There is no page at this address.",
    405: "These pages are for reading: nothing can be changed here.",
}


def build(ports: Ports) -> FastAPI:
    """Put the pages together; nothing is read before one is asked for."""
    app = FastAPI(title="Headway", docs_url=None, redoc_url=None, openapi_url=None)
    desk = Desk(ports)
    for router in ROUTERS:
        app.include_router(router(desk))
    app.include_router(events.router(events.Pulse(desk.mark, desk.ending)))
    _answer_errors(app, desk, ports.report)
    app.add_middleware(Guarded, hosts=ports.hosts)
    return app


def _answer_errors(app: FastAPI, desk: Desk, report: Report) -> None:
    """Every failure is a page with the next step, and holds nothing of what went wrong inside."""

    def failed(code: int, title: str, message: str) -> Response:
        return desk.page("failed.html", code, title=title, message=message)

    async def not_there(_request: Request, error: Exception) -> Response:
        return failed(404, "Not found", str(error))

    async def forbidden(_request: Request, error: Exception) -> Response:
        return failed(403, "Not changed", str(error))

    async def refused(_request: Request, error: Exception) -> Response:
        code = error.status_code if isinstance(error, HTTPException) else 500
        answer = failed(code, "Not found" if code == 404 else "Not possible", _SAID.get(code, "This cannot be asked."))
        if isinstance(error, HTTPException):
            answer.headers.update(error.headers or {})
        return answer

    async def misspelt(_request: Request, error: Exception) -> Response:
        names = sorted({str(each["loc"][-1]) for each in getattr(error, "errors", list)()})
        return failed(400, "Not understood", f"The address holds a value that cannot be read: {', '.join(names)}.")

    async def no_database(request: Request, error: Exception) -> Response:
        report(request.url.path, type(error).__name__, place_of(error))
        return failed(503, "The database does not answer", "Nothing is lost. Try again in a moment; if it stays so, "
                      "`headway status` on the server says what is wrong.")  # fmt: skip

    async def broken(request: Request, error: Exception) -> Response:
        report(request.url.path, type(error).__name__, place_of(error))
        answer = failed(500, "This page could not be made", "That is a mistake in Headway, and no number has changed. "
                        "The server's log names the place.")  # fmt: skip
        answer.headers.update({**HEADERS, "cache-control": "no-store"})  # it is answered outside of the guard
        return answer

    app.add_exception_handler(NotThere, not_there)
    app.add_exception_handler(Forbidden, forbidden)
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, misspelt)
    app.add_exception_handler(DBAPIError, no_database)
    app.add_exception_handler(Exception, broken)
