"""What the mirror says of a config: nothing before it was read, and then what an admin should look at."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import pytest

from connectors.contract import Stop
from mapping.lint import Reached, Reused, SelectsNothing, Unanswered, Unknown
from mapping.rule import Combine, Counts, Measure, Selector
from okrs.cycle import Period
from okrs.immutable import replace
from okrs.objective import Binary, Keep, Numeric, Terms
from okrs.work import State
from store import facets
from store.database import Database
from tests.builders import BEFORE, SOURCE, WITHIN, a_part, a_rule, at, where
from tests.integration.fakes import Clock, FakeTracker, World, two_projects


@pytest.fixture(params=[facets.LARGE, 0], ids=["small", "large"])
def world(database: Database, request: pytest.FixtureRequest) -> World:
    """Of the large one facets are kept of all that the rules ask when they are read."""
    return two_projects(database, large=request.param)


def test_rules_that_select_something_are_fine(world: World) -> None:
    assert world.lint() == []


def test_a_word_that_nothing_has_is_told_before_it_is_ever_measured(world: World) -> None:
    world.feed("core", a_rule(a_part(where=where(type="Tsak"))))
    assert world.lint() == [SelectsNothing("core", 0, ((Selector.TYPE, "Tsak", "Task"),))]


def test_a_project_is_known_by_any_of_its_names(world: World) -> None:
    world.trackers[SOURCE].projects["PAY"].called = "Payments"
    world.sync(full=True)
    for name in ("PAY", "Payments", "#PAY"):
        world.feed("pay", a_rule(a_part(where=where(project=name))))
        assert [each for each in world.lint() if isinstance(each, Unknown)] == []
    world.feed("pay", a_rule(a_part(where=where(project="PYA"))))
    assert world.lint() == [Unknown("pay", 0, Selector.PROJECT, "PYA", "PAY")]


def test_of_what_was_never_read_nothing_is_said(world: World, database: Database) -> None:
    odd = a_rule(a_part(where=where(milestone="None", query="odd")))
    world.feed("odd", odd)
    world.containers[SOURCE] = ("PAY", "OPS", "NEW")
    assert world.lint() == []
    world.containers.clear()
    assert world.lint() == [Unanswered("odd", 0, "odd", None), Unknown("odd", 0, Selector.MILESTONE, "None", None)]
    world.feed("odd", a_rule(a_part(Measure.SUM, by="points", where=where(milestone="None"))))
    assert world.lint() == []  # the field was not read yet, and nobody knows with what else
    fresh = World(database, {"fresh": FakeTracker(Clock(), "PAY")}, Clock())
    fresh.feed("odd", a_rule(a_part(source="fresh", where=where(milestone="None", query="odd"))))
    assert fresh.lint() == []


def test_an_id_with_a_history_in_another_cycle_is_told_until_it_is_measured_there(world: World) -> None:
    rule, next_year = a_rule(a_part()), Period(at("2027-01-01"), at("2027-04-01"))
    world.feed("kr", rule)
    assert reused(world) == []
    world.sync()
    assert reused(world) == []
    shifted = replace(rule, period=replace(rule.period, end=at("2026-12-20")))
    world.feed("kr", shifted)
    assert reused(world) == []  # another end of the same cycle
    told = [Reused("kr", "next", date(2026, 10, 1), date(2026, 12, 31))]
    moved = replace(rule, period=next_year)
    for each in (moved, None):  # also of one whose mapping is still to be written
        world.feed("kr", each, cycle="next")
        assert reused(world) == told
    world.feed("other", moved, cycle="next")
    del world.goals["kr"]
    world.sync()
    world.feed("kr", moved, cycle="next")
    assert reused(world) == told  # though it is retired
    world.clock.now = at("2027-01-02")
    world.sync()
    assert reused(world) == []


def reused(world: World) -> list[Reused]:
    return [each for each in world.lint() if isinstance(each, Reused)]


def test_a_cycle_that_is_over_is_left_in_peace(world: World) -> None:
    world.feed("odd", a_rule(a_part(where=where(milestone="None")), period=Period(BEFORE, WITHIN)))
    assert world.lint() == []


def test_of_what_was_closed_before_its_cycle_is_over_nothing_is_said(world: World) -> None:
    world.feed("odd", a_rule(a_part(where=where(type="Tsak"))))
    world.sync()
    assert [each.key_result for each in world.lint()] == ["odd"]
    world.close(early=True)
    assert world.lint() == []


def test_a_query_is_told_with_what_the_tracker_said(world: World) -> None:
    tracker = world.trackers[SOURCE]
    world.feed("odd", a_rule(a_part(where=where(query="odd"), counts=Counts.OPEN)))
    tracker.finds["odd"] = Stop("The field odd does not exist.")
    world.sync()
    (told,) = world.lint()
    assert isinstance(told, Unanswered)
    assert "The field odd does not exist." in str(told.error)
    tracker.finds["odd"] = {"id:PAY-1"}
    world.sync()
    assert world.lint() == []


TERMS: Mapping[str, tuple[Terms, bool]] = {
    "ahead": (Numeric(Decimal(0), Decimal(6)), False),
    "reached": (Numeric(Decimal(0), Decimal(5)), True),
    "passed": (Numeric(Decimal(0), Decimal(3)), True),
    "falling and ahead": (Numeric(Decimal(9), Decimal(4)), False),
    "falling and passed": (Numeric(Decimal(9), Decimal(5)), True),
    "a band": (Keep(Decimal(0), Decimal(9)), False),
    "done": (Binary(Decimal(5)), True),
    "not done": (Binary(Decimal(6)), False),
}


@pytest.mark.parametrize("name", TERMS)
def test_a_target_that_would_be_reached_at_once_is_told(world: World, name: str) -> None:
    terms, reached = TERMS[name]
    world.feed("kr", a_rule(a_part(counts=Counts.OPEN)), terms)
    binary = isinstance(terms, Binary)
    assert world.lint() == ([Reached("kr", Decimal(5), measured=False, binary=binary)] if reached else [])
    world.sync()
    assert world.lint() == ([Reached("kr", Decimal(5), measured=True, binary=binary)] if reached else [])


def test_of_a_part_that_selects_nothing_only_that_is_told_and_not_where_it_leads(world: World) -> None:
    empty = a_rule(a_part(where=where(project="PYA"), counts=Counts.OPEN))
    world.feed("kr", empty, Numeric(Decimal(9), Decimal(0)))
    told = [Unknown("kr", 0, Selector.PROJECT, "PYA", "PAY")]
    assert world.lint() == told
    world.sync()
    assert world.lint() == told


def test_a_label_that_nobody_uses_yet_excuses_no_target(world: World) -> None:
    linked = replace(a_part(where=where(label="kr:kr"), counts=Counts.OPEN), linked=True)
    rule = a_rule(a_part(counts=Counts.OPEN), linked, combine=Combine.SUM)
    world.feed("kr", rule, Numeric(Decimal(0), Decimal(5)))
    assert world.lint() == [Reached("kr", Decimal(5), measured=False)]


def test_a_target_that_was_reached_by_work_is_fine(world: World) -> None:
    world.feed("kr", a_rule(), Numeric(Decimal(0), Decimal(2)))
    world.sync()
    for key in ("PAY-1", "PAY-2", "PAY-3"):
        world.trackers[SOURCE].change("PAY", key, state=State.DONE)
    world.sync()
    assert world.value("kr") == 3
    assert world.lint() == []


def test_a_changed_rule_begins_anew_and_the_target_lies_ahead_again(world: World) -> None:
    world.feed("kr", a_rule(a_part(counts=Counts.OPEN)), Numeric(Decimal(0), Decimal(3)))
    world.sync()
    assert world.lint() == [Reached("kr", Decimal(5), measured=True)]
    ops = a_rule(a_part(where=where(project="OPS"), counts=Counts.OPEN))
    world.feed("kr", ops, Numeric(Decimal(0), Decimal(3)))
    assert world.lint() == []  # before it is taken, too
    world.sync()
    assert world.lint() == []


def test_a_rule_that_is_at_the_target_at_once_is_told_though_the_one_before_was_not(world: World) -> None:
    terms = Numeric(Decimal(0), Decimal(3))
    world.feed("kr", a_rule(a_part(where=where(project="OPS"), counts=Counts.OPEN)), terms)
    world.sync()
    world.feed("kr", a_rule(a_part(counts=Counts.OPEN)), terms)
    assert world.lint() == [Reached("kr", Decimal(5), measured=False)]
    world.sync()
    assert world.lint() == [Reached("kr", Decimal(5), measured=True)]


def test_a_rule_that_changes_after_work_reached_the_target_is_fine(world: World) -> None:
    terms = Numeric(Decimal(0), Decimal(2))
    world.feed("kr", a_rule(), terms)
    world.sync()
    for key in ("PAY-1", "PAY-2", "PAY-3"):
        world.trackers[SOURCE].change("PAY", key, state=State.DONE)
    world.sync()
    world.feed("kr", a_rule(a_part(where=where(project="PAY"))), terms)
    assert world.lint() == []
    world.sync()
    assert world.value("kr") == 3
    assert world.lint() == []
