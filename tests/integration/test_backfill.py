"""Days before the first measurement are rebuilt as polling at their ends would have recorded them."""

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import text

from mapping.past import last_instant
from mapping.rule import (
    AllOf,
    Cancelled,
    Combine,
    Counts,
    DoneWhen,
    Measure,
    Moment,
    Regress,
    Rule,
    Scope,
    Window,
    Within,
)
from okrs.cycle import Calendar, Period
from okrs.immutable import replace
from okrs.lanes import approximate_in, day_in, value_on
from okrs.ledger import Entry, EntryKind, canonical_json
from okrs.numbers import plain
from okrs.work import State, Step
from store.database import Database, open_database
from store.views.explain_past import UnknownThenError, explain_at, explain_then_json
from store.views.history import history
from store.views.prov import provenance
from store.views.status_past import status_at, status_then_json
from sync.holding import Act
from sync.overriding import Wanted, set_value
from sync.rebuilding import rebuild, span_of, values_of, write_rebuilt
from sync.recording import Run
from terminal.past import status_then
from terminal.render import history as told_history
from tests.builders import SOURCE, a_part, a_rule, an_item, at, where
from tests.integration.fakes import Clock, FakeTracker, World

CALENDAR = Calendar()
HALF = ((State.DOING, Decimal("0.5")),)
STATUS = {State.TODO: "To Do", State.DOING: "Doing", State.DONE: "Done", State.CANCELLED: "Closed"}
IN_CYCLE = Window.CYCLE

RULES: dict[str, Callable[[], Rule]] = {
    "percent": lambda: a_rule(a_part(Measure.PERCENT, partial=HALF)),
    "points": lambda: a_rule(a_part(Measure.SUM, by="points", window=IN_CYCLE, where=where(label="p1"))),
    "open": lambda: a_rule(a_part(counts=Counts.OPEN)),
    "released": lambda: a_rule(a_part(done_when=DoneWhen(status=("Closed",)), window=IN_CYCLE)),
    "complete": lambda: a_rule(a_part(Measure.PERCENT, cancelled=Cancelled.COMPLETE)),
    "cycle time": lambda: a_rule(a_part(Measure.CYCLE_TIME, window=IN_CYCLE)),
    "lead time": lambda: a_rule(a_part(Measure.LEAD_TIME, window=IN_CYCLE)),
    "throughput": lambda: a_rule(a_part(Measure.THROUGHPUT, window=IN_CYCLE)),
    "doing": lambda: a_rule(a_part(counts=Counts.ALL, where=where(status="Doing"))),
    "ratchet": lambda: a_rule(a_part(), regress=Regress.RATCHET),
    "frozen": lambda: a_rule(a_part(Measure.PERCENT, scope=Scope.FROZEN)),
    "both": lambda: a_rule(a_part(Measure.PERCENT), a_part(counts=Counts.OPEN), combine=Combine.MEAN),
    "autumn": lambda: a_rule(
        a_part(where=AllOf((where(), Within(Moment.CLOSED, (Period(at("2026-10-05"), at("2026-10-20")),)))))
    ),
}


@dataclass
class Work:
    """A tracker whose items tell all that ever became of them."""

    tracker: FakeTracker
    clock: Clock
    dice: random.Random
    born: int = 0

    def bear(self) -> None:
        self.born += 1
        now, points = self.clock.now, self.dice.choice((None, "1", "3"))
        labels = ("p1",) if self.dice.random() < 0.7 else ()
        step = Step(now, State.TODO, STATUS[State.TODO])
        self.tracker.put(
            "PAY",
            an_item(f"PAY-{self.born}", points=points, created_at=now, labels=labels, status="To Do", history=(step,)),
        )

    def move(self) -> None:
        items = list(self.tracker.projects["PAY"].items.values())
        some, state = self.dice.choice(items), self.dice.choice(tuple(State))
        if state is some.state:
            return
        step = Step(self.clock.now, state, STATUS[state], "Fixed" if state is State.DONE else None)
        closed_at = (some.closed_at or step.at) if state.closed else None
        told = {"state": state, "status": step.status, "resolution": step.resolution, "closed_at": closed_at}
        self.tracker.change("PAY", some.key, history=(*some.history, step), **told)

    def day(self, day: date) -> None:
        """Live a day."""
        self.clock.now = CALENDAR.midnight(day)
        for _ in range(self.dice.randint(0, 4)):
            self.clock.forward(minutes=self.dice.randint(1, 340))
            if self.dice.random() < 0.25 or not self.born:
                self.bear()
            else:
                self.move()


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(f"sqlite:///{tmp_path / 'twin.db'}", create=True)) as opened:
        yield opened


