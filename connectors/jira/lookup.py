"""What became of single items: asked directly, by id, wherever they are now.

Jira never says that something was deleted: a 404 also means that the token may not see it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from connectors.contract import Container, Demand, Fate, Found
from connectors.http import require
from connectors.jira.agile import Agile
from connectors.jira.jql import with_ids
from connectors.jira.listing import Listing
from connectors.jira.logs import histories
from connectors.jira.normalise import issue_item, version_item
from connectors.jira.paging import Numbered
from connectors.jira.payload import Json, needed
from connectors.jira.site import MOST_BY_ID, Site
from connectors.jira.transport import part
from okrs.work import Ref

_HIDDEN = Found(Fate.HIDDEN)
_PROJECT = "project"


class LookUp:
    """Looks items of one container up; `configured` returns the ids of the source's projects, asked for if need be."""

    def __init__(self, site: Site, configured: Callable[[], frozenset[str]]) -> None:
        self._site, self._configured = site, configured

    def found(self, container: Container, refs: Sequence[Ref], demand: Demand) -> Mapping[str, Found]:
        """Return what became of every ref.  Raises ConnectorError."""
        issues = [ref.id for ref in refs if ref.id.isdecimal()]
        found = dict(self._issues(container, issues, demand)) if issues else {}
        for ref in refs:
            kind, _, number = ref.id.partition(":")
            if kind == "version":
                found[ref.id] = self._version(container, number)
            elif kind == "sprint":
                sprint = Agile(self._site).sprint(number, _key(container))
                found[ref.id] = _HIDDEN if sprint is None else Found(Fate.HERE, sprint)
        return {ref.id: found.get(ref.id, _HIDDEN) for ref in refs}

    def _issues(self, container: Container, ids: Sequence[str], demand: Demand) -> Iterator[tuple[str, Found]]:
        listing = Listing(self._site)
        reading = listing.reading(demand, container.id, full=False)
        readings = {**listing.elsewhere(demand), container.id: reading}
        asked = tuple(dict.fromkeys([field for one in readings.values() for field in one.asked]))
        for begin in range(0, len(ids), MOST_BY_ID):
            issues = self._payloads(ids[begin : begin + MOST_BY_ID], (*asked, _PROJECT), demand)
            stood = histories(self._site, issues, reading) if demand.histories else {}
            for issue in issues:
                project = _project(issue)
                item = issue_item(issue, readings.get(project) or readings[""], stood.get(issue["key"], ()))
                if project == container.id:
                    yield item.id, Found(Fate.HERE, item)
                else:
                    yield item.id, Found(Fate.MOVED, item, project if project in self._configured() else None)
            listing.assure(issues, reading, demand, container.id)

    def _payloads(self, ids: Sequence[str], asked: Sequence[str], demand: Demand) -> list[Json]:
        """Return the issues of these ids, of those that Jira shows; also archived ones, which no search finds."""
        if self._site.cloud:
            issues, single = self._site.by_ids(ids, asked)
        else:
            what = f"{len(ids)} issues by their ids"
            # Without `validateQuery` the search refuses to look for ids that are gone.
            more = {"validateQuery": "false"} | _changelog(self._site, demand)
            answer = self._site.search(with_ids(ids), Numbered(""), asked, what, more=more).object(what)
            issues = require(answer, "issues", what)
            shown = {needed(issue, "id", str, what) for issue in issues}
            single = [number for number in ids if number not in shown]
        return issues + [issue for number in single if (issue := self._single(number, asked, demand)) is not None]

    def _single(self, number: str, asked: Sequence[str], demand: Demand) -> Json | None:
        what = f"issue {number}"
        parameters = {"fields": ",".join(asked)} | _changelog(self._site, demand)
        answer = self._site.ask(f"issue/{part(number)}", what, parameters)
        return None if answer.is_unknown else answer.object(what)

    def _version(self, container: Container, number: str) -> Found:
        what = f"version {number}"
        answer = self._site.ask(f"version/{part(number)}", what)
        if answer.is_unknown:
            return _HIDDEN
        version = answer.object(what)
        if str(needed(version, "projectId", int, what)) != container.id:
            return Found(Fate.MOVED)
        return Found(Fate.HERE, version_item(version, _key(container), self._site.settings.url))


def _changelog(site: Site, demand: Demand) -> dict[str, str]:
    """Return the parameter that brings changelogs along: Data Center's only way to them."""
    return {"expand": "changelog"} if demand.histories and not site.cloud else {}


def _project(issue: Json) -> str:
    """Return the id of the project that an issue is in."""
    key = needed(issue, "key", str, "an issue")
    fields = needed(issue, "fields", dict, key)
    return needed(needed(fields, _PROJECT, dict, key), "id", str, key)


def _key(container: Container) -> str:
    return container.called or container.name
