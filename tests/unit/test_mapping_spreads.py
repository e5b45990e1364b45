"""Averages, percentiles, times, throughput and ratios: measures that are no sums."""

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.judging import Line, Reason
from mapping.measure import Measured
from mapping.rule import Combine, Counts, Measure, Missing, Part, Rule, Scale, Window
from mapping.totals import Total, percentile, value_of, weeks_over
from okrs.cycle import Calendar, Period
from okrs.numbers import rounded
from okrs.work import State, Step, WorkItem
from tests.builders import (
    AFTER,
    BEFORE,
    NOW,
    OFF_CANCELLED,
    OFF_GUESS,
    OFF_WINDOW,
    QUARTER,
    Shown,
    a_part,
    a_rule,
    an_item,
    at,
    measured,
    shown,
    where,
)

DONE, TODO, DOING, CANCELLED = State.DONE, State.TODO, State.DOING, State.CANCELLED
OFF_OPEN: Shown = (None, None, "open")
OFF_HISTORY: Shown = (None, None, "no_history")
MEAN, MEDIAN = a_part(Measure.MEAN, by="points"), a_part(Measure.PERCENTILE, by="points", rank=50)

BOARD = (
    an_item("A", DONE, points="1"),
    an_item("B", DONE, points="2.5"),
    an_item("C", DONE, points="10"),
    an_item("D", DOING, points="100"),
    an_item("E", CANCELLED, points="100"),
    an_item("F", DONE),
)


def lines_of(result: Measured) -> list[Shown]:
    return [shown(line) for line in result.lines]


# --- averages and percentiles ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "value"),
    [
        (MEAN, "4.5"),
        (MEDIAN, "2.5"),
        (a_part(Measure.PERCENTILE, by="points", rank=85), "7.75"),
        (a_part(Measure.PERCENTILE, by="points", rank=1), "1.03"),
        (a_part(Measure.PERCENTILE, by="points", rank=99), "9.85"),
        (a_part(Measure.MEAN, by="points", missing=Missing.ZERO), "3.375"),
        (a_part(Measure.PERCENTILE, by="points", rank=50, missing=Missing.ONE), "1.75"),
        (a_part(Measure.MEAN, by="points", missing=Missing.MEAN), "4.5"),
        (a_part(Measure.MEAN, by="points", counts=Counts.OPEN), "100"),
        (a_part(Measure.MEAN, by="points", counts=Counts.ALL), "28.375"),
        (a_part(Measure.MEAN, by="points", window=Window.CYCLE), "4.5"),
    ],
)
def test_a_typical_value(part: Part, value: str) -> None:
    assert measured(a_rule(part), *BOARD).value == Decimal(value)


def test_what_does_not_count_is_not_on_the_line_of_an_average() -> None:
    one: tuple[Shown, ...] = (("1", "1", None), ("2.5", "2.5", None), ("10", "10", None))
    assert lines_of(measured(a_rule(MEAN), *BOARD)) == [*one, OFF_OPEN, OFF_CANCELLED, OFF_GUESS]


def test_an_estimate_of_nothing_counts_in_an_average() -> None:
    result = measured(a_rule(MEAN), an_item("A", DONE, points="0"), an_item("B", DONE, points="3"))
    assert (result.value, result.totals[0].items) == (Decimal("1.5"), 2)


@pytest.mark.parametrize("part", [MEAN, MEDIAN, a_part(Measure.LEAD_TIME, rank=50)])
def test_of_nothing_there_is_no_typical_value(part: Part) -> None:
    assert measured(a_rule(part)).value is None
    assert measured(a_rule(part), an_item("A", TODO, points="1")).value is None


def test_one_part_without_a_value_leaves_the_key_result_without_one() -> None:
    rule = a_rule(a_part(), MEAN, combine=Combine.SUM)
    assert measured(rule, an_item("A", DONE)).value is None
    assert measured(rule, an_item("A", DONE), an_item("B", TODO)).totals[0].amount == 1


amounts = st.lists(st.decimals(0, 1000, places=2), min_size=1, max_size=40)


@given(amounts, st.integers(1, 99))
def test_a_percentile_is_linear_between_its_neighbours(some: list[Decimal], rank: int) -> None:
    ordered = sorted(some)
    place = Fraction(rank * (len(ordered) - 1), 100)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    exact = Fraction(ordered[low]) + (Fraction(ordered[high]) - Fraction(ordered[low])) * (place - low)
    assert abs(Fraction(percentile(ordered, rank)) - exact) <= Fraction(1, 2_000_000)