def days(first: str, last: str) -> list[date]:
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    return [begin + timedelta(days=number) for number in range((end - begin).days + 1)]


def backfilled(world: World, name: str) -> list[Entry]:
    now = world.clock.forward(minutes=1)
    rule = world.goals[name].rule
    assert rule is not None
    entries = [each for each in world.entries(name) if each.kind is EntryKind.BASELINE]
    span = span_of(rule, CALENDAR, entries[0].at if entries else None, now)
    if span is None:
        return []
    found = rebuild(world.database, name, rule, span, CALENDAR)
    return write_rebuilt(world.database, world.goals[name].key_result, rule, found, run=Run("by hand", {}), now=now)


def fed(world: World) -> World:
    for name, rule in RULES.items():
        world.feed(name, rule())
    return world


@pytest.mark.parametrize("seed", range(6))
def test_a_rebuilt_day_is_what_polling_at_its_end_would_have_recorded(
    database: Database, twin: Database, seed: int
) -> None:
    if not database.sqlite and seed > 1:
        pytest.skip("a few lives are enough for the second database")
    clock = Clock(at("2026-09-20T09:00"))
    work = Work(FakeTracker(clock, "PAY", page_size=50), clock, random.Random(seed))
    polling, late = (fed(World(each, {SOURCE: work.tracker}, clock)) for each in (twin, database))
    for day in days("2026-09-21", "2026-09-30"):
        work.day(day)
    recorded: dict[tuple[str, date], Decimal | None] = {}
    for day in days("2026-10-01", "2026-11-05"):
        work.day(day)
        clock.now = last_instant(CALENDAR, day)
        polling.engine().sync()
        recorded |= {(name, day): polling.value(name) for name in RULES}
    clock.now = at("2026-11-06T09:00")
    late.sync()
    for name in RULES:
        backfilled(late, name)
        with late.database.read() as connection:
            values = values_of(connection, name)
        for day in days("2026-10-01", "2026-11-05"):
            assert value_on(day, values) == recorded[name, day], (name, day)
        assert backfilled(late, name) == []
    assert late.verify().ok
    for item in list(work.tracker.projects["PAY"].items.values()):  # as a read that nobody asks histories of has them
        work.tracker.change("PAY", item.key, history=())
    late.sync()
    assert {name: moves(entries) for name in RULES if (entries := backfilled(late, name))} == {}
    for name in ("percent", "open", "released", "throughput"):
        assert len({value for (each, _), value in recorded.items() if each == name}) > 2  # so that there was a story


