"""A small GitHub over loopback HTTP, whose next answers a test may dictate."""

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from connectors.contract import Connector, Container, Cursor, Demand, Page
from connectors.github import Settings, connect
from okrs.immutable import replace
from okrs.work import WorkItem

TOKEN = "ghp_SeCrEt0123456789"
WEB = Container("42", "acme/web")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FIRST = Cursor(now=NOW)
PLAIN = Demand()


def opened(url: str, *names: str, token: str | None = TOKEN, **more: Any) -> Connector:
    """Return a connection to acme/web, or to the repositories given."""
    keys = {"connector": "github", "token": token, "url": url, "repositories": names or ("acme/web",)}
    return connect(Settings.model_validate(keys | more))


def pages(github: Connector, cursor: Cursor = FIRST, box: Container = WEB, demand: Demand = PLAIN) -> list[Page]:
    """Read a container to its end, from the cursor's page on."""
    read = []
    asked = [cursor.resume]
    while asked:
        page = github.changed(box, replace(cursor, resume=asked.pop(0)), demand)
        read.append(page)
        asked += page.following
    return read


def memo_of(read: list[Page]) -> dict[str, str]:
    """Return what the read keeps for the next one."""
    return {name: text for page in read for name, text in page.memo.items()}


def items(read: list[Page]) -> list[WorkItem]:
    return [item for page in read for item in page.items]


@dataclass(frozen=True)
class Reply:
    """One answer; a body of None cuts the connection instead."""

    status: int = 200
    body: str | None = "[]"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    method: str = "GET"


def issue(number: int, updated: str = "2026-11-01T10:00:00Z", **keys: Any) -> dict[str, Any]:
    """Return an open issue of acme/web, as much of it as anybody reads."""
    return {
        "id": 3000 + number,
        "number": number,
        "title": f"Issue {number}",
        "html_url": f"https://github.com/acme/web/issues/{number}",
        "state": "open",
        "labels": [],
        "assignees": [],
        "created_at": "2026-10-01T09:00:00Z",
        "updated_at": updated,
    } | keys


def milestone(number: int) -> dict[str, Any]:
    row = issue(number, title=f"Train {number}")
    return row | {"id": 900 + number, "html_url": f"https://github.com/acme/web/milestone/{number}"}


class GitHubServer:
    """Use as a context manager.  `replies` are consumed first, one a request; `always` answers before the data."""

    def __init__(self, prefix: str = "/github") -> None:
        self.prefix = prefix
        self.tokens = {TOKEN}
        self.ids = {"acme/web": 42}
        self.moved: dict[str, int] = {}
        self.issues: list[dict[str, Any]] = []
        self.milestones: list[dict[str, Any]] = []
        self.replies: list[Reply] = []
        self.always: Callable[[Asked], Reply | None] = lambda asked: None
        self.asked: list[Asked] = []
        self.numbered = True
        """Whether page numbers are offered; large repositories have cursors only."""
        self._open = 0
        self._changed = Condition()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = False  # so that closing waits for them
        self.origin = f"http://127.0.0.1:{self._http.server_address[1]}"
        self.url = self.origin + prefix
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def count(self, connections: int) -> None:
        with self._changed:
            self._open += connections
            self._changed.notify_all()

    def wait_until_alone(self) -> bool:
        """Return whether the clients hung up, long before a connection times out by itself."""
        with self._changed:
            return self._changed.wait_for(lambda: self._open == 0, timeout=5)

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        if self.replies:
            return self.replies.pop(0)
        dictated = self.always(asked)
        if dictated is not None:
            return dictated
        if asked.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return Reply(401, '{"message": "Bad credentials"}')
        if asked.path == "/user":
            return Reply(200, '{"login": "headway-bot"}')
        return self._repository(asked)

    def _repository(self, asked: Asked) -> Reply:
        _, kind, *rest = asked.path.split("/")
        if kind == "repositories":
            number, tail = int(rest[0]), rest[1:]
        else:
            name, tail = "/".join(rest[:2]), rest[2:]
            if name in self.moved:
                place = "/".join([f"{self.url}/repositories/{self.moved[name]}", *tail])
                return Reply(301, '{"message": "Moved Permanently"}', {"Location": place})
            number = self.ids.get(name, 0)
        names = [name for name, known in self.ids.items() if known == number]
        if not names:
            return Reply(404, '{"message": "Not Found"}')
        if not tail:
            return Reply(200, json.dumps({"id": number, "full_name": names[0]}))
        return self._listing(asked, self.issues if tail == ["issues"] else self.milestones, number)

    def _listing(self, asked: Asked, rows: list[dict[str, Any]], number: int) -> Reply:
        query = asked.query
        if query.get("state", "open") != "all":
            rows = [row for row in rows if row["state"] == "open"]
        rows = [row for row in rows if row["updated_at"] >= query.get("since", "")]
        if query.get("sort") == "updated":
            rows = sorted(rows, key=lambda row: row["updated_at"], reverse=True)
        size, page = int(query.get("per_page", "30")), int(query.get("page", "1"))
        headers = {}
        if page * size < len(rows):
            # As on the real one, the link names the repository by its id.
            more = urlencode(query | {"page": str(page + 1)})
            where = f"{self.url}/repositories/{number}/{asked.path.rsplit('/', 1)[1]}"
            end = f', <{where}?page={-(-len(rows) // size)}>; rel="last"' if self.numbered else ""
            headers["Link"] = f'<{where}?{more}>; rel="next"{end}'
        body = json.dumps(rows[(page - 1) * size : page * size])
        headers["ETag"] = f'W/"{zlib.crc32(body.encode()):x}"'
        if asked.headers.get("if-none-match") == headers["ETag"]:
            return Reply(304, "", headers)
        return Reply(200, body, headers)


def _handler(server: GitHubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        timeout = 10  # a connection that nobody closes must not hang the tests

        def setup(self) -> None:
            super().setup()
            server.count(1)

        def finish(self) -> None:
            super().finish()
            server.count(-1)

        def do_POST(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            path = parts.path.removeprefix(server.prefix)
            reply = server.answer(Asked(path, dict(parse_qsl(parts.query)), headers, self.command))
            self.close_connection = reply.body is None
            if reply.body is None:
                return
            body = reply.body.encode()
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json; charset=utf-8", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Tests are quiet."""

    return Handler
