"""What passes between the server and an emulated tracker: requests, answers, and routes with their parameters."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; `path` begins behind the tracker's root, header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    body: bytes = b""
    page_cap: int | None = None
    """The most items a page may hold in this moment, below the tracker's own limit."""
    overlap: int = 0
    """How many items of the page before a page repeats."""

    def begin(self, place: int) -> int:
        """Return where a page that should begin at that place does begin."""
        return max(0, place - self.overlap)

    def one(self, name: str) -> str | None:
        """Return the last value of a query parameter, None when it is absent or empty."""
        values = self.query.get(name)
        return values[-1] or None if values else None


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: `body` is rendered as JSON unless it is bytes already."""

    body: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """The tracker says no; the API of that tracker gives the text its own shape."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Route:
    """A path the tracker knows, the query parameters it understands there, and who answers."""

    name: str
    pattern: str
    handle: Callable[..., Answer]
    accepts: frozenset[str] = frozenset()
    methods: tuple[str, ...] = ("GET",)


class Api(Protocol):
    """One emulated tracker."""

    name: str
    routes: tuple[Route, ...]

    def authorised(self, request: Request) -> bool:
        """Tell whether the request carries this tracker's credentials."""

    def refusal(self, status: int, message: str) -> Answer:
        """Return an error in the tracker's own shape."""


def route_of(api: Api, request: Request) -> tuple[Route, Sequence[str]] | None:
    """Return the route of a request and the parts of its path, None when the tracker has no such path."""
    for route in api.routes:
        match = re.fullmatch(route.pattern, request.path)
        if match and request.method in route.methods:
            return route, match.groups()
    return None


def answer(api: Api, request: Request) -> Answer:
    """Answer a request as the tracker would.

    Stricter than the real ones in one point: a parameter that this sandbox does not understand is a 400, because
    trackers ignore a misspelt one in silence.
    """
    if not api.authorised(request):
        return api.refusal(401, "")
    found = route_of(api, request)
    if found is None:
        return api.refusal(404, "")
    route, parts = found
    unknown = sorted(set(request.query) - route.accepts)
    if unknown:
        return api.refusal(400, f"The sandbox does not know the parameter {', '.join(unknown)} here.")
    try:
        return route.handle(request, *parts)
    except Refused as refused:
        return api.refusal(refused.status, refused.message)


def whole_number(text: str | None, default: int, message: str) -> int:
    """Return a parameter as a number.  Raises Refused (400) with the message when it is none."""
    if text is None:
        return default
    if not text.isdecimal():
        raise Refused(400, message)
    return int(text)
