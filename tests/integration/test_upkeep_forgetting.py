"""Forgetting: what is erased is nowhere, comes back with no sync, and no number knows of it."""

import dataclasses
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mapping.rule import Measure
from okrs.ledger import CauseKind, EntryKind
from okrs.work import Kind, State
from store import ledger
from store.database import Database, open_database
from store.forgetting import PLACEHOLDER, digest_of
from store.lookup import called
from store.people import SOMEBODY, person_id
from store.tables import metadata
from store.upkeep import forgetting
from store.upkeep.copying import compact
from store.upkeep.forgetting import forget_names, forget_tickets, names_erasure, tickets_erasure
from store.views.history import history, history_json
from sync import listing, recording
from sync.task import Outcome, Progress
from tests.builders import SOURCE, a_part, a_rule, an_item, where
from tests.integration.fakes import Clock, FakeTracker, World, dump
from tests.integration.moving import answers, exported, imported

SECRET, MIRA, MAIL = "A secret of Mira Ström", "Mira Ström", "mira@acme.example"


@pytest.fixture(params=[50_000, 0], ids=["whole", "facets"])
def world(database: Database, request: pytest.FixtureRequest) -> World:
    """PAY-1 has a secret for a title, and Mira works on it and on PAY-2."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    fields = (("points", "3"), ("Reviewer", MIRA))
    tracker.put(
        "PAY",
        an_item("PAY-1", State.DONE, title=SECRET, fields=fields, assignees=(MIRA, MAIL, "jonas")),
        an_item("PAY-2", State.DONE, assignees=(MIRA,)),
        an_item("PAY-3", title="plain", assignees=("jonas",)),
        an_item("PAY-9", kind=Kind.MILESTONE, title="v1"),
    )
    world = World(database, {SOURCE: tracker}, clock, large=request.param)
    world.feed("kr", a_rule())
    world.feed("points", a_rule(a_part(Measure.SUM, by="points")))
    world.feed("named", a_rule(a_part(where=where(assignee="jonas"))))
    world.sync()
    tracker.change("PAY", "PAY-1", title=f"{SECRET} again")
    world.sync()
    return world


def everything(world: World) -> str:
    """All that stands in any table."""
    return str(dump(world.database, *metadata.sorted_tables))


def forget(world: World, key: str) -> None:
    with world.database.read() as connection:
        tickets = called(connection, key)
    assert tickets
    forget_tickets(world.database, tickets)


def test_title_and_people_of_a_ticket_are_nowhere_and_stay_away(world: World) -> None:
    world.goals.pop("named")
    world.sync()
    before, entries = world.value("kr"), world.entries()
    assert SECRET in everything(world)
    forget(world, "PAY-1")
    assert SECRET not in everything(world)
    assert MAIL not in everything(world)
    assert world.verify().ok
    versions = dump(world.database, metadata.tables["item_version"])
    for full in (False, True):
        assert world.sync(full=full).entries == ()
        assert SECRET not in everything(world)
        assert MAIL not in everything(world)
    assert dump(world.database, metadata.tables["item_version"]) == versions  # what did not change makes no version
    world.trackers[SOURCE].change("PAY", "PAY-1", title=f"{SECRET} for ever", assignees=(MAIL,))
    assert world.sync().sources[0].changed == 1
    assert SECRET not in everything(world)
    assert MAIL not in everything(world)
    assert (world.value("kr"), world.entries()) == (before, entries)
    assert world.verify().ok


def test_every_answer_shows_the_placeholder(world: World) -> None:
    forget(world, "PAY-1")
    world.sync()
    shown = {line.item.key: line.item for line in world.explain("kr").measured.lines}
    assert (shown["PAY-1"].title, shown["PAY-1"].assignees, shown["PAY-1"].url) == (
        PLACEHOLDER, (PLACEHOLDER,), "https://t.example/PAY-1",
    )  # fmt: skip
    assert shown["PAY-1"].fields == (("points", "3"),)  # what no rule asks for was never read
    assert shown["PAY-3"].title == "plain"
    world.trackers[SOURCE].change("PAY", "PAY-1", state=State.TODO, closed_at=None)
    world.sync()
    with world.database.read() as connection:
        told = history_json(history(connection, "kr"))[-1]["causes"]
    assert [(each["key"], each["title"], each["kind"]) for each in told] == [("PAY-1", PLACEHOLDER, "reopened")]


def test_a_rule_that_asks_for_somebody_who_is_forgotten_says_so_and_moves(world: World) -> None:
    with world.database.read() as connection:
        found = tickets_erasure(connection, called(connection, "PAY-1"))
    assert found.selected == ("named",)
    assert (found.versions, found.items, set(found.names)) == (2, 1, {MIRA, MAIL, "jonas"})
    assert set(found.titles) == {SECRET, f"{SECRET} again"}
    forget(world, "PAY-1")
    (entry,) = world.sync().entries
    assert (entry.key_result, [row.cause for row in entry.deltas]) == ("named", [CauseKind.REMOVED])
    assert world.verify().ok


def test_a_milestone_that_a_rule_names_is_told_of(world: World) -> None:
    world.feed("ship", a_rule(a_part(Measure.PERCENT, where=where(milestone="V1"))))
    world.sync()
    with world.database.read() as connection:
        assert tickets_erasure(connection, called(connection, "PAY-9")).planned == ("ship",)
        assert tickets_erasure(connection, called(connection, "PAY-3")).planned == ()


def test_a_name_is_forgotten_everywhere(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "_AT_ONCE", 2)
    with world.database.write() as connection:
        connection.execute(metadata.tables["person"].insert().values(id="p1", name=MIRA))
    with world.database.read() as connection:
        found = names_erasure(connection, ["mira STRÖM", MAIL])
    assert (found.versions, found.items, found.people, set(found.names)) == (3, 2, 1, {MIRA, MAIL})
    forget_names(world.database, ["mira STRÖM", MAIL])
    told = everything(world).replace(SECRET, "")  # a title is none of a person's names
    assert MIRA not in told
    assert MAIL not in told
    assert "jonas" in told
    assert digest_of(MIRA) in told
    with world.database.read() as connection:
        assert names_erasure(connection, [MIRA, MAIL]).versions == 0
        (name,) = connection.exec_driver_sql("SELECT name FROM person").scalars()
    assert name is None
    for _ in range(2):
        world.trackers[SOURCE].change("PAY", "PAY-2", assignees=(MIRA, "new"))
        assert world.sync(full=True).entries == ()
        assert MIRA not in everything(world).replace(SECRET, "")
    assert world.verify().ok


def test_who_did_it_is_somebody_once_forgotten(world: World) -> None:
    with world.database.write() as connection:
        head, state = ledger.lock_head(connection), ledger.state_of(connection, "kr")
        assert state is not None
        draft = ledger.Draft(EntryKind.REJECT, state.value, state.value, state.rule, by=person_id(connection, "Ada"))
        ledger.append(connection, head, "kr", [draft], at=world.clock(), run=None)
    forget_names(world.database, ["ada"])
    with world.database.read() as connection:
        assert history(connection, "kr")[-1].by == SOMEBODY
    assert "Ada" not in everything(world)


def test_what_is_forgotten_stays_so_in_a_database_of_an_export(world: World, tmp_path: Path) -> None:
    forget(world, "PAY-1")
    forget_names(world.database, ["jonas"])
    content = exported(world.database)
    assert SECRET.encode() not in content
    with closing(open_database(f"sqlite:///{tmp_path / 'other.db'}", create=True)) as other:
        imported(other, content)
        moved = dataclasses.replace(world, database=other)
        assert answers(moved)["kr"] == answers(world)["kr"]
        moved.sync(full=True)
        assert SECRET not in everything(moved)
        assert "jonas" not in str(dump(other, metadata.tables["item_version"]))


def test_a_page_that_waits_is_erased_too(world: World) -> None:
    with world.database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO incoming (source, container, id, key, kind, state, children, hash, payload) "
            "SELECT source, '#PAY', item, 'PAY-1', 'issue', 'done', 0, hash, payload FROM item_version "
            "WHERE item = 'id:PAY-1' LIMIT 1"
        )
    forget(world, "PAY-1")
    assert SECRET not in everything(world)


def test_nothing_of_it_is_left_in_the_file(database: Database, database_url: str) -> None:
    if not database.sqlite:
        pytest.skip("PostgreSQL keeps its files to itself")
    tracker = FakeTracker(Clock(), "PAY")
    tracker.put("PAY", *(an_item(f"PAY-{at}", title=f"{SECRET} {at}") for at in range(200)))
    world = World(database, {SOURCE: tracker}, tracker.clock)
    world.sync()
    path = Path(database_url.removeprefix("sqlite:///"))
    files = [path, path.with_name(f"{path.name}-wal")]
    assert any(SECRET.encode() in file.read_bytes() for file in files)
    for at in range(200):
        forget(world, f"PAY-{at}")
    assert compact(database)
    assert not any(SECRET.encode() in file.read_bytes() for file in files if file.exists())


# --- while others write ------------------------------------------------------------------------------------------


class Forgetting(Progress):
    """Forgets PAY-1 in the middle of a read, after its first page."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.times = 0

    def page(self, source: str, container: str, items: int, total: int | None) -> None:
        if not self.times:
            forget(self.world, "PAY-1")
        self.times += 1


