"""Whatever a config's limits let through is answered: 50,000 nodes of a file, 60 levels, lists of any length."""

from collections.abc import Callable, Iterator
from itertools import cycle, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping.facets import asked_of
from mapping.meaning import selecting, settled
from mapping.measure import measure
from mapping.rule import AllOf, AnyOf, Clause, Match, Measure, Moment, Not, Selector, Within
from okrs.work import Ref, State
from store import facets, queries
from store.database import Database
from store.totals import totals_of
from tests.builders import NOW, QUARTER, a_part, a_rule, an_item
from tests.integration.readings import PAY, Reading, emptied

NUMBERS = range(60)
MANY = 40_000
P1, LIVE = Match(Selector.LABEL, ("p1",)), Match(Selector.STATE, ("todo", "doing"))
FOUND = "a = b"


@pytest.fixture(scope="module")
def filled(shared_database: Database) -> Iterator[Database]:
    """Items whose facets are kept; some of them have every label there is."""
    reading = Reading(emptied(shared_database))
    states = cycle(State)
    items = [
        an_item(f"PAY-{n}", next(states), labels=("p1", f"l{n % 40}", f"m{n % 3}"), parent=Ref("", f"PAY-{n // 10}"))
        for n in NUMBERS
    ]
    more = [an_item(f"M-{n}", labels=tuple(f"l{n + 40 * label}" for label in range(1_000))) for n in range(40)]
    reading.read(PAY, [*items, *more])
    reading.ask(FOUND, {"id:PAY-7", "id:PAY-9"})
    asked = asked_of(Match(each, ("x",)) for each in Selector)
    facets.follow(shared_database, "s", asked, large=0)
    yield shared_database
    emptied(shared_database)


def labels(many: int) -> tuple[Clause, ...]:
    return tuple(Match(Selector.LABEL, (f"l{n}",)) for n in range(many))


def keys(selector: Selector = Selector.KEY) -> Clause:
    return Match(selector, tuple(f"PAY-{n}" for n in range(40_000)))


ANY_LABEL = Match(Selector.LABEL, tuple(f"l{n}" for n in range(MANY)))


def denied(clause: Clause, times: int) -> Clause:
    for _ in range(times):
        clause = Not(clause)
    return clause


def nested(levels: int, *joins: Callable[[tuple[Clause, ...]], Clause], beside: int = 1) -> Clause:
    """Each level has some labels beside the next one."""
    clause: Clause = P1
    for join in islice(cycle(joins), levels):
        clause = join((*labels(beside), clause))
    return clause


TOLD: dict[str, Clause] = {
    "a list": ANY_LABEL,
    "a list of keys": keys(),
    "a denied list": AllOf((P1, Not(ANY_LABEL))),
    "two lists": AllOf((ANY_LABEL, keys(Selector.EPIC))),
    "any of many": AnyOf(labels(1_100)),
    "any of many in others": AllOf((P1, AnyOf((LIVE, *labels(1_100))))),
    "none of many": AllOf((P1, Not(AnyOf(labels(1_100))))),
    "not of not": denied(P1, 41),
    "any of others": AnyOf((LIVE, *(AllOf((P1, LIVE, each)) for each in labels(80)))),
    "many queries": Match(Selector.QUERY, (FOUND, *(f"a = {n}" for n in range(40_000)))),
}
"""What SQL answers."""

LARGER: dict[str, Clause] = {
    "all of many": AllOf(tuple(map(Not, labels(1_100)))),
    "any of many pairs": AnyOf(tuple(AllOf((P1, each)) for each in labels(1_100))),
    "many spans": Within(Moment.CREATED, tuple(QUARTER for _ in range(5_000))),
    "many words": AllOf(tuple(LIVE for _ in range(2_000))),
    "any in all": nested(27, AllOf, AnyOf),
    "not in all": nested(36, AllOf, lambda some: Not(AnyOf(some))),
    "wide and deep": nested(20, AllOf, AnyOf, beside=100),
}


def _told(database: Database, clause: Clause) -> set[str] | None:
    """Hold what is found by SQL against the meaning, in all ways that a rule asks it; return what SQL tells alone."""
    rule = a_rule(a_part(Measure.RATIO, source="s", where=clause, of=AnyOf((P1, clause))))
    with database.read() as connection:
        everyone, index = queries.candidates_of(connection, "s"), facets.index_of(connection, "s")
        assert index is not None
        meant = {each.item.id for each in everyone if selecting(clause)(each)}
        some = facets.chosen(connection, index, rule, NOW)
        totals = measure(rule, {"s": everyone}, NOW).totals
        assert totals_of(connection, {"s": index}, rule, NOW) in (None, totals)
        assert some is None or measure(rule, {"s": some}, NOW).totals == totals
        assert facets.selects_some(connection, index, settled(clause, "UTC", NOW)) in (None, bool(meant))
        found = facets.selection(connection, index, settled(clause, "UTC", NOW))
    assert found in (None, meant)
    return found


@pytest.mark.parametrize("name", TOLD)
def test_sql_copes_with_what_is_large(filled: Database, name: str) -> None:
    assert _told(filled, TOLD[name]) is not None


@pytest.mark.parametrize("name", LARGER)
def test_what_is_larger_is_answered_by_either(filled: Database, name: str) -> None:
    _told(filled, LARGER[name])


joins = st.sampled_from([AllOf, AnyOf, lambda some: Not(AllOf(some)), lambda some: Not(AnyOf(some))])


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.lists(joins, min_size=1, max_size=4), st.sampled_from([0, 1, 2, 40]))
def test_clauses_of_any_shape_are_answered(
    filled: Database, levels: int, some: list[Callable[[tuple[Clause, ...]], Clause]], beside: int
) -> None:
    _told(filled, nested(levels, *some, beside=beside))


def test_a_rule_for_which_sql_is_too_long_reads_a_few_items(filled: Database) -> None:
    """Not the whole mirror: those that have one of the terms of which it asks."""
    pairs = AnyOf(tuple(AllOf((P1, each)) for each in labels(80)[35:]))
    wide = AllOf((AnyOf(tuple(AllOf((each, P1, LIVE)) for each in labels(150)[30:])), pairs))
    rule = a_rule(a_part(source="s", where=AllOf((wide, *map(Not, labels(30))))))
    with filled.read() as connection:
        index = facets.index_of(connection, "s")
        assert index is not None
        assert facets.selection(connection, index, rule.parts[0].where) is None
        some = facets.chosen(connection, index, rule, NOW)
    assert some is not None
    assert 0 < len(some) < len(NUMBERS)
