"""The ledger: a chain that many may append to, evidence that follows it, and what it says of a key result now."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import timedelta
from decimal import Decimal
from threading import Barrier

import pytest
from sqlalchemy import select

from mapping.attribution import Evidence
from mapping.codec import rule_hash, rule_text
from mapping.totals import Total
from okrs.ledger import GENESIS, CauseKind, Delta, Entry, EntryKind
from store import ledger
from store.database import Database, open_database
from store.ledger import Draft, Head, KeyResultState
from store.tables import ledger_head
from tests.builders import a_rule, first_broken
from tests.integration.fakes import MORNING, dump

LARGE, SMALL = Decimal(10**12), Decimal("-0.000001")


def a_row(item: str, old: str | None, new: str | None, cause: CauseKind = CauseKind.CLOSED, delta: str = "0") -> Delta:
    """A row of part 0; texts are `weight/amount`."""
    (old_weight, old_amount), (new_weight, new_amount) = _pair(old), _pair(new)
    return Delta(0, "s", item, "v", old_weight, old_amount, new_weight, new_amount, cause, Decimal(delta))


def _pair(text: str | None) -> tuple[Decimal | None, Decimal | None]:
    if text is None:
        return None, None
    weight, amount = text.split("/")
    return Decimal(weight), Decimal(amount)


def _append(database: Database, name: str, *drafts: Draft) -> list[Entry]:
    with database.write() as connection:
        head = ledger.lock_head(connection)
        return ledger.append(connection, head, name, drafts, at=MORNING, run="r1")


def a_draft(old: str | None, new: str, *rows: Delta, kind: EntryKind = EntryKind.AUTO) -> Draft:
    return Draft(kind, None if old is None else Decimal(old), Decimal(new), "rule", deltas=rows)


def _evidence(database: Database, name: str) -> dict[str, tuple[Decimal, Decimal]]:
    with database.read() as connection:
        return {each.item: (each.weight, each.amount) for each in ledger.evidence_of(connection, name)}


def test_entries_come_back_as_they_were_written_and_chained(database: Database) -> None:
    full = Draft(
        EntryKind.BASELINE,
        None,
        LARGE,
        "rule",
        why='Wörds "with" \\ marks',
        details='{"a":1}',
        deltas=(a_row("i1", None, f"{LARGE}/{SMALL}", delta="0.000001"), a_row("i2", "1/1", None, delta="-3.5")),
    )
    written = _append(database, "kr1", full, a_draft("1", "2")) + _append(database, "kr2", a_draft(None, "0"))
    with database.read() as connection:
        read = list(ledger.entries_of(connection))
        assert read == written
        assert [each.seq for each in ledger.entries_of(connection, "kr1")] == [1, 2]
        assert next(iter(ledger.entries_of(connection, "kr1"))).deltas == full.deltas
        assert ledger.head_of(connection) == Head(3, read[-1].hash)
    assert first_broken(read) is None
    assert (read[0].prev, read[0].at, read[0].run) == (GENESIS, MORNING, "r1")


def test_an_empty_ledger_begins_at_genesis(database: Database) -> None:
    with database.read() as connection:
        assert ledger.head_of(connection) == Head(0, GENESIS)
        assert list(ledger.entries_of(connection)) == []
    with database.write() as connection:
        assert ledger.lock_head(connection) == Head(0, GENESIS)


def test_evidence_is_the_last_row_of_each_item(database: Database) -> None:
    _append(database, "kr1", a_draft(None, "0", a_row("i1", None, "1/0"), a_row("i2", None, "2/0")))
    _append(
        database,
        "kr1",
        a_draft("0", "5", a_row("i1", "1/0", "1/1"), a_row("i1", "1/1", "5/5"), a_row("i2", "2/0", None)),
    )
    assert _evidence(database, "kr1") == {"i1": (Decimal(5), Decimal(5))}
    _append(
        database,
        "kr1",
        a_draft("5", "5", a_row("i1", "5/5", None)),
        a_draft("5", "5", a_row("i1", None, "3/0"), a_row("i3", None, "1/1"), a_row("i3", "1/1", None)),
    )
    assert _evidence(database, "kr1") == {"i1": (Decimal(3), Decimal(0))}
    assert _evidence(database, "kr2") == {}


def test_evidence_is_kept_apart_by_key_result_and_part(database: Database) -> None:
    other = Delta(1, "s", "i1", "v", None, None, Decimal(7), Decimal(7), CauseKind.BASELINE)
    _append(database, "kr1", a_draft(None, "0", a_row("i1", None, "1/0"), other))
    _append(database, "kr2", a_draft(None, "0", a_row("i1", None, "9/9")))
    with database.read() as connection:
        assert ledger.evidence_of(connection, "kr1") == [
            Evidence(0, "s", "i1", "v", Decimal(1), Decimal(0)),
            Evidence(1, "s", "i1", "v", Decimal(7), Decimal(7)),
        ]


def test_a_transaction_that_fails_leaves_no_entry(database: Database) -> None:
    _append(database, "kr1", a_draft(None, "0", a_row("i1", None, "1/0")))
    with database.read() as connection:
        before = ledger.head_of(connection)
    with suppress(ZeroDivisionError), database.write() as connection:
        head = ledger.lock_head(connection)
        ledger.append(connection, head, "kr1", [a_draft("0", "1", a_row("i1", "1/0", None))], at=MORNING, run="r2")
        raise ZeroDivisionError
    with database.read() as connection:
        assert ledger.head_of(connection) == before
    assert _evidence(database, "kr1") == {"i1": (Decimal(1), Decimal(0))}


@pytest.mark.parametrize("shared", [True, False], ids=["one connection pool", "one each"])
def test_two_that_append_at_once_make_one_chain(database_url: str, shared: bool) -> None:
    first = open_database(database_url, create=True)
    second = first if shared else open_database(database_url, create=True)
    together, each_writes = Barrier(2), 15

    def writer(mine: Database, name: str) -> None:
        for number in range(each_writes):
            together.wait()
            _append(mine, name, a_draft(str(number), str(number + 1)), a_draft(str(number + 1), str(number + 1)))

    with closing(first), closing(second), ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(writer, first, "kr1"), pool.submit(writer, second, "kr2")]:
            done.result()
        with first.read() as connection:
            entries = list(ledger.entries_of(connection))
            head = ledger.head_of(connection)
        heads = dump(first, ledger_head)["ledger_head"]
    assert [each.seq for each in entries] == list(range(1, 4 * each_writes + 1))
    assert first_broken(entries) is None
    assert head == Head(entries[-1].seq, entries[-1].hash)
    assert len(heads) == 1


def test_the_state_of_a_key_result_is_kept_and_replaced(database: Database) -> None:
    state = KeyResultState(
        "kr1", SMALL, 3, "rule", "{}", MORNING, MORNING - timedelta(days=1), {"s": 4, "t": 0}, retired=False
    )
    never = KeyResultState("kr0", None, 0, "rule", "{}", MORNING, MORNING, {}, retired=True)
    with database.write() as connection:
        ledger.keep_states(connection, [state, never])
    with database.read() as connection:
        assert ledger.states(connection) == {"kr0": never, "kr1": state}
        assert ledger.state_of(connection, "kr2") is None
    beyond = Decimal("123456789012345678901234567890.123456")  # sums may be larger than what is made of them
    totals = (Total(beyond, -beyond, 7), Total(SMALL, LARGE, 2))
    later = KeyResultState("kr1", LARGE, 9, "rule2", "[]", MORNING, MORNING, {"t": 7}, retired=True, totals=totals)
    with database.write() as connection:
        ledger.keep_states(connection, [later])
    with database.read() as connection:
        assert ledger.state_of(connection, "kr1") == later


def test_the_text_of_a_rule_is_kept_once(database: Database) -> None:
    text = rule_text(a_rule())
    for _ in range(2):
        with database.write() as connection:
            ledger.keep_rules(connection, {rule_hash(text): text})
    with database.read() as connection:
        assert ledger.rule_text_of(connection, rule_hash(text)) == text


def test_readers_see_one_snapshot(database: Database) -> None:
    _append(database, "kr1", a_draft(None, "0"))
    with database.read() as connection:
        assert ledger.head_of(connection).seq == 1
        _append(database, "kr1", a_draft("0", "1"))
        assert ledger.head_of(connection).seq == 1
        assert len(list(ledger.entries_of(connection))) == 1
    with database.read() as connection:
        assert connection.execute(select(ledger_head.c.seq)).scalar_one() == 2
