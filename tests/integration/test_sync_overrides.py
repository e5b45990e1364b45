"""A person's value beside the automatic one: what is shown, what goes on underneath, and what is on record."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping.rule import Measure
from okrs.closing import Ending
from okrs.guard import Guard
from okrs.immutable import replace
from okrs.lanes import Lane, lane_of
from okrs.ledger import EntryKind
from okrs.objective import Binary, Numeric
from okrs.progress import Status
from okrs.work import State
from store import holds, ledger
from store.database import Database
from store.finals import Final, keep_finals
from store.lanes import lanes_of
from store.ledger import Draft
from store.overrides import overrides
from store.tables import hold, key_result, override
from store.views.status import status
from sync.holding import Act, ChangedError, approve_held, reject_held
from sync.overriding import RAN_OUT, ClosedError, Said, Wanted, check_in, record_run_out, resume, set_value
from sync.planned import Note
from sync.recording import Run
from tests.builders import SOURCE, a_part, a_rule, an_item
from tests.integration.fakes import RECORDS, Clock, FakeTracker, World, dump, emptied

ALL = (*RECORDS, hold, key_result, override)


@pytest.fixture
def world(database: Database) -> World:
    """Ten tickets, four of them done: `kr` counts those, of 20."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", *(an_item(f"PAY-{at}", State.DONE if at <= 4 else State.TODO) for at in range(1, 11)))
    world = World(database, {SOURCE: tracker}, clock, guard=Guard())
    world.feed("kr", a_rule())
    world.sync()
    assert world.value("kr") == 4
    return world


def act(world: World, who: str = "Ada", why: str | None = None) -> Act:
    world.clock.forward(minutes=1)
    return Act(who, world.clock(), Run("by hand", {SOURCE: ("PAY",)}), why)


def put(world: World, value: int, why: str = "the audit", *, until: datetime | None = None, name: str = "kr") -> Said:
    return set_value(world.database, name, Wanted(Decimal(value), why, until), act(world))


def done(world: World, key: str) -> None:
    world.trackers[SOURCE].change("PAY", key, state=State.DONE, closed_at=world.clock())
    world.sync()


def kinds(world: World, name: str = "kr") -> list[EntryKind]:
    return [each.kind for each in world.entries(name)]


def shown(world: World, name: str = "kr") -> Decimal | None:
    return world.status(name).value


def test_a_value_that_was_set_is_shown_and_judged_and_the_automatic_one_stands_beside_it(world: World) -> None:
    said = put(world, 20)
    told = world.status("kr")
    assert [told.value, told.automatic, told.standing.progress] == [20, 4, 1]
    assert told.standing.status is Status.ACHIEVED
    assert told.override == said.lanes.override
    assert told.override is not None
    assert told.name_of(told.override.by) == "Ada"
    assert told.updated_at == world.clock()
    explained = world.explain("kr")
    assert [explained.value, explained.override] == [4, told.override]
    with world.database.read() as connection:
        assert lanes_of(connection, "kr").shown(world.clock()) == 20
    entry = world.entries("kr")[-1]
    assert [entry.kind, entry.old, entry.new, entry.why] == [EntryKind.OVERRIDE, None, 20, "the audit"]
    assert (entry.details, entry.deltas, entry.rule) == ('{"until":null}', (), None)
    assert world.verify().ok


def test_the_automatic_lane_goes_on_underneath(world: World) -> None:
    put(world, 12)
    done(world, "PAY-5")
    assert [shown(world), world.value("kr"), world.status("kr").automatic] == [12, 5, 5]
    assert [each.new for each in world.entries("kr") if each.kind is EntryKind.AUTO] == [5]
    resume(world.database, "kr", act(world, why="in order again"))
    assert [shown(world), world.value("kr")] == [5, 5]
    entry = world.entries("kr")[-1]
    assert [entry.kind, entry.old, entry.new, entry.why] == [EntryKind.RESUME, 12, None, "in order again"]
    assert world.status("kr").override is None
    done(world, "PAY-6")
    assert shown(world) == 6
    assert world.verify().ok


def test_set_again_replaces_and_the_same_again_writes_nothing(world: World) -> None:
    put(world, 12)
    put(world, 13, "another count")
    assert [world.entries("kr")[-1].old, shown(world)] == [12, 13]
    before = dump(world.database, *ALL)
    assert put(world, 13, "another count").entry is None
    assert dump(world.database, *ALL) == before
    assert put(world, 13, "another reason").entry is not None
    assert put(world, 13, "another reason", until=world.clock() + timedelta(days=1)).entry is not None
    assert world.verify().ok


