"""Where a read of a repository stands: which listing, which page, and whether the pages run in a circle."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from urllib.parse import parse_qsl, urlencode, urlsplit

import orjson
from requests.utils import parse_header_links

from connectors.contract import MalformedAnswer

MOST_PAGES = 100_000
"""Ten million issues; a listing that is longer does not end."""


class Listing(StrEnum):
    """What a repository is read from, in this order.  The value is the end of the path."""

    MILESTONES = "milestones"
    ISSUES = "issues"


@dataclass(frozen=True, slots=True)
class Place:
    """One page of a read; as text it is the `resume` of a cursor, so any page can be asked again.

    `link` is the query that the page before named for this one.  `mark` is the link of the last page whose number
    was a power of two: a circle of any length meets its mark again (Brent), and the text stays short.
    """

    listing: Listing = Listing.MILESTONES
    link: str = ""
    pages: int = 0
    mark: str = ""

    @classmethod
    def read(cls, resume: str | None) -> "Place":
        """Return the place that a `resume` text means, the first page for None."""
        if resume is None:
            return cls()
        known = orjson.loads(resume)
        return cls(Listing(known["listing"]), known["link"], known["pages"], known["mark"])

    def text(self) -> str:
        return orjson.dumps(asdict(self)).decode()

    def query(self, own: Mapping[str, str]) -> dict[str, str]:
        """Return the whole query of this page.  Ours wins: a link that lost `state=all` would hide closed issues."""
        return dict(parse_qsl(self.link, keep_blank_values=True)) | dict(own)

    def after(self, link: str | None, what: str) -> "Place | None":
        """Return the next page's place, None after the last one.  Raises MalformedAnswer when pages repeat."""
        if link is None:
            return Place(Listing.ISSUES) if self.listing is Listing.MILESTONES else None
        pages = self.pages + 1
        if link in (self.link, self.mark) or pages > MOST_PAGES:
            raise MalformedAnswer(f"The pages of {what} never end; nothing of them was used.")
        is_power_of_two = pages & (pages - 1) == 0
        return replace(self, link=link, pages=pages, mark=link if is_power_of_two else self.mark)


def next_link(header: str, ours: Callable[[str], bool], what: str) -> str | None:
    """Return the query of a Link header's next page in a fixed spelling, None on the last page.

    Page numbers are not computed: large repositories refuse them with a 422.  Only the query is used, since the
    link may name the repository by its id.  Raises MalformedAnswer when the link is not `ours`.
    """
    for link in parse_header_links(header):
        if "next" in link.get("rel", "").split():
            if not ours(link["url"]):
                raise MalformedAnswer(f"The next page of {what} is said to be on another host; it was not asked.")
            return urlencode(sorted(parse_qsl(urlsplit(link["url"]).query, keep_blank_values=True)))
    return None
