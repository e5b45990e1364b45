"""`verify` names every hand in the ledger's tables: each column, missing rows, foreign rows."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Column, ColumnElement, Connection, Table, func, select, text, update

from mapping.codec import rule_hash
from mapping.rule import Measure
from okrs.ledger import GENESIS, Entry, EntryKind
from okrs.objective import Numeric
from okrs.work import State
from store import ledger
from store.database import Database
from store.tables import Text, evidence, key_result, ledger_delta, ledger_entry, ledger_head, rule
from store.views.verify import Verified, verify, verify_json
from tests.builders import SOURCE, a_part, a_rule, an_item, where
from tests.integration.fakes import Clock, FakeTracker, World

TOLD = [EntryKind.BASELINE, EntryKind.BASELINE, EntryKind.AUTO, EntryKind.AUTO]
TOLD += [EntryKind.RULE, EntryKind.TARGET, EntryKind.RETIRE]


@pytest.fixture(scope="module")
def world(shared_database: Database) -> World:
    """A ledger with entries 1…7 as in `TOLD`: of kr1, kr2, kr1, kr2, kr1, kr1, kr2."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", an_item("PAY-1", points="3"), an_item("PAY-2", State.DONE, points="5"), an_item("PAY-3"))
    made = World(shared_database, {SOURCE: tracker}, clock)
    made.feed("kr1", a_rule())
    made.feed("kr2", a_rule(a_part(Measure.SUM, by="points")))
    made.sync()
    tracker.change("PAY", "PAY-1", state=State.DONE, closed_at=clock())
    made.sync()
    made.feed(
        "kr1", a_rule(a_part(Measure.PERCENT, where=where(key=["PAY-1", "PAY-2"]))), Numeric(Decimal(0), Decimal(9))
    )
    made.sync()
    made.feed("kr2", None)
    made.sync()
    assert [(each.kind, each.key_result) for each in made.entries()] == [
        (kind, name) for kind, name in zip(TOLD, ("kr1", "kr2", "kr1", "kr2", "kr1", "kr1", "kr2"), strict=True)
    ]
    return made


@pytest.fixture
def hand(world: World) -> Iterator["Hand"]:
    """A hand in the tables; what it did is undone at the end."""
    with world.database.engine.connect() as connection:
        yield Hand(connection)
        connection.rollback()


class Hand:
    """Changes rows by SQL, and asks `verify` about it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def run(self, *statements: str) -> None:
        for each in statements:
            assert self._connection.execute(text(each)).rowcount > 0

    def set(self, column: Column[Any], condition: ColumnElement[bool], new: object) -> None:
        statement = update(column.table).where(condition).values({column.name: new})
        assert self._connection.execute(statement).rowcount == 1

    def entry(self, seq: int) -> Entry:
        return list(ledger.entries_of(self._connection))[seq - 1]

    def verify(self) -> Verified:
        return verify(self._connection)


def test_a_ledger_that_nobody_touched_is_whole(world: World) -> None:
    answer = world.verify()
    assert (answer.ok, answer.entries, answer.first_bad, answer.problem) == (True, 7, None, "")
    assert answer.head == world.entries()[-1].hash
    assert verify_json(answer) == {
        "ok": True,
        "entries": 7,
        "head": answer.head,
        "first_bad": None,
        "problem": None,
        "anchors": None,
    }


def test_an_empty_ledger_is_whole(database: Database) -> None:
    answer = World(database, {}, Clock()).verify()
    assert (answer.ok, answer.entries, answer.head) == (True, 0, GENESIS)


# --- one value ---------------------------------------------------------------------------------------------------


def _another(column: Column[Any]) -> object:
    """An expression for a value that is not the one that stands there, nor any other row's."""
    if isinstance(column.type, Text):
        return func.coalesce(column, "") + "x"
    return text(f'coalesce("{column.name}", 0) + 1000')


def _columns(*tables: Table) -> list[object]:
    return [pytest.param(column, id=f"{column.table.name}.{column.name}") for table in tables for column in table.c]


@pytest.mark.parametrize("column", _columns(ledger_entry))
@pytest.mark.parametrize("seq", [1, 6])
def test_a_changed_entry_is_named(hand: Hand, column: Column[Any], seq: int) -> None:
    if column is ledger_entry.c.seq and seq == 1:
        hand.run("DELETE FROM ledger_delta WHERE seq = 1")  # they hold it fast
    hand.set(column, ledger_entry.c.seq == seq, _another(column))
    answer = hand.verify()
    first = seq + 1 if column is ledger_entry.c.seq else seq
    assert (answer.ok, answer.first_bad, answer.entries) == (False, first, seq - 1)
    assert answer.problem.startswith(f"Entry {first}: ")