def test_going_back_from_nothing_writes_nothing(world: World) -> None:
    before = dump(world.database, *ALL)
    assert resume(world.database, "kr", act(world)).entry is None
    assert dump(world.database, *ALL) == before


def test_it_runs_out_by_itself_and_the_next_run_says_so_once(world: World) -> None:
    until = world.clock() + timedelta(hours=3)
    put(world, 12, until=until)
    world.sync()
    assert shown(world) == 12
    world.clock.now = until - timedelta(microseconds=1)
    assert shown(world) == 12
    world.clock.now = until
    assert [shown(world), world.status("kr").override, world.explain("kr").override] == [4, None, None]
    assert kinds(world)[-1] is EntryKind.OVERRIDE
    report = world.sync()
    assert ([each.key_result for each in report.resumed], report.updates) == (["kr"], ())
    entry = world.entries("kr")[-1]
    assert [entry.kind, entry.old, entry.new, entry.by, entry.why] == [EntryKind.RESUME, 12, None, None, RAN_OUT]
    assert entry.run == report.run
    assert world.verify().ok
    before = dump(world.database, *ALL)
    assert world.sync().resumed == ()
    assert dump(world.database, *ALL) == before


def test_of_two_processes_one_writes_that_it_ran_out(world: World) -> None:
    put(world, 12, until=world.clock() + timedelta(hours=3))
    later = world.clock.forward(days=1)
    assert len(record_run_out(world.database, Run("one", {}), later)) == 1
    assert record_run_out(world.database, Run("two", {}), later) == []
    assert world.verify().ok


def test_one_runs_out_and_another_stays(world: World) -> None:
    world.feed("hand", None)
    put(world, 12, until=world.clock() + timedelta(hours=3))
    put(world, 15, name="hand", until=world.clock() + timedelta(days=3))
    world.clock.forward(days=1)
    assert [each.key_result for each in world.sync().resumed] == ["kr"]
    assert [shown(world), shown(world, "hand")] == [4, 15]
    assert world.verify().ok


def test_a_plan_says_that_what_it_foresees_is_not_shown(world: World) -> None:
    put(world, 12)
    assert world.plan()["kr"].notes == ()
    world.trackers[SOURCE].change("PAY", "PAY-5", state=State.DONE, closed_at=world.clock())
    world.read_only()
    planned = world.plan()["kr"]
    assert [planned.old, planned.new] == [4, 5]
    assert planned.notes == (Note.OVERRIDDEN,)
    resume(world.database, "kr", act(world))
    assert world.plan()["kr"].notes == ()


def test_what_ran_out_is_not_what_is_replaced(world: World) -> None:
    put(world, 12, until=world.clock() + timedelta(hours=3))
    world.clock.forward(days=1)
    assert resume(world.database, "kr", act(world)).entry is None
    put(world, 13)
    over, again = world.entries("kr")[-2:]
    assert [over.kind, over.old, over.by] == [EntryKind.RESUME, 12, None]
    assert [again.kind, again.old, again.new] == [EntryKind.OVERRIDE, None, 13]
    assert world.sync().resumed == ()
    assert world.verify().ok


def test_a_key_result_without_a_mapping_has_the_value_that_was_set(world: World) -> None:
    world.feed("hand", None)
    put(world, 15, name="hand")
    told = world.status("hand")
    assert [told.value, told.automatic, told.mapped, told.unread] == [15, None, False, False]
    assert told.standing.status is not Status.NOT_STARTED
    before = dump(world.database, *ALL)
    world.sync()
    assert dump(world.database, *ALL) == before
    assert world.verify().ok


def test_it_can_be_set_before_its_first_read(world: World) -> None:
    world.feed("late", a_rule(a_part(Measure.PERCENT)), Numeric(Decimal(0), Decimal(100)))
    put(world, 70, name="late")
    assert [shown(world, "late"), world.status("late").unread] == [70, False]
    assert world.verify().ok
    world.sync()
    assert [shown(world, "late"), world.value("late")] == [70, 40]
    assert kinds(world, "late") == [EntryKind.OVERRIDE, EntryKind.BASELINE]
    assert world.verify().ok


def test_a_yes_or_no_is_judged_by_what_was_said(world: World) -> None:
    world.feed("kr", a_rule(), Binary(Decimal(4)))
    world.sync()
    assert world.status("kr").standing.status is Status.ACHIEVED
    put(world, 0)
    assert [world.status("kr").standing.progress, world.status("kr").standing.status] == [0, Status.OFF_TRACK]


