"""The GitHub connector: one connection, made of a wire of its own and of what all connections of the source share."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Self

from connectors.contract import (
    Account,
    Container,
    Cursor,
    Demand,
    Family,
    Found,
    IdPage,
    Listed,
    Page,
    Quota,
    Unreadable,
)
from connectors.github import account, families, identities, search, shared
from connectors.github.boards import Boards
from connectors.github.credentials import credentials_of
from connectors.github.reading import Reading
from connectors.github.settings import Settings
from connectors.github.wire import Wire, route_of
from okrs.work import Ref


class GitHubConnector:
    """One open connection to one GitHub, used by one thread."""

    def __init__(self, wire: Wire, known: shared.Shared) -> None:
        self._wire, self._shared = wire, known

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open the first connection of a source; nothing is asked yet.

        Raises CredentialsRefused for what cannot be a token or a key, Stop for unreadable certificate authorities.
        """
        known = shared.Shared(settings, credentials_of(settings), Boards(settings.boards or ()))
        return cls(Wire(route_of(settings), known.credentials), known)

    @property
    def requests(self) -> int:
        return self._wire.line.sent

    @property
    def quota(self) -> Quota | None:
        return self._wire.line.quota

    @property
    def told(self) -> datetime | None:
        return self._wire.line.told

    def twin(self) -> Self:
        return type(self)(self._wire.twin(), self._shared)

    def containers(self) -> tuple[Container | Unreadable, ...]:
        return shared.containers(self._wire, self._shared)

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        self._shared.boards.expect(demand)
        if demand.fields and cursor.resume is None and cursor.since is None:
            # A name that means none is told before anything is listed.
            self._shared.boards.told(self._wire, demand, archived=True)
        return Reading(self._wire, self._shared, container).page(cursor, demand)

    def census(self, container: Container, demand: Demand, resume: str | None) -> IdPage:  # noqa: ARG002 - all is listed
        return identities.census(self._wire, self._shared, container, resume)

    def look_up(self, container: Container, refs: Sequence[Ref], demand: Demand) -> Mapping[str, Found]:
        return identities.LookUp(self._wire, self._shared, container, demand).every(refs)

    def matching(self, query: str, resume: str | None) -> IdPage:
        return search.matching(self._wire, self._shared, query, resume)

    def outside(self, family: Family, resume: str | None) -> IdPage:
        return families.outside(self._wire, self._shared, family, resume)

    def check(self) -> Account:
        return account.check(self._wire, self._shared)

    def discover(self) -> Sequence[Listed]:
        return list(account.discover(self._wire, self._shared))

    def close(self) -> None:
        self._wire.close()