def small(database: Database) -> tuple[World, FakeTracker]:
    """A world that is first read on the 20th of November: a ticket closed on the 10th of October, one open."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", an_item("PAY-1", State.DONE, closed_at=at("2026-10-10T15:00")), an_item("PAY-2"))
    world = World(database, {SOURCE: tracker}, clock)
    world.feed("kr", a_rule(a_part(where=where(label="p1"))))
    return world, tracker


@pytest.mark.parametrize("seed", range(6, 10))
def test_what_was_seen_in_time_is_what_is_known_now(twin: Database, seed: int) -> None:
    """Nothing that happens afterwards is a correction of what was seen at the end of a day, whatever it is."""
    clock = Clock(at("2026-09-20T09:00"))
    work = Work(FakeTracker(clock, "PAY", page_size=50), clock, random.Random(seed))
    polling = fed(World(twin, {SOURCE: work.tracker}, clock))
    last = [last_instant(CALENDAR, day) for day in days("2026-09-29", "2026-10-20")]
    for when in last:
        work.day(CALENDAR.day_of(when))
        for each in list(work.tracker.projects["PAY"].items.values()):
            if work.dice.random() < 0.1:
                labels, points = work.dice.choice(((), ("p1",))), (("points", work.dice.choice("123")),)
                work.tracker.change("PAY", each.key, labels=labels, fields=points)
        clock.now = when
        polling.engine().sync()
    for when in last[3::4]:
        for name in RULES:
            with twin.read() as connection:
                try:
                    told = explain_at(connection, polling._setup(), name, when)
                except UnknownThenError:
                    continue
            assert told.known_now is not None
            assert (told.known_now.differs, told.known_now.tickets) == (False, ()), (when, name)


def moves(entries: list[Entry]) -> list[str]:
    """Day, old and new of rebuilt days."""
    numbers = [(each, [value if value is None else plain(value) for value in (each.old, each.new)]) for each in entries]
    return [f"{day_in(each.details)} {old} {new}" for each, (old, new) in numbers]


def test_the_days_are_on_record_marked_and_once(database: Database) -> None:
    world, tracker = small(database)
    for key in ("PAY-1", "PAY-2"):
        tracker.change("PAY", key, labels=("p1",))
    world.sync()
    state = world.entries("kr")[-1]
    entries = backfilled(world, "kr")
    assert moves(entries) == ["2026-10-01 None 0", "2026-10-10 0 1"]
    assert {(each.kind, each.deltas) for each in entries} == {(EntryKind.RECONSTRUCTED, ())}
    assert {approximate_in(each.details) for each in entries} == {("label",)}
    assert backfilled(world, "kr") == []
    assert world.value("kr") == state.new
    assert world.verify().ok


def test_what_is_learned_later_is_written_over_what_differs(database: Database) -> None:
    """A ticket comes in that was closed before, and another one has its label no more: that is taken back."""
    world, tracker = small(database)
    tracker.change("PAY", "PAY-1", labels=("p1",))
    world.sync()
    backfilled(world, "kr")
    tracker.put("PAY", an_item("PAY-3", State.DONE, closed_at=at("2026-10-05T15:00"), labels=("p1",)))
    world.sync()
    assert moves(backfilled(world, "kr")) == ["2026-10-05 0 1", "2026-10-10 1 2"]
    tracker.change("PAY", "PAY-1", labels=())
    world.sync()
    assert moves(backfilled(world, "kr")) == ["2026-10-10 1 1"]
    assert world.verify().ok


def test_nothing_is_rebuilt_of_a_cycle_that_was_measured_from_its_first_day(database: Database) -> None:
    world, _ = small(database)
    world.clock.now = at("2026-10-01T09:00")
    world.sync()
    world.clock.forward(days=3)
    assert backfilled(world, "kr") == []


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        ("UPDATE ledger_entry SET old = 7000000 WHERE seq = 3", "content"),
        ("DELETE FROM ledger_entry WHERE seq = 2", "missing"),
    ],
)
def test_verify_replays_what_was_rebuilt(database: Database, edit: str, problem: str) -> None:
    world, tracker = small(database)
    tracker.change("PAY", "PAY-1", labels=("p1",))
    world.sync()
    backfilled(world, "kr")
    with world.database.write() as connection:
        connection.execute(text(edit))
    found = world.verify()
    assert not found.ok
    assert problem in found.problem


def test_verify_holds_a_rebuilt_day_against_the_day_before(database: Database) -> None:
    """Also where whoever forged it knows how to seal an entry."""
    world, tracker = small(database)
    tracker.change("PAY", "PAY-1", labels=("p1",))
    world.sync()
    backfilled(world, "kr")
    forged = replace(world.entries("kr")[-1], old=Decimal(7)).sealed()
    with world.database.write() as connection:
        told = {"old": 7_000_000, "hash": forged.hash}
        connection.execute(text("UPDATE ledger_entry SET old = :old, hash = :hash WHERE seq = 3"), told)
        connection.execute(text("UPDATE ledger_head SET hash = :hash"), told)
    assert world.verify().problem == "Entry 3: its old value 7.000000 is not the value of the day before, 0.000000."


def test_verify_holds_a_rebuilt_day_against_the_first_measurement(database: Database) -> None:
    """A day that was not over anywhere is on record as it was seen, and not to be told otherwise."""
    world, tracker = small(database)
    tracker.change("PAY", "PAY-1", labels=("p1",))
    world.sync()
    backfilled(world, "kr")
    first, *_, last = world.entries("kr")
    day = first.at.date() + timedelta(days=1)
    forged = replace(last, details=canonical_json({"day": day.isoformat(), "approximate": []})).sealed()
    with world.database.write() as connection:
        told = {"details": forged.details, "hash": forged.hash, "seq": last.seq}
        connection.execute(text("UPDATE ledger_entry SET details = :details, hash = :hash WHERE seq = :seq"), told)
        connection.execute(text("UPDATE ledger_head SET hash = :hash"), told)
    assert world.verify().problem == f"Entry {last.seq}: {day} was not over before its key result was first measured."


def test_a_day_before_the_first_measurement_is_explained_by_what_was_rebuilt(database: Database) -> None:
    world, tracker = small(database)
    tracker.change("PAY", "PAY-1", labels=("p1",))
    world.sync()
    with world.database.read() as connection, pytest.raises(UnknownThenError) as unknown:
        explain_at(connection, world._setup(), "kr", at("2026-10-11"))
    assert unknown.value.since == world.entries("kr")[0].at
    backfilled(world, "kr")
    for when, value, counted in (("2026-10-10T12:00", 0, []), ("2026-10-11T00:00", 1, ["PAY-1"])):
        with world.database.read() as connection:
            answer = explain_then_json(explain_at(connection, world._setup(), "kr", at(when)))
        assert (answer["value"], answer["reconstructed"], answer["approximate"]) == (value, True, ["label"])
        assert [each["key"] for each in answer["parts"][0]["counted"]] == counted


@pytest.mark.parametrize("renamed", [False, True])
@pytest.mark.parametrize("when", ["2026-10-01T12:00", "2026-10-10T12:00", "2026-10-11T00:00", "2026-11-14T12:00"])
def test_status_and_explanation_agree_on_a_day_before_the_first_measurement(
    database: Database, when: str, *, renamed: bool
) -> None:
    """Also under the id that the config gives it, and no run has yet."""
    world, tracker = small(database)
    tracker.change("PAY", "PAY-1", labels=("p1",))
    world.sync()
    backfilled(world, "kr")
    if renamed:
        goal = world.goals.pop("kr")
        world.goals["new"] = replace(goal, key_result=replace(goal.key_result, id="new", was="kr"))
    (name,), setup = world.goals, world._setup()
    with world.database.read() as connection:
        try:
            explained = explain_then_json(explain_at(connection, setup, name, at(when)))
        except UnknownThenError:
            explained = {"value": None, "reconstructed": False, "approximate": []}
        view = status_at(connection, setup, at(when))
    (shown,) = status_then_json(view)["key_results"]
    assert {key: shown[key] for key in ("value", "reconstructed", "approximate")} == {
        key: explained[key] for key in ("value", "reconstructed", "approximate")
    }
    assert (shown["automatic"], shown["stale"]) == (shown["value"], not shown["reconstructed"])
    console = Console(width=200, record=True, file=StringIO())
    console.print(status_then(view, "UTC"))
    told = console.export_text()
    assert ("reconstructed (approximate: label)" in told) == shown["reconstructed"]
    assert ("What is reconstructed was not measured then" in told) == shown["reconstructed"]


def test_what_a_person_had_set_is_shown_beside_what_was_rebuilt(database: Database) -> None:
    world, tracker = small(database)
    tracker.change("PAY", "PAY-1", labels=("p1",))
    early, now = at("2026-10-20T12:00"), world.clock.now
    world.clock.now = early
    set_value(database, "kr", Wanted(Decimal(7), "a guess"), Act("Ada", early, Run("by hand", {})))
    world.clock.now = now
    world.sync()
    backfilled(world, "kr")
    with world.database.read() as connection:
        (shown,) = status_at(connection, world._setup(), early + timedelta(days=1)).view.key_results
    assert [shown.value, shown.automatic, shown.reconstructed] == [7, 1, True]


def test_histories_tell_what_was_rebuilt(database: Database) -> None:
    world, tracker = small(database)
    tracker.change("PAY", "PAY-1", labels=("p1",))
    world.sync()
    backfilled(world, "kr")
    with world.database.read() as connection:
        rows = told_history(history(connection, "kr"), "UTC")
        document = provenance(connection, "kr")
    console = Console(width=200, record=True, file=StringIO())
    console.print(rows)
    assert "reconstructed: the end of 2026-10-10 (approximate: label)" in console.export_text()
    derived = {(each["prov:generatedEntity"], each["prov:usedEntity"]) for each in document["wasDerivedFrom"].values()}
    assert ("headway:value/3", "headway:value/2") in derived
    assert ("headway:value/2", "headway:value/1") not in derived
