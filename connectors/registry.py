"""Which connectors there are: a name of the config, its settings, and how a connection is opened."""

from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from connectors.contract import Connector
from connectors.settings import SourceSettings

_BUILT_IN = {"asana": "connectors.asana", "github": "connectors.github", "jira": "connectors.jira"}


class Connect(Protocol):
    """Open a connection; the client library is imported here, not before."""

    def __call__(self, settings: SourceSettings) -> Connector: ...


@dataclass(frozen=True, slots=True)
class Registered:
    """A connector that a config may name."""

    name: str
    settings: type[SourceSettings]
    connect: Connect


def names() -> tuple[str, ...]:
    """Names of all connectors, sorted."""
    return tuple(sorted(_BUILT_IN))


def find(name: str) -> Registered:
    """Return the connector of that name.  Raises KeyError when there is none."""
    module = import_module(_BUILT_IN[name])
    return Registered(name, module.Settings, cast("Connect", module.connect))
