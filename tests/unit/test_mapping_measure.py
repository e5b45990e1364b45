"""From a selection to a number: every measure under every policy, and how parts are joined."""

from decimal import Decimal
from fractions import Fraction
from itertools import product

import pytest

from mapping.judging import state_under
from mapping.rule import (
    Cancelled,
    Counts,
    DoneWhen,
    Measure,
    Missing,
    Part,
    Window,
)
from okrs.work import State, WorkItem
from tests.builders import (
    AFTER,
    BEFORE,
    FULL,
    OFF_CANCELLED,
    OFF_GUESS,
    OFF_WINDOW,
    OPEN,
    QUARTER,
    WITHIN,
    Shown,
    a_part,
    a_rule,
    an_item,
    measured,
    shown,
)

COUNT, PERCENT, SUM = Measure.COUNT, Measure.PERCENT, Measure.SUM
DONE, TODO, DOING, CANCELLED = State.DONE, State.TODO, State.DOING, State.CANCELLED

BOARD = (
    an_item("open", TODO, points="5"),
    an_item("doing", DOING, points="3"),
    an_item("done", DONE, points="2"),
    an_item("done before", DONE, points="8", closed_at=BEFORE),
    an_item("cancelled", CANCELLED, points="13", resolution="Won't Do"),
    an_item("guess", DONE),
    an_item("open guess", TODO),
)


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
        assert result.value is not None
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
