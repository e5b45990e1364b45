"""GitHub's search for issues, as far as people write it into a config: qualifiers, and words of the title."""

import re
from collections.abc import Callable

from sandbox.exchange import Refused
from sandbox.records import Item
from sandbox.world import World

_TERM = re.compile(r'(?P<name>-?[a-z]+):(?:"(?P<quoted>(?:\\.|[^"\\])*)"|(?P<plain>\S+))|(?P<word>\S+)')

_IS: dict[str, Callable[[Item], bool]] = {
    "issue": lambda item: not item.pull,
    "pr": lambda item: item.pull,
    "pull-request": lambda item: item.pull,
    "open": lambda item: item.closed is None,
    "closed": lambda item: item.closed is not None,
    "merged": lambda item: item.pull and item.state == "done",
}


def search(world: World, query: str, strict: bool) -> list[Item]:
    """Return what a query finds, oldest first.  Raises Refused (422) for one that GitHub does not understand.

    `strict` refuses a query that names neither issues nor pull requests, as GitHub does to many tokens.
    """
    if strict and not re.search(r"(?:^|\s)(?:is|type):(?:issue|pr|pull-request)(?:\s|$)", query):
        raise Refused(422, "Query must include 'is:issue' or 'is:pull-request'")
    found = [item for item in world.items.values() if item.project.tracker == "github" and not item.project.hidden]
    repositories: set[str] = set()
    for term in _TERM.finditer(query):
        if term["word"]:
            found = [item for item in found if term["word"].casefold() in item.title.casefold()]
            continue
        value = term["plain"] if term["quoted"] is None else re.sub(r"\\(.)", r"\1", term["quoted"])
        if term["name"] == "repo":
            repositories.add(_known(world, value))
            continue
        fits = _qualifier(term["name"].removeprefix("-"), value)
        wanted = not term["name"].startswith("-")
        found = [item for item in found if fits(item) is wanted]
    return [item for item in found if not repositories or item.project.key.casefold() in repositories]


def _known(world: World, name: str) -> str:
    for project in world.projects:
        if project.tracker == "github" and not project.hidden and project.key.casefold() == name.casefold():
            return name.casefold()
    raise Refused(
        422,
        "The listed users and repositories cannot be searched either because the resources do not exist or you do not "
        "have permission to view them.",
    )


def _qualifier(name: str, value: str) -> Callable[[Item], bool]:
    folded = value.casefold()
    match name:
        case "is" | "type" | "state" if folded in _IS:
            return _IS[folded]
        case "label":
            return lambda item: folded in [label.casefold() for label in item.labels]
        case "milestone":
            return lambda item: item.milestone is not None and item.milestone.title.casefold() == folded
        case "type":
            return lambda item: item.type.casefold() == folded
        case "assignee":
            return lambda item: item.assignee is not None and item.assignee.login.casefold() == folded
    raise Refused(422, f"Validation Failed: the qualifier {name}:{value} is not understood.")
