"""Exact numbers, durations and names: the same in every room."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okrs.duration import parse_age, parse_duration
from okrs.numbers import as_json, divided, exact, from_millionths, plain, rounded, to_millionths
from okrs.work import fold_key, fold_name
from tests.builders import an_item


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.1, "0.1"), (3, "3"), (" 2.50 ", "2.50"), ("1e3", "1E+3"), (Decimal("1.10"), "1.10"), (1e-7, "1E-7")],
)
def test_exact_keeps_the_shortest_text(number: int | float | str | Decimal, text: str) -> None:
    assert str(exact(number)) == text


@pytest.mark.parametrize(
    "number", ["", "many", "1,5", "1_000", "nan", "Infinity", float("nan"), float("-inf"), Decimal("sNaN")]
)
def test_exact_refuses_what_is_no_finite_number(number: str | float | Decimal) -> None:
    with pytest.raises(ValueError, match="number"):
        exact(number)


@pytest.mark.parametrize(
    ("number", "result"),
    [
        ("0.0000005", "0"),
        ("0.0000015", "0.000002"),
        ("0.0000025", "0.000002"),
        ("-0.0000015", "-0.000002"),
        ("0.00000250000000000000000000000000000000000000001", "0.000003"),
        ("123456789012.3456785", "123456789012.345678"),
    ],
)
def test_rounded_is_half_even_at_six_places(number: str, result: str) -> None:
    assert rounded(Decimal(number)) == Decimal(result)
    assert rounded(Decimal(number)).as_tuple().exponent == -6


def test_a_quotient_has_so_many_digits_that_rounding_it_later_is_the_only_rounding() -> None:
    third = divided(Decimal(1), Decimal(3))
    assert third == Decimal("0." + "3" * 60)
    assert divided(Decimal(2), Decimal(3)) + third == Decimal(1)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1.500", "1.5"),
        ("1E+3", "1000"),
        ("100", "100"),
        ("-0", "0"),
        ("-0.000000", "0"),
        ("0.000001", "0.000001"),
        ("1E-6", "0.000001"),
        ("-12.30", "-12.3"),
    ],
)
def test_plain_text_has_no_exponent_and_no_trailing_zeros(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


@pytest.mark.parametrize(
    ("number", "json"), [(None, None), ("5.000000", 5), ("2.5", 2.5), ("-0", 0), ("66.666667", 66.666667)]
)
def test_json_numbers_are_whole_where_they_can_be(number: str | None, json: int | float | None) -> None:
    result = as_json(None if number is None else Decimal(number))
    assert (result, type(result)) == (json, type(json))


@given(st.integers(min_value=-(9 * 10**18) + 1, max_value=9 * 10**18 - 1))
def test_millionths_come_back_whole(number: int) -> None:
    assert to_millionths(from_millionths(number)) == number


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=6))
def test_equal_numbers_have_equal_text_that_reads_back(number: Decimal) -> None:
    assert Decimal(plain(number)) == number
    assert plain(number) == plain(number.normalize()) == plain(number + Decimal("0.000000000"))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("3", "3"),
        ("-2.5", "-2.5"),
        ("1e3", "1000"),
        ("XL", None),
        ("", None),
        ("NaN", None),
        ("1e9", "1000000000"),
        ("1e10", None),
        ("1e999", None),
        ("1e999999", None),
        (" 12\t", "12"),
        ("+.5", "0.5"),
        ("5.", "5"),
        ("-1.5E-2", "-0.015"),
        ("1_000", None),
        ("1,000", None),
        ("1 000", None),
        ("0x10", None),
        ("+-1", None),
        ("1.2.3", None),
        (".", None),
        ("Infinity", None),
        ("-inf", None),
        ("sNaN1", None),
        ("\u0661\u0662", None),  # digits, though not ours
        ("\uff11\uff12", None),
        ("12\n13", None),
    ],
)
def test_the_number_of_a_field(text: str, number: str | None) -> None:
    item = an_item(fields=(("other", "7"), ("points", text)))
    assert item.number("points") == (None if number is None else Decimal(number))
    assert item.number("absent") is None


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90s", timedelta(seconds=90)),
        (" 5m ", timedelta(minutes=5)),
        ("2 h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        (timedelta(hours=3), timedelta(hours=3)),
    ],
)
def test_durations(text: object, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "5", "0m", "-5m", "5 minutes", "1.5h", "m", "1h30m", None, "٣m", "9999999d"])
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match="a duration is"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "days"), [("90d", 90), ("26w", 182), ("6mo", 180), (" 2 y ", 730), ("12h", 0.5), ("43200s", 0.5)]
)
def test_how_long_something_is_kept(text: str, days: float) -> None:
    assert parse_age(text) == timedelta(days=days)


@pytest.mark.parametrize("text", ["", "6", "0d", "soon", "-1d", "1.5y", "6 months", "9999999d"])
def test_what_is_no_age(text: str) -> None:
    with pytest.raises(ValueError, match="write days, weeks, months or years, as 90d, 26w, 6mo or 2y"):
        parse_age(text)


def test_nothing_is_that_old() -> None:
    with pytest.raises(ValueError, match="nothing is older than 100 years"):
        parse_age("9999y")


def test_an_m_may_be_minutes_or_months() -> None:
    for text in ("6m", " 6 M"):
        with pytest.raises(ValueError, match="m may mean minutes or months, so write 6mo for months"):
            parse_age(text)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (" In Review ", "in review", True),
        ("STRASSE", "straße", True),
        ("Cafe\u0301", "CAFÉ", True),  # composed and decomposed
        ("In  Review", "In Review", False),  # trimmed, not squeezed
        ("p1", "p2", False),
    ],
)
def test_names_compare_trimmed_composed_and_folded(one: str, other: str, same: bool) -> None:
    assert (fold_name(one) == fold_name(other)) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("PAY-1", "pay-1", False), ("Acme/Web#3", "acme/web#3", True), (" PAY-1 ", "PAY-1", True)],
)
def test_keys_compare_exactly_but_repositories_ignore_case(one: str, other: str, same: bool) -> None:
    assert (fold_key(one) == fold_key(other)) is same


@pytest.mark.parametrize("number", ["9000000000000", "-9000000000000", "1e20"])
def test_what_no_column_holds_is_refused(number: str) -> None:
    with pytest.raises(OverflowError, match="cannot be kept"):
        rounded(Decimal(number))
