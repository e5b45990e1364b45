"""What programs take of a key result: a badge, its history as a table, its provenance."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from okrs.plaintext import harmless
from okrs.progress import Status
from store.views.history import history
from store.views.prov import provenance
from store.views.sheets import history_csv
from store.views.status import status
from web.desk import ICON, Desk, NotThere, Visit, tagged
from web.pages.asking import READING
from web.rows import badge_of
from web.showing import goal

_NARROW = frozenset("iljtf.,:;|!'()[]1 ")


def router(desk: Desk) -> APIRouter:
    """The routes of what is no page, and the style of what is."""
    routes = APIRouter()

    @routes.api_route("/key-results/{name}/badge.svg", **READING)
    def badge_svg(name: str, request: Request) -> Response:
        with desk.visit() as visit:
            body = desk.text("badge.svg", **badge_facts(visit, name)).encode()
        # A cache that shows it must ask each time: a badge that lags is a number that lies.
        elsewhere = {"cross-origin-resource-policy": "cross-origin"}  # it is made to be shown on other sites
        return tagged(body, "image/svg+xml", request.headers, "no-cache", **elsewhere)

    @routes.api_route("/key-results/{name}/history.csv", **READING)
    def history_table(name: str, request: Request) -> Response:
        with desk.visit() as visit:
            entries = history(visit.connection, name)
            if not entries and visit.setup.key_result(name) is None:
                raise unknown(name)
            body = history_csv(entries).encode()
        named = f'attachment; filename="{_file(name)}.csv"'
        return tagged(body, "text/csv; charset=utf-8", request.headers, "no-store", **{"content-disposition": named})

    @routes.api_route("/key-results/{name}/prov.json", **READING)
    def prov(name: str) -> Response:
        with desk.visit() as visit:
            if visit.setup.key_result(name) is None and not history(visit.connection, name):
                raise unknown(name)
            return JSONResponse(provenance(visit.connection, name))

    @routes.api_route(f"/static/{desk.style_name}", **READING)
    def style(request: Request) -> Response:
        return tagged(desk.style, "text/css", request.headers, "public, max-age=31536000, immutable")

    @routes.api_route(f"/static/{desk.script_name}", **READING)
    def script(request: Request) -> Response:
        return tagged(desk.script, "text/javascript", request.headers, "public, max-age=31536000, immutable")

    @routes.api_route("/favicon.svg", **READING)
    def icon(request: Request) -> Response:
        return tagged(ICON(), "image/svg+xml", request.headers, "public, max-age=86400")

    return routes


def unknown(name: str) -> NotThere:
    return NotThere(f"There is no key result {harmless(name, 60)} in the config, and the ledger tells of none.")


def _file(name: str) -> str:
    return "".join(char if char.isascii() and (char.isalnum() or char in "-_.") else "-" for char in name)[:100]


def badge_facts(visit: Visit, name: str) -> dict[str, Any]:
    """What a badge shows: the title, the value, the status, and widths that fit."""
    key_result = visit.setup.key_result(name)
    if key_result is None:
        raise unknown(name)
    [stands] = status(
        visit.connection, visit.alone(key_result), visit.now, key_result.cycle, look=False, count=False
    ).key_results
    label = harmless(key_result.title, 60)
    told = badge_of(stands)
    value = goal(key_result, stands.value) if stands.value is not None else "not measured yet"
    if stands.standing.status is not Status.NOT_STARTED:
        value += f" · {told.word}"
    left, right = _width(label), _width(value)
    return {"label": label, "value": value, "tone": told.tone, "left": left, "right": right}


def _width(text: str) -> int:
    """Roughly how wide a text is at eleven units high; the text is then fitted to exactly that."""
    return 12 + round(sum(4 if char in _NARROW else 10.5 if ord(char) > 0x2E80 else 6.8 for char in text))
