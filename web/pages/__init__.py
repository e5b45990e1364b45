"""The pages, one module for each: routes that ask a view, and a template that shows it."""

from collections.abc import Callable

from fastapi import APIRouter

from web.desk import Desk
from web.pages import activity, edits, key_result, mappings, objective, overview, papers, sources, ticket

ROUTERS: tuple[Callable[[Desk], APIRouter], ...] = (
    overview.router,
    key_result.router,
    edits.router,
    papers.router,
    objective.router,
    ticket.router,
    activity.router,
    sources.router,
    mappings.router,
)
