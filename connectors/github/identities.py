"""What became of single items, and the identities of a whole repository."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from connectors.contract import Container, Demand, Fate, Found, IdPage, MalformedAnswer
from connectors.github import normalise
from connectors.github.answer import Answer
from connectors.github.boards import Fields, Spot
from connectors.github.dressing import dressed
from connectors.github.paging import Listing, Place
from connectors.github.payload import whole
from connectors.github.reading import Reading, listing_query
from connectors.github.settings import FULL_NAME
from connectors.github.shared import Shared, belongs, named, repository, still_there
from connectors.github.wire import Wire
from okrs.work import Ref, WorkItem

_DAWN = datetime(1970, 1, 1, tzinfo=UTC)
_KEY = re.compile(r".*(?P<listing>#|/milestone/)(?P<number>[1-9][0-9]{0,17})")
_ISSUE = re.compile(r"/(?:repositories/(?P<id>[0-9]+)|repos/(?P<name>[^/]+/[^/]+))/issues/(?P<number>[0-9]{1,18})\Z")


def census(wire: Wire, shared: Shared, container: Container, resume: str | None) -> IdPage:
    """Return one page of a census; the first names all the others, and the milestones.  Raises ConnectorError.

    REST has the cheapest one: GraphQL's pages are a chain, and it knows pull requests by another id.
    """
    place = Place.read(resume)
    repo = repository(wire, shared, container)
    rows, following = Reading(wire, shared, container).listed(place, listing_query(place.listing), _DAWN)
    make = normalise.reference if place.listing is Listing.ISSUES else normalise.milestone_reference
    begun = (Place(Listing.MILESTONES),) if resume is None else ()
    return IdPage(tuple([make(row, repo) for row in rows]), tuple([one.text() for one in (*begun, *following)]))


class LookUp:
    """Asks for single items of one container by their numbers."""

    def __init__(self, wire: Wire, shared: Shared, container: Container, demand: Demand) -> None:
        self._wire, self._shared, self._container, self._demand = wire, shared, container, demand
        self._repo = repository(wire, shared, container)

    def every(self, refs: Sequence[Ref]) -> Mapping[str, Found]:
        """Say what became of each.  Raises ConnectorError, also when the repository itself is out of sight."""
        found = {ref.id: self._one(ref) for ref in refs}
        if any(one.fate in (Fate.HIDDEN, Fate.DELETED) for one in found.values()):
            still_there(self._wire, self._container)
        return found

    def _one(self, ref: Ref) -> Found:
        key = _KEY.fullmatch(ref.name)
        if key is None:
            return Found(Fate.HIDDEN)
        if key["listing"] != "#":
            return self._milestone(ref, key["number"])
        what = f"the issue {self._repo.name}#{key['number']}"
        answer = self._wire.get(f"/repos/{self._repo.name}/issues/{key['number']}", what)
        if answer.status == 301:
            return self._moved(ref, answer)
        if answer.status == 410:
            return Found(Fate.DELETED)
        if _out_of_sight(answer, what):
            return Found(Fate.HIDDEN)
        return _same(ref, self._item(answer, what, self._repo))

    def _milestone(self, ref: Ref, number: str) -> Found:
        what = f"the milestone {self._repo.name}#{number}"
        answer = self._wire.get(f"/repos/{self._repo.name}/milestones/{number}", what)
        if answer.status == 410 or _out_of_sight(answer, what):
            return Found(Fate.HIDDEN)
        row = answer.object(what)
        return _same(ref, normalise.milestone(row, self._repo))

    def _moved(self, ref: Ref, answer: Answer) -> Found:
        """Follow a transferred issue once, by the path of its new address only.

        A repository that was renamed a moment ago redirects, too; then the issue is where it was.
        """
        location = answer.headers.get("location", "")
        if not self._wire.owns(location):
            raise MalformedAnswer(f"The issue that was {ref.name} is said to be on another host; nobody asked there.")
        there = _ISSUE.search(location.split("?")[0])
        if there is None or (there["name"] is not None and FULL_NAME.fullmatch(there["name"]) is None):
            return Found(Fate.MOVED)
        what = f"the issue that was {ref.name}"
        home = f"repositories/{there['id']}" if there["id"] else f"repos/{there['name']}"
        answer = self._wire.get(f"/{home}/issues/{there['number']}", what)
        if answer.status in (301, 410) or _out_of_sight(answer, what):
            return Found(Fate.MOVED)
        row = answer.object(what)
        now = named(self._wire, self._shared, normalise.home(row))
        item = self._item(answer, what, now)
        if now.id == self._repo.id:
            return _same(ref, item)
        mine = belongs(self._wire, self._shared, now)
        return Found(Fate.MOVED, item, now.id if mine else None)

    def _item(self, answer: Answer, what: str, repo: Ref) -> WorkItem:
        row = answer.object(what)
        values: Mapping[Spot, Fields] = {}
        if self._demand.fields:
            unknown = {(repo.id, whole(row, "number")): None}
            values = self._shared.boards.fields(self._wire, self._demand, unknown, archived=False)
        (item,) = dressed(self._wire, [row], repo, self._demand, values)
        return item


def _same(ref: Ref, item: WorkItem) -> Found:
    """A number that now belongs to another item says nothing of the one that had it."""
    return Found(Fate.HERE, item) if item.id == ref.id else Found(Fate.HIDDEN)


def _out_of_sight(answer: Answer, what: str) -> bool:
    """Tell whether GitHub hides the item from this token; limits also come as 403, and are raised."""
    if answer.status == 403 and answer.limited(what):
        raise answer.error(what)
    return answer.status in (403, 404)
