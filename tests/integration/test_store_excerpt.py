"""What a page shows of a key result is what `explain` says of it, whatever happened before, and mostly by SQL."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from mapping.codec import parse_rule
from mapping.rule import Rule
from okrs.guard import Guard
from store import facets, ledger
from store.cache import SharedCache
from store.database import Database
from store.drawing import draws
from store.holds import hold_of
from store.views.excerpt import Excerpt, Leafing, by_sql, excerpt, excerpt_of
from store.views.explain import explain
from tests.builders import NOBODY_ASKED, QUARTER, where
from tests.integration.fakes import Clock, FakeTracker, World
from tests.integration.readings import emptied
from tests.integration.test_store_totals import estimated, plain_rules
from tests.integration.test_sync_planning import EVERYTHING, put
from tests.unit.test_mapping_laws import KEYS, NAMES, SOURCES, Mirror, rules

STRICT = Guard(Decimal(1), share=Decimal("0.1"))
"""Nearly everything waits for a person."""

IDS = ("a", "b")


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


@settings(max_examples=120, deadline=None)
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
        for name, asked in world.engine()._asked.items():
            facets.follow(world.database, name, asked.facets, world.large)
    clock.forward(days=life.days)
    agree(world, leafing, cache)


def agree(world: World, leafing: Leafing, cache: SharedCache) -> None:
    """Hold what is shown against what is explained, and by which way it was found."""
    setup, now = world._setup(), world.clock()
    with world.database.read() as connection:
        for name in world.goals:

            def shown(name: str = name) -> Excerpt | None:
                return excerpt(connection, setup, name, now, leafing=leafing, cache=cache)

            def explained(name: str = name) -> Excerpt | None:
                answer = explain(connection, setup, name, now, cache)
                return None if answer is None else excerpt_of(answer, leafing)

            assert outcome(shown) == outcome(explained)
            if isinstance(outcome(shown), Excerpt):
                told = by_sql(connection, setup, name, now, leafing=leafing, cache=cache)
                state, hold = ledger.state_of(connection, name), hold_of(connection, name)
                rule = parse_rule(ledger.rule_text_of(connection, state.rule)) if state else None
                plain = state is not None and rule is not None and draws(rule) and state.measured_at < rule.period.end
                assert (told is not None) == (plain and (hold is None or hold.rejected))


def outcome(ask: Callable[[], Excerpt | None]) -> Excerpt | type[ArithmeticError] | None:
    try:
        return ask()
    except ArithmeticError as error:  # absurd estimates
        return type(error)
