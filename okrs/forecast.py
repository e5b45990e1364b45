"""Where a number will be at the end of its cycle, if the weeks to come are like the last ones.

A bootstrap (Efron, 1979; of throughput: Vacanti, "Actionable Agile Metrics for Predictability", 2015): each of many
futures draws, for every week that is left, one of the last complete weeks, with replacement, and adds up what moved in
it.  In order, these futures are the forecast: half of them end below `middle`, seven of ten between `low` and `high`.

The draws are always the same, so that the same past gives the same forecast, to everybody.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate, pairwise
from random import Random

from okrs.cycle import Calendar, Period
from okrs.immutable import immutable
from okrs.numbers import divided, from_millionths, rounded, to_millionths

FEWEST, MOST = 4, 8
"""Complete weeks that a forecast needs, and those that it looks back at."""
FUTURES = 2000
_LOW, _MIDDLE, _HIGH = 0.15, 0.5, 0.85
_WEEK = timedelta(weeks=1)


@immutable
class Point:
    """The 15th, 50th and 85th of a hundred futures at a time."""

    at: datetime
    low: Decimal
    middle: Decimal
    high: Decimal


@immutable
class Forecast:
    weeks: int
    """How many complete weeks it comes from."""
    points: tuple[Point, ...]
    """The end of every week from now on; the last one is the end of the cycle."""
    chance: Decimal
    """The share of the futures (0…1) that are where they should at the end of the cycle."""

    @property
    def end(self) -> Point:
        return self.points[-1]


@immutable
class Past:
    """What is known of a number: its value now, and what its tickets did to it."""

    value: Decimal
    moves: tuple[tuple[datetime, Decimal], ...]
    """By how much it moved when; not what a rule or a target did to it."""
    since: datetime
    """From when on it is known how it moved."""


def forecast(
    past: Past, period: Period, calendar: Calendar, now: datetime, *, there: Callable[[Decimal], bool],
    least: Decimal | None = None, most: Decimal | None = None,
) -> Forecast | None:  # fmt: skip
    """Return the forecast of a number; None where its cycle does not run, or too few weeks of it are known.

    `there` tells whether a value is what was promised; no future goes below `least` or above `most`.
    """
    if not period.start <= now < period.end:
        return None
    changes = weekly(past, calendar, now)
    if len(changes) < FEWEST:
        return None
    ends, shares = zip(*_weeks_to_come(period, calendar, now), strict=True)
    held = _held(least, most)
    points, values = [Point(now, past.value, past.value, past.value)], [to_millionths(past.value)] * FUTURES
    for end, (by_week, drawn) in zip(ends, _draws(changes, shares), strict=True):
        values = [value + by_week[week] for value, week in zip(values, drawn, strict=True)]
        low, middle, high = (from_millionths(held(each)) for each in _spread(values))
        points.append(Point(end, low, middle, high))
    last = Counter(map(held, values))  # many futures end at the same value
    reached = sum(many for value, many in last.items() if there(from_millionths(value)))
    return Forecast(len(changes), tuple(points), divided(Decimal(reached), Decimal(FUTURES)))


def _weeks_to_come(period: Period, calendar: Calendar, now: datetime) -> list[tuple[datetime, float]]:
    """Return when the weeks to come end, and how much of a week each is.

    Where the last one ends on the cycle's last day, that is the end: hours that are left of a day are no week more.
    """
    whole, rest = divmod(period.end - now, _WEEK)
    weeks = [(now + (each + 1) * _WEEK, 1.0) for each in range(whole)]
    if weeks and calendar.day_of(weeks[-1][0]) == calendar.day_of(period.end - timedelta.resolution):
        return [*weeks[:-1], (period.end, 1.0)]
    return [*weeks, (period.end, rest / _WEEK)] if rest else weeks


def weekly(past: Past, calendar: Calendar, now: datetime) -> list[Decimal]:
    """Return by how much a number moved in each of its last complete weeks, the oldest first.

    Weeks of seven local days end at the last midnight, so that it is the same all day.
    """
    today = calendar.day_of(now)
    edges = [calendar.midnight(today - timedelta(weeks=back)) for back in range(MOST, -1, -1)]
    known = [each for each in edges if each >= past.since]
    return [sum((delta for at, delta in past.moves if begin <= at < end), Decimal(0)) for begin, end in pairwise(known)]


def _draws(changes: Sequence[Decimal], shares: Sequence[float]) -> Iterable[tuple[list[int], tuple[int, ...]]]:
    """Yield, for each week to come, what it may move, in millionths, and which of that each of the futures draws."""
    past = [to_millionths(rounded(each)) for each in changes]
    for share, drawn in zip(shares, _dice(len(past), len(shares)), strict=True):
        yield [round(each * share) for each in past], drawn


@lru_cache(maxsize=128)
def _dice(known: int, weeks: int) -> tuple[tuple[int, ...], ...]:
    """For each week to come, which of the known weeks each of the futures draws: always the same, for everybody."""
    drawn = Random(known).choices(range(known), k=FUTURES * weeks)  # noqa: S311 - nothing secret
    return tuple(tuple(drawn[week::weeks]) for week in range(weeks))


def _held(least: Decimal | None, most: Decimal | None) -> Callable[[int], int]:
    low = to_millionths(least) if least is not None else None
    high = to_millionths(most) if most is not None else None

    def held(value: int) -> int:
        value = value if low is None else max(low, value)
        return value if high is None else min(high, value)

    return held


def _spread(values: Sequence[int]) -> tuple[int, int, int]:
    """Return the values at three places of their order; many futures are equal, so that counting them is quicker."""
    many = Counter(values)
    ordered = sorted(many)
    ends = list(accumulate(many[each] for each in ordered))
    low, middle, high = (ordered[bisect_right(ends, int(share * len(values)))] for share in (_LOW, _MIDDLE, _HIGH))
    return low, middle, high
