"""Connections: one way to read, one way to write, the same on SQLite and PostgreSQL.

SQLite runs in WAL mode; a write transaction begins IMMEDIATE, so that it never fails half-way for want of the lock,
and writers of this process queue on one lock.  Readers see one snapshot from begin to end.
"""

import errno
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import (
    Connection,
    CursorResult,
    Engine,
    Table,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from store.migrations import HEAD

_WRITES = "headway_writes"
_BUSY_SECONDS = 60
_BUSY_PAUSE = 0.02
_DISK_FULL = "53100"
"""PostgreSQL's word for it."""
_CONNECT_SECONDS = 10
"""A server that does not answer at all would be waited for by minutes."""


_PRAGMAS = (
    "synchronous = NORMAL",
    "foreign_keys = ON",
    "temp_store = MEMORY",
    "wal_autocheckpoint = 4000",  # 32 MB: a read of thousands of items is carried over into the file once, not thrice
    "journal_size_limit = 67108864",  # 64 MB: a first read of a million leaves a log of gigabytes, which stays else
)

_PAGE = 8192
"""Bytes of a page of a new file: thousands of rows are written in fewer steps than by SQLite's 4096."""

_MAPPED = "mmap_size = 2147418112"
"""The most that SQLite allows unless it was built otherwise: https://sqlite.org/mmap.html."""

SQLITE = Path(__file__).parent / "sqlite.sql"
"""The tables as SQLite is told of them; `make schema` writes it."""

_KEPT_OPEN = 16
"""Connections to SQLite that stay open: a new one reads the whole schema first."""


class StoreError(Exception):
    """The database cannot be used as it is; the text says why and what to do."""


class Database:
    """An open database whose tables are those of this version."""

    def __init__(self, engine: Engine, *, made: bool = True) -> None:
        self.engine = engine
        self.made = made
        """False for the empty one that stands in for a database that is not there yet."""
        self._writer = threading.Lock()

    @property
    def sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent snapshot."""
        options: dict[str, Any] = (
            {} if self.sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        )
        with self.engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One short transaction; commits at the end, leaves nothing behind on an exception."""
        options = {_WRITES: True}
        with self._writer, self.engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection

    def trouble(self) -> str:
        """Say why the database cannot be used just now; empty when it can."""
        try:
            found = _revision(self)
        except StoreError as error:
            return str(error)
        except DBAPIError as error:
            return f"The database does not answer: {reason(error)}."
        except SQLAlchemyError:  # no connection is free
            return "The database does not answer in time."
        return "" if found == HEAD else _of_another_version(found)

    def close(self) -> None:
        self.engine.dispose()


def upsert(dialect: str, table: Table) -> Any:  # noqa: ANN401 - the two dialects share no type for ON CONFLICT
    """An INSERT that understands ON CONFLICT, in the connection's dialect (`connection.dialect.name`)."""
    if dialect == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # for those who have one: it takes a while to load

    return postgresql.insert(table)


def slices(ids: Iterable[str], size: int = 500) -> Iterator[tuple[str, ...]]:
    """Cut a long list of ids, for databases bound the number of parameters."""
    every = tuple(ids)
    return (every[begin : begin + size] for begin in range(0, len(every), size))


def listed(values: Sequence[object]) -> str:
    """Return a `?` for each value, as they stand in a list; of no values NULL, so that nothing is `IN` it."""
    return ", ".join("?" * len(values)) or "NULL"


def raw(connection: Connection, text: str, values: Sequence[object] = ()) -> CursorResult[*tuple[Any, ...]]:
    """Run a text whose parameters are marked by `?`: a statement object is made anew each time, which takes longer."""
    return connection.exec_driver_sql(_driven(connection, text), tuple(values))


_GATHERED = {
    "sqlite": "json_group_array(json_array({}))",
    "postgresql": "CAST(json_agg(json_build_array({})) AS TEXT)",
}


def gathered(connection: Connection, columns: str, rest: str, values: Sequence[object] = ()) -> list[list[Any]]:
    """Return numbers and texts of many rows, in any order, which the database puts into one.

    After each row SQLite lets go of Python's lock, for which busy threads wait; and a row costs more than what it says.
    """
    told = raw(connection, f"SELECT {_GATHERED[connection.dialect.name].format(columns)} {rest}", values)
    return list(orjson.loads(told.scalar_one() or "[]"))


def raw_many(connection: Connection, text: str, rows: list[tuple[Any, ...]]) -> None:
    """Run a text for each row, none being fine."""
    if rows:
        connection.exec_driver_sql(_driven(connection, text), rows)


def _driven(connection: Connection, text: str) -> str:
    return text if connection.dialect.positional else text.replace("?", "%s")


def open_database(url: str, *, create: bool, mapped: bool = False) -> Database:
    """Open the database of the config; a new one is made (and migrated) only with `create`.

    Without `create` a database that does not exist yet reads as an empty one and nothing is written.  With `mapped` a
    file is read as memory, which saves a service that answers again and again a third of its time; what is read so
    counts as the process's memory, though the system takes it back whenever it is short.
    Raises StoreError when it cannot be reached or was made by another version.
    """
    with _sentences(url):
        if not create and missing_file(url):
            return _empty()
        database = Database(_engine(url, mapped=mapped))
        try:
            ready = _made_ready(database, create=create)
        except BaseException:
            database.close()
            raise
    if not ready:
        database.close()
        return _empty()
    return database


def _made_ready(database: Database, *, create: bool) -> bool:
    """Tell whether the tables are there, making them if asked.  Raises StoreError for those of another version."""
    revision = _revision(database)
    if revision is None and create:
        _make_tables(database)
        return True
    if revision not in (None, HEAD):
        raise StoreError(_of_another_version(revision))
    return revision is not None


def _of_another_version(revision: str | None) -> str:
    if _is_newer(revision):
        return (
            f"The database is at revision {revision}, which a newer Headway made; this version knows {HEAD} and none "
            "after it: install that version again, or name another database."
        )
    return f"The database is at revision {revision}, this version needs {HEAD}: run `headway db upgrade` first."


def _is_newer(revision: str | None) -> bool:
    """Revisions are numbers of one length."""
    return revision is not None and revision > HEAD


@contextmanager
def _sentences(url: str) -> Iterator[None]:
    """Turn what a driver says of an address into a sentence with the next step."""
    try:
        yield
    except (ArgumentError, NoSuchModuleError, ValueError):  # ValueError: a port that is no number
        raise StoreError("`database` is no address of SQLite or PostgreSQL, as in sqlite:///headway.db.") from None
    except DBAPIError as error:
        if is_full(error):  # nothing is wrong with the address
            raise
        raise StoreError(f"The database cannot be opened: {reason(error)}. {_remedy(url)}") from None


_VERSION = "alembic_version"
"""The table in which Alembic keeps the revision."""


def _make_tables(database: Database) -> None:
    """Make a new database as the migrations would (a test holds them equal), without loading Alembic for it."""
    with database.write() as connection:
        if not database.sqlite:  # two first runs at once: one makes the tables, the other finds them
            connection.execute(text("SELECT pg_advisory_xact_lock(720171)"))
        if _VERSION in _table_names(connection):
            return
        create_tables(connection)
        connection.exec_driver_sql(f"CREATE TABLE {_VERSION} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        connection.exec_driver_sql(f"INSERT INTO {_VERSION} VALUES ('{HEAD}')")


def create_tables(connection: Connection) -> None:
    """Make all tables; those of SQLite by a text that was made of them, which takes a fifth of the time."""
    if connection.dialect.name != "sqlite":
        from store.tables import metadata

        metadata.create_all(connection, checkfirst=False)
        return
    for statement in SQLITE.read_text(encoding="utf-8").split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)


def migrate(database: Database, revision: str = "head") -> None:
    """Bring the database to the tables of a revision, by default this version's."""
    from alembic import command  # heavy, and needed once in a database's life
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def upgrade(url: str, revision: str = "head") -> None:
    """Migrate an existing database, or make a new one.

    Raises StoreError when it cannot be reached, and when a newer version made it.
    """
    with _sentences(url):
        database = Database(_engine(url))
        try:
            if _is_newer(found := _revision(database)):
                raise StoreError(_of_another_version(found))
            migrate(database, revision)
        finally:
            database.close()


def _empty() -> Database:
    """A database in memory with all tables and no rows: what is there before the first sync."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    _speak_sqlite(engine)
    with engine.begin() as connection:
        create_tables(connection)
    return Database(engine, made=False)


def place_of(url: str) -> str:
    """Say where a database is: its file, or its address without the password."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        return str(parsed.database)
    return parsed.render_as_string(hide_password=True)


def file_of(url: str) -> Path | None:
    """Return the file of a SQLite database, whether it is there or not; None for any other database."""
    with _sentences(url):
        parsed = make_url(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def missing_file(url: str) -> Path | None:
    """Return the file of a SQLite database that is not there; None for any other."""
    path = file_of(url)
    return None if path is None or path.exists() else path


def renamed(url: str, path: Path) -> str:
    """Return the address of a SQLite database with another file in its place."""
    return make_url(url).set(database=str(path)).render_as_string(hide_password=False)


def _engine(url: str, *, mapped: bool = False) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, connect_args={"timeout": _BUSY_SECONDS}, pool_size=_KEPT_OPEN)
        _speak_sqlite(engine, (*_PRAGMAS, _MAPPED) if mapped else _PRAGMAS)
        return engine
    if parsed.get_backend_name() == "postgresql":
        patience = {} if "connect_timeout" in parsed.query else {"connect_timeout": _CONNECT_SECONDS}
        parsed = parsed.set(drivername="postgresql+psycopg")
        return create_engine(parsed, pool_pre_ping=True, connect_args=patience)
    raise NoSuchModuleError(parsed.drivername)


def _speak_sqlite(engine: Engine, pragmas: Sequence[str] = _PRAGMAS) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:  # noqa: ANN401 - a driver's connection
        connection.isolation_level = None  # the driver must not begin transactions by itself
        connection.execute(f"PRAGMA page_size = {_PAGE}")
        _write_ahead(connection)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Turn WAL on.  SQLite does not wait where another first run does the same just now, so we do."""
    give_up = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(_BUSY_PAUSE)
        else:
            return


def _revision(database: Database) -> str | None:
    """The Alembic revision of the tables, None when there are none at all."""
    with database.engine.connect() as connection:
        tables = _table_names(connection)
        if _VERSION in tables:
            return str(raw(connection, f"SELECT version_num FROM {_VERSION}").scalar())
        if not tables:
            return None
    raise StoreError("The database holds tables that are not Headway's: name another one in `database`.")


def _table_names(connection: Connection) -> list[str]:
    if connection.dialect.name != "sqlite":
        return inspect(connection).get_table_names()
    own = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*'"
    return list(raw(connection, own).scalars())


def _remedy(url: str) -> str:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return f"Is {parsed.database} a file that you may write, in a folder that exists?"
    return f"Does PostgreSQL answer at {parsed.host or 'its socket'}, and are user and password right?"


def reason(error: Exception) -> str:
    """The driver's first line: it names the file or host, and never the password."""
    told = _origin(error)
    return str(told).strip().splitlines()[0] if str(told).strip() else type(told).__name__


def is_full(error: Exception) -> bool:
    """Tell whether there was no room left on a disk: for SQLite, for PostgreSQL, or for any file."""
    match _origin(error):
        case sqlite3.Error() as told:
            code = getattr(told, "sqlite_errorcode", 0)
            return code & 0xFF == sqlite3.SQLITE_FULL or code == sqlite3.SQLITE_IOERR_SHMSIZE
        case OSError(errno=code):
            return code in (errno.ENOSPC, errno.EDQUOT)
        case told:
            return getattr(told, "sqlstate", None) == _DISK_FULL


def _origin(error: Exception) -> BaseException:
    """What the driver, or the system, said."""
    return error.orig or error if isinstance(error, DBAPIError) else error
