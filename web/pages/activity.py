"""The activity: the ledger, newest first."""

from fastapi import APIRouter
from starlette.responses import Response

from okrs.ledger import EntryKind
from okrs.plaintext import harmless
from store.views.feed import Wanted, feed
from store.views.history import history
from web.board import teams_of
from web.desk import Desk, NotThere
from web.pages.asking import READING, Name, Seq
from web.pages.papers import unknown
from web.telling import EVERYTHING, lines

PER_PAGE = 40

GROUPS: dict[str, tuple[str, tuple[EntryKind, ...]]] = {
    "moves": (
        "Moved by tickets",
        (EntryKind.BASELINE, EntryKind.AUTO, EntryKind.CORRECTION),
    ),
    "hand": ("By hand", (EntryKind.OVERRIDE, EntryKind.RESUME, EntryKind.CHECKIN)),
    "waiting": ("Held and decided", (EntryKind.HOLD, EntryKind.LIFT, EntryKind.APPROVE, EntryKind.REJECT)),
    "terms": ("Rules, targets, cycles", (EntryKind.RULE, EntryKind.TARGET, EntryKind.RETIRE, EntryKind.CLOSE)),
    "rebuilt": ("Rebuilt days", (EntryKind.RECONSTRUCTED,)),
}
"""What one may choose, with the kinds of entries in it."""


def router(desk: Desk) -> APIRouter:
    """The route of the activity."""
    routes = APIRouter()

    @routes.api_route("/activity", **READING)
    def activity(kind: Name = "", team: Name = "", key_result: Name = "", before: Seq = 0) -> Response:
        if kind and kind not in GROUPS:
            kinds = ", ".join(GROUPS)
            raise NotThere(f"There is no kind of activity called {harmless(kind, 60)}: choose among {kinds}.")
        with desk.visit() as visit:
            setup, teams = visit.setup, teams_of(visit.setup, team or None)
            of_team = {each.id for each in setup.objectives if team in ("", each.team)}
            names = {key_result} if key_result else None
            if team and not key_result:
                names = {each.id for each in setup.key_results if each.objective in of_team}
            chosen = GROUPS[kind][1] if kind else EVERYTHING
            if key_result and setup.key_result(key_result) is None and not history(visit.connection, key_result):
                raise unknown(key_result)
            found = feed(visit.connection, Wanted(names, chosen, before or None, PER_PAGE))
            told = lines(found.entries, visit.face, {each.id: each for each in setup.key_results})
            one = setup.key_result(key_result)
            return desk.page(
                "activity.html",
                here="/activity",
                **visit.frame,
                lines=told,
                more=told[-1].seq if found.more else None,
                groups=[(name, words) for name, (words, _) in GROUPS.items()],
                kind=kind,
                teams=teams,
                team=team,
                key_result=key_result,
                title=one.title if one else key_result,
                first=not before,
            )

    return routes