@pytest.mark.parametrize("at_once", [1, 1000], ids=["put aside", "held back"])
def test_what_is_forgotten_while_it_is_read_is_not_read_after_all(
    world: World, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """No lease is needed for it: whoever reads commits behind the lock of its source, and looks there."""
    monkeypatch.setattr(listing, "_KEPT_AT_ONCE", at_once)
    tracker = world.trackers[SOURCE]
    tracker.page_size = 1
    tracker.change("PAY", "PAY-1", title=f"{SECRET} for ever", assignees=(MIRA, MAIL))
    tracker.change("PAY", "PAY-3", state=State.DONE, closed_at=world.clock())
    world.clock.forward(minutes=1)
    hand = Forgetting(world)
    report = world.engine(hand).sync(full=True)
    assert hand.times > 1
    assert report.sources[0].state is Outcome.OK
    assert (SECRET in everything(world), MAIL in everything(world)) == (False, False)
    assert world.value("kr") == 3
    entries = world.entries()
    assert world.sync(full=True).entries == ()
    assert (world.entries(), world.verify().ok) == (entries, True)


def test_what_is_forgotten_while_it_is_measured_is_measured_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured by a name that is gone must not be written as if it had been measured after that."""
    tracker = world.trackers[SOURCE]
    tracker.change("PAY", "PAY-3", state=State.DONE, closed_at=world.clock())
    world.read_only()
    write, times = recording._write_some, list[Any]()

    def late(*given: Any) -> Any:
        if not times:
            forget(world, "PAY-3")
        times.append(given)
        return write(*given)

    monkeypatch.setattr(recording, "_write_some", late)
    world.record()
    assert times
    assert [world.value("kr"), world.value("named")] == [3, 1]  # PAY-3 is nobody's any more
    assert 2 not in [each.new for each in world.entries("named")]
    assert world.sync(full=True).entries == ()
    assert world.verify().ok
