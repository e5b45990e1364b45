"""When an item counts: windows, the end of the cycle, dates; and how exact estimates are."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from mapping.rule import (
    Cancelled,
    Counts,
    DoneWhen,
    Measure,
    Missing,
    Part,
    Window,
    default_window,
)
from okrs.work import State, Step
from tests.builders import (
    AFTER,
    BEFORE,
    FULL,
    OFF_GUESS,
    OFF_WINDOW,
    OPEN,
    QUARTER,
    WITHIN,
    Shown,
    a_part,
    a_rule,
    an_item,
    at,
    measured,
    shown,
)

COUNT, PERCENT, SUM = Measure.COUNT, Measure.PERCENT, Measure.SUM
DONE, TODO, CANCELLED = State.DONE, State.TODO, State.CANCELLED
TICK = timedelta(microseconds=1)

IN_CYCLE = a_part(PERCENT, window=Window.CYCLE)


@pytest.mark.parametrize(
    ("closed_at", "line"),
    [
        (QUARTER.start - TICK, OFF_WINDOW),
        (QUARTER.start, FULL),
        (QUARTER.end - TICK, FULL),
        (QUARTER.end, ("1", "0", "outside_window")),
    ],
)
def test_the_edges_of_the_window(closed_at: datetime, line: Shown) -> None:
    result = measured(a_rule(IN_CYCLE), an_item(state=DONE, closed_at=closed_at))
    assert [shown(each) for each in result.lines] == [line]


@pytest.mark.parametrize(
    ("part", "closed_at", "since", "line", "by_sight"),
    [
        (IN_CYCLE, None, WITHIN, FULL, True),
        (IN_CYCLE, None, BEFORE, OFF_WINDOW, True),
        (IN_CYCLE, BEFORE, WITHIN, OFF_WINDOW, False),  # the tracker's own date comes first
        (IN_CYCLE, WITHIN, BEFORE, FULL, False),
        (a_part(), None, BEFORE, FULL, True),
    ],
)
def test_a_closing_date_that_the_tracker_does_not_tell_is_when_we_saw_it(
    part: Part, closed_at: datetime | None, since: datetime, line: Shown, by_sight: bool
) -> None:
    result = measured(a_rule(part), an_item(state=DONE, closed_at=closed_at), since=since)
    (only,) = result.lines
    assert (shown(only), only.dated_by_sight) == (line, by_sight)


def test_an_open_item_needs_no_closing_date() -> None:
    (line,) = measured(a_rule(IN_CYCLE), an_item(state=TODO), since=BEFORE).lines
    assert (shown(line), line.dated_by_sight) == (OPEN, False)


LATE_DONE = an_item("closed after the end", DONE, closed_at=QUARTER.end)
LATE_CANCELLED = an_item("cancelled after the end", CANCELLED, closed_at=AFTER)
LATE_CREATED = an_item("created after the end", DONE, created_at=QUARTER.end, closed_at=AFTER)
JUST_CREATED = an_item("created at the last moment", TODO, created_at=QUARTER.end - TICK)
LATE: Shown = ("1", "0", "outside_window")


@pytest.mark.parametrize(
    ("part", "lines"),
    [
        (a_part(COUNT), [LATE, LATE, OFF_WINDOW, OPEN]),
        (a_part(COUNT, window=Window.CYCLE), [LATE, LATE, OFF_WINDOW, OPEN]),
        (a_part(PERCENT), [LATE, LATE, OFF_WINDOW, OPEN]),
        (a_part(COUNT, counts=Counts.OPEN), [FULL, FULL, OFF_WINDOW, FULL]),
        (a_part(COUNT, counts=Counts.ALL), [FULL, FULL, OFF_WINDOW, FULL]),
        (a_part(COUNT, cancelled=Cancelled.OPEN), [LATE, OPEN, OFF_WINDOW, OPEN]),
    ],
)
@pytest.mark.parametrize("now", [QUARTER.end, AFTER])
def test_after_its_end_a_cycle_is_measured_as_of_that_end(part: Part, lines: list[Shown], now: datetime) -> None:
    result = measured(a_rule(part), LATE_DONE, LATE_CANCELLED, LATE_CREATED, JUST_CREATED, now=now)
    assert [shown(line) for line in result.lines] == lines


def test_until_its_end_a_cycle_is_measured_as_it_stands() -> None:
    result = measured(a_rule(a_part(COUNT)), LATE_DONE, LATE_CREATED, now=QUARTER.end - TICK)
    assert result.value == 2


@pytest.mark.parametrize(
    ("kind", "counts", "window"),
    [
        (COUNT, Counts.DONE, Window.CYCLE),
        (SUM, Counts.DONE, Window.CYCLE),
        (PERCENT, Counts.DONE, Window.ALWAYS),
        (COUNT, Counts.OPEN, Window.ALWAYS),
        (SUM, Counts.ALL, Window.ALWAYS),
    ],
)
def test_the_default_window(kind: Measure, counts: Counts, window: Window) -> None:
    assert default_window(kind, counts) is window


# --- estimates -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "value"),
    [
        (("0.1", "0.2"), "0.3"),  # no binary tail
        (("0.0000005", "0.0000015"), "0.000002"),  # each amount is rounded half-even
        (("-2", "5"), "3"),
        (("1000000000", "0.000001"), "1000000000.000001"),
        (("XL", "3"), "3"),
        (("1e400", "3"), "3"),
    ],
)
def test_amounts_are_exact(points: tuple[str, ...], value: str) -> None:
    items = [an_item(f"PAY-{n}", DONE, points=each) for n, each in enumerate(points)]
    assert measured(a_rule(a_part(SUM, by="points")), *items).value == Decimal(value)


def test_a_weight_is_exact_to_six_places_also_below_the_line() -> None:
    items = (an_item("PAY-1", DONE, points="0.0000015"), an_item("PAY-2", points="0.0000005"))
    result = measured(a_rule(a_part(PERCENT, by="points")), *items)
    assert [shown(line) for line in result.lines] == [("0.000002", "0.000002", None), ("0", "0", "open")]
    assert result.value == 100


def test_nobody_has_an_estimate_to_take_the_mean_of() -> None:
    result = measured(a_rule(a_part(SUM, by="points", missing=Missing.MEAN)), an_item(state=DONE))
    assert [shown(line) for line in result.lines] == [OFF_GUESS]


def test_weights_that_cancel_out_give_no_percent() -> None:
    items = (an_item("PAY-1", DONE, points="2"), an_item("PAY-2", points="-2"))
    assert measured(a_rule(a_part(PERCENT, by="points")), *items).value == 0


# --- histories -----------------------------------------------------------------------------------------------------

RELEASED = DoneWhen(status=("Released",))


def step(day: str, status: str, state: State = State.DOING) -> Step:
    return Step(at(day), state, status)


@pytest.mark.parametrize(
    ("history", "line"),
    [
        ([step("2026-08-01", "Open"), step("2026-10-20", "Released")], FULL),
        ([step("2026-08-01", "Open"), step("2026-09-20", "Released")], OFF_WINDOW),
        # Merged long ago, released within the cycle: the tracker's own closing date is not this rule's.
        ([step("2026-08-01", "Merged", State.DONE), step("2026-11-20", "Released", State.DONE)], FULL),
        # Taken back and released again: the last time counts.
        ([step("2026-08-01", "Released"), step("2026-09-01", "Open"), step("2026-10-20", "released ")], FULL),
        # Once in, a change inside the set is no new entry.
        ([step("2026-09-20", "Released"), step("2026-10-20", "Released")], OFF_WINDOW),
        # A history that does not end where the item stands tells nothing; the tracker's date does.
        ([step("2026-08-01", "Open")], FULL),
    ],
)
def test_a_rule_s_own_done_is_dated_by_the_last_entry_into_it(history: list[Step], line: Shown) -> None:
    item = an_item(state=State.DONE, status="Released", closed_at=WITHIN, history=tuple(history))
    part = a_part(Measure.COUNT, window=Window.CYCLE, done_when=RELEASED)
    assert [shown(each) for each in measured(a_rule(part), item).lines] == [line]


def test_without_a_history_the_tracker_s_date_is_taken() -> None:
    item = an_item(state=State.DONE, status="Released", closed_at=BEFORE)
    part = a_part(Measure.COUNT, window=Window.CYCLE, done_when=RELEASED)
    assert [shown(each) for each in measured(a_rule(part), item).lines] == [OFF_WINDOW]


def test_a_history_dates_nothing_by_sight() -> None:
    item = an_item(state=State.DOING, status="Released", history=(step("2026-10-20", "Released"),))
    part = a_part(Measure.COUNT, window=Window.CYCLE, done_when=RELEASED)
    assert [each.dated_by_sight for each in measured(a_rule(part), item).lines] == [False]
    bare = an_item(state=State.DOING, status="Released")
    assert [each.dated_by_sight for each in measured(a_rule(part), bare).lines] == [True]
