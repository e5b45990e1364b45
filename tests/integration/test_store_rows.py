"""Rows by texts: what SQLAlchemy's statement objects would write and read of the same tables."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Boolean, Column, Integer, Table, delete, select
from sqlalchemy.exc import IntegrityError

from store.database import Database, listed
from store.rows import fetched, put
from store.tables import Instant, Millionths, Text, final, hold, metadata, person, query, source

MOMENT = datetime(2026, 11, 30, 12, tzinfo=UTC)
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
        mine = [vars(each) for each in fetched(connection, table)]
        put_so = [dict(row._mapping) for row in connection.execute(select(table))]
        connection.execute(delete(table))
        if rows:
            connection.execute(table.insert(), rows)
        theirs = [dict(row._mapping) for row in connection.execute(select(table))]
    assert _sorted(mine) == _sorted(put_so) == _sorted(theirs)
    assert [_types(row) for row in _sorted(mine)] == [_types(row) for row in _sorted(theirs)]


def _some(column: Column[Any]) -> object:
    """A value that is no default."""
    match column.type:
        case Boolean():
            return True
        case Instant():
            return MOMENT
        case Integer():
            return 1
    return "s"


def _sorted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: str(list(row.values())))


def _types(row: dict[str, Any]) -> list[type]:
    return [type(each) for each in row.values()]


@pytest.mark.parametrize("table", [each for each in metadata.sorted_tables if any(c.default for c in each.c)], ids=str)
def test_what_is_not_told_is_as_the_table_has_it(database: Database, table: Table) -> None:
    """Defaults are SQLAlchemy's, and the database itself knows nothing of them; a row that is there keeps its own."""
    told = {column.name: _some(column) for column in table.c if not column.nullable}
    row = {name: value for name, value in told.items() if not table.c[name].default}
    with database.write() as connection:
        if table is not source:
            put(connection, source, [{"name": "s"}])
        connection.execute(table.insert(), row)
        (theirs,) = fetched(connection, table)
        connection.execute(delete(table))
        put(connection, table, [row])
        keys = [column.name for column in table.primary_key]
        put(connection, table, [row], on=keys)
        assert fetched(connection, table) == [theirs]
        others = {name: value for name, value in told.items() if name not in row}
        put(connection, table, [row | others], on=keys)
        (mine,) = fetched(connection, table)
        assert mine != theirs
        put(connection, table, [row], on=keys)
        assert fetched(connection, table) == [mine]


def a_query(name: str, error: str | None = None) -> dict[str, Any]:
    return {"source": "s", "name": name, "text": name, "read_at": None, "error": error, "refused": False}


def errors(database: Database) -> dict[str, str | None]:
    with database.read() as connection:
        return {row.name: row.error for row in fetched(connection, query, "WHERE source = ? ORDER BY name", ("s",))}


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
        found = fetched(connection, query, "ORDER BY name")
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
def test_a_list_has_as_many_marks_as_values(database: Database, many: int) -> None:
    names = [str(each) for each in range(many)]
    with database.write() as connection:
        put(connection, query, [a_query(name) for name in [*names, "other"]])
        found = fetched(connection, query, f"WHERE name IN ({listed(names)}) ORDER BY name", names)
    assert [each.name for each in found] == names


def test_a_text_is_asked_for_as_it_is_kept(database: Database) -> None:
    with database.write() as connection:
        put(connection, query, [a_query("a\0b")])
        (found,) = fetched(connection, query, "WHERE name = ?", ("a\0b",))
    assert found.name == "ab"
