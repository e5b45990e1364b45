"""One run of the engine: what tickets, rules, targets and the calendar write into the ledger, and what they do not."""

import dataclasses
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract import TryLater
from mapping.rule import AllOf, Combine, Counts, LastDays, Measure, Moment, Window, Within
from okrs.immutable import replace
from okrs.ledger import CauseKind, Entry, EntryKind, causes
from okrs.objective import Keep, Numeric, terms_text
from okrs.work import State
from store.database import Database
from store.tables import item_version
from store.upkeep.forgetting import forget_names
from sync.engine import Engine, KeyResultUpdate
from sync.listing import OVERLAP
from sync.recording import Run, settle
from sync.task import Outcome
from tests.builders import SOURCE, a_part, a_rule, an_item, at, where
from tests.integration.fakes import RECORDS, Clock, FakeTracker, World, dump


@pytest.fixture
def world(database: Database) -> World:
    """PAY-1 and PAY-2 are open, PAY-3 is done; `kr` counts what is done."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", an_item("PAY-1"), an_item("PAY-2"), an_item("PAY-3", State.DONE))
    made = World(database, {SOURCE: tracker}, clock)
    made.feed("kr", a_rule())
    return made


def close(world: World, key: str) -> None:
    world.trackers[SOURCE].change("PAY", key, state=State.DONE, closed_at=world.clock())


def kinds(entries: list[Entry] | tuple[Entry, ...]) -> list[EntryKind]:
    return [each.kind for each in entries]


def told(entry: Entry) -> list[tuple[CauseKind, str | None, int]]:
    return [(each.kind, each.item, int(each.delta)) for each in causes(entry)]


# --- tickets -----------------------------------------------------------------------------------------------------


def test_the_first_complete_read_is_the_baseline(world: World) -> None:
    report = world.sync()
    (entry,) = world.entries()
    assert report.entries == (entry,)
    assert (entry.kind, entry.old, entry.new, entry.run) == (EntryKind.BASELINE, None, Decimal(1), report.run)
    assert told(entry) == [(CauseKind.BASELINE, None, 1)]
    one, zero = Decimal(1), Decimal(0)
    assert [(row.item, row.new_weight, row.new_amount, row.delta) for row in entry.deltas] == [
        ("id:PAY-1", one, zero, zero),
        ("id:PAY-2", one, zero, zero),
        ("id:PAY-3", one, one, zero),
    ]
    assert entry.details == terms_text(Numeric(Decimal(0), Decimal(20)))
    assert report.updates == (KeyResultUpdate("kr", None, Decimal(1)),)
    (source,) = report.sources
    assert (source.state, source.seen, source.changed, source.removed, source.error) == (Outcome.OK, 3, 3, 0, None)
    assert source.requests == 3  # containers, and three items at two a page
    assert world.verify().ok


def test_before_anything_was_read_nothing_is_recorded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run of a new process records before it reads, too, what others or a kill left: here nobody was."""
    records, plainly = list[datetime](), Engine._recorded

    def counted(engine: Engine, run: Run, now: datetime) -> list[Entry]:
        records.append(now)
        return plainly(engine, run, now)

    monkeypatch.setattr(Engine, "_recorded", counted)
    counts = []
    for _ in range(2):
        world.sync()
        counts.append(len(records))
    assert counts == [1, 3]


def test_a_baseline_of_nothing_is_among_the_updates(world: World) -> None:
    world.feed("kr", a_rule(a_part(where=where(label="none"))))
    report = world.sync()
    assert report.updates == (KeyResultUpdate("kr", None, Decimal(0)),)
    assert told(world.entries()[0]) == [(CauseKind.BASELINE, None, 0)]


