"""Which work belongs to a part at all: frozen scopes, partial credit, work seen twice, spans of time, best values."""

from decimal import Decimal

import pytest

from mapping.codec import scope_key
from mapping.judging import Reason
from mapping.meaning import holding, selecting, settled
from mapping.measure import measure
from mapping.rule import (
    AnyOf,
    Cancelled,
    Clause,
    Combine,
    Counts,
    FieldMatch,
    LastDays,
    Match,
    Measure,
    Moment,
    Not,
    Part,
    Regress,
    Scope,
    Selector,
    Within,
)
from mapping.totals import kept
from okrs.cycle import Period
from okrs.immutable import replace
from okrs.work import Kind, State, WorkItem
from tests.builders import (
    AFTER,
    BEFORE,
    NOW,
    QUARTER,
    SOURCE,
    WITHIN,
    a_part,
    a_rule,
    an_item,
    at,
    joined,
    measured,
    shown,
    where,
)

DONE, TODO, DOING, CANCELLED = State.DONE, State.TODO, State.DOING, State.CANCELLED
FROZEN = a_part(Measure.PERCENT, scope=Scope.FROZEN)

# --- frozen scopes -----------------------------------------------------------------------------------------------


def test_a_frozen_scope_leaves_out_what_was_created_since_the_cycle_began() -> None:
    old, new = an_item("old", DONE), an_item("new", created_at=WITHIN)
    result = measured(a_rule(FROZEN), old, new)
    assert result.value == 100
    assert [line.reason for line in result.lines] == [None, Reason.NOT_IN_SCOPE]
    assert result.scopes == {scope_key(a_rule(FROZEN), FROZEN): {"id:old"}}


def test_a_scope_stays_frozen_while_states_and_estimates_live() -> None:
    rule = a_rule(FROZEN)
    first = measured(rule, an_item("A"), an_item("B"))
    later = joined(an_item("A", DONE), an_item("B"), an_item("old one that came late", DONE))
    second = measure(rule, {SOURCE: later}, NOW, first.scopes)
    assert second.value == 50
    assert second.scopes == first.scopes


def test_another_clause_or_another_cycle_has_another_scope() -> None:
    rule = a_rule(FROZEN)
    keys = {
        scope_key(rule, FROZEN),
        scope_key(rule, replace(FROZEN, where=where(label="x"))),
        scope_key(rule, replace(FROZEN, source="another")),
        scope_key(replace(rule, period=Period(WITHIN, AFTER)), FROZEN),
    }
    assert len(keys) == 4
    assert scope_key(rule, replace(FROZEN, by="points", cancelled=Cancelled.OPEN)) == scope_key(rule, FROZEN)
    prolonged = replace(rule, period=Period(QUARTER.start, AFTER))
    assert scope_key(prolonged, FROZEN) == scope_key(rule, FROZEN)


def test_work_that_is_selected_no_more_stays_in_a_frozen_scope() -> None:
    """Who takes the label off an open ticket does not make the share rise."""
    part = replace(FROZEN, where=where(label="x"))
    rule = a_rule(part)
    first = measured(rule, an_item("A", DONE, labels=("x",)), an_item("B", labels=("x",)))
    stripped = joined(an_item("A", DONE, labels=("x",)), an_item("B"), an_item("C", DONE))
    second = measure(rule, {SOURCE: stripped}, NOW, first.scopes)
    assert second.value == first.value == 50
    assert [line.item.key for line in second.lines] == ["A", "B"]


def test_an_item_nobody_dates_belongs_to_the_scope() -> None:
    assert measured(a_rule(FROZEN), an_item("A", DONE, created_at=None)).value == 100


# --- partial credit ----------------------------------------------------------------------------------------------

HALF = ((DOING, Decimal("0.5")),)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        (a_part(Measure.PERCENT, partial=HALF), "50"),
        (a_part(Measure.COUNT, partial=HALF), "1.5"),
        (a_part(Measure.SUM, by="points", partial=HALF), "3.5"),
        (a_part(Measure.PERCENT, by="points", partial=HALF), "50"),
        (a_part(Measure.COUNT, partial=((DOING, Decimal("0.5")), (TODO, Decimal("0.1")))), "1.6"),
        (a_part(Measure.COUNT, partial=((TODO, Decimal("0.1")),), cancelled=Cancelled.OPEN), "1.1"),
    ],
)
def test_work_on_its_way_counts_in_part_and_cancelled_work_never(part: Part, value: str) -> None:
    items = (
        an_item("todo", TODO, points="3"),
        an_item("doing", DOING, points="3"),
        an_item("done", DONE, points="2"),
        an_item("cancelled", CANCELLED, points="2"),
    )
    expected = Decimal(value)
    if part.measure is Measure.PERCENT and part.by:
        expected = Decimal("43.75")  # 3.5 of 8
    assert measured(a_rule(part), *items).value == expected


def test_what_counts_in_part_counts() -> None:
    result = measured(a_rule(a_part(partial=HALF)), an_item("A", DOING), an_item("B", TODO))
    assert [shown(line) for line in result.lines] == [("1", "0.5", None), ("1", "0", "open")]


