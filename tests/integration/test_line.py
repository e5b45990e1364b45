"""The one sender against small servers: what it sends, what it takes for an answer, and where it never goes."""

import gc
import gzip
import io
import logging
import socket
import ssl
import time
import tracemalloc
import warnings
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import certifi
import pytest

from connectors import body, way
from connectors.contract import ConnectorError, MalformedAnswer, Quota, Stop, TryLater, Unreachable
from connectors.line import Answer, Line, Route
from connectors.logs import log
from okrs.about import own_version
from tests.loopback import Serve, Wire, always, answer, nobody_there, own_authority, tunnel

TOKEN = "marked-token-55d0"
WHAT = "the issues of acme/web"
SHORT = (0.2, 0.2)


@pytest.fixture(autouse=True)
def _no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def lines() -> Iterator[Callable[..., Line]]:
    """Opens lines and closes them."""
    opened: list[Line] = []

    def make(url: str, **facts: object) -> Line:
        opened.append(Line(Route(url, **facts)))  # type: ignore[arg-type]  # as the fields are
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def get(line: Line, path: str = "/x") -> Answer:
    return line.ask("GET", line.route.url + path, WHAT, {"Authorization": f"Bearer {TOKEN}"})


def failure(line: Line, path: str = "/x") -> ConnectorError:
    """Ask, and return the error, which shows no token and is chained to nothing."""
    with pytest.raises(ConnectorError) as caught:
        get(line, path)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert TOKEN not in str(caught.value)
    return caught.value


# --- what is sent and what comes back -------------------------------------------------------------------------------


def test_an_answer_comes_whole_over_one_connection(lines: Callable[..., Line]) -> None:
    with Wire(always(answer(b'{"a": 1}', X_Thing="yes"))) as server:
        line = lines(server.url)
        for _ in range(5):
            told = get(line)
        assert (told.status, told.body, told.headers["x-thing"]) == (200, b'{"a": 1}', "yes")
        assert (server.connections, len(server.asked), line.sent) == (1, 5, 5)
        assert f"Authorization: Bearer {TOKEN}".encode() in server.asked[0]


def test_headers_that_come_twice_are_joined(lines: Callable[..., Line]) -> None:
    twice = b'HTTP/1.1 200 OK\r\nLink: <a>; rel="next"\r\nLink: <b>; rel="last"\r\nContent-Length: 0\r\n\r\n'
    with Wire(always(twice)) as server:
        assert get(lines(server.url)).headers["link"] == '<a>; rel="next", <b>; rel="last"'


def test_an_error_is_an_answer_too_and_keeps_the_connection(lines: Callable[..., Line]) -> None:
    with Wire(always(answer(b"oops", "500 Broken"))) as server:
        line = lines(server.url)
        assert [get(line).status for _ in range(3)] == [500, 500, 500]
        assert server.connections == 1


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + end


def test_an_answer_in_chunks(lines: Callable[..., Line]) -> None:
    with Wire(always(chunked(b"one", b"two" * 50_000))) as server:
        line = lines(server.url)
        assert get(line).body == get(line).body == b"one" + b"two" * 50_000
        assert server.connections == 1


def test_an_answer_without_a_length_ends_with_the_connection(lines: Callable[..., Line]) -> None:
    with Wire(always(answer(b"[1, 2]", Content_Length=""), keep=False)) as server:
        line = lines(server.url)
        assert [get(line).body for _ in range(2)] == [b"[1, 2]"] * 2
        assert server.connections == 2


def test_a_packed_answer_is_unpacked(lines: Callable[..., Line]) -> None:
    whole = b'{"title": "Pay"}' * 20_000
    for packed in (gzip.compress(whole), gzip.compress(whole[:1000]) + gzip.compress(whole[1000:])):
        with Wire(always(answer(packed, Content_Encoding="gzip"))) as server:
            line = lines(server.url)
            asked = {"accept-encoding": "br, zstd"}  # what a library may wish for
            assert line.ask("GET", server.url, WHAT, asked).body == whole
            assert b"Accept-Encoding: gzip\r\n" in server.asked[0]
            assert b"zstd" not in server.asked[0]


