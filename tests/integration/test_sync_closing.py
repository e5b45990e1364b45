"""Closing a cycle: it is graded once all is known, and behind that nothing moves but corrections."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from mapping.rule import Counts, Measure
from okrs.closing import parse_ending
from okrs.guard import Guard
from okrs.ledger import EntryKind
from okrs.objective import Numeric
from okrs.progress import Status
from okrs.work import State
from store import finals, overrides
from store.database import Database
from store.overrides import Override
from store.tables import final, hold, key_result, override
from sync.closing import ClosedError, UnclosableError
from tests.builders import QUARTER, SOURCE, a_part, a_rule, an_item, at
from tests.integration.fakes import RECORDS, Clock, FakeTracker, World, dump

HUNDRED = Numeric(Decimal(0), Decimal(100))
ALL = (*RECORDS, hold, key_result, override, final)
LATE = at("2027-01-04T09:00")


@pytest.fixture(params=[50_000, 0], ids=["whole", "facets"])
def world(database: Database, request: pytest.FixtureRequest) -> World:
    """Ten tickets, four of them done, read once within the cycle and once behind its end."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    states = [State.DONE] * 4 + [State.TODO] * 6
    tracker.put("PAY", *(an_item(f"PAY-{number}", state) for number, state in enumerate(states, 1)))
    world = World(database, {SOURCE: tracker}, clock, large=request.param, guard=Guard())
    world.feed("closed", a_rule())
    world.feed("share", a_rule(a_part(Measure.PERCENT)), HUNDRED)
    world.feed("unmapped", None)
    world.sync()
    clock.now = LATE
    world.sync()
    return world


def kinds(world: World, name: str) -> list[EntryKind]:
    return [each.kind for each in world.entries(name)]


def done(world: World, key: str, day: str = "2026-12-30") -> None:
    """A ticket was closed within the cycle, as the tracker tells only now."""
    world.clock.forward(minutes=5)
    world.trackers[SOURCE].change("PAY", key, state=State.DONE, closed_at=at(day))


def ends(world: World) -> dict[str, finals.Final]:
    with world.database.read() as connection:
        return finals.finals(connection)


def test_all_of_a_cycle_is_closed_at_once_behind_the_same_head(world: World) -> None:
    head = world.entries()[-1]
    entries = world.close()
    assert [(each.key_result, each.kind) for each in entries] == [
        ("closed", EntryKind.CLOSE),
        ("share", EntryKind.CLOSE),
        ("unmapped", EntryKind.CLOSE),
    ]
    told = [parse_ending(each.details or "") for each in entries]
    assert {each.head for each in told} == {head.hash}
    assert [(each.value, each.grade) for each in told] == [(4, Decimal("0.2")), (40, Decimal("0.4")), (None, 0)]
    assert [(each.old, each.new) for each in entries] == [(4, 4), (40, 40), (None, None)]
    assert {(each.why, each.at) for each in entries} == {("the quarter is over", world.clock())}
    assert len({each.by for each in entries}) == 1
    assert ends(world).keys() == {"closed", "share", "unmapped"}
    assert world.verify().ok


def test_a_person_may_grade_otherwise(world: World) -> None:
    world.close(grades={"closed": Decimal("0.7")})
    assert {name: each.grade for name, each in ends(world).items()} == {
        "closed": Decimal("0.7"),
        "share": Decimal("0.4"),
        "unmapped": 0,
    }
    told = {each.key_result: parse_ending(each.details or "") for each in world.entries() if each.kind == "close"}
    assert [told[name].graded for name in ("closed", "share", "unmapped")] == [True, False, False]
    assert world.verify().ok


def test_an_override_in_force_is_what_is_closed_and_ends(world: World) -> None:
    with world.database.write() as connection:
        overrides.keep_override(connection, "closed", Override("closed", Decimal(15), "", "x", LATE, None, 1))
        ran_out = Override("share", Decimal(99), "", "x", LATE, LATE + timedelta(seconds=1), 1)
        overrides.keep_override(connection, "share", ran_out)
    world.close()
    assert {name: (each.value, each.grade) for name, each in ends(world).items()} == {
        "closed": (15, Decimal("0.75")),
        "share": (40, Decimal("0.4")),
        "unmapped": (None, 0),
    }
    assert dump(world.database, override)["override"] == []


