"""How key results stood when their cycles were closed."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, select

from okrs.closing import Ending, parse_ending
from okrs.cycle import Cycle
from okrs.immutable import facts, immutable
from okrs.objective import KeyResult
from store.database import raw
from store.rows import fetched, put
from store.tables import final, ledger_entry


@immutable
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
    return {row.key_result: Final(**vars(row)) for row in fetched(connection, final)}


def keep_finals(connection: Connection, known: Iterable[Final]) -> None:
    """Write the end of key results, once and for all.  Raises IntegrityError for one that has ended before."""
    put(connection, final, [facts(each) for each in known])


def moved_from(end: Final | None, key_result: KeyResult, cycles: Iterable[Cycle]) -> str | None:
    """Return the closed cycle that a key result's end belongs to, where the config has it in another one by now.

    None where the cycle has but another name, under which the config does not have the old one beside it.
    """
    if end is None or end.cycle == key_result.cycle or all(each.id != end.cycle for each in cycles):
        return None
    return end.cycle


@immutable
class Ended:
    """What nothing moves any more."""

    key_results: frozenset[str]
    cycles: frozenset[str]

    def stops(self, key_result: KeyResult) -> bool:
        """Tell whether nothing is recorded of a key result any more, also of one that came into a closed cycle."""
        return key_result.id in self.key_results or key_result.cycle in self.cycles


def ended(connection: Connection) -> Ended:
    """Return which key results and cycles are closed."""
    rows = raw(connection, "SELECT key_result, cycle FROM final").all()
    return Ended(frozenset(row.key_result for row in rows), frozenset(row.cycle for row in rows))


def has_ended(connection: Connection, name: str) -> bool:
    """Tell whether a key result is of a closed cycle."""
    return raw(connection, "SELECT 1 FROM final WHERE key_result = ?", (name,)).first() is not None


@immutable
class Closed:
    """The end of a key result, as its `close` entry tells it."""

    final: Final
    ending: Ending
    automatic: Decimal | None
    """The automatic value then."""
    by: str | None
    """The id of the person who closed it: `store.people`."""
    why: str | None


def closed(connection: Connection, name: str | None = None) -> dict[str, Closed]:
    """Return how key results ended, all or one, by name."""
    ends = finals(connection)
    if not ends:
        return {}
    entries = select(ledger_entry, final.c.key_result.label("name")).join(final, final.c.seq == ledger_entry.c.seq)
    if name is not None:
        entries = entries.where(final.c.key_result == name)
    return {
        row.name: Closed(ends[row.name], parse_ending(row.details), row.new, row.by, row.why)
        for row in connection.execute(entries)
        if row.name in ends
    }
