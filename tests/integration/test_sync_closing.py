"""Closing a cycle: it is graded once all is known, and behind that nothing moves but corrections."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import (
    DataObject,
    booleans,
    data,
    dictionaries,
    integers,
    lists,
    sampled_from,
    sets,
)
from sqlalchemy import Column, delete, select, update

from connectors.contract import TryLater
from mapping.rule import Counts, Measure, Regress, Rule
from okrs.closing import parse_ending
from okrs.guard import Guard
from okrs.immutable import replace
from okrs.ledger import EntryKind
from okrs.objective import Numeric
from okrs.progress import Status
from okrs.work import State
from store import finals, ledger, overrides
from store.cache import MirrorCache
from store.database import Database
from store.ledger import Draft, Head
from store.overrides import Override
from store.tables import final, hold, key_result, ledger_delta, ledger_entry, override
from store.views.explain import Explained, explain
from store.views.explain_past import explain_at
from store.views.verify import verify
from sync import rebuilding, recording
from sync.closing import ClosedError, UnclosableError
from sync.engine import Report
from sync.holding import NotHeldError, approve_held, reject_held
from sync.planned import Note
from sync.recording import Run, record
from sync.task import Outcome
from sync.watching import Due
from tests.builders import QUARTER, SOURCE, a_part, a_rule, an_item, at, where
from tests.integration.fakes import RECORDS, Clock, FakeTracker, Project, World, dump, emptied
from tests.integration.test_sync_holds import act

HUNDRED = Numeric(Decimal(0), Decimal(100))
ALL = (*RECORDS, hold, key_result, override, final)
LATE = at("2027-01-04T09:00")
SOON = timedelta(minutes=5)
"""Runs behind each other take less."""


BOTH_WAYS = pytest.mark.parametrize("world", [50_000, 0], ids=["whole", "facets"], indirect=True)


@pytest.fixture
def world(database: Database, request: pytest.FixtureRequest) -> World:
    """Ten tickets, four of them done, read once within the cycle and once behind its end."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    states = [State.DONE] * 4 + [State.TODO] * 6
    tracker.put("PAY", *(an_item(f"PAY-{number}", state) for number, state in enumerate(states, 1)))
    world = World(database, {SOURCE: tracker}, clock, large=getattr(request, "param", 50_000), guard=Guard())
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


def corrected(report: Report) -> dict[str, object]:
    return {each.key_result: (each.old, each.new) for each in report.corrections}


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


def test_what_keeps_several_from_being_closed_is_said_once(database: Database) -> None:
    clock = Clock()
    world = World(database, {SOURCE: FakeTracker(clock, "PAY")}, clock)
    for name in ("a", "b", "c", "d", "e"):
        world.feed(name, a_rule())
    world.sync()
    clock.now = LATE
    assert world.closing() == (
        "5 key results (a, b, c, …) are fed by tracker, not read completely since cycle ended: run `headway sync`, or "
        "take their numbers as they are with --stale.",
    )


