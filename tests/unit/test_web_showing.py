"""How numbers, times and addresses look on a page, and in which order objectives stand."""

from datetime import timedelta
from decimal import Decimal

import pytest

from okrs.cycle import Calendar
from okrs.objective import Binary, Keep, KeyResult, Numeric, Objective, Terms
from tests.builders import at
from web.rows import bar, tree
from web.showing import Clockface, goal, link, number, percent, signed, span_words

NOW = at("2026-11-28T14:30")
FACE = Clockface(Calendar("Europe/Berlin"), NOW)


def of(terms: Terms, unit: str = "") -> KeyResult:
    return KeyResult("kr", "o", "c", "KR", terms, unit)


@pytest.mark.parametrize(
    ("share", "said"),
    [("0", "0 %"), ("0.0001", "1 %"), ("0.5", "50 %"), ("0.999", "99 %"), ("1", "100 %"), ("1.7", "100 %"),
     ("-1", "0 %")],
)  # fmt: skip
def test_percents_are_whole_only_where_the_thing_is(share: str, said: str) -> None:
    assert percent(Decimal(share)) == said


def test_numbers_have_a_true_minus_and_two_decimals() -> None:
    assert [number(None), number(Decimal("-1.005")), number(Decimal("3.14159"))] == ["–", "−1", "3.14"]
    assert [signed(Decimal(each)) for each in ("3", "-2.5", "0")] == ["+3", "−2.5", "±0"]


@pytest.mark.parametrize(
    ("key_result", "value", "said"),
    [
        (of(Numeric(Decimal(0), Decimal(20)), "bugs"), 13, "13 of 20 bugs"),
        (of(Numeric(Decimal(40), Decimal(10)), "bugs"), 22, "22, down to 10 bugs"),
        (of(Numeric(Decimal(0), Decimal(100)), "%"), Decimal("46.15"), "46.2 %"),
        (of(Keep(Decimal(1), Decimal(3))), 2, "2 in 1…3"),
        (of(Binary()), 0, "not done"),
        (of(Binary()), 1, "done"),
    ],
)
def test_a_value_stands_beside_its_terms(key_result: KeyResult, value: int, said: str) -> None:
    assert goal(key_result, Decimal(value)) == said


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "JaVaScRiPt:x", "data:text/html,x", "//host/x", "/x", "", "https:", "http://[", "ftp://h/x",
     "https://user@host/", "https://host/a b", "https://host/\u202e", "https://host/\nx", " https://host"],
)  # fmt: skip
def test_what_is_no_plain_address_is_no_link(url: str) -> None:
    assert link(url) is None


@pytest.mark.parametrize("url", ["https://acme.example/browse/PAY-1", "http://localhost:8080/a?b=c&d=%20#e"])
def test_a_plain_address_is_a_link(url: str) -> None:
    assert link(url) == url


def test_times_are_said_as_people_there_say_them() -> None:
    assert FACE.when(at("2026-11-28T13:02")) == "today 14:02"
    assert FACE.when(at("2026-11-27T23:30")) == "today 00:30"
    assert FACE.when(at("2026-11-27T08:12")) == "yesterday 09:12"
    assert FACE.when(at("2026-11-23T08:12")) == "Mon 23 Nov 09:12"
    assert FACE.when(at("2026-11-12T08:12")) == "12 Nov 09:12"
    assert FACE.when(at("2025-03-12T08:12")) == "12 Mar 2025 09:12"
    assert FACE.ago(NOW - timedelta(seconds=10)) == "just now"
    assert FACE.ago(NOW - timedelta(minutes=2)) == "2 min ago"
    assert [span_words(timedelta(hours=each)) for each in (1, 26, 72)] == ["1 hour", "26 hours", "3 days"]


def test_a_bar_shows_what_is_begun_and_what_is_missing() -> None:
    assert [bar(Decimal(each), None).filled for each in ("0", "0.001", "0.5", "0.9999", "1")] == [0, 2, 100, 198, 200]
    drawn = bar(Decimal("0.25"), Decimal("0.5"))
    assert (drawn.tick, drawn.label) == (100, "25 % of the way, expected by now 50 %")
    assert bar(Decimal(0), Decimal(1)).tick == 199


def an_objective(name: str, *supports: str) -> Objective:
    return Objective(name, "c", name, supports=supports)


def test_the_tree_has_each_objective_once_below_what_it_supports() -> None:
    home = [KeyResult("kr", "a", "c", "KR", Binary())]
    every = [
        an_objective("d", "b"),
        an_objective("b", "kr"),
        an_objective("a"),
        an_objective("c", "a", "d", "elsewhere"),
    ]
    assert [(each.id, depth) for each, depth in tree(every, home)] == [("a", 0), ("b", 1), ("d", 2), ("c", 1)]


def test_a_loop_through_key_results_loses_nobody() -> None:
    home = [KeyResult("one", "a", "c", "KR", Binary()), KeyResult("two", "b", "c", "KR", Binary())]
    every = [an_objective("a", "two"), an_objective("b", "one"), an_objective("c", "one")]
    assert sorted(each.id for each, _ in tree(every, home)) == ["a", "b", "c"]