@pytest.mark.parametrize("grade", ["-0.1", "0.1"])
def test_progress_is_clamped(world: World, grade: str) -> None:
    world.feed("closed", a_rule(), Numeric(Decimal(5), Decimal(6)) if grade.startswith("-") else None)
    world.sync()
    world.close()
    assert ends(world)["closed"].grade == (0 if grade.startswith("-") else Decimal("0.2"))


# --- when it cannot be closed ------------------------------------------------------------------------------------


def test_not_before_its_end_but_with_early(database: Database) -> None:
    clock = Clock(at("2026-12-31T23:00"))
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", an_item("PAY-1", State.DONE))
    world = World(database, {SOURCE: tracker}, clock)
    world.feed("closed", a_rule())
    world.sync()
    assert world.closing() == ("cycle ends with 2026-12-31: --early closes it before.",)
    assert world.closing(early=True) == ()
    clock.forward(minutes=20)
    assert world.closing(early=True) == (
        "closed is fed by tracker, not read completely lately: run `headway sync`, or take its number as it is with "
        "--stale.",
    )
    with pytest.raises(UnclosableError):
        world.close()
    world.sync()
    world.close(early=True)
    assert world.verify().ok


def test_not_while_updates_wait(world: World) -> None:
    tracker = world.trackers[SOURCE]
    for number in range(1, 6):
        tracker.drop("PAY", f"PAY-{number}")
    world.sync(full=True)
    held = world.sync(full=True).held
    assert world.closing(stale=True) == tuple(
        f"An update of {each.key_result} waits: `headway approve {each.id}` or `headway reject {each.id}`."
        for each in held
    )
    assert len(held) == 2
    with pytest.raises(UnclosableError):
        world.close()
    assert ends(world) == {}


def test_not_by_numbers_from_before_the_end(database: Database) -> None:
    clock = Clock()
    tracker = FakeTracker(clock, "PAY", "OPS")
    tracker.put("PAY", an_item("PAY-1", State.DONE))
    world = World(database, {SOURCE: tracker}, clock)
    world.feed("closed", a_rule())
    world.sync()
    clock.now = LATE
    told = "closed is fed by tracker, not read completely since cycle ended: run `headway sync`, or take its number as "
    assert world.closing() == (f"{told}it is with --stale.",)
    tracker.projects["OPS"].hidden = True
    world.sync()
    assert world.closing() == (f"{told}it is with --stale.",), "one of its projects was not"
    assert world.closing(stale=True) == ()
    world.close(stale=True)
    assert [parse_ending(each.details or "").unread for each in world.entries() if each.kind == "close"] == [True]
    assert world.verify().ok


@pytest.mark.parametrize("edit", ["rule", "terms", "mapping", "reading"])
def test_not_before_what_the_config_says_is_recorded(world: World, edit: str) -> None:
    match edit:
        case "rule":
            world.feed("closed", a_rule(a_part(counts=Counts.OPEN)))
        case "terms":
            world.feed("closed", a_rule(), HUNDRED)
        case "mapping":
            world.feed("closed", None)
        case "reading":
            world.feed("closed", a_rule(a_part(Measure.SUM, by="points")))
    told = "is not recorded yet as the config and its tickets have it: run `headway sync`."
    if edit == "reading":
        told = "waits for a read that its changed mapping needs: run `headway sync`, or take the change back."
    assert world.closing(stale=True) == (f"closed {told}",)
    world.sync()
    assert world.closing() == ()


def test_not_before_what_was_read_is_recorded(world: World) -> None:
    done(world, "PAY-5")
    world.read_only()
    told = "is not recorded yet as the config and its tickets have it: run `headway sync`."
    assert world.closing() == (f"closed {told}", f"share {told}")
    world.record()
    assert world.closing() == ()


def test_not_twice_and_nothing_unknown(world: World) -> None:
    with pytest.raises(KeyError):
        world.close("2020-Q1")
    assert world.closing("next") == (
        "next has no key results: there is nothing to grade.",
        "next ends with 2027-03-31: --early closes it before.",
    )
    assert world.closing(grades={"nope": Decimal(1)}) == ("cycle has no key result nope that could be graded.",)
    world.close()
    before = dump(world.database, *ALL)
    with pytest.raises(ClosedError):
        world.close()
    assert dump(world.database, *ALL) == before


# --- behind it ---------------------------------------------------------------------------------------------------


