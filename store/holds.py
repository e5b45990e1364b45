"""Holds: updates that wait for a person, and those that were rejected, one of a key result at most."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from okrs.immutable import facts, immutable
from okrs.ledger import canonical_json, timestamp
from okrs.numbers import as_json, plain_or_none
from store.database import raw
from store.rows import fetched, put
from store.tables import hold, storable


@immutable
class Hold:
    """An update that the guard did not let through."""

    id: str
    key_result: str
    old: Decimal | None
    """The automatic value, which stays."""
    new: Decimal | None
    """What it would become."""
    reason: str
    """A sentence for managers."""
    proposal: str
    """Digest of the evidence that the update would write."""
    since: datetime
    rejected: bool = False
    """A person decided against it: it waits no more, and is not asked about again while its evidence stays the same."""

    @property
    def details(self) -> str:
        """What the entry that tells of it carries."""
        return canonical_json({"hold": self.id, "new": plain_or_none(self.new), "proposal": self.proposal})


def hold_of(connection: Connection, name: str) -> Hold | None:
    """Return the hold of a key result, open or rejected."""
    rows = fetched(connection, hold, "WHERE key_result = ?", (name,))
    return Hold(**vars(rows[0])) if rows else None


def open_holds(connection: Connection) -> tuple[Hold, ...]:
    """Return the holds that wait for a person, the oldest first."""
    rows = fetched(connection, hold, "WHERE NOT rejected ORDER BY since, key_result")
    return tuple([Hold(**vars(row)) for row in rows])


def all_holds(connection: Connection) -> dict[str, Hold]:
    """Return every hold, open or rejected, by key result."""
    return {row.key_result: Hold(**vars(row)) for row in fetched(connection, hold)}


def keep(connection: Connection, name: str, known: Hold | None) -> None:
    """Let this be the hold of a key result; None: it has none any more."""
    if known is None:
        raw(connection, "DELETE FROM hold WHERE key_result = ?", (storable(name),))
    else:
        put(connection, hold, [{**facts(known), "key_result": name}], on=["key_result"])


def holds_json(holds: tuple[Hold, ...]) -> list[dict[str, Any]]:
    """The document of `holds --json`, and the list under `held` of `sync --json`."""
    return [
        {
            "id": each.id,
            "key_result": each.key_result,
            "old": as_json(each.old),
            "new": as_json(each.new),
            "reason": each.reason,
            "since": timestamp(each.since),
        }
        for each in holds
    ]
