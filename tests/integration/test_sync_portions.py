"""Of a large mirror only what moved is looked at, and only by the key results that it concerns."""

from decimal import Decimal
from typing import Any

import pytest

import sync.recording
from mapping.facets import asked_of
from mapping.rule import AllOf, Combine, Counts, Measure, Missing, Not, Scope
from okrs.immutable import replace
from okrs.ledger import CauseKind
from okrs.work import Kind, Ref, State
from store import facets, ledger
from store.database import Database
from store.readiness import Snapshot
from sync.deciding import Goal, Verdict
from sync.task import Progress, SourceReport
from sync.watching import Portion
from tests.builders import SOURCE, WITHIN, a_part, a_rule, an_item, where
from tests.integration.fakes import Clock, FakeTracker, World

DONE: dict[str, Any] = {"state": State.DONE, "closed_at": WITHIN}


class Spy:
    """Which key results were judged, and by what."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.judged: dict[str, Portion | None] = {}
        judge = sync.recording.judge

        def spied(snapshot: Snapshot, goal: Goal, *rest: Any, portion: Portion | None) -> Verdict:
            self.judged[goal.key_result.id] = portion
            return judge(snapshot, goal, *rest, portion=portion)

        monkeypatch.setattr(sync.recording, "judge", spied)


@pytest.fixture
def world(database: Database) -> World:
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", an_item("E-1", kind=Kind.EPIC), an_item("E-2", kind=Kind.EPIC))
    tracker.put("PAY", an_item("E-3", kind=Kind.EPIC, parent=Ref("id:E-1", "E-1")))
    for number in range(1, 7):
        label = "a" if number <= 3 else "b"
        tracker.put("PAY", an_item(f"PAY-{number}", labels=(label,), parent=Ref("id:E-3", "E-3")))
    world = World(database, {SOURCE: tracker}, clock, large=0)
    for label in ("a", "b"):
        world.feed(label, a_rule(a_part(where=where(label=label))))
    world.feed("epic", a_rule(a_part(Measure.PERCENT, where=where(epic="E-1"))))
    world.sync()
    return world


@pytest.fixture
def spy(world: World, monkeypatch: pytest.MonkeyPatch) -> Spy:
    return Spy(monkeypatch)


def values(world: World, *names: str) -> list[Decimal | None]:
    return [world.value(name) for name in names]


def generations(world: World) -> dict[str, int]:
    with world.database.read() as connection:
        return {name: state.generations[SOURCE] for name, state in ledger.states(connection).items()}


def causes(world: World, name: str) -> list[tuple[CauseKind, str]]:
    return [(row.cause, row.item) for row in world.entries(name)[-1].deltas]


def test_a_ticket_is_looked_at_by_the_key_results_it_concerns_and_by_no_other(world: World, spy: Spy) -> None:
    before = generations(world)
    world.trackers[SOURCE].change("PAY", "PAY-1", **DONE)
    world.sync()
    assert spy.judged.keys() == {"a", "epic"}
    assert all(portion is not None and portion.touched[SOURCE].ids == {"id:PAY-1"} for portion in spy.judged.values())
    assert values(world, "a", "b") == [1, 0]
    assert causes(world, "a") == [(CauseKind.CLOSED, "id:PAY-1")]
    after = generations(world)
    assert set(after.values()) == {after["a"]} != set(before.values())  # nobody asks again of what is of no concern


def test_who_leaves_a_selection_is_missed_by_it(world: World, spy: Spy) -> None:
    world.trackers[SOURCE].change("PAY", "PAY-1", **DONE)
    world.trackers[SOURCE].change("PAY", "PAY-2", **DONE)
    world.sync()
    spy.judged.clear()
    world.trackers[SOURCE].change("PAY", "PAY-1", labels=("b",))
    world.sync()
    assert spy.judged["a"] is not None
    assert spy.judged["b"] is not None
    assert values(world, "a", "b") == [1, 1]
    assert causes(world, "a") == [(CauseKind.REMOVED, "id:PAY-1")]


def test_whoever_rests_on_what_moved_is_looked_at_too(world: World, spy: Spy) -> None:
    """The epic between them moves to another one; the tickets below it say what they always said."""
    world.trackers[SOURCE].change("PAY", "PAY-1", **DONE)
    world.sync()
    assert world.value("epic") is not None
    spy.judged.clear()
    world.trackers[SOURCE].change("PAY", "E-3", parent=Ref("id:E-2", "E-2"))
    world.sync()
    assert spy.judged["epic"] is not None
    assert world.value("epic") == 0
    assert sorted(item for _, item in causes(world, "epic")) == [f"id:PAY-{number}" for number in range(1, 7)]


def test_nothing_is_judged_where_nothing_moved(world: World, spy: Spy) -> None:
    world.sync()
    assert spy.judged == {}


def test_a_scope_that_is_frozen_keeps_whom_its_clause_selects_no_more(world: World, spy: Spy) -> None:
    world.feed("frozen", a_rule(a_part(counts=Counts.ALL, where=where(label="a"), scope=Scope.FROZEN)))
    world.sync()
    assert world.value("frozen") == 3
    world.trackers[SOURCE].change("PAY", "PAY-1", labels=())
    world.sync()
    assert spy.judged["frozen"] is not None
    assert world.value("frozen") == 3
    world.clock.forward(days=50)  # beyond the end of the cycle, which is looked at as a whole
    world.sync()
    assert spy.judged.get("frozen", "not at all") is None
    assert world.value("frozen") == 3


def test_a_changed_rule_is_measured_by_all_items(world: World, spy: Spy) -> None:
    world.feed("a", a_rule(a_part(where=where(label="b"))))
    world.trackers[SOURCE].change("PAY", "PAY-4", **DONE)
    world.record()
    assert spy.judged == {"a": None}
    world.sync()
    assert spy.judged["a"] is not None
    assert world.value("a") == 1


def test_what_a_run_that_was_killed_did_not_record_is_not_lost(world: World, spy: Spy) -> None:
    world.trackers[SOURCE].change("PAY", "E-3", parent=None)
    world.read_only()
    world.trackers[SOURCE].change("PAY", "PAY-1", **DONE)
    world.sync()
    assert spy.judged.keys() >= {"a", "epic"}
    assert world.value("epic") == 0
    assert values(world, "a") == [1]
    assert world.verify().ok


def test_progress_hears_of_the_index_and_of_the_key_results(database: Database) -> None:
    heard: list[tuple[object, ...]] = []

    class Watching(Progress):
        def indexed(self, source: str, items: int, total: int) -> None:
            heard.append((source, items, total))

        def measured(self, key_results: int, total: int) -> None:
            heard.append((key_results, total))

    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", an_item("PAY-1", labels=("a",)), an_item("PAY-2"))
    world = World(database, {SOURCE: tracker}, clock, large=0)
    for label in ("a", "b", "c"):
        world.feed(label, a_rule(a_part(where=where(label=label))))
    world.engine(Watching()).sync()
    assert (SOURCE, 2, 2) in heard
    assert heard[-1] == (3, 3)


@pytest.mark.parametrize("large", [0, 10**9], ids=["by facets", "whole"])
@pytest.mark.parametrize("kind", [Kind.EPIC, Kind.MILESTONE])
@pytest.mark.parametrize("edited", [False, True])
def test_what_comes_back_has_those_below_it_again(database: Database, kind: Kind, large: int, edited: bool) -> None:
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", an_item("A-1", kind=Kind.EPIC))
    tracker.put("PAY", an_item("B-1", kind=kind, title="v1", parent=Ref("id:A-1", "A-1")))
    below: dict[str, Any] = {"parent": Ref("id:B-1", "B-1")} if kind is Kind.EPIC else {"milestones": ("id:B-1",)}
    tracker.put("PAY", an_item("PAY-1", **DONE, **below), an_item("PAY-2", **below))
    world = World(database, {SOURCE: tracker}, clock, large=large)
    world.feed("kr", a_rule(a_part(where=where(epic="A-1") if kind is Kind.EPIC else where(milestone="v1"))))
    world.sync()
    gone = tracker.drop("PAY", "B-1")
    tracker.deleted.add(gone.id)
    clock.forward(days=1, minutes=1)
    world.sync(full=True)
    assert world.value("kr") == 0
    tracker.deleted.clear()
    tracker.put("PAY", replace(gone, url="https://t.example/elsewhere") if edited else gone)
    clock.forward(minutes=1)
    world.sync(full=True)
    assert world.value("kr") == 1


AFTER_THE_END = {
    "state": a_part(Measure.COUNT, where=where(state="doing"), counts=Counts.ALL),
    "status": a_part(Measure.COUNT, where=where(status="In Review"), counts=Counts.ALL),
    "unresolved": a_part(where=AllOf((where(label="b"), Not(where(resolution="Fixed")))), counts=Counts.ALL),
    "half": a_part(Measure.PERCENT, partial=((State.DOING, Decimal("0.5")),)),
    "done": a_part(Measure.COUNT, where=where(state="done")),
}


def test_what_happens_after_the_end_of_a_cycle_moves_nothing(world: World, spy: Spy) -> None:
    tracker = world.trackers[SOURCE]
    tracker.change("PAY", "PAY-1", state=State.DOING, status="In Review")
    tracker.change("PAY", "PAY-2", state=State.DOING, status="In Progress")
    tracker.change("PAY", "PAY-3", **DONE)
    for name, part in AFTER_THE_END.items():
        world.feed(name, a_rule(part))
    world.sync()
    before = values(world, *AFTER_THE_END)
    assert before[:3] == [2, 1, 3]
    world.clock.forward(days=50)
    world.sync()
    assert values(world, *AFTER_THE_END) == before
    spy.judged.clear()
    closed = {"state": State.DONE, "status": "Done", "resolution": "Fixed", "closed_at": world.clock()}
    for changes in ({"state": State.TODO, "status": "In Review"}, closed, {"state": State.TODO, "status": "To Do"}):
        for number in range(1, 7):
            tracker.change("PAY", f"PAY-{number}", **{"closed_at": None, "resolution": None, **changes})
        world.sync()
        assert values(world, *AFTER_THE_END) == before
        assert world.verify().ok
    assert all(spy.judged[name] is not None for name in AFTER_THE_END)


def test_facets_that_another_run_makes_anew_meanwhile_move_nothing(database: Database) -> None:
    """Terms have other numbers then, though the source's generation is the same."""
    clock = Clock()
    tracker, other = FakeTracker(clock, "PAY"), FakeTracker(clock, "WEB")
    tracker.put("PAY", *(an_item(f"PAY-{n}", labels=("a",) if n < 3 else ("b",), type="Bug", **DONE) for n in range(5)))
    other.put("WEB", an_item("WEB-1"))
    world = World(database, {SOURCE: tracker, "web": other}, clock, large=0)
    whole = a_part(Measure.SUM, source="web", by="points", missing=Missing.MEAN)  # nothing is measured by a portion
    for label in ("a", "b"):
        world.feed(label, a_rule(a_part(where=where(label=label)), whole, combine=Combine.MAX))
    world.sync()
    world.feed("a", a_rule(a_part(where=where(label="a")), whole, combine=Combine.SUM))
    other.change("WEB", "WEB-1", **DONE)

    class Meanwhile(Progress):
        def done(self, report: SourceReport) -> None:
            asked = asked_of([where(type="Bug"), where(label="a")])
            facets.follow(database, SOURCE, asked, large=0)

    clock.forward(minutes=1)
    world.engine(Meanwhile()).sync()
    assert values(world, "a", "b") == [3, 2]
    assert world.verify().ok
