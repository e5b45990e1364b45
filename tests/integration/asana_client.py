"""How the tests of the Asana connector connect and read, and a loopback server that answers as written."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from connectors import asana
from connectors.contract import (
    Connector,
    Container,
    Cursor,
    Demand,
    IdPage,
    Page,
)
from okrs.immutable import replace
from okrs.work import WorkItem
from sandbox.asana import AsanaApi
from sandbox.clock import SimulatedClock
from sandbox.records import Item, Project
from sandbox.server import TOKENS, Sandbox
from sandbox.world import World

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
NOTHING = Demand()
SECRET = "2/secret-token"


def connect(url: str, *projects: str, token: str = SECRET) -> Connector:
    keys = {"connector": "asana", "url": url, "token": token, "projects": projects or ("1204",)}
    return asana.connect(asana.Settings.model_validate(keys))


def pages(
    connector: Connector,
    container: Container,
    demand: Demand = NOTHING,
    *,
    since: datetime | None = None,
    parents: tuple[str, ...] = (),
    resume: str | None = None,
) -> list[tuple[str | None, list[WorkItem]]]:
    """Read to the end; every page stands beside the resume point that it was asked with, but for that of the events."""
    cursor = Cursor(now=NOW, since=since, parents=lambda: parents)
    return [(asked, list(page.items)) for asked, page in walked(connector, container, cursor, demand, resume) if asked]


def walked(
    connector: Connector, container: Container, cursor: Cursor, demand: Demand = NOTHING, resume: str | None = None
) -> list[tuple[str | None, Page]]:
    """Read every page in the order in which they are named; each stands beside its resume point."""
    found: list[tuple[str | None, Page]] = []
    waiting = [resume]
    named = {resume}
    while waiting:
        assert len(found) < 1000, "a read without an end"
        asked = waiting.pop(0)
        found.append((asked, connector.changed(container, replace(cursor, resume=asked), demand)))
        waiting += fresh(named, found[-1][1])
    return found


def fresh(named: set[str | None], page: Page | IdPage) -> list[str]:
    """Return the resume points that a page is the first to name, and add them to those that were named."""
    assert named.isdisjoint(page.following), f"named twice: {page.following}"
    found = [*page.following, *[one for one in page.also if one not in named]]
    named.update(found)
    return found


class Mirror:
    """What an engine keeps of one project from one read to the next."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.items: dict[str, WorkItem] = {}
        self.memo: Mapping[str, str] = {}
        self.since: datetime | None = None

    def read(self, connector: Connector, now: datetime, demand: Demand = NOTHING) -> set[str]:
        """Poll once and take everything over; return the ids that were brought."""
        parents = tuple(sorted(gid for gid, item in self.items.items() if item.children))
        cursor = Cursor(now, self.since, parents=lambda: parents, memo=self.memo, held=self.held)
        found = [page for _, page in walked(connector, self.container, cursor, demand)]
        brought = {item.id: item for page in found for item in page.items}
        self.items |= brought
        self.memo = {key: text for page in found for key, text in page.memo.items()}
        self.since = now - timedelta(minutes=15)
        return set(brought)

    def held(self, ids: Iterable[str]) -> Mapping[str, WorkItem]:
        return {gid: self.items[gid] for gid in ids if gid in self.items}


def census(connector: Connector, container: Container) -> list[str]:
    """Return the ids of a whole census."""
    found: list[str] = []
    waiting: list[str | None] = [None]
    named: set[str | None] = {None}
    while waiting:
        page = connector.census(container, NOTHING, waiting.pop())
        found += [ref.id for ref in page.refs]
        waiting += fresh(named, page)
    return found


def titles(read: list[tuple[str | None, list[WorkItem]]]) -> list[str]:
    return [item.title for _, items in read for item in items]


class Launch:
    """A small project in the sandbox, and connections to it."""

    def __init__(self, sandbox: Sandbox, clock: SimulatedClock) -> None:
        self.sandbox, self.world, self.clock = sandbox, sandbox.world, clock
        self.project: Project = self.world.add_project("asana", "Launch", sections=("Ideas", "Shipped"))
        self.container = Container(self.project.key, self.project.key)
        self._open: list[Connector] = []

    @property
    def api(self) -> AsanaApi:
        api = self.sandbox.apis["asana"]
        assert isinstance(api, AsanaApi)
        return api

    def task(self, title: str, type: str = "default_task", **more: Any) -> Item:
        return self.world.create(self.project, title, type, **more)

    def connect(self, *projects: str, token: str = TOKENS["asana"]) -> Connector:
        connector = connect(self.sandbox.urls["asana"], *(projects or (self.project.key,)), token=token)
        self._open.append(connector)
        return connector

    def close(self) -> None:
        for connector in self._open:
            connector.close()


@contextmanager
def launched() -> Iterator[Launch]:
    clock = SimulatedClock(NOW)
    with Sandbox(World(clock)) as sandbox:
        launch = Launch(sandbox, clock)
        yield launch
        launch.close()


CONTAINER = Container("1204", "1204")
Reply = tuple[int, bytes, Mapping[str, str]]


def reply(payload: object, status: int = 200, **headers: str) -> Reply:
    return status, orjson.dumps(payload), headers


def tasks(*rows: dict[str, object], offset: str | None = None) -> Reply:
    following = {"offset": offset, "path": "/x", "uri": "http://elsewhere.example/x"} if offset else None
    return reply({"data": list(rows), "next_page": following})


def row(gid: str, **more: object) -> dict[str, object]:
    return {"gid": gid, "name": f"task {gid}", "resource_subtype": "default_task", "completed": False, **more}


NAME = reply({"data": {"gid": "1204", "name": "Launch"}})
TOKEN = reply({"errors": [{"message": "Sync token invalid or too old."}], "sync": "s1"}, 412)
"""How Asana gives out a token of events."""
EXPIRED = reply({"errors": [{"message": "offset: Your pagination token has expired."}]}, 400)


class Scripted:
    """Gives the written answers in turn, the last one for ever, and remembers what was asked."""

    def __init__(self, replies: tuple[Reply, ...]) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._replies = replies
        script = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body, headers = script.next(self.path, dict(self.headers.items()))
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/1.0"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self._connectors: list[Connector] = []

    def next(self, path: str, headers: dict[str, str]) -> Reply:
        self.asked.append((path, headers))
        return self._replies[min(len(self.asked), len(self._replies)) - 1]

    def connect(self) -> Connector:
        self._connectors.append(connect(self.url))
        return self._connectors[-1]

    def query(self, index: int) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.asked[index][0]).query)

    def close(self) -> None:
        for connector in self._connectors:
            connector.close()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def scripted(*replies: Reply) -> Iterator[Scripted]:
    server = Scripted(replies)
    try:
        yield server
    finally:
        server.close()