# --- one piece of work, seen twice ---------------------------------------------------------------------------------


def twice(*refs: str, key: str = "acme/web#7") -> WorkItem:
    return an_item(key, DONE, refs=refs, kind=Kind.PULL_REQUEST)


TICKET = an_item("PAY-1", DONE)


def seen_twice(ticket: WorkItem, pull: WorkItem, *, once: bool = True, combine: Combine = Combine.SUM) -> list[str]:
    """Why each item does not count; "" where it does."""
    pulls = where(kind="pull_request")
    rule = a_rule(a_part(), a_part(source="web", where=pulls, once=once), combine=combine)
    result = measure(rule, {SOURCE: joined(ticket), "web": joined(pull)}, NOW)
    return [line.reason.value if line.reason else "" for line in result.lines]


@pytest.mark.parametrize(
    ("ticket", "pull", "reasons"),
    [
        pytest.param(TICKET, twice("PAY-1"), ["", "duplicate"], id="the later one names the earlier one"),
        pytest.param(
            an_item("PAY-1", DONE, refs=("ACME/web#7",)), twice(), ["", "duplicate"], id="the earlier one names it"
        ),
        pytest.param(TICKET, twice("PAY-2"), ["", ""], id="another one is named"),
        pytest.param(TICKET, twice(), ["", ""], id="none is named"),
        pytest.param(an_item("PAY-1"), twice("PAY-1"), ["open", "duplicate"], id="the earlier one is still open"),
        pytest.param(
            an_item("PAY-1", CANCELLED), twice("PAY-1"), ["cancelled", ""], id="the earlier one is not on the line"
        ),
    ],
)
def test_one_piece_of_work_counts_in_the_earlier_part_only(
    ticket: WorkItem, pull: WorkItem, reasons: list[str]
) -> None:
    assert seen_twice(ticket, pull) == reasons
    assert seen_twice(ticket, pull, combine=Combine.MEAN) == reasons


def test_without_once_both_count() -> None:
    assert seen_twice(TICKET, twice("PAY-1"), once=False) == ["", ""]


def test_pairs_are_direct() -> None:
    """A names B and B names C: that makes no pair of A and C."""
    rule = a_rule(a_part(), a_part(source="two", once=True), a_part(source="three", once=True), combine=Combine.SUM)
    chain = (an_item("PAY-1", DONE, refs=("WEB-2",)), an_item("WEB-2", DONE, refs=("APP-3",)), an_item("APP-3", DONE))
    mirror = {name: joined(item) for name, item in zip(rule.sources, chain, strict=True)}
    assert [line.reason for line in measure(rule, mirror, NOW).lines] == [None, Reason.DUPLICATE, None]


def test_a_link_within_a_source_joins_no_work() -> None:
    rule = a_rule(
        a_part(where=where(key="PAY-1")), a_part(where=where(key=["PAY-1", "PAY-2"]), once=True), combine=Combine.MEAN
    )
    lines = measured(rule, an_item("PAY-1", DONE, refs=("PAY-2",)), an_item("PAY-2", DONE, refs=("PAY-1",))).lines
    assert [(line.reason, line.ambiguous) for line in lines] == [
        (None, False),
        (Reason.DUPLICATE, False),
        (None, False),
    ]


@pytest.mark.parametrize("named", [True, False], ids=["a title names a ticket", "a ticket names it"])
def test_a_key_that_two_sites_have_joins_nothing_and_says_so(named: bool) -> None:
    """Whoever is meant is not known, also where only one of the two is selected."""
    first = a_rule(a_part(), a_part(source="web", where=where(kind="pull_request"), once=True), combine=Combine.SUM)
    ticket, pull = (TICKET, twice("PAY-1")) if named else (replace(TICKET, refs=("acme/web#7",)), twice())
    meant = ticket if named else pull
    other = replace(meant, refs=(), url="https://other.example")
    mirror = {SOURCE: joined(ticket), "web": joined(pull), "third": joined(other)}
    assert [(line.reason, line.ambiguous) for line in measure(first, mirror, NOW).lines] == [
        (None, False),
        (None, True),
    ]
    again = {**mirror, "third": joined(replace(other, url=meant.url))}
    assert [line.reason for line in measure(first, again, NOW).lines] == [None, Reason.DUPLICATE]


def test_a_key_means_the_ticket_of_its_own_source() -> None:
    """Two sites have PAY-1; a link on one of them is to its own."""
    rule = a_rule(a_part(), a_part(source="two", where=where(key="PAY-2"), once=True), combine=Combine.SUM)
    theirs = [
        an_item(key, DONE, refs=refs, url=f"https://two/{key}") for key, refs in (("PAY-1", ()), ("PAY-2", ("PAY-1",)))
    ]
    lines = measure(rule, {SOURCE: joined(TICKET), "two": joined(*theirs)}, NOW).lines
    assert [(line.reason, line.ambiguous) for line in lines] == [(None, False), (None, False)]


