"""The Asana connector: one connection, and what it has found out."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from connectors.asana import asking, seeing
from connectors.asana.asking import Asking
from connectors.asana.fields import OF_A_PROJECT, Field, Fields, fields_of
from connectors.asana.looking import Looking
from connectors.asana.reading import Reading
from connectors.asana.settings import Settings
from connectors.asana.transport import Transport
from connectors.contract import (
    Account,
    Container,
    Cursor,
    Demand,
    Family,
    Found,
    IdPage,
    Listed,
    MalformedAnswer,
    Page,
    QueryRefused,
    Quota,
    Unreadable,
)
from connectors.plain import lasting, resolved
from okrs.work import Ref


class Asana:
    """One connection with one token, used by one thread.  A container's id and name are the project's gid."""

    def __init__(
        self,
        settings: Settings,
        transport: Transport | None = None,
        deleted: set[str] | None = None,
        fields: Fields | None = None,
    ) -> None:
        self._settings = settings
        self._transport = transport or Transport(settings)
        self._fields = fields or Fields()
        self._deleted = set() if deleted is None else deleted
        """Tasks that events called deleted: asked for by its gid, such a task is as unknown as any (404).  Shared with
        the twins; every operation on it is a single one, so threads do no harm."""
        self._asking = Asking(self._transport)
        self._reading = Reading(self._asking, self._deleted)

    @property
    def requests(self) -> int:
        return self._transport.line.sent

    @property
    def quota(self) -> Quota | None:
        """None: Asana tells of its limits only when they are reached (429 with `Retry-After`)."""
        return self._transport.line.quota

    @property
    def told(self) -> datetime | None:
        return self._transport.line.told

    def twin(self) -> "Asana":
        transport = Transport(self._settings, self._transport.line.twin())
        return Asana(self._settings, transport, self._deleted, self._fields)

    def containers(self) -> Sequence[Container | Unreadable]:
        known: dict[str, tuple[Field, ...]] = {}
        found = resolved(self._settings.projects, lambda gid: self._container(gid, known))
        self._fields.projects = known
        self._fields.doubtful = any(isinstance(one, Unreadable) and one.passing for one in found)
        return found

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        if cursor.resume is None:
            self._fields.check(container.id, demand)
        return self._reading.changed(container.id, cursor, demand)

    def census(self, container: Container, demand: Demand, resume: str | None) -> IdPage:  # noqa: ARG002 - asks for nothing more
        return self._reading.census(container.id, resume)

    def look_up(self, container: Container, refs: Sequence[Ref], demand: Demand) -> Mapping[str, Found]:
        look = Looking(self._asking, container.id, self._settings.projects, self._deleted, demand)
        return {ref.id: look.up(ref.id) for ref in refs}

    def matching(self, query: str, resume: str | None) -> IdPage:  # noqa: ARG002 - the contract's
        raise QueryRefused(
            f"Asana has no query language, so it cannot be asked {query!r}: "
            "say it with `project`, `section`, `label` or `assignee` under `where:`."
        )

    def outside(self, family: Family, resume: str | None) -> IdPage:  # noqa: ARG002 - the contract's
        """Nothing: sub-tasks are read with what they lie under, whatever projects they are in."""
        return IdPage(())

    def check(self) -> Account:
        return seeing.account(self._asking, self.containers())

    def discover(self) -> Sequence[Listed]:
        return seeing.listed(self._asking, lasting(self.containers()))

    def close(self) -> None:
        self._transport.close()

    def _container(self, gid: str, known: dict[str, tuple[Field, ...]]) -> Container:
        project = self._asking.one(asking.project(gid), f"name,{OF_A_PROJECT}")
        name = project.get("name")
        if not isinstance(name, str):
            raise MalformedAnswer(f"The answer for the project {gid} holds no name; nothing of it was used.")
        known[gid] = fields_of(project)
        return Container(gid, gid, called=name)
