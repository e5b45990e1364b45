"""Asana: the projects of one account, read as work items."""

from connectors.asana.settings import Settings
from connectors.contract import Connector

__all__ = ["Settings", "connect"]


def connect(settings: Settings) -> Connector:
    """Open a connection that does not retry by itself.  Raises ConnectorError when the token cannot be sent."""
    from connectors.asana.client import Asana  # loads what sends requests, which checking settings does not need

    return Asana(settings)
