"""The mappings: each rule in words, what it selects now, and where there is none."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from okrs.plaintext import harmless
from store.views.rules import COUNTED_TO, rules, uncounted
from store.views.status import status
from web.desk import Desk, Visit
from web.pages.asking import READING, PageNumber
from web.telling import ticket_name

PER_PAGE = 25


def router(desk: Desk) -> APIRouter:
    """The route of the mappings."""
    routes = APIRouter()

    @routes.api_route("/mappings", **READING)
    def mappings(page: PageNumber = 1) -> Response:
        with desk.visit() as visit:
            return desk.page("mappings.html", here="/mappings", **visit.frame, **_facts(visit, page))

    return routes


def _facts(visit: Visit, page: int) -> dict[str, Any]:
    setup = visit.setup
    view = status(visit.connection, setup, visit.now)
    mine = [each for each in view.key_results if each.mapped]
    pages = max(1, -(-len(mine) // PER_PAGE))
    page = min(page, pages)
    shown = mine[(page - 1) * PER_PAGE : page * PER_PAGE]
    known = rules(visit.connection, setup, [each.key_result.id for each in shown])
    told = visit.warnings()
    empty = {(each.key_result, each.part) for each in view.gaps}
    return {
        "cards": [(each, known[each.key_result.id]) for each in shown if each.key_result.id in known],
        "unmapped": [each for each in view.key_results if not each.mapped],
        "warnings": {name: [_sentence(each) for each in some] for name, some in told.items()},
        "empty": empty,
        "uncounted": [
            (each.source, each.number, tuple(map(ticket_name, each.some)))
            for each in uncounted(visit.connection, setup)
        ],
        "many": COUNTED_TO,
        "page": page,
        "pages": pages,
        "total": len(mine),
    }


def _sentence(told: str) -> str:
    """The words of `headway validate` behind a place in a file, as a sentence of their own."""
    text = harmless(told, 600)
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "…")) else ".")
