"""Queries in GitHub's own language: https://docs.github.com/en/search-github/searching-on-github/searching-issues-and-pull-requests

There are two of them.  In that of today terms beside one another must all fit, several `repo:` like others; in the one
before, which Enterprise Servers up to 3.17 have, several `repo:` are alternatives.
https://github.blog/changelog/2025-03-06-github-issues-projects-api-support-for-issues-advanced-search-and-more/
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from connectors.contract import IdPage, MalformedAnswer, QueryRefused, Stop, TryLater
from connectors.github import normalise
from connectors.github.paging import Listing, Place, links_of
from connectors.github.payload import Payload
from connectors.github.shared import Shared, configured
from connectors.github.wire import PAGE_SIZE, Wire
from connectors.http import require
from okrs.work import Ref

MOST_HITS = 1000
"""GitHub gives no more of one search: https://docs.github.com/en/rest/search/search"""

MOST_OPERATORS = 5
"""GitHub refuses a query with more of AND, OR and NOT: https://docs.github.com/en/rest/search/search#limitations-on-query-length"""

_ADVANCED = (3, 18)
"""The first Enterprise Server with the language of today: https://github.com/cli/cli/pull/11638"""

_VERSION = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})")
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
_INNERMOST = re.compile(r"\([^()]*\)")
_OPERATOR = re.compile(r"(?<![^\s()])(?:AND|OR|NOT)(?![^\s()])", re.IGNORECASE)
"""A small one is taken for an operator, too: where it is a word, parentheses and another search do no harm."""

_NARROWED = re.compile(r"(?:^|[\s(])(?:repo|org|user):", re.IGNORECASE)
_NAMED = re.compile(r"""((?<![^\s(])-?repo:"?)([^\s")]+)""", re.IGNORECASE)
_APART = ("is:issue", "is:pull-request")
"""GitHub refuses a query, from many tokens, that names neither; then it is asked twice."""

_WORD = re.compile(r"[A-Za-z0-9._/-]+")


def qualifier(name: str, value: str) -> str:
    """Return `name:value` as a search understands it, in quotes where the value needs them."""
    if _WORD.fullmatch(value):
        return f"{name}:{value}"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}:"{escaped}"'


def is_advanced(server: str) -> bool:
    """Tell whether a GitHub searches by the language of today; `server` is as in `Shared.server`."""
    version = _VERSION.match(server)
    return version is None or (int(version[1]), int(version[2])) >= _ADVANCED


def narrowed(query: str, called: Mapping[str, str], *, advanced: bool) -> tuple[str, ...]:
    """Return the queries that look into these repositories, as few as GitHub's limit of operators allows.

    One that names its own keeps them, as more would widen it.  `called` says how each is called today, by its name in
    the config: a search is not redirected from old names.
    """
    today = {name.casefold(): now for name, now in called.items()}
    query = _NAMED.sub(lambda term: term[1] + today.get(term[2].casefold(), term[2]), " ".join(query.split()))
    bare = _QUOTED.sub('""', query)
    homes = [qualifier("repo", name) for name in sorted(called.values())]
    if not homes or _NARROWED.search(bare):
        return (query,)
    if not advanced:
        return (" ".join([query, *homes]),)
    most = max(1, MOST_OPERATORS - len(_OPERATOR.findall(bare)) + 1)
    return tuple([_beside(query, _any(homes[begin : begin + most])) for begin in range(0, len(homes), most)])


def _any(homes: Sequence[str]) -> str:
    return homes[0] if len(homes) == 1 else f"({' OR '.join(homes)})"


def _beside(query: str, more: str) -> str:
    """Return what asks for both; an OR of the query's own would else take `more` for its second half alone."""
    bare, shorter = "", _QUOTED.sub('""', query)
    while bare != shorter:
        bare, shorter = shorter, _INNERMOST.sub(" … ", shorter)
    return f"({query}) {more}" if _OPERATOR.search(bare) else f"{query} {more}"


def matching(wire: Wire, shared: Shared, query: str, resume: str | None) -> IdPage:
    """Return one page of what a query finds in the configured repositories.

    Raises QueryRefused with GitHub's reason, and where the query finds more than GitHub gives.
    """
    homes = {repo.name.casefold(): repo for repo in configured(wire, shared).values()}
    advanced = is_advanced(shared.server)
    begun = () if resume else narrowed(query, shared.called, advanced=advanced)
    places = [Place.read(resume)] if resume else [Place(Listing.SEARCH, part=part) for part in begun]
    place, *others = places
    what = f"the search {query!r}"
    own = {"q": place.part, "sort": "created", "order": "asc", "per_page": str(PAGE_SIZE)}
    answer = wire.get("/search/issues", what, place.query(own | ({"advanced_search": "true"} if advanced else {})))
    if answer.status == 422:
        if place.begins and _APART[0] in answer.reason and not place.part.endswith(_APART):
            return IdPage((), tuple([one.text() for one in _apart(places, advanced=advanced)]))
        reason = f"GitHub refuses {what} (422): {answer.reason or 'it gives no reason'}"
        raise QueryRefused(reason) if place.begins else Stop(reason)
    told = answer.object(what)
    if type(told.get("total_count")) is not int:
        raise MalformedAnswer(f"The answer for {what} does not say how much was found; nothing of it was used.")
    if told.get("incomplete_results") is not False:
        raise TryLater(f"GitHub did not finish {what} in time: try again later.")
    if told["total_count"] > MOST_HITS:
        raise QueryRefused(f"{what[0].upper()}{what[1:]} finds more than {MOST_HITS} tickets: narrow the query.")
    following = [*others, *place.after(links_of(answer.headers.get("link", ""), wire.owns, what), what)]
    refs = _refs(require(told, "items", what), homes)
    return IdPage(tuple(refs), tuple([one.text() for one in following]))


def _apart(places: Sequence[Place], *, advanced: bool) -> Iterator[Place]:
    """Yield the same searches for issues and for pull requests."""
    for place in places:
        for kind in _APART:
            part = _beside(place.part, kind) if advanced else f"{place.part} {kind}"
            yield Place(Listing.SEARCH, part=part)


def _refs(rows: list[Payload], homes: dict[str, Ref]) -> list[Ref]:
    """Return what lies in the configured repositories: a query may name others."""
    found = [(row, homes.get(normalise.home(row).casefold())) for row in rows]
    return [normalise.reference(row, repo) for row, repo in found if repo is not None]
