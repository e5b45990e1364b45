"""Where a read of a repository stands: which listing, which page, and whether the pages run in a circle."""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from urllib.parse import parse_qsl, urlencode, urlsplit

import orjson

from connectors.contract import MalformedAnswer
from okrs.immutable import defaults, facts, immutable, replace

MOST_PAGES = 100_000
"""Ten million issues; a listing that is longer does not end."""


class Listing(StrEnum):
    """What is read in pages.  The value is the end of a path, but of searches."""

    ISSUES = "issues"
    MILESTONES = "milestones"
    SEARCH = "search"
    SUB_ISSUES = "sub_issues"


@immutable
class Links:
    """What a Link header says: the query of the next page in a fixed spelling, and the number of the last page."""

    following: str | None = None
    last: int = 0
    """0 where GitHub does not number the pages: its cursors lead from one to the next only."""


@immutable
class Place:
    """One page of a read; as text it is the `resume` of a cursor, so any page can be asked again.

    Pages are numbered (`page` of `last`), or a chain: `link` is the query that the page before named for this one,
    and `mark` the link of the last page whose number was a power of two.  A circle of any length meets its mark
    again (Brent), and the text stays short.
    """

    listing: Listing = Listing.ISSUES
    chained: bool = False
    """Follow from page to page, whatever numbers GitHub offers."""
    page: int = 0
    last: int = 0
    link: str = ""
    pages: int = 0
    mark: str = ""
    part: str = ""
    """Which of several questions this is a page of; of a search, the whole query."""
    until: int = 0
    """In a read of what changed: everything is listed, by creation, up to the pull request of this number."""

    @classmethod
    def read(cls, resume: str | None) -> "Place":
        """Return the place that a `resume` text means, the first page for None."""
        if resume is None:
            return cls()
        known = orjson.loads(resume)
        return cls(**{**known, "listing": Listing(known.get("listing", Listing.ISSUES))})

    def text(self) -> str:
        told = {name: value for name, value in facts(self).items() if value != _USUAL[name]}
        return orjson.dumps(told).decode()

    @property
    def begins(self) -> bool:
        """Whether this is the first page of its listing."""
        return not self.page and not self.link

    @property
    def within(self) -> bool:
        """Whether this is one of numbered pages and not the last of them: those that follow were named by the first."""
        return self.page < self.last

    def query(self, own: Mapping[str, str]) -> dict[str, str]:
        """Return the whole query of this page.  Ours wins: a link that lost `state=all` would hide closed issues."""
        numbered = {"page": str(self.page)} if self.page else {}
        return dict(parse_qsl(self.link, keep_blank_values=True)) | dict(own) | numbered

    def after(self, links: Links, what: str) -> "tuple[Place, ...]":
        """Return the places that this page names.  Raises MalformedAnswer when pages repeat.

        The first of numbered pages names them all; the last of them goes on where the listing has grown meanwhile.
        """
        if links.following is None or self.within:
            return ()
        if self.begins and not self.chained and links.last > 1:
            if links.last > MOST_PAGES:
                raise self._endless(what)
            return tuple([replace(self, page=page, last=links.last) for page in range(2, links.last + 1)])
        return (self._linked(links.following, what),)

    def _linked(self, link: str, what: str) -> "Place":
        pages = max(self.pages, self.last) + 1
        if link in (self.link, self.mark) or pages > MOST_PAGES:
            raise self._endless(what)
        is_power_of_two = pages & (pages - 1) == 0
        mark = link if is_power_of_two else self.mark
        return replace(self, page=0, last=0, link=link, pages=pages, mark=mark)

    def _endless(self, what: str) -> MalformedAnswer:
        return MalformedAnswer(f"The pages of {what} never end; nothing of them was used.")


_USUAL = defaults(Place)


def links_of(header: str, ours: Callable[[str], bool], what: str) -> Links:
    """Return what a Link header says.  Raises MalformedAnswer when the next page is not `ours`.

    Only the query is used, since the link may name the repository by its id.  Cursors (`after=`) are given by large
    listings, which refuse page numbers: https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
    """
    told = targets(header)
    if "next" not in told:
        return Links()
    if not ours(told["next"]):
        raise MalformedAnswer(f"The next page of {what} is said to be on another host; it was not asked.")
    following, last = (_query(told[name]) if ours(told.get(name, "")) else {} for name in ("next", "last"))
    numbered = following.get("page") == "2" and "after" not in following
    number = last.get("page", "")
    is_number = numbered and number.isascii() and number.isdigit() and len(number) < 10
    return Links(urlencode(sorted(following.items())), int(number) if is_number else 0)


_ONE = r"""\s*;\s*([^\s=;,"<>]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*)))?"""
_PARAMETER = re.compile(_ONE)
_LINK = re.compile(f"<([^<>]*)>((?:{_ONE})*)")


def targets(header: str) -> dict[str, str]:
    """Return the addresses of a Link header by what they are to the page: "next", "last" and the like.

    https://www.rfc-editor.org/rfc/rfc8288#section-3: names of relations are without case, one `rel` may hold several,
    and of several `rel` of a link the first counts.
    """
    found: dict[str, str] = {}
    for link in _LINK.finditer(header):
        parameters = [(name.lower(), quoted or plain) for name, quoted, plain in _PARAMETER.findall(link[2])]
        relations = next((value for name, value in parameters if name == "rel"), "")
        for relation in relations.lower().split():
            found.setdefault(relation, link[1])
    return found


def _query(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
