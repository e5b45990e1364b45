"""Small servers on this machine: what the relay and the stranger have in common."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from okrs.immutable import immutable

PATIENCE = 5.0
"""Seconds in which clients that close their connections have hung up, on however busy a machine."""


@immutable
class Asked:
    """A request that arrived."""

    method: str
    target: str
    """Path and query."""
    authorization: str
    agent: str
    """Its `User-Agent`."""


class Loopback:
    """Serves from construction until `close`; `asked` holds whatever arrived."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._server = _Server(self)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True)
        self._thread.start()

    def serve(self, handler: "Handler", body: bytes) -> None:
        """Answer one request, which stands in `asked` already."""
        raise NotImplementedError

    def alone(self) -> bool:
        """Tell whether all clients hung up, or do so within seconds."""
        with self._server.changed:
            return self._server.changed.wait_for(lambda: not self._server.connections, timeout=PATIENCE)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Stranger(Loopback):
    """A server that nobody may ask: it only remembers."""

    def serve(self, handler: "Handler", body: bytes) -> None:  # noqa: ARG002 - nobody reads it
        handler.answer(200, {"Content-Type": "application/json"}, b"{}")


class Handler(BaseHTTPRequestHandler):
    """Takes any method; speaks HTTP/1.1 with keep-alive."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536
    server: "_Server"

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        owner = self.server.owner
        told = [self.headers.get(name, "") for name in ("Authorization", "User-Agent")]
        owner.asked.append(Asked(self.command, self.path, *told))
        owner.serve(self, body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve  # noqa: N815 - the base's names

    def answer(self, status: int, headers: dict[str, str], body: bytes, *, torn: bool = False) -> None:
        """Send an answer; a torn one announces more than comes."""
        self.send_response_only(status)
        for name, value in {**headers, "Content-Length": str(len(body) + (100 if torn else 0))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        if torn:
            self.drop()

    def drop(self) -> None:
        """End the connection here."""
        self.close_connection = True
        _end(self.connection)

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


class _Server(ThreadingHTTPServer):
    """Knows its open connections, so that closing leaves neither a socket nor a thread behind."""

    daemon_threads = True

    def __init__(self, owner: Loopback) -> None:
        self.owner = owner
        self.connections: set[socket.socket] = set()
        self.changed = threading.Condition()
        super().__init__(("127.0.0.1", 0), Handler)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        if isinstance(request, socket.socket):
            with self.changed:
                self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        super().shutdown_request(request)
        if isinstance(request, socket.socket):
            with self.changed:
                self.connections.discard(request)
                self.changed.notify_all()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away in the middle is its own business; what it missed shows in its answer."""

    def hang_up(self) -> None:
        with self.changed:
            for connection in self.connections:
                _end(connection)
            self.changed.wait_for(lambda: not self.connections, timeout=10)


def _end(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was faster
