"""What the pages stand on, put together from a config and its database."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from config.lint import told_of
from config.loader import Loaded
from connectors.logs import ERROR, announce, tell
from okrs.immutable import replace
from store.database import Database
from store.views.linting import linted
from store.views.setup import Setup
from usecases.ground import Clock
from web.ports import Acting, Edits, Ports, Previews


def ports_of(
    database: Database,
    setup: Callable[[], Setup],
    clock: Clock,
    loaded: Callable[[], Loaded | None] = lambda: None,
    *,
    hosts: frozenset[str] | None = None,
    edits: Edits | None = None,
    acting: Acting | None = None,
    ending: Callable[[], bool] = lambda: False,
    previews: Previews | None = None,
) -> Ports:
    """Give the pages what they ask for.  `loaded` is the config as it was read, for the places of its warnings."""

    def warnings(connection: Connection, now_setup: Setup, now: datetime) -> Mapping[str, Sequence[str]]:
        known = loaded()
        return told_of(known, linted(connection, now_setup, now)) if known else {}

    plain = Ports(database.read, setup, clock, warnings=warnings, ending=ending, previews=previews)
    plain = replace(plain, edits=edits, acting=acting, report=_report, failing=_failing, recovered=_recovered)
    return plain if hosts is None else replace(plain, hosts=hosts)


def _failing(what: str, kind: str, place: str) -> None:
    tell(ERROR, "failing", what=what, error=kind, place=place)


def _recovered(what: str) -> None:
    announce("recovered", what=what)


def _report(path: str, kind: str, place: str) -> None:
    tell(ERROR, "page failed", path=path, error=kind, place=place)
