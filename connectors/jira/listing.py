"""Reading a project: its issues page by page, its versions, and the sprints of its boards."""

from collections.abc import Sequence

from connectors.contract import (
    AccessDenied,
    Container,
    CredentialsRefused,
    Cursor,
    Demand,
    Extra,
    FieldsRefused,
    IdPage,
    Page,
    QueryRefused,
    Stop,
)
from connectors.http import require
from connectors.jira import boards, fields, paging
from connectors.jira.agile import Agile
from connectors.jira.answers import trimmed
from connectors.jira.jql import of_project, window
from connectors.jira.logs import histories
from connectors.jira.normalise import Reading, issue_item, version_item
from connectors.jira.paging import Chained, Numbered, Sprints
from connectors.jira.payload import Json, maybe, needed
from connectors.jira.shapes import issues_as
from connectors.jira.site import Site, tripwire
from okrs.immutable import replace
from okrs.work import Ref, WorkItem, fold_name

_NO_LIST = (
    "The token may not read the list of fields, by which names and sprints are found: a token with scopes needs "
    "read:jira-work, or read:field:jira."
)


class Listing:
    """The pages of one project after the other."""

    def __init__(self, site: Site) -> None:
        self._site, self._agile = site, Agile(site)

    # reading

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        """Return one page, as `Connector.changed` does."""
        if cursor.resume is None:
            return self._first(container, cursor, demand)
        place = paging.parse(cursor.resume)
        if isinstance(place, Sprints):
            return self._sprints(place, cursor)
        query = of_project(place.project, place.minutes(self._site.known.passed()))
        return self._issues(query, place, container, cursor, demand)

    def _first(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        """Return the versions, the first issues and the ways to all others: at most three questions, if quiet."""
        key, versions = self._project(container)
        place = self._site.start(key, window(cursor, self._site.known.passed()))
        query = of_project(key, place.window)
        asked = self._site.besides
        if cursor.since is None:
            self.reading(demand, container.id, full=True)  # what names mean is told before anything else is asked
        listed = self._boards(key, cursor) if demand.sprints else []
        # Of the first board at once: whether the token may read sprints shows before anything else is listed.
        begun = self._sprints(listed[0], cursor) if listed else Page(())
        quiet = self._quiet(query, place, cursor, demand)
        page = Page(()) if quiet else self._issues(query, place, container, cursor, demand, asked=asked)
        if demand.sprints:
            more = (*begun.following, *[board.text() for board in listed[1:]])
            memo = {**boards.memo_of(listed, cursor), **begun.memo}
            page = replace(page, following=page.following + more, memo=memo)
        self._site.known.fresh.pop(container.id, None)  # the next read of it starts afresh
        return replace(page, items=(*versions, *begun.items, *page.items))

    def _sprints(self, place: Sprints, cursor: Cursor) -> Page:
        """Return a page of a board's sprints."""
        sprints, after, closed = self._agile.page(place, gone=cursor.since is not None)
        memo = {} if after else boards.memo_of_one(place, closed)
        return Page(tuple(sprints), () if after is None else (after.text(),), memo=memo)

    def _boards(self, key: str, cursor: Cursor) -> list[Sprints]:
        """Return where the sprints of a project's boards begin."""
        known = boards.remembered(cursor)
        return self._agile.boards(key) if known is None else self._agile.remember(known)

    def _project(self, container: Container) -> tuple[str, list[WorkItem]]:
        """Return a container's key and milestones, with no request if it was just resolved."""
        project = self._site.known.fresh.get(container.id) or self._site.project(container.id, container.name)
        key: str = project["key"]
        # The API description does not require `versions`; where it is given, it must be a list.
        listed = require(project, "versions", f"the versions of {key}") if "versions" in project else []
        return key, [version_item(version, key, self._site.settings.url) for version in listed]

    def _issues(
        self,
        query: str,
        place: Chained | Numbered,
        container: Container,
        cursor: Cursor,
        demand: Demand,
        *,
        asked: int | None = None,
    ) -> Page:
        """Return a page of issues; `asked` is how many lists had been asked for before the first one."""
        what = f"the issues of {place.project}"
        reading = self.reading(demand, container.id, full=cursor.since is None)
        more = {"expand": "changelog"} if demand.histories and not self._site.cloud else {}
        found = self._site.search(query, place, reading.asked, what, more=more)
        answer = found.object(what, issues_as(reading))
        issues = require(answer, "issues", what)
        stood = histories(self._site, issues, reading) if demand.histories else {}
        if asked is not None and cursor.since is None and isinstance(place, Chained):
            # A read may ask for three things beside its pages: the project, one list, and the count.
            place = replace(place, counted=self._site.besides - asked <= 1)
        items = tuple([issue_item(issue, reading, stood.get(str(issue.get("key")), ())) for issue in issues])
        self.assure(issues, reading, demand, container.id)
        return Page(
            items=items,
            following=self._following(query, place, answer, len(issues)),
            total=maybe(answer, "total", int, what),
        )

    def assure(self, issues: Sequence[Json], reading: Reading, demand: Demand, project: str) -> None:
        """Make sure that the fields which issues lack still exist.  Raises Stop.

        Jira leaves a field out that it does not know, and one that is not meant for this issue; one that is empty is
        null.  So only what is left out makes the list of fields worth asking for, once in a run for all connections.
        """
        if any(field not in issue["fields"] for _, field in reading.columns for issue in issues):
            self._site.fields()
            self.reading(demand, project, full=False)

    def _following(
        self, query: str, place: Chained | Numbered, answer: Json, count: int, size: int = paging.PAGE_SIZE
    ) -> tuple[str, ...]:
        """Return the resume points of the pages that this answer makes known."""
        what = f"the issues of {place.project}" if place.project else "what the query finds"
        if isinstance(place, Numbered):
            return tuple([page.text() for page in place.following(answer, count, what, size)])
        after = place.following(answer, count, what)
        if after is not None:
            return (after.text(),)
        if place.counted and place.seen + count:
            tripwire(self._site.count(query, what), place.seen + count, what)
        return ()

    def _quiet(self, query: str, place: Chained | Numbered, cursor: Cursor, demand: Demand) -> bool:
        """Tell whether nothing changed, where knowing it spares the list of fields: most polls find nothing."""
        if cursor.since is None or not self._list_wanted(demand):
            return False
        what = f"the issues of {place.project}"
        answer = self._site.search(query, place, ("id",), what, size=1).object(what)
        return not require(answer, "issues", what) and not self._following(query, place, answer, 0, size=1)

    def _list_wanted(self, demand: Demand) -> bool:
        by_name = any(not fields.is_id(self._spelled(name)) for name in demand.fields)
        return self._site.known.fields is None and (by_name or demand.sprints or not self._site.cloud)

    def reading(self, demand: Demand, project: str, *, full: bool) -> Reading:
        """Return how the issues of a project are read, which is named by its id.

        A full read also makes sure that fields given by id still exist.  Raises FieldsRefused.
        """
        if self._list_wanted(demand) or (full and demand.fields):
            self._list_fields(demand)
        columns, refused = self._columns(demand, project)
        if refused:
            raise FieldsRefused(refused)
        return self._reading(demand, columns)

    def _list_fields(self, demand: Demand) -> None:
        """Ask for the list of fields.  Raises FieldsRefused where this token may not see it.

        On Data Center epics are found by it, and no read does without.
        """
        try:
            self._site.fields()
        except (AccessDenied, CredentialsRefused):
            if not self._site.cloud:
                raise
        else:
            return
        named = [name for name in sorted(demand.fields) if not fields.is_id(self._spelled(name))]
        needing = [*named, *([Extra.SPRINTS.value] if demand.sprints else [])]
        if needing:
            raise FieldsRefused(dict.fromkeys(needing, _NO_LIST))

    def elsewhere(self, demand: Demand) -> dict[str, Reading]:
        """Return how the issues of each project are read that has fields of its own, and under "" those of all others.

        Projects are those that are configured, by their ids; what is refused there is left out.
        """
        owners = {fields.owner(field) for field in self._site.known.fields or ()}
        projects = {"", *owners.intersection(self._site.known.configured or ())}
        return {project: self._reading(demand, self._columns(demand, project)[0]) for project in projects}

    def _reading(self, demand: Demand, columns: tuple[tuple[str, str], ...]) -> Reading:
        known = self._site.known.fields
        return Reading(
            root=self._site.settings.url,
            cancelled=frozenset(map(fold_name, self._site.settings.cancelled_resolutions)),
            columns=columns,
            epic_link=None if known is None or self._site.cloud else fields.by_schema(known, fields.EPIC_LINK),
            sprint=fields.by_schema(known, fields.SPRINT) if known is not None and demand.sprints else None,
            links=demand.refs,
        )

    def _columns(self, demand: Demand, project: str) -> tuple[tuple[tuple[str, str], ...], dict[str, str]]:
        """Return the demanded fields that a project has, with their ids, and why some cannot be had."""
        columns, refused = list[tuple[str, str]](), dict[str, str]()
        for name in sorted(demand.fields):
            try:
                found = self._field_id(name, project, added=name in demand.numbers)
            except Stop as error:
                refused[name] = str(error)
            else:
                columns += [(name, found)] if found else []
        return tuple(columns), refused

    def _field_id(self, name: str, project: str, *, added: bool) -> str | None:
        known, told = self._site.known.fields, name in self._site.settings.fields
        if known is None:
            return self._spelled(name)
        read = self._site.known.configured or frozenset()
        unread = self._site.known.unread
        found = fields.field_id(self._spelled(name), known, project, read, told=told, unread=unread)
        if added and found:
            fields.expect_number(found, known, {project, *read})
        return found

    def _spelled(self, name: str) -> str:
        return self._site.settings.fields.get(name, name)

    # identities

    def census(self, container: Container, demand: Demand, resume: str | None) -> IdPage:
        """Return one page of identities, as `Connector.census` does."""
        if resume is not None:
            place = paging.parse(resume)
            if isinstance(place, Sprints):
                sprints, after, _ = self._agile.page(place)
                refs = tuple([Ref(one.id, one.key) for one in sprints])
                return IdPage(refs, () if after is None else (after.text(),))
            return self._ids(of_project(place.project), place)
        key, versions = self._project(container)
        place = self._site.start(key)
        page = self._ids(of_project(key), replace(place, counted=True) if isinstance(place, Chained) else place)
        more = tuple([board.text() for board in self._agile.boards(key)]) if demand.sprints else ()
        self._site.known.fresh.pop(container.id, None)
        return IdPage((*[Ref(one.id, one.key) for one in versions], *page.refs), page.following + more)

    def matching(self, query: str, resume: str | None) -> IdPage:
        """Return one page of what an admin's own query finds.  Raises QueryRefused with Jira's words."""
        place = self._site.start() if resume is None else paging.parse(resume)
        if isinstance(place, Sprints):
            raise Stop("This page is not one of a query.")
        # Later pages have tokens, which may be too old by now.
        return self._ids(query, place, refusal=QueryRefused if resume is None else Stop)

    def _ids(self, query: str, place: Chained | Numbered, *, refusal: type[Stop] | None = None) -> IdPage:
        what = f"the issues of {place.project}" if place.project else f"the query {trimmed(query)!r}"
        answer = self._site.search(query, place, ("id",), what, size=paging.ID_PAGE_SIZE)
        if refusal and answer.status == 400:
            raise refusal(f"Jira refuses the query {trimmed(query)!r}: {answer.told or 'it does not say why'}")
        page = answer.object(what)
        issues = require(page, "issues", what)
        refs = [Ref(needed(one, "id", str, what), maybe(one, "key", str, what) or "") for one in issues]
        return IdPage(tuple(refs), self._following(query, place, page, len(refs), paging.ID_PAGE_SIZE))
