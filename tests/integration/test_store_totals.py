"""Plain rules are measured by SQL exactly as by `mapping.measure`."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping.facets import asked_by
from mapping.measure import measure
from mapping.rule import TIMES, Cancelled, Combine, Counts, Measure, Part, Rule, Scope, Window
from mapping.totals import Total
from okrs.immutable import replace
from okrs.work import State, WorkItem
from store import facets, queries
from store.database import Database
from store.totals import plain, totals_of
from tests.builders import AFTER, BEFORE, NOW, QUARTER, WITHIN, a_part, a_rule, an_item, where
from tests.integration.readings import PAY, Reading, emptied
from tests.unit.test_mapping_laws import KEYS, Mirror, mirrors, nows, rules

FIELDS = (None, "effort", "points")
MOMENT = timedelta(microseconds=1)
LARGE_NUMBERS = ("0.5", "3", "1000000000", "-1000000000", "XL", "0.3333335")


@pytest.fixture
def reading(database: Database) -> Reading:
    return Reading(database)


@st.composite
def estimated(draw: st.DrawFn) -> Mirror:
    """Items with two fields of numbers."""
    mirror = draw(mirrors())
    numbers = st.none() | st.sampled_from(LARGE_NUMBERS)

    def more(item: WorkItem) -> WorkItem:
        effort = draw(numbers)
        return item if effort is None else replace(item, fields=(("effort", effort), *item.fields))

    return {name: [more(item) for item in items] for name, items in mirror.items()}


@st.composite
def plain_rules(draw: st.DrawFn) -> Rule:
    """Rules as SQL measures them."""
    rule = draw(rules())
    parts = tuple(made_plain(part, draw(st.sampled_from(FIELDS))) for part in rule.parts)
    several = rule.combine is Combine.SUM and len(rule.sources) < len(parts)
    return replace(rule, parts=parts, combine=Combine.MEAN if several else rule.combine)


def made_plain(part: Part, by: str | None) -> Part:
    timed = part.measure in TIMES or part.measure is Measure.PERCENTILE
    kind = Measure.PERCENT if timed else part.measure
    of = part.of if kind is Measure.RATIO else None
    partial = part.partial if of is None else ()
    plainly = replace(part, done_when=None, scope=Scope.LIVE, once=False, rank=None)
    return replace(plainly, measure=kind, by=by, of=of, partial=partial)


def mirrored(database: Database, mirror: Mirror, now: datetime, some: Iterable[Rule]) -> None:
    """Read the items, and keep facets of them."""
    emptied(database)
    for name, items in mirror.items():
        reading = Reading(database, name)
        reading.clock.now = now
        reading.read(PAY, items)
        found = {item.id for item in items[::2]}
        queries.replace_hits(database, reading.lease, KEYS[0], found, reading.clock())
        parts = [part for rule in some for part in rule.parts if part.source == name]
        facets.follow(database, name, asked_by(parts), large=0)


def by_sql(database: Database, rule: Rule, now: datetime) -> tuple[Total, ...] | None:
    """Asked before at other times of the same snapshot, whose answers must not stay."""
    with database.read() as connection:
        indexes = {name: index for name in rule.sources if (index := facets.index_of(connection, name))}
        for then in (now - timedelta(days=40), now + timedelta(days=200), now):
            totals_of(connection, indexes, rule, then)
        return totals_of(connection, indexes, rule, now)


def by_python(database: Database, rule: Rule, now: datetime) -> tuple[Total, ...]:
    with database.read() as connection:
        held = {name: queries.candidates_of(connection, name) for name in rule.sources}
        return measure(rule, held, now).totals


@settings(max_examples=60, deadline=None)
@given(estimated(), st.lists(plain_rules(), min_size=4, max_size=8), nows, st.sampled_from([BEFORE, WITHIN, AFTER]))
def test_sql_adds_up_what_measuring_does(
    shared_database: Database, mirror: Mirror, some: list[Rule], now: datetime, read_at: datetime
) -> None:
    mirrored(shared_database, mirror, read_at, some)
    for rule in some:
        expected = None if now >= rule.period.end else by_python(shared_database, rule, now)
        assert by_sql(shared_database, rule, now) == expected


@settings(max_examples=20, deadline=None)
@given(estimated(), st.lists(rules(), min_size=4, max_size=8), nows)
def test_of_any_rule_sql_says_the_same_or_nothing(
    shared_database: Database, mirror: Mirror, some: list[Rule], now: datetime
) -> None:
    mirrored(shared_database, mirror, NOW, some)
    for rule in some:
        found = by_sql(shared_database, rule, now)
        told = plain(rule) and now < rule.period.end
        assert found == (by_python(shared_database, rule, now) if told else None)


def test_every_policy_draws_its_lines_where_measuring_does(reading: Reading) -> None:
    """At both edges of a cycle, until it is over."""
    edges = [edge + step for edge in (QUARTER.start, QUARTER.end) for step in (-MOMENT, timedelta(), MOMENT)]
    stood = product(State, [None, *edges], [None, *edges])
    items = [
        an_item(f"PAY-{n}", state, created_at=created, closed_at=closed if state.closed else None, points=str(n % 4))
        for n, (state, created, closed) in enumerate(stood)
    ]
    reading.clock.now = QUARTER.end
    reading.read(PAY, items)
    facets.follow(reading.database, "s", asked_by([a_part(by="points")]), large=0)
    kinds = (Measure.COUNT, Measure.PERCENT, Measure.SUM, Measure.MEAN, Measure.THROUGHPUT)
    policies = product(kinds, Counts, Cancelled, Window, ((), ((State.DOING, Decimal("0.35")),)))
    for kind, counts, cancelled, window, partial in policies:
        by = "points" if kind in (Measure.SUM, Measure.MEAN) else None
        shared = {"cancelled": cancelled, "window": window, "partial": partial}
        rule = a_rule(a_part(kind, source="s", by=by, counts=counts, **shared))
        now = QUARTER.end - MOMENT
        assert by_sql(reading.database, rule, now) == by_python(reading.database, rule, now), rule
        assert by_sql(reading.database, rule, QUARTER.end) is None


# --- where SQL says nothing ----------------------------------------------------------------------------------------


LABELLED = a_rule(a_part(source="s", where=where(label="p1")))
WEIGHED = a_rule(a_part(Measure.SUM, source="s", where=where(label="p1"), by="points"))


def test_what_is_not_asked_for_is_not_told(reading: Reading) -> None:
    reading.read(PAY, [an_item("PAY-1", State.DONE, labels=("p1",), points="3")])
    assert by_sql(reading.database, LABELLED, NOW) is None, "no facets are kept"
    facets.follow(reading.database, "s", asked_by(LABELLED.parts), large=0)
    assert by_sql(reading.database, LABELLED, NOW) == (Total(Decimal(1), Decimal(1), 1),)
    assert by_sql(reading.database, WEIGHED, NOW) is None, "nobody asked for points"
    assert by_sql(reading.database, a_rule(*LABELLED.parts, a_part(source="t")), NOW) is None, "it was never read"
    facets.follow(reading.database, "s", asked_by(WEIGHED.parts), large=0)
    assert by_sql(reading.database, WEIGHED, NOW) == (Total(Decimal(3), Decimal(3), 1),)


def test_sums_beyond_what_the_database_holds_are_left_to_measuring(reading: Reading) -> None:
    many = [an_item(f"PAY-{n}", State.DONE, labels=("p1",), points="1000000000") for n in range(9_300)]
    reading.read(PAY, many)
    facets.follow(reading.database, "s", asked_by(WEIGHED.parts), large=0)
    whole = Decimal(9_300 * 10**9)
    told = None if reading.database.sqlite else (Total(whole, whole, 9_300),)
    assert by_sql(reading.database, WEIGHED, NOW) == told
