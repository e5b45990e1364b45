"""Times as `cron` writes them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okrs.cron import parse_cron

BERLIN = "Europe/Berlin"
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("*/15 * * * *", ["2026-11-18T12:15", "2026-11-18T12:30", "2026-11-18T12:45", "2026-11-18T13:00"]),
        ("0 6 * * *", ["2026-11-19T06:00", "2026-11-20T06:00"]),
        ("30 8-9 * * mon-fri", ["2026-11-19T08:30", "2026-11-19T09:30", "2026-11-20T08:30", "2026-11-20T09:30"]),
        ("0 0 * * 0", ["2026-11-22T00:00"]),
        ("0 0 * * 7", ["2026-11-22T00:00"]),
        ("0 0 1 * *", ["2026-12-01T00:00", "2027-01-01T00:00"]),
        ("0 0 1,15 * mon", ["2026-11-23T00:00", "2026-11-30T00:00", "2026-12-01T00:00"]),
        ("5/20 12 * * *", ["2026-11-18T12:05", "2026-11-18T12:25", "2026-11-18T12:45", "2026-11-19T12:05"]),
        ("0 0 29 FEB *", ["2028-02-29T00:00", "2032-02-29T00:00"]),
    ],
)
def test_times_come_one_after_the_other(text: str, times: list[str]) -> None:
    cron, at, found = parse_cron(text), NOON, []
    for _ in times:
        at = cron.after(at, "UTC")
        found.append(at.strftime("%Y-%m-%dT%H:%M"))
    assert found == times


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("60 * * * *", "the minute is a number from 0 to 59"),
        ("* 24 * * *", "the hour is a number from 0 to 23"),
        ("* * 0 * *", "day of the month"),
        ("* * * 13 *", "the month is a number"),
        ("* * * * 8", "day of the week"),
        ("*/0 * * * *", "step of the minute"),
        ("*/x * * * *", "step of the minute"),
        ("9-8 * * * *", "goes from 9 to 8"),
        ("- * * * *", "the minute is a number"),
        ("0 0 31 2,4 *", "no month that is named has such a day"),
        ("٣ * * * *", "the minute is a number"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_cron(text)


def local(instant: datetime) -> str:
    return instant.astimezone(ZoneInfo(BERLIN)).strftime("%m-%d %H:%M")


def test_a_time_that_is_skipped_comes_as_much_later() -> None:
    at = parse_cron("30 2 * * *").after(datetime(2026, 3, 28, 12, tzinfo=UTC), BERLIN)
    assert local(at) == "03-29 03:30"


def test_a_time_that_is_repeated_comes_once_but_where_every_hour_is_meant() -> None:
    before = datetime(2026, 10, 24, 22, 15, tzinfo=UTC)  # 00:15 in Berlin; at 03:00 it is 02:00 again
    nightly = parse_cron("30 2 * * *")
    first = nightly.after(before, BERLIN)
    assert (local(first), local(nightly.after(first, BERLIN))) == ("10-25 02:30", "10-26 02:30")
    hourly, at = parse_cron("30 * * * *"), before
    for _ in range(6):
        later = hourly.after(at, BERLIN)
        assert later - at == timedelta(hours=1) or at == before
        at = later


FIELDS = st.tuples(
    st.sampled_from(["*", "*/7", "0", "59", "3-30/9", "1,2,58"]),
    st.sampled_from(["*", "*/5", "0", "23", "2", "8-18"]),
    st.sampled_from(["*", "1", "29", "31", "5-9"]),
    st.sampled_from(["*", "1,3,5", "jan-mar", "12"]),
    st.sampled_from(["*", "0", "7", "mon-fri", "sat"]),
)
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2110, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - as Hypothesis wants its limits


@given(FIELDS, INSTANTS, st.sampled_from(["UTC", BERLIN, "America/St_Johns", "Pacific/Apia", "Africa/Cairo"]))
def test_the_next_time_is_later_and_none_lies_between(fields: tuple[str, ...], now: datetime, timezone: str) -> None:
    cron = parse_cron(" ".join(fields))
    following = cron.after(now, timezone)
    assert following > now
    assert following.second == 0 or following.year < 1930
    between = now + (following - now) / 2
    assert cron.after(between, timezone) == following
    assert following - now <= cron.longest_pause + timedelta(hours=26)  # clocks may be changed, Samoa skips a day


@pytest.mark.parametrize(
    ("text", "pause"),
    [
        ("*/5 * * * *", timedelta(minutes=5)),
        ("0 6 * * *", timedelta(days=1)),
        ("*/15 8-18 * * mon-fri", timedelta(days=3, hours=-10, minutes=-45)),
        ("0 0 29 2 *", timedelta(days=8 * 365 + 1)),
    ],
)
def test_the_longest_pause_is_what_staleness_goes_by(text: str, pause: timedelta) -> None:
    assert parse_cron(text).longest_pause == pause