@given(amounts, amounts)
def test_a_total_forgets_what_left_and_takes_what_came(some: list[Decimal], others: list[Decimal]) -> None:
    total = Total.of(MEDIAN, [(each, each) for each in some])
    for each in others:
        total = total.moved(None, (each, each))
    for each in some:
        total = total.moved((each, each), None)
    assert total == Total.of(MEDIAN, [(each, each) for each in others])


# --- elapsed days ------------------------------------------------------------------------------------------------


def ticket(key: str, created: str | None, begun: str | None, closed: str | None) -> WorkItem:
    steps = [Step(at(created), TODO)] if created else []
    steps += [Step(at(begun), DOING)] if begun else []
    steps += [Step(at(closed), DONE)] if closed else []
    return an_item(
        key,
        DONE if closed else DOING,
        created_at=at(created) if created else None,
        closed_at=at(closed) if closed else None,
        history=tuple(steps),
    )


FLOW = (
    ticket("A", "2026-10-01", "2026-10-03", "2026-10-05T12:00"),  # 4.5 days, 2.5 of them worked on
    ticket("B", "2026-09-01", "2026-10-10", "2026-10-11"),  # 40 days, 1 of them
    ticket("C", "2026-10-01", None, "2026-10-02"),  # 1 day, and nobody knows since when it was worked on
    ticket("D", "2026-10-01", "2026-10-02", None),
    ticket("E", "2026-08-01", "2026-08-01", "2026-09-30T23:59"),  # closed before the cycle
)


@pytest.mark.parametrize(
    ("kind", "rank", "window", "value"),
    [
        (Measure.LEAD_TIME, 50, Window.CYCLE, "4.5"),
        (Measure.LEAD_TIME, None, Window.CYCLE, "15.166667"),
        (Measure.LEAD_TIME, 85, Window.CYCLE, "29.35"),
        (Measure.CYCLE_TIME, 50, Window.CYCLE, "1.75"),
        (Measure.CYCLE_TIME, None, Window.CYCLE, "1.75"),
        (Measure.LEAD_TIME, 50, Window.ALWAYS, "22.25"),
    ],
)
def test_the_days_that_work_took(kind: Measure, rank: int | None, window: Window, value: str) -> None:
    assert measured(a_rule(a_part(kind, rank=rank, window=window)), *FLOW).value == Decimal(value)


def test_work_of_which_nobody_knows_when_it_began_has_no_cycle_time() -> None:
    result = measured(a_rule(a_part(Measure.CYCLE_TIME, rank=50, window=Window.CYCLE)), *FLOW)
    assert lines_of(result) == [("2.5", "2.5", None), ("1", "1", None), OFF_HISTORY, OFF_OPEN, OFF_WINDOW]


def test_a_ticket_without_a_date_of_creation_has_no_lead_time() -> None:
    result = measured(a_rule(a_part(Measure.LEAD_TIME)), ticket("A", None, None, "2026-10-05"))
    assert (result.value, lines_of(result)) == (None, [OFF_HISTORY])


def test_time_does_not_run_backwards() -> None:
    result = measured(a_rule(a_part(Measure.LEAD_TIME)), ticket("A", "2026-10-05", None, "2026-10-04"))
    assert result.value == 0


# --- throughput --------------------------------------------------------------------------------------------------

PACE = a_part(Measure.THROUGHPUT, window=Window.CYCLE)


@pytest.mark.parametrize(
    ("now", "timezone", "weeks"),
    [
        ("2026-10-01", "UTC", 0),  # a Thursday: the first whole week begins on Monday, October 5
        ("2026-10-11T23:59", "UTC", 0),
        ("2026-10-12", "UTC", 1),
        ("2026-10-11T22:00", "Europe/Berlin", 1),  # midnight there
        ("2026-10-11T21:59", "Europe/Berlin", 0),
        ("2026-12-01", "UTC", 8),
        ("2027-06-01", "UTC", 12),  # the last one ended on December 27
    ],
)
def test_whole_weeks(now: str, timezone: str, weeks: int) -> None:
    calendar = Calendar(timezone)
    start, end = (calendar.midnight(edge.date()) for edge in (QUARTER.start, QUARTER.end))
    rule = a_rule(PACE, period=Period(start, end), timezone=timezone)
    over = weeks_over(rule, at(now))
    assert over.days == 7 * weeks
    if weeks:
        assert over.period.start == calendar.midnight(at("2026-10-05").date())


