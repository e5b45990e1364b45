"""Whether something changed that pages show: a short word that stays the same until it did."""

from functools import cache
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Select, select

from store import ledger
from store.tables import hold, source


def pulse(connection: Connection) -> str:
    """Return a word for what the ledger, the mirror, the sources' troubles and what waits for people are like now.

    That a source was read again and nothing came of it is no change.
    """
    head = ledger.head_of(connection)
    mirrors, waits = ([tuple(row) for row in connection.execute(asked)] for asked in _asked())
    return sha256(repr((head.seq, head.hash, mirrors, waits)).encode()).hexdigest()[:16]


@cache
def _asked() -> tuple[Select[Any], Select[Any]]:
    """Put together once: that takes as long as to answer it."""
    columns = (source.c.name, source.c.generation, source.c.state, source.c.error)
    return select(*columns).order_by(source.c.name), select(hold.c.id, hold.c.rejected).order_by(hold.c.id)
