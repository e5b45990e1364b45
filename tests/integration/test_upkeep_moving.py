"""Export and import: the same bytes again, the same answers, and a sync that goes on as if nothing had been."""

import dataclasses
import json
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from okrs.ledger import GENESIS
from okrs.work import State
from store.database import Database, open_database
from store.tables import item_version, ledger_entry, metadata, source
from store.upkeep.exporting import end_line, export_lines, header_of
from store.upkeep.importing import NotEmptyError, NotWholeError, WrongLine
from store.upkeep.records import LEFT_OUT, RECORDS
from tests.builders import SOURCE, an_item
from tests.integration.fakes import RECORDS as SETTLED
from tests.integration.fakes import dump, emptied
from tests.integration.moving import STEPS, a_world, answers, exported, imported, live, told_by_people


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, postgres_pool: Any) -> Iterator[tuple[Database, Database]]:
    """An open database of each kind."""
    path = tmp_path_factory.mktemp("moving") / "headway.db"
    with (
        postgres_pool.lent() as url,
        closing(open_database(f"sqlite:///{path}", create=True)) as one,
        closing(open_database(url, create=True)) as other,
    ):
        yield one, other


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Database]:
    """A new, empty database."""
    with closing(open_database(f"sqlite:///{tmp_path / 'other.db'}", create=True)) as opened:
        yield opened


def test_every_table_is_exported_or_says_why_not() -> None:
    listed = [record.name for record in RECORDS]
    assert sorted([*listed, *LEFT_OUT]) == sorted(metadata.tables)
    assert len(set(listed)) == len(listed)
    assert all(LEFT_OUT.values())
    for record in RECORDS:
        unknown = record.without - {column.name for column in record.table.c}
        assert not unknown, record.name
        assert not record.without & {column.name for column in record.table.primary_key}


@settings(max_examples=12)
@given(STEPS, st.booleans())
def test_after_any_life_it_moves_there_and_back(
    both: tuple[Database, Database], steps: list[tuple[str, str]], swapped: bool
) -> None:
    here, there = reversed(both) if swapped else both
    world = a_world(emptied(here))
    live(world, steps)
    told_by_people(world)
    content, before = exported(here), answers(world)
    assert exported(here) == content
    imported(emptied(there), content)
    assert exported(there) == content
    moved = dataclasses.replace(world, database=there)
    assert answers(moved) == before
    imported(emptied(here), exported(there))
    assert exported(here) == content
    settled = dump(there, *SETTLED)
    report = moved.sync()
    assert (report.entries, [each.changed for each in report.sources]) == ((), [0])
    assert dump(there, *SETTLED) == settled
    assert {name: each[1] for name, each in answers(moved).items() if name != "verify"} == {
        name: each[1] for name, each in before.items() if name != "verify"
    }


def test_no_table_of_the_list_is_left_empty_here(database: Database) -> None:
    """The test above says nothing of a table in which nothing stands."""
    world = a_world(database)
    live(world, [("rename", "PAY-1"), ("close", "PAY-8"), ("lose many", "PAY-1")])
    told_by_people(world)
    counts = json.loads(exported(database).splitlines()[0])["counts"]
    assert {name for name, count in counts.items() if not count} == set()


def test_what_happens_after_the_move_is_told_as_ever(database: Database, other: Database) -> None:
    world = a_world(database)
    imported(other, exported(database))
    moved = dataclasses.replace(world, database=other)
    tracker = world.trackers[SOURCE]
    tracker.change("PAY", "PAY-1", state=State.DONE, closed_at=world.clock())
    tracker.drop("PAY", "PAY-2")
    report = moved.sync()
    assert {(entry.key_result, entry.kind.value) for entry in report.entries} >= {("count", "auto"), ("open", "auto")}
    assert {row.cause.value for entry in report.entries for row in entry.deltas} == {"closed"}
    assert moved.verify().ok


