"""Of large sources lint looks at terms and rows of facets: it sees there what all items would show it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from mapping.facets import asked_by
from mapping.lint import Surveyed, surveyed
from mapping.naming import Mirrored, Names
from mapping.rule import Counts, DoneWhen, Measure, Rule, Selector
from okrs.immutable import replace
from okrs.work import Kind, Ref, fold_name
from store import facets, queries
from store.cache import MirrorCache
from store.database import Database
from store.surveying import Surveyor, TermNames
from store.tables import faceted
from tests.builders import NOW, a_part, a_rule, an_item, where
from tests.integration.readings import PAY, Reading
from tests.integration.test_store_facets import KEYS, NAMES, Life
from tests.integration.test_store_totals import estimated, mirrored, plain_rules
from tests.unit.test_mapping_laws import Mirror, nows, rules


def by_all_items(database: Database, rule: Rule, now: object) -> Surveyed | None:
    with database.read() as connection:
        held = {name: queries.candidates_of(connection, name) for name in rule.sources}
        try:
            return surveyed(rule, held, now)  # type: ignore[arg-type]
        except ArithmeticError:
            return None


def by_facets(database: Database, rule: Rule, now: object) -> Surveyed | None:
    with database.read() as connection:
        try:
            return Surveyor(connection, MirrorCache(), now).of(rule)  # type: ignore[arg-type]
        except ArithmeticError:
            return None


@settings(max_examples=40, deadline=None)
@given(estimated(), st.lists(plain_rules() | rules(), min_size=4, max_size=8), nows)
def test_a_rule_looks_the_same(shared_database: Database, mirror: Mirror, some: list[Rule], now: object) -> None:
    mirrored(shared_database, mirror, NOW, some)
    for rule in some:
        assert by_facets(shared_database, rule, now) == by_all_items(shared_database, rule, now)


def test_what_lies_under_what_is_found_however_deep(database: Database) -> None:
    """Named by id, by key, or by a key in other case; what lies between is not selected."""
    epic, between = an_item("acme/web#1", kind=Kind.EPIC), an_item("acme/web#2", kind=Kind.SUBTASK)
    between = an_item("acme/web#2", kind=Kind.SUBTASK, parent=Ref("", "Acme/Web#1"))
    below = [an_item(f"acme/web#{number}", parent=Ref(between.id, "")) for number in range(3, 6)]
    reading = Reading(database)
    reading.read(PAY, [epic, between, *below, an_item("acme/web#9")])
    rule = a_rule(a_part(Measure.COUNT, source="s", where=where(kind=["epic", "issue"])))
    facets.follow(database, "s", frozenset(), large=0)
    found = by_facets(database, rule, NOW)
    assert found == by_all_items(database, rule, NOW)
    assert found is not None
    assert (found.parts[0].nested, found.parts[0].example) == (3, ("acme/web#3", "acme/web#1"))


def test_what_lies_under_what_is_found_where_the_items_are_measured(database: Database) -> None:
    """SQL does not total where a part has done statuses of its own; what lies between is not selected, either."""
    epic = an_item("E-1", labels=("x",))
    between = an_item("M-1", parent=Ref(epic.id, epic.key))
    below = [an_item(f"C-{number}", labels=("x",), parent=Ref(between.id, between.key)) for number in range(2)]
    Reading(database).read(PAY, [epic, between, *below])
    part = a_part(Measure.COUNT, source="s", where=where(label="x"), done_when=DoneWhen(status=("Closed",)))
    rule = a_rule(replace(part, counts=Counts.ALL))
    facets.follow(database, "s", asked_by(rule.parts), large=0)
    with database.read() as connection:
        found = Surveyor(connection, MirrorCache(), NOW).of(rule)
    assert found.parts[0].nested == 2


def test_while_facets_are_made_no_kind_is_named_that_selects_nothing(database: Database) -> None:
    reading = Reading(database)
    reading.read(PAY, [an_item("PAY-1", labels=("x",)), an_item("PAY-2", kind=Kind.EPIC, labels=("y",))])
    rule = a_rule(a_part(source="s", where=where(label="nobody")))
    facets.follow(database, "s", asked_by(rule.parts), large=0)
    with database.write() as connection:
        connection.execute(update(faceted).values(built=None))
    with database.read() as connection:
        (picked,) = Surveyor(connection, MirrorCache(), NOW).of(rule).parts
    assert (picked.some, picked.kinds) == (False, ())


def test_two_of_one_key_are_two(database: Database) -> None:
    """Issues and milestones are numbered apart: an item and its namesake both weigh."""
    epic, namesake = (an_item("acme/web#3", kind=kind, id=kind.value) for kind in (Kind.EPIC, Kind.MILESTONE))
    below = [an_item(f"acme/web#{number}", parent=Ref("", "acme/web#3")) for number in (4, 5)]
    twin = an_item("acme/web#5", kind=Kind.MILESTONE, id="twin")
    reading = Reading(database)
    reading.read(PAY, [epic, namesake, *below, twin])
    rule = a_rule(a_part(Measure.COUNT, source="s", where=where(kind=["epic", "issue", "milestone"])))
    facets.follow(database, "s", frozenset(), large=0)
    found = by_facets(database, rule, NOW)
    assert found == by_all_items(database, rule, NOW)
    assert found is not None
    assert (found.parts[0].weighing, found.parts[0].nested) == (5, 2)


@pytest.mark.parametrize("seed", range(3))
def test_names_are_those_of_all_items(database: Database, seed: int) -> None:
    life = Life(Reading(database), seed)
    for _ in range(25):
        life.step()
    life.follow()
    with database.read() as connection:
        index = facets.index_of(connection, "s")
        assert index is not None
        few = TermNames(connection, index, ("PAY",), {})
        every = Names(Mirrored(queries.candidates_of(connection, "s"), ("PAY",)))
        for selector in set(Selector) - {Selector.KIND, Selector.STATE, Selector.QUERY}:
            for value in (*KEYS, *NAMES, *life.items, "Bug", "Bgu", "Sprnt 12", "nothing like it", "k-1", " k-2"):
                assert few.has(selector, value) == every.has(selector, value), (selector, value)
                near, meant = few.near(selector, value), every.near(selector, value)
                assert (near and fold_name(near)) == (meant and fold_name(meant)), (selector, value)
