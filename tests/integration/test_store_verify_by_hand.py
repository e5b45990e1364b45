"""`verify` and what people set: each column of their entries, what is kept beside them, entries nobody may write."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Column

from okrs.immutable import replace
from okrs.ledger import CauseKind, Delta, EntryKind
from okrs.work import State
from store import ledger
from store.database import Database
from store.ledger import Draft
from store.overrides import keep_override, override_of, told_by
from store.tables import ledger_entry, override
from sync.holding import Act
from sync.overriding import Wanted, check_in, record_run_out, resume, set_value
from sync.recording import Run
from tests.builders import SOURCE, a_rule, an_item
from tests.integration.fakes import Clock, FakeTracker, World
from tests.integration.test_store_verify import Hand, _another, _columns

TOLD = [EntryKind.BASELINE, EntryKind.OVERRIDE, EntryKind.CHECKIN, EntryKind.AUTO, EntryKind.RESUME]
TOLD += [EntryKind.OVERRIDE, EntryKind.RESUME, EntryKind.OVERRIDE, EntryKind.OVERRIDE]
OVERRIDE, CHECKIN, RESUMED, RAN_OUT, LAST, UNMAPPED = 2, 3, 5, 7, 8, 9


@pytest.fixture(scope="module")
def world(shared_database: Database) -> World:
    """A ledger with entries 1…9 as in `TOLD`, all of kr1 but the last, which is of a key result without a mapping."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", an_item("PAY-1"), an_item("PAY-2", State.DONE))
    made = World(shared_database, {SOURCE: tracker}, clock)
    made.feed("kr1", a_rule())
    made.sync()

    def act() -> Act:
        clock.forward(minutes=1)
        return Act("Ada", clock(), Run("by hand", {}))

    def put(name: str, value: int, *, days: int | None = None) -> None:
        until = clock() + timedelta(days=days) if days else None
        set_value(shared_database, name, Wanted(Decimal(value), f"because {value}", until), act())

    put("kr1", 7)
    check_in(shared_database, "kr1", "it goes well", Decimal("0.5"), act())
    tracker.change("PAY", "PAY-1", state=State.DONE, closed_at=clock())
    made.sync()
    resume(shared_database, "kr1", act())
    put("kr1", 8, days=1)
    record_run_out(shared_database, Run("a run", {}), clock.forward(days=2))
    put("kr1", 9, days=3)
    put("kr2", 10)
    assert [each.kind for each in made.entries()] == TOLD
    return made


@pytest.fixture
def hand(world: World) -> Iterator[Hand]:
    """A hand in the tables; what it did is undone at the end."""
    with world.database.engine.connect() as connection:
        yield Hand(connection)
        connection.rollback()


def test_a_ledger_that_nobody_touched_is_whole(world: World) -> None:
    answer = world.verify()
    assert (answer.ok, answer.entries, answer.problem) == (True, len(TOLD), "")


@pytest.mark.parametrize("column", _columns(ledger_entry))
@pytest.mark.parametrize("seq", [OVERRIDE, CHECKIN, RESUMED, RAN_OUT, LAST, UNMAPPED])
def test_a_changed_entry_is_named(hand: Hand, column: Column[Any], seq: int) -> None:
    hand.set(column, ledger_entry.c.seq == seq, _another(column))
    answer = hand.verify()
    first = seq + 1 if column is ledger_entry.c.seq and seq < len(TOLD) else answer.first_bad
    assert (answer.ok, answer.first_bad, answer.entries) == (False, first, seq - 1)
    assert column is ledger_entry.c.seq or answer.first_bad == seq


