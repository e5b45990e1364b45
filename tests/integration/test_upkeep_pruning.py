"""Pruning: the ledger and whatever is measured next know nothing of it."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from mapping.rule import Counts
from okrs.cycle import Period
from okrs.work import State
from store.database import Database, open_database
from store.tables import item_version, ledger_delta, run, run_source
from store.upkeep import pruning
from store.upkeep.pruning import Pruned, prune
from store.views.history import history, history_json
from tests.builders import SOURCE, a_part, a_rule, an_item, at, where
from tests.integration.fakes import Clock, FakeTracker, World, dump, emptied
from tests.integration.moving import STEPS, a_world, answers, live


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, Database]]:
    folder = tmp_path_factory.mktemp("twins")
    with (
        closing(open_database(f"sqlite:///{folder / 'one.db'}", create=True)) as one,
        closing(open_database(f"sqlite:///{folder / 'other.db'}", create=True)) as other,
    ):
        yield one, other


def pruned(world: World, days: float = 0, *, dry_run: bool = False) -> Pruned:
    before = world.clock() - timedelta(days=days)
    return prune(world.database, before, lambda _done, _total: None, dry_run=dry_run)


def told(world: World) -> list[Any]:
    """The ledger without what tells one database from another."""
    return [(each.key_result, each.kind, each.old, each.new, each.deltas) for each in world.entries()]


@settings(max_examples=12)
@given(STEPS, STEPS)
def test_a_pruned_database_goes_on_like_its_twin(
    twins: tuple[Database, Database], steps: list[tuple[str, str]], more: list[tuple[str, str]]
) -> None:
    one, other = (a_world(emptied(each)) for each in twins)
    for world in (one, other):
        live(world, steps)
    before = answers(one)
    pruned(one)
    assert answers(one) == before
    assert one.verify().ok
    assert pruned(one).versions == 0
    for world in (one, other):
        live(world, more)
    assert told(one) == told(other)


def several(database: Database, **terms: Any) -> World:
    """PAY-1 has ten titles, and then is done."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", an_item("PAY-1"), an_item("PAY-2"))
    world = World(database, {SOURCE: tracker}, clock)
    world.feed("kr", a_rule(**terms))
    world.sync()
    for number in range(10):
        clock.forward(days=1)
        tracker.change("PAY", "PAY-1", title=f"Title {number}")
        world.sync()
    return world


def test_what_it_says_would_go_goes(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "_AT_ONCE", 3)
    world = several(database)
    assert len(dump(database, item_version)["item_version"]) == 12
    foreseen = pruned(world, dry_run=True)
    assert len(dump(database, item_version)["item_version"]) == 12
    assert pruned(world) == foreseen
    assert (foreseen.versions, foreseen.runs) == (9, 9)
    assert foreseen.size > 9 * 100
    kept = dump(database, item_version)["item_version"]
    named = {(row[3], row[4], row[5]) for row in dump(database, ledger_delta)["ledger_delta"]}
    assert named <= {(row[0], row[1], row[4]) for row in kept}
    assert len(kept) == 3
    assert world.verify().ok
    assert world.sync().entries == ()


def test_only_what_is_older_goes(database: Database) -> None:
    world = several(database)
    assert pruned(world, days=5.5).versions == 3  # the ledger names the first one
    assert pruned(world, days=100).versions == 0


def test_who_read_before_an_entry_is_still_told(database: Database) -> None:
    world = several(database)
    world.trackers[SOURCE].change("PAY", "PAY-1", state=State.DONE, closed_at=world.clock())
    world.sync()
    with database.read() as connection:
        before = history_json(history(connection, "kr"))
    world.clock.forward(days=1)
    pruned(world)
    with database.read() as connection:
        assert history_json(history(connection, "kr")) == before
    kept = {row[0] for row in dump(database, run)["run"]}
    assert kept == {row[1] for row in dump(database, run_source)["run_source"]} == {each["run"] for each in before}


def test_a_cycle_that_is_over_is_measured_as_before(database: Database) -> None:
    """What PAY-2 was at the end decides for ever; no row of the ledger names that version, for it never counted."""
    clock = Clock(at("2026-11-20T09:00"))
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", an_item("PAY-1", State.DOING), an_item("PAY-2"))
    world = World(database, {SOURCE: tracker}, clock)
    ended = Period(at("2026-10-01"), at("2026-12-01"))
    world.feed("kr", a_rule(a_part(where=where(state="doing"), counts=Counts.OPEN), period=ended))
    world.sync()
    later: dict[str, dict[str, Any]] = {
        "2026-12-05": {"state": State.DOING},
        "2027-05-01": {"title": "Again"},
        "2027-06-01": {"title": "And again"},
    }
    for moment, facts in later.items():
        clock.now = at(moment)
        tracker.change("PAY", "PAY-2", **facts)
        assert world.sync().entries == ()
    assert world.value("kr") == 1
    assert pruned(world).versions == 1
    tracker.change("PAY", "PAY-2", title="For ever")
    assert world.sync().entries == ()
    assert world.value("kr") == 1
    assert world.verify().ok
