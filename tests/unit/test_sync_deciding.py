"""What to record: pure decisions, without database or clock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from mapping.attribution import Evidence, ItemId
from mapping.causes import Past
from mapping.codec import rule_hash, rule_text
from mapping.rule import AllOf, Counts, Measure, Moment, Not, Regress, Rule, Scale, Within
from okrs.cycle import Calendar, Period
from okrs.immutable import replace
from okrs.ledger import CauseKind, EntryKind, canonical_json
from okrs.objective import KeyResult, Numeric, terms_text
from okrs.work import State, WorkItem
from store.ledger import KeyResultState
from sync.deciding import Basis, Goal, Verdict, decide, retire
from tests.builders import NOW, QUARTER, SOURCE, a_part, a_rule, an_item, at, joined

KR = KeyResult("kr", "o", "c", "Title", Numeric(Decimal(0), Decimal(20)))
RULE = a_rule()
OPEN, DONE = an_item("PAY-1"), an_item("PAY-2", State.DONE)
SCALE = Scale(Decimal(0), Decimal(10), Decimal(0), Decimal(100))
LED = "its start or target changed, and the mapping leads to them"
DATES = "the dates of its cycle changed, and the mapping leads to them"
ZONE = "the time zone changed, and the mapping leads to it"
YESTERDAY = NOW - timedelta(days=1)
NOVEMBER = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
BORN = a_part(where=AllOf((Within(Moment.CREATED, (QUARTER,)),)))
EARLIER = Within(Moment.CREATED, (replace(QUARTER, start=QUARTER.start - timedelta(days=7)),))


def in_zone(name: str, period: Period) -> Period:
    """The same local days elsewhere."""
    start, end = (day.replace(tzinfo=ZoneInfo(name)).astimezone(UTC) for day in (period.start, period.end))
    return Period(start, end)


@dataclass
class Case:
    """A key result as it stands, and what the mirror holds now; counts how often it was loaded."""

    goal: Goal
    basis: Basis
    items: tuple[WorkItem, ...] = (OPEN, DONE)
    before: Mapping[str, WorkItem] | None = None
    loaded: int = 0
    recalled: Mapping[str, int] | None = None

    def decide(self, now: datetime = NOW) -> Verdict:
        def mirror(rule: Rule) -> Mapping[str, list[object]]:
            self.loaded += 1
            return {name: list(joined(*self.items)) for name in rule.sources}

        def recall(ids: Iterable[ItemId], then: Mapping[str, int]) -> Mapping[ItemId, Past]:
            self.recalled = then
            now_there = {each.id: each for each in self.items}
            return {each: Past((self.before or {}).get(each[1]), now_there.get(each[1])) for each in ids}

        return decide(self.goal, self.basis, mirror, recall, now)  # type: ignore[arg-type]


def a_case(
    *, rule: Rule | None = RULE, recorded: Rule | None = RULE, generation: int = 1, ready: bool = True, **state: object
) -> Case:
    """A key result measured a minute ago at generation 1, when PAY-1 was open and PAY-2 done."""
    goal = Goal(KR, rule, Calendar())
    if recorded is None:
        return Case(goal, Basis(None, None, (), {SOURCE: generation}, recorded_ready=False, ready=ready))
    known = KeyResultState(
        "kr",
        Decimal(1),
        7,
        rule_hash(rule_text(recorded)),
        terms_text(KR.terms),
        NOW - timedelta(minutes=1),
        YESTERDAY,
        {SOURCE: 1},
    )
    one, zero = Decimal(1), Decimal(0)
    line = (Evidence(0, SOURCE, OPEN.id, "v1", one, zero), Evidence(0, SOURCE, DONE.id, "v1", one, one))
    basis = Basis(known, recorded, line, {SOURCE: generation}, recorded_ready=ready, ready=ready)
    return Case(goal, replace(basis, state=replace(known, **state)), before={OPEN.id: OPEN, DONE.id: DONE})  # type: ignore[arg-type]


def kinds(verdict: Verdict) -> list[EntryKind]:
    return [each.kind for each in verdict.drafts]


# --- the first measurement -----------------------------------------------------------------------------------------


def test_the_baseline_has_one_cause_and_a_row_per_item() -> None:
    verdict = a_case(recorded=None).decide()
    (draft,) = verdict.drafts
    assert (draft.kind, draft.old, draft.new, draft.rule) == (
        EntryKind.BASELINE,
        None,
        Decimal(1),
        rule_hash(rule_text(RULE)),
    )
    assert draft.details == terms_text(KR.terms)
    assert {(row.cause, row.delta) for row in draft.deltas} == {(CauseKind.BASELINE, Decimal(0))}
    assert verdict.state is not None
    assert (verdict.state.value, verdict.state.generations, verdict.state.moved_at) == (Decimal(1), {SOURCE: 1}, NOW)


@pytest.mark.parametrize(
    ("case", "now"),
    [
        (a_case(recorded=None, ready=False), NOW),
        (a_case(recorded=None), QUARTER.start - timedelta(microseconds=1)),
        (a_case(recorded=None, rule=None), NOW),
        (a_case(rule=None, retired=True), NOW),
    ],
    ids=["its sources are not read completely", "its cycle has not begun", "nothing feeds it", "retired"],
)
def test_nothing_is_written_and_nothing_is_loaded(case: Case, now: datetime) -> None:
    verdict = case.decide(now)
    assert (verdict.drafts, verdict.state, case.loaded) == ((), None, 0)


# --- when something is due -----------------------------------------------------------------------------------------


def test_nothing_due_is_not_even_measured() -> None:
    case = a_case()
    assert case.decide() == Verdict()
    assert case.loaded == 0


def test_a_moved_source_without_effect_moves_only_the_state() -> None:
    verdict = a_case(generation=2).decide()
    assert verdict.drafts == ()
    assert verdict.state is not None
    assert (verdict.state.generations, verdict.state.measured_at, verdict.state.moved_at) == (
        {SOURCE: 2},
        NOW,
        YESTERDAY,
    )


@pytest.mark.parametrize(
    ("measured_at", "zone", "due"),
    [
        (at("2026-11-30T23:59"), "UTC", True),
        (at("2026-12-01T00:00"), "UTC", False),
        (at("2026-11-30T23:30"), "Europe/Berlin", False),
        (at("2026-11-30T22:30"), "Europe/Berlin", True),
    ],
)
def test_a_local_midnight_makes_it_due(measured_at: datetime, zone: str, due: bool) -> None:
    case = a_case(measured_at=measured_at)
    case.goal = replace(case.goal, calendar=Calendar(zone))
    assert (case.decide().state is not None) is due


def test_a_source_that_lacks_what_the_rule_needs_moves_nothing() -> None:
    case = a_case(generation=2, ready=False)
    assert case.decide() == Verdict()
    assert case.loaded == 0


def test_a_closed_ticket_is_an_auto_entry_under_the_rule_on_record() -> None:
    case = a_case(generation=2)
    case.items = (replace(OPEN, state=State.DONE, closed_at=NOW), DONE)
    verdict = case.decide()
    (draft,) = verdict.drafts
    assert (draft.kind, draft.old, draft.new) == (EntryKind.AUTO, Decimal(1), Decimal(2))
    assert [(row.cause, row.delta) for row in draft.deltas] == [(CauseKind.CLOSED, Decimal(1))]
    assert case.recalled == {SOURCE: 1}
    assert verdict.state is not None
    assert (verdict.state.value, verdict.state.moved_at) == (Decimal(2), NOW)


# --- rules and targets ---------------------------------------------------------------------------------------------


def test_tickets_rule_and_target_are_told_apart_in_this_order() -> None:
    revised = a_rule(a_part(counts=Counts.ALL))
    case = a_case(rule=revised, generation=2)
    case.items = (replace(OPEN, state=State.DONE, closed_at=NOW), DONE, an_item("PAY-3"))
    case.goal = replace(case.goal, key_result=replace(KR, terms=Numeric(Decimal(0), Decimal(5))))
    verdict = case.decide()
    old, new = rule_hash(rule_text(RULE)), rule_hash(rule_text(revised))
    assert [(each.kind, each.old, each.new, each.rule) for each in verdict.drafts] == [
        (EntryKind.AUTO, Decimal(1), Decimal(2), old),
        (EntryKind.RULE, Decimal(2), Decimal(3), new),
        (EntryKind.TARGET, Decimal(3), Decimal(3), new),
    ]
    assert verdict.drafts[1].details == canonical_json({"replaces": old})
    assert verdict.state is not None
    assert (verdict.state.rule, verdict.state.value) == (new, Decimal(3))
    assert verdict.state.terms == terms_text(Numeric(Decimal(0), Decimal(5)))


def test_a_rule_that_is_not_ready_waits_and_the_old_one_goes_on() -> None:
    case = a_case(rule=a_rule(a_part(Measure.SUM, by="points")), generation=2)
    case.basis = replace(case.basis, ready=False)
    case.items = (replace(OPEN, state=State.DONE, closed_at=NOW), DONE)
    verdict = case.decide()
    assert kinds(verdict) == [EntryKind.AUTO]
    assert verdict.state is not None
    assert verdict.state.rule == rule_hash(rule_text(RULE))


def test_a_new_rule_takes_over_when_the_old_one_lost_its_source() -> None:
    case = a_case(rule=a_rule(a_part(counts=Counts.ALL)))
    case.basis = replace(case.basis, recorded_ready=False)
    assert kinds(case.decide()) == [EntryKind.RULE]


def test_a_rule_of_a_cycle_to_come_waits_for_it() -> None:
    later = replace(QUARTER, start=NOW + timedelta(days=1))
    assert a_case(rule=a_rule(period=later)).decide() == Verdict()


def test_a_target_alone_measures_nothing_and_stays_due() -> None:
    case = a_case(terms="{}")
    verdict = case.decide()
    assert (kinds(verdict), case.loaded) == ([EntryKind.TARGET], 0)
    assert verdict.state is not None
    assert verdict.state.measured_at == NOW - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("recorded", "rule", "why"),
    [
        (a_rule(scale=SCALE), a_rule(scale=replace(SCALE, target=Decimal(50))), LED),
        (a_rule(add_start=True, base=Decimal(1)), a_rule(add_start=True, base=Decimal(2)), LED),
        (a_rule(regress=Regress.RATCHET), a_rule(regress=Regress.RATCHET, falling=True), LED),
        (a_rule(scale=SCALE), a_rule(scale=replace(SCALE, low=Decimal(1))), None),
        (a_rule(scale=SCALE), a_rule(), None),
        (a_rule(), a_rule(scale=SCALE), None),
        (a_rule(), a_rule(period=replace(QUARTER, end=QUARTER.end - timedelta(days=1))), DATES),
        (a_rule(BORN), a_rule(replace(BORN, where=AllOf((EARLIER,))), period=EARLIER.spans[0]), DATES),
        (a_rule(BORN), a_rule(BORN, period=EARLIER.spans[0]), None),
        (a_rule(), a_rule(period=in_zone("Asia/Tokyo", QUARTER)), ZONE),
        (
            a_rule(a_part(where=Not(Within(Moment.CLOSED, (NOVEMBER,))))),
            a_rule(
                a_part(where=Not(Within(Moment.CLOSED, (in_zone("America/New_York", NOVEMBER),)))),
                period=in_zone("America/New_York", QUARTER),
            ),
            ZONE,
        ),
        (a_rule(a_part(Measure.THROUGHPUT)), a_rule(a_part(Measure.THROUGHPUT), timezone="Europe/London"), ZONE),
        (
            a_rule(a_part(where=Within(Moment.CLOSED, (NOVEMBER,)))),
            a_rule(a_part(where=Within(Moment.CLOSED, (replace(NOVEMBER, end=QUARTER.end),)))),
            None,
        ),
        (
            a_rule(scale=SCALE),
            a_rule(scale=replace(SCALE, target=Decimal(50)), period=replace(QUARTER, start=YESTERDAY)),
            f"its start or target, and {DATES}",
        ),
    ],
)
def test_a_target_that_the_mapping_leads_to_is_told_from_an_edited_mapping(
    recorded: Rule, rule: Rule, why: str | None
) -> None:
    (draft,) = a_case(rule=rule, recorded=recorded).decide().drafts
    assert (draft.kind, draft.why) == (EntryKind.RULE, why)


# --- leaving and coming back ---------------------------------------------------------------------------------------


def test_without_a_mapping_it_is_retired_once() -> None:
    verdict = a_case(rule=None).decide()
    (draft,) = verdict.drafts
    assert (draft.kind, draft.old, draft.new) == (EntryKind.RETIRE, Decimal(1), Decimal(1))
    assert verdict.state is not None
    assert verdict.state.retired
    case = a_case(rule=None, retired=True)
    assert case.decide().drafts == ()


def test_a_mapping_that_comes_back_is_a_rule_entry_even_if_it_is_the_same() -> None:
    case = a_case(retired=True, generation=5)
    case.items = (DONE, an_item("PAY-3", State.DONE))
    verdict = case.decide()
    (draft,) = verdict.drafts
    assert (draft.kind, draft.old, draft.new, draft.why) == (
        EntryKind.RULE,
        Decimal(1),
        Decimal(2),
        "the mapping came back",
    )
    assert {row.cause for row in draft.deltas} == {CauseKind.RULE}
    assert verdict.state is not None
    assert (verdict.state.retired, verdict.state.generations) == (False, {SOURCE: 5})


def test_what_is_retired_does_not_follow_its_tickets() -> None:
    case = a_case(retired=True, generation=5)
    case.basis = replace(case.basis, ready=False)
    assert case.decide() == Verdict()


def test_retiring_says_why_and_moves_nothing() -> None:
    state = a_case().basis.state
    assert state is not None
    verdict = retire(state, "because")
    assert [(each.why, each.old, each.new, each.deltas) for each in verdict.drafts] == [
        ("because", Decimal(1), Decimal(1), ())
    ]
