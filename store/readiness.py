"""Whether what was read of a source is enough for a rule: one notion for who writes values and for who says why not."""

from collections.abc import Iterable

from sqlalchemy import Connection

from okrs.demand import Demand
from store import queries
from store.sources import SourceState


def ready(connection: Connection, state: SourceState, names: Iterable[str], demand: Demand) -> bool:
    """Tell whether all that is asked was read: every configured container completely, every query answered once."""
    return state.ready(names, demand) and answered(connection, state.name, demand)


def usable(connection: Connection, state: SourceState, demand: Demand) -> bool:
    """Tell whether what was read of a source holds what is asked, its queries answered at least once.

    A container that was added and not read yet does not stop a rule on record.
    """
    return state.usable(demand) and answered(connection, state.name, demand)


def answered(connection: Connection, name: str, demand: Demand) -> bool:
    """Tell whether every query that is asked of a source was answered once."""
    return not demand.queries or demand.queries <= queries.answered(connection, name)
