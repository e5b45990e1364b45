"""How the sources do: when each was read and asked, what failed, container by container."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, select

from okrs.immutable import immutable
from store import sources
from store.schedule import Turn, turns
from store.sources import ContainerState
from store.tables import source
from store.views.setup import Setup


@immutable
class Health:
    """What is known of a source beside its status."""

    last_attempt: datetime | None
    containers: tuple[ContainerState, ...]
    turn: Turn | None = None
    """When the service reads it next; None where it never did."""
    state: str = ""
    """How its last read ended, as in `SourceState`."""


def health(connection: Connection, setup: Setup) -> dict[str, Health]:
    """Return what is known of every configured source, by name."""
    rows = connection.execute(select(source.c.name, source.c.last_attempt))
    attempts, planned = {row.name: row.last_attempt for row in rows}, turns(connection)
    return {each.name: _health(connection, each.name, attempts.get(each.name), planned) for each in setup.sources}


def _health(connection: Connection, name: str, attempt: datetime | None, planned: Mapping[str, Turn]) -> Health:
    state = sources.state_of(connection, name)
    return Health(attempt, state.containers, planned.get(name), state.state)
