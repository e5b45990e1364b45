"""Which key results an item may matter to: those that the plain question finds, without asking every rule."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mapping.interest
from mapping.ending import however_far
from mapping.family import Candidate, candidates
from mapping.interest import interests_of
from mapping.meaning import Test, selecting, settled
from mapping.rule import AllOf, Clause, Match, Not, Rule, Scope, Selector
from tests.builders import AFTER, NOW, SOURCE, a_part, a_rule, an_item, joined, seen, where
from tests.unit.test_mapping_laws import Mirror, mirrors, nows, rules


def plainly(rule: Rule, source: str, each: Candidate, now: datetime) -> bool:
    over, until = now >= rule.period.end, min(now, rule.period.end)
    return any(
        part.scope is Scope.FROZEN
        or selecting(settled(however_far(part.where) if over else part.where, rule.timezone, until))(each)
        for part in rule.parts
        if part.source == source
    )


@given(st.lists(rules(), max_size=6), mirrors(), nows)
def test_every_rule_is_found_that_would_say_so_if_it_was_asked(some: list[Rule], mirror: Mirror, now: datetime) -> None:
    named = {f"k{number}": rule for number, rule in enumerate(some)}
    interests = interests_of(named)
    for source, items in mirror.items():
        for each in candidates(map(seen, items)):
            told = {name for name, rule in named.items() if plainly(rule, source, each, now)}
            assert interests.of(source, [each], now) == told


@pytest.mark.parametrize("now", [NOW, AFTER])
def test_a_rule_is_not_asked_about_what_has_nothing_of_it(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it asks how far they are, and its cycle is over."""
    dropped = Not(Match(Selector.STATUS, ("Dropped",)))
    wheres = {
        **{f"not-{n}": AllOf((where(label=f"l{n}"), dropped)) for n in range(4)},
        **{f"both-{n}": where(status="Done", label=f"l{n}") for n in range(4)},
        **{f"type-{n}": where(status="Done", type=f"T{n}") for n in range(4)},
        "alone": where(status="Done"),
    }
    asked = 0

    def counting(clause: Clause) -> Test:
        test = selecting(clause)

        def counted(candidate: Candidate) -> bool:
            nonlocal asked
            asked += 1
            return test(candidate)

        return counted

    monkeypatch.setattr(mapping.interest, "selecting", counting)
    interests = interests_of({name: a_rule(a_part(where=clause)) for name, clause in wheres.items()})
    items = joined(*(an_item(f"PAY-{n}", labels=(f"l{n}",), type=f"T{n}") for n in range(4)))
    found = interests.of(SOURCE, items, now)
    over = {*wheres} if now == AFTER else {name for name in wheres if name.startswith("not-")}
    assert found == over
    assert asked <= 4 * 4
