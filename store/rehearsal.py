"""A copy of the database to try things on: what `sync --dry-run` works with."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import select, update

from store.database import Database, open_database
from store.rows import put
from store.tables import metadata, source

_ROWS = 1000


@contextmanager
def rehearsal(database: Database) -> Iterator[Database]:
    """Copy every table into a temporary SQLite file; it is thrown away at the end."""
    with TemporaryDirectory(prefix="headway-") as folder:
        copy = open_database(f"sqlite:///{Path(folder) / 'rehearsal.db'}", create=True)
        try:
            _copy(database, copy)
            yield copy
        finally:
            copy.close()


def _copy(database: Database, copy: Database) -> None:
    with database.read() as origin, copy.write() as target:
        for table in metadata.sorted_tables:
            rows = origin.execution_options(yield_per=_ROWS).execute(select(table))
            for some in rows.mappings().partitions(_ROWS):
                put(target, table, [dict(row) for row in some])
        # A run that goes on meanwhile holds leases there, and gives back none of them here.
        target.execute(update(source).values(lease_holder=None, lease_until=None))
