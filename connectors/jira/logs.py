"""Getting the changelogs of a page of issues: by one question more on Cloud, with the issues on Data Center."""

from collections.abc import Mapping, Sequence

from connectors.contract import AccessDenied, CredentialsRefused, Extra, ExtraRefused
from connectors.http import require
from connectors.jira import history
from connectors.jira.normalise import Reading
from connectors.jira.paging import Chained
from connectors.jira.payload import Json, needed
from connectors.jira.site import Site
from connectors.jira.transport import CHANGELOGS
from okrs.work import Step

_MOST_CHANGES = 10_000
"""Changes a page of Cloud's bulk answer holds at most; a page of 100 issues seldom needs another one."""

_DENIED = (
    "The token may not read {what}, which a mapping with `cycle_time` or a dated `done_when` needs: "
    "a token with scopes needs read:jira-work, or {scope}."
)


def histories(site: Site, issues: Sequence[Json], reading: Reading) -> Mapping[str, tuple[Step, ...]]:
    """Return the histories of some issues by their keys; () where one cannot be had whole.  Raises ConnectorError."""
    if not issues:
        return {}
    logs = _of_cloud(site, issues) if site.cloud else [_of_data_center(site, issue) for issue in issues]
    known = _categories(site)
    return {
        needed(issue, "key", str, "an issue"): history.steps(issue, log, known, reading.cancelled)
        for issue, log in zip(issues, logs, strict=True)
        if log is not None
    }


def _categories(site: Site) -> dict[str, str]:
    try:
        return site.categories()
    except (AccessDenied, CredentialsRefused):
        denied = _DENIED.format(what="the list of statuses", scope="read:status:jira")
    raise ExtraRefused(Extra.HISTORIES, denied)


def _of_cloud(site: Site, issues: Sequence[Json]) -> list[list[Json]]:
    """Return the changelogs of issues, in one question for all of them unless they are long.

    Issues without changes may be absent from the answer.
    """
    what = f"the changelogs of {len(issues)} issues"
    ids = [needed(issue, "id", str, what) for issue in issues]
    logs: dict[str, list[Json]] = {}
    place: Chained | None = Chained("")
    while place is not None:
        body: Json = {"issueIdsOrKeys": ids, "fieldIds": [history.STATUS, history.RESOLUTION]}
        told = site.http.ask(CHANGELOGS, what, body=body | place.asked(_MOST_CHANGES))
        if isinstance(told.error(what), AccessDenied | CredentialsRefused):
            raise ExtraRefused(Extra.HISTORIES, _DENIED.format(what=what, scope="read:issue.changelog:jira"))
        answer = told.object(what)
        found = require(answer, "issueChangeLogs", what)
        for one in found:
            logs.setdefault(needed(one, "issueId", str, what), []).extend(require(one, "changeHistories", what))
        place = place.following(answer, len(found), what)
    return [logs.get(number, []) for number in ids]


def _of_data_center(site: Site, issue: Json) -> list[Json] | None:
    """Return the changelog that came with an issue, or alone where it was cut.

    None where it is cut even then: a history with holes would say that things never happened.
    """
    number = needed(issue, "id", str, "an issue")
    what = f"the changelog of issue {number}"
    log = needed(issue, "changelog", dict, what)
    if history.cut(log, what):
        asked = {"fields": "id", "expand": "changelog"}
        log = needed(site.ask(f"issue/{number}", what, asked).object(what), "changelog", dict, what)
    return None if history.cut(log, what) else require(log, "histories", what)
