"""Asana: the projects of one account, read as work items."""

from connectors.asana.settings import Settings
from connectors.contract import Connector

__all__ = ["Settings", "connect"]


def connect(settings: Settings) -> Connector:
    """Open a connection; nothing is asked yet.

    Raises CredentialsRefused for what cannot be a token, Stop for unreadable certificate authorities.
    """
    from connectors.asana.client import Asana  # loads what sends requests, which checking settings does not need

    return Asana(settings)
