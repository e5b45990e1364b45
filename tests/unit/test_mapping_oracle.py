"""`mapping.measure` against a second reading of the design: the same value, lines and reasons for any rule."""

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from mapping.codec import scope_key
from mapping.family import Seen, candidates
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
    Span,
    Window,
    Within,
    default_counts,
    default_window,
)
from okrs.cycle import Period
from okrs.immutable import replace
from okrs.work import Kind, Ref, State, Step, WorkItem
from tests.builders import BEFORE, QUARTER, WITHIN, at, seen, where
from tests.oracle import Answer, Sight, oracle

SOURCES = ("one", "two")
KEYS = tuple(f"K-{n}" for n in range(7))
NAMES = ("Released", " released", "Éclair", "E\u0301clair", "ops/web")
"""Names that are the same and names that are not."""

EDGES = (QUARTER.start, QUARTER.end, at("2026-10-05"), at("2026-11-16"), at("2026-11-30T11:00"))
OFFSETS = (timedelta(), timedelta(microseconds=-1), timedelta(hours=11), timedelta(days=-20))
POINTS = ("1", "2", "5", "0", "-2", "0.5", "0.3333335", "12.0000005", "XL")
KINDS = (*[Kind.ISSUE] * 6, Kind.PULL_REQUEST, Kind.MILESTONE, Kind.SPRINT)
PROJECTS = ((Ref("1", "PAY"),), (Ref("2", "Ops/Web"),), ())
Mirror = Mapping[str, list[WorkItem]]
T = TypeVar("T")


class Dice(random.Random):
    """Random items and rules.  A seed makes them: drawn one by one they would take hypothesis a minute."""

    def maybe(self, made: T) -> T | None:
        return made if self.random() < 0.6 else None

    def some(self, words: Sequence[str], most: int = 2) -> tuple[str, ...]:
        return tuple(self.choices(words, k=self.randint(0, most)))

    def instant(self) -> datetime:
        return self.choice(EDGES) + self.choice(OFFSETS)

    def step(self) -> Step:
        return Step(self.instant(), self.choice(tuple(State)), self.maybe(self.choice(NAMES)))

    def item(self, key: str) -> WorkItem:
        state, above = self.choice(tuple(State)), self.choice(KEYS)
        fields = [("points", self.choice(POINTS)), ("team", self.choice(NAMES))]
        return WorkItem(
            id=f"id:{key}",
            key=key,
            kind=self.choice(KINDS),
            type=self.choice(("Bug", "Task")),
            title=self.choice(NAMES),
            url=self.choice(("", f"https://one.example/{key}", f"https://two.example/{key}")),
            state=state,
            status=self.maybe(self.choice(NAMES)),
            resolution=self.maybe(self.choice(NAMES)),
            created_at=self.choice((None, BEFORE, self.instant(), self.instant())),
            closed_at=self.maybe(self.instant()) if state.closed else None,
            parent=self.maybe(Ref(f"id:{above}", above)),
            projects=self.choice(PROJECTS),
            milestones=self.choice(((), (), ("id:K-1",))),
            sprints=self.choice(((), (), ("id:K-2",))),
            members=self.choice(((), (), ("id:K-3",))),
            labels=self.some(NAMES),
            sections=self.choice(((), (Ref("7", "Released"),))),
            assignees=self.some(NAMES, 1),
            fields=tuple(pair for pair in fields if self.random() < 0.7),
            refs=self.some(KEYS, 1),
            history=tuple(self.step() for _ in range(self.choice((0, 0, 1, 2, 4)))),
        )

    def mirror(self) -> Mirror:
        two = self.choice(((), KEYS[4:]))
        return {"one": [self.item(key) for key in KEYS[:6]], "two": [self.item(key) for key in two]}

    def past(self, mirror: Mirror) -> dict[tuple[str, str], Sight]:
        """How some of the items were seen before."""
        every = [(source, item.key) for source, items in mirror.items() for item in items]
        return {(source, f"id:{key}"): (self.item(key), self.instant()) for source, key in every if self.random() < 0.6}

    def leaf(self) -> Clause:
        match self.randrange(8):
            case 0:
                return FieldMatch("team", (self.choice(NAMES),))
            case 1:
                spans: Sequence[Span] = (QUARTER, *(LastDays(days) for days in (1, 14, 40)))
                return Within(self.choice(tuple(Moment)), (self.choice(spans),))
            case _:
                selector = self.choice(tuple(Selector))
                words = WORDS.get(selector, (*KEYS, *NAMES))
                return Match(selector, (*self.some(words), self.choice(words)))

    def clause(self) -> Clause:
        plain = (where(), where(), where(kind=("issue", "pull_request")))
        return self.choice((*plain, self.leaf(), Not(self.leaf()), AnyOf((self.leaf(), self.leaf()))))

    def part(self) -> Part:
        """A part as the config can write it."""
        kind = self.choice(tuple(Measure))
        finished = kind is Measure.THROUGHPUT or kind in TIMES
        counts = self.choice((default_counts(kind), *(() if finished else Counts)))
        window = default_window(kind, counts)
        if counts is Counts.DONE and kind is not Measure.THROUGHPUT:
            window = self.choice(tuple(Window))
        by = "points" if kind in ESTIMATED or (kind is Measure.PERCENT and self.random() < 0.5) else None
        rank = self.choice((50, 85, 1, 99))
        done_when = DoneWhen(self.some(NAMES), self.some(NAMES)) if self.random() < 0.4 else None
        return Part(
            source=self.choice(SOURCES),
            where=self.clause(),
            measure=kind,
            by=by,
            missing=self.choice(tuple(Missing)) if by else Missing.EXCLUDE,
            counts=counts,
            done_when=done_when,
            cancelled=self.choice(tuple(Cancelled)),
            window=window,
            weight=self.choice((Decimal(1), Decimal("0.3"), Decimal(7))),
            rank=rank if kind is Measure.PERCENTILE else self.maybe(rank) if kind in TIMES else None,
            of=self.clause() if kind is Measure.RATIO else None,
            partial=HALF if kind in SHARES and counts is Counts.DONE and self.random() < 0.5 else (),
            scope=self.choice(tuple(Scope)),
            once=self.random() < 0.5,
            linked=kind in (Measure.COUNT, Measure.PERCENT) and self.random() < 0.3,
        )

    def rule(self) -> Rule:
        parts = tuple(self.part() for _ in range(self.choice((1, 1, 2, 3))))
        way = self.choice(("", "", "scale", "start"))
        return Rule(
            parts=parts,
            period=self.choice((QUARTER, Period(at("2026-10-05"), at("2026-11-16")))),
            combine=self.choice(tuple(Combine)) if len(parts) > 1 else None,
            add_start=way == "start",
            base=Decimal("3.25") if way == "start" else Decimal(0),
            scale=Scale(Decimal(10), Decimal("2.5"), Decimal(-7), Decimal(100)) if way == "scale" else None,
            timezone=self.choice(("UTC", "Pacific/Auckland", "America/St_Johns")),
        )


