"""Where midnight lies, which days are worked, and how much of a cycle is over."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okrs.cycle import Calendar, Cycle, elapsed_share
from tests.builders import at

EVERY_DAY = frozenset(range(7))


@pytest.mark.parametrize(
    ("timezone", "day", "instant"),
    [
        ("UTC", "2026-10-01", "2026-10-01T00:00"),
        ("Europe/Berlin", "2026-10-01", "2026-09-30T22:00"),  # summer time
        ("Europe/Berlin", "2026-12-01", "2026-11-30T23:00"),
        ("Asia/Kolkata", "2026-10-01", "2026-09-30T18:30"),
        ("Pacific/Auckland", "2026-10-01", "2026-09-30T11:00"),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00"),  # 00:00 did not exist: the day begins at 01:00
        ("America/Havana", "2026-11-01", "2026-11-01T04:00"),  # 00:00 comes twice: the first one
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00"),  # a day that never was has no length
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00"),
    ],
)
def test_midnight(timezone: str, day: str, instant: str) -> None:
    assert Calendar(timezone).midnight(date.fromisoformat(day)) == at(instant)


@given(
    st.sampled_from(["UTC", "Europe/Berlin", "America/Havana", "America/Sao_Paulo", "Australia/Lord_Howe"]),
    st.dates(date(2010, 1, 1), date(2030, 1, 1)),
)
def test_a_day_begins_exactly_at_its_midnight(timezone: str, day: date) -> None:
    calendar = Calendar(timezone)
    begins = calendar.midnight(day)
    assert calendar.day_of(begins) == day
    assert calendar.day_of(begins - timedelta(microseconds=1)) == day - timedelta(days=1)


def test_a_cycle_reaches_from_its_first_midnight_to_the_one_after_its_last_day() -> None:
    period = Cycle("Q4", date(2026, 10, 1), date(2026, 12, 31)).period(Calendar("Europe/Berlin"))
    assert (period.start, period.end) == (at("2026-09-30T22:00"), at("2026-12-31T23:00"))
    tick = timedelta(microseconds=1)
    assert [period.contains(t) for t in (period.start - tick, period.start, period.end - tick, period.end)] == [
        False,
        True,
        True,
        False,
    ]


def test_a_cycle_of_one_day() -> None:
    day = date(2026, 10, 1)
    cycle = Cycle("day", day, day)
    assert cycle.days() == [day]
    assert cycle.period(Calendar()).end - cycle.period(Calendar()).start == timedelta(days=1)


WEEKS = Cycle("two weeks", date(2026, 10, 5), date(2026, 10, 18))  # Monday to Sunday
HOLIDAY = frozenset({date(2026, 10, 6)})


@pytest.mark.parametrize(
    ("calendar", "now", "share"),
    [
        (Calendar(), "2026-09-01", "0"),
        (Calendar(), "2026-10-05T23:59", "0"),  # a day counts when it is over
        (Calendar(), "2026-10-06", "0.1"),
        (Calendar(), "2026-10-10", "0.5"),  # a weekend adds nothing
        (Calendar(), "2026-10-12T12:00", "0.5"),
        (Calendar(), "2026-10-19", "1"),
        (Calendar(), "2027-01-01", "1"),
        (Calendar("Pacific/Auckland"), "2026-10-05T12:00", "0.1"),  # already Tuesday there
        (Calendar("America/New_York"), "2026-10-06T03:00", "0"),  # still Monday there
        (Calendar(workdays=frozenset({0})), "2026-10-06", "0.5"),
        (Calendar(workdays=frozenset({0, 1}), holidays=HOLIDAY), "2026-10-07", "0.333333"),
        (Calendar(workdays=EVERY_DAY), "2026-10-12", "0.5"),
        (Calendar(workdays=frozenset()), "2026-10-12", "0.5"),  # nobody works: calendar days
        (Calendar(workdays=frozenset({1}), holidays=HOLIDAY | {date(2026, 10, 13)}), "2026-10-12", "0.5"),
    ],
)
def test_elapsed_share(calendar: Calendar, now: str, share: str) -> None:
    assert round(elapsed_share(WEEKS, calendar, at(now)), 6) == Decimal(share)


@given(st.datetimes(datetime(2026, 9, 1), datetime(2026, 11, 1)), st.timedeltas(timedelta(0), timedelta(days=30)))  # noqa: DTZ001 - made aware below
def test_the_elapsed_share_never_falls(start: datetime, later: timedelta) -> None:
    now = at(start.isoformat())
    calendar = Calendar("Europe/Berlin", holidays=HOLIDAY)
    assert 0 <= elapsed_share(WEEKS, calendar, now) <= elapsed_share(WEEKS, calendar, now + later) <= 1
