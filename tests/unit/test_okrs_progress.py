"""Progress, standing and the roll-up to objectives."""

from decimal import Decimal

import pytest

from okrs.numbers import rounded
from okrs.objective import Binary, Keep, KeyResult, Numeric, Objective, Terms
from okrs.progress import (
    Moment,
    Pace,
    Share,
    Standing,
    Status,
    clamped,
    objective_status,
    progress,
    roll_up,
    standing,
)

D = Decimal
RISING, FALLING = Numeric(D(0), D(20)), Numeric(D(40), D(10))
BAND = Keep(D(95), D(99))
THREE_ITEMS, PERCENT = Binary(D(3)), Binary(D(100))
HALF = Moment(D("0.5"))


@pytest.mark.parametrize(
    ("terms", "value", "share"),
    [
        (RISING, None, "0"),
        (RISING, "0", "0"),
        (RISING, "5", "0.25"),
        (RISING, "30", "1.5"),  # kept unclamped
        (RISING, "-5", "-0.25"),
        (FALLING, "40", "0"),
        (FALLING, "25", "0.5"),
        (FALLING, "50", "-0.333333"),
        (FALLING, "0", "1.333333"),
        (Numeric(D(-10), D(-20)), "-15", "0.5"),
        (BAND, None, "0"),
        (BAND, "95", "1"),  # both bounds belong to it
        (BAND, "99", "1"),
        (BAND, "94", "0.75"),  # the band is 4 wide
        (BAND, "100", "0.75"),
        (BAND, "91", "0"),
        (BAND, "10", "0"),
        (BAND, "1000", "0"),
        (THREE_ITEMS, None, "0"),
        (THREE_ITEMS, "2", "0"),
        (THREE_ITEMS, "3", "1"),
        (PERCENT, "99.999999", "0"),
        (PERCENT, "100", "1"),
        (Binary(), "1", "1"),  # at least one item unless told
    ],
)
def test_progress(terms: Terms, value: str | None, share: str) -> None:
    assert rounded(progress(terms, None if value is None else D(value))) == D(share)


@pytest.mark.parametrize(("share", "shown"), [("-0.3", "0"), ("0.4", "0.4"), ("1.2", "1")])
def test_shown_progress_lies_between_0_and_1(share: str, shown: str) -> None:
    assert clamped(D(share)) == D(shown)


@pytest.mark.parametrize(
    ("terms", "value", "moment", "colour"),
    [
        # before the start, or never measured
        (RISING, "5", Moment(D(0), begun=False), Status.NOT_STARTED),
        (RISING, "20", Moment(D(0), begun=False), Status.NOT_STARTED),
        (RISING, None, HALF, Status.NOT_STARTED),
        (BAND, None, HALF, Status.NOT_STARTED),
        # half of the cycle is over: 0.5 is expected
        (RISING, "20", HALF, Status.ACHIEVED),
        (RISING, "25", HALF, Status.ACHIEVED),
        (RISING, "7.5", HALF, Status.ON_TRACK),
        (RISING, "7.49", HALF, Status.AT_RISK),
        (RISING, "5", HALF, Status.AT_RISK),
        (RISING, "4.99", HALF, Status.OFF_TRACK),
        (FALLING, "30", HALF, Status.AT_RISK),
        (FALLING, "45", HALF, Status.OFF_TRACK),
        # never off track in the first tenth
        (RISING, "0", Moment(D(0)), Status.ON_TRACK),
        (RISING, "-1", Moment(D(0)), Status.AT_RISK),
        (RISING, "0", Moment(D("0.09")), Status.AT_RISK),
        (RISING, "0", Moment(D("0.1")), Status.OFF_TRACK),
        # a band expects 1 from the first day, and is achieved only at the end
        (BAND, "97", HALF, Status.ON_TRACK),
        (BAND, "94", HALF, Status.ON_TRACK),
        (BAND, "93", HALF, Status.AT_RISK),
        (BAND, "92", HALF, Status.OFF_TRACK),
        (BAND, "92", Moment(D("0.05")), Status.AT_RISK),
        (BAND, "97", Moment(D(1), ended=True), Status.ACHIEVED),
        (BAND, "94", Moment(D(1), ended=True), Status.ON_TRACK),
    ],
)
def test_the_colour_of_a_key_result(terms: Terms, value: str | None, moment: Moment, colour: Status) -> None:
    judged = standing(terms, None if value is None else D(value), moment, Pace())
    assert (judged.status, judged.pace) == (colour, colour)


@pytest.mark.parametrize(
    ("value", "share_done", "colour"),
    [
        ("2", "0.4", Status.ON_TRACK),
        ("2", "0.3", Status.AT_RISK),
        ("2", "0.2", Status.OFF_TRACK),
        ("2", None, Status.OFF_TRACK),  # nothing to judge by but its progress of 0
        ("3", "0.2", Status.ACHIEVED),
    ],
)
def test_a_binary_key_result_is_judged_by_the_share_of_items_done(
    value: str, share_done: str | None, colour: Status
) -> None:
    judged = standing(THREE_ITEMS, D(value), HALF, Pace(), share_done=None if share_done is None else D(share_done))
    assert judged.status is colour
    assert judged.progress == (1 if value == "3" else 0)


def test_the_share_of_items_done_judges_no_other_kind() -> None:
    assert standing(RISING, D(1), HALF, Pace(), share_done=D(1)).status is Status.OFF_TRACK