def test_a_closed_ticket_moves_the_key_result_and_is_named(world: World) -> None:
    world.sync()
    close(world, "PAY-2")
    report = world.sync()
    (entry,) = report.entries
    assert (entry.kind, entry.old, entry.new) == (EntryKind.AUTO, Decimal(1), Decimal(2))
    assert told(entry) == [(CauseKind.CLOSED, "id:PAY-2", 1)]
    assert report.updates == (KeyResultUpdate("kr", Decimal(1), Decimal(2)),)
    assert world.value("kr") == Decimal(2)
    assert world.verify().ok


@pytest.mark.parametrize("full", [False, True])
def test_a_run_that_finds_nothing_new_writes_nothing(world: World, full: bool) -> None:
    world.feed("half", a_rule(a_part(Measure.PERCENT)))
    world.sync()
    close(world, "PAY-1")
    world.sync()
    before, tracker = dump(world.database, *RECORDS), world.trackers[SOURCE]
    for _ in range(3):
        tracker.asked.clear()
        report = world.sync(full=full)
        assert (report.entries, report.updates) == ((), ())
        assert [(each.seen > 0, each.changed, each.removed) for each in report.sources] == [(True, 0, 0)]
        assert dump(world.database, *RECORDS) == before
        assert [since is None for _, since in tracker.listed] == [full]


def test_a_title_changes_the_mirror_and_not_the_ledger(world: World) -> None:
    world.sync()
    before = world.entries()
    world.trackers[SOURCE].change("PAY", "PAY-1", title="Renamed")
    assert world.sync().sources[0].changed == 1
    assert world.entries() == before
    assert len(dump(world.database, item_version)["item_version"]) == 4


def test_changed_evidence_under_the_same_value_is_an_entry_but_no_update(world: World) -> None:
    world.sync()
    world.trackers[SOURCE].put("PAY", an_item("PAY-4"))
    report = world.sync()
    (entry,) = report.entries
    assert (entry.kind, entry.old, entry.new, told(entry)) == (EntryKind.AUTO, Decimal(1), Decimal(1), [])
    assert [(row.cause, row.item) for row in entry.deltas] == [(CauseKind.ADDED, "id:PAY-4")]
    assert report.updates == ()


def test_reads_go_on_from_a_little_before_the_last_one(world: World) -> None:
    world.sync()
    world.clock.forward(hours=3)
    world.sync()
    began = world.clock.now
    world.clock.forward(hours=3)
    close(world, "PAY-1")
    world.trackers[SOURCE].asked.clear()
    assert world.sync().sources[0].seen == 1
    assert world.trackers[SOURCE].listed == [("PAY", began - OVERLAP)]


def test_key_results_of_other_sources_stay_untouched(database: Database) -> None:
    clock = Clock()
    one, two = FakeTracker(clock, "PAY"), FakeTracker(clock, "WEB")
    one.put("PAY", an_item("PAY-1"))
    two.put("WEB", an_item("WEB-1"))
    world = World(database, {"one": one, "two": two}, clock)
    world.feed("first", a_rule(a_part(source="one")))
    world.feed("second", a_rule(a_part(source="two")))
    world.feed("both", a_rule(a_part(source="one"), a_part(source="two"), combine=Combine.SUM))
    assert [each.key_result for each in world.sync(only=["one"]).entries] == ["first"]
    assert [each.key_result for each in world.sync().entries] == ["both", "second"]
    two.change("WEB", "WEB-1", state=State.DONE, closed_at=clock())
    assert world.sync(only=["one"]).entries == ()
    assert [each.key_result for each in world.sync().entries] == ["both", "second"]


# --- rules and targets -------------------------------------------------------------------------------------------