def test_a_rule_without_a_throughput_has_no_weeks() -> None:
    assert weeks_over(a_rule(), NOW).days == 0


def test_throughput_is_what_was_closed_in_whole_weeks_by_their_number() -> None:
    closed = ["2026-10-02", "2026-10-05", "2026-10-11T23:59", "2026-10-14", "2026-10-19"]
    items = [an_item(f"T-{n}", DONE, closed_at=at(each)) for n, each in enumerate(closed)]
    result = measured(a_rule(PACE), *items, an_item("open"), now=at("2026-10-20"))
    assert result.value == Decimal("1.5")
    assert [line.item.key for line in result.lines if line.counted] == ["T-1", "T-2", "T-3"]
    assert {line.reason for line in result.lines if not line.counted} == {Reason.OUTSIDE_WINDOW, Reason.OPEN}


def test_before_the_first_week_is_over_there_is_no_throughput() -> None:
    assert measured(a_rule(PACE), an_item("A", DONE, closed_at=at("2026-10-06")), now=at("2026-10-07")).value == 0


# --- ratio -------------------------------------------------------------------------------------------------------


def ratio(**policies: object) -> Part:
    return a_part(Measure.RATIO, **({"of": where(label="regression"), "counts": Counts.ALL} | policies))


SUPPORT = (
    an_item("A", DONE, labels=("Regression",)),
    an_item("B", TODO, labels=("regression",)),
    an_item("C", DONE),
    an_item("D", CANCELLED, labels=("regression",)),
)


@pytest.mark.parametrize(
    ("part", "value", "lines"),
    [
        (ratio(), "0.666667", [("1", "1", None), ("1", "1", None), ("1", "0", "no_match"), OFF_CANCELLED]),
        (
            ratio(counts=Counts.DONE),
            "0.333333",
            [("1", "1", None), ("1", "0", "open"), ("1", "0", "no_match"), OFF_CANCELLED],
        ),
        (
            ratio(counts=Counts.OPEN),
            "0.333333",
            [("1", "0", "done"), ("1", "1", None), ("1", "0", "done"), OFF_CANCELLED],
        ),
    ],
)
def test_a_ratio_is_the_share_that_also_matches(part: Part, value: str, lines: list[Shown]) -> None:
    result = measured(a_rule(part), *SUPPORT)
    assert (result.value, lines_of(result)) == (Decimal(value), lines)


def test_a_ratio_of_nothing_is_none() -> None:
    assert measured(a_rule(ratio())).value is None


# --- scale -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "start", "target", "value"),
    [
        ("0", "4", "0", "100", "25"),
        ("0", "4", "100", "0", "75"),
        ("1", "3", "50", "60", "50"),
        ("2", "3", "0", "1", "-1"),
    ],
)
def test_a_scale_maps_the_measured_range_on_start_and_target(
    low: str, high: str, start: str, target: str, value: str
) -> None:
    scale = Scale(*map(Decimal, (low, high, start, target)))
    assert measured(a_rule(scale=scale), an_item("A", DONE)).value == Decimal(value)


@given(st.decimals(-10, 10, places=3), st.decimals(-10, 10, places=3), amounts)
def test_the_ends_of_a_scale_are_start_and_target(low: Decimal, width: Decimal, some: list[Decimal]) -> None:
    high = low + (width or 1)
    rule = Rule((a_part(Measure.SUM, by="points"),), QUARTER, scale=Scale(low, high, Decimal(7), Decimal(-3)))
    ends = [value_of(rule, [Total(rounded(each), Decimal(1), 1)], NOW) for each in (low, high)]
    assert ends == [Decimal(7), Decimal(-3)]


# --- who did it --------------------------------------------------------------------------------------------------


def line_dates(lines: tuple[Line, ...]) -> list[datetime | None]:
    return [line.item.closed_at for line in lines]


def test_after_the_cycle_the_typical_value_is_that_of_its_end() -> None:
    late = an_item("late", DONE, points="1000", closed_at=AFTER)
    result = measured(a_rule(MEAN), *BOARD, late, now=AFTER + timedelta(days=30))
    assert result.value == Decimal("4.5")
    assert line_dates(tuple(line for line in result.lines if line.reason is Reason.OUTSIDE_WINDOW)) == [AFTER]
    assert measured(a_rule(MEAN), *BOARD, an_item("old", DONE, points="1", closed_at=BEFORE)).value == Decimal("3.625")
