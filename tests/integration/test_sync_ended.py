"""Once a cycle is over nothing that happens to tickets moves its numbers, whenever its last day was read."""

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection

from mapping.facets import asked_by
from mapping.family import Seen
from mapping.rule import AllOf, Counts, DoneWhen, Measure, Missing, Not, Part, Window
from okrs.immutable import replace
from okrs.work import State, Step
from store import facets, queries
from store.database import Database, raw
from store.lookup import stood
from tests.builders import BEFORE, QUARTER, SOURCE, WITHIN, a_part, a_rule, an_item, at, shown, where
from tests.integration.fakes import Clock, FakeTracker, World

TODO: Mapping[str, Any] = {"state": State.TODO, "status": "To Do", "resolution": None, "closed_at": None}
LAST_MINUTES = at("2026-12-31T23:55")


def closed_at_last(state: State = State.DONE, status: str = "Done", resolution: str = "Fixed") -> dict[str, Any]:
    return {"state": state, "status": status, "resolution": resolution, "closed_at": LAST_MINUTES}


@pytest.fixture(params=[0, 10**9], ids=["by facets", "whole"])
def world(database: Database, request: pytest.FixtureRequest) -> World:
    """On the last day but one."""
    clock = Clock(at("2026-12-30T09:00"))
    return World(database, {SOURCE: FakeTracker(clock, "PAY")}, clock, large=request.param)


RULES: Mapping[str, Part] = {
    "percent": a_part(Measure.PERCENT, partial=((State.DOING, Decimal("0.5")),)),
    "count": a_part(window=Window.CYCLE),
    "done_when": a_part(done_when=DoneWhen(status=("Done",))),
    "where": a_part(where=where(status="Done"), window=Window.CYCLE),
    "unresolved": a_part(where=AllOf((where(), Not(where(resolution="Fixed")))), counts=Counts.ALL),
}


@pytest.mark.parametrize(
    "change",
    [
        TODO,
        closed_at_last(status="Released"),
        closed_at_last(State.CANCELLED, resolution="Won't Do"),
    ],
    ids=["reopened", "released", "cancelled"],
)
def test_what_was_closed_before_the_end_and_read_after_it_keeps_its_credit(
    world: World, change: Mapping[str, Any]
) -> None:
    tracker = world.trackers[SOURCE]
    tracker.put("PAY", an_item("PAY-1", **TODO))
    for name, part in RULES.items():
        world.feed(name, a_rule(part))
    world.sync()
    world.clock.now = LAST_MINUTES
    tracker.change("PAY", "PAY-1", **closed_at_last())
    world.clock.now = at("2027-01-01T00:05")
    world.sync()
    assert [world.value(name) for name in RULES] == [100, 1, 1, 1, 0]
    world.clock.forward(days=9)
    tracker.change("PAY", "PAY-1", **change)
    world.sync()
    assert [world.value(name) for name in RULES] == [100, 1, 1, 1, 0]


