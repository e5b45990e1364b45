"""What lies under an issue in repositories that the config does not name: its sub-issues, page by page, and theirs.

https://docs.github.com/en/rest/issues/sub-issues#list-sub-issues
"""

import re

from connectors.contract import AccessDenied, Family, IdPage, Stop
from connectors.github import normalise
from connectors.github.answer import Answer
from connectors.github.paging import Listing, Place, links_of
from connectors.github.payload import Payload, as_object, malformed, whole
from connectors.github.settings import FULL_NAME
from connectors.github.shared import Shared, configured, named
from connectors.github.wire import PAGE_SIZE, Wire
from okrs.work import Ref, fold_key

_KEY = re.compile(rf"({FULL_NAME.pattern})#([0-9]{{1,18}})")
_MOVED = re.compile(r"/repositories/([0-9]+)/issues/([0-9]+)(?:/sub_issues)?\Z")
_OUT_OF_SIGHT = (301, 404, 410)


def outside(wire: Wire, shared: Shared, family: Family, resume: str | None) -> IdPage:
    """Return one page of what lies under an issue elsewhere.  Raises ConnectorError.

    Of a deeper issue that the token may not read, or that is gone by now, nothing is seen.
    """
    place = Place.read(resume) if resume else Place(Listing.SUB_ISSUES, part=_named(wire, shared, family.above.strip()))
    what = f"the sub-issues of {place.part}"
    deeper = fold_key(place.part) != fold_key(family.above) and resume is not None
    answer = _asked(wire, place, what)
    if deeper and _hidden(answer, what):
        return IdPage(())
    rows = answer.rows(what)
    following = place.after(links_of(answer.headers.get("link", ""), wire.owns, what), what)
    found = [(row, f"{_home(row)}#{whole(row, 'number')}") for row in rows]
    mine = {fold_key(name) for name in (*[repo.name for repo in configured(wire, shared).values()], *shared.unreadable)}
    refs = [Ref(str(whole(row, "id")), key) for row, key in found if fold_key(key.partition("#")[0]) not in mine]
    below = [Place(Listing.SUB_ISSUES, part=key) for row, key in found if family.deep and _has_some(row)]
    return IdPage(tuple(refs), tuple([each.text() for each in following]), tuple([each.text() for each in below]))


def _named(wire: Wire, shared: Shared, key: str) -> str:
    """Return the key of an issue as its repository is called today.  Raises ConnectorError."""
    known = _KEY.fullmatch(key)
    if known is None:
        raise Stop(f"What lies under {key!r} cannot be asked: name the issue as owner/name#number.")
    return f"{named(wire, shared, known[1]).name}#{known[2]}"


def _asked(wire: Wire, place: Place, what: str) -> Answer:
    """Ask for a page; an issue that was transferred is followed once, by the path of its new address only."""
    name, _, number = place.part.partition("#")
    query = place.query({"per_page": str(PAGE_SIZE)})
    answer = wire.get(f"/repos/{name}/issues/{number}/sub_issues", what, query)
    location = answer.headers.get("location", "")
    there = _MOVED.search(location.split("?")[0]) if answer.status == 301 and wire.owns(location) else None
    if there is None:
        return answer
    return wire.get(f"/repositories/{there[1]}/issues/{there[2]}/sub_issues", what, query)


def _hidden(answer: Answer, what: str) -> bool:
    return answer.status in _OUT_OF_SIGHT or (answer.status == 403 and isinstance(answer.error(what), AccessDenied))


def _home(row: Payload) -> str:
    name = normalise.home(row)
    if FULL_NAME.fullmatch(name) is None:
        raise malformed("repository_url")
    return name


def _has_some(row: Payload) -> bool:
    """Tell whether an issue has sub-issues of its own, which its summary counts."""
    summary = row.get("sub_issues_summary")
    return summary is not None and whole(as_object(summary, "sub_issues_summary"), "total") > 0
