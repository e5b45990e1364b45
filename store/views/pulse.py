"""Whether something changed that pages show: a short word that stays the same until it did."""

from hashlib import sha256

from sqlalchemy import Connection, select

from store import ledger
from store.tables import hold, source


def pulse(connection: Connection) -> str:
    """Return a word for what the ledger, the mirror, the sources' troubles and what waits for people are like now.

    That a source was read again and nothing came of it is no change.
    """
    head = ledger.head_of(connection)
    columns = (source.c.name, source.c.generation, source.c.state, source.c.error)
    mirrors = [tuple(row) for row in connection.execute(select(*columns).order_by(source.c.name))]
    waits = [tuple(row) for row in connection.execute(select(hold.c.id, hold.c.rejected).order_by(hold.c.id))]
    return sha256(repr((head.seq, head.hash, mirrors, waits)).encode()).hexdigest()[:16]
