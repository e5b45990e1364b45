"""What lies under epics and parents outside the containers: asked once a day, for people alone; no number needs it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from connectors.contract import Connector, ConnectorError, Container, CredentialsRefused, IdPage, RateLimited, Stop
from okrs.immutable import replace
from store import families, sources
from store.families import Unread
from sync.roll_call import CENSUS_EVERY
from sync.task import Tally, Task
from sync.walking import Crew, Walk, explore

AGAIN = timedelta(hours=1)
"""After that what could not be asked is asked again."""

MOST_PAGES = 500
"""Of one family.  Trackers list a hundred items a page, or the children of one item; people need no more than this."""


def ask_outside(task: Task, crew: Crew, containers: Sequence[Container], tally: Tally, *, whole: bool) -> None:
    """Ask for each family that rules name, where it was never asked, a day ago, or for other containers than these.

    They are asked last in a run, and while every container can be read (`whole`).  One that cannot be asked keeps what
    was said of it before, and why; the source is none the worse for it.
    """
    with task.database.read() as connection:
        known = families.unread(connection, task.source.name)
    wanted, read, now = task.source.demand.families, frozenset(each.id for each in containers), task.clock()
    families.forget(task.database, task.lease, known.keys() - wanted, now)
    held = [known.get(each) or Unread(each) for each in sorted(wanted)] if whole else []
    due = [each for each in held if task.full or _due(each, read, now)]
    try:
        explore(crew, [_asking(task, each, read, tally) for each in due])
    except (RateLimited, CredentialsRefused) as error:
        tally.heed(error)  # kept with the one that met it; nothing else is left to be asked in this run


def _due(known: Unread, read: frozenset[str], now: datetime) -> bool:
    if known.tried_at is None or known.containers != read:
        return True
    return now - known.tried_at >= (CENSUS_EVERY if known.error is None else AGAIN)


def _asking(task: Task, known: Unread, read: frozenset[str], tally: Tally) -> Walk[IdPage]:
    found: dict[str, str] = {}
    pages: list[int] = []

    def ask(connector: Connector, resume: str | None) -> IdPage:
        return connector.outside(known.family, resume)

    def page(page: IdPage) -> None:
        sources.renew(task.database, task.lease, task.clock())
        found.update({ref.id: ref.name for ref in page.refs})
        pages.append(len(page.refs))
        if len(pages) > MOST_PAGES:
            raise Stop(f"More than {MOST_PAGES} pages tell what lies under {known.family.above}; they were left.")

    def done() -> None:
        now = task.clock()
        told = Unread(known.family, len(found), tuple(sorted(found.values())), None, now, now, read)
        families.keep(task.database, task.lease, told, now)

    def failed(error: ConnectorError) -> None:
        if isinstance(error, CredentialsRefused):
            tally.fail("", error)  # that is the source's
            return
        now = task.clock()
        families.keep(task.database, task.lease, replace(known, error=str(error), tried_at=now, containers=read), now)

    return Walk(f"what lies under {known.family.above}", ask, page, done=done, failed=failed)
