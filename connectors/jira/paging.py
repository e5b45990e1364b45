"""Where the next pages of a search begin.  A listing that does not come to its end is malformed.

Cloud hands out a token for the next page alone.  Data Center tells the total, so that its first page names all others.
"""

from math import ceil
from typing import TypeAlias

import orjson

from connectors.contract import MalformedAnswer
from connectors.jira.payload import Json, maybe, needed
from okrs.immutable import facts, immutable, replace

PAGE_SIZE = 100
"""Issues a page; Cloud gives no more once fields are asked for, and may give fewer."""

ID_PAGE_SIZE = 5000
"""Ids a page of a census; what comes back is taken, Data Center gives 1000."""

OVERLAP = 5
"""Data Center: issues that a page asks for beyond its end.  Whatever is deleted while the pages are read moves the
others up, and as many as this may move without one of them being missed between two pages."""

MOST_PAGES = 50_000
"""No project is larger; a listing that goes on is one that never ends."""


@immutable
class Chained:
    """A page of Cloud's search; it travels as JSON in the cursor."""

    project: str
    """Key of the project at the first page; "" for a query over all of them."""
    page: int = 1
    token: str | None = None
    """The token of this page, None for the first."""
    mark: str | None = None
    """The token of page 2, 4, 8 … that came last: meeting it again means going in circles (Brent)."""
    seen: int = 0
    """How many issues came before."""
    counted: bool = False
    """Whether the last page asks how many there should be."""
    window: int | None = None
    """How many minutes back the query looks, None for everything."""

    def text(self) -> str:
        return orjson.dumps(facts(self)).decode()

    def minutes(self, _passed: float) -> int | None:
        """Return how far back this page looks: a token belongs to one query, so all pages ask the same."""
        return self.window

    def asked(self, size: int = PAGE_SIZE) -> dict[str, str | int]:
        """Return the parameters that ask for this page."""
        return {"maxResults": size} if self.token is None else {"maxResults": size, "nextPageToken": self.token}

    def following(self, answer: Json, count: int, what: str) -> "Chained | None":
        """Return where the page after this answer of `count` issues begins, None after the last one."""
        token = maybe(answer, "nextPageToken", str, what)
        last = maybe(answer, "isLast", bool, what)
        if last or (not token and last is None):
            return None
        if not token:
            raise MalformedAnswer(f"Jira cut the list of {what} short: more was announced, without a way to it.")
        page = self.page + 1
        if token in (self.token, self.mark) or page > MOST_PAGES:
            raise _endless(what)
        mark = self.mark if page & (page - 1) else token
        return replace(self, page=page, token=token, mark=mark, seen=self.seen + count)


@immutable
class Numbered:
    """A page of Data Center's search; it travels as JSON in the cursor."""

    project: str
    start: int = 0
    """How many issues come before."""
    size: int = 0
    """How many are asked for; 0 on the first page, which takes what the site gives."""
    stride: int = 0
    """How many issues further the page after the last one begins; 0 on a page that is not the last."""
    window: int | None = None
    """How many minutes back the first page looked, None for everything."""
    began: float = 0.0
    """How many seconds of the run had passed when the first page was asked for."""

    def text(self) -> str:
        return orjson.dumps(facts(self)).decode()

    def minutes(self, passed: float) -> int | None:
        """Return how far back this page must look when so many seconds of the run have passed.

        Every page is a query of its own, and counts back from when it is asked.  What leaves the window between two
        pages moves all others up, past the next page's beginning; so the window only ever grows.  What it gains at its
        far end moves others down, and they are seen twice.
        """
        return None if self.window is None else self.window + max(0, ceil((passed - self.began) / 60))

    def asked(self, size: int = PAGE_SIZE) -> dict[str, str | int]:
        """Return the parameters that ask for this page."""
        return {"startAt": self.start, "maxResults": self.size or size + OVERLAP}

    def following(self, answer: Json, count: int, what: str, size: int = PAGE_SIZE) -> "list[Numbered]":
        """Return the pages that this answer of `count` issues makes known.

        The total may grow or shrink meanwhile.  A page that gives less than it was asked for, with more behind it,
        names the rest of itself.
        """
        total = needed(answer, "total", int, what)
        if maybe(answer, "startAt", int, what) not in (None, self.start):
            raise MalformedAnswer(f"Jira answered with another page of {what} than the one asked for.")
        end = self.start + count
        if end >= total:
            return []
        if count == 0:
            raise MalformedAnswer(f"Jira cut the list of {what} short: {total} announced, {end} given.")
        if not self.size:
            return self._others(total, size if count == size + OVERLAP else count, count, what)
        if count < self.size:
            return [replace(self, start=end, size=self.size - count)]
        return [replace(self, start=end, size=self.stride)] if self.stride else []

    def _others(self, total: int, stride: int, count: int, what: str) -> "list[Numbered]":
        """Return all pages but the first; the last one goes on where the total has grown."""
        starts = range(stride, total - (count - stride), stride)
        if starts.stop - starts.start > MOST_PAGES * stride:  # a total may be larger than what `len` counts to
            raise _endless(what)
        pages = [replace(self, start=start, size=count) for start in starts]
        return [*pages[:-1], replace(pages[-1], stride=count)]


@immutable
class Sprints:
    """A page of a board's sprints; it travels as JSON in the cursor."""

    board: int
    project: str
    """Key of the project whose sprints these are."""
    start: int = 0
    open: int | None = None
    """How many closed sprints lead the list, once one that is not closed was met."""

    def text(self) -> str:
        return orjson.dumps(facts(self)).decode()


Place: TypeAlias = Chained | Numbered | Sprints


def parse(text: str) -> Place:
    """Return the place that was written as this text."""
    told = orjson.loads(text)
    if "board" in told:
        return Sprints(**told)
    return Numbered(**told) if "start" in told else Chained(**told)


def _endless(what: str) -> MalformedAnswer:
    return MalformedAnswer(f"Jira's list of {what} goes in circles and never ends; nothing of it was used.")
