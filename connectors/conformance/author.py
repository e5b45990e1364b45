"""What the author of a connector says about it, and the one tracker of a law with the connections opened to it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from connectors.conformance.relay import Relay
from connectors.contract import Connector, Container, Cursor, Demand
from connectors.settings import SourceSettings
from okrs.immutable import immutable, replace
from okrs.work import WorkItem


class Tracker(Protocol):
    """A server that plays the tracker, or is one."""

    @property
    def url(self) -> str:
        """Its address as a config would name it, by http on this machine."""

    def now(self) -> datetime:
        """Its own clock."""

    def change(self) -> Collection[str]:
        """Change items, in the tracker's eyes a minute or more after everything before; return their keys.

        So many of the first container that to read them takes two pages.  None is deleted or moved, and the clock
        stands behind the change afterwards.
        """


@runtime_checkable
class Mover(Protocol):
    """A tracker whose items get other keys in their lives.  Without it nothing proves that ids are no keys."""

    def move(self) -> Mapping[str, str]:
        """Move items to another container, or rename them or their container; return their keys, the old to the new.

        Each of them can still be read, and none is deleted.
        """


@immutable
class Golden:
    """A payload beside the items that it must become, in the form of `connectors.golden`."""

    payload: Path
    expected: Path
    """JSON: what `golden(items)` returns."""
    read: Callable[[bytes], Iterable[WorkItem]]


class Author:
    """What the laws must know of a connector; the rest they find out."""

    connector: Any
    """The module that offers `Settings` and `connect`, as an entry point of `headway.connectors` names it."""
    containers: tuple[str, ...]
    """Names that a config may give, all of them readable; the first container has the most items."""
    absent: str
    """An id in the tracker's form that no item has."""
    unknown: str = ""
    """A name of a container that the tracker does not know; "" where a config names none."""
    token: str = ""
    """The secret in `keys`; "" where there is none."""
    fields: frozenset[str] = frozenset()
    """Names of number fields that items of the tracker have, as a mapping's `by:` would spell them."""
    compared: frozenset[str] = frozenset()
    """Names of other fields that items have, as `field.<name>` would spell them."""
    query: str = ""
    """A query in the tracker's own language that finds something in the containers; "" where it has none."""
    wrong_query: str = ""
    """One that the tracker refuses; "" where it takes any text."""
    above: str = ""
    """Key of an item of the first container under which lies something of another one; "" where there can be none."""
    least_pages: int = 3
    """How many pages the first container takes at least: with fewer the laws of pages would prove nothing."""

    def keys(self, where: str, names: Sequence[str]) -> Mapping[str, Any]:
        """Return a source of the config; `where` is the address of the tracker, or the path of the file."""
        raise NotImplementedError

    def goldens(self) -> Sequence[Golden]:
        """Return golden payloads, one at least."""
        raise NotImplementedError

    def trial(self) -> "AbstractContextManager[Trial]":
        """Return a fresh tracker for one law; `HttpConformance` and `FileConformance` know how."""
        raise NotImplementedError

    @property
    def demand(self) -> Demand:
        """What the laws ask for: everything that there is."""
        return replace(self.named, histories=True, sprints=True, refs=True)

    @property
    def named(self) -> Demand:
        """The fields alone."""
        return Demand(fields=self.fields | self.compared, numbers=self.fields)

    def settings(self, where: str, names: Sequence[str]) -> SourceSettings:
        settings: SourceSettings = self.connector.Settings.model_validate(self.keys(where, names))
        return settings


@dataclass
class Trial:
    """A tracker for the length of one law."""

    author: Author
    where: str
    """The address that the connector is given (the relay's), or the path of the file."""
    now: Callable[[], datetime]
    change: Callable[[], Collection[str]]
    move: Callable[[], Mapping[str, str]] | None = None
    """As of a `Mover`."""
    web: Relay | None = None
    """What stands between connector and tracker; None for a file."""
    _opened: list[Connector] = field(default_factory=list)

    def open(self, *names: str) -> Connector:
        """Open a connection for the containers of these names, by default for all that can be read."""
        settings = self.author.settings(self.where, names or self.author.containers)
        return self._kept(self.author.connector.connect(settings))

    def twin(self, connector: Connector) -> Connector:
        """Return a twin, closed with the rest."""
        return self._kept(connector.twin())

    def cursor(self, resume: str | None = None) -> Cursor:
        """Where a complete read begins, or goes on."""
        return Cursor(now=self.now(), resume=resume)

    def close(self) -> None:
        while self._opened:
            self._opened.pop().close()

    def _kept(self, connector: Connector) -> Connector:
        if all(connector is not known for known in self._opened):
            self._opened.append(connector)
        return connector


def resolved(connector: Connector) -> list[Container]:
    """Return the configured containers, all of which can be read."""
    found = connector.containers()
    assert all(isinstance(one, Container) for one in found), f"`containers` are all readable, but came as {found}"
    return [one for one in found if isinstance(one, Container)]
