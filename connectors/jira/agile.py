"""Questions to Jira Software: which boards a project has, and their sprints."""

from collections.abc import Sequence

from connectors.contract import AccessDenied, CredentialsRefused, Extra, ExtraRefused, MalformedAnswer
from connectors.http import require
from connectors.jira import boards
from connectors.jira.answers import Answer
from connectors.jira.paging import MOST_PAGES, Sprints
from connectors.jira.payload import Json, needed
from connectors.jira.site import Site
from connectors.jira.transport import AGILE, Parameters, part
from okrs.work import WorkItem

SCOPES = "read:board-scope:jira-software, read:sprint:jira-software and read:project:jira"
"""What a token with scopes needs for boards and sprints:
https://developer.atlassian.com/cloud/jira/software/rest/api-group-board/"""


_NO_BOARDS = "This site shows no boards, which a mapping with `sprint` needs: boards and sprints are of Jira Software."


class Agile:
    """Boards and sprints of one site."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def boards(self, project: str) -> list[Sprints]:
        """Return where the sprints of every board of a project begin."""
        what = f"the boards of {project}"
        found: list[Json] = []
        for _ in range(MOST_PAGES):
            asked: Parameters = {"projectKeyOrId": project, "startAt": len(found), "maxResults": boards.PAGE}
            self._site.besides += 1
            answer = self._ask("board", what, asked)
            if answer.is_unknown:
                raise ExtraRefused(Extra.SPRINTS, _NO_BOARDS)
            page = answer.object(what)
            rows = require(page, "values", what)
            found += rows
            if needed(page, "isLast", bool, what):
                break
            if not rows:
                raise MalformedAnswer(f"Jira cut the list of {what} short: more was announced, and none given.")
        return self.remember(boards.with_sprints(found, project))

    def remember(self, known: list[Sprints]) -> list[Sprints]:
        """Note which project these boards live in, and return them."""
        self._site.known.homes.update({board.board: board.project for board in known})
        return known

    def page(self, board: Sprints, *, gone: bool = False) -> tuple[list[WorkItem], Sprints | None, int | None]:
        """Return some sprints of a board, where the next ones begin, and how many closed ones lead the list.

        The last is None for a board that has none: it is of a kind without sprints, or, where `gone` may be, deleted.
        """
        what = f"the sprints of board {board.board}"
        asked: Parameters = {"startAt": board.start, "maxResults": boards.PAGE}
        answer = self._ask(f"board/{board.board}/sprint", what, asked)
        if answer.status == 400 or (gone and answer.status == 404):
            return [], None, None
        rows, following, closed = boards.after(answer.object(what), board, what)
        return self._items(rows, board), following, closed

    def sprint(self, number: str, project: str) -> WorkItem | None:
        """Return a sprint by its id, None when Jira does not show it.  Raises ExtraRefused as `_denied` says."""
        what = f"sprint {number}"
        answer = self._site.ask(f"sprint/{part(number)}", what, api=AGILE)
        if answer.login_failed:
            raise _denied(what, answer)
        if answer.is_unknown:
            return None
        (item,) = self._items([answer.object(what)], Sprints(0, project))
        return item

    def _items(self, sprints: Sequence[Json], board: Sprints) -> list[WorkItem]:
        homes = {origin: self._home(origin, board.project) for origin in boards.origins(sprints) - {board.board}}
        homes[board.board] = board.project
        root = self._site.settings.url
        return [boards.sprint_item(one, homes[one.get("originBoardId") or board.board], root) for one in sprints]

    def _home(self, number: int, otherwise: str) -> str:
        """Return the key of the project that a board lives in, which is asked once; a hidden board has none."""
        homes = self._site.known.homes
        if number not in homes:
            what = f"board {number}"
            answer = self._site.ask(f"board/{number}", what, api=AGILE)
            if answer.login_failed:
                raise _denied(what, answer)
            homes[number] = otherwise if answer.is_unknown else boards.home(answer.object(what), otherwise)
        return homes[number]

    def _ask(self, path: str, what: str, parameters: Parameters) -> Answer:
        """Return the answer.  Raises ExtraRefused with what the token lacks."""
        answer = self._site.ask(path, what, parameters, AGILE)
        if isinstance(answer.error(what), AccessDenied | CredentialsRefused):
            raise _denied(what, answer)
        return answer


def _denied(what: str, answer: Answer) -> ExtraRefused:
    """Return the error of a token that lacks the right.

    Atlassian's gateway answers a 401 where a token lacks a scope, as if it were no token at all.  Whether it is one the
    rest of the site says, which is asked in the same run.
    """
    return ExtraRefused(
        Extra.SPRINTS,
        f"The token may not read {what} ({answer.status}), which a mapping with `sprint` needs: a token with scopes "
        f"needs {SCOPES}; the account needs access to Jira Software.",
    )
