"""Boards (Projects v2): read whole, once a run, for all containers and twins; their values by repository and number.

Changing a value on a board does not touch the issue, and boards have no history, so there is no cheaper way.  What was
archived on them only grows, and hardly ever changes: it is read once a day, and has the values of the mirror meanwhile.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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
from okrs.immutable import immutable
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


@immutable
class Told:
    """What the boards tell of everything on them."""

    values: Mapping[Spot, Fields]
    """The demanded fields, sorted by name; () for what has no value."""
    ids: Mapping[Spot, str]
    """Those of the issues."""
    whole: bool
    """Also of what was archived."""
    homes: Mapping[str, tuple[Collection[Spot], ...]]
    """By name of a field, what is on each of the boards that have such a field."""

    def fields(self, spot: Spot, before: Fields | None) -> Fields | None:
        """Return the fields of an item that had these before, None where nobody knows which.

        What is not seen on a board may have been archived there: it keeps what it had.  The answer is None where only
        what was archived could tell: when it is not known what the item had, and when a field of a board that shows
        the item changed, and another board, which does not, has a field of that name.
        """
        if self.whole:
            return self.values.get(spot, ())
        found: Fields = ()
        for name, homes in self.homes.items():
            told, had = (tuple([each for each in every if each[0] == name]) for every in self._both(spot, before))
            if all(spot in home for home in homes):
                found += told
            elif before is None or (had and not set(told) <= set(had)):
                return None
            else:
                found += had or told
        return found

    def _both(self, spot: Spot, before: Fields | None) -> tuple[Fields, Fields]:
        return self.values.get(spot, ()), before or ()


class Boards:
    """The boards of a source.  Thread safe: who needs them first reads them, the others wait for it."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._lock = Lock()
        self._boards: list[Board] = []
        self._told: dict[Demand, Told] = {}
        self._archived = False
        """What was archived is read, too."""
        self._knows_archived = True
        self._sizes: dict[str, int] = {}
        """How many items a page may have, by the names of the boards whose pages came before."""

    def forget(self) -> None:
        """Begin a new run; the server may be a newer one.  How large its pages may be is not tried out anew."""
        with self._lock:
            self._begin(archived=False)
            self._knows_archived = True

    def _begin(self, *, archived: bool) -> None:
        self._sizes |= {board.name: board.first for board in self._boards if board.pages}
        self._boards = [Board(name, first=self._sizes.get(name, PAGE_SIZE)) for name in self._names]
        self._told, self._archived = {}, archived

    def expect(self, demand: Demand) -> None:
        """Raise FieldsRefused where fields are demanded and no board is configured that could have them."""
        if demand.fields and not self._names:
            told = "GitHub issues have no fields of their own: name the board of {} under `boards:`."
            raise FieldsRefused({name: told.format(name) for name in sorted(demand.fields)})

    def fields(
        self, wire: Wire, demand: Demand, before: Mapping[Spot, Fields | None], *, archived: bool
    ) -> Mapping[Spot, Fields]:
        """Return the demanded fields of some items; `before` is what each had, None where nobody knows that.

        What was archived is read where it is wanted, and where only that can tell of one of them.  Raises as `told`.
        """
        told = self.told(wire, demand, archived=archived)
        found = {spot: fields for spot, had in before.items() if (fields := told.fields(spot, had)) is not None}
        if len(found) == len(before):
            return found
        whole = self.told(wire, demand, archived=True)
        return {spot: whole.values.get(spot, ()) for spot in before}

    def told(self, wire: Wire, demand: Demand, *, archived: bool) -> Told:
        """Return what the boards tell, with what was `archived` where that is wanted, or somebody wanted it before.

        Whoever wants it when the boards were read without begins anew: an item that goes from one part to the other
        meanwhile would else be in neither.  Within either, what was read when a page failed is not read again.

        Raises FieldsRefused when a name fits no field, or one that is added up several: the first page of each board
        tells that; and of all names when a board cannot be read, for nobody knows what is on that one.
        """
        try:
            return self._all(wire, demand, archived=archived)
        except (FieldsRefused, CredentialsRefused, Unreachable):
            raise
        except Stop as error:
            raise FieldsRefused(dict.fromkeys(sorted(demand.fields), str(error))) from None

    def _all(self, wire: Wire, demand: Demand, *, archived: bool) -> Told:
        with self._lock:
            if not self._boards or (archived and not self._archived):
                self._begin(archived=archived)
            if demand not in self._told:
                self._read(wire, lambda board: board.pages > 0)
                meant = every_meant(demand, _columns(self._boards))
                self._read(wire, lambda board: board.complete)
                self._told[demand] = _told(self._boards, meant, whole=self._archived)
            return self._told[demand]

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
        """Return the next page of a board, with what was archived where that is wanted and the server knows it."""
        if self._archived and self._knows_archived:
            try:
                return _page(wire, graphql.BOARD_WITH_ARCHIVED, board.name, board.after, board.first)
            except graphql.ArgumentUnknown:
                self._knows_archived = False
        return _page(wire, graphql.BOARD, board.name, board.after, board.first)


def look_at(wire: Wire, name: str) -> Board:
    """Return a board with its fields and its first item only.  Raises ConnectorError."""
    board = Board(name)
    page = _page(wire, graphql.BOARD, name, None, 1)  # which every server knows, and the fields are the same
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


def _told(boards: Sequence[Board], meant: Mapping[str, Sequence[BoardField]], *, whole: bool) -> Told:
    ids = {spot: known for board in boards for spot, known in board.ids.items()}
    homes = {
        name: tuple([board.values.keys() for board in boards if board.name in {one.board for one in fields}])
        for name, fields in meant.items()
    }
    return Told(_demanded(boards, meant), ids, whole, homes)


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
