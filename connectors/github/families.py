"""What lies under an issue in repositories that the config does not name: its sub-issues, page by page, and theirs.

https://docs.github.com/en/rest/issues/sub-issues#list-sub-issues
"""

import re

from connectors.contract import Family, IdPage, Stop
from connectors.github import normalise
from connectors.github.paging import Listing, Place, links_of
from connectors.github.payload import Payload, as_object, whole
from connectors.github.shared import Shared, configured, named
from connectors.github.wire import PAGE_SIZE, Wire
from okrs.work import Ref, fold_key

_KEY = re.compile(r"([^/\s]+/[^/#\s]+)#([0-9]{1,18})")


def outside(wire: Wire, shared: Shared, family: Family, resume: str | None) -> IdPage:
    """Return one page of what lies under an issue elsewhere.  Raises ConnectorError."""
    place = Place.read(resume) if resume else Place(Listing.SUB_ISSUES, part=family.above.strip())
    known = _KEY.fullmatch(place.part)
    if known is None:
        raise Stop(f"What lies under {place.part!r} cannot be asked: name the issue as owner/name#number.")
    repository, number = named(wire, shared, known[1]), known[2]
    what = f"the sub-issues of {repository.name}#{number}"
    answer = wire.get(
        f"/repos/{repository.name}/issues/{number}/sub_issues", what, place.query({"per_page": str(PAGE_SIZE)})
    )
    rows = answer.rows(what)
    following = place.after(links_of(answer.headers.get("link", ""), wire.owns, what), what)
    keys = [f"{normalise.home(row)}#{whole(row, 'number')}" for row in rows]
    mine = {fold_key(name) for name in (*[repo.name for repo in configured(wire, shared).values()], *shared.unreadable)}
    refs = [
        Ref(str(whole(row, "id")), key)
        for row, key in zip(rows, keys, strict=True)
        if fold_key(normalise.home(row)) not in mine
    ]
    below = [key for row, key in zip(rows, keys, strict=True) if family.deep and _has_some(row)]
    return IdPage(
        tuple(refs),
        tuple([each.text() for each in following]),
        tuple([Place(Listing.SUB_ISSUES, part=key).text() for key in below]),
    )


def _has_some(row: Payload) -> bool:
    """Tell whether an issue has sub-issues of its own, which its summary counts."""
    summary = row.get("sub_issues_summary")
    return summary is not None and whole(as_object(summary, "sub_issues_summary"), "total") > 0
