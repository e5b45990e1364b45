"""What lies under an issue in projects that the config does not name: its children, page by page, and theirs.

A sub-task lives in the project of what it lies under: what has no other children and is read is asked for none.
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/
"""

from collections.abc import Collection, Sequence

import orjson

from connectors.contract import Family, IdPage, Stop
from connectors.http import require
from connectors.jira import fields, jql, paging
from connectors.jira.answers import Answer
from connectors.jira.paging import Sprints
from connectors.jira.payload import Json, maybe, needed
from connectors.jira.site import Site
from okrs.immutable import facts, immutable, replace
from okrs.work import Ref

_ASKED = ("issuetype", "project")
_PARENT = "parent"
"""On Data Center what sub-tasks lie under; issues are put under epics by a field of their own."""


@immutable
class _Level:
    """A page of the children of some issues; it travels as JSON."""

    above: tuple[str, ...]
    """Their keys."""
    field: str
    """Which of an issue's fields says so, as JQL names it."""
    deeper: bool = False
    """They were found under others."""
    at: str = ""
    """The place of the page in that list; "" for the first."""

    def text(self) -> str:
        return orjson.dumps(facts(self)).decode()


def outside(site: Site, configured: Collection[str], family: Family, resume: str | None) -> IdPage:
    """Return one page of what lies under an issue elsewhere; `configured` are the ids of the projects that are read.

    Raises ConnectorError, also where Jira knows no such issue.
    """
    level = _Level(**orjson.loads(resume)) if resume else _first(site, family)
    if level is None:
        return IdPage(())
    what = f"what lies under {' and '.join(level.above[:3])}"
    place = paging.parse(level.at) if level.at else site.start()
    if isinstance(place, Sprints):
        raise Stop(f"This page is not one of {what}.")
    answer = site.search(jql.under(level.field, level.above), place, _ASKED, what)
    if answer.status == 400:
        return _refused(site, family, level, answer, what)
    page = answer.object(what)
    rows = require(page, "issues", what)
    told = [(Ref(needed(one, "id", str, what), needed(one, "key", str, what)), _fields(one, what)) for one in rows]
    refs = [ref for ref, known in told if _project(known, what) not in configured]
    return IdPage(
        tuple(refs),
        tuple([replace(level, at=text).text() for text in _following(place, page, len(rows), what)]),
        tuple([each.text() for each in _below(set(refs), told, what)]) if family.deep else (),
    )


def _first(site: Site, family: Family) -> _Level | None:
    """Return where the children begin; None where all of them can only be sub-tasks."""
    field = _PARENT if site.cloud else _epic_link(site)
    return None if field is None else _Level((family.above.strip(),), field)


def _refused(site: Site, family: Family, level: _Level, answer: Answer, what: str) -> IdPage:
    """Jira refuses the keys of issues that are gone by now, or not to be seen, and all others with them.

    Raises Stop where it is the one that a rule names.
    """
    if level.deeper:
        alone = [replace(level, above=(key,), at="") for key in level.above] if len(level.above) > 1 else []
        return IdPage((), (), tuple([each.text() for each in alone]))
    if not site.cloud and not family.deep:  # it is no epic, so that all its children are sub-tasks
        return IdPage(())
    reason = answer.told or "it does not say why"
    raise Stop(f"Jira cannot tell {what}: {reason.rstrip('.')}. Name the epic or the parent by its key.")


def _below(outside: Collection[Ref], told: Sequence[tuple[Ref, Json]], what: str) -> list[_Level]:
    """Return the next level: of what has more than sub-tasks, and of what nobody reads with its sub-tasks."""
    above = [
        ref.name
        for ref, known in told
        if _is_above_issues(known, what) or (ref in outside and not _is_subtask(known, what))
    ]
    return [_Level(tuple(above), _PARENT, deeper=True)] if above else []


def _following(place: paging.Chained | paging.Numbered, answer: Json, count: int, what: str) -> Sequence[str]:
    if isinstance(place, paging.Numbered):
        return [each.text() for each in place.following(answer, count, what, paging.PAGE_SIZE)]
    after = place.following(answer, count, what)
    return [] if after is None else [after.text()]


def _fields(issue: Json, what: str) -> Json:
    known: Json = needed(issue, "fields", dict, what)
    return known


def _project(known: Json, what: str) -> str:
    return needed(needed(known, "project", dict, what), "id", str, what)


def _is_subtask(known: Json, what: str) -> bool:
    return maybe(needed(known, "issuetype", dict, what), "subtask", bool, what) or False


def _is_above_issues(known: Json, what: str) -> bool:
    """Tell whether an issue is an epic, or lies above them: only Cloud has more than one such level, and tells it."""
    level = maybe(needed(known, "issuetype", dict, what), "hierarchyLevel", int, what)
    return level is not None and level > 0


def _epic_link(site: Site) -> str | None:
    """Return the field of Data Center that puts issues under epics, as JQL names it."""
    found = fields.by_schema(site.fields(), fields.EPIC_LINK)
    return None if found is None else f"cf[{found.removeprefix('customfield_')}]"
