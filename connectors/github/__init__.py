"""GitHub: issues, pull requests and milestones of repositories, on github.com and Enterprise Server."""

from connectors.contract import Connector
from connectors.github.settings import Settings

__all__ = ["Settings", "connect"]


def connect(settings: Settings) -> Connector:
    """Open a connection; nothing is asked yet.

    Raises CredentialsRefused for what cannot be a token or key, Stop for unreadable certificate authorities.
    """
    from connectors.github.client import GitHubConnector

    return GitHubConnector.open(settings)
