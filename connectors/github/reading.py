"""One page of a read: the newest issues as a probe, else the listings; issues first, so that their milestones exist.

A first read numbers its pages, which may then be asked at once: sorted by creation, nothing slips past.  By `since`
an issue that somebody touches enters in the middle and pushes the others on, so those pages are a chain.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.contract import Container, Cursor, Demand, Page
from connectors.github import normalise, probe
from connectors.github.answer import Answer
from connectors.github.boards import Fields, Spot, Told
from connectors.github.dressing import archived_due, archived_memo, board_memo, board_part, dressed, on_board
from connectors.github.paging import Links, Listing, Place, links_of
from connectors.github.payload import Payload, whole
from connectors.github.shapes import ISSUES
from connectors.github.shared import Shared, repository
from connectors.github.wire import PAGE_SIZE, Wire
from okrs.immutable import replace
from okrs.work import WorkItem

_MILESTONES = Place(Listing.MILESTONES)


def listing_query(listing: Listing, since: datetime | None = None) -> dict[str, str]:
    """Return our part of a listing's query.

    Issues are sorted by a key that never changes: sorted by `updated`, an issue that somebody touches while we read
    leaves its page, the next one slips into it unseen, and the next watermark is past it.  The first read has no
    `since`: with a very old one GitHub answers an empty list.
    """
    query = {"state": "all", "per_page": str(PAGE_SIZE)}
    if listing is Listing.ISSUES:
        query |= {"sort": "created", "direction": "asc"}
        if since is not None:
            query["since"] = probe.stamp(since)
    return query


class Reading:
    """Reads pages of one container over one connection."""

    def __init__(self, wire: Wire, shared: Shared, container: Container) -> None:
        self._wire, self._shared, self._container = wire, shared, container
        self._repo = repository(wire, shared, container)

    def page(self, cursor: Cursor, demand: Demand) -> Page:
        """Return the page of the cursor.  Raises ConnectorError."""
        if cursor.resume is None and cursor.since is not None:
            return self._probe(cursor, cursor.since, demand)
        place = Place.read(cursor.resume)
        if place.listing is Listing.MILESTONES:
            return self._milestones(place, cursor)
        since = None if place.until else cursor.since
        rows, following = self.listed(place, listing_query(place.listing, since), cursor.now)
        begun = (_MILESTONES.text(),) if cursor.resume is None else ()
        memo: dict[str, str] = {}
        items = self._dressed(rows, cursor, demand)
        if place.until and place.until in [row["number"] for row in rows]:
            following = ()
        if demand.fields and since is None:
            values = self._told(cursor, demand).values
            memo = board_part(rows, values, self._repo, f".{place.page or f'after{place.pages}'}")
            memo |= archived_memo(cursor)
        return Page(items, (*begun, *[one.text() for one in following]), memo=memo)

    def listed(self, place: Place, query: Mapping[str, str], run: datetime) -> tuple[list[Payload], tuple[Place, ...]]:
        """Return the rows of one page of a listing, and the places that follow.  Raises ConnectorError."""
        what = f"the {place.listing} of {self._container.name}"
        answer = self._wire.get(f"/repos/{self._repo.name}/{place.listing}", what, place.query(query))
        if answer.status == 422 and place.page:
            return [], self._chain_instead(place, run)
        rows = answer.rows(what, ISSUES if place.listing is Listing.ISSUES else None)
        return rows, () if place.within else place.after(self._links(answer, what), what)

    def _chain_instead(self, place: Place, run: datetime) -> tuple[Place, ...]:
        """Begin anew, following links only, where GitHub refuses a page's number: once, however many it refuses."""
        owner = self._shared.chains.setdefault((f"{self._container.id}/{place.listing}", run), place.page)
        return (Place(place.listing, chained=True),) if owner == place.page else ()

    def _links(self, answer: Answer, what: str) -> Links:
        return links_of(answer.headers.get("link", ""), self._wire.owns, what)

    def _mark(self, listing: Listing, query: Mapping[str, str]) -> str:
        url = f"{self._wire.url}/repos/{self._repo.name}/{listing}"
        return probe.mark_of(url, query, self._wire.credentials.identity)

    def _milestones(self, place: Place, cursor: Cursor) -> Page:
        """All milestones, or nothing when none of them changed.  Only a page alone can tell that."""
        what = f"the milestones of {self._container.name}"
        query = listing_query(Listing.MILESTONES)
        mark = self._mark(Listing.MILESTONES, query)
        etag = probe.etag_of(cursor.memo, mark, cursor.since) if place.begins else ""
        answer = self._wire.get(f"/repos/{self._repo.name}/milestones", what, place.query(query), etag)
        if etag and answer.status == 304:
            return Page((), memo=probe.kept({"etag": etag}, mark))
        rows = answer.rows(what)
        following = place.after(self._links(answer, what), what)
        # A full page stays as it is when one more milestone begins the next page.
        alone = place.begins and not following and len(rows) < PAGE_SIZE and probe.settled(rows, self._wire.line.told)
        memo = probe.kept(answer.headers, mark) if alone else {}
        items = tuple([normalise.milestone(row, self._repo) for row in rows])
        return Page(items, tuple([one.text() for one in following]), memo=memo)

    def _probe(self, cursor: Cursor, since: datetime, demand: Demand) -> Page:
        """The issues touched last; they are all that changed, or the listing by `since` follows."""
        what = f"the issues of {self._container.name}"
        mark = self._mark(Listing.ISSUES, probe.QUERY)
        etag = probe.etag_of(cursor.memo, mark, since)
        answer = self._wire.get(f"/repos/{self._repo.name}/issues", what, probe.QUERY, etag)
        following = [_MILESTONES]
        rows: Sequence[Payload] = ()
        if etag and answer.status == 304:
            # The ETag goes on serving the windows that it served before.
            memo = {name: text for name, text in cursor.memo.items() if name == f"etag:{mark}"}
        else:
            newest = answer.rows(what, ISSUES)
            more = self._links(answer, what).following is not None
            changed = probe.changed_rows(newest, since, more)
            settled = probe.settled(newest, self._wire.line.told)
            memo = probe.kept(answer.headers, mark, since) if settled else {}
            if changed is None:
                following.append(Place(chained=True))
            rows = changed or ()
        items = self._dressed(rows, cursor, demand)
        if demand.fields:
            untouched, known, until = self._from_boards(cursor, rows, demand)
            items, memo = items + untouched, memo | board_memo(known) | archived_memo(cursor)
            if until:
                following.append(Place(chained=True, until=until))
        return Page(items, tuple([one.text() for one in following]), memo=memo)

    def _told(self, cursor: Cursor, demand: Demand) -> Told:
        return self._shared.boards.told(self._wire, demand, archived=archived_due(cursor))

    def _fields(self, before: Mapping[Spot, Fields], cursor: Cursor, demand: Demand) -> Mapping[Spot, Fields]:
        return self._shared.boards.fields(self._wire, demand, before, archived=archived_due(cursor))

    def _dressed(self, rows: Sequence[Payload], cursor: Cursor, demand: Demand) -> tuple[WorkItem, ...]:
        values: Mapping[Spot, Fields] = {}
        if demand.fields and rows:
            ids = {(self._repo.id, whole(row, "number")): str(whole(row, "id")) for row in rows}
            held = {} if archived_due(cursor) else cursor.held(ids.values())
            before = {spot: held[known].fields if known in held else () for spot, known in ids.items()}
            values = self._fields(before, cursor, demand)
        return dressed(self._wire, rows, self._repo, demand, values)

    def _from_boards(
        self, cursor: Cursor, rows: Sequence[Payload], demand: Demand
    ) -> tuple[tuple[WorkItem, ...], dict[int, str], int]:
        """Return what changed on the boards alone, and the ids of everything of this repository on them.

        What is not seen on them may have been archived there: unless that was read, too, it stays known and as it was.
        The last is 0, or the number up to which everything is listed: so many pull requests came onto the boards
        untouched that this is cheaper than asking for each.
        """
        told = self._told(cursor, demand)
        mine = {number for repository, number in told.values if repository == self._repo.id}
        were = on_board(cursor.memo)
        seen = {number for number in were if told.whole} | mine
        listed = {row["number"]: str(row["id"]) for row in rows}
        issues = {number: known for (home, number), known in told.ids.items() if home == self._repo.id}
        on_them = mine if told.whole else mine | were.keys()
        known = {number: known for number, known in (were | issues | listed).items() if number in on_them}
        newcomers = sorted(mine - set(known))
        until = newcomers[-1] if newcomers and len(newcomers) > -(-newcomers[-1] // PAGE_SIZE) else 0
        found = [] if until else [row for number in newcomers for row in self._newcomer(number)]
        known |= {row["number"]: str(row["id"]) for row in found}
        news = {*listed, *[row["number"] for row in found]}
        numbers = {id_: number for number, id_ in (were | known).items() if number in seen - news}
        held = {(self._repo.id, numbers[item.id]): item for item in cursor.held(numbers).values()}
        now = self._fields({spot: item.fields for spot, item in held.items()}, cursor, demand)
        changed = [replace(item, fields=now[spot]) for spot, item in held.items() if item.fields != now[spot]]
        return (*changed, *self._dressed(found, cursor, demand)), known, until

    def _newcomer(self, number: int) -> list[dict[str, Any]]:
        """Return the row of a pull request that came onto a board untouched: boards do not tell its id."""
        what = f"the pull request {self._repo.name}#{number}"
        answer = self._wire.get(f"/repos/{self._repo.name}/issues/{number}", what)
        return [] if answer.status in (301, 404, 410) else [answer.object(what)]
