"""How key results stood when their cycles were closed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, select

from store.tables import final


@dataclass(frozen=True, slots=True)
class Final:
    """The end of a key result: nothing moves it any more."""

    key_result: str
    cycle: str
    value: Decimal | None
    """What was shown when the cycle was closed."""
    grade: Decimal
    """0…1."""
    at: datetime
    head: str
    """The hash of the ledger's head at that time."""
    seq: int
    """The entry that tells of it."""


def finals(connection: Connection) -> dict[str, Final]:
    """Return the end of every key result of a closed cycle."""
    rows = connection.execute(select(final))
    return {row.key_result: Final(**{column.name: getattr(row, column.name) for column in final.c}) for row in rows}


def keep_finals(connection: Connection, known: Iterable[Final]) -> None:
    """Write the end of key results, once and for all.  Raises IntegrityError for one that has ended before."""
    for each in known:
        connection.execute(final.insert().values({column.name: getattr(each, column.name) for column in final.c}))