@pytest.mark.parametrize("column", _columns(override))
@pytest.mark.parametrize(("name", "last"), [("kr1", LAST), ("kr2", UNMAPPED)])
def test_a_changed_override_is_named_by_its_entry(hand: Hand, column: Column[Any], name: str, last: int) -> None:
    hand.set(column, override.c.key_result == name, _another(column))
    answer = hand.verify()
    assert (answer.ok, answer.first_bad) == (False, last)
    assert name in answer.problem


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM override WHERE key_result = 'kr1'",
        "DELETE FROM override WHERE key_result = 'kr2'",
        "UPDATE override SET until = NULL WHERE key_result = 'kr1'",
        """INSERT INTO override (key_result, value, why, "by", since, until, seq)
           SELECT 'kr3', value, why, "by", since, until, seq FROM override WHERE key_result = 'kr2'""",
        "UPDATE key_result SET seq = 8 WHERE id = 'kr1'",
        "UPDATE key_result SET value = 9000000 WHERE id = 'kr1'",
        "INSERT INTO key_result SELECT 'kr2', value, seq, rule, terms, measured_at, moved_at, generations, retired,"
        " totals FROM key_result WHERE id = 'kr1'",
    ],
)
def test_what_is_kept_of_either_lane_must_be_what_its_entries_say(hand: Hand, statement: str) -> None:
    hand.run(statement)
    assert not hand.verify().ok


ROW = Delta(0, SOURCE, "id:PAY-1", "v", None, None, Decimal(1), Decimal(1), CauseKind.CLOSED)
NINE, TEN = Decimal(9), Decimal(10)
SET = Draft(EntryKind.OVERRIDE, NINE, TEN, None, why="w", details='{"until":null}', by="p")
BACK = Draft(EntryKind.RESUME, NINE, None, None, by="p")
NOTE = Draft(
    EntryKind.CHECKIN, Decimal(2), Decimal(2), None, why="n", details='{"confidence":null,"shown":"9"}', by="p"
)


def appended(world: World, drafts: Sequence[Draft]) -> tuple[bool, int | None, str]:
    """What `verify` says of a ledger that somebody who knows our code wrote on, with all that is kept beside it."""
    with world.database.engine.connect() as connection:
        head, at = ledger.head_of(connection), world.clock()
        entries = ledger.append(connection, head, "kr1", drafts, at=at, run="r")
        known = override_of(connection, "kr1")
        for each in entries:
            known = known and replace(known, seq=each.seq)
            with suppress(ValueError, KeyError, TypeError):
                known = told_by(each) if each.kind is EntryKind.OVERRIDE else None
        if entries[-1].kind is EntryKind.CHECKIN:
            known = override_of(connection, "kr1")
        keep_override(connection, "kr1", known)
        answer = Hand(connection).verify()
        connection.rollback()
    return answer.ok, answer.first_bad, answer.problem


@pytest.mark.parametrize("draft", [SET, BACK, NOTE])
def test_what_a_person_may_do_is_whole(world: World, draft: Draft) -> None:
    assert appended(world, [draft]) == (True, None, "")


@pytest.mark.parametrize(
    ("drafts", "words"),
    [
        ([replace(SET, old=None)], "not what a person had set before, 9"),
        ([replace(SET, old=Decimal(2))], "not what a person had set before, 9"),
        ([replace(SET, deltas=(ROW,))], "no ticket makes"),
        ([replace(SET, new=None)], "does not say what was set"),
        ([replace(SET, by=None)], "does not say what was set"),
        ([replace(SET, why=None)], "does not say what was set"),
        ([replace(SET, details=None)], "does not say what was set"),
        ([replace(SET, details='{"until":"soon"}')], "does not say what was set"),
        ([replace(BACK, old=None)], "not what a person had set before, 9"),
        ([replace(BACK, new=Decimal(2))], "does not end"),
        ([replace(BACK, by=None)], "its last day had not passed"),
        ([BACK, replace(BACK, old=None)], "does not end"),
        ([BACK, SET], "not what a person had set before, None"),
        ([replace(NOTE, new=Decimal(3))], "may not move the value"),
        ([replace(NOTE, old=NINE, new=NINE)], "may not move the value"),
        ([replace(NOTE, deltas=(ROW,))], "no ticket makes"),
    ],
)
def test_what_nobody_may_write_is_found_in_a_chain_that_fits(world: World, drafts: list[Draft], words: str) -> None:
    ok, first_bad, problem = appended(world, drafts)
    assert (ok, first_bad) == (False, len(TOLD) + len(drafts))
    assert words in problem
