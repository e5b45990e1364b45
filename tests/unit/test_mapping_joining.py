"""How parts are joined, what a sum counts once, and what the accumulators hold."""

from collections.abc import Mapping
from decimal import Decimal

import pytest

from mapping.judging import Reason
from mapping.measure import Measured, measure, totals_of
from mapping.rule import (
    Combine,
    Measure,
    Missing,
    Part,
)
from mapping.totals import Total, part_value, value_of
from okrs.numbers import rounded
from okrs.work import State, WorkItem
from tests.builders import (
    FULL,
    NOW,
    OPEN,
    SOURCE,
    Shown,
    a_part,
    a_rule,
    an_item,
    by_key,
    joined,
    measured,
    shown,
    where,
)

COUNT, PERCENT, SUM = Measure.COUNT, Measure.PERCENT, Measure.SUM
DONE, TODO, CANCELLED = State.DONE, State.TODO, State.CANCELLED


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

MIX = (
    an_item("open", points="5"),
    an_item("done", DONE, points="2"),
    an_item("cancelled", CANCELLED, points="13"),
    an_item("guess", DONE),
)


@pytest.mark.parametrize("kind", [COUNT, PERCENT, SUM])
@pytest.mark.parametrize("mirror", [{}, {SOURCE: []}, {SOURCE: joined(labelled("PAY-1", DONE, "z"))}])
def test_an_empty_selection_is_0_and_says_so(kind: Measure, mirror: Mapping[str, list[object]]) -> None:
    result: Measured = measure(a_rule(a_part(kind, where=where(label="a"))), mirror, NOW)  # type: ignore[arg-type]  # empty lists of any kind
    assert result.value == 0
    assert result.lines == ()


def test_nothing_done_is_not_nothing_selected() -> None:
    result = measured(a_rule(), an_item(state=TODO))
    assert result.value == 0
    assert len(result.lines) == 1


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
    result = measured(rule, *MIX, *TWICE)
    assert totals_of(rule, reversed(result.lines)) == result.totals
    assert value_of(rule, result.totals, NOW) == result.value == rounded(result.value or Decimal(0))


def test_lines_know_their_item_and_version() -> None:
    result = measured(a_rule(), *MIX)
    assert list(by_key(result.lines)) == [item.key for item in MIX]
    assert {(line.part, line.source, line.version) for line in result.lines} == {(0, SOURCE, "v1")}
    assert by_key(result.lines)["open"].reason is Reason.OPEN