def test_a_changed_rule_is_told_apart_from_tickets_and_comes_first(world: World) -> None:
    world.sync()
    close(world, "PAY-1")
    world.trackers[SOURCE].put("PAY", an_item("PAY-4"))
    world.feed("kr", a_rule(a_part(counts=Counts.OPEN)))
    ruled, moved = world.sync().entries
    assert (ruled.kind, ruled.old, ruled.new) == (EntryKind.RULE, Decimal(1), Decimal(2))  # PAY-1 and PAY-2, as known
    assert told(ruled) == [(CauseKind.RULE, None, 1)]
    assert {row.cause for row in ruled.deltas} == {CauseKind.RULE}
    assert (moved.kind, moved.old, moved.new) == (EntryKind.AUTO, Decimal(2), Decimal(2))
    assert sorted(told(moved)) == [(CauseKind.ADDED, "id:PAY-4", 1), (CauseKind.CLOSED, "id:PAY-1", -1)]
    assert moved.rule == ruled.rule != world.entries()[0].rule
    assert world.verify().ok


def test_a_rule_whose_effect_is_nothing_is_still_on_record(world: World) -> None:
    world.sync()
    world.feed("kr", a_rule(a_part(where=where(type="task"))))
    report = world.sync()
    (entry,) = report.entries
    assert (entry.kind, entry.old, entry.new, entry.deltas) == (EntryKind.RULE, Decimal(1), Decimal(1), ())
    assert report.updates == ()
    assert world.sync().entries == ()


def test_a_changed_target_moves_no_value(world: World) -> None:
    world.sync()
    world.feed("kr", a_rule(), Keep(Decimal(1), Decimal(5)))
    (entry,) = world.sync().entries
    assert (entry.kind, entry.old, entry.new) == (EntryKind.TARGET, Decimal(1), Decimal(1))
    assert entry.details == terms_text(Keep(Decimal(1), Decimal(5)))
    assert world.sync().entries == ()
    assert world.verify().ok


def test_rule_and_target_changed_together_are_two_entries(world: World) -> None:
    world.sync()
    world.feed("kr", a_rule(a_part(counts=Counts.ALL)), Numeric(Decimal(0), Decimal(3)))
    assert kinds(world.sync().entries) == [EntryKind.RULE, EntryKind.TARGET]
    assert world.verify().ok


@pytest.mark.parametrize("whole", [False, True], ids=["its mapping", "the key result"])
def test_what_leaves_the_config_is_retired_and_may_come_back(world: World, whole: bool) -> None:
    world.feed("other", a_rule())
    world.sync()
    goal = world.goals.pop("kr")
    if not whole:
        world.goals["kr"] = replace(goal, rule=None)
    (entry,) = world.sync().entries
    assert (entry.kind, entry.key_result, entry.old, entry.new) == (EntryKind.RETIRE, "kr", Decimal(1), Decimal(1))
    close(world, "PAY-1")
    assert [each.key_result for each in world.sync().entries] == ["other"]
    assert world.value("kr") == Decimal(1)
    world.goals["kr"] = goal
    (back,) = world.sync().entries
    assert (back.kind, back.old, back.new, back.why) == (
        EntryKind.RULE,
        Decimal(1),
        Decimal(2),
        "the mapping came back",
    )
    assert world.sync().entries == ()
    assert world.verify().ok


def test_a_key_result_without_a_mapping_has_no_entry(world: World) -> None:
    world.feed("bare", None)
    world.sync()
    assert {each.key_result for each in world.entries()} == {"kr"}


# --- demand ------------------------------------------------------------------------------------------------------


@pytest.fixture
def sized(world: World) -> World:
    """PAY-1 gets 3 points, PAY-3 5; the baseline of `kr` was taken without them."""
    world.trackers[SOURCE].change("PAY", "PAY-1", fields=(("effort", "30"), ("points", "3")))
    world.trackers[SOURCE].change("PAY", "PAY-3", fields=(("effort", "50"), ("points", "5")))
    world.sync()
    world.clock.forward(days=0.25)
    return world


