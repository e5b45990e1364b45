"""`mapping.measure` against a second reading of the design: the same value, lines and reasons for any rule."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from mapping.codec import scope_key
from mapping.family import candidates
from mapping.measure import Measured, Scopes, measure
from mapping.rule import (
    TIMES,
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
    Rule,
    Scale,
    Scope,
    Selector,
    Window,
    Within,
    default_counts,
    default_window,
)
from okrs.cycle import Period
from okrs.work import Kind, Ref, State, Step, WorkItem
from tests.builders import BEFORE, QUARTER, WITHIN, at, seen, where
from tests.oracle import Answer, oracle

SOURCES = ("one", "two")
KEYS = tuple(f"K-{n}" for n in range(7))
NAMES = ("Released", " released", "Éclair", "E\u0301clair", "ops/web")
"""Names that are the same and names that are not."""

edges = (QUARTER.start, QUARTER.end, at("2026-10-05"), at("2026-11-16"), at("2026-11-30T11:00"))
instants = st.sampled_from(edges).flatmap(
    lambda edge: st.sampled_from([timedelta(), timedelta(microseconds=-1), timedelta(hours=11), timedelta(days=-20)])
    .map(lambda off: edge + off)
)  # fmt: skip
names = st.sampled_from(NAMES)
points = st.sampled_from(["1", "2", "5", "0", "-2", "0.5", "0.3333335", "12.0000005", "XL"])
steps = st.builds(Step, at=instants, state=st.sampled_from(State), status=st.none() | names)


@st.composite
def items(draw: st.DrawFn, key: str) -> WorkItem:
    state = draw(st.sampled_from(State))
    fields = [("points", draw(points))] if draw(st.booleans()) else []
    return WorkItem(
        id=f"id:{key}",
        key=key,
        kind=draw(st.sampled_from([*[Kind.ISSUE] * 6, Kind.PULL_REQUEST, Kind.MILESTONE, Kind.SPRINT])),
        type=draw(st.sampled_from(["Bug", "Task"])),
        title=draw(names),
        url=draw(st.sampled_from(["", f"https://one.example/{key}", f"https://two.example/{key}"])),
        state=state,
        status=draw(st.none() | names),
        resolution=draw(st.none() | names),
        created_at=draw(st.none() | st.just(BEFORE) | instants),
        closed_at=draw(st.none() | instants) if state.closed else None,
        parent=draw(st.none() | st.sampled_from(KEYS).map(lambda above: Ref(f"id:{above}", above))),
        projects=draw(st.sampled_from([(Ref("1", "PAY"),), (Ref("2", "Ops/Web"),), ()])),
        milestones=draw(st.sampled_from([(), (), ("id:K-1",)])),
        sprints=draw(st.sampled_from([(), (), ("id:K-2",)])),
        members=draw(st.sampled_from([(), (), ("id:K-3",)])),
        labels=draw(st.lists(names, max_size=2).map(tuple)),
        sections=draw(st.sampled_from([(), (Ref("7", "Released"),)])),
        assignees=draw(st.lists(names, max_size=1).map(tuple)),
        fields=(*fields, *([("team", draw(names))] if draw(st.booleans()) else [])),
        refs=draw(st.lists(st.sampled_from(KEYS), max_size=1).map(tuple)),
        history=draw(st.just(()) | st.lists(steps, max_size=4).map(tuple)),
    )


Mirror = Mapping[str, list[WorkItem]]


def of_keys(keys: list[str]) -> st.SearchStrategy[list[WorkItem]]:
    return st.tuples(*(items(key) for key in keys)).map(list)


mirrors: st.SearchStrategy[Mirror] = st.fixed_dictionaries(
    {"one": of_keys(list(KEYS[:5])), "two": st.sampled_from([[], list(KEYS[4:])]).flatmap(of_keys)}
)

WORDS = {
    Selector.KIND: [each.value for each in Kind],
    Selector.STATE: [each.value for each in State],
    Selector.PROJECT: ["1", "pay", "OPS/web", "ops"],
    Selector.TYPE: ["bug ", "TASK"],
}


def leaves() -> st.SearchStrategy[Clause]:
    def of(selector: Selector) -> st.SearchStrategy[Clause]:
        words = st.sampled_from(WORDS.get(selector, [*KEYS, *NAMES]))
        return st.lists(words, min_size=1, max_size=3).map(lambda some: Match(selector, tuple(some)))

    spans = st.just(QUARTER) | st.builds(LastDays, st.sampled_from([1, 14, 40]))
    return (
        st.sampled_from(Selector).flatmap(of)
        | names.map(lambda name: FieldMatch("team", (name,)))
        | st.builds(Within, st.sampled_from(Moment), spans.map(lambda span: (span,)))
    )


clauses: st.SearchStrategy[Clause] = st.one_of(
    st.just(where()),
    st.just(where()),
    st.just(where(kind=["issue", "pull_request"])),
    leaves(),
    leaves().map(Not),
    st.lists(leaves(), min_size=1, max_size=2).map(lambda some: AnyOf(tuple(some))),
)


@st.composite
def parts(draw: st.DrawFn) -> Part:
    """A part as the config can write it."""
    kind = draw(st.sampled_from(Measure))
    finished = kind is Measure.THROUGHPUT or kind in TIMES
    counts = default_counts(kind) if finished else draw(st.sampled_from([default_counts(kind), *Counts]))
    window = default_window(kind, counts)
    if counts is Counts.DONE and kind is not Measure.THROUGHPUT:
        window = draw(st.sampled_from(Window))
    estimated = kind in (Measure.SUM, Measure.MEAN, Measure.PERCENTILE)
    by = "points" if estimated or (kind is Measure.PERCENT and draw(st.booleans())) else None
    shares = kind in (Measure.COUNT, Measure.PERCENT, Measure.SUM, Measure.RATIO) and counts is Counts.DONE
    rank = st.sampled_from([50, 85, 1, 99])
    some = st.lists(names, max_size=2).map(tuple)
    return Part(
        source=draw(st.sampled_from(SOURCES)),
        where=draw(clauses),
        measure=kind,
        by=by,
        missing=draw(st.sampled_from(Missing)) if by else Missing.EXCLUDE,
        counts=counts,
        done_when=draw(st.none() | st.builds(DoneWhen, status=some, resolution=some)),
        cancelled=draw(st.sampled_from(Cancelled)),
        window=window,
        weight=draw(st.sampled_from([Decimal(1), Decimal("0.3"), Decimal(7)])),
        rank=draw(rank) if kind is Measure.PERCENTILE else draw(st.none() | rank) if kind in TIMES else None,
        of=draw(clauses) if kind is Measure.RATIO else None,
        partial=((State.DOING, Decimal("0.35")),) if shares and draw(st.booleans()) else (),
        scope=draw(st.sampled_from(Scope)),
        once=draw(st.booleans()),
    )


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    some = tuple(draw(parts()) for _ in range(draw(st.sampled_from([1, 1, 2, 3]))))
    way = draw(st.sampled_from(["", "", "scale", "start"]))
    return Rule(
        parts=some,
        period=draw(st.sampled_from([QUARTER, Period(at("2026-10-05"), at("2026-11-16"))])),
        combine=draw(st.sampled_from(Combine)) if len(some) > 1 else None,
        add_start=way == "start",
        base=Decimal("3.25") if way == "start" else Decimal(0),
        scale=Scale(Decimal(10), Decimal("2.5"), Decimal(-7), Decimal(100)) if way == "scale" else None,
        timezone=draw(st.sampled_from(["UTC", "Pacific/Auckland", "America/St_Johns"])),
    )


def measured(rule: Rule, mirror: Mirror, now: datetime, scopes: Scopes) -> Measured:
    joined = {source: candidates(seen(item) for item in of_source) for source, of_source in mirror.items()}
    return measure(rule, joined, now, scopes)


def differences(rule: Rule, answer: Measured, expected: Answer) -> list[object]:
    """What differs: the value, the lines."""
    lines = {(line.part, line.item.id): (line.weight, line.amount, line.reason) for line in answer.lines}
    rows = {(row.part, row.item): (row.weight, row.amount, row.reason) for row in expected.rows}
    found: list[object] = [(key, lines.get(key), rows.get(key)) for key in lines.keys() | rows.keys()
                           if _exact(lines.get(key)) != rows.get(key)]  # fmt: skip
    if (None if answer.value is None else Fraction(answer.value)) != expected.value:
        found.append((answer.value, expected.value))
    frozen = {number: answer.scopes[scope_key(rule, rule.parts[number])] for number in expected.frozen}
    return found if frozen == expected.frozen else [*found, (frozen, expected.frozen)]


def _exact(line: tuple[Decimal | None, Decimal | None, str | None] | None) -> object:
    if line is None:
        return None
    weight, amount, reason = line
    return (
        None if weight is None else Fraction(weight),
        None if amount is None else Fraction(amount),
        None if reason is None else str(reason),
    )


@given(rules(), mirrors, instants)
def test_measuring_means_what_the_design_says(rule: Rule, mirror: Mirror, now: datetime) -> None:
    assert differences(rule, measured(rule, mirror, now, {}), oracle(rule, mirror, WITHIN, now)) == []


@given(rules(), mirrors, mirrors, instants)
def test_a_scope_that_is_frozen_stays(rule: Rule, old: Mirror, new: Mirror, now: datetime) -> None:
    rule = replace(rule, parts=tuple(replace(part, scope=Scope.FROZEN) for part in rule.parts))
    first = oracle(rule, old, WITHIN, now)
    scopes = measured(rule, old, now, {}).scopes
    assert differences(rule, measured(rule, new, now, scopes), oracle(rule, new, WITHIN, now, first.frozen)) == []
