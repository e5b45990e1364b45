"""Server-sent events: that something changed, and nothing of what.  A page then asks for itself anew.

One look a second serves all listeners, and none is taken while nobody listens.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from fastapi import APIRouter, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

MOST = 64
"""Listeners at the same time."""
EVERY = 1.0
"""Seconds between two looks."""
BEAT = 15.0
"""Seconds of silence after which something is said all the same, so that nobody on the way takes it for dead."""


@dataclass
class Pulse:
    """What listeners are told."""

    look: Callable[[], str]
    """Return a word that changes when something did."""
    ending: Callable[[], bool]
    """Whether the service is about to end; then all streams do."""
    most: int = MOST
    every: float = EVERY
    beat: float = BEAT
    listeners: int = 0
    _seen: str = ""
    _seen_at: float = float("-inf")
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def stream(self, known: str) -> AsyncIterator[str]:
        """Tell of changes since `known`, until the listener goes or the service ends."""
        yield "retry: 3000\n\n"
        told, silent = known or await self._mark(), 0.0
        while not self.ending():
            mark = await self._mark()
            if mark != told:
                told, silent = mark, 0.0
                yield f"id: {mark}\nevent: changed\ndata: {mark}\n\n"
            elif silent >= self.beat:
                silent = 0.0
                yield ": nothing new\n\n"
            await asyncio.sleep(self.every)
            silent += self.every

    async def _mark(self) -> str:
        """Return the word of now, looked up at most once in a while for all; of a database that fails, the last one."""
        async with self._looking:
            if time.monotonic() - self._seen_at >= 0.9 * self.every:
                with suppress(SQLAlchemyError):  # pages say so; a stream waits until it answers again
                    self._seen = await run_in_threadpool(self.look)
                self._seen_at = time.monotonic()
            return self._seen


class _Stream(StreamingResponse):
    """One that counts as long as it lasts, also where its listener went before a word was said."""

    def __init__(self, pulse: Pulse, known: str) -> None:
        super().__init__(pulse.stream(known), media_type="text/event-stream", headers={"x-accel-buffering": "no"})
        self._pulse = pulse
        pulse.listeners += 1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._pulse.listeners -= 1


def router(pulse: Pulse) -> APIRouter:
    """The route of the stream."""
    routes = APIRouter()

    @routes.get("/events", response_model=None)
    async def events(request: Request, since: str = "") -> Response:
        if pulse.listeners >= pulse.most:
            busy = "Too many pages listen already; this one is right all the same when it is loaded anew.\n"
            return PlainTextResponse(busy, 503, {"retry-after": "60"})
        return _Stream(pulse, request.headers.get("last-event-id") or since)

    return routes
