"""Which pages make up a read of a project, and a census.

    events ─┬─▶ tasks ─▶ tasks ─▶ …           the listing, a chain; it names parents that are new to us
            └─▶ walk of a known parent          where an event names it, or once a day all of them
    tasks, walk ──▶ walk of a new parent        the sub-tasks of a task; the sub-tasks of those are found on the way,
                                                those that are known, too
    the last of tasks ──▶ task                  what an event names and no listing shows, as a restored task

Asana does not modify a task when only its sub-task changes ("A task is not considered modified just because another
object it is associated with (e.g. a subtask) is modified", GET /tasks, `modified_since`), so events say which parents
to walk (`connectors.asana.errands`).  Their token is asked for before anything else is: what happens later is told the
next time.

A parent may be named by several pages: by the events, by a listing that begins again because its page token expired,
by one that is read in full after all.  So walks of parents stand in `also`, and each is asked once; one that an event
named may be found again by a walk of everything below a task, and is asked a second time then.
"""

from connectors.asana import asking, events
from connectors.asana.asking import Asking, OffsetExpiredError, Rows
from connectors.asana.errands import Places, errands
from connectors.asana.hints import Hints, remembered
from connectors.asana.normalise import FIELDS, IDENTITY, identity, work_item
from connectors.asana.transport import Ask
from connectors.asana.values import CUSTOM_FIELDS, wanted
from connectors.asana.walk import Events, Point, Single, Tasks, Walk, point
from connectors.contract import Cursor, Demand, IdPage, Page, Stop
from okrs.immutable import replace
from okrs.work import WorkItem


