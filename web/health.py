"""What watches over the service: whether it lives, whether it can work, and its numbers for Prometheus."""

from collections.abc import Mapping
from typing import Protocol

from fastapi import APIRouter
from starlette.responses import JSONResponse, PlainTextResponse, Response

from okrs.immutable import immutable

METRICS = "text/plain; version=0.0.4; charset=utf-8"


@immutable
class Readiness:
    """Whether the service can work.  A mistake in the config is told, and keeps nothing from being read."""

    checks: Mapping[str, str]
    """By what is needed: `ok`, or a sentence that says what is wrong."""
    notes: Mapping[str, str]
    """What else somebody should know."""

    @property
    def ready(self) -> bool:
        return all(each == "ok" for each in self.checks.values())


class Watched(Protocol):
    """The running service, as far as it is watched."""

    def readiness(self) -> Readiness: ...

    def metrics(self) -> bytes:
        """Return all numbers in the text format of Prometheus."""


def router(watched: Watched) -> APIRouter:
    """Make the routes.  They tell nothing of any ticket."""
    routes = APIRouter()

    @routes.get("/healthz")
    async def healthz() -> Response:
        """The process answers; asks nothing and nobody."""
        return PlainTextResponse("ok\n")

    @routes.get("/readyz")
    def readyz() -> Response:
        found = watched.readiness()
        told = {"ready": found.ready, "checks": dict(found.checks), "notes": dict(found.notes)}
        return JSONResponse(told, 200 if found.ready else 503)

    @routes.get("/metrics")
    def metrics() -> Response:
        return Response(watched.metrics(), media_type=METRICS)

    return routes
