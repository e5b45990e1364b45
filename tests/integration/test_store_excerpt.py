"""What a page shows of a key result is what `explain` says of it, whatever happened before, and mostly by SQL."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from mapping.codec import parse_rule
from mapping.judging import Reason
from mapping.rule import (
    AllOf,
    AnyOf,
    Cancelled,
    Clause,
    Combine,
    Counts,
    Match,
    Measure,
    Missing,
    Not,
    Rule,
    Selector,
    default_window,
)
from okrs.guard import Guard
from okrs.immutable import replace
from okrs.work import Kind, Ref, State, WorkItem
from store import facets, ledger
from store.cache import SharedCache
from store.database import Database
from store.drawing import draws
from store.finals import finals
from store.holds import hold_of
from store.renames import on_record
from store.views.excerpt import Excerpt, Leafing, Lines, by_sql, excerpt, excerpt_of
from store.views.explain import explain
from store.views.setup import Setup
from tests.builders import AFTER, BEFORE, NOBODY_ASKED, QUARTER, SOURCE, WITHIN, a_part, a_rule, an_item, where
from tests.integration.fakes import Clock, FakeTracker, World
from tests.integration.readings import emptied
from tests.integration.test_store_totals import estimated, plain_rules
from tests.integration.test_sync_planning import EVERYTHING, put
from tests.unit.test_mapping_laws import KEYS, NAMES, SOURCES, Mirror, rules

STRICT = Guard(Decimal(1), share=Decimal("0.1"))
"""Nearly everything waits for a person."""

IDS = ("a", "b")
T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True)
class Life:
    """Key results that are measured on some tickets, and looked at when others have come."""

    rules: Mapping[str, Rule]
    mirror: Mirror
    new: Mirror
    newest: Mirror
    deleted: bool
    guard: Guard
    followed: bool
    """The facets were brought up to the items."""
    days: int


def fed() -> st.SearchStrategy[Rule]:
    """Mostly rules that SQL draws."""
    plain = plain_rules().map(lambda rule: replace(rule, period=QUARTER))
    wide = plain.map(lambda rule: replace(rule, parts=tuple(replace(each, where=where()) for each in rule.parts)))
    return plain | wide | wide | rules()


def lives() -> st.SearchStrategy[Life]:
    feeds = st.dictionaries(st.sampled_from(IDS), fed(), min_size=1, max_size=2)
    seldom = st.sampled_from([NOBODY_ASKED, NOBODY_ASKED, NOBODY_ASKED, STRICT])
    yes, mirror = st.booleans(), estimated()
    return st.builds(Life, feeds, mirror, mirror, mirror, yes, seldom, yes, st.sampled_from([0, 1, 30, 60]))


leafings = st.builds(
    Leafing,
    st.sampled_from([1, 2, 40]),
    st.dictionaries(st.integers(0, 2), st.tuples(st.integers(1, 4), st.integers(1, 4)), max_size=2),
)


@settings(max_examples=60, deadline=None)
@given(lives(), leafings)
def test_a_page_shows_what_is_explained(shared_database: Database, life: Life, leafing: Leafing) -> None:
    """Also while the mirror is ahead of the ledger, and of its facets."""
    clock = Clock()
    world = World(emptied(shared_database), {name: FakeTracker(clock, "A") for name in SOURCES}, clock, large=0)
    world.guard, world.reading = life.guard, dict.fromkeys(SOURCES, replace(EVERYTHING, fields=frozenset({"effort"})))
    world.queries = dict.fromkeys(SOURCES, frozenset((*KEYS, *NAMES)))
    for name, rule in life.rules.items():
        world.feed(name, rule)
    cache = SharedCache()
    put(world, life.mirror, deleted=False)
    world.sync()
    agree(world, leafing, cache)
    put(world, life.new, deleted=life.deleted)
    world.sync()
    agree(world, leafing, cache)
    put(world, life.newest, deleted=life.deleted)
    world.read_only()
    if life.followed:
        follow(world)
    clock.forward(days=life.days)
    agree(world, leafing, cache)


def follow(world: World) -> None:
    """Bring the facets up to the items."""
    for name, asked in world.engine()._asked.items():
        facets.follow(world.database, name, asked.facets, world.large)


def agree(world: World, leafing: Leafing, cache: SharedCache) -> None:
    """Hold what is shown against what is explained, and by which way it was found."""
    setup, now = world._setup(), world.clock()
    with world.database.read() as connection:
        for name in world.goals:

            def explained(of: str) -> Excerpt | None:
                answer = explain(connection, setup, of, now, cache)
                return None if answer is None else excerpt_of(answer, leafing)

            shown = outcome(lambda of: excerpt(connection, setup, of, now, leafing=leafing, cache=cache), name)
            assert shown == outcome(explained, name)
            if isinstance(shown, Excerpt):
                told = by_sql(connection, setup, name, now, leafing=leafing, cache=cache)
                assert (told is not None) == is_plain(connection, setup, name)


def outcome(ask: Callable[[S], T], what: S) -> T | type[ArithmeticError]:
    try:
        return ask(what)
    except ArithmeticError as error:  # absurd estimates
        return type(error)


def is_plain(connection: Connection, setup: Setup, name: str) -> bool:
    """Tell whether a key result is one that SQL shows."""
    key_result = setup.key_result(name)
    held_as = on_record(connection, key_result) if key_result else name
    state, hold = ledger.state_of(connection, held_as), hold_of(connection, held_as)
    if state is None or held_as in finals(connection) or (hold is not None and not hold.rejected):
        return False
    rule = parse_rule(ledger.rule_text_of(connection, state.rule))
    return draws(rule) and state.measured_at < rule.period.end


# --- what it must not miss -------------------------------------------------------------------------------------------

PAGE = Leafing(2)
DAYS = (None, BEFORE, QUARTER.start, WITHIN)


def every_ticket() -> list[WorkItem]:
    """Of every state, at the edges of a cycle, with and without an estimate."""
    stood = [(state, day) for state in State for day in (DAYS if state.closed else [None])]
    rest = product(stood, [None, "0", "3"], DAYS[:3], [(), ("x",)])
    return [
        an_item(f"PAY-{number}", state, closed_at=closed, points=points, created_at=created, labels=labels)
        for number, ((state, closed), points, created, labels) in enumerate(rest)
    ]


def every_rule() -> list[Rule]:
    """Of every policy that SQL draws, and of some that it leaves alone."""
    kinds = (Measure.COUNT, Measure.MEAN, Measure.RATIO)
    weighed = [(None, Missing.EXCLUDE), *(("points", missing) for missing in Missing)]
    half = ((State.DOING, Decimal("0.5")),)
    told = product(kinds, Counts, Cancelled, weighed)
    parts = [
        a_part(kind, counts=counts, cancelled=cancelled, by=by, missing=missing, window=default_window(kind, counts),
               of=where(label="x") if kind is Measure.RATIO else None)
        for kind, counts, cancelled, (by, missing) in told
    ]  # fmt: skip
    return [a_rule(each) for each in (*parts, a_part(by="points", partial=half))]


def test_every_policy_lists_its_tickets_as_measuring_does(shared_database: Database) -> None:
    """Also when all that is on record was otherwise since."""
    clock, cache, pages = Clock(), SharedCache(), Leafing(1000)
    tracker = FakeTracker(clock, "PAY", page_size=1000)
    items = every_ticket()
    tracker.put("PAY", *items)
    world = World(emptied(shared_database), {SOURCE: tracker}, clock, large=0)
    for number, rule in enumerate(every_rule()):
        world.feed(f"kr-{number}", rule)
    world.sync()
    agree(world, pages, cache)
    tracker.put("PAY", *(replace(new, id=old.id, key=old.key) for old, new in zip(items, items[::-1], strict=True)))
    world.read_only()
    agree(world, pages, cache)
    follow(world)
    agree(world, pages, cache)


@pytest.fixture
def world(database: Database) -> World:
    """Six tickets of which five are done, on facets; all that is lost is asked about."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    done = [an_item(f"PAY-{number}", State.DONE, points="3") for number in range(1, 6)]
    tracker.put("PAY", *done, an_item("PAY-6", points="0", created_at=WITHIN))
    world = World(database, {SOURCE: tracker}, clock, large=0, guard=Guard())
    world.feed("done", a_rule(a_part(Measure.SUM, by="points")))
    world.feed("share", a_rule(a_part(Measure.PERCENT, by="points", counts=Counts.OPEN)))
    world.sync()
    return world


