"""Small servers on this machine for tests of what goes over a wire: whatever bytes they are told to, TLS, a proxy."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Serve = Callable[[socket.socket, bytes], bool]
"""Answers one request, of which it gets head and body; False ends the connection."""


class Wire:
    """Takes connections, remembers every request, and answers each as it is told to."""

    def __init__(self, serve: Serve, tls: ssl.SSLContext | None = None) -> None:
        self.serve = serve
        self.asked: list[bytes] = []
        self.connections = 0
        self._tls = tls
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{'localhost' if self._tls else '127.0.0.1'}:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with socket.socket() as waker:  # wakes the one that waits for a connection
            self._closing = True
            waker.connect_ex(("127.0.0.1", self.port))
            self._thread.join()
        for each in self._open:
            shut(each)
        for thread in self._threads:
            thread.join(10)
        self._listening.close()

    _closing = False

    def settle(self) -> None:
        """Wait until the last connection is closed, where the answer ends it."""
        self._threads[-1].join(10)

    def _accept(self) -> None:
        while True:
            taken, _ = self._listening.accept()
            if self._closing:
                taken.close()
                return
            self.connections += 1
            self._open.append(taken)
            thread = threading.Thread(target=self._talk, args=(taken,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _talk(self, taken: socket.socket) -> None:
        spoken = taken
        try:
            if self._tls:
                spoken = self._tls.wrap_socket(taken, server_side=True)
                self._open.append(spoken)
            while (asked := read_request(spoken)) is not None:
                self.asked.append(asked)
                if not self.serve(spoken, asked):
                    return
        except OSError:
            return  # the other side went away, or did not trust us
        finally:
            shut(spoken)
            spoken.close()
            taken.close()


def shut(each: socket.socket) -> None:
    """End a connection for both sides, whether or not it is still there."""
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def read_request(connection: socket.socket) -> bytes | None:
    """Return one request with its body; None when the other side is done."""
    head = b""
    while b"\r\n\r\n" not in head:
        more = connection.recv(65536)
        if not more:
            return None
        head += more
    fields, _, body = head.partition(b"\r\n\r\n")
    for line in fields.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            while len(body) < int(line.split(b":")[1]):
                body += connection.recv(65536)
    return fields + b"\r\n\r\n" + body


def answer(body: bytes = b"{}", status: str = "200 OK", **headers: str) -> bytes:
    """Return the bytes of a plain answer; a header `X_Y` is written `X-Y`, and one that is empty is left out."""
    own = {"Content-Length": str(len(body)), "Content-Type": "application/json"}
    fields = own | {name.replace("_", "-"): value for name, value in headers.items()}
    head = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields.items() if value), "", ""]
    return "\r\n".join(head).encode("latin-1") + body


def always(content: bytes, *, keep: bool = True) -> Serve:
    """Answer every request with the same bytes."""

    def serve(connection: socket.socket, _asked: bytes) -> bool:
        connection.sendall(content)
        return keep

    return serve


@contextmanager
def tunnel(host: str, port: int, connection: socket.socket) -> Iterator[None]:
    """Carry bytes between a client and a host, as a proxy does after CONNECT, until one of them is done."""
    with socket.create_connection((host, port)) as far:
        back = threading.Thread(target=_pump, args=(far, connection), daemon=True)
        back.start()
        _pump(connection, far)
        back.join(10)
    yield


@contextmanager
def nobody_there() -> Iterator[int]:
    """Hold a port at which nobody listens, so that nobody else begins to while a test runs beside others."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


def _pump(here: socket.socket, there: socket.socket) -> None:
    try:
        while piece := here.recv(65536):
            there.sendall(piece)
    except OSError:
        pass
    shut(there)


def own_authority(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return TLS for `localhost` with a certificate that nobody knows, and the file that makes it known."""
    key, today = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    draft = x509.CertificateBuilder(
        name, name, key.public_key(), 1, today - timedelta(hours=1), today + timedelta(days=1)
    )
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    certificate = draft.add_extension(names, critical=False).sign(key, hashes.SHA256())
    pem, private = folder / "authority.pem", folder / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    return context, pem