def test_late_truths_are_corrections_which_move_nothing_that_is_shown(world: World) -> None:
    world.close()
    done(world, "PAY-5")
    report = world.sync()
    assert (report.updates, report.held) == ((), ())
    assert [(each.key_result, each.old, each.new) for each in report.corrections] == [
        ("closed", 4, 5),
        ("share", 40, 50),
    ]
    assert [row.cause for row in world.entries("closed")[-1].deltas] == ["closed"]
    assert {name: each.value for name, each in ends(world).items()} == {"closed": 4, "share": 40, "unmapped": None}
    assert world.verify().ok
    before = dump(world.database, *ALL)
    assert world.sync().entries == ()
    assert dump(world.database, *ALL) == before


def test_what_happens_after_the_end_is_no_correction(world: World) -> None:
    world.close()
    world.clock.forward(days=1)
    world.trackers[SOURCE].change("PAY", "PAY-1", state=State.TODO, closed_at=None)
    world.trackers[SOURCE].change("PAY", "PAY-7", state=State.DONE, closed_at=world.clock())
    assert world.sync().entries == ()
    assert world.verify().ok


def test_nobody_is_asked_about_corrections(world: World) -> None:
    world.close()
    for number in range(1, 6):
        world.trackers[SOURCE].drop("PAY", f"PAY-{number}")
    world.sync(full=True)
    report = world.sync(full=True)
    assert report.held == ()
    assert [(each.key_result, each.old, each.new) for each in report.corrections] == [
        ("closed", 4, 0),
        ("share", 40, 0),
    ]
    assert world.verify().ok


EDITS = ["rule", "terms", "mapping", "dates", "gone", "other cycle"]


@pytest.mark.parametrize("edit", EDITS)
def test_no_edit_of_the_config_writes_anything(world: World, edit: str) -> None:
    world.close()
    before, end = dump(world.database, *ALL), ends(world)
    match edit:
        case "rule":
            world.feed("closed", a_rule(a_part(counts=Counts.OPEN)))
        case "terms":
            world.feed("closed", a_rule(), HUNDRED)
        case "mapping":
            world.feed("closed", None)
            world.feed("unmapped", a_rule())
        case "dates":
            period = replace(QUARTER, end=QUARTER.end + timedelta(days=30))
            world.feed("closed", a_rule(period=period))
        case "gone":
            del world.goals["closed"]
        case "other cycle":
            world.feed("closed", a_rule(), cycle="next")
    assert [each for each in world.plan().values() if each.changes or each.effects] == []
    assert world.sync().entries == ()
    assert dump(world.database, *ALL) == before
    done(world, "PAY-5")
    report = world.sync()
    assert ends(world) == end
    corrected = ["share"] if edit == "gone" else ["closed", "share"]
    assert [each.key_result for each in report.corrections] == corrected, "by the rule on record"
    assert world.verify().ok


def test_what_comes_into_a_closed_cycle_is_not_measured(world: World) -> None:
    world.close()
    world.feed("late", a_rule())
    assert world.sync().entries == ()
    assert world.status("late").standing.status is Status.CLOSED
    assert world.verify().ok


def test_a_rejected_update_is_not_taken_after_all(world: World) -> None:
    from sync.holding import NotHeldError, approve_held, reject_held
    from tests.integration.test_sync_holds import act

    for number in range(1, 6):
        world.trackers[SOURCE].drop("PAY", f"PAY-{number}")
    world.sync(full=True)
    held = world.sync(full=True).held
    for each in held:
        reject_held(world.database, each.id, act(world))
    assert world.closing() == ()
    world.close()
    with pytest.raises(NotHeldError):
        approve_held(world.database, world.goals["closed"], held[0].id, act(world))
    assert world.verify().ok


def test_a_run_that_measured_before_the_close_writes_nothing_after_it(world: World) -> None:
    """The close comes between its measuring and its writing."""
    from store.cache import MirrorCache
    from sync import recording
    from sync.recording import Run, record
    from sync.watching import Due

    done(world, "PAY-5")
    world.read_only()
    world.record()
    world.feed("closed", a_rule(a_part(counts=Counts.OPEN)))
    due = [Due(world.goals["closed"])]
    world.feed("closed", a_rule())
    judged, once = recording._judged, []

    def between(*arguments: object) -> object:
        for found in judged(*arguments):  # type: ignore[arg-type]
            if not once:
                once.append(world.close())
            yield found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording, "_judged", between)
        run = Run("other", {SOURCE: ("PAY",)})
        entries = record(world.database, due, run, MirrorCache(), world.clock())
    assert once
    assert entries == []
    assert world.verify().ok
