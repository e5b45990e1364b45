"""A ticket: the key results that it counts in, and why not in the others."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from fastapi import APIRouter
from starlette.responses import Response

from okrs.immutable import immutable
from okrs.objective import KeyResult
from okrs.plaintext import harmless
from okrs.work import fold_name
from store.lookup import titled
from store.views.moves import counted_since
from store.views.which import Places, Which, which
from web.desk import Desk, Visit
from web.pages.asking import READING, Name
from web.pages.reasons import GONE, NOT_SELECTED, reason
from web.showing import Clockface, number
from web.telling import TicketName, ticket_name

MOST_FOUND = 20
MOST_OTHERS = 40


@immutable
class Effect:
    """What one part of a rule makes of a ticket."""

    key_result: str
    title: str
    part: int
    counted: bool
    words: str


@immutable
class Found:
    """A ticket, with what every rule of its source makes of it."""

    ticket: TicketName
    source: str
    state: str
    type: str
    became: str
    counted: tuple[Effect, ...]
    others: tuple[Effect, ...]
    """Those that it just missed, first."""
    more: int
    """How many other key results do not select it."""


def router(desk: Desk) -> APIRouter:
    """The route of a ticket, which is the search, too."""
    routes = APIRouter()

    @routes.api_route("/tickets", **READING)
    def ticket(key: Name = "") -> Response:
        asked = key.strip()
        with desk.visit() as visit:
            places = which(visit.connection, visit.setup, asked, visit.now) if asked else None
            named = search(visit.setup.key_results, asked) if asked else []
            return desk.page(
                "ticket.html",
                **visit.frame,
                search=harmless(asked),
                found=found(places, visit, asked) if places else [],
                key_results=named,
                titled=titled(visit.connection, asked) if asked and not places and not named else [],
            )

    return routes


def found(places: Places, visit: Visit, asked: str) -> list[Found]:
    """Tell of each ticket that is called so."""
    titles = {each.id: each.title for each in visit.setup.key_results}
    told = []
    for each in places.tickets:
        mine = [one for one in places.parts if one.ticket.identity == each.identity]
        since = counted_since(visit.connection, {one.key_result for one in mine if one.counted}, *each.identity)
        effects = [_effect(one, titles, since, visit.face) for one in mine]
        became = _became(each.gone, each.item.key, asked)
        counted = tuple(one for one in effects if one.counted)
        missed = [one for one in _told_once(effects) if not one.counted]
        near = sorted(missed, key=lambda one: one.words.startswith(reason(NOT_SELECTED)))  # what it just missed, first
        others = tuple(near)
        name = ticket_name(each.item)
        source, kind = harmless(each.source), harmless(each.item.type)
        shown = others[:MOST_OTHERS]
        told.append(Found(name, source, each.item.state.value, kind, became, counted, shown, len(others) - len(shown)))
    return told


def _effect(each: Which, titles: dict[str, str], since: Mapping[str, datetime], face: Clockface) -> Effect:
    title = harmless(titles.get(each.key_result, each.key_result))
    if each.counted:
        words = f"+{number(each.amount)}" if each.adds else f"with {number(each.amount)}"
        words += f" since {face.when(since[each.key_result])}" if each.key_result in since else ""
    else:
        words = reason(each.reason)
    words += f", when {harmless(each.closed)} was closed: nothing moves that any more" if each.closed else ""
    if each.hold:
        words += "; an update with it was rejected" if each.hold.rejected else "; waits with an update"
    return Effect(each.key_result, title, each.part + 1, each.counted, words)


def _told_once(effects: Iterable[Effect]) -> list[Effect]:
    """What one key result says in several parts is said once."""
    return list({(each.key_result, each.words): each for each in effects}.values())


def _became(gone: str | None, key: str, asked: str) -> str:
    told = "" if fold_name(key) == fold_name(asked) else f"{harmless(asked)} is called {harmless(key)} today. "
    return told + (f"It {GONE.get(gone, 'is not read any more')}. " if gone else "")


def search(key_results: Sequence[KeyResult], asked: str) -> list[KeyResult]:
    """Find key results by words of their id or title."""
    words = fold_name(asked).split()
    return [
        each for each in key_results if words and all(word in fold_name(f"{each.id} {each.title}") for word in words)
    ][:MOST_FOUND]