def test_an_entry_stands_there_as_its_hash_covers_it(database: Database) -> None:
    a_world(database)
    lines = [line for line in exported(database).splitlines() if line.startswith(b'{"ledger_entry":')]
    assert len(lines) == 5
    for line in lines:
        inner, _, rest = line.removeprefix(b'{"ledger_entry":').rpartition(b',"hash":"')
        assert sha256(inner).hexdigest().encode() == rest.removesuffix(b'"}')


def test_an_empty_ledger_moves_too(database: Database, other: Database) -> None:
    content = exported(database)
    assert imported(other, content).header.head.hash == GENESIS
    assert exported(other) == content


def test_a_database_that_is_not_empty_is_left_alone(database: Database) -> None:
    a_world(database)
    content, before = exported(database), dump(database, *metadata.sorted_tables)
    with pytest.raises(NotEmptyError) as caught:
        imported(database, content)
    assert caught.value.counts["ledger_entry"] == 5
    assert dump(database, *metadata.sorted_tables) == before


def test_a_sync_meanwhile_does_not_tear_it(database: Database) -> None:
    world = a_world(database)
    with database.read() as connection:
        header = header_of(connection, "test")
        lines = export_lines(connection, header, lambda _done, _total: None)
        first = next(lines)
        world.trackers[SOURCE].change("PAY", "PAY-1", state=State.DONE, closed_at=world.clock())
        assert world.sync().entries
        content = first + b"".join(lines)
    assert json.loads(first)["head"]["seq"] == header.head.seq == 5
    assert content.count(b'{"ledger_entry":') == 5


# --- files that are not whole --------------------------------------------------------------------------------------


Change = Callable[[list[bytes]], list[bytes]]


def _at(lines: list[bytes], begin: bytes) -> int:
    return next(number for number, line in enumerate(lines) if line.startswith(begin))


def _replaced(begin: bytes, old: bytes, new: bytes) -> Change:
    def change(lines: list[bytes]) -> list[bytes]:
        at = _at(lines, begin)
        assert old in lines[at]
        return [*lines[:at], lines[at].replace(old, new, 1), *lines[at + 1 :]]

    return change


def _swapped(lines: list[bytes]) -> list[bytes]:
    at = _at(lines, b'{"item_version"')
    return [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]