def test_a_wider_demand_is_read_in_full_before_it_is_measured(sized: World) -> None:
    tracker = sized.trackers[SOURCE]
    tracker.projects["PAY"].breaks = (1, TryLater("It said 500."))
    old = sized.entries()[-1].rule
    sized.feed("kr", a_rule(a_part(Measure.SUM, by="points")))
    assert sized.status("kr").reading
    assert sized.sync().sources[0].state is Outcome.FAILED
    assert sized.status("kr").reading
    assert kinds(sized.entries()) == [EntryKind.BASELINE]

    tracker.projects["PAY"].breaks = None
    close(sized, "PAY-2")
    tracker.asked.clear()
    moved, ruled = sized.sync().entries
    assert [since for _, since in tracker.listed] == [None]
    assert (moved.kind, moved.rule, moved.new, told(moved)) == (
        EntryKind.AUTO,
        old,
        Decimal(2),
        [(CauseKind.CLOSED, "id:PAY-2", 1)],
    )
    assert (ruled.kind, ruled.old, ruled.new) == (EntryKind.RULE, Decimal(2), Decimal(5))
    assert not sized.status("kr").reading
    tracker.asked.clear()
    assert sized.sync().entries == ()
    assert [since is None for _, since in tracker.listed] == [False]
    assert sized.verify().ok


def test_a_field_in_the_place_of_another_is_a_rule_entry_with_the_right_value(sized: World) -> None:
    sized.feed("kr", a_rule(a_part(Measure.SUM, by="points")))
    sized.sync()
    assert sized.value("kr") == Decimal(5)
    close(sized, "PAY-1")
    sized.feed("kr", a_rule(a_part(Measure.SUM, by="effort")))
    (ruled,) = sized.sync().entries
    assert (ruled.kind, ruled.old, ruled.new) == (EntryKind.RULE, Decimal(5), Decimal(80))
    assert sized.verify().ok


def test_the_value_stands_while_the_new_rule_waits_for_a_container(sized: World) -> None:
    tracker = sized.trackers[SOURCE]
    sized.feed("kr", a_rule(a_part(Measure.SUM, by="points")))
    tracker.projects["OPS"] = dataclasses.replace(tracker.projects["PAY"], id="#OPS", name="OPS", items={})
    sized.sync()
    tracker.projects["OPS"].breaks = (0, TryLater("It said 500."))
    sized.feed("kr", a_rule(a_part(Measure.SUM, by="effort")))
    close(sized, "PAY-1")
    assert sized.sync().entries == ()
    assert (sized.value("kr"), sized.status("kr").reading) == (Decimal(5), True)
    tracker.projects["OPS"].breaks = None
    assert kinds(sized.sync().entries) == [EntryKind.RULE]
    assert (sized.value("kr"), sized.status("kr").reading) == (Decimal(80), False)
    assert sized.verify().ok


def test_a_key_result_waits_for_every_container(world: World) -> None:
    tracker = world.trackers[SOURCE]
    tracker.projects["OPS"] = dataclasses.replace(tracker.projects["PAY"], id="#OPS", name="OPS", items={}, hidden=True)
    assert world.sync().entries == ()
    assert world.status("kr").reading
    tracker.projects["OPS"].hidden = False
    assert kinds(world.sync().entries) == [EntryKind.BASELINE]


# --- the calendar ------------------------------------------------------------------------------------------------


def test_before_the_cycle_nothing_is_recorded(world: World) -> None:
    world.clock.now = at("2026-09-30T23:50")
    for _ in range(2):
        assert world.sync().entries == ()
    assert dump(world.database, item_version)["item_version"]
    world.clock.now = at("2026-10-01")
    assert kinds(world.sync().entries) == [EntryKind.BASELINE]


def test_after_the_cycle_the_value_is_that_of_its_end(world: World) -> None:
    world.sync()
    world.clock.now = at("2026-12-31T23:00")
    close(world, "PAY-1")
    assert world.sync().updates[0].new == Decimal(2)
    world.clock.now = at("2027-01-01")
    close(world, "PAY-2")
    world.sync()
    assert world.value("kr") == Decimal(2)
    assert world.verify().ok


