"""The question before a cycle is closed, and grades as people give them."""

from decimal import Decimal

import pytest
import typer

from okrs.closing import Ending
from okrs.cycle import Cycle
from okrs.immutable import replace
from okrs.objective import Binary, KeyResult, Numeric, Objective
from store.finals import Closed, Final
from store.views.explain import End
from sync.closing import Card, Closing
from terminal.closing import _ask, _grades, _remark, _rows
from terminal.explaining import _end
from terminal.failures import Failure
from tests.builders import at

OPEN = KeyResult("open", "o", "c", "Fewer open bugs", Numeric(Decimal(10), Decimal(5)))


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
    assert _remark(replace(card, automatic=None)) == " (set by hand)"


def test_what_went_the_other_way_is_no_less_than_nothing_as_everywhere() -> None:
    cycle = Cycle("c", at("2026-10-01").date(), at("2026-12-31").date())
    card = Card(OPEN, OPEN.terms, Decimal(12), Decimal(12), Decimal(0), graded=False, rule=None)
    _, (*_, share, _) = _rows(Closing(cycle, (card,), (Objective("o", "c", "Calm"),), over=True))
    assert str(share) == "0 %"


def test_the_day_of_a_closing_is_that_of_the_config() -> None:
    value, late = Decimal(5), at("2026-12-31T23:30")
    final = Final("open", "c", value, Decimal(1), late, head="", seq=9)
    closed = Closed(final, Ending("c", "o", OPEN.terms, Decimal(1), value, "", Decimal(1)), value, None, None)
    told = {zone: str(next(_end(End(closed, None), OPEN, zone))) for zone in ("UTC", "Europe/Berlin")}
    assert "c was closed on 2026-12-31 with the grade 1" in told["UTC"]
    assert "c was closed on 2027-01-01 with the grade 1" in told["Europe/Berlin"]