def test_an_empty_packed_answer_is_empty(lines: Callable[..., Line]) -> None:
    with Wire(always(answer(b"", Content_Encoding="gzip"))) as server:
        assert get(lines(server.url)).body == b""


# --- what is no answer ----------------------------------------------------------------------------------------------


def part(text: bytes) -> Serve:
    return always(text, keep=False)


BROKEN: dict[str, tuple[Serve, type[ConnectorError]]] = {
    "closed at once": (part(b""), TryLater),
    "half a head": (part(b"HTTP/1.1 200 OK\r\nContent-Le"), TryLater),
    "a head without its end": (part(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"), TryLater),
    "a torn head": (part(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A b\r\nLink: <b>\r\n\r\n[]"), MalformedAnswer),
    "half a body": (part(answer(b"x" * 100)[:-50]), TryLater),
    "half a chunk": (part(chunked(b"one", end=b"a0\r\ntwo")), TryLater),
    "no last chunk": (part(chunked(b"one", end=b"")), TryLater),
    "a chunk without a size": (part(chunked(b"one", end=b"zz\r\n")), TryLater),
    "garbage": (part(b"\x16\x03\x01 what is this\r\n\r\n"), MalformedAnswer),
    "another protocol": (part(b"SSH-2.0-OpenSSH_9.6\r\n"), MalformedAnswer),
    "half a packed body": (part(answer(gzip.compress(b"x" * 9999)[:-8], Content_Encoding="gzip")), TryLater),
    "no packed body": (part(answer(b"plain text", Content_Encoding="gzip")), MalformedAnswer),
    "another packing": (part(answer(b"?", Content_Encoding="br")), MalformedAnswer),
    "packed twice": (part(answer(gzip.compress(gzip.compress(b"x")), Content_Encoding="gzip, gzip")), MalformedAnswer),
    "endless head": (part(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 200 + b"\r\n"), TryLater),
    "a line without end": (part(b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 70_000 + b"\r\n\r\n"), TryLater),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_whole_answer_is_an_error_and_the_next_one_is_asked_afresh(
    lines: Callable[..., Line], name: str
) -> None:
    serve, expected = BROKEN[name]
    with Wire(serve) as server:
        line = lines(server.url)
        error = failure(line)
        assert type(error) is expected
        assert WHAT in str(error)
        assert len(server.asked) == line.sent == 1  # nothing is repeated here
        server.settle()
        server.serve = always(answer(b"fine"))
        assert get(line).body == b"fine"


def test_a_connection_that_is_reset_within_a_body(lines: Callable[..., Line]) -> None:
    def reset(connection: socket.socket, _asked: bytes) -> bool:
        connection.sendall(answer(b"x" * 100)[:-50])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        connection.close()
        return False

    with Wire(reset) as server:
        assert type(failure(lines(server.url))) is TryLater


def test_nobody_listens(lines: Callable[..., Line]) -> None:
    with nobody_there() as port:
        error = failure(lines(f"http://127.0.0.1:{port}"))
    assert type(error) is TryLater
    assert str(error) == (
        f"There is no connection to the tracker at 127.0.0.1:{port} when asked for {WHAT}: the connection was refused; "
        "check `url` and the network."
    )


def test_a_host_that_has_no_address(lines: Callable[..., Line]) -> None:
    error = failure(lines("https://tracker.invalid"))
    assert type(error) is TryLater
    assert str(error) == (
        f"There is no connection to the tracker at tracker.invalid:443 when asked for {WHAT}: this machine knows no "
        "host of that name; check `url` and the network."
    )


# --- time -----------------------------------------------------------------------------------------------------------


def test_a_server_that_says_nothing_is_not_waited_for(lines: Callable[..., Line]) -> None:
    with Wire(lambda connection, _asked: bool(connection.recv(1))) as server:
        error = failure(lines(server.url, timeout=SHORT))
        assert type(error) is TryLater
        assert "did not answer in time" in str(error)


def test_an_answer_may_take_longer_than_a_connection(lines: Callable[..., Line]) -> None:
    """A tracker that searches for half a minute is slow, and not away."""

    def search(connection: socket.socket, _asked: bytes) -> bool:
        time.sleep(0.5)
        connection.sendall(answer(b"found"))
        return True

    with Wire(search) as server:
        assert get(lines(server.url, timeout=(0.2, 10.0))).body == b"found"


def test_a_server_that_stops_within_its_answer_is_not_waited_for(lines: Callable[..., Line]) -> None:
    def stop(connection: socket.socket, _asked: bytes) -> bool:
        connection.sendall(answer(b"x" * 100)[:-50])
        return bool(connection.recv(1))

    with Wire(stop) as server:
        error = failure(lines(server.url, timeout=SHORT))
        assert type(error) is TryLater
        assert "did not answer in time" in str(error)


def test_a_host_that_does_not_take_connections_is_not_waited_for(lines: Callable[..., Line]) -> None:
    with socket.socket() as full, socket.socket() as first:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        first.connect(full.getsockname())  # the queue is full: Linux lets the next ones wait
        with socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(full.getsockname())
            error = failure(lines(f"http://127.0.0.1:{full.getsockname()[1]}", timeout=(0.2, 0.2)))
    assert type(error) is TryLater
    assert "did not answer in time" in str(error)


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 600,
        answer(b"x" * 600),
        chunked(*[b"x"] * 100),
        answer(b"x" * 600, Content_Length=""),
    ],
    ids=["head", "body", "chunks", "no length"],
)
def test_a_server_that_drips_for_ever_is_given_up(
    monkeypatch: pytest.MonkeyPatch, lines: Callable[..., Line], text: bytes
) -> None:
    """Each byte comes in time, so that the time-out between two of them never strikes."""
    monkeypatch.setattr(way, "MOST_SECONDS", 0.3)
    came: list[int] = []

    def drip(connection: socket.socket, _asked: bytes) -> bool:
        for at in range(len(text)):
            connection.sendall(text[at : at + 1])
            came.append(at)
            time.sleep(0.02)
        return False

    with Wire(drip) as server:
        error = failure(lines(server.url))
        assert type(error) is TryLater
        assert "did not answer in time" in str(error)
    assert 1 < len(came) < len(text) / 2


# --- size -----------------------------------------------------------------------------------------------------------


def test_an_answer_that_is_too_large_is_refused_and_not_read_on(
    monkeypatch: pytest.MonkeyPatch, lines: Callable[..., Line]
) -> None:
    monkeypatch.setattr(body, "MOST_BYTES", 3 * 2**20)
    endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    sent: list[int] = []

    def pour(connection: socket.socket, _asked: bytes) -> bool:
        connection.sendall(endless)
        while sum(sent) < 2**30:
            connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            sent.append(65536)
        return False

    with Wire(pour) as server:
        line = lines(server.url)
        error = failure(line)
        assert type(error) is MalformedAnswer
        assert "larger than 3 MB" in str(error)
        assert sum(sent) < 2**28
        server.serve = always(answer(b"fine"))
        assert get(line).body == b"fine"  # over a new connection


@pytest.mark.parametrize("size", [2**20, 2**20 + 1])
def test_the_limit_itself_is_allowed(monkeypatch: pytest.MonkeyPatch, lines: Callable[..., Line], size: int) -> None:
    monkeypatch.setattr(body, "MOST_BYTES", 2**20)
    for reply in (answer(b"x" * size), answer(gzip.compress(b"x" * size), Content_Encoding="gzip")):
        with Wire(always(reply)) as server:
            line = lines(server.url)
            if size > 2**20:
                assert type(failure(line)) is MalformedAnswer
            else:
                assert len(get(line).body) == size


def bomb(size: int) -> bytes:
    """A body that unpacks to so many zeros."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb") as packing:
        for _ in range(size >> 20):
            packing.write(bytes(2**20))
    return out.getvalue()


@pytest.mark.parametrize("pieces", [1, 64])
def test_a_packed_bomb_does_not_fill_the_memory(lines: Callable[..., Line], pieces: int) -> None:
    packed = bomb((256 * 2**20) // pieces) * pieces
    assert len(packed) < 2**20
    with Wire(always(answer(packed, Content_Encoding="gzip"))) as server:
        line = lines(server.url)
        tracemalloc.start()
        error = failure(line)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert type(error) is MalformedAnswer
    assert "larger than 64 MB" in str(error)
    assert most < 3 * body.MOST_BYTES


# --- where it never goes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(lines: Callable[..., Line], status: int) -> None:
    with Wire(always(answer())) as thief:
        for target in (thief.url, "/elsewhere"):
            with Wire(always(answer(b"", f"{status} Go", Location=target))) as server:
                told = get(lines(server.url))
                assert (told.status, told.headers["location"]) == (status, target)
                assert len(server.asked) == 1
        assert thief.connections == 0


def test_another_host_is_not_asked(lines: Callable[..., Line]) -> None:
    with Wire(always(answer())) as thief, Wire(always(answer())) as server:
        line = lines(server.url)
        for url in (thief.url, f"http://localhost:{server.port}/", server.url.replace("http", "https"), "/x", ""):
            with pytest.raises(Stop, match="another host"):
                line.ask("GET", url, WHAT, {"Authorization": TOKEN})
        assert (thief.connections, server.connections, line.sent) == (0, 0, 0)


def test_only_posts_that_read_are_sent(lines: Callable[..., Line]) -> None:
    with Wire(always(answer())) as server:
        line = lines(f"{server.url}/jira", posts=frozenset({"/search"}))
        root = line.route.url
        for method, url in (
            ("POST", f"{root}/issue"),
            ("POST", f"{root}/search/1"),
            ("POST", f"{root}/search/../issue"),
            ("POST", f"{server.url}/search"),  # not below the root
            ("POST", root),
            *((verb, f"{root}/search") for verb in ("PUT", "DELETE", "PATCH", "OPTIONS", "post", "get")),
        ):
            with pytest.raises(Stop, match="could change something"):
                line.ask(method, url, WHAT, {}, b"{}")
        assert server.asked == []
        assert line.ask("POST", f"{root}/search?x=1", WHAT, {}, b'{"jql": ""}').status == 200
        assert server.asked[0].startswith(b"POST /jira/search?x=1 HTTP/1.1\r\n")
        assert server.asked[0].endswith(b'\r\n\r\n{"jql": ""}')


@pytest.mark.parametrize(
    "token", ["a\r\nX-Injected: b", "a\nb", "a\rb", "tök€n", "tökn", "nul\x00", "esc\x1b"], ids=ascii
)
def test_a_token_that_no_header_can_carry_is_not_sent(lines: Callable[..., Line], token: str) -> None:
    with Wire(always(answer())) as server:
        line = lines(server.url)
        with pytest.raises(ConnectorError) as caught:
            line.ask("GET", server.url, WHAT, {"Authorization": f"Bearer {token}"})
        assert type(caught.value) is Unreachable
        assert caught.value.__context__ is None
        assert token not in str(caught.value)
        assert server.asked == []


# --- TLS ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    return own_authority(tmp_path)


def test_an_unknown_authority_is_refused_before_the_token_is_sent(
    lines: Callable[..., Line], authority: tuple[ssl.SSLContext, Path]
) -> None:
    with Wire(always(answer()), authority[0]) as server:
        error = failure(lines(server.url))
        assert type(error) is Unreachable
        assert "ca_bundle" in str(error)
        assert server.asked == []


@pytest.mark.parametrize("how", ["config", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_an_authority_of_ones_own_is_trusted_where_it_is_named(
    monkeypatch: pytest.MonkeyPatch, lines: Callable[..., Line], authority: tuple[ssl.SSLContext, Path], how: str
) -> None:
    context, pem = authority
    if how != "config":
        monkeypatch.setenv(how, str(pem))
    with Wire(always(answer(b"fine")), context) as server:
        line = lines(server.url, ca_bundle=str(pem) if how == "config" else None)
        assert get(line).body == b"fine"
        twin = line.twin()
        assert get(twin).body == b"fine"
        twin.close()
        assert (line.sent, twin.sent, server.connections) == (1, 1, 2)


def test_the_config_stands_above_the_environment(
    monkeypatch: pytest.MonkeyPatch, lines: Callable[..., Line], authority: tuple[ssl.SSLContext, Path]
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority[1]))
    with Wire(always(answer()), authority[0]) as server:
        assert type(failure(lines(server.url, ca_bundle=certifi.where()))) is Unreachable


def test_a_certificate_for_another_name_is_refused(
    lines: Callable[..., Line], authority: tuple[ssl.SSLContext, Path]
) -> None:
    with Wire(always(answer()), authority[0]) as server:
        error = failure(lines(server.url.replace("localhost", "127.0.0.1"), ca_bundle=str(authority[1])))
        assert type(error) is Unreachable
        assert server.asked == []


@pytest.mark.parametrize("content", [None, b"", b"no certificate", "folder"], ids=str)
def test_authorities_that_cannot_be_read_are_told(tmp_path: Path, content: bytes | str | None) -> None:
    bundle = tmp_path / "bundle.pem"
    if isinstance(content, bytes):
        bundle.write_bytes(content)
    with pytest.raises(Stop, match="cannot be read"):
        Line(Route("https://tracker.example", ca_bundle=f"{bundle}\x00" if content == "folder" else str(bundle)))


def test_a_folder_of_authorities_is_read_too(
    lines: Callable[..., Line], authority: tuple[ssl.SSLContext, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "authorities"
    folder.mkdir()
    with Wire(always(answer(b"fine")), authority[0]) as server:
        assert type(failure(lines(server.url, ca_bundle=str(folder)))) is Unreachable


def test_tls_with_a_server_that_speaks_none(lines: Callable[..., Line]) -> None:
    with Wire(always(answer())) as server:
        assert isinstance(failure(lines(server.url.replace("http:", "https:"), timeout=SHORT)), TryLater | Stop)


# --- proxies --------------------------------------------------------------------------------------------------------


def proxied(connection: socket.socket, asked: bytes) -> bool:
    """A proxy: a tunnel for CONNECT, else its own answer."""
    if not asked.startswith(b"CONNECT "):
        connection.sendall(answer(b"by proxy"))
        return True
    host, _, port = asked.split(b" ")[1].decode().rpartition(":")
    connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    with tunnel("127.0.0.1" if host == "localhost" else host, int(port), connection):
        return False


def login(user: str) -> bytes:
    return b"Proxy-Authorization: Basic " + b64encode(user.encode())


def test_the_proxy_of_the_config_is_used_also_for_this_machine(lines: Callable[..., Line]) -> None:
    with Wire(proxied) as proxy, Wire(always(answer())) as server:
        assert get(lines(server.url, proxy=proxy.url)).body == b"by proxy"
        assert proxy.asked[0].startswith(f"GET {server.url}/x HTTP/1.1\r\n".encode())
        assert server.connections == 0


def test_the_environments_proxy_never_sees_what_is_for_this_machine(
    monkeypatch: pytest.MonkeyPatch, lines: Callable[..., Line]
) -> None:
    with Wire(proxied) as proxy, Wire(always(answer(b"direct"))) as server:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert get(lines(server.url)).body == b"direct"
        assert proxy.connections == 0


@pytest.mark.parametrize("name", ["http_proxy", "all_proxy"])
def test_the_environments_proxy_is_used_for_other_hosts(
    monkeypatch: pytest.MonkeyPatch, lines: Callable[..., Line], name: str
) -> None:
    with Wire(proxied) as proxy:
        monkeypatch.setenv(name, f"127.0.0.1:{proxy.port}")  # without a scheme, as many write it
        assert get(lines("http://tracker.invalid")).body == b"by proxy"
        monkeypatch.setenv("no_proxy", "tracker.invalid")
        assert type(failure(lines("http://tracker.invalid"))) is TryLater
        assert len(proxy.asked) == 1


def test_tls_goes_through_a_tunnel_and_the_proxy_sees_no_token(
    lines: Callable[..., Line], authority: tuple[ssl.SSLContext, Path]
) -> None:
    with Wire(proxied) as proxy, Wire(always(answer(b"fine")), authority[0]) as server:
        address = proxy.url.replace("//", "//headway:p%40ss%3Aw%C3%B6rd@")
        line = lines(server.url, proxy=address, ca_bundle=str(authority[1]))
        assert [get(line).body for _ in range(3)] == [b"fine"] * 3
        [asked] = proxy.asked
        assert asked.startswith(f"CONNECT localhost:{server.port} ".encode())
        assert login("headway:p@ss:wörd") in asked
        assert TOKEN.encode() not in asked
        assert all(b"Proxy-Authorization" not in each for each in server.asked)
        line.close()


def test_a_proxys_credentials_are_sent_to_it(lines: Callable[..., Line]) -> None:
    with Wire(proxied) as proxy:
        assert get(lines("http://tracker.invalid", proxy=proxy.url.replace("//", "//user@"))).body == b"by proxy"
        assert login("user:") in proxy.asked[0]


@pytest.mark.parametrize("url", ["http://tracker.invalid", "https://tracker.invalid"])
def test_a_proxy_that_wants_credentials_is_told(lines: Callable[..., Line], url: str) -> None:
    with Wire(part(answer(b"", "407 Proxy Authentication Required"))) as proxy:
        error = failure(lines(url, proxy=proxy.url))
        assert type(error) is Unreachable
        assert "proxy wants credentials" in str(error)


@pytest.mark.parametrize("url", ["http://tracker.invalid", "https://tracker.invalid"])
@pytest.mark.parametrize("login", ["", "headway:marked-token-55d0@"])
def test_a_proxy_that_is_not_there_is_told_as_one(lines: Callable[..., Line], url: str, login: str) -> None:
    with nobody_there() as port:
        error = failure(lines(url, proxy=f"http://{login}127.0.0.1:{port}"))
    assert type(error) is TryLater
    assert str(error) == (
        f"There is no connection to the proxy at 127.0.0.1:{port} when asked for {WHAT}: the connection was refused; "
        "check `proxy` or the environment's, and the network."
    )


def test_a_proxy_without_a_name_is_told_as_one(lines: Callable[..., Line]) -> None:
    error = str(failure(lines("https://tracker.invalid", proxy="http://headway:marked-token-55d0@proxy.invalid:3128")))
    assert error.startswith("There is no connection to the proxy at proxy.invalid:3128 when asked for")
    assert "this machine knows no host of that name" in error


def test_a_proxy_that_refuses_is_asked_later(lines: Callable[..., Line]) -> None:
    with Wire(part(answer(b"", "503 Busy"))) as proxy:
        error = failure(lines("https://tracker.invalid", proxy=proxy.url))
        assert type(error) is TryLater
        assert "proxy" in str(error)


@pytest.mark.parametrize(
    "proxy", ["socks5://user:marked@host:1", "http://user:marked@[host", "ftp://marked", "http://"]
)
def test_a_proxys_address_that_cannot_be_used_is_told_without_it(proxy: str) -> None:
    with pytest.raises(Stop, match="proxy's address") as caught:
        Line(Route("https://tracker.example", proxy=proxy))
    assert "marked" not in str(caught.value)
    assert caught.value.__context__ is None


# --- who asks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "sent"),
    [({}, f"headway/{own_version()}"), ({"user-agent": "acme-connector/1 headway/1"}, "acme-connector/1 headway/1")],
)
def test_a_request_says_who_asks(lines: Callable[..., Line], given: dict[str, str], sent: str) -> None:
    with Wire(always(answer())) as server:
        line = lines(server.url)
        line.ask("GET", line.route.url + "/x", WHAT, given)
        (asked,) = server.asked
    told = [row for row in asked.decode().split("\r\n") if row.lower().startswith("user-agent:")]
    assert [row.partition(": ")[2] for row in told] == [sent]


# --- what the headers tell ------------------------------------------------------------------------------------------


def test_the_trackers_time_and_quota_are_kept(lines: Callable[..., Line]) -> None:
    told = answer(
        Date="Sun, 22 Nov 2026 10:00:00 GMT",
        X_RateLimit_Remaining="41",
        X_RateLimit_Limit="5000",
        X_RateLimit_Reset="1790000000",
    )
    with Wire(always(told)) as server:
        line = lines(server.url)
        assert (line.told, line.quota) == (None, None)
        get(line)
        assert line.told == datetime(2026, 11, 22, 10, tzinfo=UTC)
        assert line.quota == Quota(41, 5000, datetime.fromtimestamp(1790000000, UTC))
        server.serve = always(answer(Date="later", X_RateLimit_Remaining="many"))
        get(line)
        assert line.told == datetime(2026, 11, 22, 10, tzinfo=UTC)  # what cannot be read tells nothing
        assert line.quota == Quota(41, 5000, datetime.fromtimestamp(1790000000, UTC))


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record)


@contextmanager
def overheard() -> Iterator[list[logging.LogRecord]]:
    """Listen to everything that Headway logs."""
    listener = _Listener()
    log.addHandler(listener)
    log.setLevel(logging.DEBUG)
    yield listener.heard


def test_a_request_is_told_to_the_log_without_query_headers_and_body(lines: Callable[..., Line]) -> None:
    with Wire(always(answer(b"secret body"))) as server, overheard() as records:
        line = lines(server.url)
        get(line, "/issues?key=hidden")
        server.serve = part(b"")
        failure(line, "/issues?key=hidden")
    told = [each.facts for each in records]  # type: ignore[attr-defined]  # given by `tell`
    assert [(each.getMessage(), each.levelname) for each in records] == [("asked", "DEBUG")] * 2
    assert [(each["what"], each["path"]) for each in told] == [(WHAT, "/issues")] * 2
    assert (told[0]["status"], told[0]["bytes"]) == (200, 11)
    assert "broke" in told[1]["failed"] or "answer" in told[1]["failed"]
    assert not any(word in str(told) for word in ("hidden", "secret", TOKEN))


# --- closing --------------------------------------------------------------------------------------------------------


def test_close_leaves_no_socket_open() -> None:
    with Wire(always(answer())) as server, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        line = Line(Route(server.url))
        twin = line.twin()
        get(line)
        get(twin)
        server.serve = part(answer(b"x" * 100)[:-50])
        failure(line)
        line.close()
        twin.close()
        line.close()
        del line, twin
        gc.collect()
    assert [str(each.message) for each in warned if each.category is ResourceWarning] == []


def test_a_closed_line_can_be_asked_again(lines: Callable[..., Line]) -> None:
    with Wire(always(answer())) as server:
        line = lines(server.url)
        get(line)
        line.close()
        assert get(line).status == 200
        assert server.connections == 2


def test_an_old_connection_that_the_server_closed_is_made_anew(lines: Callable[..., Line]) -> None:
    with Wire(always(answer(), keep=False)) as server:
        line = lines(server.url)
        for _ in range(3):
            assert get(line).status == 200
            server.settle()
        assert server.connections == 3
