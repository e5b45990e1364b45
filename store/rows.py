"""Rows of one table, asked for and put by texts that are made from its columns.

A statement object takes half a millisecond to be made and compiled, as long as reading a hundred rows, and a `sync`
says some thirty things, most of them once.  Values go in and come out as the types of their columns say.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Boolean, Connection, Dialect, Table
from sqlalchemy.types import TypeDecorator, TypeEngine

from store.database import marks, raw, raw_many
from store.tables import Instant, Millionths


def rows_of(connection: Connection, table: Table, rest: str = "", values: Sequence[object] = ()) -> list[Any]:
    """Return rows of a table with all columns as attributes; `rest` follows its name, with a `?` for each value."""
    names = [column.name for column in table.c]
    text = f"SELECT {_quoted(connection, names)} FROM {_quoted(connection, [table.name])} {rest}"  # noqa: S608 - all of it is ours
    found = raw(connection, text, values).all()
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
    """Insert rows, none being fine, which all tell the same columns.

    Where there is one of the same values `on` some columns, it takes the others; or what `anew` says in SQL of each
    (`excluded` is the row that is given), so that nothing leaves it as it is.
    """
    if not rows:
        return
    names = list(rows[0])
    text = f"INSERT INTO {_quoted(connection, [table.name])} ({_quoted(connection, names)}) VALUES {marks(names)}"  # noqa: S608 - all of it is ours
    if on:
        quote = connection.dialect.identifier_preparer.quote
        told = {name: f"excluded.{quote(name)}" for name in names if name not in on} if anew is None else anew
        change = ", ".join(f"{quote(name)} = {what}" for name, what in told.items())
        text += f" ON CONFLICT ({_quoted(connection, on)}) DO {f'UPDATE SET {change}' if change else 'NOTHING'}"
    columns = [_bound(table.c[name].type, [row[name] for row in rows], connection.dialect) for name in names]
    raw_many(connection, text, list(zip(*columns, strict=True)))


def _quoted(connection: Connection, names: Iterable[str]) -> str:
    return ", ".join(map(connection.dialect.identifier_preparer.quote, names))


def _read(kind: TypeEngine[Any], values: Iterable[Any], dialect: Dialect) -> Iterable[Any]:
    """Return what the database told of a column as what it means."""
    match kind:
        case Instant() | Millionths():
            return [kind.process_result_value(each, dialect) for each in values]
        case Boolean():  # SQLite has none
            return map(bool, values)
    return values


def _bound(kind: TypeEngine[Any], values: list[Any], dialect: Dialect) -> list[Any]:
    """Return the values of a column as the database takes them."""
    return [kind.process_bind_param(each, dialect) for each in values] if isinstance(kind, TypeDecorator) else values
