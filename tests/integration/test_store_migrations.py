"""The migrations make exactly the tables that the code uses, on both databases."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, make_url, text

from okrs.demand import Demand
from store import lookup, migrations, past, queries, sources
from store.database import Database, StoreError, create_tables, open_database, upgrade
from store.tables import from_micros, metadata
from tests.integration.fakes import Clock
from tests.integration.readings import leased


def test_migrated_tables_are_the_code_s_tables(database_url: str) -> None:
    upgrade(database_url)
    assert _differences(database_url) == []


def test_tables_made_at_once_are_those_of_the_migrations(database_url: str) -> None:
    open_database(database_url, create=True).close()
    assert _differences(database_url) == []
    upgrade(database_url)  # finds nothing to do
    assert _differences(database_url) == []


def test_indexes_are_of_the_same_rows_and_tell_the_same(database_url: str) -> None:
    """What no comparison of metadata sees: the conditions of indexes, and what a key tells beside itself."""
    upgrade(database_url)
    migrated = _indexes(database_url)
    made = open_database(database_url, create=False)
    with made.write() as connection:
        metadata.drop_all(connection)
        create_tables(connection)
    made.close()
    assert _indexes(database_url) == migrated
    assert any("WHERE" in each for each in migrated)


_INDEXES = {
    "sqlite": "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    "postgresql": "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()",
}


def _indexes(url: str) -> set[str]:
    database = open_database(url, create=False)
    try:
        with database.read() as connection:
            told = connection.execute(text(_INDEXES[connection.dialect.name])).scalars()
            return {" ".join(each.split()) for each in told}
    finally:
        database.close()


def test_sqlite_does_not_load_what_postgresql_needs() -> None:
    """It takes as long as reading a hundred pages, in every command."""
    code = "import sys, service, sync.engine, store.facets; sys.exit('sqlalchemy.dialects.postgresql' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def _differences(url: str) -> list[object]:
    database = open_database(url, create=False)
    try:
        with database.read() as connection:
            return list(compare_metadata(MigrationContext.configure(connection), metadata))
    finally:
        database.close()


def test_head_names_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", migrations.__path__[0])
    assert ScriptDirectory.from_config(config).get_current_head() == migrations.HEAD


def test_every_constraint_is_named() -> None:
    unnamed = [table.name for table in metadata.sorted_tables for each in table.constraints if not each.name]
    assert unnamed == []


def test_a_database_of_another_revision_is_refused(database: Database, database_url: str) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    with pytest.raises(StoreError, match="headway db upgrade"):
        open_database(database_url, create=True)


def test_a_database_of_a_newer_version_is_left_alone(database: Database, database_url: str) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for opening in (lambda: open_database(database_url, create=True), lambda: upgrade(database_url)):
        with pytest.raises(StoreError, match="which a newer Headway made"):
            opening()
    assert "which a newer Headway made" in database.trouble()


def test_a_foreign_database_is_refused(database_url: str) -> None:
    first = open_database(database_url, create=True)
    with first.write() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    first.close()
    with pytest.raises(StoreError, match="not Headway's"):
        open_database(database_url, create=True)


def test_reading_a_missing_database_writes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/absent.db"
    database = open_database(url, create=False)
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM item")).scalar() == 0
    database.close()
    assert list(tmp_path.iterdir()) == []


def test_upgrade_makes_a_new_database_usable(database_url: str) -> None:
    upgrade(database_url)
    database = open_database(database_url, create=False)
    with database.read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == migrations.HEAD
    database.close()


def test_what_the_first_tables_held_is_still_there(database_url: str) -> None:
    upgrade(database_url, "0001")
    held = [
        "INSERT INTO source (name, generation, fence, state) VALUES ('s', 3, 1, 'ok')",
        "INSERT INTO container (source, id, name, called, watermark, read_at, demand)"
        """ VALUES ('s', '1', 'PAY', 'PAY', 5, 6, '{"fields":["points"],"site":"x","shaping":""}')""",
        "INSERT INTO item (source, id, key, kind, state, children, hash, seen_at, state_since)"
        " VALUES ('s', '7', 'PAY-7', 'issue', 'todo', 0, 'h', 5, 5)",
        "INSERT INTO item_version (source, item, seen_at, generation, hash, payload) VALUES ('s', '7', 5, 3, 'h', "
        """'["7","PAY-7","issue","Bug","T","","todo",null,null,null,null,null,[],[],[],[],[],[],[],[],0]')""",
        "INSERT INTO presence (source, container, item, misses) VALUES ('s', '1', '7', 1)",
    ]
    engine = create_engine(make_url(database_url))
    with engine.begin() as connection:
        for statement in held:
            connection.execute(text(statement.replace(":", "\\:")))
    engine.dispose()
    upgrade(database_url)
    database = open_database(database_url, create=False)
    with database.read() as connection:
        (known,) = sources.state_of(connection, "s").containers
        points = frozenset({"points"})
        assert (known.demand, known.memo) == (Demand(points, "x", numbers=points), {})
        assert (known.wide_at, known.census_at) == (None, None)
        assert [seen.item.key for seen in lookup.items_of(connection, "s")] == ["PAY-7"]
    database.close()


def test_what_queries_found_is_still_there(database_url: str) -> None:
    """Also of one that was too long for an index: it could be packed."""
    upgrade(database_url, "0008")
    long = "project = PAY " * 500
    asked = {"query": "#1", "long": long}
    engine = create_engine(make_url(database_url))
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO source (name, generation, fence, state) VALUES ('s', 3, 1, 'ok')"))
        for each in asked.values():
            connection.execute(text("INSERT INTO query VALUES ('s', :text, 5, NULL)"), {"text": each})
            connection.execute(text("INSERT INTO query_hit VALUES ('s', :text, '7')"), {"text": each})
        connection.execute(text("INSERT INTO query VALUES ('s', 'never answered', NULL, 'no')"))
        connection.execute(text("INSERT INTO former_key VALUES ('s', 'PAY-1', '7')"))
    engine.dispose()
    upgrade(database_url)
    assert _differences(database_url) == []
    database = open_database(database_url, create=False)
    lease = leased(database, Clock())
    for each in asked.values():
        assert queries.replace_hits(database, lease, each, {"7", "8"}, Clock()()) == 1
    queries.forget_others(database, lease, [long], Clock()())
    with database.read() as connection:
        lore = queries.lore_of(connection, "s")
    database.close()
    assert (lore.queries, lore.former_keys) == ({long: {"7", "8"}}, {"PAY-1": "7"})


def test_what_is_gone_is_told_to_have_been_away_since(database_url: str) -> None:
    upgrade(database_url, "0011")
    item = (
        "INSERT INTO item (source, id, key, kind, state, children, hash, seen_at, state_since, gone, gone_at) VALUES "
    )
    engine = create_engine(make_url(database_url))
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO source (name, generation, fence, state) VALUES ('s', 3, 1, 'ok')"))
        connection.execute(text(f"{item} ('s', '7', 'PAY-7', 'issue', 'todo', 0, 'h', 5, 5, 'hidden', 9000000)"))
        connection.execute(text(f"{item} ('s', '8', 'PAY-8', 'issue', 'todo', 0, 'h', 5, 5, NULL, NULL)"))
        connection.execute(text("INSERT INTO run (id, started_at, version) VALUES ('r', 5, '0')"))
        connection.execute(text("INSERT INTO run_source VALUES ('s', 'r', 'fake', '1', 'ok')"))
    engine.dispose()
    upgrade(database_url)
    database = open_database(database_url, create=False)
    with database.read() as connection:
        rows = [tuple(row) for row in connection.execute(text("SELECT item, gone_at, why, back_at FROM absence"))]
        reads = past.reads_at(connection, from_micros(5))
    database.close()
    assert rows == [("7", 9000000, "hidden", None)]
    assert reads["s"].last_success == from_micros(5)  # where no end was kept, the run's has to do


def test_an_address_of_no_database_is_refused() -> None:
    with pytest.raises(StoreError, match="no address"):
        open_database("mysql://root@localhost/x", create=True)
