"""What lies under epics and parents outside the containers: asked once a day, for people alone; no number needs it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from connectors.contract import Connector, ConnectorError, Container, IdPage, TryLater
from store import families
from store.families import Unread
from sync.roll_call import CENSUS_EVERY
from sync.task import Task
from sync.walking import Crew, Walk, explore


def ask_outside(task: Task, crew: Crew, containers: Sequence[Container]) -> None:
    """Ask for each family that rules name, where it was never asked, a day ago, or for other containers than these.

    One that cannot be asked keeps what was said of it before, and why; the source is none the worse for it.
    Raises what `explore` does.
    """
    with task.database.read() as connection:
        known = families.unread(connection, task.source.name)
    wanted, read = task.source.demand.families, frozenset(each.id for each in containers)
    families.forget(task.database, task.lease, known.keys() - wanted, task.clock())
    held = [known.get(each) or Unread(each) for each in sorted(wanted)]
    explore(crew, [_asking(task, each, read) for each in held if task.full or _due(each, read, task.clock())])


def _due(known: Unread, read: frozenset[str], now: datetime) -> bool:
    return known.asked_at is None or known.containers != read or now - known.asked_at >= CENSUS_EVERY


def _asking(task: Task, known: Unread, read: frozenset[str]) -> Walk[IdPage]:
    found: dict[str, str] = {}

    def ask(connector: Connector, resume: str | None) -> IdPage:
        return connector.outside(known.family, resume)

    def page(page: IdPage) -> None:
        found.update({ref.id: ref.name for ref in page.refs})

    def done() -> None:
        told = Unread(known.family, len(found), tuple(sorted(found.values())), containers=read)
        families.keep(task.database, task.lease, told, task.clock())

    def failed(error: ConnectorError) -> None:
        if not isinstance(error, TryLater):  # what passes is asked again in the next run
            families.keep(task.database, task.lease, replace(known, error=str(error), containers=read), task.clock())

    return Walk(f"what lies under {known.family.above}", ask, page, done=done, failed=failed)
