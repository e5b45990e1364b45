"""What items have beyond their own row: values on boards, and what a pull request's branch and body name."""

from collections.abc import Mapping, Sequence

from connectors.contract import CredentialsRefused, Cursor, Extra, ExtraRefused, MalformedAnswer, Stop, Unreachable
from connectors.github import graphql, normalise
from connectors.github.boards import Fields, Spot
from connectors.github.payload import Payload, text, whole
from connectors.github.wire import Wire
from connectors.naming import first_refs, named_in_branch, named_in_title
from okrs.demand import Demand
from okrs.immutable import immutable, replace
from okrs.work import Ref, WorkItem


def dressed(
    wire: Wire, rows: Sequence[Payload], repo: Ref, demand: Demand, values: Mapping[Spot, Fields]
) -> tuple[WorkItem, ...]:
    """Return the items of some issues and pull requests of one repository, with all that is demanded of them.

    `values` are the fields that they have on boards.  Raises ConnectorError.
    """
    items = [normalise.issue(row, repo, values.get((repo.id, whole(row, "number")), ())) for row in rows]
    if demand.refs:
        named = _named_elsewhere(wire, rows, f"the pull requests of {repo.name}")
        items = [
            _with_refs(item, repo, named[row["node_id"]]) if "pull_request" in row else item
            for item, row in zip(items, rows, strict=True)
        ]
    return tuple(items)


@immutable
class _Named:
    """What a pull request names besides its title."""

    closed: tuple[str, ...]
    """The issues that GitHub says it closes."""
    branch: tuple[str, ...]
    """What its branch may name."""


def _with_refs(item: WorkItem, repo: Ref, named: _Named) -> WorkItem:
    """Return a pull request with what it names: what is only read out of a text takes nothing's place."""
    every = [*named.closed, *named_in_title(item.title, repo.name), *named.branch]
    return replace(item, refs=first_refs(every, item.key))


def _named_elsewhere(wire: Wire, rows: Sequence[Payload], what: str) -> dict[str, _Named]:
    """Return the tickets that pull requests name in their branch or close, by node id: one request for a page."""
    ids = [text(row, "node_id") for row in rows if "pull_request" in row]
    if not ids:
        return {}
    needs = "read access to Pull requests and Contents (a classic token: the scope `repo`)"
    try:
        data = graphql.data_of(wire.graphql(graphql.PULLS, {"ids": ids}, what), what, needs)
    except (CredentialsRefused, Unreachable):
        raise
    except Stop as error:
        raise ExtraRefused(Extra.REFS, f"{error} A mapping with `once` needs it.") from None
    found = {str(node.get("id")): _names(node, what) for node in graphql.nodes(data, what)}
    if set(ids) - set(found):
        raise MalformedAnswer(f"The answer for {what} leaves some of them out; nothing of it was used.")
    return found


def _names(node: Payload, what: str) -> _Named:
    branch = node.get("headRefName")
    closing = [
        f"{one['repository']['nameWithOwner']}#{one['number']}"
        for one in graphql.nodes(node.get("closingIssuesReferences"), what)
        if isinstance(one.get("repository"), Mapping) and "nameWithOwner" in one["repository"] and "number" in one
    ]
    return _Named(tuple(closing), tuple(named_in_branch(branch)) if isinstance(branch, str) else ())


BOARD = "board"
"""Name of a memo: which issues of the repository were on a board, as `number:id` with a space between them."""


_ARCHIVED = "archived"
"""Name of a memo: the day, by our clock, on which what was archived on the boards was read last."""


def archived_due(cursor: Cursor) -> bool:
    """Tell whether a read wants what was archived on the boards: every complete one, and the first poll of a day."""
    return cursor.since is None or cursor.memo.get(_ARCHIVED) != _day(cursor)


def archived_memo(cursor: Cursor) -> dict[str, str]:
    """Return what the next poll should know of that."""
    return {_ARCHIVED: _day(cursor)}


def _day(cursor: Cursor) -> str:
    return cursor.now.date().isoformat()


def on_board(memo: Mapping[str, str]) -> dict[int, str]:
    """Return the ids, by number, of what was on a board when the container was last read completely."""
    pairs = [pair.partition(":") for name, text in memo.items() if name.startswith(BOARD) for pair in text.split()]
    return {int(number): known for number, _, known in pairs}


def board_memo(known: Mapping[int, str], part: str = "") -> dict[str, str]:
    return {BOARD + part: " ".join(f"{number}:{known[number]}" for number in sorted(known))} if known else {}


def board_part(rows: Sequence[Payload], values: Mapping[Spot, Fields], repo: Ref, part: str) -> dict[str, str]:
    """Return the memo of one page of a complete listing."""
    return board_memo({row["number"]: str(row["id"]) for row in rows if (repo.id, row["number"]) in values}, part)
