"""An objective: its key results, what it supports, and what supports it."""

from fastapi import APIRouter
from starlette.responses import Response

from okrs.objective import Objective
from okrs.plaintext import harmless
from store.views.setup import Setup
from web.board import board, read_status
from web.desk import Desk, NotThere
from web.pages.asking import READING


def router(desk: Desk) -> APIRouter:
    """The route of an objective."""
    routes = APIRouter()

    @routes.api_route("/objectives/{name}", **READING)
    def objective(name: str) -> Response:
        with desk.visit() as visit:
            found = next((each for each in visit.setup.objectives if each.id == name), None)
            if found is None:
                raise NotThere(f"There is no objective {harmless(name, 60)} in the config.")
            view = read_status(visit, found.cycle, look=False)
            return desk.page(
                "objective.html",
                within="/",
                **visit.frame,
                objective=found,
                board=board(visit, view, lambda each: each.id == name),
                supports=[_link(visit.setup, each) for each in found.supports],
                supported=[(f"/objectives/{each.id}", each.title) for each in _below(visit.setup, found)],
            )

    return routes


def _below(setup: Setup, found: Objective) -> list[Objective]:
    mine = {found.id} | {each.id for each in setup.key_results if each.objective == found.id}
    return [each for each in setup.objectives if mine & set(each.supports) and each.id != found.id]


def _link(setup: Setup, name: str) -> tuple[str, str]:
    """Where what is supported is shown, and what it is called."""
    above = next((each for each in setup.objectives if each.id == name), None)
    if above is not None:
        return f"/objectives/{above.id}", above.title
    key_result = setup.key_result(name)
    return f"/key-results/{name}", key_result.title if key_result else name
