"""From a selection to a number: every measure under every policy, and how parts are joined."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import product

import pytest

from mapping.measure import Line, Measured, Reason, Total, measure, part_value, state_under, totals_of, value_of
from mapping.rule import (
    Cancelled,
    Combine,
    Counts,
    DoneWhen,
    Measure,
    Missing,
    Part,
    Window,
    default_window,
)
from okrs.numbers import rounded
from okrs.work import State, WorkItem
from tests.builders import (  # fmt: skip
    AFTER,
    BEFORE,
    NOW,
    QUARTER,
    SOURCE,
    WITHIN,
    a_part,
    a_rule,
    an_item,
    by_key,
    joined,
    measured,
    where,
)

COUNT, PERCENT, SUM = Measure.COUNT, Measure.PERCENT, Measure.SUM
DONE, TODO, DOING, CANCELLED = State.DONE, State.TODO, State.DOING, State.CANCELLED
TICK = timedelta(microseconds=1)

BOARD = (
    an_item("open", TODO, points="5"),
    an_item("doing", DOING, points="3"),
    an_item("done", DONE, points="2"),
    an_item("done before", DONE, points="8", closed_at=BEFORE),
    an_item("cancelled", CANCELLED, points="13", resolution="Won't Do"),
    an_item("guess", DONE),
    an_item("open guess", TODO),
)

Shown = tuple[str | None, str | None, str | None]
"""Weight, amount and reason of a line."""


def shown(line: Line) -> Shown:
    weight, amount = (None if number is None else f"{number.normalize():f}" for number in (line.weight, line.amount))
    return (weight, amount, line.reason)


OFF_CANCELLED: Shown = (None, None, "cancelled")
OFF_WINDOW: Shown = (None, None, "outside_window")
OFF_GUESS: Shown = (None, None, "no_estimate")
FULL: Shown = ("1", "1", None)
OPEN: Shown = ("1", "0", "open")


@pytest.mark.parametrize(
    ("part", "value", "lines"),
    [
        pytest.param(
            a_part(COUNT),
            "3",
            [OPEN, OPEN, FULL, FULL, OFF_CANCELLED, FULL, OPEN],
            id="count of done",
        ),
        pytest.param(
            a_part(COUNT, window=Window.CYCLE),
            "2",
            [OPEN, OPEN, FULL, OFF_WINDOW, OFF_CANCELLED, FULL, OPEN],
            id="count of done in the cycle",
        ),
        pytest.param(
            a_part(COUNT, counts=Counts.OPEN),
            "3",
            [FULL, FULL, ("1", "0", "done"), ("1", "0", "done"), OFF_CANCELLED, ("1", "0", "done"), FULL],
            id="count of open",
        ),
        pytest.param(
            a_part(COUNT, counts=Counts.ALL),
            "6",
            [FULL, FULL, FULL, FULL, OFF_CANCELLED, FULL, FULL],
            id="count of all, cancelled excluded first",
        ),
        pytest.param(
            a_part(COUNT, counts=Counts.ALL, cancelled=Cancelled.OPEN),
            "7",
            [FULL] * 7,
            id="count of all, cancelled as open",
        ),
        pytest.param(
            a_part(PERCENT),
            "50",
            [OPEN, OPEN, FULL, FULL, OFF_CANCELLED, FULL, OPEN],
            id="percent",
        ),
        pytest.param(
            a_part(PERCENT, window=Window.CYCLE),
            "40",
            [OPEN, OPEN, FULL, OFF_WINDOW, OFF_CANCELLED, FULL, OPEN],
            id="percent in the cycle: done before leaves both sides",
        ),
        pytest.param(
            a_part(PERCENT, cancelled=Cancelled.COMPLETE),
            "57.142857",
            [OPEN, OPEN, FULL, FULL, FULL, FULL, OPEN],
            id="percent, cancelled as complete",
        ),
        pytest.param(
            a_part(PERCENT, cancelled=Cancelled.OPEN),
            "42.857143",
            [OPEN, OPEN, FULL, FULL, OPEN, FULL, OPEN],
            id="percent, cancelled as open",
        ),
        pytest.param(
            a_part(PERCENT, by="points"),
            "55.555556",
            [
                ("5", "0", "open"),
                ("3", "0", "open"),
                ("2", "2", None),
                ("8", "8", None),
                OFF_CANCELLED,
                OFF_GUESS,
                OFF_GUESS,
            ],
            id="percent by points: 10 of 18",
        ),
        pytest.param(
            a_part(PERCENT, by="points", missing=Missing.ONE),
            "55",
            [
                ("5", "0", "open"),
                ("3", "0", "open"),
                ("2", "2", None),
                ("8", "8", None),
                OFF_CANCELLED,
                FULL,
                OPEN,
            ],
            id="percent by points, a missing estimate is 1",
        ),
        pytest.param(
            a_part(SUM, by="points", missing=Missing.ZERO),
            "10",
            [
                ("5", "0", "open"),
                ("3", "0", "open"),
                ("2", "2", None),
                ("8", "8", None),
                OFF_CANCELLED,
                ("0", "0", None),
                ("0", "0", "open"),
            ],
            id="sum, a missing estimate is 0",
        ),
        pytest.param(
            a_part(SUM, by="points", missing=Missing.MEAN, window=Window.CYCLE),
            "5.333333",
            [
                ("5", "0", "open"),
                ("3", "0", "open"),
                ("2", "2", None),
                OFF_WINDOW,
                OFF_CANCELLED,
                ("3.333333", "3.333333", None),
                ("3.333333", "0", "open"),
            ],
            id="sum, the mean of 5, 3 and 2: neither cancelled nor closed before",
        ),
        pytest.param(
            a_part(COUNT, done_when=DoneWhen(status=("Released",))),
            "0",
            [OPEN, OPEN, OPEN, OPEN, OFF_CANCELLED, OPEN, OPEN],
            id="done_when: a normalised done that does not match is doing, cancelled stays cancelled",
        ),
        pytest.param(
            a_part(COUNT, done_when=DoneWhen(resolution=("won't do",))),
            "1",
            [OPEN, OPEN, OPEN, OPEN, FULL, OPEN, OPEN],
            id="done_when: done even if normalised cancelled",
        ),
    ],
)
def test_a_part_measured(part: Part, value: str, lines: list[Shown]) -> None:
    result = measured(a_rule(part), *BOARD)
    assert result.value == Decimal(value)
    assert [shown(line) for line in result.lines] == lines
    assert [line.counted for line in result.lines] == [line.reason is None for line in result.lines]


# --- every combination, against an oracle of its own -----------------------------------------------------------


def oracle_line(part: Part, item: WorkItem, mean: Fraction | None) -> tuple[Fraction, Fraction] | None:
    """Weight and credit by the sentences of DESIGN 4.2 and 4.3, None when neither above nor below the line."""
    done = item.state is DONE
    cancelled = item.state is CANCELLED
    if part.done_when:
        matches = item.status in part.done_when.status
        done, cancelled = matches, cancelled and not matches
    if cancelled:
        if part.cancelled is Cancelled.EXCLUDE:
            return None
        done = part.cancelled is Cancelled.COMPLETE
    windowed = part.window is Window.CYCLE and part.counts is Counts.DONE
    closed = item.closed_at or WITHIN
    if done and windowed and closed < QUARTER.start:
        return None
    late = done and windowed and closed >= QUARTER.end
    credit = {Counts.DONE: done and not late, Counts.OPEN: not done, Counts.ALL: True}[part.counts]
    points = dict(item.fields).get("points")
    weight = Fraction(1) if part.by is None else Fraction(points) if points else None
    if weight is None:
        weight = {Missing.EXCLUDE: None, Missing.ZERO: Fraction(0), Missing.ONE: Fraction(1), Missing.MEAN: mean}[
            part.missing
        ]
    return None if weight is None else (weight, Fraction(int(credit)))


def oracle(part: Part, items: tuple[WorkItem, ...]) -> Fraction:
    estimated = [
        line[0]
        for item in items
        if dict(item.fields).get("points") and (line := oracle_line(part, item, Fraction(0))) is not None
    ]
    mean = round_half_even(sum(estimated, Fraction(0)) / len(estimated)) if estimated else None
    lines = [line for item in items if (line := oracle_line(part, item, mean)) is not None]
    amount = sum((weight * credit for weight, credit in lines), Fraction(0))
    below = sum((weight for weight, _ in lines), Fraction(0))
    if part.measure is PERCENT:
        return round_half_even(100 * amount / below) if below else Fraction(0)
    return amount


def round_half_even(number: Fraction) -> Fraction:
    return Fraction(round(number * 10**6), 10**6)  # Python rounds fractions half-even


EVERYTHING = tuple(
    an_item(f"{state}-{when}-{status}-{points}", state, status=status, points=points, closed_at=closed_at)
    for state, status, points in product(State, ("Open", "Shipped"), ("2", "0.5", None))
    for when, closed_at in enumerate((None,) if not state.closed else (BEFORE, WITHIN, AFTER))
)


@pytest.mark.parametrize(
    ("kind", "by", "missing"),
    [(COUNT, None, Missing.EXCLUDE), (PERCENT, None, Missing.EXCLUDE), *product((PERCENT, SUM), ("points",), Missing)],
)
def test_every_combination_of_policies(kind: Measure, by: str | None, missing: Missing) -> None:
    for counts, cancelled, window, done_when in product(
        Counts, Cancelled, Window, (None, DoneWhen(status=("Shipped",)))
    ):
        part = a_part(
            kind, by=by, missing=missing, counts=counts, cancelled=cancelled, window=window, done_when=done_when
        )
        result = measured(a_rule(part), *EVERYTHING)
        assert Fraction(result.value) == oracle(part, EVERYTHING), part


# --- states ----------------------------------------------------------------------------------------------------

BOTH = DoneWhen(status=("Released", "Live"), resolution=("Fixed",))


@pytest.mark.parametrize(
    ("item", "done_when", "policy", "result"),
    [
        ((DONE, "Released", "Fixed"), BOTH, Cancelled.EXCLUDE, DONE),
        ((TODO, " live ", "FIXED"), BOTH, Cancelled.EXCLUDE, DONE),
        ((DONE, "Released", "Other"), BOTH, Cancelled.EXCLUDE, DOING),  # every list given must match
        ((DONE, "Released", None), BOTH, Cancelled.EXCLUDE, DOING),
        ((DONE, None, "Fixed"), BOTH, Cancelled.EXCLUDE, DOING),
        ((CANCELLED, "Live", "Fixed"), BOTH, Cancelled.EXCLUDE, DONE),
        ((CANCELLED, "Closed", "Fixed"), BOTH, Cancelled.EXCLUDE, CANCELLED),
        ((CANCELLED, "Closed", "Fixed"), BOTH, Cancelled.OPEN, TODO),
        ((CANCELLED, "Closed", "Fixed"), BOTH, Cancelled.COMPLETE, DONE),
        ((CANCELLED, None, None), None, Cancelled.EXCLUDE, CANCELLED),
        ((CANCELLED, None, None), None, Cancelled.OPEN, TODO),
        ((CANCELLED, None, None), None, Cancelled.COMPLETE, DONE),
        ((DOING, None, None), None, Cancelled.COMPLETE, DOING),
    ],
)
def test_the_state_under_a_parts_policies(
    item: tuple[State, str | None, str | None], done_when: DoneWhen | None, policy: Cancelled, result: State
) -> None:
    state, status, resolution = item
    part = a_part(done_when=done_when, cancelled=policy)
    assert state_under(part, an_item(state=state, status=status, resolution=resolution)) is result


# --- windows and the end of the cycle --------------------------------------------------------------------------

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
        (("1000000000000", "0.000001"), "1000000000000.000001"),
        (("XL", "3"), "3"),
        (("1e400", "3"), "3"),
    ],
)
def test_amounts_are_exact(points: tuple[str, ...], value: str) -> None:
    items = [an_item(f"PAY-{n}", DONE, points=each) for n, each in enumerate(points)]
    assert measured(a_rule(a_part(SUM, by="points")), *items).value == Decimal(value)


def test_nobody_has_an_estimate_to_take_the_mean_of() -> None:
    result = measured(a_rule(a_part(SUM, by="points", missing=Missing.MEAN)), an_item(state=DONE))
    assert [shown(line) for line in result.lines] == [OFF_GUESS]


def test_weights_that_cancel_out_give_no_percent() -> None:
    items = (an_item("PAY-1", DONE, points="2"), an_item("PAY-2", points="-2"))
    assert measured(a_rule(a_part(PERCENT, by="points")), *items).value == 0


# --- joining parts ---------------------------------------------------------------------------------------------


def labelled(key: str, state: State, *labels: str) -> WorkItem:
    return an_item(key, state, labels=labels)


SIX = (
    labelled("A-1", DONE, "a"),
    labelled("A-2", TODO, "a"),
    labelled("A-3", DONE, "a"),
    labelled("B-1", DONE, "b"),
    labelled("B-2", TODO, "b"),
    labelled("B-3", TODO, "b"),
)
PART_A, PART_B = a_part(PERCENT, where=where(label="a")), a_part(PERCENT, where=where(label="b"))


def weighing(part: Part, weight: str) -> Part:
    return Part(part.source, part.where, part.measure, weight=Decimal(weight))


@pytest.mark.parametrize(
    ("combine", "parts", "base", "value"),
    [
        (None, (PART_A,), "0", "66.666667"),
        (None, (PART_A,), "-40.5", "26.166667"),  # add_start
        (Combine.SUM, (PART_A, PART_B), "0", "100"),  # 66.666667 + 33.333333: the parts are rounded first
        (Combine.MEAN, (PART_A, PART_B), "0", "50"),
        (Combine.MEAN, (PART_A, PART_A, PART_B), "0", "55.555556"),
        (Combine.WEIGHTED_MEAN, (PART_A, PART_B), "0", "50"),
        (Combine.WEIGHTED_MEAN, (weighing(PART_A, "2"), PART_B), "0", "55.555556"),
        (Combine.WEIGHTED_MEAN, (weighing(PART_A, "0.5"), weighing(PART_B, "1.5")), "0", "41.666666"),  # half to even
        (Combine.MIN, (PART_A, PART_B), "0", "33.333333"),
        (Combine.MAX, (PART_A, PART_B), "10", "76.666667"),
        (Combine.SUM, (PART_A, a_part(where=where(label="b"))), "0", "67.666667"),
    ],
)
def test_parts_are_combined(combine: Combine | None, parts: tuple[Part, ...], base: str, value: str) -> None:
    rule = a_rule(*parts, combine=combine, add_start=base != "0", base=Decimal(base))
    assert measured(rule, *SIX).value == Decimal(value)


TWICE = (labelled("both done", DONE, "a", "b"), labelled("both open", TODO, "a", "b"), labelled("only b", DONE, "b"))
COUNT_A, COUNT_B = a_part(where=where(label="a")), a_part(where=where(label="b"))
DUPLICATE: Shown = (None, None, "duplicate")


@pytest.mark.parametrize(
    ("combine", "value", "later"),
    [
        (Combine.SUM, "2", [DUPLICATE, OPEN, FULL]),  # only what was counted earlier is a duplicate
        (Combine.MEAN, "1.5", [FULL, OPEN, FULL]),
        (Combine.MAX, "2", [FULL, OPEN, FULL]),
    ],
)
def test_a_sum_counts_an_item_once(combine: Combine, value: str, later: list[Shown]) -> None:
    result = measured(a_rule(COUNT_A, COUNT_B, combine=combine), *TWICE)
    assert result.value == Decimal(value)
    assert [shown(line) for line in result.lines if line.part == 1] == later


def test_a_duplicate_leaves_both_sides_of_a_later_percent() -> None:
    result = measured(a_rule(COUNT_A, PART_B, combine=Combine.SUM), *TWICE)
    assert result.totals[1] == Total(Decimal(1), Decimal(2), 2)
    assert result.value == 51


def test_a_duplicate_takes_no_part_in_the_mean_estimate() -> None:
    items = (
        an_item("PAY-1", DONE, points="9", labels=("a", "b")),
        an_item("PAY-2", DONE, points="1", labels=("b",)),
        an_item("PAY-3", DONE, labels=("b",)),
    )
    later = a_part(SUM, by="points", missing=Missing.MEAN, where=where(label="b"))
    result = measured(a_rule(a_part(where=where(label="a")), later, combine=Combine.SUM), *items)
    assert [shown(line) for line in result.lines if line.part == 1] == [DUPLICATE, FULL, FULL]


def test_three_parts_share_an_item_once() -> None:
    result = measured(a_rule(COUNT_A, COUNT_A, COUNT_A, combine=Combine.SUM), *TWICE)
    assert [total.amount for total in result.totals] == [1, 0, 0]


def test_the_same_id_in_another_source_is_another_item() -> None:
    rule = a_rule(a_part(source="one"), a_part(source="two"), combine=Combine.SUM)
    item = an_item(state=DONE)
    assert measure(rule, {"one": joined(item), "two": joined(item)}, NOW).value == 2
    assert rule.sources == ("one", "two")


# --- nothing selected, and the accumulators --------------------------------------------------------------------


@pytest.mark.parametrize("kind", [COUNT, PERCENT, SUM])
@pytest.mark.parametrize("mirror", [{}, {SOURCE: []}, {SOURCE: joined(labelled("PAY-1", DONE, "z"))}])
def test_an_empty_selection_is_0_and_says_so(kind: Measure, mirror: Mapping[str, list[object]]) -> None:
    result: Measured = measure(a_rule(a_part(kind, where=where(label="a"))), mirror, NOW)  # type: ignore[arg-type]  # empty lists of any kind
    assert result.value == 0
    assert result.lines == ()
    assert result.selects_nothing


def test_nothing_done_is_not_nothing_selected() -> None:
    result = measured(a_rule(), an_item(state=TODO))
    assert result.value == 0
    assert not result.selects_nothing


@pytest.mark.parametrize(
    ("kind", "total", "value"),
    [
        (COUNT, Total(Decimal(3), Decimal(9), 9), "3"),
        (SUM, Total(Decimal("0.000001"), Decimal(9), 9), "0.000001"),
        (PERCENT, Total(Decimal(1), Decimal(3), 3), "33.333333"),
        (PERCENT, Total(Decimal(2), Decimal(3), 3), "66.666667"),
        (PERCENT, Total(), "0"),
    ],
)
def test_the_value_of_a_part(kind: Measure, total: Total, value: str) -> None:
    assert part_value(a_part(kind), total) == Decimal(value)


def test_measuring_is_adding_up_the_lines() -> None:
    rule = a_rule(a_part(PERCENT, by="points", missing=Missing.MEAN), COUNT_A, combine=Combine.MEAN)
    result = measured(rule, *BOARD, *TWICE)
    assert totals_of(2, reversed(result.lines)) == result.totals
    assert value_of(rule, result.totals) == result.value == rounded(result.value)


def test_lines_know_their_item_and_version() -> None:
    result = measured(a_rule(), *BOARD)
    assert list(by_key(result.lines)) == [item.key for item in BOARD]
    assert {(line.part, line.source, line.version) for line in result.lines} == {(0, SOURCE, "v1")}
    assert by_key(result.lines)["open"].reason is Reason.OPEN
