"""People who change something by hand: entries name them by a random id, so that a name can be forgotten."""

import uuid
from collections.abc import Iterable

from sqlalchemy import Connection, select

from store.database import slices
from store.rows import put
from store.tables import person


def person_id(connection: Connection, name: str) -> str:
    """Return the id of a person, a new one for somebody new."""
    put(connection, person, [{"id": uuid.uuid4().hex[:16], "name": name}], on=["name"], anew={})
    return str(connection.execute(select(person.c.id).where(person.c.name == name)).scalar_one())


SOMEBODY = "somebody"
"""Who did it, where the name is forgotten."""


def names_of(connection: Connection, ids: Iterable[str]) -> dict[str, str]:
    """Return the names of people by their ids; those that were forgotten are `SOMEBODY`."""
    found: dict[str, str] = {}
    for some in slices(ids):
        rows = connection.execute(select(person.c.id, person.c.name).where(person.c.id.in_(some)))
        found.update((row.id, SOMEBODY if row.name is None else row.name) for row in rows)
    return found
