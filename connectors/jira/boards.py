"""Boards and sprints: Jira Software's own API, the same on Cloud and Data Center.  Pure.

https://developer.atlassian.com/cloud/jira/software/rest/api-group-board/
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from connectors.contract import Cursor, MalformedAnswer
from connectors.http import require
from connectors.jira.paging import Sprints
from connectors.jira.payload import Json, malformed, maybe, moment, needed
from okrs.work import Kind, Ref, State, WorkItem

PAGE = 50
"""Boards or sprints a page: Jira gives no more."""

_STATES = {"future": State.TODO, "active": State.DOING, "closed": State.DONE}
_WRITTEN = re.compile(r"\[(?:[^\]]*?,)??id=([0-9]+)[,\]]")
"""Data Center writes a sprint out as `com.atlassian.greenhopper.service.sprint.Sprint@1f[id=7,rapidViewId=3,…]`."""

_OVERLAP = 10
"""Closed sprints that a poll reads again: as many may be deleted at once without one being missed."""

_DAY, _BOARDS, _NONE = "boards read", "boards", "-"


def sprints_of(fields: Json, field: str, what: str) -> tuple[str, ...]:
    """Return the ids of the sprint items that an issue belongs to."""
    ids = [_sprint_id(entry, what) for entry in maybe(fields, field, list, what) or []]
    return tuple([f"sprint:{number}" for number in dict.fromkeys(ids)])


def _sprint_id(entry: object, what: str) -> str:
    match entry:
        case {"id": int(number)} | int(number):
            return str(number)
        case str():
            found = _WRITTEN.search(entry)
            if found:
                return found[1]
    raise malformed("sprint", what)


def sprint_item(payload: Json, project: str, root: str) -> WorkItem:
    """Return the item of a sprint; `project` is the key of its board's project.  Its key is `PAY/sprint/7`."""
    number = needed(payload, "id", int, "a sprint")
    what = f"sprint {number}"
    state = _STATES.get(needed(payload, "state", str, what).lower(), State.TODO)
    board = maybe(payload, "originBoardId", int, what)
    return WorkItem(
        id=f"sprint:{number}",
        key=f"{project}/sprint/{number}",
        kind=Kind.SPRINT,
        type="sprint",
        title=needed(payload, "name", str, what),
        url=f"{root}/secure/RapidBoard.jspa?rapidView={board}" if board else f"{root}/projects/{project}",
        state=state,
        created_at=moment(payload, "createdDate", what),
        closed_at=moment(payload, "completeDate", what) if state is State.DONE else None,
        projects=(Ref(project),),
    )


def with_sprints(boards: Iterable[Json], project: str) -> list[Sprints]:
    """Return where the sprints of these boards begin.  A kanban board has none, and answers 400 when asked."""
    return [
        Sprints(needed(board, "id", int, "a board"), home(board, project))
        for board in boards
        if needed(board, "type", str, "a board") != "kanban"
    ]


def remembered(cursor: Cursor) -> list[Sprints] | None:
    """Return where a poll reads on in the boards of the last read; None when they must be listed anew.

    A new board shows with the next full read, and at the latest on the next day.
    """
    if cursor.since is None or cursor.memo.get(_DAY) != _day(cursor.now):
        return None
    known = [number for number in cursor.memo.get(_BOARDS, "").split() if f"board {number}" in cursor.memo]
    places = [(number, *cursor.memo[f"board {number}"].partition(" ")[::2]) for number in known]
    return [
        Sprints(int(number), project, max(0, int(closed) - _OVERLAP))
        for number, closed, project in places
        if closed != _NONE
    ]


def memo_of(boards: Sequence[Sprints], cursor: Cursor) -> dict[str, str]:
    """Return what the next poll should know of the boards, but for what their own pages tell.

    A board that turned out to have no sprints is not asked again, so what is known of it is kept.
    """
    none = {name: text for name, text in cursor.memo.items() if name.startswith("board ") and text[:1] == _NONE}
    known = none if remembered(cursor) is not None else {}
    numbers = [str(board.board) for board in boards] + [name.removeprefix("board ") for name in known]
    return {_DAY: _day(cursor.now), _BOARDS: " ".join(numbers), **known}


def memo_of_one(board: Sprints, closed: int | None) -> dict[str, str]:
    """Return what the next poll should know of one board: how many closed sprints lead its list; None for none."""
    return {f"board {board.board}": f"{_NONE if closed is None else closed} {board.project}"}


def origins(sprints: Iterable[Json]) -> set[int]:
    """Return the boards that sprints were made on: another board shows those that share its issues."""
    return {board for one in sprints if (board := maybe(one, "originBoardId", int, "a sprint")) is not None}


def home(board: Json, otherwise: str) -> str:
    """Return the key of the project that a board lives in.  The one board of two projects has one home."""
    location = maybe(board, "location", dict, "a board") or {}
    return maybe(location, "projectKey", str, "a board") or otherwise


def after(page: Json, board: Sprints, what: str) -> tuple[list[Json], Sprints | None, int]:
    """Return the sprints of a page, where the next one begins, and how many closed ones lead the list so far."""
    rows = require(page, "values", what)
    last = needed(page, "isLast", bool, what)
    states = [needed(one, "state", str, what).lower() for one in rows]
    leading = next((index for index, state in enumerate(states) if state != "closed"), len(rows))
    opened = board.open if board.open is not None else (board.start + leading if leading < len(rows) else None)
    end = board.start + len(rows)
    closed = end if opened is None else opened
    if last:
        return rows, None, closed
    if not rows:
        raise MalformedAnswer(f"Jira cut the list of {what} short: more was announced, and none given.")
    return rows, Sprints(board.board, board.project, end, opened), closed


def _day(now: datetime) -> str:
    return now.date().isoformat()
