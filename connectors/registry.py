"""Which connectors there are: a name of the config, its settings, and how a connection is opened.

Besides the built-in ones there are those of other distributions, which name them as entry points of the group
`headway.connectors`: the module of a connector offers `Settings` and `connect`, as the built-in packages do.  It is
imported when a config names it, not before, and a broken one breaks no other.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol

from connectors.contract import Connector
from connectors.settings import SourceSettings
from okrs.about import own_version
from okrs.immutable import immutable

GROUP = "headway.connectors"

BUILT_IN = {"asana": "connectors.asana", "github": "connectors.github", "jira": "connectors.jira"}
_LONGEST_REASON = 200


class Connect(Protocol):
    """Open a connection; what sends its requests is imported here, not before."""

    def __call__(self, settings: SourceSettings) -> Connector: ...


class Subscribe(Protocol):
    """Have a tracker that sets up webhooks by its API alone send them for a container to an address.

    Returns the secret that it signs them with.  The one thing that Headway ever asks a tracker to change, so only a
    person's own command calls it, once: asking again would make a second webhook.  Raises ConnectorError.
    """

    def __call__(self, settings: SourceSettings, container: str, address: str) -> str: ...


@immutable
class Registered:
    """A connector that a config may name."""

    name: str
    settings: type[SourceSettings]
    connect: Connect
    subscribe: Subscribe | None = None
    """None where people set up webhooks at the tracker themselves, or where there are none."""


class Unusable(Exception):
    """An installed distribution offers this connector, and it cannot be used; the text says which one and why."""


def names() -> tuple[str, ...]:
    """Names of all connectors, sorted.  Nothing of them is imported."""
    return tuple(sorted({*BUILT_IN, *(entry.name for entry in entry_points(group=GROUP))}))


def find(name: str) -> Registered:
    """Return the connector of that name; a built-in one cannot be replaced.

    Raises KeyError when there is none, Unusable when a distribution offers one that is broken.
    """
    if name in BUILT_IN:
        module: Any = import_module(BUILT_IN[name])
        return Registered(name, module.Settings, module.connect, getattr(module, "subscribe", None))
    offers = list(entry_points(group=GROUP, name=name))
    if not offers:
        raise KeyError(name)
    if len(offers) > 1:
        every = " and ".join(sorted({_owner(offer) for offer in offers}))
        raise Unusable(f"{every} offer it more than once: keep one of them")
    return _loaded(offers[0])


def version_of(name: str) -> str:
    """Return the version of a connector: Headway's own, or that of the distribution that offers it; "" for none."""
    if name in BUILT_IN:
        return own_version()
    return next((offer.dist.version for offer in entry_points(group=GROUP, name=name) if offer.dist), "")


def _loaded(offer: EntryPoint) -> Registered:
    """Return what an entry point names.  Raises Unusable, whatever goes wrong in the module of somebody else."""
    module: Any = _guarded(offer, offer.load)
    settings, connect = getattr(module, "Settings", None), getattr(module, "connect", None)
    if not (isinstance(settings, type) and issubclass(settings, SourceSettings)):
        raise Unusable(f"{_owner(offer)} offers it without a class Settings that extends SourceSettings: {_REMEDY}")
    _guarded(offer, settings.model_rebuild)  # else it is built where a config is read, and what is amiss is told there
    if not callable(connect):
        raise Unusable(f"{_owner(offer)} offers it without a function connect: {_REMEDY}")
    return Registered(offer.name, settings, connect, getattr(module, "subscribe", None))


_REMEDY = "update or remove that distribution"


def _guarded(offer: EntryPoint, load: Callable[[], object]) -> object:
    try:
        return load()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
    raise Unusable(f"{_owner(offer)} offers it and cannot be loaded ({reason}): {_REMEDY}")


def _owner(offer: EntryPoint) -> str:
    if offer.dist is None:
        return f"the entry point {offer.value}"
    return f"the distribution {offer.dist.name} {offer.dist.version}"
