"""Conditions of SQL, and what stands for a text in an index."""

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.sql import FALSE, TRUE, Sql, all_of, any_of, not_
from store.tables import short

texts = st.text(max_size=5) | st.sampled_from(["#", "x" * 200, "x" * 201, "#" * 201, "x" * 5_000])


@given(texts, texts)
def test_nothing_else_stands_for_a_text(one: str, other: str) -> None:
    some = {one, other, short(one), short(other)}
    assert len({short(each) for each in some}) == len(some)
    assert all(len(short(each)) <= 200 for each in some)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """A table with one row."""
    opened = sqlite3.connect(":memory:")
    opened.execute("CREATE TABLE t AS SELECT 0 AS a")
    yield opened
    opened.close()


@pytest.mark.parametrize("many", [1, 2, 32, 33, 1_100, 3_000])
def test_many_conditions_are_taken_by_sqlite(connection: sqlite3.Connection, many: int) -> None:
    each = [Sql(f"{number} = a") for number in range(many)]
    for condition, meant in ((any_of(each), 1), (all_of(each), int(many == 1)), (not_(any_of(each)), 0)):
        assert condition.fits
        assert connection.execute(f"SELECT count(*) FROM t WHERE {condition.text}").fetchone() == (meant,)


def test_what_is_always_or_never_so_is_not_asked() -> None:
    one = Sql("a = ?", (1,))
    assert (all_of([]), any_of([]), not_(TRUE), not_(FALSE)) == (TRUE, FALSE, FALSE, TRUE)
    assert (all_of([one, TRUE, one]), any_of([one, FALSE, one])) == (one, one)
    assert (all_of([one, FALSE]), any_of([one, TRUE])) == (FALSE, TRUE)


def test_what_is_deep_or_long_does_not_fit(connection: sqlite3.Connection) -> None:
    deep = Sql("a = 1")
    while deep.fits:
        deep = any_of([Sql("a = 2"), all_of([Sql("a = 3"), deep])])
    connection.execute(f"SELECT 1 FROM t WHERE {deep.text}")  # SQLite takes a little more
    assert not Sql("a IN (?)", tuple(range(501))).fits
