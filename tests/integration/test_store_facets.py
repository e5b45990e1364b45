"""The facets of large mirrors: the SQL form of a clause finds what its meaning selects, whatever happened before."""

import random
from collections import Counter
from collections.abc import Callable, Iterable

import pytest
from sqlalchemy import Connection, select, update

from mapping.facets import asked_by, asked_of, asks_kin, fields_of, name_of_number, rows_of
from mapping.family import Candidate, candidates
from mapping.meaning import FACETS, selecting, settled
from mapping.measure import lines_of
from mapping.rule import (
    AllOf,
    AnyOf,
    Clause,
    FieldMatch,
    LastDays,
    Match,
    Moment,
    Not,
    Selector,
    Span,
    Within,
)
from okrs.demand import Container
from okrs.immutable import replace
from okrs.work import Kind, Ref, State, WorkItem
from store import census, facets, lookup, queries, sources
from store.cache import MirrorCache
from store.census import Settled
from store.database import Database
from store.dressing import Cover, cover_of
from store.narrowing import beside, joined
from store.selecting import KnownEmpty, Selecting
from store.tables import facet, faceted, short, term
from store.terms import kept
from tests.builders import AFTER, BEFORE, NOW, QUARTER, WITHIN, a_part, a_rule, an_item, where
from tests.integration.fakes import two_projects
from tests.integration.readings import PAY, Reading

KEYS = ("PAY-1", "PAY-2", "PAY-3", "acme/web#1", "ACME/web#1", "Acme/Web#2", "acme/web#3", "M-1", "S-1")
NAMES = ("p1", "P1 ", "Größe", "groesse", "One-click", "Sprint 12", "ops", "Ops")
FIELDS = ("effort", "points", "severity")
QUERIES = ("a = x/A", "a = x/a", "b = 2")
EVERY = asked_of(
    [
        AllOf(tuple(Match(selector, ("x",)) for selector in Selector)),
        FieldMatch("severity", ("x",)),
        FieldMatch("points", ("x",)),
    ]
) | asked_by(a_part(by=field) for field in ("points", "effort"))


@pytest.fixture
def reading(database: Database) -> Reading:
    return Reading(database)


