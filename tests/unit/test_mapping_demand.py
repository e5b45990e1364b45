"""What rules ask of their sources."""

import pytest

from mapping.demand import demand_of
from mapping.rule import AnyOf, DoneWhen, FieldMatch, Match, Measure, Not, Part, Selector, Window
from okrs.demand import Demand, Family
from tests.builders import SOURCE, a_part, a_rule, where

RELEASED = DoneWhen(status=("Released",))


@pytest.mark.parametrize(
    ("part", "demand"),
    [
        (a_part(), Demand()),
        (a_part(Measure.SUM, by="points"), Demand(fields=frozenset({"points"}), numbers=frozenset({"points"}))),
        (a_part(where=FieldMatch("severity", ("high",))), Demand(fields=frozenset({"severity"}))),
        (
            a_part(Measure.RATIO, of=Not(FieldMatch("severity", ("high",))), by="points"),
            Demand(fields=frozenset({"points", "severity"}), numbers=frozenset({"points"})),
        ),
        (a_part(where=where(sprint="Sprint 12")), Demand(sprints=True)),
        (a_part(Measure.CYCLE_TIME), Demand(histories=True)),
        (a_part(Measure.LEAD_TIME), Demand()),
        (a_part(Measure.LEAD_TIME, done_when=RELEASED), Demand(histories=True)),
        (a_part(where=where(kind=["Sprint ", "issue"])), Demand(sprints=True)),
        (a_part(where=where(query=["a = 1", "b = 2"])), Demand(queries=frozenset({"a = 1", "b = 2"}))),
        (
            a_part(where=AnyOf((Not(Match(Selector.QUERY, ("a = 1",))), where(type="Bug")))),
            Demand(queries=frozenset({"a = 1"})),
        ),
        (
            a_part(where=where(epic=["PAY-1", "PAY-2"])),
            Demand(families=frozenset({Family("PAY-1", deep=True), Family("PAY-2", deep=True)})),
        ),
        (a_part(where=where(parent="PAY-1")), Demand(families=frozenset({Family("PAY-1", deep=False)}))),
        (a_part(where=Not(where(epic="PAY-1"))), Demand()),
        (a_part(where=where(epic="PAY-1", project="PAY")), Demand()),
        (a_part(where=Not(Not(where(epic="PAY-1")))), Demand(families=frozenset({Family("PAY-1", deep=True)}))),
        (a_part(Measure.RATIO, of=where(epic="PAY-1")), Demand()),
        (a_part(done_when=RELEASED, window=Window.CYCLE), Demand(histories=True)),
        (a_part(done_when=RELEASED), Demand()),
        (a_part(window=Window.CYCLE), Demand()),
    ],
)
def test_the_demand_of_a_part(part: Part, demand: Demand) -> None:
    assert demand_of(a_rule(part), SOURCE) == demand
    assert demand_of(a_rule(part), "another") == Demand()


def test_the_demand_of_all_parts_on_a_source() -> None:
    rule = a_rule(a_part(by="points"), a_part(done_when=RELEASED, window=Window.CYCLE), a_part(source="two", by="size"))
    points = frozenset({"points"})
    assert demand_of(rule, SOURCE) == Demand(fields=points, numbers=points, histories=True)


def test_what_is_to_count_once_is_paired_in_both_sources() -> None:
    rule = a_rule(a_part(), a_part(source="two", once=True))
    assert demand_of(rule, SOURCE) == demand_of(rule, "two") == Demand(refs=True)
    assert demand_of(rule, "three") == Demand()


def test_a_field_that_was_read_as_text_is_looked_at_anew_before_it_is_added_up() -> None:
    """The tracker may refuse it as a number, and serve it as text all the same."""
    points = frozenset({"points"})
    as_number = Demand(fields=points, numbers=points)
    assert not Demand(fields=points).covers(as_number)
    assert as_number.covers(Demand(fields=points))


@pytest.mark.parametrize("extra", ["histories", "sprints", "refs"])
def test_a_wider_demand_covers_a_narrower_one(extra: str) -> None:
    wide = Demand(**{extra: True})  # type: ignore[arg-type]  # one of the flags
    assert wide.covers(Demand())
    assert not Demand().covers(wide)
    assert Demand().union(wide).covers(wide)


def test_queries_are_of_no_container() -> None:
    assert Demand().covers(Demand(queries=frozenset({"a = 1"})))
