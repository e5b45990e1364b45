"""Rows by texts: what SQLAlchemy's statement objects would write and read of the same tables."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Boolean, Column, Table, delete, select
from sqlalchemy.exc import IntegrityError

from store.database import Database, marks, raw
from store.rows import put, rows_of
from store.tables import Instant, Millionths, Text, final, hold, metadata, person, query, source

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(lambda each: each.replace(tzinfo=UTC))  # noqa: DTZ001 - made aware
MILLIONTHS = st.integers(-(10**15), 10**15).map(lambda each: Decimal(each) / 10**6)


def values_of(column: Column[Any]) -> st.SearchStrategy[Any]:
    known: dict[type, st.SearchStrategy[Any]] = {
        Instant: MOMENTS,
        Millionths: MILLIONTHS,
        Text: TEXTS,
        Boolean: st.booleans(),
    }
    some = known.get(type(column.type), st.integers(0, 2**31 - 1))
    return st.none() | some if column.nullable else some


def rows_for(table: Table) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rows of different keys and names."""
    one = st.fixed_dictionaries({column.name: values_of(column) for column in table.c})
    own = [column.name for column in table.c if column.primary_key or column.name in ("id", "name")]
    return st.lists(one, max_size=4).map(
        lambda rows: [row | dict.fromkeys(own, f"{place}") for place, row in enumerate(rows)]
    )


SOME = st.sampled_from([hold, final, person, query]).flatmap(lambda each: st.tuples(st.just(each), rows_for(each)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(SOME)
def test_what_is_put_is_what_a_statement_object_puts(
    database: Database, told: tuple[Table, list[dict[str, Any]]]
) -> None:
    table, rows = told
    with database.write() as connection:
        connection.execute(delete(table))
        put(connection, table, rows)
        mine = [vars(each) for each in rows_of(connection, table)]
        put_so = [dict(row._mapping) for row in connection.execute(select(table))]
        connection.execute(delete(table))
        if rows:
            connection.execute(table.insert(), rows)
        theirs = [dict(row._mapping) for row in connection.execute(select(table))]
    assert mine == put_so == theirs
    assert [list(map(type, row.values())) for row in mine] == [list(map(type, row.values())) for row in theirs]


def test_every_table_can_be_asked(database: Database) -> None:
    with database.read() as connection:
        for table in metadata.sorted_tables:
            assert rows_of(connection, table) == [] or table is source, table.name


def a_query(name: str, error: str | None = None) -> dict[str, Any]:
    return {"source": "s", "name": name, "text": name, "read_at": None, "error": error, "refused": False}


def errors(database: Database) -> dict[str, str | None]:
    with database.read() as connection:
        return {row.name: row.error for row in rows_of(connection, query, "WHERE source = ? ORDER BY name", ("s",))}


def test_a_row_that_is_there_takes_what_is_given_or_stays(database: Database) -> None:
    with database.write() as connection:
        put(connection, query, [a_query("a", "old"), a_query("b", "old")])
        put(connection, query, [a_query("a", "new"), a_query("c", "new")], on=["source", "name"])
        put(connection, query, [a_query("b", "new"), a_query("d", "new")], on=["source", "name"], anew={})
    assert errors(database) == {"a": "new", "b": "old", "c": "new", "d": "new"}


def test_a_row_that_is_there_takes_what_sql_says(database: Database) -> None:
    kept = {"error": "coalesce(query.error, excluded.error)", "refused": "excluded.refused"}
    with database.write() as connection:
        put(connection, query, [a_query("a", "old"), a_query("b")])
        again = [a_query(name, "new") | {"refused": True, "read_at": datetime.now(UTC)} for name in "ab"]
        put(connection, query, again, on=["source", "name"], anew=kept)
        found = rows_of(connection, query, "ORDER BY name")
    assert [(each.error, each.refused, each.read_at) for each in found] == [("old", True, None), ("new", True, None)]


def test_two_of_one_key_are_refused_where_nothing_is_said_of_it(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as connection:
        put(connection, query, [a_query("a"), a_query("a")])
    assert errors(database) == {}


def test_no_rows_are_nothing(database: Database) -> None:
    with database.write() as connection:
        put(connection, query, [])
    assert errors(database) == {}


@pytest.mark.parametrize("many", [0, 1, 3])
def test_marks_are_as_many_as_values(database: Database, many: int) -> None:
    """A list of none is legal, and holds nothing."""
    names = [str(each) for each in range(many)]
    with database.write() as connection:
        put(connection, query, [a_query(name) for name in [*names, "other"]])
        found = raw(connection, f"SELECT name FROM query WHERE name IN {marks(names)} ORDER BY name", names)
        assert list(found.scalars()) == names


def test_moments_keep_their_microseconds(database: Database) -> None:
    moment = datetime(2026, 11, 30, 12, 0, 0, 1, tzinfo=UTC) + timedelta(days=1)
    with database.write() as connection:
        put(connection, query, [a_query("a") | {"read_at": moment}])
        (found,) = rows_of(connection, query)
    assert found.read_at == moment
