"""What a `close` entry says, and back."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis.strategies import booleans, builds, decimals, just, none, one_of

from okrs.closing import Ending, flaw_of, grade_of, grades_of, parse_ending
from okrs.immutable import replace
from okrs.objective import Binary, Keep, KeyResult, Numeric, Objective, Terms, parse_terms, terms_text

D = Decimal
TERMS = (Numeric(D(0), D(20)), Numeric(D(40), D("9.5")), Keep(D("-1"), D(1)), Binary(), Binary(D(100)))
values = decimals(-(10**9), 10**9, places=6)


@pytest.mark.parametrize("terms", TERMS)
def test_terms_come_back(terms: Terms) -> None:
    assert parse_terms(terms_text(terms)) == terms


@pytest.mark.parametrize("text", ['{"kind":"odd"}', "{}", "[]", "", '{"kind":"keep","min":"x","max":"1"}'])
def test_other_texts_are_no_terms(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, ArithmeticError)):
        parse_terms(text)


@pytest.mark.parametrize(
    ("terms", "value", "grade"),
    [
        (TERMS[0], D(14), "0.7"),
        (TERMS[0], D(30), "1"),
        (TERMS[0], D(-3), "0"),
        (TERMS[0], None, "0"),
        (Numeric(D(0), D(3)), D(1), "0.333333"),
        (TERMS[2], D(2), "0.5"),
        (TERMS[3], D(1), "1"),
    ],
)
def test_a_grade_is_the_progress_between_0_and_1(terms: Terms, value: Decimal | None, grade: str) -> None:
    assert grade_of(terms, value) == D(grade)


endings = builds(
    Ending,
    cycle=just("2026-Q4"),
    objective=just("one"),
    terms=one_of(*map(just, TERMS)),
    weight=just(D(2)),
    value=one_of(none(), values),
    head=just("0" * 64),
    grade=just(D("0.123456")),
    graded=just(True),
    unread=booleans(),
)


@given(endings)
def test_an_ending_comes_back_and_is_without_a_flaw(ending: Ending) -> None:
    assert parse_ending(ending.details) == ending
    assert flaw_of(ending.details) in ("", "its grade does not follow from its value.")
    followed = replace(ending, grade=grade_of(ending.terms, ending.value), graded=False)
    assert flaw_of(followed.details) == ""
    assert flaw_of(replace(followed, graded=True).details) == "its grade does not follow from its value."
    assert flaw_of(f" {followed.details}") == "what it says of progress does not follow from its value and terms."


def test_objectives_are_graded_by_weight_and_by_those_that_support_them() -> None:
    objectives = [Objective("top", "q", "Top"), Objective("team", "q", "Team", weight=D(3), supports=("top",))]
    objectives.append(Objective("bare", "q", "Bare"))
    key_results = [
        KeyResult("a", "top", "q", "A", TERMS[0]),
        KeyResult("b", "team", "q", "B", TERMS[0], weight=D(2)),
        KeyResult("c", "team", "q", "C", TERMS[0]),
        KeyResult("open", "team", "q", "Open", TERMS[0], weight=D(100)),
    ]
    grades = {"a": D(1), "b": D("0.6"), "c": D(0)}
    assert grades_of(objectives, key_results, grades) == {"top": D("0.55"), "team": D("0.4")}