class Life:
    """A source whose items change in every way that a mirror can see."""

    def __init__(self, reading: Reading, seed: int) -> None:
        self.reading = reading
        self.dice = random.Random(seed)
        self.items: dict[str, WorkItem] = {}
        self.number = 0
        self.container = PAY

    def step(self) -> None:
        happenings = (self.create, self.edit, self.rename, self.adopt, self.delete, self.ask, self.call)
        self.dice.choices(happenings, (5, 5, 4, 4, 2, 1, 1))[0]()

    def create(self) -> None:
        self.number += 1
        kind = self.dice.choice((Kind.ISSUE, Kind.ISSUE, Kind.SUBTASK, Kind.EPIC, Kind.MILESTONE, Kind.SPRINT))
        made = an_item(self.dice.choice((*KEYS, f"K-{self.number}")), kind=kind)
        self.put(self.edited(replace(made, id=str(self.number))))

    def edit(self) -> None:
        self.change(self.edited)

    def rename(self) -> None:
        self.change(lambda held: replace(held, key=self.dice.choice(KEYS), title=self.dice.choice(NAMES)))

    def adopt(self) -> None:
        self.change(lambda held: replace(held, parent=self.parent()))

    def change(self, how: Callable[[WorkItem], WorkItem]) -> None:
        if self.items:
            self.put(how(self.items[self.dice.choice(sorted(self.items))]))

    def delete(self) -> None:
        if len(self.items) > 1:
            name = self.dice.choice(sorted(self.items))
            del self.items[name]
            self.reading.clock.forward(minutes=1)
            said = Settled(deleted=[name])
            census.settle_some(self.reading.database, self.reading.lease, self.container, said, self.reading.clock())

    def ask(self) -> None:
        self.reading.ask(self.dice.choice(QUERIES), set(self.some(self.items, 3)))

    def call(self) -> None:
        """The config or the tracker calls the container otherwise."""
        self.container = Container(
            PAY.id, self.dice.choice(("PAY", "Payments")), self.dice.choice(("", "pay", "Zahlen"))
        )
        self.reading.read(self.container)

    def put(self, held: WorkItem) -> None:
        self.items[held.id] = held
        self.reading.read(self.container, [replace(held, updated_at=self.reading.clock.now)])

    def edited(self, held: WorkItem) -> WorkItem:
        state = self.dice.choice(tuple(State))
        return replace(
            held,
            title=self.dice.choice((held.title, *NAMES)),
            state=state,
            status=self.dice.choice((None, *NAMES)),
            resolution=self.dice.choice((None, *NAMES)),
            type=self.dice.choice(("Bug", "Task")),
            labels=self.some(NAMES, 3),
            assignees=self.some(NAMES, 2),
            sections=tuple(Ref(name, name.upper()) for name in self.some(NAMES, 1)),
            projects=self.dice.choice(((), (Ref(PAY.id, "PAY"),), (Ref("P", "pay"), Ref("Q", "Ops")))),
            milestones=self.some(self.items, 2),
            sprints=self.some(self.items, 2),
            members=self.some(self.items, 2) if held.kind is Kind.MILESTONE else (),
            aliases=self.dice.choice(((), ("PAY#1", "pay#1"))) if held.kind is Kind.MILESTONE else (),
            fields=tuple((name, self.dice.choice((*NAMES, "2", "-0.5"))) for name in self.some(FIELDS, 3)),
            created_at=self.dice.choice((None, BEFORE, WITHIN, AFTER)),
            closed_at=self.dice.choice((None, BEFORE, WITHIN, AFTER)) if state.closed else None,
            parent=self.dice.choice((held.parent, self.parent())),
        )

    def parent(self) -> Ref | None:
        """By its id, its key, both, or one that nobody knows; loops may come about."""
        known = self.dice.choice(
            [Ref("", self.dice.choice(KEYS)), *(Ref(one.id, one.key) for one in self.items.values())]
        )
        return self.dice.choice((None, known, Ref(known.id), Ref("", known.name.swapcase()), Ref("", known.name)))

    def some(self, names: Iterable[str], most: int) -> tuple[str, ...]:
        every = sorted(names)
        return tuple(self.dice.sample(every, min(len(every), self.dice.randint(0, most))))

    def clause(self, depth: int = 2) -> Clause:
        how = self.dice.randint(0, 5 if depth else 2)
        if how == 3:
            return Not(self.clause(depth - 1))
        if how > 3:
            inner = tuple(self.clause(depth - 1) for _ in range(self.dice.randint(0, 3)))
            return AllOf(inner) if how == 4 else AnyOf(inner)
        return self.leaf()

    def leaf(self) -> Clause:
        words = (
            *KEYS,
            *NAMES,
            *self.items,
            "Bug",
            "issue",
            "SUBTASK",
            "epic",
            "done",
            "Todo",
            "Payments",
            "zahlen",
            *QUERIES,
        )
        values = tuple(self.dice.sample(words, self.dice.randint(1, 4)))
        spans: tuple[Span, ...] = (QUARTER, LastDays(self.dice.randint(1, 60)))
        sorts: tuple[Clause, ...] = (
            *(Match(self.dice.choice(tuple(Selector)), values) for _ in range(4)),
            FieldMatch(self.dice.choice(("points", "severity")), values),
            Within(self.dice.choice(tuple(Moment)), spans[: self.dice.randint(1, 2)]),
        )
        return self.dice.choice(sorts)

    def follow(self, asked: frozenset[str] = EVERY) -> None:
        told = facets.follow(self.reading.database, "s", asked, large=0)
        if told is None:
            return
        with self.reading.database.read() as connection:  # whoever looks by himself finds the same
            index = facets.index_of(connection, "s")
            assert index is not None
            assert _told(told.touched) == _told(facets.touched(connection, index, told.since))
            assert told.index.foundation(connection) == index.foundation(connection)


def _told(touched: facets.Touched | None) -> object:
    if touched is None:
        return None
    return touched.ids, [(each.seen, set(rows_of(each, EVERY))) for each in touched.candidates]


