"""GitHub's search for issues, as far as people write it into a config: qualifiers, words of the title, and operators.

Two grammars: that of today, and the one before it, which Enterprise Servers up to 3.17 have.
https://github.blog/changelog/2025-03-06-github-issues-projects-api-support-for-issues-advanced-search-and-more/
"""

import re
from collections.abc import Callable

from sandbox.exchange import Refused
from sandbox.records import Item
from sandbox.world import World

Fits = Callable[[Item], bool]

_TERM = re.compile(
    r'(?P<mark>[()])|(?P<name>-?[a-z]+):(?:"(?P<quoted>(?:\\.|[^"\\])*)"|(?P<plain>[^\s()]+))'
    r'|"(?P<phrase>[^"]*)"|(?P<word>[^\s()]+)',
    re.IGNORECASE,
)
_KIND = re.compile(r"(?:^|[\s(])(?:is|type):(?:issue|pr|pull-request)(?:[\s)]|$)")
_OPERATORS = ("AND", "OR", "NOT")
_MOST_OPERATORS = 5
"""https://docs.github.com/en/rest/search/search#limitations-on-query-length"""

_IS: dict[str, Fits] = {
    "issue": lambda item: not item.pull,
    "pr": lambda item: item.pull,
    "pull-request": lambda item: item.pull,
    "open": lambda item: item.closed is None,
    "closed": lambda item: item.closed is not None,
    "merged": lambda item: item.pull and item.state == "done",
}


def search(world: World, query: str, *, strict: bool, advanced: bool) -> list[Item]:
    """Return what a query finds, oldest first.  Raises Refused (422) for one that GitHub does not understand.

    `strict` refuses a query that names neither issues nor pull requests, as GitHub does to many tokens; `advanced`
    takes it in the grammar of today.
    """
    if strict and not _KIND.search(query):
        raise Refused(422, "Query must include 'is:issue' or 'is:pull-request'")
    terms = list(_TERM.finditer(query))
    if sum(term["word"] in _OPERATORS for term in terms) > _MOST_OPERATORS:
        raise Refused(422, "More than five AND / OR / NOT operators were used.")
    fits = _Formula(world, terms).whole() if advanced else _listed(world, terms)
    seen = [item for item in world.items.values() if item.project.tracker == "github" and not item.project.hidden]
    return [item for item in seen if fits(item)]


def _listed(world: World, terms: list[re.Match[str]]) -> Fits:
    """Understand a query as GitHub did before: everything must fit, and of several `repo:` any one."""
    fitting = [(term["name"], _term(world, term)) for term in terms if not term["mark"]]
    homes = [fits for name, fits in fitting if (name or "").casefold() == "repo"]
    others = [fits for name, fits in fitting if (name or "").casefold() != "repo"]
    return lambda item: all(fits(item) for fits in others) and (not homes or any(fits(item) for fits in homes))


class _Formula:
    """Understands a query as GitHub does today: `NOT` before `AND`, which a space is, too, before `OR`; parentheses."""

    def __init__(self, world: World, terms: list[re.Match[str]]) -> None:
        self._world, self._terms = world, terms

    def whole(self) -> Fits:
        fits = self._either() if self._terms else lambda _: True
        if self._terms:
            raise Refused(422, "Validation Failed: a parenthesis was not opened.")
        return fits

    def _next(self) -> str:
        """Return the operator or parenthesis that comes next; "" for anything else."""
        if not self._terms:
            return ")"
        term = self._terms[0]
        return term["mark"] or (term["word"] if term["word"] in _OPERATORS else "")

    def _either(self) -> Fits:
        fitting = [self._both()]
        while self._next() == "OR":
            del self._terms[0]
            fitting.append(self._both())
        return lambda item: any(fits(item) for fits in fitting)

    def _both(self) -> Fits:
        fitting = [self._one()]
        while self._next() not in (")", "OR"):
            if self._next() == "AND":
                del self._terms[0]
            fitting.append(self._one())
        return lambda item: all(fits(item) for fits in fitting)

    def _one(self) -> Fits:
        coming = self._next()
        if coming in (")", "AND", "OR"):
            raise Refused(422, "Validation Failed: an operator or a parenthesis stands where a term is missing.")
        term = self._terms.pop(0)
        if coming == "NOT":
            negated = self._one()
            return lambda item: not negated(item)
        if coming != "(":
            return _term(self._world, term)
        inner = self._either()
        if not self._terms:
            raise Refused(422, "Validation Failed: a parenthesis was not closed.")
        del self._terms[0]
        return inner


def _term(world: World, term: re.Match[str]) -> Fits:
    """Return what one qualifier or word asks for."""
    if not term["name"]:
        word = (term["phrase"] or term["word"] or "").casefold()
        return lambda item: word in item.title.casefold()
    value = term["plain"] if term["quoted"] is None else re.sub(r"\\(.)", r"\1", term["quoted"])
    name = term["name"].casefold()
    fits = _qualifier(world, name.removeprefix("-"), value)
    return (lambda item: not fits(item)) if name.startswith("-") else fits


def _known(world: World, name: str) -> None:
    for project in world.projects:
        if project.tracker == "github" and not project.hidden and project.key.casefold() == name:
            return
    raise Refused(
        422,
        "The listed users and repositories cannot be searched either because the resources do not exist or you do not "
        "have permission to view them.",
    )


def _qualifier(world: World, name: str, value: str) -> Fits:
    folded = value.casefold()
    match name:
        case "repo":
            _known(world, folded)
            return lambda item: item.project.key.casefold() == folded
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
