"""Webhooks that a person's command sets up just now, told to the service that the tracker asks about them.

No secret is kept: what the tracker sends is given back and forgotten.  The command has it from the tracker itself.
"""

from datetime import datetime
from hashlib import sha256

from sqlalchemy import ColumnElement, delete, select

from store.database import Database
from store.tables import handshake


def expect(database: Database, source: str, ticket: str, now: datetime, until: datetime) -> None:
    """Let the tracker of a source ask once, until then, at an address with this ticket in it."""
    with database.write() as connection:
        connection.execute(delete(handshake).where(handshake.c.until <= now))
        connection.execute(handshake.insert().values(ticket=_digest(ticket), source=source, until=until))


def take(database: Database, source: str, ticket: str, now: datetime) -> bool:
    """Tell whether that is waited for; it is so once."""
    here = (handshake.c.ticket == _digest(ticket), handshake.c.source == source, handshake.c.until > now)
    with database.read() as connection:  # whoever may send us something keeps no writer waiting
        if connection.execute(select(handshake.c.ticket).where(*here)).one_or_none() is None:
            return False
    return _removed(database, *here)


def withdraw(database: Database, ticket: str) -> bool:
    """Wait no longer; tells whether nobody had asked."""
    return _removed(database, handshake.c.ticket == _digest(ticket))


def _removed(database: Database, *here: ColumnElement[bool]) -> bool:
    with database.write() as connection:
        return connection.execute(delete(handshake).where(*here)).rowcount == 1


def _digest(ticket: str) -> str:
    return sha256(ticket.encode()).hexdigest()
