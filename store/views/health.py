"""How the sources do: when each was read and asked, what failed, container by container."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from store import sources
from store.schedule import Turn, turns
from store.sources import ContainerState
from store.tables import source
from store.views.setup import Setup


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of a source beside its status."""

    last_attempt: datetime | None
    containers: tuple[ContainerState, ...]
    turn: Turn | None = None
    """When the service reads it next; None where it never did."""


def health(connection: Connection, setup: Setup) -> dict[str, Health]:
    """Return what is known of every configured source, by name."""
    rows = connection.execute(select(source.c.name, source.c.last_attempt))
    attempts, planned = {row.name: row.last_attempt for row in rows}, turns(connection)
    return {
        each.name: Health(
            attempts.get(each.name), sources.state_of(connection, each.name).containers, planned.get(each.name)
        )
        for each in setup.sources
    }