@pytest.mark.parametrize(
    ("moment", "stale", "status"),
    [
        (Moment(D(1), ended=True, closed=True), True, Status.CLOSED),
        (HALF, True, Status.STALE),
        (Moment(D(0), begun=False), True, Status.STALE),
        (HALF, False, Status.ACHIEVED),
    ],
)
def test_closed_and_stale_come_first_and_keep_the_colour(moment: Moment, stale: bool, status: Status) -> None:
    judged = standing(RISING, D(20), moment, Pace(), stale=stale)
    assert judged.status is status
    assert judged.pace is (Status.ACHIEVED if moment.begun else Status.NOT_STARTED)


def test_pace_limits_come_from_the_config() -> None:
    strict = Pace(on_track=D("1"), at_risk=D("0.9"), grace=D("0"))
    assert standing(RISING, D("9.5"), HALF, strict).status is Status.AT_RISK
    assert standing(RISING, D(0), Moment(D("0.01")), strict).status is Status.OFF_TRACK


@pytest.mark.parametrize(("terms", "expected"), [(RISING, "0.5"), (THREE_ITEMS, "0.5"), (BAND, "1")])
def test_expected_progress(terms: Terms, expected: str) -> None:
    assert standing(terms, D(0), HALF, Pace()).expected == D(expected)


# --- objectives ------------------------------------------------------------------------------------------------


def objective(name: str, *supports: str, weight: str = "1") -> Objective:
    return Objective(name, "Q4", name, weight=D(weight), supports=supports)


def key_result(name: str, of: str, weight: str = "1") -> KeyResult:
    return KeyResult(name, of, "Q4", name, RISING, weight=D(weight))


def reached(share: str, expected: str = "0.5", status: Status = Status.ON_TRACK) -> Standing:
    return Standing(D(share), D(expected), status, status)


def test_an_objective_is_the_weighted_mean_of_its_key_results() -> None:
    shares = roll_up(
        [objective("a")],
        [key_result("x", "a", "3"), key_result("y", "a")],
        {"x": reached("0.2"), "y": reached("0.6", "1")},
    )
    assert shares["a"].progress == D("0.3")
    assert shares["a"].expected == D("0.625")


def test_progress_rolls_up_clamped() -> None:
    shares = roll_up(
        [objective("a")], [key_result("x", "a"), key_result("y", "a")], {"x": reached("1.8"), "y": reached("-0.5")}
    )
    assert shares["a"].progress == D("0.5")


def test_supporting_objectives_count_with_their_own_weight() -> None:
    shares = roll_up(
        [objective("top"), objective("team", "top", weight="3"), objective("squad", "team", "team")],
        [key_result("x", "top"), key_result("y", "team"), key_result("z", "squad")],
        {"x": reached("0"), "y": reached("0.4"), "z": reached("0.8")},
    )
    assert shares["squad"].progress == D("0.8")
    assert shares["team"].progress == D("0.6")  # named twice, counted once
    assert shares["top"].progress == D("0.45")


def test_supporting_a_key_result_only_draws_the_tree() -> None:
    shares = roll_up(
        [objective("top"), objective("team", "x")],
        [key_result("x", "top"), key_result("y", "team")],
        {"x": reached("0.1"), "y": reached("0.9")},
    )
    assert shares["top"].progress == D("0.1")


def test_an_objective_without_children_has_no_progress_and_expects_none() -> None:
    assert roll_up([objective("a")], [], {}) == {"a": Share(D(1), D(0), D(0))}


KEPT = Standing(D(1), D(1), Status.ON_TRACK, Status.ON_TRACK)


@pytest.mark.parametrize(
    ("share", "own", "moment", "status"),
    [
        (("0.4", "0.5"), [reached("0.4")], HALF, Status.ON_TRACK),
        (("0.3", "0.5"), [reached("0.3")], HALF, Status.AT_RISK),
        (("0.2", "0.5"), [reached("0.2")], HALF, Status.OFF_TRACK),
        (("1", "0.5"), [reached("1", status=Status.ACHIEVED)], HALF, Status.ACHIEVED),
        (("1", "1"), [KEPT], HALF, Status.ON_TRACK),  # a band is kept only when the cycle is over
        (("0.2", "0.5"), [reached("0.2", status=Status.STALE)], HALF, Status.STALE),
        (("0.2", "0.5"), [reached("0.2", status=Status.STALE), reached("0.2")], HALF, Status.OFF_TRACK),
        (("0.2", "1"), [reached("0.2", status=Status.CLOSED)], HALF, Status.CLOSED),
        (("0", "0.5"), [reached("0", status=Status.NOT_STARTED)], HALF, Status.NOT_STARTED),
        (("0.4", "0.5"), [], HALF, Status.ON_TRACK),  # by those that support it
        (("0", "0"), [], HALF, Status.NOT_STARTED),  # nothing feeds it
        (("0", "0"), [], Moment(D(1), ended=True, closed=True), Status.CLOSED),
        (("0.4", "0"), [], Moment(D(0), begun=False), Status.NOT_STARTED),
    ],
)
def test_the_status_of_an_objective(
    share: tuple[str, str], own: list[Standing], moment: Moment, status: Status
) -> None:
    assert objective_status(Share(D(1), D(share[0]), D(share[1])), own, moment, Pace()) is status