def shown(world: World, name: str, leafing: Leafing = PAGE, cache: SharedCache | None = None) -> Excerpt:
    agree(world, leafing, cache or SharedCache())
    with world.database.read() as connection:
        told = excerpt(connection, world._setup(), name, world.clock(), leafing=leafing, cache=cache or SharedCache())
    assert told is not None
    return told


def keys(leaf: Lines) -> list[str]:
    return [line.item.key for line in leaf.lines]


def plain(world: World, name: str) -> bool:
    with world.database.read() as connection:
        return is_plain(connection, world._setup(), name)


def test_pages_are_cut_in_order(world: World) -> None:
    [part] = shown(world, "done", Leafing(2, {0: (2, 9)})).parts
    assert plain(world, "done")
    assert (keys(part.counted), part.counted.total, part.counted.page) == (["PAY-3", "PAY-4"], 5, 2)
    assert (keys(part.others), part.others.total, part.others.page) == (["PAY-6"], 1, 1)
    assert (part.value, part.grown, part.plainly, part.lacks) == (Decimal(15), 1, False, False)


def test_a_ticket_that_weighs_nothing_counts(world: World) -> None:
    [part] = shown(world, "share").parts
    assert plain(world, "share")
    assert (keys(part.counted), part.others.total) == (["PAY-6"], 5)


