"""Whatever GitHub or the network do wrong becomes one typed error, without secrets, and nothing is read."""

import contextlib
import gc
import logging
import socket
import ssl
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors import line
from connectors.contract import (
    AccessDenied,
    Connector,
    ConnectorError,
    CredentialsRefused,
    Demand,
    MalformedAnswer,
    RateLimited,
    Stop,
    TryLater,
    Unreachable,
)
from connectors.github.answer import Elsewhere
from tests.integration.github_server import FIRST, TOKEN, WEB, Asked, GitHubServer, Reply, issue, opened, pages
from tests.loopback import nobody_there

SECONDARY = '{"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}'


def failure(github: Connector) -> ConnectorError:
    """Ask for a page and return its error, which must show neither the token nor what was raised below."""
    with pytest.raises(ConnectorError) as caught:
        github.changed(WEB, FIRST, Demand())
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    return caught.value


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(401, '{"message": "Bad credentials"}'), CredentialsRefused),
        (Reply(403, '{"message": "Resource not accessible by personal access token"}'), AccessDenied),
        (Reply(404, '{"message": "Not Found"}'), Stop),
        (Reply(410, '{"message": "Gone"}'), Stop),
        (Reply(422, '{"message": "Validation Failed"}'), Stop),
        (Reply(302, "", {"Location": "/elsewhere"}), Elsewhere),
        (Reply(304, ""), Elsewhere),
        (Reply(202, "{}"), TryLater),
        (Reply(500, "oops"), TryLater),
        (Reply(502, "<html>bad gateway</html>"), TryLater),
        (Reply(503, "", {"Content-Type": "text/html"}), TryLater),
        (Reply(200, "<html>sign in</html>", {"Content-Type": "text/html"}), MalformedAnswer),
        (Reply(200, '[{"id": 1, "title": "cut'), MalformedAnswer),
        (Reply(200, ""), MalformedAnswer),
        (Reply(200, '{"items": []}'), MalformedAnswer),
        (Reply(200, "null"), MalformedAnswer),
        (Reply(200, "[1]"), MalformedAnswer),
        (Reply(200, '[{"id": 1}]'), MalformedAnswer),
        (Reply(200, "[]", {"Link": '<https://evil.example/?page=2>; rel="next"'}), MalformedAnswer),
        (Reply(200, "[]", {"Link": '<http://[oops>; rel="next"'}), MalformedAnswer),
    ],
    ids=lambda value: f"{value.status} {value.body} {value.headers}" if isinstance(value, Reply) else "",
)
def test_answers_that_are_no_page(
    server: GitHubServer, github: Connector, reply: Reply, expected: type[ConnectorError]
) -> None:
    server.replies = [reply]
    error = failure(github)
    assert type(error) is expected
    assert "acme/web" in str(error) or expected is MalformedAnswer
    assert github.requests == len(server.asked) == 2  # nothing was retried or followed


@pytest.mark.parametrize(
    ("reply", "least", "most"),
    [
        (Reply(429, "", {"Retry-After": "17"}), 17, 17),
        (Reply(403, SECONDARY, {"Retry-After": "30"}), 30, 30),
        (Reply(429, ""), 60, 60),
        (Reply(403, SECONDARY), 60, 60),
        (Reply(429, "", {"Retry-After": "soon"}), 60, 60),
    ],
)
def test_limits_carry_the_wait(
    server: GitHubServer, github: Connector, reply: Reply, least: float | None, most: float | None
) -> None:
    server.replies = [reply]
    error = failure(github)
    assert isinstance(error, RateLimited)
    assert error.wait == least == most


def test_limits_with_a_date_or_a_reset_time(server: GitHubServer, github: Connector) -> None:
    until = datetime.now(UTC) + timedelta(minutes=30)
    used_up = {
        "X-RateLimit-Limit": "5000",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(int(until.timestamp())),
    }
    server.replies = [
        Reply(403, '{"message": "API rate limit exceeded for user ID 1."}', used_up),
        Reply(429, "", {"Retry-After": format_datetime(until, usegmt=True)}),
    ]
    for _ in range(2):
        error = failure(github)
        assert isinstance(error, RateLimited)
        assert error.wait is not None
        assert 1700 < error.wait <= 1800


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(401, "{}"), CredentialsRefused),
        (Reply(429, "{}"), RateLimited),
        (Reply(500, "{}"), TryLater),
        (Reply(200, "<html>"), MalformedAnswer),
        (Reply(200, "[]"), MalformedAnswer),
        (Reply(200, '{"id": 42, "full_name": "acme"}'), MalformedAnswer),
    ],
)
def test_a_source_that_cannot_be_used_raises_at_once(
    server: GitHubServer, github: Connector, reply: Reply, expected: type[ConnectorError]
) -> None:
    server.replies = [reply]
    with pytest.raises(expected):
        github.containers()


