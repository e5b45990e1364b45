"""Reading to the end, as the sync engine does it: whatever pages name is asked, until nothing is left."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeVar

from connectors.contract import Connector, Container, Cursor, Demand, IdPage, Page
from okrs.immutable import immutable, replace
from okrs.work import Ref, WorkItem

MOST_PAGES = 1000
"""No tracker of a test has more; a read that goes on does not end."""


class _Leaf(Protocol):
    @property
    def following(self) -> tuple[str, ...]: ...

    @property
    def also(self) -> tuple[str, ...]: ...


P = TypeVar("P", bound=_Leaf)


def walked(ask: Callable[[str | None], P], *, last_first: bool = False) -> dict[str | None, P]:
    """Return every page by its resume point, asked in the order of their naming, or the last named one first."""
    pages: dict[str | None, P] = {}
    asked: list[str | None] = [None]
    named: set[str | None] = {None}
    while asked:
        resume = asked.pop(-1 if last_first else 0)
        assert len(pages) < MOST_PAGES, f"a read takes more than {MOST_PAGES} pages; does it end?"
        page = pages[resume] = ask(resume)
        for one in page.following:
            assert one not in named, f"a page is named twice in one read, so that it may never end: {one!r}"
            named.add(one)
            asked.append(one)
        children = dict.fromkeys(one for one in page.also if one not in named)
        named.update(children)
        asked += children
    return pages


def texts(pages: Iterable[_Leaf]) -> list[str]:
    """Return every resume point that the pages name, as often as it is named."""
    return [text for page in pages for text in (*page.following, *page.also)]


@immutable
class Reading:
    """All pages of one read."""

    pages: Mapping[str | None, Page]

    @property
    def items(self) -> list[WorkItem]:
        return [item for page in self.pages.values() for item in page.items]

    @property
    def by_id(self) -> dict[str, WorkItem]:
        return {item.id: item for item in self.items}

    @property
    def memo(self) -> dict[str, str]:
        return {name: text for page in self.pages.values() for name, text in page.memo.items()}


def read(
    connector: Connector, container: Container, cursor: Cursor, demand: Demand, *, last_first: bool = False
) -> Reading:
    """Read a container to the end."""
    return Reading(
        walked(
            lambda resume: connector.changed(container, replace(cursor, resume=resume), demand), last_first=last_first
        )
    )


def census(connector: Connector, container: Container, demand: Demand) -> dict[str | None, IdPage]:
    """Return every page of a census."""
    return walked(lambda resume: connector.census(container, demand, resume))


def news(before: Reading, cursor: Cursor) -> Cursor:
    """Return the cursor with what the engine keeps of the read before: memo, parents, and the items it holds."""
    mirror = before.by_id

    def held(ids: Iterable[str]) -> Mapping[str, WorkItem]:
        return {one: mirror[one] for one in ids if one in mirror}

    parents = tuple([item.id for item in mirror.values() if item.children])
    return replace(cursor, memo=before.memo, held=held, parents=lambda: parents)


def refs_of(pages: Iterable[IdPage]) -> list[Ref]:
    return [ref for page in pages for ref in page.refs]
