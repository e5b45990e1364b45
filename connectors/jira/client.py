"""An open connection to one Jira: what the contract asks, each in a module of its own."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from connectors.contract import (
    Account,
    ConnectorError,
    Container,
    CredentialsRefused,
    Cursor,
    Demand,
    Family,
    Found,
    IdPage,
    Listed,
    MalformedAnswer,
    Page,
    Quota,
    RateLimited,
    Unreachable,
    Unreadable,
)
from connectors.jira.account import account
from connectors.jira.discover import listed
from connectors.jira.families import outside
from connectors.jira.listing import Listing
from connectors.jira.lookup import LookUp
from connectors.jira.settings import Settings
from connectors.jira.site import Knowledge, Site
from connectors.jira.transport import Transport
from connectors.plain import lasting, resolved
from okrs.work import Ref


class Jira:
    """A `connectors.contract.Connector`.  A quiet poll of a project asks two things: the project and its issues."""

    def __init__(
        self, settings: Settings, timeout: tuple[float, float] | None = None, known: Knowledge | None = None
    ) -> None:
        """Raises Stop when the file of certificate authorities cannot be read."""
        self._settings, self._timeout = settings, timeout
        self._http = Transport(settings, timeout)
        self._known = known or Knowledge()
        self._site = Site(settings, self._http, self._known)
        self._listing = Listing(self._site)

    @property
    def requests(self) -> int:
        return self._http.line.sent

    @property
    def quota(self) -> Quota | None:
        return self._http.line.quota

    @property
    def told(self) -> datetime | None:
        return self._http.line.told

    def twin(self) -> "Jira":
        return Jira(self._settings, self._timeout, self._known)

    def containers(self) -> Sequence[Container | Unreadable]:
        self._known.begin()
        if not self._settings.projects:  # of a config that is still to be written: who asks, and what there is
            self._site.server()
            self._resolved([])
            return []
        first, *others = self._settings.projects
        answers = {first: self._first(first)}
        found = resolved((first, *others), lambda name: _told(answers.get(name) or self._container(name)))
        self._resolved(found)
        return found

    def _resolved(self, found: Sequence[Container | Unreadable]) -> None:
        self._known.unread = any(isinstance(one, Unreadable) for one in found)
        self._known.configured = frozenset([one.id for one in found if isinstance(one, Container)])

    def _first(self, name: str) -> Container | ConnectorError:
        """Return the first project, or why it cannot be had.

        A wrong address is a failure of the source, not of each of its projects: it shows when the server is asked.
        Raises ConnectorError then.
        """
        first: Container | ConnectorError
        try:
            first = self._container(name)
        except ConnectorError as error:
            first = error
        if isinstance(first, CredentialsRefused | Unreachable | RateLimited | MalformedAnswer):
            raise first
        if isinstance(first, ConnectorError) or self._known.cloud is None:
            self._site.server()
        return first

    def _container(self, name: str) -> Container:
        project = self._site.project(name, name)
        self._known.fresh[project["id"]] = project
        return Container(project["id"], name, called=project["key"])

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        return self._listing.changed(container, cursor, demand)

    def census(self, container: Container, demand: Demand, resume: str | None) -> IdPage:
        return self._listing.census(container, demand, resume)

    def look_up(self, container: Container, refs: Sequence[Ref], demand: Demand) -> Mapping[str, Found]:
        return LookUp(self._site, self._configured).found(container, refs, demand)

    def matching(self, query: str, resume: str | None) -> IdPage:
        return self._listing.matching(query, resume)

    def outside(self, family: Family, resume: str | None) -> IdPage:
        return outside(self._site, self._configured(), family, resume)

    def check(self) -> Account:
        return account(self._site, self.containers())

    def discover(self) -> Sequence[Listed]:
        return listed(self._site, lasting(self.containers()))

    def close(self) -> None:
        self._http.close()

    def _configured(self) -> frozenset[str]:
        if self._known.configured is None:
            self.containers()
        return self._known.configured or frozenset()


def _told(answer: Container | ConnectorError) -> Container:
    if isinstance(answer, ConnectorError):
        raise answer
    return answer
