"""The sources: what is broken, and what to do about it."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from starlette.responses import RedirectResponse, Response

from okrs.immutable import immutable
from okrs.objective import KeyResult
from okrs.plaintext import counted, harmless
from store.views.health import Health, health
from store.views.setup import Setup
from store.views.status import SourceStatus, overdue, sources_now
from web.desk import Desk, NotThere, Visit, query
from web.forms import Draft, Forbidden, Form, read_form
from web.pages.asking import READING
from web.pages.edits import CLOSED
from web.rows import Badge
from web.showing import Clockface, span_words

MOST_NAMED = 40
"""Containers and key results that are listed of each source."""

_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)

UNAUTHENTICATED = "unauthenticated"

_STATES = {
    "ok": Badge("read completely", "on-track"),
    "degraded": Badge("partly read", "at-risk"),
    UNAUTHENTICATED: Badge("refused the token", "off-track"),
    "never": Badge("not read yet", "not-started"),
}

_REMEDIES = {
    "never": "Run `headway check` to try the connection, then `headway sync`; `headway serve` reads by itself.",
    UNAUTHENTICATED: "Make a new token, put it where the config reads it, and run `headway check` to try it.",
    "degraded": "What could be read was taken. `headway check` says what the token sees.",
}

_NEEDED = (
    "It is read again once its settings or the file of its token change; "
    "of a token in the environment, Headway learns when it is started anew."
)
"""What a source waits for whose tracker refused the token: asking once more would only be refused again."""

_LIMITED = "when its tracker allows it again"
_REFUSED = "It was not asked: its tracker refuses the token."
_STALE = "This page was made before Headway was started anew. Nothing was asked for yet: press it again."
_NOT_THERE = "There is no such source in the config."


@immutable
class ContainerRow:
    name: str
    read: str
    error: str


@immutable
class SourceRow:
    name: str
    connector: str
    badge: Badge
    items: str
    read: str
    next: str
    soon: str
    """When it is read once somebody asked for it, as the end of a sentence."""
    every: str
    error: str
    remedy: str
    unanswered: tuple[str, ...]
    containers: tuple[ContainerRow, ...]
    more_containers: int
    feeds: tuple[KeyResult, ...]
    more_feeds: int
    needs: str
    """What it waits for before it can be read again; empty where it can be."""


def router(desk: Desk) -> APIRouter:
    """The route of the sources."""
    routes = APIRouter()

    @routes.api_route("/sources", **READING)
    def sources(asked: Annotated[str, Query(max_length=100)] = "") -> Response:
        return _page(desk, Draft(_token(desk), act=asked if desk.acting else ""))

    @routes.post("/sources/{name}/read")
    def read(name: str, form: Annotated[Form, Depends(read_form)]) -> Response:
        if desk.acting is None:
            raise Forbidden(CLOSED)
        if not desk.seal.opens(form):
            return _page(desk, Draft(desk.seal.token, name, _STALE), 403)
        if _refuses(desk, name):
            return _page(desk, Draft(desk.seal.token, name, _REFUSED), 409)
        try:
            desk.acting.sync_now(name)
        except KeyError:
            raise NotThere(_NOT_THERE) from None
        return RedirectResponse(f"{query('/sources', asked=name)}#source-{quote(name)}", 303)

    @routes.get("/sources/{name}/read")
    def back(name: str) -> Response:  # noqa: ARG001 - who looks at the address of a form is led to its page
        return RedirectResponse("/sources", 303)

    return routes


def _token(desk: Desk) -> str:
    """The word of the forms; empty where there are none."""
    return desk.seal.token if desk.acting else ""


def _page(desk: Desk, draft: Draft, code: int = 200) -> Response:
    """All sources; `draft` says of which a read was asked for, and what became of that."""
    with desk.visit() as visit:
        stands = sources_now(visit.connection, visit.setup)
        facts = {"rows": source_rows(visit, stands), "quarantine": visit.setup.quarantine, "draft": draft}
        return desk.page("sources.html", code, here="/sources", **visit.frame, **facts)


def _refuses(desk: Desk, name: str) -> bool:
    """Tell whether a source's tracker refused the token when it was asked last."""
    with desk.visit() as visit:
        known = health(visit.connection, visit.setup).get(name)
    return known is not None and known.state == UNAUTHENTICATED


