"""Rows of one table, fetched and put by texts that are made from its columns.

A statement object takes half a millisecond to be made and compiled, as long as reading a hundred rows, and a `sync`
says some thirty things, most of them once.  Values go in and come out as the types of their columns say.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Boolean, ColumnDefault, Connection, Dialect, Table
from sqlalchemy.types import TypeDecorator, TypeEngine

from store.database import listed, raw, raw_many
from store.tables import Instant, Millionths, storable


def fetched(connection: Connection, table: Table, rest: str = "", values: Sequence[int | str] = ()) -> list[Any]:
    """Return rows of a table with all columns as attributes; `rest` follows its name, with a `?` for each value."""
    names = [column.name for column in table.c]
    text = f"SELECT {_quoted(connection, names)} FROM {_quoted(connection, [table.name])} {rest}"  # noqa: S608 - all of it is ours
    asked = [storable(each) if isinstance(each, str) else each for each in values]
    found = raw(connection, text, asked).all()
    if not found:
        return []
    told = zip(table.c, zip(*found, strict=True), strict=True)
    columns = [_read(column.type, each, connection.dialect) for column, each in told]
    return [SimpleNamespace(**dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]


def put(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    on: Sequence[str] = (),
    anew: Mapping[str, str] | None = None,
) -> None:
    """Insert rows, none being fine, which all tell the same columns; the others are as the table has it by default.

    Where there is one of the same values `on` some columns, it takes what is told of the others; or what `anew` says in
    SQL of each (`excluded` is the row that is given), so that nothing leaves it as it is.  Raises OverflowError for a
    number that cannot be kept, and SQLAlchemy's IntegrityError.
    """
    if not rows:
        return
    told = list(rows[0])
    every = {column.name: column.default for column in table.c if column.name not in told}
    default = {name: each.arg for name, each in every.items() if isinstance(each, ColumnDefault)}
    names = [*told, *default]
    text = f"INSERT INTO {_quoted(connection, [table.name])} ({_quoted(connection, names)}) VALUES ({listed(names)})"  # noqa: S608 - all of it is ours
    if on:
        quote = connection.dialect.identifier_preparer.quote
        wanted = {name: f"excluded.{quote(name)}" for name in told if name not in on} if anew is None else anew
        change = ", ".join(f"{quote(name)} = {what}" for name, what in wanted.items())
        text += f" ON CONFLICT ({_quoted(connection, on)}) DO {f'UPDATE SET {change}' if change else 'NOTHING'}"
    columns = [_bound(table.c[name].type, [row[name] for row in rows], connection.dialect) for name in told]
    raw_many(connection, text, [(*row, *default.values()) for row in zip(*columns, strict=True)])


def _quoted(connection: Connection, names: Iterable[str]) -> str:
    return ", ".join(map(connection.dialect.identifier_preparer.quote, names))


def _read(kind: TypeEngine[Any], values: Iterable[Any], dialect: Dialect) -> Iterable[Any]:
    """Return what the database told of a column as what it means."""
    match kind:
        case Instant() | Millionths():
            return [kind.process_result_value(each, dialect) for each in values]
        case Boolean():  # SQLite has none
            return [None if each is None else bool(each) for each in values]
    return values


def _bound(kind: TypeEngine[Any], values: list[Any], dialect: Dialect) -> list[Any]:
    """Return the values of a column as the database takes them."""
    return [kind.process_bind_param(each, dialect) for each in values] if isinstance(kind, TypeDecorator) else values
