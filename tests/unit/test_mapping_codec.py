"""A rule as the ledger keeps it: its text is fixed, and it reads back as the same rule."""

import hashlib
import json
from datetime import timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from mapping.codec import parse_rule, rule_hash, rule_text
from mapping.demand import demand_of
from mapping.rule import (
    AllOf,
    AnyOf,
    Cancelled,
    Combine,
    Counts,
    DoneWhen,
    Match,
    Measure,
    Missing,
    Not,
    Part,
    Rule,
    Selector,
    Window,
)
from okrs.cycle import Period
from okrs.immutable import replace
from tests.builders import QUARTER, a_part, a_rule, at, where
from tests.unit.test_mapping_laws import rules

FULL = Rule(
    parts=(
        Part(
            source="pay-jira",
            where=AllOf(
                (
                    Match(Selector.TYPE, ("Bug", "Größe")),
                    Not(AnyOf((Match(Selector.LABEL, ("p1",)), AllOf()))),
                )
            ),
            measure=Measure.SUM,
            by="story_points",
            missing=Missing.ONE,
            counts=Counts.OPEN,
            done_when=DoneWhen(status=("Live",)),
            cancelled=Cancelled.COMPLETE,
            window=Window.CYCLE,
            weight=Decimal("2.50"),
        ),
        Part("web", Match(Selector.KEY, ("acme/web#1",)), Measure.COUNT),
    ),
    period=QUARTER,
    combine=Combine.WEIGHTED_MEAN,
    add_start=True,
    base=Decimal("1E+1"),
)
TEXT = (
    '{"add_start":true,"base":"10","combine":"weighted_mean","parts":['
    '{"by":"story_points","cancelled":"complete","counts":"open",'
    '"done_when":{"resolution":[],"status":["Live"]},"measure":"sum","missing":"1","source":"pay-jira","weight":"2.5",'
    '"where":{"all":[{"type":["Bug","Größe"]},{"not":{"any":[{"label":["p1"]},{"all":[]}]}}]},"window":"cycle"},'
    '{"by":null,"cancelled":"exclude","counts":"done","done_when":null,"measure":"count","missing":"exclude",'
    '"source":"web","weight":"1","where":{"key":["acme/web#1"]},"window":"always"}],'
    '"period":["2026-10-01T00:00:00.000000Z","2027-01-01T00:00:00.000000Z"]}'
)


def test_the_text_of_a_rule_is_fixed() -> None:
    """Ledgers of years hold hashes of it: a change here makes every rule look changed."""
    assert rule_text(FULL) == TEXT
    assert rule_hash(TEXT) == hashlib.sha256(TEXT.encode()).hexdigest()
    assert parse_rule(TEXT) == FULL


def test_equal_rules_have_equal_text() -> None:
    berlin = timezone(timedelta(hours=2))
    period = Period(QUARTER.start.astimezone(berlin), QUARTER.end.astimezone(berlin))
    same = replace(FULL, base=Decimal("10.00"), period=period)
    assert same == FULL
    assert rule_text(same) == TEXT


@given(rules())
def test_every_rule_reads_back(rule: Rule) -> None:
    text = rule_text(rule)
    assert parse_rule(text) == rule
    assert rule_text(parse_rule(text)) == text
    assert json.loads(text)["parts"]


ONE = a_rule(a_part(Measure.SUM, by="points"))


@pytest.mark.parametrize(
    "change",
    [
        {"source": "other"},
        {"where": where(label="x")},
        {"where": Not(where())},
        {"where": AnyOf(())},
        {"measure": Measure.PERCENT},
        {"by": "hours"},
        {"missing": Missing.ZERO},
        {"counts": Counts.ALL},
        {"done_when": DoneWhen(status=("Live",))},
        {"done_when": DoneWhen(resolution=("Live",))},
        {"cancelled": Cancelled.OPEN},
        {"window": Window.CYCLE},
        {"weight": Decimal(2)},
    ],
)
def test_another_part_has_another_text(change: dict[str, Any]) -> None:
    assert rule_text(replace(ONE, parts=(replace(ONE.parts[0], **change),))) != rule_text(ONE)


@pytest.mark.parametrize(
    "change",
    [
        {"parts": ONE.parts * 2},
        {"period": Period(QUARTER.start, at("2026-12-31"))},
        {"combine": Combine.SUM},
        {"add_start": True},
        {"base": Decimal(1)},
    ],
)
def test_another_rule_has_another_text(change: dict[str, Any]) -> None:
    assert rule_text(replace(ONE, **change)) != rule_text(ONE)


def test_what_a_rule_needs_of_its_sources() -> None:
    assert demand_of(FULL, "pay-jira").fields == {"story_points"}
    assert demand_of(FULL, "web").fields == frozenset()
    assert demand_of(FULL, "unknown").fields == frozenset()