def test_what_is_on_record_is_told_where_the_mirror_is_ahead(world: World) -> None:
    """And what it was by then, of tickets that are not selected any more."""
    tracker, cache = world.trackers[SOURCE], SharedCache()
    shown(world, "done", cache=cache)
    tracker.change("PAY", "PAY-1", state=State.TODO, closed_at=None)
    tracker.change("PAY", "PAY-2", kind=Kind.EPIC, created_at=WITHIN)
    tracker.change("PAY", "PAY-6", state=State.CANCELLED)
    tracker.put("PAY", an_item("PAY-7", State.CANCELLED), an_item("PAY-8", State.DONE, points="1"))
    world.read_only()
    [part] = shown(world, "done", Leafing(40), cache).parts
    assert plain(world, "done")
    assert keys(part.counted) == ["PAY-1", "PAY-2", "PAY-3", "PAY-4", "PAY-5"]
    assert keys(part.others) == ["PAY-6", "PAY-7"]
    assert (part.value, part.grown) == (Decimal(15), 2)


def test_an_update_that_waits_is_explained(world: World) -> None:
    tracker = world.trackers[SOURCE]
    for number in range(1, 5):
        tracker.deleted.add(tracker.drop("PAY", f"PAY-{number}").id)
    world.clock.forward(days=8)
    world.sync(full=True)
    [part] = shown(world, "done").parts
    assert not plain(world, "done")
    assert any(line.waits for line in part.counted.lines)


def test_one_that_is_renamed_is_found(world: World) -> None:
    goal = world.goals.pop("done")
    world.goals["new"] = replace(goal, key_result=replace(goal.key_result, id="new", was="done"))
    assert shown(world, "new").value == 15
    assert plain(world, "new")