def source_rows(visit: Visit, stands: Sequence[SourceStatus]) -> list[SourceRow]:
    """Tell how each source does, those with trouble first."""
    known = health(visit.connection, visit.setup)
    rows = [source_row(each, known[each.setup.name], visit.setup, visit.face) for each in stands]
    return sorted(rows, key=lambda each: each.badge.tone == "on-track")


def source_row(stands: SourceStatus, known: Health, setup: Setup, face: Clockface) -> SourceRow:
    name, late = stands.setup.name, overdue(stands.setup, stands.last_success, face.now)
    badge = _STATES.get(stands.state, Badge(stands.state, "at-risk"))
    if late and stands.state == "ok":
        badge = Badge("stale", "stale")
    fed = [each for each in setup.key_results if each.id in setup.rules and name in setup.rules[each.id].sources]
    containers = tuple(_containers(stands, known, face))
    return SourceRow(
        name=harmless(name),
        connector=harmless(stands.setup.connector),
        badge=badge,
        items=counted(stands.items, "ticket"),
        read=f"{face.when(stands.last_success)} ({face.ago(stands.last_success)})" if stands.last_success else "never",
        next=_next(stands, known, face),
        soon=_LIMITED if _limited(known, face) else "within seconds",
        every="every day" if stands.setup.every == _DAY else f"every {_span(stands.setup.every)}",
        error=harmless(stands.error or "", 800),
        remedy=_remedy(stands, late=late),
        unanswered=tuple(harmless(each, 200) for each in stands.unanswered),
        containers=containers[:MOST_NAMED],
        more_containers=max(0, len(containers) - MOST_NAMED),
        feeds=tuple(fed[:MOST_NAMED]),
        more_feeds=max(0, len(fed) - MOST_NAMED),
        needs=_NEEDED if stands.state == UNAUTHENTICATED else "",
    )


def _remedy(stands: SourceStatus, *, late: bool) -> str:
    """What helps, where the error does not say so itself."""
    if stands.error:
        return ""
    if stands.last_success is None:
        return _REMEDIES["never"]
    late_words = "It was not polled for a while: is `headway serve`, or your schedule of `headway sync`, running?"
    return _REMEDIES.get(stands.state) or (late_words if late else "")


def _next(stands: SourceStatus, known: Health, face: Clockface) -> str:
    """When it is read next: as the service plans it, else by when it was read last."""
    turn = known.turn
    if turn is not None and turn.due is None:
        return "not before its token or settings change"
    at = None if turn is None else turn.at(face.now)
    if at is not None:
        why = f", {_LIMITED}" if _limited(known, face) else ""
        return f"in {_span(at - face.now)}{why}" if at > face.now else "due now"
    if known.last_attempt is None:
        return "with the next run"
    due = known.last_attempt + stands.setup.every
    return "due now" if due <= face.now else f"in {_span(due - face.now)}"


def _limited(known: Health, face: Clockface) -> bool:
    """Tell whether it waits for its tracker, which asked for that."""
    turn = known.turn
    limit = None if turn is None else turn.limit(face.now)
    return turn is not None and limit is not None and turn.at(face.now) == limit


def _span(span: timedelta) -> str:
    return span_words(span) if span >= _MINUTE else f"{max(1, round(span.total_seconds()))} s"


def _containers(stands: SourceStatus, known: Health, face: Clockface) -> Iterable[ContainerRow]:
    for name in stands.setup.containers:
        held = next((each for each in known.containers if each.goes_by(name)), None)
        called = harmless(held.called) if held and held.called and held.called != name else ""
        shown = f"{harmless(name)} ({called})" if called else harmless(name)
        read = face.when(held.read_at) if held and held.read_at else "never"
        yield ContainerRow(shown, read, harmless(held.error or "", 600) if held else "")