@pytest.mark.parametrize("column", _columns(ledger_delta))
@pytest.mark.parametrize("seq", [1, 5])
def test_a_changed_row_is_named_by_its_entry(hand: Hand, column: Column[Any], seq: int) -> None:
    last = select(func.max(ledger_delta.c.place)).where(ledger_delta.c.seq == seq).scalar_subquery()
    new = 6 if column is ledger_delta.c.seq else _another(column)
    hand.set(column, (ledger_delta.c.seq == seq) & (ledger_delta.c.place == last), new)
    answer = hand.verify()
    assert (answer.ok, answer.first_bad) == (False, seq)
    assert answer.problem.startswith(f"Entry {seq}: ")


@pytest.mark.parametrize("column", _columns(rule))
@pytest.mark.parametrize("seq", [1, 5])
def test_a_changed_rule_is_named_by_the_first_entry_under_it(hand: Hand, column: Column[Any], seq: int) -> None:
    digest = hand.entry(seq).rule
    hand.set(column, rule.c.hash == digest, _another(column))
    answer = hand.verify()
    assert (answer.ok, answer.first_bad) == (False, seq)
    assert "rule" in answer.problem


@pytest.mark.parametrize("column", _columns(evidence))
@pytest.mark.parametrize(("name", "last"), [("kr1", 6), ("kr2", 7)])
def test_changed_evidence_is_named(hand: Hand, column: Column[Any], name: str, last: int) -> None:
    hand.set(column, (evidence.c.key_result == name) & (evidence.c.item == "id:PAY-1"), _another(column))
    answer = hand.verify()
    assert (answer.ok, answer.first_bad) == (False, last)
    assert name in answer.problem


@pytest.mark.parametrize("column", [key_result.c.value, key_result.c.seq, key_result.c.rule, key_result.c.id])
@pytest.mark.parametrize(("name", "last"), [("kr1", 6), ("kr2", 7)])
def test_a_changed_state_is_named(hand: Hand, column: Column[Any], name: str, last: int) -> None:
    hand.set(column, key_result.c.id == name, _another(column))
    answer = hand.verify()
    assert (answer.ok, answer.first_bad) == (False, last)
    assert name in answer.problem


@pytest.mark.parametrize("column", [ledger_head.c.seq, ledger_head.c.hash])
def test_a_changed_head_is_named(hand: Hand, column: Column[Any]) -> None:
    hand.set(column, ledger_head.c.id == 1, _another(column))
    answer = hand.verify()
    assert (answer.ok, answer.entries) == (False, 7)
    assert answer.first_bad == (8 if column is ledger_head.c.seq else 7)


@pytest.mark.parametrize(
    ("column", "new"),
    [
        (ledger_entry.c.at, 2**62),
        (ledger_entry.c.at, -(2**62)),
        (ledger_entry.c.kind, "miracle"),
        (ledger_entry.c.key_result, ""),
        (ledger_delta.c.cause, "miracle"),
        (ledger_delta.c.part, -1),
    ],
)
def test_a_value_that_is_none_of_its_column_is_named(hand: Hand, column: Column[Any], new: object) -> None:
    seq, place = column.table.c.seq, column.table.c.get("place")
    hand.set(column, (seq == 3) if place is None else (seq == 3) & (place == 0), text(repr(new)))
    answer = hand.verify()
    assert (answer.ok, answer.first_bad) == (False, 3)


# --- rows that are missing, rows that are too many -----------------------------------------------------------------


@pytest.mark.parametrize("seq", [1, 3, 6, 7])
def test_a_missing_entry_is_noticed(hand: Hand, seq: int) -> None:
    if seq not in (6, 7):
        hand.run(f"DELETE FROM ledger_delta WHERE seq = {seq}")
    hand.run(f"DELETE FROM ledger_entry WHERE seq = {seq}")
    answer = hand.verify()
    assert (answer.ok, answer.first_bad) == (False, seq + 1 if seq < 7 else 7)
    if seq == 7:
        assert answer.problem.startswith(
            "Entry 7 is missing: the ledger's head says that 7 was the last one written, and"
        )
        assert "the last one there is 6. Somebody deleted what is missing: find out who" in answer.problem


def test_a_ledger_cut_short_is_noticed_also_when_its_head_was_set_back(hand: Hand) -> None:
    previous = hand.entry(6)
    hand.run("DELETE FROM ledger_entry WHERE seq = 7")
    assert not hand.verify().ok
    hand.run(f"UPDATE ledger_head SET seq = 6, hash = '{previous.hash}'")
    answer = hand.verify()
    assert (answer.ok, answer.entries) == (False, 6)
    assert "kr2" in answer.problem


