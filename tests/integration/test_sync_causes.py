"""Every change names its tickets and says rightly what became of them, from the tracker to the history."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from mapping.rule import AllOf, Cancelled, Counts, LastDays, Measure, Moment, Part, Window, Within
from okrs.ledger import EntryKind, causes
from okrs.work import State
from store.database import Database
from store.facets import LARGE
from store.views.history import history, history_json
from tests.builders import BEFORE, SOURCE, a_part, a_rule, an_item, at, where
from tests.integration.fakes import Clock, FakeTracker, World

Change = Callable[[FakeTracker], object]

EDITS = {"state": State.TODO, "closed_at": None}


def done(clock: Clock) -> dict[str, object]:
    return {"state": State.DONE, "closed_at": clock()}


@pytest.fixture
def world(database: Database) -> World:
    """PAY-1 is open (3 points), PAY-2 done (5), PAY-3 cancelled (8), PAY-4 open without an estimate; OPS has one."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY", "OPS")
    tracker.put("PAY", an_item("PAY-1", points="3"), an_item("PAY-2", State.DONE, points="5"))
    tracker.put("PAY", an_item("PAY-3", State.CANCELLED, points="8"), an_item("PAY-4"))
    tracker.put("OPS", an_item("OPS-1"))
    clock.forward(hours=1)
    return World(database, {SOURCE: tracker}, clock)


COUNT = a_part(where=where(project="PAY"))
PERCENT = a_part(Measure.PERCENT, where=where(project="PAY"))
POINTS = a_part(Measure.SUM, where=where(project="PAY"), by="points")
LABELLED = a_part(where=where(project="PAY", label="x"), counts=Counts.ALL)
ALL = a_part(where=where(project="PAY"), counts=Counts.ALL)
OPEN = a_part(where=where(project="PAY"), counts=Counts.OPEN)
IN_CYCLE = a_part(where=where(project="PAY"), window=Window.CYCLE)


@pytest.mark.parametrize(
    ("part", "change", "expected"),
    [
        (COUNT, lambda t: t.change("PAY", "PAY-1", **done(t.clock)), [("closed", "PAY-1", "1")]),
        (OPEN, lambda t: t.change("PAY", "PAY-1", **done(t.clock)), [("closed", "PAY-1", "-1")]),
        (COUNT, lambda t: t.change("PAY", "PAY-2", **EDITS), [("reopened", "PAY-2", "-1")]),
        (COUNT, lambda t: t.put("PAY", an_item("PAY-9", State.DONE)), [("closed", "PAY-9", "1")]),
        (
            PERCENT,  # 1 of 3, then 1 of 4, then 2 of 4
            lambda t: t.put("PAY", an_item("PAY-9", State.DONE)),
            [("added", "PAY-9", "-8.333333"), ("closed", "PAY-9", "25")],
        ),
        (PERCENT, lambda t: t.put("PAY", an_item("PAY-9")), [("added", "PAY-9", "-8.333333")]),
        (COUNT, lambda t: t.change("PAY", "PAY-2", state=State.CANCELLED), [("cancelled", "PAY-2", "-1")]),
        (PERCENT, lambda t: t.change("PAY", "PAY-1", state=State.CANCELLED), [("cancelled", "PAY-1", "16.666667")]),
        (PERCENT, lambda t: t.change("PAY", "PAY-3", **EDITS), [("reopened", "PAY-3", "-8.333333")]),
        (POINTS, lambda t: t.change("PAY", "PAY-2", fields=(("points", "2"),)), [("re_estimated", "PAY-2", "-3")]),
        (POINTS, lambda t: t.change("PAY", "PAY-2", fields=()), [("re_estimated", "PAY-2", "-5")]),
        (
            POINTS,
            lambda t: t.change("PAY", "PAY-1", fields=(("points", "4"),), **done(t.clock)),
            [("closed", "PAY-1", "3"), ("re_estimated", "PAY-1", "1")],
        ),
        (COUNT, lambda t: t.move("PAY-2", "PAY", "OPS"), [("moved", "PAY-2", "-1")]),
        (ALL, lambda t: t.move("OPS-1", "OPS", "PAY"), [("moved", "OPS-1", "1")]),
        (LABELLED, lambda t: t.change("PAY", "PAY-1", labels=("x",)), [("added", "PAY-1", "1")]),
        (IN_CYCLE, lambda t: t.change("PAY", "PAY-2", closed_at=BEFORE), [("closed", "PAY-2", "-1")]),
    ],
    ids=lambda value: "" if isinstance(value, Part) else None,
)
def test_a_change_has_its_cause(world: World, part: Part, change: Change, expected: list[tuple[str, str, str]]) -> None:
    world.feed("kr", a_rule(part))
    world.sync()
    old = world.value("kr")
    change(world.trackers[SOURCE])
    (entry,) = world.sync().entries
    with world.database.read() as connection:
        told = history_json(history(connection, "kr"))[-1]["causes"]
    assert [(each["kind"], each["key"], each["delta"]) for each in told] == [
        (kind, key, pytest.approx(float(delta))) for kind, key, delta in expected
    ]
    assert sum((each.delta for each in causes(entry)), old or Decimal(0)) == entry.new == world.value("kr")
    assert world.sync().entries == ()
    assert world.verify().ok


def test_a_label_taken_away_and_given_back(world: World) -> None:
    tracker = world.trackers[SOURCE]
    world.feed("kr", a_rule(LABELLED))
    tracker.change("PAY", "PAY-2", labels=("x",))
    world.sync()
    tracker.change("PAY", "PAY-2", labels=())
    (out,) = world.sync().entries
    tracker.change("PAY", "PAY-2", labels=("X ",))
    (back,) = world.sync().entries
    assert [[(str(each.kind), int(each.delta)) for each in causes(entry)] for entry in (out, back)] == [
        [("removed", -1)],
        [("added", 1)],
    ]


