"""Webhooks in, on a listener of their own: it can be opened to the trackers while the pages are not."""

from collections.abc import Mapping
from enum import Enum
from typing import Protocol

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

LONGEST = 26_000_000
"""Bytes of a delivery; trackers send 25 MB at the most."""


class Verdict(Enum):
    """What becomes of a delivery: the status of the answer, and what it says."""

    TAKEN = (202, "The source is read soon.")
    HEARD = (200, "Heard.")
    """It is a sign of life alone, or of a tracker that takes nothing but 200 for a success."""
    UNSIGNED = (401, "The signature is missing or wrong.")
    UNKNOWN = (404, "No source of this name takes webhooks.")
    REPLAYED = (409, "This was delivered before.")


class Hooks(Protocol):
    """Who judges deliveries."""

    def delivered(self, source: str, headers: Mapping[str, str], body: bytes) -> Verdict:
        """Judge a delivery, and have the source read where it is genuine.  `headers` are named in small letters."""

    def greeted(self, source: str, ticket: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Return the headers of the answer where a tracker asks for a webhook that is being set up; none else."""


def build(hooks: Hooks) -> FastAPI:
    """Make the application: one route, which tells nothing.

    A tracker that asks whether its webhook is wanted does so at an address that ends in a ticket, which nobody else
    knows, and goes on to send to it.
    """
    app = FastAPI(title="Headway webhooks", docs_url=None, redoc_url=None, openapi_url=None)

    @app.post("/hooks/{source}")
    @app.post("/hooks/{source}/{ticket}")
    async def deliver(source: str, request: Request, ticket: str = "") -> Response:
        body = await _body(request)
        if body is None:
            return JSONResponse({"error": "Too long."}, 413)
        headers = dict(request.headers)
        if ticket and (answer := await run_in_threadpool(hooks.greeted, source, ticket, headers)):
            return Response(headers=answer)
        verdict = await run_in_threadpool(hooks.delivered, source, headers, body)
        status, said = verdict.value
        return JSONResponse({"error" if status >= 400 else "said": said}, status)

    return app


async def _body(request: Request) -> bytes | None:
    """Return the whole body, None where it is too long; its length is what comes, whatever the header says."""
    found = bytearray()
    async for piece in request.stream():
        found += piece
        if len(found) > LONGEST:
            return None
    return bytes(found)
