"""Jira, Cloud and Data Center: projects as containers, fix versions as milestones."""

from connectors.contract import Connector
from connectors.jira.settings import Settings

__all__ = ["Settings", "connect"]


def connect(settings: Settings) -> Connector:
    """Open a connection; nothing is asked yet.  Raises Stop for unreadable certificate authorities."""
    from connectors.jira.client import Jira

    return Jira(settings)
