"""Fixtures that several files share: the small GitHub whose answers a test may dictate, and a connection to it."""

from collections.abc import Iterator

import pytest

from connectors.contract import Connector
from tests.integration.github_server import GitHubServer, opened


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer() as running:
        yield running


@pytest.fixture
def github(server: GitHubServer) -> Iterator[Connector]:
    """A connection that knows its repository."""
    connector = opened(server.url)
    connector.containers()
    yield connector
    connector.close()
