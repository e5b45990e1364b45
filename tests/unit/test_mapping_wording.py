"""Rules in words: each key of a mapping is heard."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from mapping.rule import (
    AllOf,
    AnyOf,
    Cancelled,
    Combine,
    Counts,
    DoneWhen,
    FieldMatch,
    LastDays,
    Match,
    Measure,
    Missing,
    Moment,
    Not,
    Regress,
    Rule,
    Scale,
    Scope,
    Selector,
    Window,
    Within,
)
from mapping.wording import words_of
from okrs.cycle import Calendar, Period
from okrs.work import State
from tests.builders import QUARTER, a_part, a_rule, at, where

P1 = AllOf((Match(Selector.PROJECT, ("PAY",)), Match(Selector.TYPE, ("Bug",)), Not(Match(Selector.LABEL, ("test",)))))
SPAN = Period(at("2026-10-05"), at("2026-10-10"))


def sentence(kind: Measure = Measure.COUNT, **facts: Any) -> str:
    [part] = words_of(a_rule(a_part(kind, **facts)), "UTC").parts
    return part.sentence


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, "Counts issues that are done."),
        (
            {"where": P1, "window": Window.CYCLE},
            "Counts items of type Bug in PAY but not labelled test, done within the cycle.",
        ),
        (
            {"counts": Counts.OPEN, "where": where(label=["a", "b"])},
            "Counts issues labelled a or b that are still open.",
        ),
        ({"counts": Counts.ALL, "where": where(kind="pull_request")}, "Counts pull requests."),
        ({"where": where(epic="PAY-42")}, "Counts issues below epic PAY-42 that are done."),
        ({"where": where(parent="PAY-42")}, "Counts items directly below PAY-42 that are done."),
        ({"where": where(label=list("abcdef"))}, "Counts issues labelled a, b, c, d or 2 others that are done."),
        (
            {"where": AnyOf((Match(Selector.SECTION, ("Now",)), FieldMatch("risk", ("high",))))},
            "Counts issues (either in section Now or with risk high) that are done.",
        ),
        (
            {"where": Not(AnyOf((Match(Selector.LABEL, ("x",)), Not(Match(Selector.SECTION, ("Now",))))))},
            "Counts issues but not (either labelled x or not in section Now) that are done.",
        ),
        ({"where": Within(Moment.CREATED, (QUARTER,))}, "Counts issues created within the cycle that are done."),
        ({"where": Within(Moment.CLOSED, (LastDays(14),))}, "Counts issues closed in the last 14 days that are done."),
        (
            {"where": Within(Moment.CREATED, (SPAN,))},
            "Counts issues created from 2026-10-05 until before 2026-10-10 that are done.",
        ),
    ],
)  # fmt: skip
def test_what_is_selected_and_what_counts(facts: dict[str, Any], said: str) -> None:
    assert sentence(**facts) == said


@pytest.mark.parametrize(
    ("kind", "facts", "said"),
    [
        (Measure.PERCENT, {"by": "points"}, "The share, in percent, of issues that are done, weighted by points."),
        (
            Measure.PERCENT,
            {"window": Window.CYCLE},
            "The share, in percent, of issues that are done, leaving out what was closed before the cycle.",
        ),
        (Measure.SUM, {"by": "points"}, "Adds up points of issues that are done."),
        (Measure.MEAN, {"by": "points"}, "The average points of issues that are done."),
        (
            Measure.PERCENTILE,
            {"by": "points", "rank": 85},
            "The 85th percentile of the points of issues that are done.",
        ),
        (Measure.LEAD_TIME, {"rank": 50}, "The median days from creation to closing of issues that are done."),
        (Measure.CYCLE_TIME, {}, "The average days from the begin of the work to closing of issues that are done."),
        (Measure.THROUGHPUT, {}, "Per whole week of the cycle: issues that are done."),
        (
            Measure.RATIO,
            {"of": where(label="x"), "counts": Counts.ALL},
            "The share of issues that are also labelled x.",
        ),
        (
            Measure.RATIO,
            {"of": where(label="x"), "window": Window.CYCLE},
            "The share of issues that are done and also labelled x, leaving out what was closed before the cycle.",
        ),
    ],
)
def test_each_measure_is_said(kind: Measure, facts: dict[str, Any], said: str) -> None:
    assert sentence(kind, **facts) == said


def test_policies_that_are_not_the_usual_ones_are_said() -> None:
    part = a_part(
        Measure.PERCENT, by="points", missing=Missing.MEAN, cancelled=Cancelled.OPEN, scope=Scope.FROZEN, once=True,
        done_when=DoneWhen(("Done",), ("Fixed",)), partial=((State.DOING, Decimal("0.5")),),
    )  # fmt: skip
    assert words_of(a_rule(part), "UTC").parts[0].notes == (
        "Done means status Done and resolution Fixed.",
        "Cancelled work is taken as still open.",
        "Work in state doing counts 0.5 of its weight.",
        "Only what belonged to it when the cycle began: the scope is frozen.",
        "A piece of work that an earlier part has is not counted again.",
        "Tickets without an estimate weigh as much as the others do on average.",
    )


def test_what_a_missing_estimate_is_to_an_average_is_said() -> None:
    part = a_part(Measure.MEAN, by="points", missing=Missing.ZERO)
    assert words_of(a_rule(part), "UTC").parts[0].notes == ("Tickets without an estimate weigh 0.",)


def test_days_are_those_of_the_config_s_time_zone() -> None:
    calendar = Calendar("Europe/Berlin")
    span = Period(calendar.midnight(date(2026, 10, 5)), calendar.midnight(date(2026, 10, 10)))
    rule = a_rule(a_part(where=Within(Moment.CREATED, (span,))))
    [part] = words_of(rule, "Europe/Berlin").parts
    assert part.sentence == "Counts issues created from 2026-10-05 until before 2026-10-10 that are done."


def joined(**terms: Any) -> tuple[str, ...]:
    return words_of(Rule((a_part(weight=Decimal(2)), a_part()), QUARTER, **terms), "UTC").joined


def test_how_parts_become_the_value_is_said() -> None:
    assert joined(combine=Combine.SUM) == ("The parts are added up.",)
    assert joined(combine=Combine.WEIGHTED_MEAN) == ("The value is the average of the parts, weighted 2 to 1.",)
    scale = Scale(*map(Decimal, (0, 100, 40, 10)))
    assert joined(scale=scale, add_start=True, base=Decimal(6), regress=Regress.RATCHET) == (
        "What is measured from 0 to 100 is drawn out to 40 to 10.",
        "It is added to the start value 6.",
        "The best value of the cycle is kept when it falls back.",
    )
    assert joined(regress=Regress.ASK) == ("Before the value falls back, a person is asked.",)


def test_every_selector_has_words() -> None:
    for selector in Selector:
        assert "some-thing" in sentence(where=Match(selector, ("some-thing",)))
