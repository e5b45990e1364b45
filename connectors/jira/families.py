"""What lies under an issue in projects that the config does not name: its children, page by page, and theirs.

A sub-task lives in the project of what it lies under, so that only levels above are asked for theirs.
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

import orjson

from connectors.contract import Family, IdPage, Stop
from connectors.http import require
from connectors.jira import fields, jql, paging
from connectors.jira.paging import Sprints
from connectors.jira.payload import Json, maybe, needed
from connectors.jira.site import Site
from okrs.work import Ref

_ASKED = ("issuetype", "project")
_PARENT = "parent"


@dataclass(frozen=True, slots=True)
class _Level:
    """A page of the children of some issues; it travels as JSON."""

    above: tuple[str, ...]
    at: str = ""
    """The place of the page in that list; "" for the first."""

    def text(self) -> str:
        return orjson.dumps(asdict(self)).decode()


def outside(site: Site, configured: Collection[str], family: Family, resume: str | None) -> IdPage:
    """Return one page of what lies under an issue elsewhere; `configured` are the ids of the projects that are read.

    Raises ConnectorError, also where Jira knows no such issue.
    """
    level = _Level(**orjson.loads(resume)) if resume else _Level((family.above.strip(),))
    field = _PARENT if site.cloud else _epic_link(site)
    if field is None:  # then all children are sub-tasks
        return IdPage(())
    what = f"what lies under {' and '.join(level.above[:3])}"
    place = paging.parse(level.at) if level.at else site.start()
    if isinstance(place, Sprints):
        raise Stop(f"This page is not one of {what}.")
    answer = site.search(jql.under(field, level.above), place, _ASKED, what).object(what)
    rows = require(answer, "issues", what)
    told = [(Ref(needed(one, "id", str, what), needed(one, "key", str, what)), _fields(one, what)) for one in rows]
    refs = [
        ref for ref, known in told if needed(needed(known, "project", dict, what), "id", str, what) not in configured
    ]
    above = [ref.id for ref, known in told if family.deep and _is_above_issues(known, what)]
    return IdPage(
        tuple(refs),
        tuple([_Level(level.above, text).text() for text in _following(place, answer, len(rows), what)]),
        (_Level(tuple(above)).text(),) if above else (),
    )


def _following(place: paging.Chained | paging.Numbered, answer: Json, count: int, what: str) -> Sequence[str]:
    if isinstance(place, paging.Numbered):
        return [each.text() for each in place.following(answer, count, what, paging.PAGE_SIZE)]
    after = place.following(answer, count, what)
    return [] if after is None else [after.text()]


def _fields(issue: Json, what: str) -> Json:
    known: Json = needed(issue, "fields", dict, what)
    return known


def _is_above_issues(known: Json, what: str) -> bool:
    """Tell whether an issue is an epic, or lies above them: only Cloud has more than one such level, and tells it."""
    level = maybe(needed(known, "issuetype", dict, what), "hierarchyLevel", int, what)
    return level is not None and level > 0


def _epic_link(site: Site) -> str | None:
    """Return the field of Data Center that puts issues under epics, as JQL names it."""
    found = fields.by_schema(site.fields(), fields.EPIC_LINK)
    return None if found is None else f"cf[{found.removeprefix('customfield_')}]"
