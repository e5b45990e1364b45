"""What people of this machine may have done, where the service was started so."""

from typing import Annotated

from fastapi import APIRouter, Header
from starlette.responses import JSONResponse, Response

from web.ports import Acting


def router(acting: Acting) -> APIRouter:
    """Make the routes.  Each wants a header that no page elsewhere can send with a visitor's browser."""
    routes = APIRouter(prefix="/api")

    @routes.post("/sources/{name}/sync")
    def sync(name: str, x_headway: Annotated[str | None, Header()] = None) -> Response:
        if x_headway is None:
            return JSONResponse({"error": "Send the header X-Headway: 1, which says that this is meant."}, 403)
        try:
            acting.sync_now(name)
        except KeyError:
            return JSONResponse({"error": "There is no such source in the config."}, 404)
        return JSONResponse({"source": name, "due": "now"}, 202)

    return routes
