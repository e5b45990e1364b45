"""The way to each tracker: `proxy:` and `ca_bundle:` of a source count for every connection of it, also for twins."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors import registry
from connectors.contract import Connector, Container, Unreachable
from tests.loopback import Wire, always, answer, own_authority, tunnel

SECRET = "marked-token-55d0"
NOBODY = "http://127.0.0.1:9"
"""Whoever asks there without the proxy fails."""

SOURCES: Mapping[str, tuple[str, Mapping[str, Any], Mapping[str, Any], Container]] = {
    "jira": (
        "/jira",
        {"email": "headway@acme.example", "projects": ["PAY"]},
        {"id": "10", "key": "PAY", "style": "classic", "deploymentType": "Cloud"},
        Container("10", "PAY", called="PAY"),
    ),
    "github": (
        "/api/v3",
        {"repositories": ["acme/web"]},
        {"id": 42, "full_name": "acme/web"},
        Container("42", "acme/web", called="acme/web"),
    ),
    "asana": (
        "/api/1.0",
        {"projects": ["1204"]},
        {"data": {"gid": "1204", "name": "Launch"}},
        Container("1204", "1204", called="Launch"),
    ),
}
"""By tracker: the path of its root, more keys of a source, what every question is answered, and what comes of it."""


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def opened(tracker: str, origin: str, **way: str) -> Iterator[Connector]:
    known = registry.find(tracker)
    root, keys, _, _ = SOURCES[tracker]
    source = {"connector": tracker, "url": origin + root, "token": SECRET, **keys, **way}
    with closing(known.connect(known.settings.model_validate(source))) as connector:
        yield connector


def see_the_container(tracker: str, origin: str, **way: str) -> None:
    """Resolve the container, by a connection and by its twin."""
    with opened(tracker, origin, **way) as connector, closing(connector.twin()) as twin:
        for one in (connector, twin):
            assert list(one.containers()) == [SOURCES[tracker][3]]


def told(tracker: str) -> bytes:
    return answer(orjson.dumps(SOURCES[tracker][2]))


@pytest.mark.parametrize("tracker", SOURCES)
def test_a_source_with_a_proxy_is_asked_through_it(tracker: str) -> None:
    with Wire(always(told(tracker))) as proxy:
        see_the_container(tracker, NOBODY, proxy=proxy.url)
        assert proxy.connections == 2
        root = SOURCES[tracker][0]
        assert all(asked.startswith(f"GET {NOBODY}{root}/".encode()) for asked in proxy.asked)


@pytest.mark.parametrize("tracker", SOURCES)
def test_a_source_with_authorities_of_its_own_trusts_them(tracker: str, tmp_path: Path) -> None:
    context, pem = own_authority(tmp_path)

    def proxied(connection: socket.socket, asked: bytes) -> bool:
        assert SECRET.encode() not in asked
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with tunnel("127.0.0.1", server.port, connection):
            return False

    with Wire(always(told(tracker)), context) as server, Wire(proxied) as proxy:
        with opened(tracker, server.url) as stranger, pytest.raises(Unreachable, match="ca_bundle"):
            stranger.containers()  # it fails as a source, and not as one project
        assert server.asked == []
        see_the_container(tracker, server.url, ca_bundle=str(pem))
        direct = len(server.asked)
        see_the_container(tracker, server.url, ca_bundle=str(pem), proxy=proxy.url)
        assert (len(server.asked), len(proxy.asked)) == (2 * direct, 2)
