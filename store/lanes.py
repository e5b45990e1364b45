"""What there is of a key result's value, lane by lane, and which of it is shown."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from okrs.cycle import Calendar
from okrs.immutable import immutable
from okrs.lanes import shown_value
from okrs.ledger import timestamp
from okrs.numbers import as_json
from store import ledger
from store.finals import Final, finals
from store.ledger import KeyResultState
from store.overrides import Override, override_of


@immutable
class Lanes:
    """A key result's automatic and human lane, and how it ended."""

    state: KeyResultState | None = None
    override: Override | None = None
    """In force or not."""
    final: Final | None = None

    @property
    def automatic(self) -> Decimal | None:
        return self.state.value if self.state else None

    def in_force(self, now: datetime) -> Override | None:
        """Return the override whose value is shown; None when there is none."""
        known = self.override
        return known if known is not None and self.final is None and known.active(now) else None

    def shown(self, now: datetime) -> Decimal | None:
        return shown_value(self.automatic, self.override, self.final, now)


def lanes_of(connection: Connection, name: str) -> Lanes:
    """Return the lanes of a key result, also of one that nobody ever measured."""
    return Lanes(ledger.state_of(connection, name), override_of(connection, name), finals(connection).get(name))


def last_day(known: Override | None, calendar: Calendar) -> date | None:
    """Return the last local day on which a person's value is, or was, in force; None when it has none."""
    if known is None or known.until is None:
        return None
    return calendar.day_of(known.until - timedelta.resolution)


def override_json(known: Override | None, names: Mapping[str, str]) -> dict[str, Any] | None:
    """The `override` of a key result, as documents have it; `names` are those of people by their ids."""
    if known is None:
        return None
    until = timestamp(known.until) if known.until else None
    by = names.get(known.by, known.by)
    return {"value": as_json(known.value), "why": known.why, "by": by, "until": until}
