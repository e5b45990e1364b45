"""Boards (Projects v2): read whole, once a run, for all containers and twins; their values by repository and number.

Changing a value on a board does not touch the issue, and boards have no history, so there is no cheaper way.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from connectors.contract import (
    CredentialsRefused,
    FieldsRefused,
    MalformedAnswer,
    RateLimited,
    Stop,
    TryLater,
    Unreachable,
)
from connectors.github import graphql
from connectors.github.columns import KINDS, BoardField, every_meant
from connectors.github.paging import MOST_PAGES
from connectors.github.wire import PAGE_SIZE, Wire
from okrs.demand import Demand
from okrs.numbers import exact

NEEDS = "the scope `read:project` (a fine-grained token or an App: read access to Projects)"

_LEAST = 10
"""Items of a board that are asked for at once when more of them are too much for GitHub."""

Spot = tuple[str, int]
"""Id of a repository and the number of an issue or pull request in it."""
Fields = tuple[tuple[str, str], ...]
"""`WorkItem.fields`."""


@dataclass(slots=True)
class Board:
    """What is known of one board so far."""

    name: str
    fields: dict[str, BoardField] = field(default_factory=dict)
    """By id."""
    values: dict[Spot, dict[str, str]] = field(default_factory=dict)
    """Texts by id of the field; an item without values is on the board, too."""
    ids: dict[Spot, str] = field(default_factory=dict)
    """Ids of the issues; a pull request's is not told here."""
    after: str | None = None
    pages: int = 0
    complete: bool = False
    first: int = PAGE_SIZE
    """How many items the next page may have."""
    failed: bool = False
    """The last question for a page brought none."""

    def take(self, project: Mapping[str, Any], what: str) -> None:
        """Add one page.  Raises MalformedAnswer."""
        for row in graphql.nodes(project.get("fields"), what):
            found = BoardField(str(row.get("id")), str(row.get("name")), str(row.get("dataType")), self.name)
            self.fields[found.id] = found
        items = project.get("items")
        for row in graphql.nodes(items, what):
            self._put(row, what)
        info = items.get("pageInfo") if isinstance(items, Mapping) else None
        if not isinstance(info, Mapping) or type(info.get("hasNextPage")) is not bool:
            raise MalformedAnswer(f"The answer for {what} does not say whether it is complete; nothing was used.")
        self.complete = not info["hasNextPage"]
        self.pages += 1
        following = info.get("endCursor")
        if not self.complete and (not isinstance(following, str) or following == self.after or self.pages > MOST_PAGES):
            raise MalformedAnswer(f"The pages of {what} never end; nothing of them was used.")
        self.after, self.failed = following, False

    def ask_less(self, error: TryLater) -> None:
        """Make the next page smaller after one that failed for its size, as it seems when it fails twice in a row.

        Large boards may time out with any error: https://github.com/cli/cli/issues/13432.
        Raises Stop where GitHub says so of the smallest page: then a person must act.
        """
        if isinstance(error, graphql.TooMuch) and self.first == _LEAST:
            raise Stop(
                f"GitHub could not answer for the board {self.name}, not even for {_LEAST} of its items at once: "
                "make it smaller, or take it out of `boards`."
            )
        if self.failed or isinstance(error, graphql.TooMuch):
            self.first = max(_LEAST, self.first // 3)
        self.failed = True

    def _put(self, row: Mapping[str, Any], what: str) -> None:
        content = row.get("content")
        home = content.get("repository") if isinstance(content, Mapping) else None
        if not isinstance(content, Mapping) or not isinstance(home, Mapping):
            return  # a draft, or something that this token may not see
        number, repository = content.get("number"), home.get("databaseId")
        if type(number) is not int or type(repository) is not int:
            raise MalformedAnswer(f"An item of {what} has no number; nothing of it was used.")
        spot = (str(repository), number)
        if "fullDatabaseId" in content:
            self.ids[spot] = str(content["fullDatabaseId"])
        self.values[spot] = dict(_values(graphql.nodes(row.get("fieldValues"), what), self.fields, what))


class Boards:
    """The boards of a source.  Thread safe: who needs them first reads them, the others wait for it."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._lock = Lock()
        self._boards: list[Board] = []
        self._fields: dict[Demand, dict[Spot, Fields]] = {}
        self._knows_archived = True
        self._sizes: dict[str, int] = {}
        """How many items a page may have, by the names of the boards whose pages came in an earlier run."""

    def forget(self) -> None:
        """Begin a new run; the server may be a newer one.  How large its pages may be is not tried out anew."""
        with self._lock:
            self._sizes |= {board.name: board.first for board in self._boards if board.pages}
            self._boards, self._fields, self._knows_archived = [], {}, True

    def expect(self, demand: Demand) -> None:
        """Raise FieldsRefused where fields are demanded and no board is configured that could have them."""
        if demand.fields and not self._names:
            told = "GitHub issues have no fields of their own: name the board of {} under `boards:`."
            raise FieldsRefused({name: told.format(name) for name in sorted(demand.fields)})

    def fields(self, wire: Wire, demand: Demand) -> Mapping[Spot, Fields]:
        """Return the demanded fields of everything on the boards, sorted by name; () for what has no value.

        What was read when a page failed is not read again.  Raises FieldsRefused when a name fits no field, or one that
        is added up several: the first page of each board tells that; and of all names when a board cannot be read, for
        nobody knows what is on that one.
        """
        try:
            return self._values(wire, demand)
        except (FieldsRefused, CredentialsRefused, Unreachable):
            raise
        except Stop as error:
            raise FieldsRefused(dict.fromkeys(sorted(demand.fields), str(error))) from None

    def _values(self, wire: Wire, demand: Demand) -> Mapping[Spot, Fields]:
        with self._lock:
            if demand not in self._fields:
                self._boards = self._boards or [
                    Board(name, first=self._sizes.get(name, PAGE_SIZE)) for name in self._names
                ]
                self._read(wire, lambda board: board.pages > 0)
                meant = every_meant(demand, _columns(self._boards))
                self._read(wire, lambda board: board.complete)
                self._fields[demand] = _demanded(self._boards, meant)
            return self._fields[demand]

    def _read(self, wire: Wire, enough: Callable[[Board], bool]) -> None:
        for board in self._boards:
            while not enough(board):
                try:
                    page = self._page(wire, board)
                except RateLimited:
                    raise
                except TryLater as error:
                    board.ask_less(error)  # who asks again (`connectors.patience`) goes on where this one was
                    raise
                board.take(page, f"the board {board.name}")

    def _page(self, wire: Wire, board: Board) -> Mapping[str, Any]:
        """Return the next page of a board, with what was archived where the server knows that."""
        if self._knows_archived:
            try:
                return _page(wire, graphql.BOARD, board.name, board.after, board.first)
            except graphql.ArgumentUnknown:
                self._knows_archived = False
        return _page(wire, graphql.BOARD_OF_OLD, board.name, board.after, board.first)

    def ids(self) -> Mapping[Spot, str]:
        """Return the ids of the issues on the boards that `fields` has read."""
        with self._lock:
            return {spot: known for board in self._boards for spot, known in board.ids.items()}


def look_at(wire: Wire, name: str) -> Board:
    """Return a board with its fields and its first item only.  Raises ConnectorError."""
    board = Board(name)
    page = _page(wire, graphql.BOARD_OF_OLD, name, None, 1)  # which every server knows, and the fields are the same
    board.take(page, f"the board {name}")
    return board


def _page(wire: Wire, question: str, name: str, after: str | None, first: int) -> Mapping[str, Any]:
    what = f"the board {name}"
    owner, _, number = name.partition("/")
    variables = {"owner": owner, "number": int(number), "first": first, "after": after}
    data = graphql.data_of(wire.graphql(question, variables, what), what, NEEDS)
    holder = data.get("repositoryOwner")
    project = holder.get("projectV2") if isinstance(holder, dict) else None
    if not isinstance(project, dict):
        raise Stop(f"GitHub does not know {what}, or this token may not see it: check the spelling, and {NEEDS}.")
    return project


def _values(
    rows: Iterable[Mapping[str, Any]], fields: Mapping[str, BoardField], what: str
) -> Iterable[tuple[str, str]]:
    for row in rows:
        holder = row.get("field")
        found = fields.get(str(holder.get("id"))) if isinstance(holder, Mapping) else None
        value = row.get(KINDS[found.kind]) if found and found.kind in KINDS else None
        if found is None or value is None:
            continue  # a title, an assignee and the like: the issue itself tells
        if found.kind != "NUMBER":
            yield found.id, str(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            number = exact(value).normalize()
            yield found.id, f"{number:f}"
        else:
            raise MalformedAnswer(f"A number of {what} is none; nothing of it was used.")


def _columns(boards: Sequence[Board]) -> list[BoardField]:
    return [one for board in boards for one in board.fields.values() if one.kind in KINDS]


def _demanded(boards: Sequence[Board], meant: Mapping[str, Sequence[BoardField]]) -> dict[Spot, Fields]:
    """Return the values by where they belong; of two fields of one name, that of numbers comes first."""
    found: dict[Spot, Fields] = {spot: () for board in boards for spot in board.values}
    for name, fields in meant.items():
        for one in fields:
            home = next(board for board in boards if board.name == one.board)
            for spot, values in home.values.items():
                if one.id in values and (name, values[one.id]) not in found[spot]:
                    found[spot] += ((name, values[one.id]),)
    return found
