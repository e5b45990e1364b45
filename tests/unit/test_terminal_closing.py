"""The question before a cycle is closed, and grades as people give them."""

from decimal import Decimal

import pytest
import typer

from okrs.objective import Binary, KeyResult
from sync.closing import Card
from terminal.closing import _ask, _grades, _remark
from terminal.failures import Failure


def test_grades_are_read() -> None:
    assert _grades(["a=0.7", "b=1", "c=.25"], "why") == {"a": Decimal("0.7"), "b": 1, "c": Decimal("0.25")}
    assert _grades([], None) == {}


@pytest.mark.parametrize("texts", [["a"], ["=0.5"], ["a="], ["a=1.01"], ["a=-0.1"], ["a=many"], ["a=0.5", "a=0.6"]])
def test_others_are_mistakes_of_usage(texts: list[str]) -> None:
    with pytest.raises(typer.BadParameter):
        _grades(texts, "why")


@pytest.mark.parametrize("why", [None, "", "  "])
def test_a_grade_needs_a_reason(why: str | None) -> None:
    with pytest.raises(typer.BadParameter, match="reason"):
        _grades(["a=0.5"], why)


@pytest.mark.parametrize("answer", [True, False])
def test_a_terminal_is_asked(monkeypatch: pytest.MonkeyPatch, answer: bool) -> None:
    asked: list[str] = []

    def confirm(text: str, **_: object) -> bool:
        asked.append(text)
        return answer

    monkeypatch.setattr(typer, "confirm", confirm)
    if answer:
        _ask("2026-Q4", asks=True)
    else:
        with pytest.raises(Failure, match="Nothing was closed"):
            _ask("2026-Q4", asks=True)
    assert asked == ["Close 2026-Q4? It cannot be taken back."]


def test_a_script_is_not_asked() -> None:
    with pytest.raises(Failure, match="--yes"):
        _ask("2026-Q4", asks=False)


def test_what_tickets_give_beside_a_value_by_hand_is_said_as_the_key_result_has_it() -> None:
    signed = KeyResult("legal", "o", "c", "Legal approved", Binary(Decimal(100)))
    card = Card(signed, signed.terms, Decimal("94.74"), Decimal(100), Decimal(1), graded=False, rule=None)
    assert _remark(card) == " (set by hand; its tickets give not done)"
