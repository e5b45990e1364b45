"""The history of a key result as PROV, of a real ledger on both databases."""

import json

from prov.model import ProvDocument

from mapping.rule import Measure
from okrs.work import State
from store.database import Database
from store.views.prov import provenance
from tests.builders import SOURCE, a_part, a_rule, an_item
from tests.integration.fakes import Clock, FakeTracker, World


def test_every_entry_every_version_and_every_run_is_in_it(database: Database) -> None:
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put(
        "PAY", an_item("PAY-1"), an_item("PAY-2", State.DONE), an_item("PAY-3", State.DONE, title="=1+1\x1b[2J")
    )
    world = World(database, {SOURCE: tracker}, clock)
    world.feed("kr1", a_rule())
    world.feed("kr2", a_rule(a_part(Measure.PERCENT)))
    runs = [world.sync().run]
    tracker.change("PAY", "PAY-1", state=State.DONE, closed_at=clock())
    runs.append(world.sync().run)
    world.feed("kr1", a_rule(a_part(Measure.PERCENT)))
    runs.append(world.sync().run)
    world.sync()
    with database.read() as connection:
        written = provenance(connection, "kr1")
        assert json.dumps(provenance(connection, "kr1")) == json.dumps(written)
    entries = world.entries("kr1")
    assert [each.run for each in entries] == runs
    entities = written["entity"]
    assert {entities[name]["headway:hash"] for name in entities if "/value/" in f"/{name[8:]}"} == {
        each.hash for each in entries
    }
    versions = {(row.item, row.version) for each in entries for row in each.deltas}
    counted = [each for each in entities.values() if "headway:version" in each]
    assert {(each["headway:id"], each["headway:version"]) for each in counted} == versions
    assert {each["prov:label"] for each in counted} == {"PAY-1", "PAY-2", "PAY-3"}
    assert {entities[name]["prov:value"] for name in entities if name.startswith("headway:rule/")} == set(
        _rule_texts(world)
    )
    assert list(written["activity"]) == [f"headway:run/{run}" for run in runs]
    assert all({"prov:startTime", "prov:endTime"} <= set(each) for each in written["activity"].values())
    assert set(written["agent"]) == {"headway:software/test", "headway:connector/fake/1.2"}
    assert len(written["wasGeneratedBy"]) == len(entries) == 3
    text = json.dumps(written)
    found = ProvDocument.deserialize(content=text, format="json")
    again = found.serialize(format="json")
    assert again is not None
    assert ProvDocument.deserialize(content=again, format="json") == found


def _rule_texts(world: World) -> list[str]:
    with world.database.read() as connection:
        return list(connection.exec_driver_sql("SELECT text FROM rule").scalars())


def test_a_key_result_without_entries_has_an_empty_document(database: Database) -> None:
    with database.read() as connection:
        assert set(provenance(connection, "kr1")) == {"prefix"}
