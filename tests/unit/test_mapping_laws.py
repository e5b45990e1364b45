"""Laws that hold for any rule and any two mirrors."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from mapping.attribution import Change, Evidence, ItemId, Standing, attribute, changes, whole
from mapping.causes import Past
from mapping.family import Candidate, candidates
from mapping.meaning import FACETS, facet_of_field, holding, selecting, settled
from mapping.measure import NO_SCOPES, Measured, Scopes, measure, totals_of
from mapping.rule import (
    MEDIAN,
    AllOf,
    AnyOf,
    Cancelled,
    Clause,
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
    Part,
    Regress,
    Rule,
    Scale,
    Scope,
    Selector,
    Window,
    Within,
    names_a_kind,
)
from mapping.totals import Total, kept, value_of, weeks_over
from okrs.cycle import Period
from okrs.immutable import replace
from okrs.ledger import CauseKind, Delta
from okrs.numbers import rounded
from okrs.work import Kind, Ref, State, Step, WorkItem
from tests.builders import AFTER, BEFORE, NOW, QUARTER, WITHIN, evidence_of, seen

SOURCES = ("one", "two")
NAMES = ("a", "b", "Ä", "ops/web")
KEYS = tuple(f"K-{n}" for n in range(6))
TIMES = (BEFORE, WITHIN, AFTER, QUARTER.start, QUARTER.end)
ZERO = Decimal(0)

weights = st.decimals(min_value=Decimal("0.01"), max_value=20, places=2)
names = st.lists(st.sampled_from(NAMES), max_size=2).map(tuple)
"""Some names, possibly none."""


def items() -> st.SearchStrategy[WorkItem]:
    points = st.none() | st.integers(-2, 13).map(str) | st.sampled_from(["0.5", "0.3333333", "XL"])
    return st.builds(
        lambda key, points, closed_at, **facts: WorkItem(
            id=f"id:{key}",
            key=key,
            type="Task",
            title=f"Title {key}",
            url="",
            fields=() if points is None else (("points", points),),
            closed_at=closed_at if facts["state"].closed else None,
            **facts,
        ),
        key=st.sampled_from(KEYS),
        points=points,
        kind=st.sampled_from([Kind.ISSUE, Kind.ISSUE, Kind.ISSUE, Kind.EPIC, Kind.MILESTONE]),
        state=st.sampled_from(State),
        status=st.none() | st.sampled_from(NAMES),
        resolution=st.none() | st.sampled_from(NAMES),
        created_at=st.none() | st.sampled_from(TIMES),
        updated_at=st.none() | st.sampled_from(TIMES),
        closed_at=st.none() | st.sampled_from(TIMES),
        parent=st.none() | st.sampled_from(KEYS).map(lambda key: Ref(f"id:{key}", key)),
        projects=st.sampled_from([(), (Ref("P", "Pay"),), (Ref("Q"),)]),
        milestones=st.lists(st.sampled_from(KEYS).map(lambda key: f"id:{key}"), max_size=1).map(tuple),
        labels=names,
        refs=st.lists(st.sampled_from(KEYS), max_size=2).map(tuple),
        history=st.sampled_from([(), (Step(BEFORE, State.TODO), Step(WITHIN, State.DOING), Step(AFTER, State.DONE))]),
    )


Mirror = Mapping[str, list[WorkItem]]


def mirrors() -> st.SearchStrategy[Mirror]:
    of_source = st.lists(items(), max_size=6, unique_by=lambda item: item.id)
    return st.fixed_dictionaries(dict.fromkeys(SOURCES, of_source))


def clauses() -> st.SearchStrategy[Clause]:
    def values_of(selector: Selector) -> st.SearchStrategy[Clause]:
        words = {
            Selector.KIND: [kind.value for kind in Kind],
            Selector.STATE: [state.value for state in State],
            Selector.PROJECT: ["P", "pay", "Q"],
            Selector.TYPE: ["task"],
            Selector.MILESTONE: [f"title {key}" for key in KEYS],
        }.get(selector, [*KEYS, *NAMES])
        some = st.lists(st.sampled_from(words), min_size=1, max_size=3)
        return some.map(lambda values: Match(selector, tuple(values)))

    spans = st.sampled_from([QUARTER, Period(BEFORE, WITHIN)]) | st.builds(LastDays, st.integers(1, 40))
    leaf: st.SearchStrategy[Clause] = (
        st.sampled_from(Selector).flatmap(values_of)
        | st.builds(FieldMatch, st.sampled_from(["points", "team"]), st.sampled_from([("1",), ("2", "3.5"), ("web",)]))
        | st.builds(Within, st.sampled_from(Moment), st.lists(spans, min_size=1, max_size=2).map(tuple))
    )
    return st.recursive(
        st.just(AllOf()) | leaf,
        lambda inner: (
            inner.map(Not)
            | st.lists(inner, max_size=3).map(lambda some: AllOf(tuple(some)))
            | st.lists(inner, min_size=1, max_size=3).map(lambda some: AnyOf(tuple(some)))
        ),
        max_leaves=4,
    )


def parts() -> st.SearchStrategy[Part]:
    return bare_parts().map(made_whole)


def made_whole(part: Part) -> Part:
    """Give a part what its measure cannot be without, and take what it has no use for."""
    ranked = part.measure is Measure.PERCENTILE or part.measure in (Measure.LEAD_TIME, Measure.CYCLE_TIME)
    rank = part.rank or MEDIAN if part.measure is Measure.PERCENTILE else part.rank
    return replace(
        part, rank=rank if ranked else None, of=part.of or AllOf() if part.measure is Measure.RATIO else None
    )


def bare_parts() -> st.SearchStrategy[Part]:
    return st.builds(
        Part,
        source=st.sampled_from(SOURCES),
        where=clauses(),
        measure=st.sampled_from(Measure),
        by=st.sampled_from([None, "points", "points"]),
        missing=st.sampled_from(Missing),
        counts=st.sampled_from(Counts),
        done_when=st.none() | st.builds(DoneWhen, status=names, resolution=names),
        cancelled=st.sampled_from(Cancelled),
        window=st.sampled_from(Window),
        weight=weights,
        rank=st.none() | st.integers(1, 99),
        of=st.none() | clauses(),
        partial=st.just(()) | st.just(((State.DOING, Decimal("0.5")),)),
        scope=st.sampled_from(Scope),
        once=st.booleans(),
        linked=st.booleans(),
    )


def rules() -> st.SearchStrategy[Rule]:
    instants = st.sampled_from([(QUARTER.start, QUARTER.end), (BEFORE, WITHIN), (WITHIN, AFTER)])
    return st.builds(
        Rule,
        parts=st.lists(parts(), min_size=1, max_size=3).map(tuple),
        period=instants.map(lambda edges: Period(*edges)),
        combine=st.sampled_from(Combine),
        add_start=st.booleans(),
        base=st.decimals(min_value=-100, max_value=100, places=3),
        scale=st.none() | st.just(Scale(Decimal(0), Decimal(3), Decimal(100), Decimal(0))),
        regress=st.sampled_from(Regress),
        falling=st.booleans(),
        timezone=st.sampled_from(["UTC", "Pacific/Auckland"]),
    )


nows = st.sampled_from([NOW, QUARTER.end - timedelta(days=1), QUARTER.end, AFTER])


def measure_all(rule: Rule, mirror: Mirror, now: datetime = NOW, scopes: Scopes = NO_SCOPES) -> Measured:
    joined = {source: candidates(seen(item) for item in of_source) for source, of_source in mirror.items()}
    return measure(rule, joined, now, scopes)


def change(rule: Rule, before: Measured, after: Measured) -> Decimal:
    """By how much the value of a key result moves from one measurement to the next."""
    return (kept(rule, before.value, after.value) or ZERO) - (before.value or ZERO)


def past_of(old: Mirror, new: Mirror) -> dict[ItemId, Past]:
    was = {(source, item.id): item for source in SOURCES for item in old[source]}
    now = {(source, item.id): item for source in SOURCES for item in new[source]}
    return {
        key: Past(was.get(key), now.get(key), None if key in now else CauseKind.DELETED)
        for key in was.keys() | now.keys()
    }


# --- the laws --------------------------------------------------------------------------------------------------


@given(rules(), mirrors(), nows)
def test_measuring_is_folding_the_accumulators(rule: Rule, mirror: Mirror, now: datetime) -> None:
    result = measure_all(rule, mirror, now)
    for number, total in enumerate(result.totals):
        on_line = [each for each in evidence_of(result.lines) if each.part == number]
        nothing = Total.of(rule.parts[number])
        folded = reduce(lambda so_far, each: so_far.moved(None, (each.weight, each.amount)), reversed(on_line), nothing)
        assert folded == total
        emptied = reduce(lambda so_far, each: so_far.moved((each.weight, each.amount), None), on_line, total)
        assert emptied == nothing
    assert result.value == value_of(rule, result.totals, now)


@given(rules(), mirrors())
def test_measuring_depends_on_no_order_of_the_mirror(rule: Rule, mirror: Mirror) -> None:
    turned = {source: of_source[::-1] for source, of_source in mirror.items()}
    assert measure_all(rule, turned).value == measure_all(rule, mirror).value


@given(rules(), mirrors(), nows)
def test_every_selected_item_has_one_line_per_part(rule: Rule, mirror: Mirror, now: datetime) -> None:
    lines = measure_all(rule, mirror, now).lines
    places = [(line.part, line.item.id) for line in lines]
    assert len(places) == len(set(places))
    for line in lines:
        assert (line.weight is None) == (line.amount is None)
        assert line.weight is not None or line.reason is not None
        half = None if line.weight is None else rounded(line.weight / 2)  # of work under way, where it counts in part
        assert line.amount in (None, ZERO, line.weight, half)
        assert not line.counted or line.amount in (line.weight, half)


def plainly(clause: Clause, candidate: Candidate) -> bool:
    """What a settled clause says of an item, looked up each time."""
    match clause:
        case Match(Selector.QUERY, texts):
            return bool(candidate.queries & set(texts))
        case Match(selector, values):
            return any(FACETS[selector](candidate).has(value) for value in values)
        case FieldMatch(field, values):
            return any(facet_of_field(candidate, field).has(value) for value in values)
        case Within(moment, spans):
            item = candidate.item
            at = item.created_at if moment is Moment.CREATED else item.closed_at
            return at is not None and any(span.contains(at) for span in spans if isinstance(span, Period))
        case Not(inner):
            return not plainly(inner, candidate)
        case AllOf(clauses):
            return all(plainly(inner, candidate) for inner in clauses)
        case AnyOf(clauses):
            return any(plainly(inner, candidate) for inner in clauses)


@given(clauses(), mirrors())
def test_not_is_the_other_half_and_clauses_obey_de_morgan(clause: Clause, mirror: Mirror) -> None:
    clause = settled(clause, "UTC", NOW)
    for candidate in candidates(seen(item) for item in mirror["one"]):
        assert holding(Not(clause))(candidate) is not holding(clause)(candidate)
        neither, de_morgan = Not(AnyOf((clause, AllOf()))), AllOf((Not(clause), Not(AllOf())))
        assert holding(neither)(candidate) is holding(de_morgan)(candidate)
        assert holding(clause)(candidate) is plainly(clause, candidate)
        assert selecting(clause)(candidate) is (
            holding(clause)(candidate) and (names_a_kind(clause) or candidate.item.kind is Kind.ISSUE)
        )


@given(rules(), mirrors(), nows)
def test_nothing_changes_when_nothing_changed(rule: Rule, mirror: Mirror, now: datetime) -> None:
    result = measure_all(rule, mirror, now)
    assert changes(evidence_of(result.lines), measure_all(rule, mirror, now).lines) == []


def replayed(evidence: list[Evidence], rows: tuple[Delta, ...]) -> dict[tuple[int, str, str], tuple[Decimal, Decimal]]:
    """The evidence that the ledger holds after the rows: the last one per part and item."""
    held = {each.key: (each.weight, each.amount) for each in evidence}
    for row in rows:
        key = (row.part, row.source, row.item)
        assert held.get(key, (None, None)) == (row.old_weight, row.old_amount)
        if row.new_weight is None or row.new_amount is None:
            held.pop(key, None)
        else:
            held[key] = (row.new_weight, row.new_amount)
    return held


@given(rules(), mirrors(), mirrors(), nows, nows)
def test_causes_add_up_to_the_change_and_leave_the_new_evidence(
    rule: Rule, old: Mirror, new: Mirror, then: datetime, now: datetime
) -> None:
    before = measure_all(rule, old, then)
    after = measure_all(rule, new, now, before.scopes)
    evidence = evidence_of(before.lines)
    changed = changes(evidence, after.lines)
    rows = attribute(rule, Standing(before.value, before.totals), changed, past_of(old, new), now)
    assert sum((row.delta for row in rows), ZERO) == change(rule, before, after)
    of_items = tuple(row for row in rows if row.item)
    assert replayed(evidence, of_items) == {each.key: (each.weight, each.amount) for each in evidence_of(after.lines)}
    assert {(row.part, row.source, row.item) for row in of_items} == {(c.part, c.source, c.item) for c in changed}
    weeks = [weeks_over(rule, moment).days for moment in (then, now)]
    assert len(rows) - len(of_items) <= (weeks[0] != weeks[1])


@given(rules(), rules(), mirrors())
def test_the_rows_of_a_rule_change_leave_the_new_evidence(rule: Rule, other: Rule, mirror: Mirror) -> None:
    before, after = measure_all(rule, mirror), measure_all(other, mirror)
    evidence = evidence_of(before.lines)
    rows = whole(changes(evidence, after.lines), CauseKind.RULE)
    held = replayed(evidence, rows)
    assert held == {each.key: (each.weight, each.amount) for each in evidence_of(after.lines)}
    totals = [Total.of(part) for part in other.parts]
    for (part, _, _), pair in held.items():
        totals[part] = totals[part].moved(None, pair)
    assert value_of(other, totals, NOW) == after.value
    assert totals_of(other, after.lines) == tuple(totals)


@given(rules(), mirrors(), mirrors())
def test_attribution_forgets_nothing_when_nobody_remembers(rule: Rule, old: Mirror, new: Mirror) -> None:
    before, after = measure_all(rule, old), measure_all(rule, new)
    changed: list[Change] = changes(evidence_of(before.lines), after.lines)
    rows = attribute(rule, Standing(before.value, before.totals), changed, {}, NOW)
    assert sum((row.delta for row in rows), ZERO) == change(rule, before, after)


@given(rules(), mirrors())
def test_a_touched_item_is_no_change(rule: Rule, mirror: Mirror) -> None:
    touched = {source: [replace(item, updated_at=NOW) for item in some] for source, some in mirror.items()}
    result = measure_all(rule, mirror)
    assert changes(evidence_of(result.lines), measure_all(rule, touched).lines) == []
    assert all(past.unchanged for past in past_of(mirror, touched).values())