def test_what_is_gone_for_two_listings_is_hidden_and_may_come_back(world: World) -> None:
    tracker = world.trackers[SOURCE]
    world.feed("kr", a_rule(COUNT))
    world.sync()
    held = tracker.drop("PAY", "PAY-2")
    assert world.sync(full=True).entries == ()
    assert world.sync().entries == ()
    report = world.sync(full=True)
    assert report.sources[0].removed == 1
    (entry,) = report.entries
    assert [(str(each.kind), each.item, int(each.delta)) for each in causes(entry)] == [("hidden", "id:PAY-2", -1)]
    tracker.put("PAY", held)
    (entry,) = world.sync().entries
    assert [(str(each.kind), int(each.delta)) for each in causes(entry)] == [("added", 1)]
    assert world.verify().ok


RECENT = a_part(where=AllOf((where(project="PAY"), Within(Moment.CREATED, (LastDays(90),)))), counts=Counts.ALL)
CALLED_OFF = a_part(where=where(project="PAY"), cancelled=Cancelled.COMPLETE)


@pytest.mark.parametrize("large", [LARGE, 0], ids=["small", "large"])
@pytest.mark.parametrize(
    "part", [RECENT, CALLED_OFF, a_part(Measure.THROUGHPUT)], ids=["recent", "called off", "weekly"]
)
def test_what_comes_back_as_it_was_is_added_and_no_work_of_time(database: Database, part: Part, large: int) -> None:
    clock = Clock(at("2026-11-20T08:00"))
    tracker = FakeTracker(clock, "PAY", "OPS")
    gone = State.CANCELLED if part is CALLED_OFF else State.DONE
    tracker.put(
        "PAY", an_item("PAY-1"), an_item("PAY-2", gone, created_at=at("2026-10-31"), closed_at=at("2026-11-03"))
    )
    clock.forward(hours=1)
    world = World(database, {SOURCE: tracker}, clock, large=large)
    world.feed("kr", a_rule(part))
    world.sync()
    held = tracker.drop("PAY", "PAY-2")
    for full in (True, True):
        clock.forward(days=1, hours=1)
        world.sync(full=full)
    clock.forward(days=1)
    tracker.put("PAY", held)
    world.sync()
    rows = [
        [(str(each.cause), each.item) for each in entry.deltas if each.item == "id:PAY-2"] for entry in world.entries()
    ]
    assert rows == [[("baseline", "id:PAY-2")], [("hidden", "id:PAY-2")], [("added", "id:PAY-2")]]
    assert world.verify().ok


def test_a_container_that_left_the_config_is_told_as_removed(world: World) -> None:
    world.feed("kr", a_rule(a_part(counts=Counts.ALL)))
    world.sync()
    del world.trackers[SOURCE].projects["OPS"]
    (entry,) = world.sync().entries
    assert [(str(each.kind), each.item, int(each.delta)) for each in causes(entry)] == [("removed", "id:OPS-1", -1)]


def test_what_happened_between_two_runs_is_told_in_the_tracker_s_order(world: World) -> None:
    tracker = world.trackers[SOURCE]
    world.feed("kr", a_rule(a_part(Measure.PERCENT)))
    world.sync()
    for key, project in (("PAY-4", "PAY"), ("OPS-1", "OPS"), ("PAY-1", "PAY")):
        world.clock.forward(minutes=1)
        tracker.change(project, key, **done(world.clock))
    (entry,) = world.sync().entries
    assert [each.item for each in causes(entry)] == ["id:PAY-4", "id:OPS-1", "id:PAY-1"]
    assert (entry.old, entry.new) == (Decimal(25), Decimal(100))


def test_closed_and_reopened_between_two_runs_is_nothing(world: World) -> None:
    tracker = world.trackers[SOURCE]
    world.feed("kr", a_rule(COUNT))
    world.sync()
    tracker.change("PAY", "PAY-1", **done(world.clock))
    tracker.change("PAY", "PAY-1", **EDITS)
    assert world.sync().entries == ()


def test_a_ticket_without_a_closing_date_is_dated_by_sight(world: World) -> None:
    world.feed("kr", a_rule(IN_CYCLE))
    world.sync()
    world.clock.now = at("2026-12-31T23:00")
    world.trackers[SOURCE].change("PAY", "PAY-1", state=State.DONE)
    (entry,) = world.sync().entries
    assert [(str(each.kind), int(each.delta)) for each in causes(entry)] == [("closed", 1)]
    assert [each.dated_by_sight for each in world.explain("kr").measured.lines if each.item.key == "PAY-1"] == [True]
    world.clock.now = at("2027-01-02")
    world.trackers[SOURCE].change("PAY", "PAY-1", title="Still done")
    assert world.sync().entries == ()


def test_every_cause_stands_on_its_own_kind_of_entry(world: World) -> None:
    world.feed("kr", a_rule(COUNT))
    world.sync()
    world.trackers[SOURCE].change("PAY", "PAY-1", **done(world.clock))
    world.sync()
    world.feed("kr", a_rule(OPEN))
    world.sync()
    told = [(each.kind, {row.cause.value for row in each.deltas}) for each in world.entries()]
    assert told == [
        (EntryKind.BASELINE, {"baseline"}),
        (EntryKind.AUTO, {"closed"}),
        (EntryKind.RULE, {"rule"}),
    ]