def test_an_emptied_ledger_is_noticed(hand: Hand) -> None:
    hand.run("DELETE FROM ledger_delta", "DELETE FROM ledger_entry")
    assert not hand.verify().ok
    hand.run("DELETE FROM ledger_head")  # what is kept for speed still tells of it
    assert not hand.verify().ok


@pytest.mark.parametrize("place", [0, 1])
def test_a_missing_row_is_noticed(hand: Hand, place: int) -> None:
    hand.run(f"DELETE FROM ledger_delta WHERE seq = 1 AND place = {place}")
    answer = hand.verify()
    assert (answer.ok, answer.first_bad) == (False, 1)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM key_result WHERE id = 'kr1'",
        "DELETE FROM evidence WHERE key_result = 'kr1' AND item = 'id:PAY-1'",
        "INSERT INTO evidence SELECT key_result, part, source, 'id:X', version, weight, amount FROM evidence"
        " WHERE key_result = 'kr1' AND item = 'id:PAY-1'",
        "INSERT INTO evidence SELECT 'kr9', part, source, item, version, weight, amount FROM evidence"
        " WHERE key_result = 'kr1' AND item = 'id:PAY-1'",
        "INSERT INTO key_result SELECT 'kr9', value, seq, rule, terms, measured_at, moved_at, generations, retired,"
        " totals FROM key_result WHERE id = 'kr1'",
        "UPDATE key_result SET totals = '[[0, 0, 0]]' WHERE id = 'kr1'",
        "UPDATE key_result SET totals = '[[0, 0]]' WHERE id = 'kr1'",
    ],
)
def test_what_is_kept_for_speed_must_be_what_the_entries_say(hand: Hand, statement: str) -> None:
    hand.run(statement)
    assert not hand.verify().ok


@pytest.mark.parametrize("seq", [0, 8])
def test_an_entry_too_many_is_noticed(hand: Hand, seq: int) -> None:
    columns = "key_result, at, kind, old, new, run, rule, by, why, details, prev, hash".replace("by", '"by"')
    hand.run(f"INSERT INTO ledger_entry (seq, {columns}) SELECT {seq}, {columns} FROM ledger_entry WHERE seq = 7")
    answer = hand.verify()
    assert (answer.ok, answer.first_bad) == (False, seq)


def test_an_entry_sealed_anew_is_betrayed_by_the_next(hand: Hand) -> None:
    hand.run("UPDATE ledger_entry SET why = 'forged' WHERE seq = 3")
    forged = hand.entry(3).sealed()
    hand.run(f"UPDATE ledger_entry SET hash = '{forged.hash}' WHERE seq = 3")
    answer = hand.verify()
    assert (answer.ok, answer.first_bad) == (False, 4)
    assert "link" in answer.problem


@pytest.mark.parametrize(
    ("statement", "first_bad"),
    [
        ("UPDATE ledger_entry SET new = new + 0.9 WHERE seq = 3", 3),
        ("UPDATE ledger_entry SET at = at + 0.9 WHERE seq = 3", 3),
        ("UPDATE ledger_delta SET delta = delta + 0.9 WHERE seq = 3", 3),
        ("UPDATE key_result SET value = value + 0.5 WHERE id = 'kr1'", None),
        ("UPDATE evidence SET amount = amount + 0.9 WHERE key_result = 'kr1'", None),
    ],
)
def test_a_fraction_in_a_column_of_whole_numbers_is_found(hand: Hand, statement: str, first_bad: int | None) -> None:
    """SQLite takes it as it is; PostgreSQL rounds it to another whole number."""
    hand.run(statement)
    answer = hand.verify()
    assert not answer.ok
    if first_bad is not None:
        assert answer.first_bad == first_bad


@pytest.mark.parametrize(
    "statement", ["UPDATE key_result SET terms = '{}' WHERE id = 'kr1'", "UPDATE key_result SET retired = NOT retired"]
)
def test_terms_and_retirement_follow_from_the_entries(hand: Hand, statement: str) -> None:
    hand.run(statement)
    assert not hand.verify().ok


def test_a_text_that_is_no_rule_does_no_harm_under_its_own_hash(hand: Hand) -> None:
    text_of_nothing = "not a rule"
    digest = rule_hash(text_of_nothing)
    hand.run(f"INSERT INTO rule (hash, text) VALUES ('{digest}', '{text_of_nothing}')")
    assert hand.verify().ok