WRONG: dict[str, tuple[Change, str]] = {
    "nothing": (lambda lines: [], "the file is empty"),
    "another file": (lambda lines: [b"hello\n", *lines], "no export of Headway"),
    "another JSON": (lambda lines: [b'{"a":1}\n', *lines], "no export of Headway"),
    "a newer format": (_replaced(b'{"counts"', b'"headway_export":1', b'"headway_export":2'), "install a newer one"),
    "a newer table": (_replaced(b'{"counts"', b'"counts":{', b'"counts":{"aha":1,'), "does not know: aha"),
    "cut after a line": (lambda lines: lines[:-5], "the file ends here"),
    "cut in a line": (lambda lines: [*lines[:9], lines[9][:-4]], "in the middle of this line"),
    "no end": (lambda lines: lines[:-1], "the file ends here"),
    "something behind": (lambda lines: [*lines, lines[1]], "behind the end"),
    "a lost line": (lambda lines: lines[:-3] + lines[-2:], "its first line says"),
    "a lost entry": (
        lambda lines: [line for at, line in enumerate(lines) if at != _at(lines, b'{"ledger_entry"')],
        "the entry before it is missing",
    ),
    "a changed value": (_replaced(b'{"ledger_entry"', b'"new":"0"', b'"new":"5"'), "its content is not what its hash"),
    "a changed rule": (_replaced(b'{"rule"', b'count', b'sum'), "is not what its hash says"),
    "a changed state": (_replaced(b'{"key_result"', b'"value":"0"', b'"value":"1"'), "its digest is another"),
    "a changed title": (_replaced(b'{"item_version"', b"About OPS", b"Above OPS"), "its digest is another"),
    "a text for a number": (_replaced(b'{"item"', b'"children":0', b'"children":"0"'), "item.children is no int"),
    "no time": (_replaced(b'{"item"', b'"seen_at":"2', b'"seen_at":"x2'), "item.seen_at is not what this column holds"),
    "another order": (_swapped, "are not in their order"),
    "a row twice": (lambda lines: lines[:-2] + [lines[-2]] * 2 + lines[-1:], "are not in their order"),
    "blanks": (_replaced(b'{"item"', b'"children":0', b'"children": 0'), "not how an export writes it"),
    "an unknown column": (_replaced(b'{"item"', b'"children"', b'"kids"'), "other columns"),
    "no JSON": (_replaced(b'{"item"', b'"children":0', b'"children":'), "it is not JSON"),
    "no table": (lambda lines: [lines[0], b'{"aha":{}}\n', *lines[1:]], "`aha` is no table"),
    "a table too early": (lambda lines: [*lines[:-1], lines[1], lines[-1]], "a row of rule stands behind"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_line_that_is_wrong_is_named_and_nothing_is_written(database: Database, other: Database, name: str) -> None:
    change, sentence = WRONG[name]
    a_world(database)
    lines = exported(database).splitlines(keepends=True)
    changed = change(lines)
    with pytest.raises(WrongLine, match=sentence) as caught:
        imported(other, b"".join(changed))
    same = next((at for at, (a, b) in enumerate(zip(lines, changed, strict=False)) if a != b), len(changed))
    assert same <= caught.value.number <= len(changed) + 1
    assert not any(rows for rows in dump(other, *metadata.sorted_tables).values())


def sealed(lines: list[bytes]) -> bytes:
    """Lines with the digest that fits them: what somebody makes who knows how."""
    body = b"".join(lines[:-1])
    return body + end_line(sha256(body).hexdigest())


def test_a_forged_value_is_found_by_the_replay(database: Database, other: Database) -> None:
    a_world(database)
    lines = _replaced(b'{"key_result"', b'"value":"0"', b'"value":"1"')(exported(database).splitlines(keepends=True))
    with pytest.raises(NotWholeError, match="kept of asked for speed"):
        imported(other, sealed(lines))
    assert not any(rows for rows in dump(other, *metadata.sorted_tables).values())


def test_a_row_that_refers_to_nothing_is_refused(database: Database, other: Database) -> None:
    a_world(database)
    lines = exported(database).splitlines(keepends=True)
    counts = json.loads(lines[0])["counts"]
    lines = [line for line in lines if not line.startswith(b'{"run":')]
    lines[0] = lines[0].replace(b'"run":%d' % counts["run"], b'"run":0')
    with pytest.raises(WrongLine, match="names what the file has not"):
        imported(other, sealed(lines))


def test_it_takes_no_more_memory_for_more_rows(other: Database) -> None:
    def peak(rows: int) -> int:
        with emptied(other).write() as connection:
            connection.execute(source.insert().values(name="s", generation=1, fence=0, state="ok"))
            payload = json.dumps(["x" * 500])
            told = {"source": "s", "seen_at": an_item().created_at, "generation": 1, "hash": "h", "payload": payload}
            connection.execute(item_version.insert(), [told | {"item": f"{at:09}"} for at in range(rows)])
        total = 0
        tracemalloc.start()
        with other.read() as connection:
            for line in export_lines(connection, header_of(connection, "test"), lambda _done, _total: None):
                total += len(line)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert total > rows * 500
        return most

    peak(2_000)
    few, many = peak(4_000), peak(20_000)
    assert many < few * 1.5


def test_nothing_is_lost_of_who_wrote_it(database: Database) -> None:
    a_world(database)
    with database.read() as connection:
        count = connection.execute(select(func.count()).select_from(ledger_entry)).scalar_one()
    header = json.loads(exported(database).splitlines()[0])
    assert (header["headway_export"], header["version"], header["counts"]["ledger_entry"]) == (1, "test", count)