class Reading:
    """Answers page by page, and keeps nothing but the tasks that are known to be deleted."""

    def __init__(self, asking: Asking, deleted: set[str]) -> None:
        self._asking = asking
        self._deleted = deleted

    def changed(self, project: str, cursor: Cursor, demand: Demand) -> Page:
        """Return one page of a read.  Raises ConnectorError."""
        at = point(cursor.resume) if cursor.resume is not None else Events(cursor.memo.get("sync", ""))
        match at:
            case Events():
                return self._events(project, cursor, at)
            case Single():
                return self._single(project, at, cursor, demand)
            case Tasks() | Walk():
                return self._listing(project, cursor, at, demand)

    def census(self, project: str, resume: str | None) -> IdPage:
        """Return one page of gids.  Raises ConnectorError."""
        at = point(resume) if resume is not None else Tasks(whole=True)
        if not isinstance(at, Tasks | Walk):
            raise Stop("The resume point is not one of a census; it must begin again.")
        ask = _ask(project, at)
        try:
            page = self._rows(project, at, ask, IDENTITY)
        except OffsetExpiredError:
            return IdPage((), (at.again(ask.what).text(),))
        found = [one for row in page.rows if (one := identity(row)) is not None]
        walks = [walk for ref, children in found if children for walk in _walk(at, ref.id)]
        return IdPage(tuple([ref for ref, _ in found]), _texts(*_next(at, page, ask)), also=_texts(*walks))

    def _events(self, project: str, cursor: Cursor, at: Events) -> Page:
        """The first page of a read: what happened, and therefore where to look."""
        told = self._asking.events(project, at.sync)
        hints = Hints.of(at.seen).after(told.tasks if told else (), project)
        if told and told.renamed:
            at = replace(at, whole=True)  # names stand in every task, and no task counts as modified for them
        if told and told.more:
            following = replace(at, sync=told.sync, pages=at.pages + 1, seen=hints.texts())
            if following.pages >= events.MOST_PAGES:  # leave them behind: a new token, and everything is read
                following = replace(following, sync="", whole=True)
            return Page((), _texts(following))
        # Without the events since the last token nobody knows what was restored or moved in.
        whole = at.whole or cursor.since is None or bool(told and told.renewed and at.sync)
        last = cursor.memo.get("walked", "")
        all_parents = whole or not told or told.renewed or events.walks_all(cursor.now, cursor.since, last)
        deleted = remembered(cursor.memo.get("deleted", ""), hints)
        self._deleted.update(deleted)
        self._deleted.difference_update(hints.alive)
        memo = {"walked": events.day(cursor.now) if all_parents else last, "deleted": " ".join(deleted)}
        if told and told.sync:
            memo["sync"] = told.sync
        if whole:  # it finds every parent on its way
            return Page((), _texts(Tasks(whole=True)), memo=memo)
        places = Places.of(project, hints, cursor.parents() if all_parents else (), cursor.held)
        todo = errands(places, cursor.parents(), everything=all_parents)
        walks = [*[Walk(gid=gid) for gid in todo.walks], *[Walk(gid=gid, deep=True) for gid in todo.back]]
        return Page((), _texts(Tasks(awaited=todo.awaited)), memo=memo, also=_texts(*walks))

    def _listing(self, project: str, cursor: Cursor, at: Tasks | Walk, demand: Demand) -> Page:
        ask = _ask(project, at, cursor)
        try:
            page = self._rows(project, at, ask, _fields(demand))
        except OffsetExpiredError:
            return Page((), _texts(at.again(ask.what)))
        fields, parent = wanted(demand), at.gid if isinstance(at, Walk) else None
        items = tuple([item for row in page.rows if (item := work_item(row, fields, parent)) is not None])
        if isinstance(at, Tasks) and at.awaited:
            shown = {row["gid"] for row in page.rows}
            at = replace(at, awaited=tuple([gid for gid in at.awaited if gid not in shown]))
        everything = at.whole if isinstance(at, Tasks) else at.deep
        known = frozenset(() if everything else cursor.parents())  # those are named by the events
        walks = [walk for item in items if item.children and item.id not in known for walk in _walk(at, item.id)]
        return Page(items, _texts(*_next(at, page, ask), *_rest(at, page)), also=_texts(*walks))

    def _rows(self, project: str, at: Tasks | Walk, ask: Ask, fields: str) -> Rows:
        try:
            return self._asking.rows(ask, at.offset, fields)
        except Stop:
            if isinstance(at, Tasks) or not self._asking.lost:
                raise
        # The parent was deleted (404) or made private (403) since it was listed: no reason to give up the rest.
        # One request more tells that from a project lost as a whole, which is an error and not emptiness.
        self._asking.one(asking.project(project), "name")
        return Rows([], "")

    def _single(self, project: str, at: Single, cursor: Cursor, demand: Demand) -> Page:
        try:
            row = self._asking.one(asking.task(at.gid), _fields(demand))
        except Stop:
            if self._asking.lost:  # deleted since, or private
                return Page(())
            raise
        item = work_item(row, wanted(demand))
        if item is None or not (self._is_inside(item, project) if item.parent else _is_home(project, item)):
            return Page(())  # it has left the project since
        walks = [Walk(gid=item.id, deep=True)] if item.children and item.id not in cursor.parents() else []
        return Page((item,), also=_texts(*walks))

    def _is_inside(self, item: WorkItem, project: str) -> bool:
        """Tell whether a sub-task, or a task above it, is in the project: it may have moved away with its parent."""
        above, climbed = item.parent, {item.id}
        while not _is_home(project, item):
            if above is None or above.id in climbed:
                return False
            climbed.add(above.id)
            try:
                row = self._asking.one(asking.task(above.id), FIELDS)
            except Stop:
                if self._asking.lost:  # out of sight, and with it where this one lives: the census tells
                    return True
                raise
            found = work_item(row)
            if found is None:
                return False
            item, above = found, found.parent
        return True


def _is_home(project: str, item: WorkItem) -> bool:
    return project in [home.id for home in item.projects]


def _fields(demand: Demand) -> str:
    return FIELDS + (CUSTOM_FIELDS if demand.fields else "")


def _ask(project: str, at: Tasks | Walk, cursor: Cursor | None = None) -> Ask:
    if isinstance(at, Walk):
        return asking.subtasks(at.gid)
    return asking.tasks(project, None if at.whole or cursor is None else cursor.since)


def _walk(at: Tasks | Walk, gid: str) -> tuple[Walk, ...]:
    return at.below(gid) if isinstance(at, Walk) else (Walk(gid=gid, deep=True),)


def _next(at: Tasks | Walk, page: Rows, ask: Ask) -> list[Tasks | Walk]:
    return [at.next(page.offset, ask.what)] if page.offset else []


def _rest(at: Tasks | Walk, page: Rows) -> list[Tasks | Single]:
    """What remains after the last page of the listing: the tasks that events named and no page showed.

    With too many of them everything is listed.
    """
    if not isinstance(at, Tasks) or page.offset:
        return []
    return [Tasks(whole=True)] if len(at.awaited) > events.MOST_SINGLES else [Single(gid) for gid in at.awaited]


def _texts(*points: Point) -> tuple[str, ...]:
    return tuple([one.text() for one in points])
