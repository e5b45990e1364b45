"""Holds in a run: what a token that sees less would do waits for a person, or until it sees again."""

from datetime import timedelta
from decimal import Decimal

import pytest

from mapping.rule import Counts, Measure, Regress
from okrs.guard import Guard
from okrs.immutable import replace
from okrs.ledger import EntryKind
from okrs.objective import Numeric
from okrs.work import Kind, Ref, State
from store import holds
from store.database import Database
from store.holds import Hold
from store.tables import hold, key_result
from sync.holding import Act, ChangedError, NotHeldError, approve_held, reject_held
from sync.planned import Note
from sync.recording import Run
from tests.builders import NOBODY_ASKED, QUARTER, SOURCE, a_part, a_rule, an_item, where
from tests.integration.fakes import RECORDS, Clock, FakeTracker, World, dump

HUNDRED = Numeric(Decimal(0), Decimal(100))
ALL = (*RECORDS, hold, key_result)


@pytest.fixture(params=[50_000, 0], ids=["whole", "facets"])
def world(database: Database, request: pytest.FixtureRequest) -> World:
    """Ten tickets, four of them done: `closed` counts those, `share` is the percentage."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    states = [State.DONE] * 4 + [State.TODO] * 6
    tracker.put("PAY", *(an_item(f"PAY-{at}", state) for at, state in enumerate(states, 1)))
    world = World(database, {SOURCE: tracker}, clock, large=request.param, guard=Guard())
    world.feed("closed", a_rule())
    world.feed("share", a_rule(a_part(Measure.PERCENT)), HUNDRED)
    world.sync()
    assert values(world) == [4, 40]
    return world


def values(world: World) -> list[Decimal | None]:
    return [world.value("closed"), world.value("share")]


def hide(world: World, *keys: str) -> None:
    """Let tickets go out of sight, and be missed twice."""
    for key in keys:
        world.trackers[SOURCE].drop("PAY", key)
    world.sync(full=True)
    world.sync(full=True)


def show(world: World, *keys: str) -> None:
    """Let the same tickets be there again."""
    for name in keys:
        state = State.DONE if int(name.split("-")[1]) <= 4 else State.TODO
        world.trackers[SOURCE].put("PAY", an_item(name, state))
    world.sync(full=True)


def waiting(world: World) -> dict[str, Hold]:
    with world.database.read() as connection:
        return {each.key_result: each for each in holds.open_holds(connection)}


def act(world: World) -> Act:
    world.clock.forward(minutes=1)
    return Act("Ada", world.clock(), Run("by hand", {SOURCE: ("PAY",)}))


def kinds(world: World, name: str) -> list[EntryKind]:
    return [each.kind for each in world.entries(name)]


HALF = [f"PAY-{number}" for number in range(1, 6)]


def test_a_token_that_sees_half_moves_no_number(world: World) -> None:
    hide(world, *HALF)
    assert values(world) == [4, 40]
    held = waiting(world)
    assert held["share"].new == 0
    assert held["share"].reason == (
        "5 of the 10 tickets that it is measured by were deleted or went out of sight: more than 20 %."
    )
    assert kinds(world, "share") == [EntryKind.BASELINE, EntryKind.HOLD]
    assert world.status("share").hold == held["share"]
    assert world.verify().ok


def test_each_poll_asks_again_and_writes_nothing(world: World) -> None:
    hide(world, *HALF)
    before = dump(world.database, *ALL)
    report = world.sync(full=True)
    assert [each.key_result for each in report.held] == ["closed", "share"]
    assert dump(world.database, *ALL) == before


def test_a_hold_is_refreshed_under_its_id(world: World) -> None:
    hide(world, *HALF)
    first = waiting(world)["share"]
    world.clock.forward(minutes=5)
    world.trackers[SOURCE].change("PAY", "PAY-6", state=State.DONE, closed_at=world.clock())
    world.sync()
    second = waiting(world)["share"]
    assert (second.id, second.since) == (first.id, first.since)
    assert second.new == 20
    assert kinds(world, "share") == [EntryKind.BASELINE, EntryKind.HOLD, EntryKind.HOLD]
    assert world.value("share") == 40
    assert world.verify().ok


def test_what_comes_back_lifts_the_hold(world: World) -> None:
    hide(world, *HALF)
    show(world, *HALF)
    assert waiting(world) == {}
    assert values(world) == [4, 40]
    assert kinds(world, "share")[:3] == [EntryKind.BASELINE, EntryKind.HOLD, EntryKind.LIFT]
    assert world.verify().ok


def test_a_person_lets_it_through_as_it_was_shown(world: World) -> None:
    hide(world, *HALF)
    held = waiting(world)["share"]
    entry = approve_held(world.database, world.goals["share"], held.id, act(world), expect=Decimal(0))
    assert (entry.kind, entry.why) == (EntryKind.APPROVE, held.reason)
    assert [entry.old, entry.new] == [40, 0]
    assert world.value("share") == 0
    assert set(waiting(world)) == {"closed"}
    assert world.verify().ok
    before = dump(world.database, *ALL)
    world.sync(full=True)
    assert dump(world.database, *ALL) == before
    with pytest.raises(NotHeldError):
        approve_held(world.database, world.goals["share"], held.id, act(world))


def test_what_changed_since_it_was_shown_is_not_approved(world: World) -> None:
    hide(world, *HALF)
    held = waiting(world)["share"]
    with pytest.raises(ChangedError):
        approve_held(world.database, world.goals["share"], held.id, act(world), expect=Decimal(7))
    world.trackers[SOURCE].change("PAY", "PAY-6", state=State.DONE, closed_at=world.clock())
    world.read_only()  # the mirror is ahead of what the last run told
    before = dump(world.database, *ALL)
    with pytest.raises(ChangedError):
        approve_held(world.database, world.goals["share"], held.id, act(world))
    assert dump(world.database, *ALL) == before


def test_rejected_it_is_asked_about_again_only_when_the_evidence_changes(world: World) -> None:
    hide(world, *HALF)
    held = waiting(world)["share"]
    entry = reject_held(world.database, held.id, act(world))
    assert entry.kind is EntryKind.REJECT
    assert [entry.old, entry.new] == [40, 40]
    assert "share" not in waiting(world)
    before = dump(world.database, *ALL)
    world.sync(full=True)
    assert dump(world.database, *ALL) == before
    assert world.verify().ok
    world.trackers[SOURCE].change("PAY", "PAY-6", state=State.DONE, closed_at=world.clock())
    world.sync()
    again = waiting(world)["share"]
    assert again.id != held.id
    assert world.value("share") == 40


def test_a_rejected_one_is_forgotten_when_all_is_back(world: World) -> None:
    hide(world, *HALF)
    reject_held(world.database, waiting(world)["share"].id, act(world))
    show(world, *HALF)
    assert world.value("share") == 40
    with world.database.read() as connection:
        assert holds.all_holds(connection) == {}
    assert world.verify().ok


def test_a_changed_mapping_voids_it(world: World) -> None:
    hide(world, *HALF)
    world.feed("share", a_rule(a_part(Measure.PERCENT, counts=Counts.OPEN)), HUNDRED)
    world.sync()
    assert "share" not in waiting(world)
    assert kinds(world, "share")[-2:] == [EntryKind.LIFT, EntryKind.RULE]
    assert world.value("share") == 100
    assert world.verify().ok


@pytest.mark.parametrize("rejected", [False, True])
def test_what_changes_around_an_untouched_mapping_lets_nothing_through(world: World, rejected: bool) -> None:
    hide(world, *HALF)
    if rejected:
        reject_held(world.database, waiting(world)["share"].id, act(world))
    earlier = replace(QUARTER, start=QUARTER.start - timedelta(days=1))
    world.feed("share", a_rule(a_part(Measure.PERCENT), period=earlier), HUNDRED)
    world.sync()
    world.sync(full=True)
    assert world.value("share") == 40
    assert ("share" in waiting(world)) is not rejected
    show(world, *HALF)
    world.sync()
    assert world.value("share") == 40
    assert kinds(world, "share")[-1] is EntryKind.RULE
    assert world.verify().ok


@pytest.mark.parametrize(
    ("kind", "renamed"),
    [
        (Kind.MILESTONE, True),
        (Kind.MILESTONE, False),
        (Kind.SPRINT, True),
        (Kind.SPRINT, False),
        (Kind.EPIC, False),
    ],
)
def test_what_a_mapping_names_and_is_known_no_more_moves_nothing(world: World, kind: Kind, renamed: bool) -> None:
    tracker = world.trackers[SOURCE]
    tracker.put("PAY", an_item("PLAN-1", kind=kind, title="Launch"))
    held = {Kind.MILESTONE: "milestones", Kind.SPRINT: "sprints"}.get(kind)
    belongs = {held: ("id:PLAN-1",)} if held else {"parent": Ref("id:PLAN-1", "")}
    tracker.put("PAY", *(an_item(f"L-{at}", State.DONE, **belongs) for at in range(3)))
    name = "PLAN-1" if kind is Kind.EPIC else "Launch"
    world.feed("launch", a_rule(a_part(where=where(**{kind.value: name}))))
    world.sync()
    assert world.value("launch") == 3
    if renamed:
        tracker.change("PAY", "PLAN-1", title="Lift-off")
    else:
        tracker.drop("PAY", "PLAN-1")
    world.sync(full=True)
    world.sync(full=True)
    assert world.value("launch") == 3
    assert waiting(world)["launch"].reason == (
        "Nothing that it was measured by is selected any more (3 before), though nobody changed the tickets: "
        f"{kind.value} {name}, which its mapping names, may have been renamed, or be out of sight."
    )
    assert world.verify().ok


def test_what_was_shown_rounded_is_approved(world: World) -> None:
    world.trackers[SOURCE].put("PAY", an_item("PAY-11", State.DONE), an_item("PAY-12"))
    world.sync()
    hide(world, *HALF)
    held = waiting(world)["share"]
    assert held.new == Decimal("14.285714")
    with pytest.raises(ChangedError):
        approve_held(world.database, world.goals["share"], held.id, act(world), expect=Decimal("14.4"))
    approve_held(world.database, world.goals["share"], held.id, act(world), expect=Decimal("14.29"))
    assert world.value("share") == Decimal("14.285714")


def test_a_plan_of_one_that_left_foresees_that_its_hold_is_void(world: World) -> None:
    hide(world, *HALF)
    del world.goals["share"]
    assert [each.entry.kind for each in world.plan()["share"].effects] == [EntryKind.LIFT, EntryKind.RETIRE]


@pytest.mark.parametrize("whole", [True, False], ids=["gone", "without a mapping"])
def test_a_key_result_that_retires_waits_for_nobody(world: World, whole: bool) -> None:
    hide(world, *HALF)
    if whole:
        del world.goals["share"]
    else:
        world.feed("share", None)
    world.sync()
    assert "share" not in waiting(world)
    assert kinds(world, "share")[-2:] == [EntryKind.LIFT, EntryKind.RETIRE]
    assert world.verify().ok


def test_a_changed_target_does_not_let_it_through(world: World) -> None:
    hide(world, *HALF)
    world.feed("closed", world.goals["closed"].rule, Numeric(Decimal(0), Decimal(10)))
    world.sync()
    assert kinds(world, "closed")[-1] is EntryKind.TARGET
    assert world.value("closed") == 4
    assert "closed" in waiting(world)
    assert world.verify().ok


def test_thirty_that_are_reopened_for_real_go_through(database: Database) -> None:
    clock = Clock()
    tracker = FakeTracker(clock, "PAY", page_size=50)
    tracker.put("PAY", *(an_item(f"PAY-{at}", State.DONE) for at in range(30)))
    world = World(database, {SOURCE: tracker}, clock, guard=Guard())
    world.feed("closed", a_rule())
    world.sync()
    for number in range(30):
        tracker.change("PAY", f"PAY-{number}", state=State.TODO, closed_at=None)
    report = world.sync()
    assert not report.held
    assert world.value("closed") == 0


def test_a_mapping_that_asks_falls_when_somebody_says_so(world: World) -> None:
    world.feed("closed", a_rule(regress=Regress.ASK))
    world.sync()
    world.trackers[SOURCE].change("PAY", "PAY-1", state=State.TODO, closed_at=None)
    world.sync()
    assert world.value("closed") == 4
    held = waiting(world)["closed"]
    assert held.reason == "It would fall back from 4 to 3, and its mapping asks before it falls."
    approve_held(world.database, world.goals["closed"], held.id, act(world), expect=Decimal(3))
    assert world.value("closed") == 3
    world.trackers[SOURCE].change("PAY", "PAY-2", state=State.TODO, closed_at=None)
    world.sync()
    assert set(waiting(world)) == {"closed"}
    world.trackers[SOURCE].change("PAY", "PAY-2", state=State.DONE, closed_at=world.clock())
    world.sync()
    assert waiting(world) == {}
    assert world.value("closed") == 3
    assert world.verify().ok


def test_a_few_lost_tickets_are_let_through_with_their_names(world: World) -> None:
    hide(world, "PAY-10")
    assert waiting(world) == {}
    assert world.value("share") == Decimal("44.444444")


def test_a_day_later_it_still_waits(world: World) -> None:
    """Midnight makes every key result due, and lets nothing through."""
    hide(world, *HALF)
    world.clock.forward(days=1)
    world.sync()
    assert world.value("share") == 40
    assert "share" in waiting(world)


def test_a_plan_foresees_the_hold(world: World) -> None:
    for key in HALF:
        world.trackers[SOURCE].drop("PAY", key)
    world.sync(full=True)
    world.read_only()
    planned = world.plan()["share"]
    assert planned.old == planned.new == 40
    assert Note.HELD in planned.notes
    assert [each.entry.kind for each in planned.effects] == [EntryKind.HOLD]


def test_a_plan_says_what_waits_and_what_becomes_of_it(world: World) -> None:
    hide(world, *HALF)
    held = waiting(world)["share"]
    planned = world.plan()["share"]
    assert (planned.held, planned.notes, planned.changes, planned.told) == (held, (Note.WAITS,), False, True)
    assert {name: each.held for name, each in world.plan().items()} == waiting(world)
    kept = world.goals["share"]
    world.feed("share", a_rule(a_part(Measure.PERCENT, where=where(type="Task"))), HUNDRED)
    planned = world.plan()["share"]
    assert (planned.held, planned.notes) == (held, (Note.RULE, Note.VOID))
    world.goals["share"] = replace(kept, guard=NOBODY_ASKED)
    planned = world.plan()["share"]
    assert (planned.notes, planned.new) == ((Note.THROUGH,), held.new), "nobody is asked any more"
    world.goals["share"] = kept
    world.trackers[SOURCE].drop("PAY", "PAY-9")
    world.sync(full=True)
    world.read_only()
    planned = world.plan()["share"]
    assert (planned.held, planned.notes) == (held, (Note.HELD,)), "another update takes its place"
    world.sync()
    reject_held(world.database, held.id, act(world))
    assert (world.plan()["share"].held, world.plan()["share"].notes) == (None, ())


def test_a_plan_says_of_what_leaves_the_config_that_its_update_falls_away(world: World) -> None:
    hide(world, *HALF)
    del world.goals["share"]
    assert world.plan()["share"].notes == (Note.RETIRED, Note.VOID)


def test_the_limits_are_those_of_the_config(world: World) -> None:
    world.goals = {name: replace(goal, guard=NOBODY_ASKED) for name, goal in world.goals.items()}
    hide(world, *HALF)
    assert not waiting(world)
    assert world.value("share") == 0


def test_the_time_of_a_hold_is_when_it_began(world: World) -> None:
    hide(world, *HALF)
    began = waiting(world)["share"].since
    world.clock.forward(days=2)
    world.sync()
    assert waiting(world)["share"].since == began
    assert world.clock() - began >= timedelta(days=2)


def told(world: World, name: str) -> dict[str, tuple[str, bool]]:
    """Of every ticket why it does not count (empty where it does), and whether an update has it otherwise."""
    lines = world.explain(name).measured.lines
    return {line.item.key: (line.reason.value if line.reason else "", line.waits) for line in lines}


def test_what_a_held_update_brings_waits_with_it(world: World) -> None:
    tracker = world.trackers[SOURCE]
    hide(world, *HALF)
    tracker.change("PAY", "PAY-6", state=State.DONE, closed_at=world.clock())
    tracker.put("PAY", an_item("PAY-11", State.DONE), an_item("PAY-12"))
    world.sync()
    waits = {f"PAY-{number}": ("", True) for number in range(1, 5)} | {"PAY-5": ("open", True), "PAY-6": ("open", True)}
    rest = {f"PAY-{number}": ("open", False) for number in range(7, 11)}
    new = {"PAY-11": ("open", True), "PAY-12": ("open", False)}
    assert told(world, "share") == waits | rest | new
    assert world.explain("share").measured.value == 40
    reject_held(world.database, waiting(world)["share"].id, act(world))
    assert not any(each for _, each in told(world, "share").values()), "nothing waits any more"


def test_where_open_work_counts_what_is_reopened_waits_as_done(world: World) -> None:
    world.feed("left", a_rule(a_part(counts=Counts.OPEN), regress=Regress.ASK), Numeric(Decimal(10), Decimal(0)))
    world.sync()
    world.trackers[SOURCE].change("PAY", "PAY-1", state=State.TODO, closed_at=None)
    world.trackers[SOURCE].put("PAY", an_item("PAY-11"))
    world.sync()
    assert "left" in waiting(world)
    counted = {f"PAY-{number}": ("", False) for number in range(5, 11)}
    done = {f"PAY-{number}": ("done", False) for number in range(2, 5)}
    assert told(world, "left") == counted | done | {"PAY-1": ("done", True), "PAY-11": ("done", True)}