def test_a_closed_cycle_is_explained(world: World) -> None:
    world.clock.now = AFTER
    world.sync(full=True)
    world.close()
    world.trackers[SOURCE].change("PAY", "PAY-1", state=State.TODO, closed_at=None)
    world.sync()
    [part] = shown(world, "done").parts
    assert not plain(world, "done")
    assert part.counted.total == 5


def test_a_cycle_that_is_over_is_explained(world: World) -> None:
    """As it stood at its end."""
    world.clock.now = AFTER
    world.trackers[SOURCE].change("PAY", "PAY-6", state=State.CANCELLED)
    world.sync(full=True)
    [part] = shown(world, "done").parts
    assert not plain(world, "done")
    assert [line.reason for line in part.others.lines] == [Reason.OUTSIDE_WINDOW]


def test_what_a_part_asks_of_kin_is_told(world: World) -> None:
    """Though they are not on the page: of a ticket that weighs nothing the record does not say whether it counts."""
    tracker = world.trackers[SOURCE]
    tracker.change("PAY", "PAY-6", parent=Ref("id:PAY-2", "PAY-2"))
    tracker.change("PAY", "PAY-2", parent=Ref("id:PAY-5", "PAY-5"))
    world.feed("under", a_rule(a_part(Measure.RATIO, by="points", counts=Counts.ALL, of=where(epic="PAY-5"))))
    world.sync()
    [part] = shown(world, "under", Leafing(1, {0: (2, 1)})).parts
    assert plain(world, "under")
    assert (keys(part.counted), keys(part.others)) == (["PAY-6"], ["PAY-1"])


def test_a_part_that_selects_nothing_is_told(world: World) -> None:
    world.feed("none", a_rule(a_part(where=where(label="nobody"))))
    world.sync()
    [part] = shown(world, "none").parts
    assert plain(world, "none")
    assert part.lacks


def test_a_part_that_waits_for_a_state_lacks_nothing(world: World) -> None:
    world.feed("none", a_rule(a_part(where=where(state="cancelled"))))
    world.sync()
    [part] = shown(world, "none").parts
    assert plain(world, "none")
    assert not part.lacks


def test_what_counts_in_one_part_is_explained_as_left_out_of_the_next(world: World) -> None:
    world.feed("both", a_rule(a_part(where=where(key="PAY-1")), a_part(), combine=Combine.SUM))
    world.sync()
    first, second = shown(world, "both").parts
    assert not plain(world, "both")
    assert (keys(first.counted), keys(second.others)) == (["PAY-1"], ["PAY-1", "PAY-6"])


@pytest.mark.parametrize(("deep", "by_facets"), [(3, True), (22, False), (26, False)])
def test_a_clause_of_any_depth_is_shown(database: Database, deep: int, *, by_facets: bool) -> None:
    """Databases read brackets within brackets only so far; what is deeper is read in Python."""
    inner: Clause = Match(Selector.LABEL, ("x",))
    for number in range(deep):
        other = Match(Selector.LABEL, (f"l{number}",))
        inner = AnyOf((other, inner)) if number % 2 else AllOf((Not(other), inner))
    tracker = FakeTracker(Clock(), "PAY", page_size=1000)
    tracker.put(
        "PAY", *(an_item(f"PAY-{number}", State.DONE, points="3", labels=("x", f"l{number}")) for number in range(30))
    )
    world = World(database, {SOURCE: tracker}, tracker.clock, large=0)
    world.feed("deep", a_rule(a_part(Measure.RATIO, by="points", counts=Counts.ALL, of=inner)))
    world.sync()
    setup, now, pages = world._setup(), world.clock(), Leafing(40)
    with world.database.read() as connection:
        told = by_sql(connection, setup, "deep", now, leafing=pages, cache=SharedCache())
        shown = excerpt(connection, setup, "deep", now, leafing=pages, cache=SharedCache())
        answer = explain(connection, setup, "deep", now)
    assert answer is not None
    assert shown == excerpt_of(answer, pages)
    assert (told is not None) is by_facets