@pytest.mark.parametrize("seed", range(4))
def test_sql_finds_what_clauses_mean_whatever_happened(reading: Reading, seed: int) -> None:
    life = Life(reading, seed)
    for _ in range(40):
        life.step()
        if life.dice.random() < 0.4:
            life.follow()
            _facets_are_those_of_the_items(reading)
            for _ in range(8):
                _finds_what_it_means(reading, life.clause())


def _facets_are_those_of_the_items(reading: Reading, asked: frozenset[str] = EVERY) -> None:
    """And so is what stands on their rows, and how many there are."""
    fields = fields_of(asked)
    first = fields[0] if fields else ""
    own = {name_of_number(field): field for field in fields[1:]}
    with reading.database.read() as connection:
        everyone = queries.candidates_of(connection, "s")
        names = asked - {name_of_number(first)}
        meant = {
            (each.item.id, *kept(row), *cover_of(each.seen, own.get(row[0], first)))
            for each in everyone
            for row in rows_of(each, names)
        }
        every = (facet.c.item, term.c.name, term.c.value, *facet.c[*Cover._fields])
        found = connection.execute(select(*every).join(term, term.c.id == facet.c.term)).all()
        counted = {(row.name, row.value): row.items for row in connection.execute(select(term)) if row.items}
        assert facets.index_of(connection, "s") is not None
    assert set(found) == meant
    assert counted == Counter((row.name, row.value) for row in found)


def _finds_what_it_means(reading: Reading, clause: Clause) -> None:
    clause = settled(clause, "UTC", NOW)
    with reading.database.read() as connection:
        everyone, index = queries.candidates_of(connection, "s"), facets.index_of(connection, "s")
        meant = {each.item.id for each in everyone if selecting(clause)(each)}
        assert index is not None
        found = facets.selection(connection, index, clause)
        assert found == meant, clause
        around = joined(connection, "s", found, index.lore, index.foundation(connection))
        few = {each.item.id for each in around if selecting(clause)(each)}
        assert few == meant, clause


