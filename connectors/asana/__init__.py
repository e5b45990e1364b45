"""Asana: the projects of one account, read as work items."""

from connectors.asana.settings import Settings
from connectors.contract import Connector

__all__ = ["Settings", "connect", "subscribe"]


def connect(settings: Settings) -> Connector:
    """Open a connection; nothing is asked yet.

    Raises CredentialsRefused for what cannot be a token, Stop for unreadable certificate authorities.
    """
    from connectors.asana.client import Asana  # loads what sends requests, which checking settings does not need

    return Asana(settings)


def subscribe(settings: Settings, container: str, address: str) -> str:
    """Have Asana send word of a project to an address; returns its secret.  Raises ConnectorError."""
    from connectors.asana.subscribing import subscribe as ask

    return ask(settings, container, address)