def test_an_objective_is_rolled_up_from_what_is_shown(world: World) -> None:
    put(world, 10)
    with world.database.read() as connection:
        view = status(connection, world._setup(), world.clock())
    assert view.objectives[0].progress == Decimal("0.5")


def hide_half(world: World) -> None:
    for at in range(1, 6):
        world.trackers[SOURCE].drop("PAY", f"PAY-{at}")
    world.sync(full=True)
    world.sync(full=True)


def test_what_waits_still_waits_and_moves_the_automatic_lane_alone(world: World) -> None:
    put(world, 12)
    hide_half(world)
    told = world.status("kr")
    assert told.hold is not None
    assert [told.value, told.automatic, told.hold.old, told.hold.new] == [12, 4, 4, 0]
    entry = approve_held(world.database, world.goals["kr"], told.hold.id, act(world))
    assert [entry.old, entry.new] == [4, 0]
    assert [shown(world), world.value("kr")] == [12, 0]
    assert world.verify().ok


def test_it_is_set_while_something_waits(world: World) -> None:
    hide_half(world)
    put(world, 12)
    before = dump(world.database, *ALL)
    world.sync(full=True)
    assert dump(world.database, *ALL) == before
    with world.database.read() as connection:
        assert [each.key_result for each in holds.open_holds(connection)] == ["kr"]


def test_a_run_that_measured_meanwhile_is_not_overtaken(world: World) -> None:
    """The human lane is no reason to measure anew: neither the entry nor the generations of the other lane move."""
    before = dump(world.database, key_result)
    put(world, 12)
    resume(world.database, "kr", act(world))
    assert dump(world.database, key_result) == before


def test_a_retired_key_result_keeps_what_was_set(world: World) -> None:
    put(world, 12)
    world.feed("kr", None)
    world.sync()
    assert kinds(world)[-1] is EntryKind.RETIRE
    assert shown(world) == 12
    world.feed("kr", a_rule())
    world.sync()
    assert [shown(world), world.value("kr")] == [12, 4]
    assert world.verify().ok


def test_a_checkin_moves_nothing_and_the_last_one_is_shown(world: World) -> None:
    put(world, 12)
    check_in(world.database, "kr", "it goes well", Decimal("0.5"), act(world, "Bob"))
    entry, value = check_in(world.database, "kr", "less so", Decimal("0.25"), act(world))
    assert value == 12
    assert [entry.kind, entry.old, entry.new, entry.why] == [EntryKind.CHECKIN, 4, 4, "less so"]
    assert entry.details == '{"confidence":"0.25","shown":"12"}'
    told = world.status("kr").checkin
    assert told is not None
    assert (told.note, told.confidence, world.status("kr").name_of(told.by)) == ("less so", Decimal("0.25"), "Ada")
    before = dump(world.database, *ALL)
    world.sync()
    assert dump(world.database, *ALL) == before
    done(world, "PAY-5")
    assert world.entries("kr")[-1].old == 4
    assert world.verify().ok


def test_a_checkin_without_confidence_of_what_nobody_measured(world: World) -> None:
    world.feed("hand", None)
    entry, value = check_in(world.database, "hand", "we begin", None, act(world))
    assert (entry.old, entry.new, value, entry.details) == (None, None, None, '{"confidence":null,"shown":null}')
    told = world.status("hand").checkin
    assert told is not None
    assert told.confidence is None
    assert world.verify().ok


def test_a_closed_key_result_takes_nothing_and_shows_its_final_value(world: World) -> None:
    put(world, 12, until=world.clock() + timedelta(hours=3))
    with world.database.write() as connection:
        told = Ending("cycle", "o", Numeric(Decimal(0), Decimal(22)), Decimal(1), Decimal(11), "0" * 64, Decimal("0.5"))
        draft = Draft(EntryKind.CLOSE, Decimal(1), Decimal(1), None, details=told.details)
        (entry,) = ledger.append(connection, ledger.lock_head(connection), "kr", [draft], at=world.clock(), run=None)
        keep_finals(connection, [Final("kr", "cycle", Decimal(11), told.grade, entry.at, told.head, entry.seq)])
    assert [shown(world), world.status("kr").override] == [11, None]
    before = dump(world.database, *ALL)
    for attempt in (
        lambda: put(world, 13),
        lambda: resume(world.database, "kr", act(world)),
        lambda: check_in(world.database, "kr", "late", None, act(world)),
    ):
        with pytest.raises(ClosedError):
            attempt()
    assert record_run_out(world.database, Run("late", {}), world.clock.forward(days=1)) == []
    assert dump(world.database, *ALL) == before
    with world.database.read() as connection:
        assert list(overrides(connection)) == ["kr"]


