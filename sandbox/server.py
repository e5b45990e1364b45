"""One HTTP server on loopback for all three trackers: `with Sandbox(world) as sandbox: sandbox.urls["jira"]`."""

import base64
import json
import socket
import sys
import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import parse_qs, unquote, urlsplit

from sandbox.asana import AsanaApi
from sandbox.exchange import Answer, Api, Request, answer, route_of
from sandbox.faults import Fault, Faults, Kind
from sandbox.github import GitHubApi
from sandbox.jira import JiraApi
from sandbox.jira_center import JiraCenterApi
from sandbox.pages import page_at
from sandbox.world import World

ROOTS = {"jira": "/jira", "asana": "/asana/api/1.0", "github": "/github"}
JIRA_EMAIL = "headway@acme.example"
TOKENS = {"jira": "sandbox-jira-token", "asana": "sandbox-asana-token", "github": "sandbox-github-token"}
_LOGIN_PAGE = b"<!DOCTYPE html><html><head><title>Log in</title></head><body>Please log in.</body></html>"


class Sandbox:
    """The three trackers over one world, served from construction until `close`."""

    def __init__(
        self,
        world: World,
        *,
        port: int = 0,
        jira_email: str = JIRA_EMAIL,
        tokens: Mapping[str, str] | None = None,
        jira_mode: Literal["cloud", "data_center"] = "cloud",
    ) -> None:
        """Start to serve on 127.0.0.1; `tokens` replaces single default tokens by tracker.  Raises OSError."""
        self.world = world
        self.faults = Faults()
        self.requests: Counter[tuple[str, str]] = Counter()
        """How often each (tracker, route) was asked; a path that no route knows counts as "unknown"."""
        self.log: deque[tuple[str, str, str, bytes]] = deque(maxlen=10_000)
        """The last requests: (tracker, method, path and query behind the tracker's root, body)."""
        self.jira_mode = jira_mode
        self.email, self.tokens = jira_email, {**TOKENS, **(tokens or {})}
        self.closing = threading.Event()
        self._counting = threading.Lock()
        self._server = _Server(self, port)
        self.port = int(self._server.server_address[1])
        self.urls = {name: f"http://127.0.0.1:{self.port}{root}" for name, root in ROOTS.items()}
        self.apis: dict[str, Api] = {
            "jira": (
                JiraApi(world, self.urls["jira"], jira_email, self.tokens["jira"])
                if jira_mode == "cloud"
                else JiraCenterApi(world, self.urls["jira"], self.tokens["jira"])
            ),
            "asana": AsanaApi(world, self.urls["asana"], self.tokens["asana"]),
            "github": GitHubApi(world, self.urls["github"], self.tokens["github"]),
        }
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="sandbox", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving, end hanging answers and close every connection."""
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()

    def credentials(self, tracker: str) -> dict[str, str]:
        """Return the header that a request to a tracker must carry."""
        token = self.tokens[tracker]
        if tracker == "jira" and self.jira_mode == "cloud":
            return {"Authorization": "Basic " + base64.b64encode(f"{self.email}:{token}".encode()).decode()}
        return {"Authorization": f"Bearer {token}"}

    def total(self, tracker: str) -> int:
        """Return how many requests a tracker got so far."""
        with self._counting:
            return sum(count for (name, _), count in self.requests.items() if name == tracker)

    def answer(self, request: Request, tracker: str) -> Answer:
        """Count a request and answer it, as the world is in this moment."""
        api = self.apis[tracker]
        found = route_of(api, request)
        with self._counting:
            self.requests[tracker, found[0].name if found else "unknown"] += 1
        with self.world.lock:
            return answer(api, request)


class _Server(ThreadingHTTPServer):
    """Knows its open connections, so that closing leaves neither a socket nor a thread behind."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, sandbox: Sandbox, port: int) -> None:
        self.sandbox = sandbox
        self._connections: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        if isinstance(request, socket.socket):
            with self._changed:
                self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        super().shutdown_request(request)
        if isinstance(request, socket.socket):
            with self._changed:
                self._connections.discard(request)
                self._changed.notify_all()

    def hang_up(self) -> None:
        """End every connection and wait until its thread let it go."""
        with self._changed:
            for connection in self._connections:
                _end(connection)
            self._changed.wait_for(lambda: not self._connections, timeout=10)

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """A client that went away is its own business; anything else is a fault of the sandbox and is shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Speaks HTTP/1.1 with keep-alive; every answer leaves in one piece."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date of an answer is the world's time, as all stamps are."""
        moment = self.server.sandbox.world.clock.now().timestamp() if timestamp is None else timestamp
        return formatdate(moment, usegmt=True)

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        split = urlsplit(self.path)
        path = unquote(split.path)
        if self.command == "GET" and (page := page_at(self.server.sandbox.world, path)):
            self._send(page)
            return
        tracker = next((name for name, root in ROOTS.items() if path.startswith(root + "/")), None)
        if tracker is None:
            self._send(Answer({"message": "No tracker lives here."}, 404))
            return
        sandbox = self.server.sandbox
        request = Request(
            method=self.command,
            path=path.removeprefix(ROOTS[tracker]),
            query=parse_qs(split.query, keep_blank_values=True),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
            page_cap=sandbox.faults.page_caps.get(tracker),
            overlap=1 if tracker in sandbox.faults.overlaps else 0,
        )
        sandbox.log.append((tracker, request.method, self.path.removeprefix(ROOTS[tracker]), body))
        sandbox.closing.wait(sandbox.faults.latency)
        reply = sandbox.answer(request, tracker)
        if told := sandbox.faults.headers.get(tracker):
            reply = replace(reply, headers={**reply.headers, **told})
        fault = sandbox.faults.take(tracker, self.path)
        if fault is None:
            sandbox.faults.after(tracker, self.path)
            self._send(reply)
        else:
            self._fail(fault, reply, sandbox.apis[tracker])

    def _fail(self, fault: Fault, reply: Answer, api: Api) -> None:
        match fault.kind:
            case Kind.STATUS:
                refusal = api.refusal(fault.status, fault.message)
                self._send(Answer(refusal.body, fault.status, {**refusal.headers, **fault.headers}))
            case Kind.HTML:
                self._send(Answer(_LOGIN_PAGE, 200, {"Content-Type": "text/html; charset=utf-8"}))
            case Kind.CUT:
                whole = _bytes(reply)
                self._send(Answer(whole[: len(whole) // 2], reply.status, reply.headers))
            case Kind.PARTLY:
                told = reply.body if isinstance(reply.body, dict) else {}
                self._send(Answer(_thinned(told) | {"errors": [{"message": fault.message}]}, 200, reply.headers))
            case Kind.HANG:
                self.server.sandbox.closing.wait(fault.seconds)
                self._send(reply)
            case Kind.DROP:
                self.close_connection = True
                _end(self.connection)

    def _send(self, reply: Answer) -> None:
        content = b"" if reply.status == 304 else _bytes(reply)
        self.send_response(reply.status)
        headers = {"Content-Type": "application/json; charset=utf-8", **reply.headers}
        if reply.status != 304:
            headers["Content-Length"] = str(len(content))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _thinned(told: dict[str, Any]) -> dict[str, Any]:
    """Return an answer of GraphQL in which every other node is null."""

    def thinned(value: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(value, dict):
            return {name: thinned(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [thinned(one) if index % 2 else None for index, one in enumerate(value)]
        return value

    return {name: thinned(value) for name, value in told.items()}


def _bytes(reply: Answer) -> bytes:
    return reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()


def _end(connection: socket.socket) -> None:
    """Shut a connection down, so that whoever reads from it sees the end."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was faster
