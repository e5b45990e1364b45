"""Where an entry comes from: the run, who read its sources, and the text of its rule."""

from sqlalchemy import select, text

from connectors.contract import CredentialsRefused
from mapping.codec import rule_hash
from mapping.rule import Measure
from okrs.immutable import replace
from okrs.work import State
from store.database import Database
from store.tables import run_source
from store.views.history import history, history_json
from sync.engine import Engine
from tests.builders import a_part, a_rule, an_item
from tests.integration.fakes import Clock, FakeTracker, World


def a_world(database: Database) -> World:
    clock = Clock()
    trackers = {name: FakeTracker(clock, "PAY") for name in ("one", "two")}
    for tracker in trackers.values():
        tracker.put("PAY", an_item("PAY-1"), an_item("PAY-2", State.DONE))
    world = World(database, trackers, clock)
    world.feed("kr1", a_rule(a_part(Measure.COUNT, source="one")))
    world.feed("kr2", a_rule(a_part(Measure.COUNT, source="two")))
    return world


def upgraded(world: World, version: str) -> Engine:
    """An engine whose connectors have another version."""
    world.clock.forward(minutes=1)
    engine = world.engine()
    return replace(engine, sources=[replace(each, version=version) for each in engine.sources])


def documents(world: World, name: str) -> list[dict[str, object]]:
    with world.database.read() as connection:
        return history_json(history(connection, name))


def test_an_entry_leads_to_its_run_its_source_s_connector_and_its_rule(database: Database) -> None:
    world = a_world(database)
    run = world.sync().run
    (entry,) = documents(world, "kr1")
    assert entry["run"] == run
    assert entry["headway_version"] == "test"
    assert entry["sources"] == [{"name": "one", "connector": "fake", "version": "1.2", "run": run}]
    assert rule_hash(str(entry["rule_text"])) == entry["rule"]


def test_what_was_read_by_an_earlier_run_is_told_of_that_run(database: Database) -> None:
    world = a_world(database)
    first = world.sync().run
    world.trackers["one"].change("PAY", "PAY-1", state=State.DONE)
    second = upgraded(world, "2.0").sync(only=["one"]).run
    world.feed("kr2", a_rule(a_part(Measure.PERCENT, source="two")))
    third = upgraded(world, "2.0").sync(only=["one"]).run
    assert documents(world, "kr1")[-1]["sources"] == [
        {"name": "one", "connector": "fake", "version": "2.0", "run": second}
    ]
    last = documents(world, "kr2")[-1]
    assert (last["kind"], last["run"]) == ("rule", third)
    assert last["sources"] == [{"name": "two", "connector": "fake", "version": "1.2", "run": first}]


def test_a_read_that_was_refused_brought_nothing(database: Database) -> None:
    world = a_world(database)
    first = world.sync().run
    world.trackers["one"].refuses = CredentialsRefused("no")
    world.feed("kr1", a_rule(a_part(Measure.PERCENT, source="one")))
    upgraded(world, "2.0").sync()
    assert documents(world, "kr1")[-1]["sources"] == [
        {"name": "one", "connector": "fake", "version": "1.2", "run": first}
    ]
    with database.read() as connection:
        states = connection.execute(select(run_source.c.source, run_source.c.version, run_source.c.state)).all()
    assert sorted(states) == [
        ("one", "1.2", "ok"), ("one", "2.0", "unauthenticated"), ("two", "1.2", "ok"), ("two", "2.0", "ok"),
    ]  # fmt: skip


def test_entries_from_before_anybody_kept_it_are_shown_all_the_same(database: Database) -> None:
    world = a_world(database)
    world.sync()
    with database.write() as connection:
        connection.execute(text("DELETE FROM run_source"))
        connection.execute(text("DELETE FROM run"))
        connection.execute(text("UPDATE rule SET text = 'not a rule'"))
    (entry,) = documents(world, "kr1")
    assert entry["headway_version"] is None
    assert entry["sources"] == [{"name": "one", "connector": None, "version": None, "run": None}]
    assert world.sync().entries == ()
