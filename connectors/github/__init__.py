"""GitHub: issues, pull requests and milestones of repositories, on github.com and Enterprise Server."""

from connectors.contract import Connector
from connectors.github.settings import Settings

__all__ = ["Settings", "connect"]


def connect(settings: Settings) -> Connector:
    """Open a connection; nothing is asked yet.  Raises CredentialsRefused for text that cannot be a token."""
    from connectors.github.client import GitHubConnector

    return GitHubConnector(settings)