@pytest.mark.parametrize("seed", range(4))
def test_facets_that_are_behind_find_it_with_what_moved_since(
    reading: Reading, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """As pages ask while a source is read."""
    monkeypatch.setattr(queries, "candidates_of", _nobody_reads_it_whole)
    life, behind = Life(reading, seed), 0
    for _ in range(60):
        life.step()
        if life.dice.random() < 0.2:
            life.follow()
        for _ in range(4):
            behind += _finds_it_beside(reading, life.clause())
    assert behind > 40


def _nobody_reads_it_whole(_connection: Connection, _source: str) -> list[Candidate]:
    raise AssertionError("the whole mirror was read")


def _finds_it_beside(reading: Reading, clause: Clause) -> bool:
    """Tell whether facets that were behind were asked."""
    rule = a_rule(a_part(source="s", where=clause))
    clause = settled(clause, rule.timezone, NOW)
    with reading.database.read() as connection:
        index = facets.index_beside(connection, "s")
        if index is None:
            return False
        everyone = candidates(lookup.items_of(connection, "s"), queries.lore_of(connection, "s"))
        meant = {each.item.id for each in everyone if selecting(clause)(each)}
        generation = sources.generations(connection, ["s"])["s"]
        few = MirrorCache().of_rule(connection, rule, {"s": generation}, NOW, {})["s"]
        assert {each.item.id for each in few if selecting(clause)(each)} == meant, clause
        assert Selecting(connection, NOW, _nobody_reads_it_whole).some(rule, rule.parts[0]) == bool(meant), clause
        return index.generation != generation


@pytest.mark.parametrize("seed", range(3))
def test_what_selected_nothing_is_looked_for_among_what_moved(
    reading: Reading, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    refuted, ask = 0, facets.selects_some

    def counted(connection: Connection, index: facets.Index, where: Clause) -> bool | None:
        nonlocal refuted
        told = ask(connection, index, where)
        refuted += told is False
        return told

    monkeypatch.setattr(facets, "selects_some", counted)
    life, known, empty = Life(reading, seed), KnownEmpty(), 0
    rules = [a_rule(a_part(source="s", where=life.clause())) for _ in range(20)]
    for _ in range(60):
        life.step()
        if life.dice.random() < 0.4:
            life.follow()
        with reading.database.read() as connection:
            if facets.index_beside(connection, "s") is None:
                continue
            everyone = queries.candidates_of(connection, "s")
            question = Selecting(connection, NOW, _nobody_reads_it_whole, known)
            for rule in rules:
                where = settled(rule.parts[0].where, rule.timezone, NOW)
                meant = any(selecting(where)(each) for each in everyone)
                assert question.some(rule, rule.parts[0]) == meant, where
                empty += not meant
            question.remember()
    assert empty > 100
    assert refuted < empty / 2, "what is known is asked again"


@pytest.mark.parametrize("seed", range(3))
def test_what_is_no_answer_of_kin_an_item_gives_alone(reading: Reading, seed: int) -> None:
    life = Life(reading, seed)
    for _ in range(60):
        life.step()
    alone = [each for each in FACETS if not asks_kin([a_part(where=Match(each, ("x",)))])]
    assert Selector.LABEL in alone
    with reading.database.read() as connection:
        lore = queries.lore_of(connection, "s")
        for each in queries.candidates_of(connection, "s"):
            (single,) = candidates([each.seen], lore)
            assert [FACETS[name](single) for name in alone] == [FACETS[name](each) for name in alone]


@pytest.mark.parametrize("alone", [False, True])
def test_a_subtask_is_where_its_parent_is(reading: Reading, alone: bool) -> None:
    """Though the rule keeps the parent out, and whether or not the facets are behind."""
    parent = an_item("PAY-1", projects=(Ref(PAY.id, "PAY"),))
    below = [an_item(f"PAY-{number}", kind=Kind.SUBTASK, parent=Ref(parent.id, parent.key)) for number in (2, 3, 4)]
    rule = a_rule(a_part(source="s", where=where(kind="subtask", project="PAY")))
    reading.read(PAY, [parent, *(replace(each, projects=()) for each in below[:2])])
    facets.follow(reading.database, "s", asked_by(rule.parts), large=0)
    for expected in (2, 3):
        with reading.database.read() as connection:
            generation = sources.generations(connection, ["s"])["s"]
            few = MirrorCache().of_rule(connection, rule, {"s": generation}, NOW, {}, alone=alone)
            assert len(lines_of(rule, few, NOW).lines) == expected
        reading.read(PAY, [replace(below[2], projects=())])


def test_of_too_many_late_ones_the_mirror_is_read(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    """An epic that is called otherwise takes all below it along."""
    epic = an_item("PAY-1", kind=Kind.EPIC)
    reading.read(PAY, [epic, *(an_item(f"PAY-{number}", parent=Ref(epic.id, epic.key)) for number in range(2, 6))])
    facets.follow(reading.database, "s", EVERY, large=0)
    reading.read(PAY, [replace(epic, key="PAY-9", updated_at=reading.clock.now)])
    with reading.database.read() as connection:
        index = facets.index_beside(connection, "s")
        assert index is not None
        assert len(index.late) == 5
        monkeypatch.setattr(facets, "_LATE", 4)
        assert facets.index_beside(connection, "s") is None


# --- when facets are kept -----------------------------------------------------------------------------------------

RULE = a_rule(a_part(source="s", where=where(label="p1")))


def chosen(reading: Reading) -> list[str] | None:
    with reading.database.read() as connection:
        index = facets.index_of(connection, "s")
        found = facets.chosen(connection, index, RULE, NOW) if index else None
        return None if found is None else [each.item.key for each in found]


def test_of_a_small_mirror_no_facets_are_kept(reading: Reading) -> None:
    reading.read(PAY, [an_item("PAY-1", labels=("p1",))])
    facets.follow(reading.database, "s", asked_of([where(label="p1")]), large=2)
    assert chosen(reading) is None


def test_of_a_large_one_a_rule_gets_what_it_selects(reading: Reading) -> None:
    reading.read(PAY, [an_item("PAY-1", labels=("p1",)), an_item("PAY-2", labels=("p2",)), an_item("PAY-3")])
    assert chosen(reading) is None
    facets.follow(reading.database, "s", asked_of([where(label="p1")]), large=2)
    assert chosen(reading) == ["PAY-1"]
    reading.read(PAY, [an_item("PAY-3", labels=("p1",))])
    assert chosen(reading) is None, "the facets are behind"
    facets.follow(reading.database, "s", asked_of([where(label="p1")]), large=2)
    assert chosen(reading) == ["PAY-1", "PAY-3"]


def test_another_name_of_a_facet_dresses_everybody_anew(reading: Reading) -> None:
    reading.read(PAY, [an_item("PAY-1", labels=("p1",), status="Open")])
    facets.follow(reading.database, "s", asked_of([where(status="open")]), large=0)
    assert chosen(reading) is None
    facets.follow(reading.database, "s", asked_of([where(status="open"), where(label="p1")]), large=0)
    assert chosen(reading) == ["PAY-1"]
    facets.follow(reading.database, "s", asked_of([where(status="open")]), large=0)
    assert chosen(reading) == ["PAY-1"], "what is asked no more is kept"


PAGED = asked_of([where(label="p1")])


def test_what_changes_while_all_are_dressed_is_dressed_the_next_time(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading.read(PAY, [an_item("PAY-1", labels=("p1",)), an_item("PAY-2")])
    meanwhile(monkeypatch, lambda: reading.read(PAY, [an_item("PAY-2", labels=("p1",))]))
    facets.follow(reading.database, "s", PAGED, large=0)
    assert chosen(reading) is None
    facets.follow(reading.database, "s", PAGED, large=0)
    assert chosen(reading) == ["PAY-1", "PAY-2"]


def test_who_is_overtaken_leaves_the_rest_to_the_other(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two begin to dress all; the one who began last finds nothing of the other's."""
    reading.read(PAY, [an_item("PAY-1", labels=("p1",)), an_item("PAY-2")])
    meanwhile(monkeypatch, lambda: facets.follow(reading.database, "s", PAGED, large=0))
    facets.follow(reading.database, "s", PAGED, large=0)
    assert chosen(reading) == ["PAY-1"]
    _facets_are_those_of_the_items(reading, PAGED)


def test_who_was_stopped_half_way_begins_again(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped() -> None:
        raise KeyboardInterrupt

    reading.read(PAY, [an_item("PAY-1", labels=("p1",)), an_item("PAY-2")])
    meanwhile(monkeypatch, stopped)
    with pytest.raises(KeyboardInterrupt):
        facets.follow(reading.database, "s", PAGED, large=0)
    assert chosen(reading) is None
    facets.follow(reading.database, "s", PAGED, large=0)
    _facets_are_those_of_the_items(reading, PAGED)


def test_all_are_dressed_some_at_a_time(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parents, plans and others' old keys may be among the others."""
    monkeypatch.setattr(facets, "_AT_ONCE", 1)
    epic = an_item("Acme/Web#1", kind=Kind.EPIC)
    plan = an_item("M-1", kind=Kind.MILESTONE, members=("id:PAY-1",), title="v1")
    below = [an_item(f"PAY-{n}", parent=Ref("", "acme/web#1"), milestones=(plan.id,)) for n in range(3)]
    reading.read(PAY, [*below, epic, plan])
    facets.follow(reading.database, "s", EVERY, large=0)
    _facets_are_those_of_the_items(reading)


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something happen once, after items were read and before they are dressed."""
    looked, left = beside, [happens]

    def and_then(*asked: object) -> object:
        found = looked(*asked)  # type: ignore[arg-type]  # handed on as they come
        if left:
            left.pop()()
        return found

    monkeypatch.setattr("store.facets.beside", and_then)


def test_a_nul_of_a_tracker_hinders_no_question(reading: Reading) -> None:
    """PostgreSQL looks for dates in the payload, whose escape of U+0000 it cannot read."""
    hostile = an_item("PAY-1", State.DONE, title="A\0title", labels=("p\0001",), type="B\0ug", created_at=WITHIN)
    reading.read(PAY, [hostile, an_item("PAY-2", created_at=WITHIN)])
    asked = (where(label="p1"), where(type="Bug"), Within(Moment.CREATED, (QUARTER,)))
    facets.follow(reading.database, "s", asked_of(asked), large=0)
    for clause in (*asked, AllOf(asked)):
        _finds_what_it_means(reading, clause)


def test_texts_of_any_length_are_asked_for(reading: Reading) -> None:
    """PostgreSQL refuses index entries of more than 2.7 kB, as long as they cannot be packed."""
    long = tuple(long_text(each) for each in range(3))
    name = f"risk {long_text(9)}"
    epic = an_item("M-1", kind=Kind.MILESTONE, title=long[0], aliases=(long[1],))
    first = an_item(
        "PAY-1",
        labels=(long[0], short(f"~{long[1]}")),
        status=long[0],
        type=long[0],
        assignees=(long[0],),
        parent=Ref("", f"{long[0]}/x#1"),
        projects=(Ref(long[0], long[1]),),
        milestones=(epic.id,),
        fields=((name, long[0]), (name, "2")),
    )
    reading.read(PAY, [epic, first, an_item("PAY-2", labels=(long[2], "p1"))])
    reading.ask(long[0], {first.id})
    selectors = set(Selector) - {Selector.KIND, Selector.STATE}
    clauses: list[Clause] = [Match(each, (text,)) for each in selectors for text in (*long, f"{long[0]}/X#1")]
    clauses += [FieldMatch(name, (text,)) for text in long]
    asked = asked_of(clauses) | {name_of_number(name)}
    for _ in range(2):
        facets.follow(reading.database, "s", asked, large=0)
        _facets_are_those_of_the_items(reading, asked)
        for clause in clauses:
            _finds_what_it_means(reading, clause)
        reading.read(PAY, [replace(first, labels=(long[1],), parent=Ref("", f"{long[2]}/x#1"))])


def long_text(number: int) -> str:
    """More than an index takes; they differ at their ends alone."""
    return f"{random.Random(0).randbytes(5_000).hex()}{number}"


def test_who_had_a_key_only_meanwhile_took_it_over(reading: Reading) -> None:
    """It is called as before, and the one who had the other key before is not called so any more."""
    first, other = an_item("PAY-1"), an_item("PAY-2")
    below = an_item("PAY-3", parent=Ref("", "OLD-2"))
    reading.read(PAY, [first, replace(other, key="OLD-2"), below])
    reading.read(PAY, [other])
    facets.follow(reading.database, "s", EVERY, large=0)
    reading.read(PAY, [replace(first, key="OLD-2")])
    reading.read(PAY, [first])
    facets.follow(reading.database, "s", EVERY, large=0)
    _facets_are_those_of_the_items(reading)
    for clause in (where(key="OLD-2"), where(parent="PAY-1"), where(epic="PAY-2")):
        _finds_what_it_means(reading, clause)


# --- by which code they were made ---------------------------------------------------------------------------------


def test_facets_of_another_version_are_made_anew(reading: Reading) -> None:
    asked = asked_of([where(label="p1")])
    reading.read(PAY, [an_item("PAY-1", labels=("p1",))])
    facets.follow(reading.database, "s", asked, large=0)
    with reading.database.write() as connection:
        connection.execute(update(faceted).values(version=facets.VERSION - 1))
        connection.execute(update(term).where(term.c.name == "label").values(value="~what it meant before"))
    assert chosen(reading) is None
    facets.follow(reading.database, "s", asked, large=0)
    assert chosen(reading) == ["PAY-1"]
    _facets_are_those_of_the_items(reading, asked)


@pytest.mark.parametrize(
    ("parts", "items"), [(0, 50_000), (1, 50_000), (5, 50_000), (25, 10_000), (250, 1_000), (9_999, 1_000)]
)
def test_many_rules_make_a_smaller_source_a_large_one(parts: int, items: int) -> None:
    assert facets.large_for(parts) == items


def test_an_engine_counts_the_parts_that_ask_a_source(database: Database) -> None:
    world = two_projects(database)
    for number in range(60):
        world.feed(f"kr{number}", a_rule(a_part(), a_part()))
    engine = replace(world.engine(), large=None)
    assert [each.large for each in engine._asked.values()] == [250_000 // 121]
