"""What `plan` foresees: exactly what the next evaluation records on the same mirror, and in words why."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import MalformedAnswer
from mapping.demand import demands_of
from mapping.rule import Combine, Counts, DoneWhen, Measure, Part, Rule, Window
from okrs.cycle import Period
from okrs.demand import Demand
from okrs.immutable import replace
from okrs.ledger import CauseKind, Entry, EntryKind
from okrs.objective import Binary, Keep, Numeric, Terms
from okrs.work import Kind, Ref, State
from store import facets, ledger, sources
from store.database import Database
from store.readiness import Snapshot
from sync.lacking import Lack, NextRead, lacks, next_reads
from sync.planned import Note, Planned, Ticket
from sync.task import Outcome, SourceToRead
from tests.builders import AFTER, SOURCE, a_part, a_rule, an_item, numbers, where
from tests.integration.fakes import RECORDS, Clock, FakeTracker, Project, World, dump, two_projects
from tests.integration.readings import emptied
from tests.unit.test_mapping_laws import KEYS, NAMES, SOURCES, Mirror, mirrors, rules

IDS = ("a", "b", "c")
EVERYTHING = Demand(fields=frozenset({"points"}), histories=True, sprints=True, refs=True)
SOON = Period(AFTER, AFTER + timedelta(days=90))


# --- the law: plan and record agree --------------------------------------------------------------------------------


def terms() -> st.SearchStrategy[Terms]:
    return st.sampled_from(
        [Numeric(Decimal(0), Decimal(20)), Numeric(Decimal(9), Decimal(1)), Keep(Decimal(1), Decimal(2)), Binary()]
    )


Feeds = Mapping[str, tuple[Rule | None, Terms]]


def plain_rules() -> st.SearchStrategy[Rule]:
    """Rules that select much, so that tickets and rules both have effects."""
    part = st.builds(
        lambda source, kind, counts: a_part(kind, source=source, counts=counts, by="points" if kind == "sum" else None),
        st.sampled_from(SOURCES),
        st.sampled_from([Measure.COUNT, Measure.PERCENT, Measure.SUM]),
        st.sampled_from(Counts),
    )
    return st.lists(part, min_size=1, max_size=2).map(lambda some: a_rule(*some, combine=Combine.SUM))


def feeds() -> st.SearchStrategy[Feeds]:
    """Some key results of a config, each with its rule, which may be none or of a later cycle."""
    later = plain_rules().map(lambda rule: replace(rule, period=SOON))
    fed = st.tuples(plain_rules() | plain_rules() | rules() | rules() | later | st.none(), terms())
    return st.dictionaries(st.sampled_from(IDS), fed, min_size=1, max_size=3)


@st.composite
def changed(draw: st.DrawFn, before: Feeds) -> Feeds:
    """A config that grew out of another one: most of it stays."""
    after = draw(feeds())
    stays = draw(st.sets(st.sampled_from(IDS), max_size=2))
    return {**after, **{name: fed for name, fed in before.items() if name in stays}}


def put(world: World, mirror: Mirror, *, deleted: bool) -> None:
    """Make the trackers hold these items and no others."""
    for name, items in mirror.items():
        project = world.trackers[name].projects["A"]
        gone = project.items.keys() - {each.id for each in items}
        world.trackers[name].deleted = set(gone) if deleted else set()
        project.items.clear()
        world.trackers[name].put("A", *items)


def configure(world: World, feeds: Feeds) -> None:
    world.goals.clear()
    for name, (rule, terms) in feeds.items():
        world.feed(name, rule, terms)


def facts(entry: Entry) -> tuple[Any, ...]:
    return (entry.kind, entry.old, entry.new, entry.rule, entry.why, entry.details, entry.deltas)


def evidence(world: World, name: str) -> dict[tuple[str, str], list[tuple[Decimal, Decimal]]]:
    with world.database.read() as connection:
        held: dict[tuple[str, str], list[tuple[Decimal, Decimal]]] = {}
        for each in ledger.evidence_of(connection, name):
            held.setdefault((each.source, each.item), []).append((each.weight, each.amount))
    return {item: sorted(places) for item, places in held.items()}


def ids(tickets: tuple[Ticket, ...]) -> set[tuple[str, str]]:
    return {(each.source, each.id) for each in tickets}


@dataclass(frozen=True)
class Story:
    """A config and what it was measured on; then other tickets, and a config that grew out of it."""

    feeds: Feeds
    later: Feeds
    mirror: Mirror
    new: Mirror
    deleted: bool
    """Tickets that went away were deleted."""
    unread: bool
    """The new config names a project that was never read."""
    wide: bool
    """More was read than the first config needs."""
    days: int
    """How many pass before it is planned."""


@st.composite
def stories(draw: st.DrawFn) -> Story:
    first = draw(feeds())
    yes, seldom = st.booleans(), st.sampled_from([False, False, False, True])
    often = seldom.map(lambda one: not one)
    days = st.sampled_from([0, 1, 60])
    return draw(st.builds(Story, st.just(first), changed(first), mirrors(), mirrors(), yes, seldom, often, days))


@settings(max_examples=40, deadline=None)
@given(stories(), st.booleans(), st.booleans())
def test_what_is_planned_is_what_is_recorded(
    shared_database: Database, story: Story, large: bool, followed: bool
) -> None:
    """Of large sources, too, whose facets a run that was killed brought up to their items, or did not."""
    clock = Clock()
    world = World(emptied(shared_database), {name: FakeTracker(clock, "A") for name in SOURCES}, clock)
    world.large = 0 if large else facets.LARGE
    if story.wide:
        world.reading = dict.fromkeys(SOURCES, EVERYTHING)
        world.queries = dict.fromkeys(SOURCES, frozenset((*KEYS, *NAMES)))
    configure(world, story.feeds)
    put(world, story.mirror, deleted=False)
    world.sync()
    put(world, story.new, deleted=story.deleted)
    world.read_only()
    configure(world, story.later)
    if story.unread:
        world.containers["one"] = ("A", "B")
    clock.forward(days=story.days)
    if followed:
        for name, asked in world.engine()._asked.items():
            facets.follow(world.database, name, asked.facets, world.large)
    agree(world)


def agree(world: World) -> None:
    """Plan, record, and hold one against the other."""
    every = {*world.goals, *(entry.key_result for entry in world.entries())}
    before, written = {name: evidence(world, name) for name in every}, dump(world.database, *RECORDS)
    planned = world.plan()
    assert dump(world.database, *RECORDS) == written
    entries = world.record().entries
    assert planned.keys() >= {entry.key_result for entry in entries} | world.goals.keys()
    for name, each in planned.items():
        assert [facts(effect.entry) for effect in each.effects] == [
            facts(entry) for entry in entries if entry.key_result == name
        ]
        assert each.new == (None if Note.UNKNOWN in each.notes else world.value(name))
        after = evidence(world, name)
        assert ids(each.coming) == after.keys() - before[name].keys()
        assert ids(each.going) == before[name].keys() - after.keys()
        assert ids(each.changed) == {
            item for item in after.keys() & before[name].keys() if after[item] != before[name][item]
        }
        assert each.changes is (bool(each.effects) or Note.UNKNOWN in each.notes)
    assert [name for name, each in world.plan().items() if each.effects] == []
    assert world.verify().ok


# --- what it says ---------------------------------------------------------------------------------------------------


@pytest.fixture
def world(database: Database) -> World:
    return two_projects(database)


def words(tickets: tuple[Ticket, ...]) -> dict[str, str | None]:
    return {each.item.key if each.item else each.id: each.reason for each in tickets}


def numbers_of(planned: Planned) -> tuple[Any, Any]:
    return planned.old, planned.new


def kinds(planned: Planned) -> list[EntryKind]:
    return [each.entry.kind for each in planned.effects]


def test_a_config_that_is_in_force_changes_nothing(world: World) -> None:
    (planned,) = world.plan().values()
    assert numbers_of(planned) == (5, 5)
    assert (planned.notes, planned.changes) == ((), False)
    assert (planned.effects, planned.tickets, planned.lacks) == ((), (), ())


def test_a_changed_rule_tells_what_comes_in_and_what_goes_out_and_why(world: World) -> None:
    tracker = world.trackers[SOURCE]
    tracker.change("PAY", "PAY-1", labels=("core",))
    tracker.change("PAY", "PAY-2", labels=("core",), state=State.CANCELLED)
    tracker.put("PAY", an_item("PAY-7", kind=Kind.EPIC, labels=("core",)))
    world.sync()
    assert world.value("open") == 4
    world.feed("open", a_rule(a_part(where=where(label="core", kind=["issue", "epic"]), counts=Counts.OPEN)))
    planned = world.plan()["open"]
    assert numbers_of(planned) == (4, 2)
    assert (planned.notes, planned.changes) == ((Note.RULE,), True)
    assert words(planned.coming) == {"PAY-7": None}
    assert words(planned.going) == dict.fromkeys(["PAY-3", "OPS-1", "OPS-2"], "no_match")
    assert kinds(planned) == [EntryKind.RULE]


def test_what_tickets_did_stands_apart_from_what_the_rule_does(world: World) -> None:
    world.trackers[SOURCE].change("PAY", "PAY-1", state=State.DONE)
    world.read_only()
    world.feed("open", a_rule(a_part(where=where(project="PAY"), counts=Counts.OPEN)))
    planned = world.plan()["open"]
    assert kinds(planned) == [EntryKind.AUTO, EntryKind.RULE]
    assert [numbers(5, 4), numbers(4, 2)] == [(each.entry.old, each.entry.new) for each in planned.effects]
    (closed,) = planned.effects[0].causes
    assert closed.item is not None
    assert (closed.item.key, closed.cause.kind) == ("PAY-1", CauseKind.CLOSED)
    assert closed.cause.delta == -1
    assert words(planned.changed) == {"PAY-1": "done"}


@pytest.mark.parametrize("fate", ["deleted", "hidden", "moved"])
def test_a_ticket_that_is_gone_says_how(world: World, fate: str) -> None:
    tracker = world.trackers[SOURCE]
    held = tracker.drop("PAY", "PAY-1")
    tracker.deleted = {held.id} if fate == "deleted" else set()
    if fate == "moved":
        tracker.elsewhere[held.id] = replace(held, key="FAR-1", projects=(Ref("#FAR", "FAR"),))
    for _ in range(2):
        world.read_only()
    planned = world.plan()["open"]
    assert words(planned.going) == {"FAR-1" if fate == "moved" else "PAY-1": fate}
    assert numbers_of(planned) == (5, 4)
    assert (planned.notes, planned.changes) == ((), True)


def test_a_selected_ticket_that_leaves_the_line_says_why(world: World) -> None:
    world.trackers[SOURCE].change("PAY", "PAY-2", state=State.CANCELLED)
    world.read_only()
    assert words(world.plan()["open"].going) == {"PAY-2": "cancelled"}


def test_a_new_estimate_counts_otherwise(world: World) -> None:
    tracker = world.trackers[SOURCE]
    tracker.change("PAY", "PAY-1", fields=(("points", "3"),))
    world.feed("points", a_rule(a_part(Measure.SUM, by="points", counts=Counts.OPEN)))
    world.sync(full=True)
    tracker.change("PAY", "PAY-1", fields=(("points", "5"),))
    world.read_only()
    planned = world.plan()["points"]
    (ticket,) = planned.changed
    assert tuple(place.amount for place in (*ticket.old, *ticket.new)) == numbers(3, 5)
    assert numbers_of(planned) == (3, 5)
    assert (planned.coming, planned.going) == ((), ())


def test_parts_that_change_places_are_no_news_of_tickets(world: World) -> None:
    pay, ops = (a_part(where=where(project=name), counts=Counts.OPEN) for name in ("PAY", "OPS"))
    world.feed("open", a_rule(pay, ops, combine=Combine.SUM))
    world.sync()
    world.feed("open", a_rule(ops, pay, combine=Combine.SUM))
    planned = world.plan()["open"]
    assert (planned.tickets, kinds(planned), planned.changes) == ((), [EntryKind.RULE], True)


def test_new_changed_and_retired_key_results_have_their_notes(world: World) -> None:
    world.feed("dropped", a_rule())
    world.feed("unfed", a_rule())
    world.sync()
    del world.goals["dropped"]
    world.feed("unfed", None)
    world.feed("never", None)
    world.feed("new", a_rule())
    world.feed("open", world.goals["open"].rule, Numeric(Decimal(0), Decimal(30)))
    planned = world.plan()
    assert {name: each.notes for name, each in planned.items()} == {
        "open": (Note.TARGET,),
        "unfed": (Note.UNMAPPED,),
        "never": (Note.UNFED,),
        "new": (Note.NEW,),
        "dropped": (Note.RETIRED,),
    }
    assert {name for name, each in planned.items() if not each.changes} == {"never"}
    assert planned["open"].terms is not None
    assert ['"target":"20"' in planned["open"].terms[0], '"target":"30"' in planned["open"].terms[1]] == [True, True]
    assert numbers_of(planned["new"]) == (None, 0)
    assert numbers_of(planned["dropped"]) == (0, 0)
    assert planned["dropped"].going == ()
    world.sync()
    world.feed("unfed", a_rule())
    assert world.plan()["unfed"].notes == (Note.BACK,)


def test_nothing_is_known_before_a_cycle_begins(world: World) -> None:
    world.feed("soon", a_rule(period=SOON))
    world.feed("open", a_rule(a_part(counts=Counts.OPEN), period=SOON))
    planned = world.plan()
    assert (planned["soon"].new, planned["soon"].notes) == (None, (Note.NEW, Note.EARLY))
    assert numbers_of(planned["open"]) == (5, 5)
    assert planned["open"].notes == (Note.RULE, Note.EARLY)
    assert [each.changes for each in planned.values()] == [False, False]


UNREAD: dict[str, tuple[Part, Lack]] = {
    "a field": (a_part(Measure.SUM, by="points"), Lack(SOURCE, beyond=Demand(fields=frozenset({"points"})))),
    "histories": (
        a_part(done_when=DoneWhen(status=("Done",)), window=Window.CYCLE),
        Lack(SOURCE, beyond=Demand(histories=True)),
    ),
    "sprints": (a_part(where=where(sprint="7")), Lack(SOURCE, beyond=Demand(sprints=True))),
    "links": (a_part(once=True), Lack(SOURCE, beyond=Demand(refs=True))),
    "a query": (a_part(where=where(query="team = core")), Lack(SOURCE, unasked=("team = core",))),
}


@pytest.mark.parametrize("what", UNREAD)
def test_what_the_mirror_lacks_is_named(world: World, what: str) -> None:
    part, lack = UNREAD[what]
    world.feed("open", a_rule(part))
    planned = world.plan()["open"]
    assert numbers_of(planned) == (5, None)
    assert (planned.notes) == ((Note.RULE, Note.UNKNOWN))
    assert planned.lacks == (lack,)
    assert planned.changes
    world.sync(full=True)
    assert world.plan()["open"].notes == ()


def test_an_average_of_nothing_is_no_change_however_often_it_is_synced(world: World) -> None:
    world.feed("mean", a_rule(a_part(Measure.MEAN, by="points", where=where(label="p1"))))
    assert world.plan()["mean"].notes == (Note.NEW, Note.UNKNOWN)
    for _ in range(2):
        world.sync(full=True)
        planned = world.plan()["mean"]
        assert (planned.notes, planned.changes, numbers_of(planned)) == ((Note.NEW, Note.NOTHING), False, (None, None))
    world.trackers[SOURCE].put("PAY", an_item("PAY-7", State.DONE, labels=("p1",), fields=(("points", "3"),)))
    world.read_only()
    planned = world.plan()["mean"]
    assert (planned.notes, planned.changes, numbers_of(planned)) == ((Note.NEW,), True, (None, 3))


def test_a_project_that_was_never_read_is_named(world: World) -> None:
    world.containers[SOURCE] = ("PAY", "OPS", "NEW")
    world.feed("other", a_rule())
    planned = world.plan()
    assert planned["open"].notes == (Note.PARTLY,)
    assert numbers_of(planned["open"]) == (5, 5)
    assert not planned["open"].changes
    assert planned["other"].notes == (Note.NEW, Note.UNKNOWN)
    assert {each.lacks for each in planned.values()} == {(Lack(SOURCE, ("NEW",)),)}


def test_numbers_that_no_column_holds_are_told_and_leave_the_others_alone(world: World) -> None:
    world.feed("huge", a_rule(base=Decimal(10**13)))
    world.feed("open", a_rule(a_part(counts=Counts.OPEN, where=where(project="PAY"))))
    planned = world.plan()
    assert (planned["huge"].notes, planned["huge"].changes) == ((Note.TOO_LARGE,), False)
    assert numbers_of(planned["open"]) == (5, 3)
    assert {each.key_result for each in world.record().entries} == {"open"}


def test_what_the_next_read_does_to_the_mirror_is_told(world: World) -> None:
    def reads(*containers: str, shaping: str = "") -> tuple[NextRead, ...]:
        source = SourceToRead(SOURCE, containers, world.trackers[SOURCE].connect, Demand(shaping=shaping))
        with world.database.read() as connection:
            return next_reads(connection, [source])

    assert reads("PAY", "OPS") == ()
    assert reads("PAY") == (NextRead(SOURCE, ("OPS",)),)
    assert reads("PAY", "OPS", "NEW") == (NextRead(SOURCE, added=("NEW",)),)
    assert reads("PAY", "OPS", shaping="otherwise") == (NextRead(SOURCE, anew=True),)


def next_read(world: World, *containers: str) -> tuple[NextRead, ...]:
    source = SourceToRead(SOURCE, containers, world.trackers[SOURCE].connect, Demand())
    with world.database.read() as connection:
        return next_reads(connection, [source])


def test_what_cannot_be_read_is_no_change_of_the_config_for_ever(world: World) -> None:
    """A run tried, and would fare no better; once it is taken out, nothing that was read leaves with it."""
    tracker = world.trackers[SOURCE]
    tracker.projects["NEW"] = Project("#NEW", "NEW", hidden=True)
    assert next_read(world, "PAY", "OPS", "NEW") == (NextRead(SOURCE, added=("NEW",)),)
    for _ in range(2):
        world.sync()
        assert next_read(world, "PAY", "OPS", "NEW") == ()
        assert next_read(world, "PAY", "OPS") == ()
    assert next_read(world, "PAY", "OPS", "NEW", "MORE") == (NextRead(SOURCE, added=("MORE",)),)
    tracker.projects["NEW"].hidden = False
    tracker.put("NEW", an_item("NEW-1"))
    assert world.sync().sources[0].state is Outcome.OK
    assert next_read(world, "PAY", "OPS", "NEW") == ()
    with world.database.read() as connection:
        held = sources.state_of(connection, SOURCE).containers
    assert sorted((each.id, each.name) for each in held) == [("#NEW", "NEW"), ("#OPS", "OPS"), ("#PAY", "PAY")]


def test_what_could_not_be_read_and_left_the_config_is_forgotten(world: World) -> None:
    tracker = world.trackers[SOURCE]
    tracker.projects["NEW"] = Project("#NEW", "NEW", hidden=True)
    world.sync()
    del tracker.projects["NEW"]
    assert world.sync().sources[0].state is Outcome.OK
    assert next_read(world, "PAY", "OPS", "NEW") == (NextRead(SOURCE, added=("NEW",)),)


def test_what_fails_before_it_was_ever_read_is_no_change_either(world: World) -> None:
    tracker = world.trackers[SOURCE]
    tracker.projects["NEW"] = Project("#NEW", "NEW", breaks=(0, MalformedAnswer("It is torn.")))
    for _ in range(2):
        world.sync()
        assert next_read(world, "PAY", "OPS", "NEW") == ()


def test_what_is_called_otherwise_neither_leaves_nor_comes(world: World) -> None:
    """It was renamed at the tracker, which was read, and the config follows: by that name, or by its id."""
    tracker = world.trackers[SOURCE]
    tracker.projects["PAY"].called = "acme/Payments"
    world.sync()
    world.feed("open", a_rule(a_part(counts=Counts.OPEN)))
    for name in ("acme/payments", "#PAY"):
        assert next_read(world, name, "OPS") == ()
        with world.database.read() as connection:
            assert lacks(connection, a_rule(), {SOURCE: (name, "OPS")}) == ()
            assert sources.state_of(connection, SOURCE).ready([name, "OPS"], Demand())
    held = tracker.projects.pop("PAY")
    tracker.projects["acme/payments"] = dataclasses.replace(held, name="acme/payments")
    assert world.sync().sources[0].state is Outcome.OK
    for name in ("acme/payments", "ACME/Payments"):
        assert next_read(world, name, "OPS") == ()
    assert next_read(world, "OPS") == (NextRead(SOURCE, ("acme/payments",)),)


@settings(max_examples=15, deadline=None)
@given(rules(), mirrors())
def test_a_rule_is_ready_when_it_lacks_nothing(shared_database: Database, rule: Rule, mirror: Mirror) -> None:
    clock = Clock()
    world = World(emptied(shared_database), {name: FakeTracker(clock, "A") for name in SOURCES}, clock)
    put(world, mirror, deleted=False)
    world.sync()
    with world.database.read() as connection:
        for names in (("A",), ("A", "B")):
            containers = dict.fromkeys(SOURCES, names)
            assert Snapshot(connection, containers).ready(demands_of(rule)) is (
                lacks(connection, rule, containers) == ()
            )
