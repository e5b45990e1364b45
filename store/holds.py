"""Holds: updates that wait for a person, and those that were rejected, one of a key result at most."""

from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, select

from okrs.immutable import immutable
from okrs.ledger import canonical_json, timestamp
from okrs.numbers import as_json, plain_or_none
from store.database import upsert
from store.tables import hold


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
    row = connection.execute(_of(), {"name": name}).one_or_none()
    return _hold(row) if row else None


@cache
def _of() -> Select[Any]:
    return select(hold).where(hold.c.key_result == bindparam("name"))


def open_holds(connection: Connection) -> tuple[Hold, ...]:
    """Return the holds that wait for a person, the oldest first."""
    return tuple(map(_hold, connection.execute(_open())))


@cache
def _open() -> Select[Any]:
    return select(hold).where(~hold.c.rejected).order_by(hold.c.since, hold.c.key_result)


def all_holds(connection: Connection) -> dict[str, Hold]:
    """Return every hold, open or rejected, by key result."""
    return {row.key_result: _hold(row) for row in connection.execute(_all())}


@cache
def _all() -> Select[Any]:
    return select(hold)


def keep(connection: Connection, name: str, known: Hold | None) -> None:
    """Let this be the hold of a key result; None: it has none any more."""
    if known is None:
        connection.execute(delete(hold).where(hold.c.key_result == name))
        return
    told = {column.name: getattr(known, column.name) for column in hold.c if column.name != "key_result"}
    statement = upsert(connection.dialect.name, hold).values(key_result=name, **told)
    connection.execute(statement.on_conflict_do_update(index_elements=["key_result"], set_=told))


def _hold(row: Row[tuple[object, ...]]) -> Hold:
    return Hold(
        id=row.id,
        key_result=row.key_result,
        old=row.old,
        new=row.new,
        reason=row.reason,
        proposal=row.proposal,
        since=row.since,
        rejected=bool(row.rejected),
    )


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
