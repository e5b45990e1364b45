"""Findings of a review about what a plan says of the next read."""

from store.database import Database
from sync.lacking import next_reads
from tests.builders import SOURCE, a_part, a_rule, an_item
from tests.integration.fakes import Clock, FakeTracker, Project, World


def reads(world: World) -> object:
    with world.database.read() as connection:
        return next_reads(connection, world.engine().sources)


def made(database: Database) -> World:
    clock = Clock()
    tracker = FakeTracker(clock, "PAY", "OPS")
    tracker.put("PAY", an_item("PAY-1"))
    world = World(database, {SOURCE: tracker}, clock)
    world.feed("kr", a_rule(a_part()))
    return world


def test_a_container_that_cannot_be_read_is_not_a_change_of_the_config_for_ever(database: Database) -> None:
    world = made(database)
    world.trackers[SOURCE].projects["OPS"].hidden = True
    for _ in range(3):
        world.sync()
    assert reads(world) == ()


def test_a_container_under_its_new_name_neither_leaves_nor_comes(database: Database) -> None:
    """It was renamed in the tracker, which was read, and the config follows."""
    world = made(database)
    tracker = world.trackers[SOURCE]
    tracker.projects["PAY"].called = "PAYMENTS"
    world.sync()
    held = tracker.projects.pop("PAY")
    tracker.projects["PAYMENTS"] = Project(held.id, "PAYMENTS", held.items)
    assert reads(world) == ()
    world.sync(full=True)
    assert reads(world) == ()
