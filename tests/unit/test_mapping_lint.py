"""What is to be said of rules, held against items: each finding with a case that has it, and cases that have none."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest

from mapping.family import Lore, candidates
from mapping.lint import (
    Ambiguous,
    Finding,
    Misspelt,
    NeverBegun,
    NeverDone,
    Overlap,
    SelectsNothing,
    Twice,
    Unanswered,
    Unestimated,
    Unknown,
    findings,
    surveyed,
)
from mapping.naming import Mirrored, Names
from mapping.rule import (
    AllOf,
    AnyOf,
    Combine,
    Counts,
    DoneWhen,
    LastDays,
    Measure,
    Missing,
    Moment,
    Not,
    Part,
    Rule,
    Selector,
    Within,
)
from okrs.cycle import Period
from okrs.immutable import replace
from okrs.work import Kind, Ref, State, Step, WorkItem
from tests.builders import AFTER, NOW, SOURCE, a_part, a_rule, an_item, at, seen, where

PAY = Ref("#1", "PAY")
MILESTONE = an_item("PAY-m1", kind=Kind.MILESTONE, title="One-click v1", aliases=("pay/web#3",))
SPRINT = an_item("PAY-s1", kind=Kind.SPRINT, title="Sprint 7")
EPIC = an_item("PAY-42", kind=Kind.EPIC)
CHILD = an_item("PAY-43", parent=Ref(EPIC.id, EPIC.key), projects=(PAY,), sections=(Ref("#s", "Launch"),))
BUG = an_item("PAY-50", type="Bug", labels=("checkout",), milestones=(MILESTONE.id,), assignees=("mira",))
ITEMS = (MILESTONE, SPRINT, EPIC, CHILD, BUG)


def found(
    rules: dict[str, Rule] | Rule, *items: WorkItem, containers: Iterable[str] = (), **queries: str | None
) -> list[Finding]:
    lore = Lore({text: set[str]() for text, error in queries.items() if error is None})
    mirrored = Mirrored(candidates((seen(each) for each in items), lore), tuple(containers), queries)
    mirror, keys = {SOURCE: mirrored.candidates}, {each.id: each.key for each in items}
    every = rules if isinstance(rules, dict) else {"kr": rules}
    return list(
        findings(every, {SOURCE: Names(mirrored)}, lambda _, rule: surveyed(rule, mirror, NOW), lambda *_: keys)
    )


# --- names ----------------------------------------------------------------------------------------------------------

KNOWN: dict[Selector, list[str]] = {
    Selector.MILESTONE: ["One-click v1", "ONE-CLICK V1 ", "pay/web#3", "PAY-m1"],
    Selector.SPRINT: ["sprint 7"],
    Selector.EPIC: ["PAY-42"],
    Selector.PARENT: ["PAY-42"],
    Selector.PROJECT: ["PAY", "#1", "EMPTY"],
    Selector.SECTION: ["launch"],
    Selector.KEY: ["PAY-43"],
}
STRANGE: dict[Selector, tuple[str, str | None]] = {
    Selector.MILESTONE: ("One-click v2", "One-click v1"),
    Selector.SPRINT: ("Sprint 8", "Sprint 7"),
    Selector.EPIC: ("PAY-24", None),
    Selector.PARENT: ("PAY-24", None),
    Selector.PROJECT: ("PAYY", "PAY"),
    Selector.SECTION: ("Lunch", "Launch"),
    Selector.KEY: ("PAY-99", None),
}


@pytest.mark.parametrize("selector", KNOWN)
def test_a_name_that_something_has_is_known(selector: Selector) -> None:
    for value in KNOWN[selector]:
        rule = a_rule(a_part(where=where(**{selector.value: value, "kind": list(Kind)})))
        assert [each for each in found(rule, *ITEMS, containers=["EMPTY"]) if isinstance(each, Unknown)] == []


@pytest.mark.parametrize("selector", STRANGE)
def test_a_name_that_nothing_has_is_told_once_with_what_may_be_meant(selector: Selector) -> None:
    value, near = STRANGE[selector]
    told = [Unknown("kr", 0, selector, value, near)]
    assert found(a_rule(a_part(where=where(**{selector.value: value}))), *ITEMS) == told
    without = found(a_rule(a_part(where=Not(where(**{selector.value: value})))), *ITEMS)
    assert [each for each in without if isinstance(each, Unknown)] == told


@pytest.mark.parametrize(
    ("selector", "value", "near"),
    [
        (Selector.EPIC, "pay-42", "PAY-42"),
        (Selector.PARENT, "pay-42", "PAY-42"),
        (Selector.KEY, "Pay-50", "PAY-50"),
        (Selector.EPIC, "about pay-42 ", "PAY-42"),
        (Selector.PARENT, "About PAY-42", "PAY-42"),
        (Selector.EPIC, "About PAY-50", None),
        (Selector.KEY, "About PAY-42", None),
    ],
)
def test_a_key_in_small_letters_or_the_title_of_an_epic_means_the_key(
    selector: Selector, value: str, near: str | None
) -> None:
    told = found(a_rule(a_part(where=where(**{selector.value: value}))), *ITEMS)
    assert told == [Unknown("kr", 0, selector, value, near)]


def test_what_a_share_is_taken_of_names_things_too() -> None:
    rule = a_rule(a_part(Measure.RATIO, of=where(milestone="One-click v2"), counts=Counts.ALL))
    assert Unknown("kr", 0, Selector.MILESTONE, "One-click v2", "One-click v1") in found(rule, *ITEMS)


def test_a_project_that_nothing_is_in_is_known_by_the_config() -> None:
    rule = a_rule(a_part(where=where(project="EMPTY")))
    assert found(rule, *ITEMS, containers=["EMPTY"]) == [SelectsNothing("kr", 0)]


def test_a_number_is_never_meant_for_another_one() -> None:
    rule = a_rule(a_part(where=where(project="1204000000000002")))
    (told,) = found(rule, *ITEMS, containers=["1204000000000001"])
    assert told == Unknown("kr", 0, Selector.PROJECT, "1204000000000002", None)


# --- nothing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selection", "unknown"),
    [
        (where(type="Bgu"), ((Selector.TYPE, "Bgu", "Bug"),)),
        (where(type="Bug", label="checkuot"), ((Selector.LABEL, "checkuot", "checkout"),)),
        (where(assignee="nobody"), ((Selector.ASSIGNEE, "nobody", None),)),
        (where(type="Bug", project="EMPTY"), ()),
        (where(type="Bgu", state="done"), ((Selector.TYPE, "Bgu", "Bug"),)),
        (Not(AllOf()), ()),
    ],
)
def test_a_part_that_selects_nothing_names_the_words_that_nothing_has(selection: Any, unknown: Any) -> None:
    assert found(a_rule(a_part(where=selection)), *ITEMS, containers=["EMPTY"]) == [SelectsNothing("kr", 0, unknown)]


@pytest.mark.parametrize(
    "selection",
    [
        where(state="doing"),
        where(type="Bug", state=["done", "doing"]),
        AllOf((where(type="Bug"), Within(Moment.CREATED, (LastDays(1),)))),
        AllOf((where(type="Bug"), Not(where(state="todo")))),
        AllOf((where(type="Bug"), AnyOf((where(state="done"), where(label="regression"))))),
    ],
)
def test_a_part_that_selects_nothing_because_nobody_is_at_it_is_right(selection: Any) -> None:
    assert found(a_rule(a_part(where=selection)), *ITEMS) == []


def test_nothing_is_right_where_there_is_nothing_at_all() -> None:
    assert found(a_rule(a_part(where=where(state="doing"))), MILESTONE) == [SelectsNothing("kr", 0)]


def test_a_word_that_nothing_has_is_fine_beside_one_that_something_has() -> None:
    assert found(a_rule(a_part(where=where(label=["checkout", "regression"]))), *ITEMS) == []


def test_a_part_that_a_label_alone_feeds_waits_for_it_in_silence() -> None:
    label = where(label="kr:kr")
    linked = replace(a_part(where=label), linked=True)
    assert found(a_rule(a_part(), linked, combine=Combine.MEAN), *ITEMS) == []
    assert found(a_rule(a_part(), a_part(where=label)), *ITEMS) != []


def test_where_labels_alone_feed_a_key_result_one_that_nobody_uses_is_told() -> None:
    """No other part goes on without it: the number is 0."""
    linked, used = (replace(a_part(where=where(label=label)), linked=True) for label in ("kr:kr", "checkout"))
    unknown = ((Selector.LABEL, "kr:kr", None),)
    assert found(a_rule(linked), *ITEMS) == [SelectsNothing("kr", 0, unknown, linked=True)]
    both = found(a_rule(linked, linked, combine=Combine.MEAN), *ITEMS)
    assert both == [SelectsNothing("kr", number, unknown, linked=True) for number in (0, 1)]
    assert found(a_rule(linked, used, combine=Combine.MEAN), *ITEMS) == []


def test_only_the_part_that_selects_nothing_is_named() -> None:
    rule = a_rule(a_part(), a_part(where=where(type="Bgu")), combine=Combine.MEAN)
    assert [(type(each), each.part) for each in found(rule, *ITEMS) if isinstance(each, SelectsNothing)] == [
        (SelectsNothing, 1)
    ]


@pytest.mark.parametrize(
    ("selection", "kinds"),
    [
        (where(label="p9"), (Kind.PULL_REQUEST,)),
        (where(epic="PAY-42", label="p9"), (Kind.PULL_REQUEST,)),
        (AnyOf((where(label="p9"), where(label="p8"))), (Kind.SUBTASK, Kind.PULL_REQUEST)),
        (where(label="p9", kind="issue"), ()),
        (where(label="p9", state="done"), ()),
        (where(label="p9", type="Task"), None),
        (where(label=["p9", "checkout"]), None),
    ],
)
def test_a_part_that_would_select_something_of_another_kind_says_which(
    selection: Any, kinds: tuple[Kind, ...] | None
) -> None:
    above = Ref(EPIC.id, EPIC.key)
    review = an_item("PAY-60", State.DOING, kind=Kind.PULL_REQUEST, labels=("p9",), parent=above)
    step = an_item("PAY-61", kind=Kind.SUBTASK, type="Step", labels=("p8",))
    told = found(a_rule(a_part(where=selection)), *ITEMS, review, step)
    assert told == ([] if kinds is None else [SelectsNothing("kr", 0, kinds=kinds)])


# --- words that are nearly others -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selection", "told"),
    [
        (where(label=["checkout", "test-onyl"]), ("test-onyl", "test-only")),
        (AllOf((where(type="Bug"), Not(where(label="testonly")))), ("testonly", "test-only")),
        (AnyOf((where(label="checkout"), where(label="Test-Onl"))), ("Test-Onl", "test-only")),
        (where(label=["checkout", "regression"]), None),
        (where(label=["test-only", "test-onyl"]), None),
        (where(label=["checkout", "sprint-8"]), None),
        (where(label=["checkout", "TEST-ONLY"]), None),
    ],
)
def test_a_word_that_is_nearly_another_is_told_though_the_part_selects_something(
    selection: Any, told: tuple[str, str] | None
) -> None:
    items = (*ITEMS, an_item("PAY-70", labels=("test-only",)), an_item("PAY-71", labels=("sprint-7",)))
    expected = [Misspelt("kr", 0, Selector.LABEL, *told)] if told else []
    assert found(a_rule(a_part(where=selection)), *items) == expected


def test_a_word_of_what_a_share_is_of_is_told_too() -> None:
    rule = a_rule(a_part(Measure.RATIO, where=where(type="Bug"), of=where(label="chekout"), counts=Counts.ALL))
    assert found(rule, *ITEMS) == [Misspelt("kr", 0, Selector.LABEL, "chekout", "checkout")]


# --- an own meaning of done -----------------------------------------------------------------------------------------


def by_status(*statuses: str, **policies: Any) -> Rule:
    return a_rule(a_part(done_when=DoneWhen(statuses), **policies))


def finished(*statuses: str) -> list[WorkItem]:
    return [an_item(f"PAY-{number}", State.DONE, status=each) for number, each in enumerate(statuses, 1)]


def test_an_own_meaning_of_done_that_nothing_done_has_is_told() -> None:
    items = finished("Closed", "Done", "Done", "Done")
    assert found(by_status("Finished"), *items) == [NeverDone("kr", 0, 4, ("Done", "Closed"))]
    assert found(by_status("Finished", counts=Counts.OPEN), *items) == [NeverDone("kr", 0, 4, ("Done", "Closed"))]
    resolved = [an_item(f"PAY-{number}", State.DONE, resolution="Fixed") for number in range(3)]
    rule = a_rule(a_part(done_when=DoneWhen(resolution=("Fixd",))))
    assert found(rule, *resolved) == [NeverDone("kr", 0, 3, ("Fixed",))]


def test_an_own_meaning_of_done_that_something_has_or_nothing_could_have_is_fine() -> None:
    assert found(by_status("Finished", "closed"), *finished("Closed", "Done", "Done", "Done")) == []
    assert found(by_status("Finished"), *finished("Done", "Done")) == []
    assert found(by_status("Finished", counts=Counts.ALL), *finished("Done", "Done", "Done")) == []
    assert found(by_status("Released"), *[an_item(f"PAY-{number}") for number in range(9)]) == []


# --- times ----------------------------------------------------------------------------------------------------------


def test_a_time_of_which_no_ticket_tells_the_beginning_is_told() -> None:
    rule = a_rule(a_part(Measure.CYCLE_TIME))
    closed = [an_item(f"PAY-{number}", State.DONE) for number in range(1, 6)]
    assert found(rule, *closed) == [NeverBegun("kr", 0, 5, ("PAY-1", "PAY-2", "PAY-3"))]
    begun = an_item("PAY-9", State.DONE, history=(Step(at("2026-10-03"), State.DOING, None, None),))
    assert found(rule, *closed, begun) == []
    assert found(rule, *closed[:2]) == []
    assert found(a_rule(a_part(Measure.LEAD_TIME)), *closed) == []


# --- queries --------------------------------------------------------------------------------------------------------


def test_a_query_that_was_refused_or_never_asked_is_told_instead_of_what_it_finds() -> None:
    rule = a_rule(a_part(where=where(query="odd")))
    assert found(rule, *ITEMS) == [Unanswered("kr", 0, "odd", None)]
    assert found(rule, *ITEMS, odd="No such field.") == [Unanswered("kr", 0, "odd", "No such field.")]
    assert found(rule, *ITEMS, odd=None) == [SelectsNothing("kr", 0)]


# --- estimates ------------------------------------------------------------------------------------------------------


def estimated(*points: str | None) -> list[WorkItem]:
    return [an_item(f"PAY-{number}", points=each) for number, each in enumerate(points, 1)]


def by_points(measure: Measure = Measure.PERCENT, **policies: Any) -> Rule:
    return a_rule(a_part(measure, by="points", **policies))


@pytest.mark.parametrize("measure", [Measure.PERCENT, Measure.SUM])
def test_many_items_without_an_estimate_are_told(measure: Measure) -> None:
    items = estimated("3", None, "5", "XL", "1")
    assert found(by_points(measure), *items) == [Unestimated("kr", 0, "points", 2, 5, ("PAY-2", "PAY-4"))]


def test_a_few_without_an_estimate_or_a_policy_for_them_are_no_finding() -> None:
    assert found(by_points(), *estimated(*["3"] * 9, None)) == []
    assert found(by_points(), *estimated("3", "5")) == []
    for missing in (Missing.MEAN, Missing.ONE, Missing.ZERO):
        assert found(by_points(missing=missing), *estimated("3", None, None)) == []
    cancelled = [an_item("PAY-9", State.CANCELLED), an_item("PAY-10", State.CANCELLED)]
    assert found(by_points(), *estimated("3", "5"), *cancelled) == []


# --- the same work twice --------------------------------------------------------------------------------------------


def children(number: int, above: WorkItem, **facts: Any) -> list[WorkItem]:
    return [an_item(f"PAY-10{n}", parent=Ref(above.id, above.key), **facts) for n in range(number)]


def test_items_and_what_they_lie_under_are_told() -> None:
    rule = a_rule(a_part(where=where(kind=["epic", "issue"])))
    assert found(rule, EPIC, *children(3, EPIC)) == [Twice("kr", 0, 3, ("PAY-100", "PAY-42"))]
    above = an_item("PAY-5")
    assert found(a_rule(), above, *children(2, above)) == [Twice("kr", 0, 2, ("PAY-100", "PAY-5"))]


def test_items_whose_parents_are_not_selected_or_weigh_nothing_are_fine() -> None:
    assert found(a_rule(), EPIC, *children(3, EPIC)) == []
    above = an_item("PAY-5")
    estimates = [above, *children(3, above, fields=(("points", "2"),))]
    assert [each for each in found(by_points(), *estimates) if isinstance(each, Twice)] == []
    many = [an_item(f"PAY-2{number}") for number in range(20)]
    assert found(a_rule(), above, *children(1, above), *many) == []


# --- overlaps -------------------------------------------------------------------------------------------------------

BUGS = [an_item(f"PAY-{number}", type="Bug", labels=("p1",) if number < 4 else ()) for number in range(1, 7)]


def counted(selection: Any = None, kind: Measure = Measure.COUNT, **policies: Any) -> Part:
    return a_part(kind, where=selection or where(), **policies)


def test_work_that_counts_in_two_key_results_is_told_at_the_second() -> None:
    rules = {"p1": a_rule(counted(where(label="p1"))), "bugs": a_rule(counted(where(type="Bug")))}
    assert found(rules, *BUGS) == [Overlap("bugs", "p1", 3, ("PAY-1", "PAY-2", "PAY-3"))]


def test_of_several_overlaps_the_largest_is_told() -> None:
    one, two, all_of_them = (a_rule(counted(each)) for each in (where(key="PAY-1"), where(label="p1"), where()))
    told = found({"one": one, "two": two, "all": all_of_them}, *BUGS)
    assert told == [Overlap("two", "one", 1, ("PAY-1",)), Overlap("all", "two", 3, ("PAY-1", "PAY-2", "PAY-3"))]


LATER = Period(AFTER, at("2027-04-01"))
APART: dict[str, Rule] = {
    "open work": a_rule(counted(counts=Counts.OPEN)),
    "another cycle": a_rule(counted(), period=LATER),
    "other items": a_rule(counted(where(type="Task"))),
    "work that is left out": a_rule(counted(kind=Measure.SUM, by="points", missing=Missing.EXCLUDE)),
}


@pytest.mark.parametrize("name", APART)
def test_what_looks_at_the_same_work_from_another_side_is_no_overlap(name: str) -> None:
    rules = {"bugs": a_rule(counted(where(type="Bug"))), "other": APART[name]}
    assert [each for each in found(rules, *BUGS, an_item("PAY-9")) if isinstance(each, Overlap)] == []


def test_a_few_shared_tickets_of_many_are_ordinary() -> None:
    many = [an_item(f"PAY-{number}", labels=("a",) if number < 120 else ("b",)) for number in range(100, 140)]
    both = an_item("PAY-1", labels=("a", "b"))
    rules = {name: a_rule(counted(where(label=name))) for name in ("a", "b")}
    assert found(rules, both, *many) == []


def test_work_of_which_nobody_knows_whether_it_is_an_earlier_part_s_is_told() -> None:
    rule = a_rule(a_part(), a_part(source="other"), a_part(source="web", once=True), combine=Combine.MEAN)
    tickets = {SOURCE: an_item("PAY-1"), "other": an_item("PAY-1", url=""), "web": an_item("web#7", refs=("PAY-1",))}
    mirror = {name: candidates([seen(item)]) for name, item in tickets.items()}
    names = {name: Names(Mirrored(every)) for name, every in mirror.items()}
    told = findings({"kr": rule}, names, lambda _, rule: surveyed(rule, mirror, NOW), lambda *_: {})
    assert list(told) == [Ambiguous("kr", 2, 1, ("web#7",))]


def test_numbers_that_no_column_holds_stop_nothing() -> None:
    rules = {"huge": a_rule(base=Decimal(10**13)), "kr": a_rule(a_part(where=where(type="Bgu")))}
    assert [each.key_result for each in found(rules, *ITEMS)] == ["kr"]


def test_of_many_unknown_names_the_nearest_is_looked_for_among_the_first() -> None:
    """Each is looked for among all names, which for thousands of them takes minutes."""
    rule = a_rule(a_part(where=where(section=[f"Lunch {number}" for number in range(60)], kind=list(Kind))))
    near = [each.near for each in found(rule, *ITEMS) if isinstance(each, Unknown)]
    assert near == ["Launch"] * 50 + [None] * 10
