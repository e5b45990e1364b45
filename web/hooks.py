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
    UNSIGNED = (401, "The signature is missing or wrong.")
    UNKNOWN = (404, "No source of this name takes webhooks.")
    REPLAYED = (409, "This was delivered before.")


class Hooks(Protocol):
    """Who judges deliveries."""

    def delivered(self, source: str, headers: Mapping[str, str], body: bytes) -> Verdict:
        """Judge a delivery, and have the source read where it is genuine.  `headers` are named in small letters."""


def build(hooks: Hooks) -> FastAPI:
    """Make the application: one route, which tells nothing."""
    app = FastAPI(title="Headway webhooks", docs_url=None, redoc_url=None, openapi_url=None)

    @app.post("/hooks/{source}")
    async def deliver(source: str, request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return JSONResponse({"error": "Too long."}, 413)
        verdict = await run_in_threadpool(hooks.delivered, source, dict(request.headers), body)
        status, said = verdict.value
        return JSONResponse({"said" if verdict is Verdict.TAKEN else "error": said}, status)

    return app


async def _body(request: Request) -> bytes | None:
    """Return the whole body, None where it is too long; its length is what comes, whatever the header says."""
    found = bytearray()
    async for piece in request.stream():
        found += piece
        if len(found) > LONGEST:
            return None
    return bytes(found)