def test_a_cut_connection_may_pass(server: GitHubServer, github: Connector) -> None:
    server.replies = [Reply(body=None)]
    assert type(failure(github)) is TryLater
    assert github.changed(WEB, FIRST, Demand()).following


def test_closing_leaves_no_socket_even_after_an_error(server: GitHubServer) -> None:
    """Errors hold frames, and those hold pools, in a circle: nothing may depend on the garbage collector."""
    github = opened(server.url)
    server.replies = [Reply(body=None)]
    gc.disable()
    try:
        assert type(failure(github)) is TryLater
        github.containers()
        github.close()
        assert server.wait_until_alone()
    finally:
        gc.enable()


def test_a_refused_token_is_tried_once(server: GitHubServer) -> None:
    github = opened(server.url, "acme/web", "acme/api")
    server.replies = [Reply(401, '{"message": "Bad credentials"}')]
    with pytest.raises(CredentialsRefused):
        github.containers()
    github.close()
    assert len(server.asked) == 1


def test_a_refused_connection_may_pass() -> None:
    with nobody_there() as port:
        github = opened(f"http://127.0.0.1:{port}")
        assert type(failure(github)) is TryLater
        github.close()


def test_silence_ends_with_the_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "TIMEOUT", (5, 0.1))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        github = opened(f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert type(failure(github)) is TryLater
        github.close()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate and its key in one file, which nobody has signed but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = datetime.now(UTC)
    draft = x509.CertificateBuilder(name, name, key.public_key(), 1, today, today + timedelta(days=1))
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    signed = draft.add_extension(names, critical=False).sign(key, hashes.SHA256())
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path / "server.pem"
    file.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM) + key.private_bytes(serialization.Encoding.PEM, *plain)
    )
    return file


def test_an_unknown_certificate_stops(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def shake_hands() -> None:
            connection, _ = listening.accept()
            with connection, contextlib.suppress(OSError):  # the client hangs up
                context.wrap_socket(connection, server_side=True).close()

        with ThreadPoolExecutor(1) as pool:
            served = pool.submit(shake_hands)
            github = opened(f"https://localhost:{listening.getsockname()[1]}")
            error = failure(github)
            github.close()
            served.result(10)
    assert type(error) is Unreachable
    assert "certificate" in str(error)


def test_a_host_that_cannot_exist_stops() -> None:
    github = opened(f"https://{'a' * 70}.example")
    assert type(failure(github)) is Unreachable
    github.close()


def test_a_wrong_token_is_refused_and_never_shown(server: GitHubServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    github = opened(server.url, token="ghp_wrong")
    with pytest.raises(CredentialsRefused) as caught:
        github.check()
    github.close()
    assert "ghp_wrong" not in str(caught.value)
    assert "ghp_wrong" not in caplog.text


@pytest.mark.parametrize("circle", [["2"], ["2", "3"], ["2", "3", "4", "5"]])
def test_pages_in_a_circle_end(server: GitHubServer, github: Connector, circle: list[str]) -> None:
    """The listing names the pages of the circle for ever."""
    turns = count()

    def endless(asked: Asked) -> Reply | None:
        if not asked.path.endswith("/issues"):
            return None
        page = circle[next(turns) % len(circle)]
        link = f'<{server.url}/repositories/42/issues?page={page}>; rel="next"'
        return Reply(200, "[]", {"Link": link})

    server.always = endless
    with pytest.raises(MalformedAnswer, match="the issues of acme/web never end"):
        pages(github)
    assert len(server.asked) < 20


def test_one_bad_item_spoils_its_page(server: GitHubServer, github: Connector) -> None:
    server.issues = [issue(1), issue(2, title=None), issue(3)]
    with pytest.raises(MalformedAnswer, match="title"):
        pages(github)
