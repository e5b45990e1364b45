"""The human lane: values that people set, one of a key result at most, beside the automatic value."""

import json
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from okrs.immutable import facts, immutable
from okrs.ledger import Entry, canonical_json, timestamp
from store.database import raw
from store.rows import fetched, put
from store.tables import override, storable


@immutable
class Override:
    """A person's value of a key result."""

    key_result: str
    value: Decimal
    why: str
    by: str
    """The id of the person: `store.people`."""
    since: datetime
    until: datetime | None
    """The first instant at which it is not in force any more; None for none."""
    seq: int
    """The entry that tells of it."""

    def active(self, now: datetime) -> bool:
        """Tell whether it is in force: what ran out is shown no more, also before a sync says so in the ledger."""
        return self.until is None or now < self.until

    @property
    def details(self) -> str:
        """What the entry that tells of it carries."""
        return canonical_json({"until": timestamp(self.until) if self.until else None})


def override_of(connection: Connection, name: str) -> Override | None:
    """Return the override of a key result, in force or not; None when there is none."""
    rows = fetched(connection, override, "WHERE key_result = ?", (name,))
    return Override(**vars(rows[0])) if rows else None


def overrides(connection: Connection) -> dict[str, Override]:
    """Return every override, in force or not, by key result."""
    return {row.key_result: Override(**vars(row)) for row in fetched(connection, override)}


def keep_override(connection: Connection, name: str, known: Override | None) -> None:
    """Let this be the override of a key result; None: it has none any more."""
    if known is None:
        raw(connection, "DELETE FROM override WHERE key_result = ?", (storable(name),))
    else:
        put(connection, override, [{**facts(known), "key_result": name}], on=["key_result"])


def until_in(details: str | None) -> datetime | None:
    """Return the end of an override that the details of its entry tell.  Raises ValueError and the like for others."""
    told = json.loads(details or "{}")["until"]
    return None if told is None else datetime.fromisoformat(told)


def told_by(entry: Entry) -> Override:
    """Return the override that an entry tells of.  Raises ValueError and the like where it tells of none."""
    if entry.new is None or not entry.why or not entry.by:
        raise ValueError("an override has a value, a reason and a person")
    return Override(entry.key_result, entry.new, entry.why, entry.by, entry.at, until_in(entry.details), entry.seq)
