"""A company's Jira in the sandbox and the connector before it, in every way the two can be connected."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal

from connectors.contract import Connector, Container, Cursor, Demand, IdPage, Page
from connectors.jira import Settings, connect
from okrs.immutable import replace
from okrs.work import WorkItem
from sandbox.clock import SimulatedClock
from sandbox.jira import CLOUD_ID, WITH_SCOPES
from sandbox.server import JIRA_EMAIL, TOKENS, Sandbox
from sandbox.world import World

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
Mode = Literal["cloud", "data_center"]
MODES: tuple[Mode, ...] = ("cloud", "data_center")
EVERYTHING = Demand(frozenset({"story_points"}), histories=True, sprints=True, refs=True)


def new_world() -> World:
    """One person and two projects, of which the tests configure the first."""
    world = World(SimulatedClock(START))
    world.add_user("Ada Lovelace", "ada")
    world.add_project("jira", "Payments", "PAY")
    world.add_project("jira", "Platform", "PLAT")
    return world


def settings(sandbox: Sandbox, *, scoped: bool = False, **more: Any) -> Settings:
    """Return a source of that sandbox's kind; `scoped` goes through the gateway with a token of its own."""
    plain: dict[str, Any] = {"connector": "jira", "url": sandbox.urls["jira"], "token": TOKENS["jira"]}
    if sandbox.jira_mode == "cloud":
        plain["email"] = JIRA_EMAIL
    if scoped:
        plain |= {"token": WITH_SCOPES, "cloud_id": CLOUD_ID, "gateway": sandbox.urls["jira"]}
    return Settings.model_validate({**plain, "projects": ["PAY"], **more})


@contextmanager
def jira(sandbox: Sandbox, **more: Any) -> Iterator[Connector]:
    connector = connect(settings(sandbox, **more))
    try:
        yield connector
    finally:
        connector.close()


def only(connector: Connector) -> Container:
    """Resolve the containers and return the first one."""
    container = connector.containers()[0]
    assert isinstance(container, Container), container
    return container


def pages(connector: Connector, container: Container, cursor: Cursor, demand: Demand) -> Iterator[Page]:
    """Yield every page, the last one known first: whoever reads may take them in any order."""
    asked: list[str | None] = [None]
    while asked:
        page = connector.changed(container, replace(cursor, resume=asked.pop()), demand)
        yield page
        asked += page.following


def read(
    connector: Connector,
    demand: Demand | None = None,
    *,
    now: datetime = START,
    since: datetime | None = None,
    memo: Mapping[str, str] | None = None,
) -> tuple[dict[str, WorkItem], dict[str, str]]:
    """Read the first container; return its items by title, and what is kept for the next read."""
    cursor = Cursor(now=now, since=since, memo=memo or {})
    items: dict[str, WorkItem] = {}
    kept: dict[str, str] = {}
    for page in pages(connector, only(connector), cursor, demand or Demand()):
        items |= {item.title: item for item in page.items}
        kept |= page.memo
    return items, kept


def ids(ask: Callable[[str | None], IdPage]) -> list[str]:
    """Walk a listing of identities; return its ids."""
    asked: list[str | None] = [None]
    found: list[str] = []
    while asked:
        page = ask(asked.pop())
        found += [ref.id for ref in page.refs]
        asked += page.following
    return found
