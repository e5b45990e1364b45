"""`was`: a key result goes on under a new id, with its value, its evidence, its history and what waits for a person."""

from decimal import Decimal

import pytest

from mapping.rule import Counts
from okrs.guard import Guard
from okrs.immutable import replace
from okrs.ledger import EntryKind
from okrs.work import State
from store.database import Database
from store.holds import all_holds
from store.views.explain_past import explain_at
from store.views.history import history
from store.views.status_past import status_at, status_then_json
from sync.closing import Wish, closing
from sync.holding import Act
from sync.overriding import Wanted, set_value
from sync.planned import Note
from sync.recording import Run
from terminal.planning import note_text
from tests.builders import SOURCE, a_part, a_rule, an_item, where
from tests.integration.fakes import RECORDS, Clock, FakeTracker, World, dump


@pytest.fixture
def world(database: Database) -> World:
    """`old` counts two of three; another one stays as it is."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", an_item("PAY-1", State.DONE), an_item("PAY-2", State.DONE), an_item("PAY-3"))
    made = World(database, {SOURCE: tracker}, clock)
    made.feed("old", a_rule())
    made.feed("other", a_rule(a_part(counts=Counts.OPEN)))
    made.sync()
    return made


def rename(world: World, old: str, new: str) -> None:
    goal = world.goals.pop(old)
    world.goals[new] = replace(goal, key_result=replace(goal.key_result, id=new, was=old))


def told(world: World, name: str) -> list[tuple[EntryKind, str]]:
    with world.database.read() as connection:
        return [(each.entry.kind, each.entry.key_result) for each in history(connection, name)]


def test_a_renamed_key_result_goes_on_where_it_was(world: World) -> None:
    evidence = world.explain("old").measured.lines
    rename(world, "old", "new")
    report = world.sync()
    assert (report.updates, report.retired) == ((), ())
    assert [(each.kind, each.why) for each in report.entries] == [(EntryKind.TARGET, "renamed from old")]
    assert (world.value("old"), world.value("new")) == (None, Decimal(2))
    assert world.explain("new").measured.lines == evidence
    world.trackers[SOURCE].change("PAY", "PAY-3", state=State.DONE)
    assert [each.new for each in world.sync().updates if each.key_result == "new"] == [3]
    assert told(world, "new") == [
        (EntryKind.BASELINE, "old"),
        (EntryKind.TARGET, "new"),
        (EntryKind.AUTO, "new"),
    ]
    assert told(world, "old") == []
    assert world.verify().ok


def test_it_is_renamed_once(world: World) -> None:
    rename(world, "old", "new")
    world.sync()
    before = dump(world.database, *RECORDS)
    world.sync()
    assert dump(world.database, *RECORDS) == before


def test_names_may_change_again_and_back(world: World) -> None:
    for old, new in (("old", "new"), ("new", "newer"), ("newer", "old")):
        rename(world, old, new)
        assert not world.sync().retired
    assert [name for _, name in told(world, "old")] == ["old", "new", "newer", "old"]
    assert world.value("old") == Decimal(2)
    assert world.verify().ok


def test_who_takes_an_old_name_later_has_a_history_of_its_own(world: World) -> None:
    rename(world, "old", "new")
    world.sync()
    world.goals["new"] = replace(world.goals["new"], key_result=replace(world.goals["new"].key_result, was=None))
    world.feed("old", a_rule(a_part(counts=Counts.OPEN)))
    world.sync()
    assert [name for _, name in told(world, "new")] == ["old", "new"]
    assert told(world, "old") == [(EntryKind.BASELINE, "old")]
    assert world.verify().ok


def test_a_rule_and_terms_may_change_with_the_name(world: World) -> None:
    rename(world, "old", "new")
    goal = world.goals["new"]
    world.feed("new", a_rule(a_part(where=where(key="PAY-1"))))
    world.goals["new"] = replace(world.goals["new"], key_result=replace(goal.key_result, title="Other"))
    world.sync()
    assert [kind for kind, _ in told(world, "new")] == [EntryKind.BASELINE, EntryKind.TARGET, EntryKind.RULE]
    assert (world.value("new"), world.verify().ok) == (Decimal(1), True)


def test_one_that_was_retired_comes_back_under_another_name(world: World) -> None:
    goal = world.goals.pop("old")
    world.sync()
    world.goals["new"] = replace(goal, key_result=replace(goal.key_result, id="new", was="old"))
    world.sync()
    assert [kind for kind, _ in told(world, "new")] == [
        EntryKind.BASELINE,
        EntryKind.RETIRE,
        EntryKind.TARGET,
        EntryKind.RULE,
    ]
    assert world.verify().ok


def test_one_with_a_history_of_its_own_takes_no_other_one_on(world: World) -> None:
    goal = world.goals.pop("old")
    world.goals["other"] = replace(world.goals["other"], key_result=replace(goal.key_result, id="other", was="old"))
    world.sync()
    assert [kind for kind, _ in told(world, "other")] == [EntryKind.BASELINE]
    assert world.verify().ok


def test_what_waits_for_a_person_goes_on_waiting(world: World) -> None:
    world.guard = Guard(points=Decimal(5))
    world.feed("old", a_rule())
    tracker = world.trackers[SOURCE]
    for key in ("PAY-1", "PAY-2"):
        tracker.drop("PAY", key)
        tracker.deleted.add(f"id:{key}")
    (hold,) = world.sync(full=True).held
    rename(world, "old", "new")
    (held,) = world.sync().held
    assert (held.id, held.key_result) == (hold.id, "new")
    with world.database.read() as connection:
        assert all_holds(connection).keys() == {"new"}
    assert world.verify().ok


def test_what_waits_from_the_run_that_renames_it_is_named_anew(world: World) -> None:
    world.guard = Guard(points=Decimal(5))
    world.feed("old", a_rule())
    rename(world, "old", "new")
    tracker = world.trackers[SOURCE]
    for key in ("PAY-1", "PAY-2"):
        tracker.drop("PAY", key)
        tracker.deleted.add(f"id:{key}")
    (hold,) = world.sync(full=True).held
    assert hold.key_result == "new"
    assert told(world, "new")[-2:] == [(EntryKind.TARGET, "new"), (EntryKind.HOLD, "new")]
    answer = world.verify()
    assert answer.ok, answer.problem


def test_until_a_run_renames_it_answers_find_it_under_its_old_id(world: World) -> None:
    rename(world, "old", "new")
    assert (world.status("new").value, world.status("new").reading) == (Decimal(2), False)
    assert world.explain("new").value == Decimal(2)
    planned = world.plan()
    assert planned.keys() == {"new", "other"}
    assert (planned["new"].old, planned["new"].new) == (Decimal(2), Decimal(2))
    assert planned["new"].notes == (Note.RENAMED,)
    assert note_text(planned["new"]) == "renamed, was old"
    assert planned["new"].changes
    world.sync()
    assert not world.plan()["new"].changes


# --- what people said ------------------------------------------------------------------------------------------------


def put(world: World, name: str, value: int) -> None:
    now = world.clock.forward(minutes=1)
    act = Act("Ada", now, Run("by hand", {SOURCE: ("PAY",)}), "the audit")
    set_value(world.database, name, Wanted(Decimal(value), "the audit", None), act)


def test_what_was_only_set_by_hand_goes_on_under_the_new_name(world: World) -> None:
    world.feed("by-hand", None)
    put(world, "by-hand", 18)
    rename(world, "by-hand", "renamed")
    assert world.status("renamed").value == 18  # before a run has renamed it, too
    report = world.sync()
    assert [(each.kind, each.why) for each in report.entries] == [(EntryKind.TARGET, "renamed from by-hand")]
    assert [world.status("renamed").value, *told(world, "by-hand")] == [18]
    assert [kind for kind, _ in told(world, "renamed")] == [EntryKind.OVERRIDE, EntryKind.TARGET]
    assert world.verify().ok, world.verify().problem
    world.feed("renamed", a_rule())  # and it may be measured after all
    world.sync()
    assert [world.status("renamed").automatic, world.status("renamed").value] == [2, 18]
    assert world.verify().ok, world.verify().problem
    world.sync()


def test_a_name_that_was_spoken_of_before_takes_nothing_over(world: World) -> None:
    put(world, "old", 7)
    goal = world.goals.pop("old")
    world.goals["new"] = replace(goal, rule=None, key_result=replace(goal.key_result, id="new"))
    put(world, "new", 3)
    world.goals["new"] = replace(goal, key_result=replace(goal.key_result, id="new", was="old"))
    for _ in range(2):
        world.sync()
        assert world.verify().ok, world.verify().problem
    assert world.status("new").value == 3
    assert told(world, "new")[0] == (EntryKind.OVERRIDE, "new")


def test_a_cycle_is_not_closed_before_its_key_results_have_their_names(world: World) -> None:
    rename(world, "old", "new")
    goals = list(world.goals.values())
    with world.database.read() as connection:
        found = closing(connection, world._setup(), goals, Wish("cycle", early=True), world.clock())
    assert "old is called new in the config" in " ".join(found.refusals(Wish("cycle", early=True)))


def test_the_past_is_told_under_the_name_of_the_config(world: World) -> None:
    then = world.clock()
    world.clock.forward(days=1)
    rename(world, "old", "new")
    for _ in range(2):
        with world.database.read() as connection:
            document = status_then_json(status_at(connection, world._setup(), then))
            answer = explain_at(connection, world._setup(), "new", then)
        assert {each["id"]: each["value"] for each in document["key_results"]}["new"] == 2
        assert answer.answer.value == 2
        world.sync()