@pytest.mark.parametrize("window", Window)
def test_what_leaves_the_window_by_the_date_alone_is_told_as_time(world: World, window: Window) -> None:
    """A tracker whose clock is ahead says that PAY-1 was created, and PAY-2 closed, after the cycle's end."""
    tracker = world.trackers[SOURCE]
    tracker.change("PAY", "PAY-1", created_at=at("2027-01-01T00:05"))
    tracker.change("PAY", "PAY-2", state=State.DONE, closed_at=at("2027-01-01T00:05"))
    world.feed("kr", a_rule(a_part(Measure.PERCENT, window=window)))
    world.clock.now = at("2026-12-31T23:58")
    world.sync()
    before = world.value("kr")
    world.clock.now = at("2027-01-01T00:01")
    (entry,) = world.sync().entries
    assert entry.kind is EntryKind.AUTO
    assert {row.cause for row in entry.deltas} == {CauseKind.TIME}
    assert entry.old == before
    assert entry.new == Decimal(50)  # PAY-3 of PAY-2 and PAY-3
    assert world.sync().entries == ()
    assert world.verify().ok


def test_a_midnight_without_effect_writes_no_entry(world: World) -> None:
    world.sync()
    before = dump(world.database, *RECORDS)
    world.clock.forward(days=3)
    assert world.sync().entries == ()
    assert dump(world.database, *RECORDS) == before


def test_what_happens_between_runs_of_an_engine_is_told_apart_from_what_the_next_one_reads(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warm engine looks before it reads, unless nothing but its own reads can have moved anything."""
    tracker = FakeTracker(Clock(at("2026-11-16T12:00")), "PAY")
    closed: dict[str, Any] = {"state": State.DONE, "closed_at": at("2026-11-15T10:00")}
    early = at("2026-11-01")
    tracker.put("PAY", an_item("PAY-1", **closed), an_item("PAY-2", State.DONE, closed_at=early, assignees=("Mira",)))
    world = World(database, {SOURCE: tracker}, tracker.clock)
    lately = AllOf((Within(Moment.CLOSED, (LastDays(2),)),))
    world.feed("lately", a_rule(a_part(where=lately, window=Window.ALWAYS)))
    world.feed("people", a_rule(a_part(where=where(assignee=["Mira", "Jo"]))))
    engine = world.engine()
    assert len(engine.sync().entries) == 2
    tracker.clock.now = at("2026-11-17T23:59")
    settled = []

    def midnight(*given: Any) -> None:
        settle(*given)
        settled.append(given)
        if len(settled) == 2:  # the last record of the run is over, and the run is not
            tracker.clock.forward(minutes=2)

    monkeypatch.setattr("sync.engine.settle", midnight)
    assert (engine.sync().entries, len(settled)) == ((), 2)
    forget_names(database, ["Mira"])
    tracker.put("PAY", an_item("PAY-3", State.DONE, closed_at=at("2026-11-17T10:00"), assignees=("Jo",)))
    tracker.clock.forward(minutes=1)
    entries = engine.sync().entries
    assert [(each.key_result, told(each)) for each in entries] == [
        ("lately", [(CauseKind.TIME, "id:PAY-1", -1)]),
        ("people", [(CauseKind.REMOVED, "id:PAY-2", -1)]),
        ("lately", [(CauseKind.CLOSED, "id:PAY-3", 1)]),
        ("people", [(CauseKind.CLOSED, "id:PAY-3", 1)]),
    ]


# --- explaining --------------------------------------------------------------------------------------------------


def test_an_explanation_gives_the_value_on_record(sized: World) -> None:
    sized.feed("kr", a_rule(a_part(Measure.PERCENT, by="points")))
    sized.sync()
    close(sized, "PAY-1")
    sized.sync()
    answer = sized.explain("kr")
    assert answer.value == answer.measured.value == sized.value("kr") == Decimal(100)
    assert [(each.item.key, each.reason) for each in answer.measured.lines if each.reason] == [("PAY-2", "no_estimate")]
