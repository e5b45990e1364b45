"""Each case from end to end, on SQLite and PostgreSQL: a tracker is read, the engine records, `explain` explains.

Once the mirror is read whole, as small ones are, and once through facets, so that rules are asked by SQL.
"""

import pytest

from mapping.demand import demand_of
from store import facets, mirror, queries, sources
from store.aside import rows_of
from store.database import Database
from store.mirror import Reach, Read
from sync.deciding import Goal
from tests.builders import NOBODY_ASKED
from tests.cases.scenes import BOXES, KEY_RESULT, Scene, missed
from tests.cases.tables import Table, tables
from tests.integration.fakes import Clock, FakeTracker, World, emptied


@pytest.mark.parametrize("large", [facets.LARGE, 1], ids=["whole", "facets"])
@pytest.mark.parametrize("table", tables(), ids=str)
def test_what_is_recorded_is_what_the_table_says(shared_database: Database, table: Table, large: int) -> None:
    world = World(emptied(shared_database), {}, Clock(), large=large)
    for number, scene in enumerate(table.scenes):
        run(world, scene)
        explained = world.explain(KEY_RESULT).measured.lines
        assert missed(scene, world.value(KEY_RESULT), explained) == [], f"scene {number}"
        assert indexed(world, scene) == (large == 1 and scene.items != ()), f"scene {number}"
    assert world.verify().ok


def run(world: World, scene: Scene) -> None:
    """Let the mirror be as the scene tells, and the engine record at its time."""
    world.clock.now = scene.now
    world.goals = {KEY_RESULT: Goal(scene.config.key_results[0], scene.rule, scene.config.calendar, NOBODY_ASKED)}
    world.containers = {name: scene.config.sources[name].container_names for name in scene.rule.sources}
    world.trackers = {name: FakeTracker(world.clock, *names) for name, names in world.containers.items()}
    for name in world.trackers:
        read(world.database, scene, name)
    world.record()


def read(database: Database, scene: Scene, name: str) -> None:
    """Put the items of a source into the mirror, as a complete read does."""
    lease = sources.acquire(database, name, scene.now)
    assert lease is not None
    demand = demand_of(scene.rule, name)
    for box, _ in (BOXES[each] for each in scene.config.sources[name].container_names):
        items = [each.item for each in scene.items if each.source == name and each.box == box.name]
        mirror.gather(database, lease, box, rows_of(lease.source, box.id, items), scene.now)
        mirror.take(database, lease, [Read(box, Reach(demand, scene.now, complete=True))], scene.now)
    for text in demand.queries:
        found = scene.queries.get(name, {}).get(text, frozenset())
        queries.replace_hits(database, lease, text, found, scene.now)
    sources.release(database, lease, scene.now, "ok", None)


def indexed(world: World, scene: Scene) -> bool:
    """Tell whether facets are kept of the sources; those without items are small whatever is large."""
    with world.database.read() as connection:
        kept = {facets.index_of(connection, name) is not None for name in {each.source for each in scene.items}}
    assert len(kept) <= 1
    return kept == {True}