def test_the_same_key_on_two_sites_is_two_tickets() -> None:
    other = replace(TICKET, url="https://other.example/PAY-1")
    rule = a_rule(a_part(), a_part(source="web", once=True), combine=Combine.SUM)
    assert measure(rule, {SOURCE: joined(TICKET), "web": joined(other)}, NOW).value == 2
    assert measure(rule, {SOURCE: joined(TICKET), "web": joined(TICKET)}, NOW).value == 1


# --- spans of time -------------------------------------------------------------------------------------------------


def within(moment: Moment, *spans: Period | LastDays) -> Clause:
    return Within(moment, spans)


def is_selected(clause: Clause, item: WorkItem, timezone: str = "UTC") -> bool:
    [candidate] = joined(item)
    return selecting(settled(clause, timezone, NOW))(candidate)


@pytest.mark.parametrize(
    ("clause", "facts", "expected"),
    [
        (within(Moment.CREATED, QUARTER), {"created_at": QUARTER.start}, True),
        (within(Moment.CREATED, QUARTER), {"created_at": QUARTER.end}, False),
        (within(Moment.CREATED, QUARTER), {"created_at": None}, False),
        (within(Moment.CLOSED, QUARTER), {"state": DONE, "closed_at": WITHIN}, True),
        (within(Moment.CLOSED, QUARTER), {"state": DONE, "closed_at": None}, False),
        (within(Moment.CLOSED, QUARTER, Period(BEFORE, WITHIN)), {"state": DONE, "closed_at": BEFORE}, True),
        (within(Moment.CREATED, LastDays(14)), {"created_at": at("2026-11-17")}, True),
        (within(Moment.CREATED, LastDays(14)), {"created_at": at("2026-11-16T23:59")}, False),
        (within(Moment.CREATED, LastDays(14)), {"created_at": at("2026-11-30T23:59")}, True),
        (within(Moment.CREATED, LastDays(14)), {"created_at": at("2026-12-01")}, False),  # today is not over
        (Not(within(Moment.CREATED, QUARTER)), {"created_at": None}, True),
    ],
)
def test_a_span_of_time(clause: Clause, facts: dict[str, object], expected: bool) -> None:
    assert is_selected(clause, replace(an_item(), **facts)) is expected  # type: ignore[arg-type]  # facts of any sort


def test_midnight_lies_where_the_calendar_has_it() -> None:
    clause = AnyOf((within(Moment.CREATED, LastDays(1)),))
    item = an_item(created_at=at("2026-11-30T10:30"))
    assert is_selected(clause, item)
    assert is_selected(clause, item, "Pacific/Kiritimati")  # UTC+14: yesterday began at 10:00
    assert not is_selected(clause, item, "Pacific/Auckland")  # UTC+13: it began at 11:00


def test_a_relative_span_must_be_settled() -> None:
    [candidate] = joined(an_item())
    with pytest.raises(TypeError):
        holding(within(Moment.CREATED, LastDays(1)))(candidate)


# --- fields and sprints ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"), [(("high",), True), (("High ", "low"), True), (("low",), False), (("hi",), False)]
)
def test_a_field_is_compared_as_a_name(values: tuple[str, ...], expected: bool) -> None:
    item = an_item(fields=(("severity", "HIGH"), ("team", "low")))
    assert is_selected(FieldMatch("severity", values), item) is expected


def test_a_field_that_an_item_has_not_matches_nothing() -> None:
    assert not is_selected(FieldMatch("severity", ("high",)), an_item())


@pytest.mark.parametrize(("name", "expected"), [("sprint 12", True), ("Sprint 13", False), ("12", False)])
def test_an_item_is_in_its_sprints_by_their_names(name: str, expected: bool) -> None:
    sprint = an_item("S", title="Sprint 12", kind=Kind.SPRINT)
    item = an_item("A", sprints=(sprint.id, "unknown"))
    candidate = joined(sprint, item)[1]
    assert selecting(Match(Selector.SPRINT, (name,)))(candidate) is expected


# --- the best value ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("regress", "falling", "before", "now", "value"),
    [
        (Regress.FOLLOW, False, "5", "3", "3"),
        (Regress.RATCHET, False, "5", "3", "5"),
        (Regress.RATCHET, False, "5", "8", "8"),
        (Regress.RATCHET, True, "5", "3", "3"),
        (Regress.RATCHET, True, "5", "8", "5"),
        (Regress.RATCHET, False, None, "3", "3"),
        (Regress.FOLLOW, False, "5", None, "5"),
        (Regress.FOLLOW, False, None, None, None),
    ],
)
def test_what_is_kept(regress: Regress, falling: bool, before: str | None, now: str | None, value: str | None) -> None:
    rule = a_rule(regress=regress, falling=falling)
    numbers = [None if each is None else Decimal(each) for each in (before, now)]
    assert kept(rule, *numbers) == (None if value is None else Decimal(value))


def test_open_work_counts_whatever_is_partial() -> None:
    part = a_part(counts=Counts.OPEN, partial=HALF)
    assert measured(a_rule(part), an_item("A", DOING), an_item("B", DONE)).value == 1
