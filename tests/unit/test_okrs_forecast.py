"""The forecast: many futures out of the last complete weeks, the same for everybody."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from okrs.cycle import Calendar, Cycle
from okrs.forecast import FUTURES, Forecast, Past, forecast, weekly
from tests.builders import at

BERLIN = Calendar("Europe/Berlin")
PERIOD = Cycle("q", date(2026, 10, 1), date(2026, 12, 31)).period(BERLIN)
NOW = at("2026-11-30T12:00")
"""A Monday; the last complete week ends at its midnight."""


def moved(*deltas: int, value: int = 40, since: datetime = PERIOD.start) -> Past:
    """A number that moved by so much in the middle of each of the last weeks, the oldest first."""
    last = BERLIN.midnight(date(2026, 11, 30)) - timedelta(days=3)
    moves = [(last - timedelta(weeks=back), Decimal(delta)) for back, delta in enumerate(reversed(deltas))]
    return Past(Decimal(value), tuple(moves), since)


def told(past: Past, now: datetime = NOW, target: int = 60, **bounds: Decimal) -> Forecast | None:
    return forecast(past, PERIOD, BERLIN, now, there=lambda value: value >= target, **bounds)


def sure(found: Forecast | None) -> Forecast:
    assert found is not None
    return found


def test_a_steady_pace_goes_on_for_the_part_of_a_week_that_is_left_too() -> None:
    found = sure(told(moved(5, 5, 5, 5, 5, 5, 5, 5)))
    left = (PERIOD.end - NOW) / timedelta(weeks=1)
    assert found.end.at == PERIOD.end
    assert abs(float(found.end.middle) - (40 + 5 * left)) < 0.001
    assert (found.end.low, found.end.high) == (found.end.middle, found.end.middle)
    assert [each.middle for each in found.points[:3]] == [40, 45, 50]
    assert found.chance == 1
    assert sure(told(moved(5, 5, 5, 5, 5, 5, 5, 5), target=70)).chance == 0


@pytest.mark.parametrize("hour", [0, 12, 22])
def test_each_day_has_one_point_where_weeks_end_on_the_last_day(hour: int) -> None:
    """The cycle ends on a Thursday, and this is one: what is left of it is no week of its own."""
    thursday = at("2026-12-10") + timedelta(hours=hour)
    past = Past(
        Decimal(40), tuple((thursday - timedelta(weeks=back, hours=30), Decimal(5)) for back in range(8)), PERIOD.start
    )
    found = sure(told(past, thursday))
    assert [BERLIN.day_of(each.at) for each in found.points[:-1]] == [date(2026, 12, day) for day in (10, 17, 24)]
    assert (found.end.at, found.end.middle) == (PERIOD.end, Decimal(55))


def test_of_the_last_day_a_part_is_left() -> None:
    found = sure(told(moved(5, 5, 5, 5, 5, 5, 5, 5), at("2026-12-31T12:00")))
    assert [each.at for each in found.points] == [at("2026-12-31T12:00"), PERIOD.end]


def test_changing_weeks_spread_and_the_spread_grows() -> None:
    found = sure(told(moved(0, 10, 0, 10, 0, 10, 0, 10)))
    widths = [each.high - each.low for each in found.points]
    assert widths[0] == 0
    assert widths[-1] > widths[1] > 0
    assert found.end.low < found.end.middle < found.end.high
    assert Decimal("0.3") < found.chance < Decimal("0.9")
    assert found.chance * FUTURES % 1 == 0


def test_the_same_past_gives_the_same_forecast_all_day() -> None:
    past = moved(0, 10, 3, 7, 1, 2, 0, 4)
    assert told(past) == told(past)
    later = sure(told(past, NOW + timedelta(hours=9)))
    assert abs(later.end.middle - sure(told(past)).end.middle) < 1


@pytest.mark.parametrize(("days", "weeks"), [(27, None), (28, 4), (34, 4), (35, 5), (61, 8)])
def test_only_complete_weeks_are_looked_at_and_four_are_needed(days: int, weeks: int | None) -> None:
    since = BERLIN.midnight(date(2026, 11, 30) - timedelta(days=days))
    found = told(moved(*[1] * 8, since=since))
    assert (found.weeks if found else None) == weeks


def test_a_week_begins_and_ends_at_a_local_midnight() -> None:
    edge = BERLIN.midnight(date(2026, 11, 30))
    moves = ((edge - timedelta(seconds=1), Decimal(1)), (edge, Decimal(100)))
    assert weekly(Past(Decimal(0), moves, PERIOD.start), BERLIN, NOW)[-1] == 1
    summer = BERLIN.midnight(date(2026, 10, 26))  # the day after the clocks went back
    before = ((summer - timedelta(minutes=30), Decimal(7)),)
    assert weekly(Past(Decimal(0), before, PERIOD.start), BERLIN, at("2026-11-30T12:00"))[:4] == [0, 0, 7, 0]


def test_before_and_behind_its_cycle_nothing_is_forecast() -> None:
    past = moved(*[1] * 8, since=at("2026-01-01"))
    assert told(past, PERIOD.start - timedelta(seconds=1)) is None
    assert told(past, PERIOD.end) is None
    assert sure(told(past, PERIOD.end - timedelta(seconds=1))).end.at == PERIOD.end


def test_no_future_leaves_what_can_be() -> None:
    falling = sure(told(moved(*[-20] * 8), least=Decimal(0)))
    assert falling.end.low == falling.end.high == 0
    rising = sure(told(moved(*[20] * 8), most=Decimal(100)))
    assert rising.end.high == 100
    assert sure(told(moved(*[-20] * 8))).end.low < 0
