"""The mappings: each rule in words, what it selects now, and where there is none."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from okrs.immutable import immutable
from okrs.objective import KeyResult
from okrs.plaintext import harmless
from store.views.excerpt import Leafing, excerpt_of
from store.views.rules import COUNTED_TO, rules, uncounted, worded
from store.views.setup import Setup
from store.views.status import status
from web.desk import Desk, NotThere, Visit
from web.pages.asking import READING, Name, PageNumber
from web.pages.key_result import TICKETS, PartView, part_views
from web.ports import Tried
from web.showing import value_words
from web.telling import ticket_name

PER_PAGE = 25

Rule = Annotated[str, Query(max_length=12_000)]
"""Mappings as YAML."""


def router(desk: Desk) -> APIRouter:
    """The route of the mappings."""
    routes = APIRouter()

    @routes.api_route("/mappings", **READING)
    def mappings(page: PageNumber = 1) -> Response:
        with desk.visit() as visit:
            return desk.page(
                "mappings.html", here="/mappings", **visit.frame, **_facts(visit, page, tries=desk.previews is not None)
            )

    @routes.api_route("/mappings/try", **READING)
    def try_out(key_result: Name = "", rule: Rule = "") -> Response:
        previews = desk.previews
        if previews is None:
            raise NotThere("Mappings cannot be tried here: `headway plan` shows what a change would do.")
        with desk.visit() as visit:
            typed = rule.replace("\r\n", "\n") or previews.written(key_result)
            told = previews.tried(visit.connection, typed, visit.now) if typed.strip() else None
            tried = [_tried(each, visit.setup) for each in told.tried] if told else []
            problems = told.problems if told else ()
            facts: dict[str, Any] = {
                "typed": typed,
                "tried": tried,
                "problems": problems,
                "mine": bool(rule),
                "pasted": pasted(typed),
            }
            return desk.page("try.html", within="/mappings", **visit.frame, **facts)

    return routes


def pasted(typed: str) -> str:
    """Return mappings as they stand below `mappings:`, as entries of its list."""
    lines = typed.strip("\n").rstrip().split("\n")
    if lines[0].startswith("mappings:"):
        return "\n".join(lines[1:])
    if lines[0].lstrip().startswith(("-", "#")):
        return "\n".join(lines)
    return "\n".join(("  " if number else "- ") + line if line else "" for number, line in enumerate(lines))


@immutable
class TriedView:
    """What a mapping that somebody typed would do."""

    key_result: KeyResult
    value: str
    recorded: str
    same: bool
    lacking: tuple[str, ...]
    parts: tuple[PartView, ...]
    joined: tuple[str, ...]
    warnings: tuple[str, ...]


def _tried(each: Tried, setup: Setup) -> TriedView:
    told, found = each.trial.explained, each.key_result
    return TriedView(
        found,
        value_words(found, told.value) if told and told.value is not None else "",
        value_words(found, each.trial.recorded) if each.trial.recorded is not None else "",
        told is not None and told.value == each.trial.recorded,
        each.trial.lacking,
        part_views(excerpt_of(told, Leafing(TICKETS)), setup) if told else (),
        worded(told.rule, setup).joined if told else (),
        tuple(map(_sentence, each.warnings)),
    )


def _facts(visit: Visit, page: int, *, tries: bool) -> dict[str, Any]:
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
        "tries": tries,
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
