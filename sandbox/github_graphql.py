"""What GitHub tells by GraphQL only: boards (Projects v2), branches, and the issues that pull requests close."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from sandbox.exchange import Request
from sandbox.graphql import Node, Refusal
from sandbox.records import Board, Item
from sandbox.world import World

_VALUE_KEYS = {"NUMBER": "number", "DATE": "date", "TEXT": "text", "SINGLE_SELECT": "name", "ITERATION": "title"}
_VALUE_TYPES = {kind: f"ProjectV2ItemField{kind.title().replace('_', '')}Value" for kind in _VALUE_KEYS}
_MOST = 100


@dataclass(slots=True)
class Ability:
    """What this GitHub can do with boards."""

    archived: bool = True
    """Whether it can be asked for what was archived (`archivedStates`); not every Enterprise Server can."""
    most: int = _MOST
    """How many items of a board it manages in one answer."""
    trouble: tuple[str, str] = ("Resource limits for this query exceeded.", "RESOURCE_LIMITS_EXCEEDED")
    """What it says when asked for more: the message, and the type of the error."""


def root(world: World, scopes: str | None, ability: Ability, request: Request) -> Node:
    """Return the root of all queries; `scopes` are those of a classic token, the request says how small pages are."""

    def owner(arguments: Mapping[str, object]) -> Node | None:
        login = str(arguments["login"])
        known = {project.key.partition("/")[0] for project in world.projects if project.tracker == "github"}
        known |= {board.owner for board in world.boards}
        return _owner(world, login, scopes, ability, request) if login in known else None

    def nodes(arguments: Mapping[str, object]) -> list[Node | None]:
        pulls = {pull_id(item): item for item in world.items.values() if item.pull and not item.project.hidden}
        ids = cast("list[str]", arguments["ids"])
        for missing in [one for one in ids if one not in pulls]:
            raise Refusal(f"Could not resolve to a node with the global id of '{missing}'", "NOT_FOUND")
        return [_pull(pulls[one]) for one in ids]

    return Node("Query", {"repositoryOwner": owner, "nodes": nodes})


def pull_id(item: Item) -> str:
    """Return the node id of a pull request, which REST tells, too."""
    return f"PR_{item.id}"


def _owner(world: World, login: str, scopes: str | None, ability: Ability, request: Request) -> Node:
    def project(arguments: Mapping[str, object]) -> Node:
        if scopes is not None and "read:project" not in scopes:
            raise Refusal(
                "Your token has not been granted the required scopes to execute this query. The 'projectV2' field "
                f"requires one of the following scopes: ['read:project'], but your token has only: [{scopes}].",
                "INSUFFICIENT_SCOPES",
            )
        for board in world.boards:
            if (board.owner, board.number) == (login, arguments["number"]):
                return _board(world, board, ability, request)
        raise Refusal(f"Could not resolve to a ProjectV2 with the number {arguments['number']}.", "NOT_FOUND")

    return Node("Organization", {"login": login, "projectV2": project}, ("ProjectV2Owner", "RepositoryOwner"))


def _board(world: World, board: Board, ability: Ability, request: Request) -> Node:
    fields = [_field(board, "Title", "TITLE"), *[_field(board, name, kind) for name, kind in board.kinds.items()]]

    def items(arguments: Mapping[str, object]) -> Node:
        first, begin = cast("int", arguments["first"]), int(str(arguments.get("after") or 0))
        if not 1 <= first <= _MOST:
            raise Refusal(f"Requesting {first} records on the connection exceeds the limit of {_MOST}.")
        states = arguments.get("archivedStates", ["NOT_ARCHIVED"])
        if "archivedStates" in arguments and not ability.archived:
            raise Refusal.of_argument("items", "archivedStates")
        if first > ability.most:
            raise Refusal(*ability.trouble)
        every = [world.items[number] for number in board.values if number in world.items]
        every = [item for item in every if _archived(board, item) in cast("list[str]", states)]
        end = begin + min(first, request.page_cap or first)
        shown = every[request.begin(begin) : end]
        info = Node("PageInfo", {"hasNextPage": end < len(every), "endCursor": str(end) if shown else None})
        rows = [_entry(board, item) for item in shown]
        return Node("ProjectV2ItemConnection", {"pageInfo": info, "nodes": rows})

    listed = Node("ProjectV2FieldConfigurationConnection", {"nodes": fields})
    return Node("ProjectV2", {"title": board.title, "fields": lambda _: listed, "items": items})


def _archived(board: Board, item: Item) -> str:
    """Return the state of an item on a board, one of GitHub's `ProjectV2ItemArchivedState`."""
    return "ARCHIVED" if item.id in board.archived else "NOT_ARCHIVED"


def _field(board: Board, name: str, kind: str) -> Node:
    number = ["Title", *board.kinds].index(name)
    facts = {"id": f"PVTF_{board.id}_{number}", "name": name, "dataType": kind}
    return Node("ProjectV2Field", facts, ("ProjectV2FieldCommon",))


def _entry(board: Board, item: Item) -> Node:
    values = [
        Node(
            _VALUE_TYPES[board.kinds[name]],
            {_VALUE_KEYS[board.kinds[name]]: value, "field": _field(board, name, board.kinds[name])},
        )
        for name, value in board.values[item.id].items()
    ]
    title = Node("ProjectV2ItemFieldTextValue", {"text": item.title, "field": _field(board, "Title", "TITLE")})
    held = Node("ProjectV2ItemFieldValueConnection", {"nodes": [title, *values]})
    content = None if item.project.hidden else _content(item)
    return Node("ProjectV2Item", {"content": content, "fieldValues": lambda _: held})


def _content(item: Item) -> Node:
    home = _repository(item)
    if item.pull:  # among issues it has another id than as a pull request
        return Node("PullRequest", {"number": item.number, "fullDatabaseId": f"9{item.id}", "repository": home})
    return Node("Issue", {"number": item.number, "fullDatabaseId": str(item.id), "repository": home})


def _pull(item: Item) -> Node:
    closed = [Node("Issue", {"number": one.number, "repository": _repository(one)}) for one in item.links]

    def closing(arguments: Mapping[str, object]) -> Node:
        return Node("IssueConnection", {"nodes": closed[: cast("int", arguments["first"])]})

    facts = {"id": pull_id(item), "headRefName": item.branch, "closingIssuesReferences": closing}
    return Node("PullRequest", facts)


def _repository(item: Item) -> Node:
    return Node("Repository", {"databaseId": item.project.id, "nameWithOwner": item.project.key})