WORDS: Mapping[Selector, Sequence[str]] = {
    Selector.KIND: [each.value for each in Kind],
    Selector.STATE: [each.value for each in State],
    Selector.PROJECT: ["1", "pay", "OPS/web", "ops"],
    Selector.TYPE: ["bug ", "TASK"],
}
ESTIMATED = (Measure.SUM, Measure.MEAN, Measure.PERCENTILE)
SHARES = (Measure.COUNT, Measure.PERCENT, Measure.SUM, Measure.RATIO)
HALF = ((State.DOING, Decimal("0.35")),)


def measured(
    rule: Rule,
    mirror: Mirror,
    now: datetime,
    scopes: Scopes,
    *,
    since: datetime = WITHIN,
    then: Mapping[tuple[str, str], Sight] | None = None,
) -> Measured:
    def sight(source: str, item: WorkItem) -> Seen:
        was = (then or {}).get((source, item.id))
        return replace(seen(item, since=since), then=seen(was[0], since=was[1]) if was else None)

    joined = {source: candidates(sight(source, item) for item in of_source) for source, of_source in mirror.items()}
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


seeds = st.integers(0, 2**32).map(Dice)
AT_ONCE = 8
"""Rules and mirrors of one seed."""


@given(seeds)
def test_measuring_means_what_the_design_says(dice: Dice) -> None:
    for _ in range(AT_ONCE):
        rule, mirror, now = dice.rule(), dice.mirror(), dice.instant()
        assert differences(rule, measured(rule, mirror, now, {}), oracle(rule, mirror, WITHIN, now)) == []


@given(seeds)
def test_a_cycle_that_is_over_is_measured_as_of_its_end(dice: Dice) -> None:
    for _ in range(AT_ONCE):
        rule, mirror, since = dice.rule(), dice.mirror(), dice.instant()
        then, now = dice.past(mirror), rule.period.end + timedelta(days=9)
        expected = oracle(rule, mirror, since, now, then=then)
        assert differences(rule, measured(rule, mirror, now, {}, since=since, then=then), expected) == []


@given(seeds)
def test_a_scope_that_is_frozen_stays(dice: Dice) -> None:
    for _ in range(AT_ONCE):
        rule, old, new, now = dice.rule(), dice.mirror(), dice.mirror(), dice.instant()
        rule = replace(rule, parts=tuple(replace(part, scope=Scope.FROZEN) for part in rule.parts))
        before = oracle(rule, old, WITHIN, now)
        scopes = measured(rule, old, now, {}).scopes
        assert differences(rule, measured(rule, new, now, scopes), oracle(rule, new, WITHIN, now, before.frozen)) == []