class Life:
    """What may become of tickets."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.tracker, self.dice = world, world.trackers[SOURCE], random.Random(seed)

    def state(self, *closings: Any) -> dict[str, Any]:
        state = self.dice.choice(tuple(State))
        return {
            "state": state,
            "status": self.dice.choice(("To Do", "In Review", "Done", "Released")),
            "resolution": self.dice.choice((None, "Fixed", "Won't Do")) if state.closed else None,
            "closed_at": self.dice.choice(closings) if state.closed else None,
        }

    def change_some(self, share: float, *closings: Any) -> None:
        for each in list(self.tracker.projects["PAY"].items.values()):
            if self.dice.random() < share:
                facts = self.state(*closings)
                if self.dice.random() < 0.3 and each.closed_at in closings:  # only its name is another one
                    facts |= {"state": each.state, "closed_at": each.closed_at, "resolution": each.resolution}
                self.tracker.change("PAY", each.key, **facts)

    def measured(self) -> dict[str, object]:
        found: dict[str, object] = {}
        for name in RULES:
            lines = self.world.explain(name).measured.lines
            found[name] = (self.world.value(name), {line.item.key: shown(line)[:2] for line in lines})
        return found


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_after_the_first_look_behind_the_end_moves_nothing(
    world: World, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facets, "_FEW_MOVED", seed % 2 * 100)
    life = Life(world, seed)
    items = [an_item(f"PAY-{n}", **life.state(BEFORE, WITHIN), created_at=BEFORE) for n in range(40)]
    life.tracker.put("PAY", *items)
    for name, part in RULES.items():
        world.feed(name, a_rule(part))
    world.sync()
    world.clock.now = LAST_MINUTES
    life.change_some(0.6, LAST_MINUTES)
    world.clock.now = at("2027-01-01T00:05")
    world.sync()
    before = life.measured()
    for _ in range(4):
        now = world.clock.forward(days=3)
        assert now >= QUARTER.end
        life.change_some(0.5, now)
        world.sync()
        assert life.measured() == before
    assert world.verify().ok


def test_a_plan_gives_the_reason_that_holds_at_the_end(world: World) -> None:
    """Also where it looks at what moved alone."""
    tracker = world.trackers[SOURCE]
    tracker.put("PAY", an_item("PAY-1", **TODO), an_item("PAY-2", State.DOING, status="In Progress", points="2"))
    half = a_part(Measure.PERCENT, by="points", missing=Missing.ZERO, partial=((State.DOING, Decimal("0.5")),))
    world.feed("kr", a_rule(half))
    world.sync()
    world.sync()
    world.clock.now = at("2027-01-02T09:00")
    world.sync()
    world.clock.forward(days=3)
    tracker.change("PAY", "PAY-2", state=State.DONE, closed_at=world.clock(), fields=(("points", "3"),))
    world.read_only()
    facets.follow(world.database, SOURCE, asked_by([half]), world.large)
    planned = world.plan()["kr"]
    assert [(each.item.key, each.reason) for each in planned.tickets if each.item] == [("PAY-2", None)]


def test_a_history_with_a_former_name_of_a_status_moves_nothing(world: World) -> None:
    """Rules name a status as it is called today."""
    tracker = world.trackers[SOURCE]
    begun = (Step(at("2026-11-01"), State.TODO, "To Do"), Step(at("2026-11-05"), State.DOING, "In Arbeit"))
    tracker.put("PAY", an_item("PAY-1", State.DOING, status="In Progress", history=begun))
    tracker.put("PAY", an_item("PAY-2", State.DOING, status="In Progress", history=begun))
    world.feed("kr", a_rule(a_part(where=where(status="In Progress"), counts=Counts.OPEN)))
    world.feed("times", a_rule(a_part(Measure.CYCLE_TIME, rank=50)))
    world.sync()
    closed = Step(LAST_MINUTES, State.DONE, "Done")
    tracker.change("PAY", "PAY-2", **closed_at_last(), history=(*begun, closed))
    world.clock.now = at("2027-01-02T09:00")
    world.sync()
    assert world.value("kr") == 1, "of PAY-2 the history tells more than was seen before the end"
    now = world.clock.forward(days=3)
    closed = Step(now, State.DONE, "Done")
    tracker.change("PAY", "PAY-1", state=State.DONE, status="Done", closed_at=now, history=(*begun, closed))
    world.sync()
    assert world.value("kr") == 1


def test_the_past_is_read_once_for_all_rules_of_a_cycle(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = world.trackers[SOURCE]
    tracker.put("PAY", an_item("PAY-1", **TODO), an_item("PAY-2", **TODO))
    for name in ("a", "b", "c"):
        world.feed(name, a_rule(a_part(Measure.PERCENT)))
    world.feed("short", a_rule(a_part(Measure.PERCENT), period=replace(QUARTER, end=QUARTER.end - timedelta(days=7))))
    world.sync()
    world.clock.now = at("2027-01-02T09:00")
    world.sync()
    asked: list[datetime] = []

    def spied(connection: Connection, name: str, ids: Iterable[str], end: datetime) -> dict[str, Seen]:
        asked.append(end)
        return stood(connection, name, ids, end)

    monkeypatch.setattr(queries, "stood", spied)
    for state in (State.DOING, State.DONE):
        asked.clear()
        now = world.clock.forward(days=1)
        tracker.change("PAY", "PAY-1", state=state, closed_at=now if state.closed else None)
        world.sync()
        assert sorted(asked) == [QUARTER.end - timedelta(days=7), QUARTER.end]
        assert [world.value(name) for name in ("a", "short")] == [0, 0]


@pytest.mark.parametrize("moved", [1, 5])
def test_who_moved_since_the_end_is_looked_for_once(world: World, monkeypatch: pytest.MonkeyPatch, moved: int) -> None:
    """Whoever asks how far items are of a large source looks for those that stood otherwise."""
    monkeypatch.setattr(facets, "_FEW_MOVED", 3)
    tracker = world.trackers[SOURCE]
    tracker.put("PAY", *(an_item(f"PAY-{n}", State.DOING, labels=("a", "b")) for n in range(8)))
    rule = a_rule(a_part(where=where(state="doing", label="a"), counts=Counts.ALL))
    world.feed("kr", rule)
    world.sync()
    world.clock.now = at("2027-01-02T09:00")
    for n in range(moved):
        tracker.change("PAY", f"PAY-{n}", **TODO)
    world.sync()
    facets.follow(world.database, SOURCE, asked_by(rule.parts), large=0)
    asked: list[str] = []

    def spied(connection: Connection, text: str, values: Sequence[object] = ()) -> Any:
        asked.append(text)
        return raw(connection, text, values)

    monkeypatch.setattr(facets, "raw", spied)
    with world.database.read() as connection:
        index = facets.index_of(connection, SOURCE)
        assert index is not None
        for label in ("a", "b", "c"):
            each = a_rule(a_part(where=where(state="doing", label=label)))
            found = facets.chosen(connection, index, each, world.clock())
            assert found is not None
            assert len(found) == (0 if label == "c" else 8)
    scans = sum("FROM item WHERE" in text and "UNION" in text for text in asked)
    others = sum("FROM item WHERE" in text and "UNION" not in text for text in asked)
    assert (scans, others) == ((1, 0) if moved == 1 else (1, 2)), "nobody ever had the label c"
