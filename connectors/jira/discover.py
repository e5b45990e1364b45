"""What a config may name: projects, versions, epics, labels, sprints, custom fields, types and statuses."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from connectors.contract import Container, Listed, MalformedAnswer, Stop, Unreadable, What
from connectors.http import require
from connectors.jira import fields, jql
from connectors.jira.agile import Agile
from connectors.jira.normalise import is_epic
from connectors.jira.paging import MOST_PAGES, PAGE_SIZE, Chained, Numbered
from connectors.jira.payload import Json, each, maybe, name_of, needed
from connectors.jira.site import Site
from okrs.work import WorkItem

_MOST_EPICS = 10 * PAGE_SIZE
"""More epics than this help nobody to choose; they are the newest ones."""


def listed(site: Site, found: Sequence[Container | Unreadable]) -> list[Listed]:
    """Return what `headway discover` lists.  Raises ConnectorError."""
    rows = [*_projects(site), *_fields(site, {one.id: one.name for one in found if isinstance(one, Container)})]
    for one in found:
        if isinstance(one, Container):
            rows += _of_container(site, one)
    return list(dict.fromkeys(rows))


def _projects(site: Site) -> Iterator[Listed]:
    configured = site.known.configured or frozenset()
    for project in _visible(site):
        key, what = needed(project, "key", str, "a project"), "a project"
        note = "" if needed(project, "id", str, what) in configured else "not in the config"
        yield Listed(What.PROJECT, key, maybe(project, "name", str, what) or "", note=note)


def _visible(site: Site) -> list[Json]:
    """Return all projects that the token can see."""
    what = "the list of projects"
    if not site.cloud:
        return site.ask("project", what).rows(what)
    found: list[Json] = []
    for _ in range(MOST_PAGES):
        page = site.ask("project/search", what, {"startAt": len(found), "maxResults": PAGE_SIZE}).object(what)
        rows = require(page, "values", what)
        found += rows
        if needed(page, "isLast", bool, what):
            return found
        if not rows:
            break
    raise MalformedAnswer(f"Jira cut {what} short: more was announced, and none given.")


def _fields(site: Site, read: Mapping[str, str]) -> Iterator[Listed]:
    """Yield the custom fields; `read` holds the names of the projects that are read by their ids."""
    for number, name, kind, owner in fields.customs(site.fields(), read):
        yield Listed(What.FIELD, number, name, read.get(owner, ""), note=kind, number=kind == "number")


def _of_container(site: Site, container: Container) -> Iterator[Listed]:
    try:
        project = site.known.fresh.pop(container.id, None) or site.project(container.id, container.name)
    except Stop:
        return
    key, name = project["key"], container.name
    for version in require(project, "versions", key) if "versions" in project else []:
        yield Listed(What.MILESTONE, needed(version, "name", str, key), container=name, note=_stage(version, key))
    yield from _epics(site, project, name)
    yield from _labels(site, project, name)
    yield from [Listed(What.SPRINT, one.title, container=name, note=str(one.state)) for one in _sprints(site, key)]
    yield from _types(site, key, name)


def _stage(version: Json, what: str) -> str:
    stage = "released" if maybe(version, "released", bool, what) else "unreleased"
    return f"{stage}, archived" if maybe(version, "archived", bool, what) else stage


def _epics(site: Site, project: Json, name: str) -> Iterator[Listed]:
    key = project["key"]
    types = maybe(project, "issueTypes", list, key) or []
    ids = [needed(one, "id", str, key) for one in types if isinstance(one, dict) and is_epic(one, key)]
    if not ids:
        return
    what, place, count = f"the epics of {key}", site.start(key), 0
    while count < _MOST_EPICS:
        answer = site.search(jql.of_types(key, ids), place, ("summary", "status"), what).object(what)
        rows = require(answer, "issues", what)
        for epic in rows:
            told = needed(epic, "fields", dict, what)
            title, note = needed(told, "summary", str, what), name_of(told, "status", what) or ""
            yield Listed(What.EPIC, needed(epic, "key", str, what), title, name, note)
        count += len(rows)
        after = _after(place, answer, len(rows), what)
        if after is None:
            return
        place = after


def _after(place: Chained | Numbered, answer: Json, count: int, what: str) -> Chained | Numbered | None:
    if isinstance(place, Chained):
        return place.following(answer, count, what)
    more = place.following(answer, count, what)
    return Numbered(place.project, place.start + count) if more else None


def _labels(site: Site, project: Json, name: str) -> Iterator[Listed]:
    """Yield the labels that the issues changed last carry, and the components: a rule's `label` looks at both."""
    key = project["key"]
    what = f"the labels of {key}"
    answer = site.search(jql.labelled(key), site.start(key), ("labels",), what).object(what)
    labels = [
        label
        for issue in require(answer, "issues", what)
        for label in maybe(needed(issue, "fields", dict, what), "labels", list, what) or []
        if isinstance(label, str)
    ]
    yield from [Listed(What.LABEL, label, container=name) for label in _sorted(labels)]
    components = each(project, "components", "name", key)
    yield from [Listed(What.LABEL, component, container=name, note="component") for component in _sorted(components)]


def _sprints(site: Site, key: str) -> Iterator[WorkItem]:
    """Yield the sprints of a project's boards; none where the token may not read them, as `check` tells that."""
    agile = Agile(site)
    try:
        boards = agile.boards(key)
    except Stop:
        return
    for board in boards:
        place, pages = board, 0
        while pages < MOST_PAGES:
            items, after, _ = agile.page(place)
            yield from items
            if after is None:
                break
            place, pages = after, pages + 1


def _types(site: Site, key: str, name: str) -> Iterator[Listed]:
    what = f"the statuses of {key}"
    for kind in site.ask(f"project/{key}/statuses", what).rows(what):
        yield Listed(What.TYPE, needed(kind, "name", str, what), container=name)
        for status in require(kind, "statuses", what):
            place = maybe(status, "statusCategory", dict, what) or {}
            yield Listed(What.STATUS, needed(status, "name", str, what), container=name, note=place.get("key", ""))


def _sorted(names: Iterable[str]) -> list[str]:
    return sorted(set(names), key=lambda name: (name.casefold(), name))