def test_not_by_what_a_query_found_before_the_end(database: Database) -> None:
    """Its source was read since, so that a release was: only what the query finds now nobody knows."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", an_item("PAY-1", State.DONE), an_item("PAY-2", State.DONE))
    tracker.finds["mine"] = {"id:PAY-1"}
    world = World(database, {SOURCE: tracker}, clock)
    world.feed("asked", a_rule(a_part(where=where(query="mine"))))
    world.feed("listed", a_rule())
    world.sync()
    clock.now = LATE
    tracker.finds["mine"] = TryLater("The tracker is down for a moment.")
    assert world.sync().sources[0].state is Outcome.FAILED
    told = "asked is fed by a query of tracker, not answered since cycle ended: run `headway sync`, or take its number "
    assert world.closing() == (f"{told}as it is with --stale.",)
    assert world.closing(stale=True) == ()
    tracker.finds["mine"] = {"id:PAY-1", "id:PAY-2"}
    world.sync()
    assert world.closing() == ()
    world.close()
    assert {name: each.value for name, each in ends(world).items()} == {"asked": 2, "listed": 2}


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


@BOTH_WAYS
def test_late_truths_are_corrections_which_move_nothing_that_is_shown(world: World) -> None:
    world.close()
    done(world, "PAY-5")
    report = world.sync()
    assert (report.updates, report.held) == ((), ())
    assert corrected(report) == {"closed": (4, 5), "share": (40, 50)}
    assert [row.cause for row in world.entries("closed")[-1].deltas] == ["closed"]
    assert {name: each.value for name, each in ends(world).items()} == {"closed": 4, "share": 40, "unmapped": None}
    assert world.verify().ok
    before = dump(world.database, *ALL)
    assert world.sync().entries == ()
    assert dump(world.database, *ALL) == before


@BOTH_WAYS
def test_what_happens_after_the_end_is_no_correction(world: World) -> None:
    world.close()
    world.clock.forward(days=1)
    world.trackers[SOURCE].change("PAY", "PAY-1", state=State.TODO, closed_at=None)
    world.trackers[SOURCE].change("PAY", "PAY-7", state=State.DONE, closed_at=world.clock())
    assert world.sync().entries == ()
    assert world.verify().ok


@BOTH_WAYS
def test_nobody_is_asked_about_corrections(world: World) -> None:
    world.close()
    for number in range(1, 6):
        world.trackers[SOURCE].drop("PAY", f"PAY-{number}")
    world.sync(full=True)
    report = world.sync(full=True)
    assert report.held == ()
    assert corrected(report) == {"closed": (4, 0), "share": (40, 0)}
    assert world.verify().ok


EDITS = ["rule", "terms", "mapping", "dates", "gone", "other cycle"]


@BOTH_WAYS
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
    planned = world.plan()
    assert [each for each in planned.values() if each.changes or each.effects] == []
    edited = {name for name, each in planned.items() if each.notes != (Note.CLOSED,)}
    assert edited == {"gone": set(), "other cycle": set(), "mapping": {"closed", "unmapped"}}.get(edit, {"closed"})
    assert {name for name, each in planned.items() if each.told} == edited
    assert world.sync().entries == ()
    assert dump(world.database, *ALL) == before
    done(world, "PAY-5")
    report = world.sync()
    assert ends(world) == end
    assert list(corrected(report)) == (["share"] if edit == "gone" else ["closed", "share"]), "by the rule on record"
    assert world.verify().ok


@BOTH_WAYS
def test_what_is_not_read_any_more_is_as_it_was(world: World) -> None:
    """A project that leaves the config takes nothing away from what it did."""
    tracker = world.trackers[SOURCE]
    tracker.projects["OPS"] = Project("#OPS", "OPS")
    tracker.put("OPS", an_item("OPS-1", State.DONE, created_at=at("2026-10-02")))
    world.sync(full=True)
    assert world.value("closed") == 5
    world.close()
    left = tracker.projects.pop("OPS")
    assert world.sync(full=True).entries == ()
    done(world, "PAY-5")
    assert corrected(world.sync()) == {"closed": (5, 6), "share": (Decimal("45.454545"), Decimal("54.545455"))}
    assert world.sync(full=True).entries == ()
    tracker.projects["OPS"] = left
    assert world.sync(full=True).entries == ()
    assert world.verify().ok


def test_what_comes_into_a_closed_cycle_is_not_measured(world: World) -> None:
    world.close()
    world.feed("late", a_rule())
    assert world.sync().entries == ()
    assert world.status("late").standing.status is Status.CLOSED
    assert world.verify().ok


def test_a_rejected_update_is_not_taken_after_all(world: World) -> None:
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
    done(world, "PAY-5")
    world.read_only()
    world.record()
    world.feed("closed", a_rule(a_part(counts=Counts.OPEN)))
    due = [Due(world.goals["closed"])]
    world.feed("closed", a_rule())
    judged, once = recording._judged, list[object]()

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


# --- what people are shown ---------------------------------------------------------------------------------------


def test_a_closed_cycle_is_shown_when_it_is_asked_for(world: World) -> None:
    world.feed("next", a_rule(), cycle="next")
    world.sync()
    before = world.overview()
    assert {each.key_result.id for each in before.key_results} == {"closed", "share", "unmapped", "next"}
    world.close(grades={"closed": Decimal("0.7")})
    view = world.overview()
    assert [each.key_result.id for each in view.key_results] == ["next"]
    assert (view.cycle and view.cycle.id, view.closed) == ("next", ("cycle",))
    asked = world.overview("cycle")
    told = {each.key_result.id: each.closed and (each.value, each.closed.final.grade) for each in asked.key_results}
    assert told == {"closed": (4, Decimal("0.7")), "share": (40, Decimal("0.4")), "unmapped": (None, 0)}
    assert {each.standing.status for each in asked.key_results} == {Status.CLOSED}
    assert [(each.status, each.grade) for each in asked.objectives] == [(Status.CLOSED, Decimal("0.366667"))]


def test_value_progress_and_grade_stay_whatever_the_config_says(world: World) -> None:
    world.close()
    before = [
        (each.value, each.standing, each.key_result.terms, each.key_result.weight)
        for each in world.overview("cycle").key_results
    ]
    graded = world.overview("cycle").objectives
    done(world, "PAY-5")
    world.feed("closed", a_rule(a_part(counts=Counts.OPEN)), HUNDRED)
    heavy = replace(world.goals["share"], key_result=replace(world.goals["share"].key_result, weight=Decimal(9)))
    world.goals["share"] = heavy
    world.sync()
    world.clock.forward(days=20)
    after = [
        (each.value, each.standing, each.key_result.terms, each.key_result.weight)
        for each in world.overview("cycle").key_results
    ]
    assert after == before
    assert world.overview("cycle").objectives == graded
    assert not any(each.stale or each.reading or each.hold for each in world.overview("cycle").key_results)


@BOTH_WAYS
def test_an_explanation_stays_and_tells_what_is_known_now(world: World) -> None:
    before = world.explain("closed")
    world.close()
    done(world, "PAY-5")
    world.sync()
    after = world.explain("closed")
    assert counted(after) == counted(before) == ["PAY-1", "PAY-2", "PAY-3", "PAY-4"]
    assert after.value == after.measured.value == 4
    assert after.measured.totals == before.measured.totals
    assert after.end is not None
    assert after.end.known_now == 5
    assert (after.end.by, after.end.closed.why) == ("Ada", "the quarter is over")
    assert [each.new for each in after.end.corrections] == [5]


def counted(view: Explained) -> list[str]:
    return sorted(line.item.key for line in view.measured.lines if line.counted)


# --- tampering ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", [each for each in final.c if each.name != "key_result"], ids=lambda each: each.name)
def test_what_is_kept_of_an_end_must_be_what_its_entry_says(world: World, column: Column[Any]) -> None:
    world.close()
    another: object = "x" if column.name in ("cycle", "head") else at("2027-02-01") if column is final.c.at else 0
    with world.database.write() as connection:
        here = final.c.key_result == "closed"
        connection.execute(update(final).where(here).values({column.name: another}))
    answer = world.verify()
    assert (answer.ok, answer.problem) == (
        False,
        "What is kept of the end of closed differs from what its entries say.",
    )


@pytest.mark.parametrize("name", ["closed", "unmapped"])
def test_an_end_can_neither_be_taken_away_nor_made_up(world: World, name: str) -> None:
    world.close()
    with world.database.write() as connection:
        row = connection.execute(select(final).where(final.c.key_result == name)).one()
        connection.execute(delete(final).where(final.c.key_result == name))
    assert not world.verify().ok
    with world.database.write() as connection:
        connection.execute(final.insert().values(row._asdict()))
        assert verify(connection).ok
        connection.execute(final.insert().values(row._asdict() | {"key_result": "another"}))
    assert not world.verify().ok


def forged(world: World, *changed: tuple[int, dict[str, Any]]) -> str:
    """Write the whole chain anew with some entries changed, so that every hash fits; returns what `verify` says."""
    entries = world.entries()
    for place, facts in changed:
        entries[place] = replace(entries[place], **facts)
    with world.database.write() as connection:
        connection.execute(delete(ledger_delta))
        connection.execute(delete(ledger_entry))
        head = Head()
        for each in entries:
            draft = Draft(each.kind, each.old, each.new, each.rule, each.why, each.details, each.deltas, each.by)
            (written,) = ledger.append(connection, head, each.key_result, [draft], at=each.at, run=each.run)
            head = Head(written.seq, written.hash)
    return world.verify().problem


END = -3
"""The first of the entries that close the cycle."""


def told_otherwise(world: World, **facts: Any) -> str:
    ending = parse_ending(world.entries()[END].details or "")
    return replace(ending, **facts).details


def test_a_forged_end_is_found(world: World) -> None:
    world.close()
    assert forged(world) == "", "the forger's own hand is seen nowhere"
    seq = len(world.entries()) - 2
    for facts, problem in (
        ({"grade": Decimal("0.9")}, "its grade does not follow from its value."),
        ({"graded": True}, "its grade does not follow from its value."),
        ({"grade": Decimal("1.5"), "graded": True}, "1.5 is no grade."),
        ({"value": Decimal(20), "grade": Decimal(1)}, "it says 20, but what was shown is 4"),
        ({"terms": HUNDRED, "grade": Decimal("0.04")}, "its terms are not those before it."),
        ({"head": "f" * 64}, "it names another entry as the last before its cycle was closed."),
        ({"cycle": "another"}, "Entry "),
    ):
        details = told_otherwise(world, **facts)
        kept = world.entries()[END].details
        assert problem in forged(world, (END, {"details": details})), facts
        assert forged(world, (END, {"details": kept})) == ""
    progress = (world.entries()[END].details or "").replace('"progress":"0.2"', '"progress":"0.3"')
    assert "does not follow" in forged(world, (END, {"details": progress}))
    assert f"Entry {seq}: what it says of the end" in forged(world, (END, {"details": "{}"}))


def test_nothing_but_a_correction_stands_behind_an_end(world: World) -> None:
    world.close()
    done(world, "PAY-5")
    world.sync()
    assert forged(world) == ""
    assert "its cycle was closed before." in forged(world, (-1, {"kind": EntryKind.AUTO}))
    assert "nothing was closed that it could correct." in forged(
        world, (-1, {"kind": EntryKind.CORRECTION}), (2, {"kind": EntryKind.CORRECTION})
    )


# --- the law -----------------------------------------------------------------------------------------------------

CHANGES = ("close", "reopen", "cancel", "drop", "estimate", "rule", "terms", "unmap", "leave", "come back", "days")


@given(data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_happens_behind_the_end_what_was_shown_stays(database: Database, life: DataObject) -> None:
    emptied(database)
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", *(an_item(f"PAY-{number}", points="2") for number in range(8)))
    world = World(database, {SOURCE: tracker}, clock, guard=Guard())
    rules = {
        "count": a_rule(),
        "share": a_rule(a_part(Measure.PERCENT)),
        "best": a_rule(regress=Regress.RATCHET),
        "points": a_rule(a_part(Measure.SUM, by="points")),
    }
    for name, rule in rules.items():
        world.feed(name, rule)
    some = life.draw(sets(integers(0, 7)))
    for number in some:
        tracker.change("PAY", f"PAY-{number}", state=State.DONE, closed_at=at("2026-11-19"))
    world.sync()
    clock.now = LATE
    world.sync()
    given_by_hand = life.draw(dictionaries(sampled_from(sorted(rules)), sampled_from([Decimal(1), Decimal("0.3")])))
    world.close(grades=given_by_hand)
    shown = everything_shown(world, rules)
    for change in life.draw(lists(sampled_from(CHANGES), min_size=1, max_size=6)):
        happen(world, change, life, rules)
        world.sync(full=life.draw(booleans()))
        assert everything_shown(world, [name for name in rules if name in world.goals]).items() <= shown.items()
        assert world.verify().ok
        before = dump(database, *ALL)
        assert world.sync().entries == ()
        assert dump(database, *ALL) == before
        assert not any(each.changes for each in world.plan().values())
    assert {each.kind for each in world.entries() if each.at > LATE + timedelta(minutes=2)} <= {EntryKind.CORRECTION}


def everything_shown(world: World, names: Iterable[str]) -> dict[str, object]:
    told: dict[str, object] = {}
    for name in names:
        status, why = world.status(name), world.explain(name)
        assert status.closed is not None
        lines = sorted((each.item.key, each.amount) for each in why.measured.lines if each.weight is not None)
        told[name] = (status.value, status.standing, status.closed, why.value, why.at, why.measured.totals, lines)
    return told


def happen(world: World, change: str, life: DataObject, rules: Mapping[str, Rule]) -> None:
    tracker, name = world.trackers[SOURCE], life.draw(sampled_from(sorted(rules)))
    now = world.clock.forward(minutes=life.draw(integers(1, 3000)))
    if (now + SOON).date() != now.date():  # a new day is looked at anew, which is noted: not between two runs
        world.clock.forward(minutes=10)
    keys = sorted(each.key for each in tracker.projects["PAY"].items.values())
    key = life.draw(sampled_from(keys)) if keys else None
    when = life.draw(sampled_from([at("2026-12-01"), at("2027-01-03")]))
    facts: dict[str, dict[str, Any]] = {
        "close": {"state": State.DONE, "closed_at": when},
        "cancel": {"state": State.CANCELLED, "closed_at": when},
        "reopen": {"state": State.TODO, "closed_at": None},
        "estimate": {"fields": (("points", "5"),)},
    }
    match change:
        case "close" | "cancel" | "reopen" | "estimate" if key:
            tracker.change("PAY", key, **facts[change])
        case "drop" if key:
            tracker.drop("PAY", key)
        case "rule":
            world.feed(name, a_rule(a_part(counts=Counts.OPEN)))
        case "terms":
            world.feed(name, rules[name], HUNDRED)
        case "unmap":
            world.feed(name, None)
        case "leave":
            world.goals.pop(name, None)
        case "come back":
            world.feed(name, rules[name])
        case "days":
            world.clock.forward(days=40)


# --- what comes into a closed cycle ---------------------------------------------------------------------------------


def test_what_comes_into_a_closed_cycle_later_changes_nothing_of_it(world: World) -> None:
    world.close()
    before = [(each.objective.id, each.progress, each.grade) for each in world.overview("cycle").objectives]
    world.feed("late", a_rule())
    world.sync()
    after = [(each.objective.id, each.progress, each.grade) for each in world.overview("cycle").objectives]
    assert after == before
    late, rule = world.goals["late"].key_result, a_rule()
    for known in (late, world.goals["closed"].key_result):
        with pytest.raises(rebuilding.ClosedError):
            rebuilding.write_rebuilt(world.database, known, rule, [], run=Run("late", {}), now=world.clock())
    assert kinds(world, "late") == []
    assert world.verify().ok


def test_what_is_renamed_behind_its_end_keeps_it(world: World) -> None:
    world.close()
    goal = world.goals.pop("closed")
    world.goals["renamed"] = replace(goal, key_result=replace(goal.key_result, id="renamed", was="closed"))
    for _ in range(2):
        assert world.status("renamed").value == 4
        assert world.status("renamed").closed is not None
        world.sync()
        assert world.verify().ok, world.verify().problem
    world.trackers[SOURCE].change("PAY", "PAY-9", state=State.DONE, closed_at=at("2026-12-20T09:00"))
    world.sync()
    now, setup = world.clock(), world._setup()
    with world.database.read() as connection:
        live, then = explain(connection, setup, "renamed", now), explain_at(connection, setup, "renamed", now)
    assert live is not None
    for end in (live.end, then.answer.end):
        assert end is not None
        assert [len(end.corrections), end.known_now] == [1, 5]
    assert world.verify().ok, world.verify().problem


def test_a_cycle_that_has_not_begun_is_not_closed(world: World) -> None:
    world.clock.now = at("2026-09-20T09:00")
    assert "cycle begins on 2026-10-01: there is nothing to close before." in world.closing(early=True)
