"""The overview: are we going to make it, and can it be believed?"""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from store.views.status import StatusView
from web.board import Board, board, read_status, teams_of, unread
from web.desk import Desk, Visit
from web.pages.asking import READING, Name, PageNumber
from web.remembering import Remembering


def _is_current(request: Request) -> bool:
    """Tell whether what is there now is asked for: by reloading, or by the script of an open page.

    https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1
    """
    asked = {each.strip().lower() for each in request.headers.get("cache-control", "").split(",")}
    return not asked.isdisjoint(("no-cache", "max-age=0"))


def router(desk: Desk) -> APIRouter:
    """The routes of the overview and of each team."""
    routes = APIRouter()
    remembered = Remembering[tuple[dict[str, Any], StatusView, Board]](trouble=desk.trouble("the overview"))

    @routes.api_route("/", **READING)
    def overview(request: Request, cycle: Name = "", team: Name = "", page: PageNumber = 1) -> Response:
        def found(visit: Visit) -> tuple[dict[str, Any], StatusView, Board]:
            teams_of(visit.setup, team or None)
            view = read_status(visit, cycle)
            return visit.frame, view, board(visit, view, lambda each: team in ("", each.team), page)

        frame, view, shown = remembered.of(desk.visit, (cycle, team, page), found, current=_is_current(request))
        with desk.visit() as visit:
            return desk.page(
                "overview.html",
                here="/",
                **frame,
                board=shown,
                view=view,
                cycles=[each.id for each in visit.setup.cycles],
                cycle=cycle,
                teams=teams_of(visit.setup),
                team=team,
                configured=bool(visit.setup.key_results),
                sourced=bool(visit.setup.sources),
                unread=unread(view),
            )

    @routes.api_route("/teams/{name:path}", **READING)
    def team(name: str, cycle: Name = "", page: PageNumber = 1) -> Response:
        with desk.visit() as visit:
            teams_of(visit.setup, name)
            view = read_status(visit, cycle)
            return desk.page(
                "team.html",
                within="/",
                **visit.frame,
                name=name,
                board=board(visit, view, lambda each: each.team == name, page),
                view=view,
                cycle=cycle,
            )

    return routes
