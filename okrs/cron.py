"""Times as `cron` writes them: minute, hour, day of the month, month, day of the week.

Read in a time zone.  A time that a change of the clocks skips comes as much later; one that it repeats comes once, but
where every hour is meant, comes again.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from okrs.immutable import immutable

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_YEARS = 9
"""More than lie between two 29ths of February: 2096 and 2104."""


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()
    """Names of the values, from `low` on."""


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 7, _WEEKDAYS),
)


@immutable
class Cron:
    """When something is to be done."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    either: bool
    """Days of the month and of the week are both given: one of them is enough."""

    def after(self, instant: datetime, timezone: str) -> datetime:
        """Return the first time later than the instant, in UTC."""
        zone = ZoneInfo(timezone)
        first = instant.astimezone(zone).date() - timedelta(days=1)  # midnight itself may come twice
        for day in _days(first, _YEARS * 366):
            if self.on(day) and (later := [each for each in self._instants(day, zone) if each > instant]):
                return min(later)
        raise AssertionError("every cron that was read has a day")  # pragma: no cover

    def on(self, day: date) -> bool:
        """Tell whether there is a time on a day."""
        if day.month not in self.months:
            return False
        month, week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return month or week if self.either else month and week

    @property
    def longest_pause(self) -> timedelta:
        """The longest time between one and the next, clocks not being changed."""
        first, last = self._times[0], self._times[-1]
        within = max((b - a for a, b in pairwise(self._times)), default=0)
        days = [day.toordinal() for day in _days(date(2096, 1, 1), _YEARS * 366) if self.on(day)]  # the longest of all
        apart = max((b - a for a, b in pairwise(days)), default=366)
        return timedelta(minutes=max(within, apart * 1440 - (last - first)))

    @cached_property
    def _times(self) -> list[int]:
        """In minutes since midnight, in order."""
        return [60 * hour + minute for hour in sorted(self.hours) for minute in sorted(self.minutes)]

    def _instants(self, day: date, zone: ZoneInfo) -> Iterator[datetime]:
        folds = (0, 1) if len(self.hours) == 24 else (0,)
        for minutes in self._times:
            for fold in folds:
                at = time(*divmod(minutes, 60), fold=fold)
                yield datetime.combine(day, at, zone).astimezone(UTC)


def _days(first: date, number: int) -> Iterator[date]:
    return (first + timedelta(days=n) for n in range(number))


def parse_cron(text: str) -> Cron:
    """Return the times that a text such as `*/15 8-18 * * mon-fri` means.  Raises ValueError for anything else."""
    words = text.lower().split()
    if len(words) != len(_FIELDS):
        raise ValueError(
            "five fields are wanted, for minute, hour, day of the month, month, day of the week: */15 8-18 * * mon-fri"
        )
    found = [_values(word, field) for word, field in zip(words, _FIELDS, strict=True)]
    minutes, hours, days, months, weekdays = found
    either = not words[2].startswith("*") and not words[4].startswith("*")
    if not either and not any(day <= _LONGEST_MONTH[month - 1] for day in days for month in months):
        raise ValueError("no month that is named has such a day")
    return Cron(minutes, hours, days, months, frozenset(each % 7 for each in weekdays), either)


def _values(word: str, field: _Field) -> frozenset[int]:
    return frozenset(value for part in word.split(",") for value in _range(part, field))


def _range(part: str, field: _Field) -> range:
    span, slash, step = part.partition("/")
    if slash and not (step.isascii() and step.isdigit() and int(step[:4]) > 0):
        raise ValueError(f"the step of the {field.name} is a whole number above 0, as in */15")
    if span == "*":
        low, high = field.low, field.high if field.high != 7 else 6
    else:
        begin, dash, end = span.partition("-")
        low = _value(begin, field)
        high = _value(end, field) if dash else field.high if slash else low
    if low > high:
        raise ValueError(f"the {field.name} goes from {low} to {high}: the smaller one comes first")
    return range(low, high + 1, int(step) if slash else 1)


def _value(word: str, field: _Field) -> int:
    if word in field.words:
        return field.low + field.words.index(word)
    if not (word.isascii() and word.isdigit() and field.low <= int(word[:4]) <= field.high):
        raise ValueError(f"the {field.name} is a number from {field.low} to {field.high}")
    return int(word)
