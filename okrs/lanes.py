"""The two lanes of a key result (DESIGN 6): what its tickets say, and what a person says beside them."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from okrs.ledger import EntryKind


class Lane(StrEnum):
    """Whose values an entry's `old` and `new` are."""

    AUTOMATIC = "automatic"
    HUMAN = "human"
    ASIDE = "aside"
    """Nobody's: it only tells how the key result stood."""
    RECONSTRUCTED = "reconstructed"
    """What the trackers' own dates say of days before it was first measured."""


_LANES = {
    EntryKind.OVERRIDE: Lane.HUMAN,
    EntryKind.RESUME: Lane.HUMAN,
    EntryKind.CHECKIN: Lane.ASIDE,
    EntryKind.CLOSE: Lane.ASIDE,
    EntryKind.RECONSTRUCTED: Lane.RECONSTRUCTED,
}


def lane_of(kind: EntryKind) -> Lane:
    """Return the lane that entries of a kind belong to."""
    return _LANES.get(kind, Lane.AUTOMATIC)


def day_in(details: str | None) -> date | None:
    """Return the local day that a reconstructed entry tells of; None where it tells of none."""
    told = json.loads(details or "{}")
    day = told.get("day") if isinstance(told, dict) else None
    return None if day is None else date.fromisoformat(day)


def approximate_in(details: str | None) -> tuple[str, ...]:
    """Return the names of what a reconstructed entry rests on and nothing tells of that day."""
    return tuple(json.loads(details or "{}").get("approximate", ()))


def value_on(day: date, values: Mapping[date, Decimal | None]) -> Decimal | None:
    """Return the reconstructed value at the end of a day: that of the last day that has one of its own."""
    known = [each for each in values if each <= day]
    return values[max(known)] if known else None


class InForce(Protocol):
    """A person's value."""

    @property
    def value(self) -> Decimal: ...

    def active(self, now: datetime) -> bool:
        """Tell whether it is in force."""
        ...


class Ended(Protocol):
    """How a key result stood when its cycle was closed."""

    @property
    def value(self) -> Decimal | None: ...


def shown_value(
    automatic: Decimal | None, override: InForce | None, final: Ended | None, now: datetime
) -> Decimal | None:
    """Return the value that people are shown: the final one, else a person's that is in force, else the automatic one.

    None: there is none yet.
    """
    if final is not None:
        return final.value
    if override is not None and override.active(now):
        return override.value
    return automatic
