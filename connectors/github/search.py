"""Queries in GitHub's own language: https://docs.github.com/en/search-github/searching-on-github/searching-issues-and-pull-requests"""

import re
from collections.abc import Mapping

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


def narrowed(query: str, called: Mapping[str, str]) -> str:
    """Return a query that looks into these repositories; one that names its own keeps them, as more would widen it.

    `called` says how each is called today, by its name in the config: a search is not redirected from old names.
    """
    today = {name.casefold(): now for name, now in called.items()}
    query = _NAMED.sub(lambda term: term[1] + today.get(term[2].casefold(), term[2]), " ".join(query.split()))
    if _NARROWED.search(query):
        return query
    return " ".join([query, *[qualifier("repo", name) for name in sorted(called.values())]])


def matching(wire: Wire, shared: Shared, query: str, resume: str | None) -> IdPage:
    """Return one page of what a query finds in the configured repositories.

    Raises QueryRefused with GitHub's reason, and where the query finds more than GitHub gives.
    """
    homes = {repo.name.casefold(): repo for repo in configured(wire, shared).values()}
    place = Place.read(resume) if resume else Place(Listing.SEARCH)
    what = f"the search {query!r}"
    words = narrowed(query, shared.called)
    own = {"q": f"{words} {place.part}".strip(), "sort": "created", "order": "asc", "per_page": str(PAGE_SIZE)}
    answer = wire.get("/search/issues", what, place.query(own))
    if answer.status == 422:
        if not place.part and place.begins and _APART[0] in answer.reason:
            return IdPage((), tuple([Place(Listing.SEARCH, part=part).text() for part in _APART]))
        reason = f"GitHub refuses {what} (422): {answer.reason or 'it gives no reason'}"
        raise QueryRefused(reason) if place.begins else Stop(reason)
    told = answer.object(what)
    if type(told.get("total_count")) is not int:
        raise MalformedAnswer(f"The answer for {what} does not say how much was found; nothing of it was used.")
    if told.get("incomplete_results") is not False:
        raise TryLater(f"GitHub did not finish {what} in time: try again later.")
    if told["total_count"] > MOST_HITS:
        raise QueryRefused(f"{what[0].upper()}{what[1:]} finds more than {MOST_HITS} tickets: narrow the query.")
    following = place.after(links_of(answer.headers.get("link", ""), wire.owns, what), what)
    refs = _refs(require(told, "items", what), homes)
    return IdPage(tuple(refs), tuple([one.text() for one in following]))


def _refs(rows: list[Payload], homes: dict[str, Ref]) -> list[Ref]:
    """Return what lies in the configured repositories: a query may name others."""
    found = [(row, homes.get(normalise.home(row).casefold())) for row in rows]
    return [normalise.reference(row, repo) for row, repo in found if repo is not None]