# --- the law: the lanes do not touch each other ---------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """What happens: a word, a number for it, and hours that pass before."""

    word: str
    number: int
    hours: int


WORDS = ("set", "set for a day", "resume", "check in", "done", "gone", "approve", "reject", "sync")


def stories() -> st.SearchStrategy[list[Step]]:
    step = st.builds(Step, st.sampled_from(WORDS), st.integers(0, 9), st.sampled_from([0, 1, 30]))
    return st.lists(step, min_size=1, max_size=14)


@dataclass
class Life:
    """A world in which a story happens, and what a person's value ought to be in it."""

    world: World
    told: tuple[int, datetime | None] | None = None

    def live(self, step: Step, *, by_hand: bool) -> None:
        world = self.world
        now = world.clock.forward(hours=step.hours, minutes=1)
        someone = Act("Ada", now, Run("by hand", {SOURCE: ("PAY",)}))
        tracker = world.trackers[SOURCE]
        keys = sorted(each.key for each in tracker.projects["PAY"].items.values())
        match step.word:
            case "set" | "set for a day" if by_hand:
                until = now + timedelta(days=1) if step.word == "set for a day" else None
                set_value(world.database, "kr", Wanted(Decimal(step.number), "why", until), someone)
                self.told = (step.number, until)
            case "resume" if by_hand:
                resume(world.database, "kr", someone)
                self.told = None
            case "check in" if by_hand:
                check_in(world.database, "kr", "note", Decimal(step.number) / 10, someone)
            case "done" if keys:
                tracker.change("PAY", keys[step.number % len(keys)], state=State.DONE, closed_at=now)
                self.sync()
            case "gone":
                for key in keys[step.number :]:
                    tracker.drop("PAY", key)
                self.sync(full=True)
                self.sync(full=True)
            case "approve" | "reject":
                self.decide(step.word, someone)
            case "sync":
                self.sync()

    def sync(self, *, full: bool = False) -> None:
        self.world.sync(full=full)
        with self.world.database.read() as connection:
            assert all(each.active(self.world.clock()) for each in overrides(connection).values())

    def decide(self, word: str, someone: Act) -> None:
        waits = self.world.status("kr").hold
        if waits is None:
            return
        if word == "reject":
            reject_held(self.world.database, waits.id, someone)
            return
        with suppress(ChangedError):  # what was shown is older than what was read
            approve_held(self.world.database, self.world.goals["kr"], waits.id, someone)

    def look(self) -> None:
        status, now = self.world.status("kr"), self.world.clock()
        number, until = self.told or (None, None)
        automatic = self.world.value("kr")
        in_force = number is not None and (until is None or now < until)
        assert (status.automatic, status.value) == (automatic, number if in_force else automatic)
        assert (status.override is not None) is in_force
        assert self.world.verify().ok

    def automatic(self) -> list[object]:
        """The automatic lane, but for where its entries stand in the ledger."""
        entries = [each for each in self.world.entries("kr") if lane_of(each.kind) is Lane.AUTOMATIC]
        with self.world.database.read() as connection:
            state = ledger.state_of(connection, "kr")
        assert state is not None
        assert state.seq == entries[-1].seq
        told = [(each.kind, each.at, each.old, each.new, each.rule, each.why, each.deltas) for each in entries]
        return [*told, replace(state, seq=0)]


def lived(database: Database, story: list[Step], *, by_hand: bool) -> list[object]:
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", *(an_item(f"PAY-{at}", State.DONE if at <= 4 else State.TODO) for at in range(1, 10)))
    life = Life(World(emptied(database), {SOURCE: tracker}, clock, guard=Guard()))
    life.world.feed("kr", a_rule())
    life.sync()
    for step in story:
        life.live(step, by_hand=by_hand)
        life.look()
    return life.automatic()


@settings(max_examples=12, deadline=None)
@given(stories())
def test_what_people_set_is_shown_and_what_is_measured_does_not_know_of_it(
    shared_database: Database, story: list[Step]
) -> None:
    assert lived(shared_database, story, by_hand=True) == lived(shared_database, story, by_hand=False)
