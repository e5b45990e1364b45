"""Cycles and the calendar in which their days are counted."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from okrs.immutable import immutable
from okrs.numbers import divided


@immutable
class Calendar:
    """Which days are worked, and where midnight lies."""

    timezone: str = "UTC"
    workdays: frozenset[int] = frozenset(range(5))
    """Weekdays as in `date.weekday()`: Monday is 0."""
    holidays: frozenset[date] = frozenset()

    def midnight(self, day: date) -> datetime:
        """The instant, in UTC, at which that local day begins."""
        return datetime.combine(day, time.min, ZoneInfo(self.timezone)).astimezone(UTC)

    def day_of(self, instant: datetime) -> date:
        """The local day in which an instant falls."""
        return instant.astimezone(ZoneInfo(self.timezone)).date()

    def instant(self, when: datetime) -> datetime:
        """The instant, in UTC, of a time that may have no offset: then it is one of this zone."""
        return (when if when.tzinfo else when.replace(tzinfo=ZoneInfo(self.timezone))).astimezone(UTC)

    def works(self, day: date) -> bool:
        return day.weekday() in self.workdays and day not in self.holidays


@immutable
class Period:
    """Two instants in UTC: `start` ≤ t < `end`."""

    start: datetime
    end: datetime

    def contains(self, instant: datetime) -> bool:
        return self.start <= instant < self.end


@immutable
class Cycle:
    """A period of local days, both included: usually a quarter."""

    id: str
    start: date
    end: date

    def period(self, calendar: Calendar) -> Period:
        """From the first day's midnight to the midnight after the last day."""
        return Period(calendar.midnight(self.start), calendar.midnight(self.end + timedelta(days=1)))

    def days(self) -> list[date]:
        return [self.start + timedelta(days=n) for n in range((self.end - self.start).days + 1)]


def elapsed_share(cycle: Cycle, calendar: Calendar, now: datetime) -> Decimal:
    """Return the share (0…1) of the cycle's working days that are over at `now`.

    A cycle without any working day is counted in calendar days.
    """
    return _share_before(cycle, calendar, calendar.day_of(now))


@lru_cache(256)
def _share_before(cycle: Cycle, calendar: Calendar, today: date) -> Decimal:
    """The same for all key results of a cycle on a day, of which there may be a thousand."""
    days = [day for day in cycle.days() if calendar.works(day)] or cycle.days()
    return divided(Decimal(sum(day < today for day in days)), Decimal(len(days)))
