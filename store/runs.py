"""Runs: which sync wrote what, and by which version.  Who read a source in one is kept by `store.sources`."""

import uuid
from datetime import datetime

from sqlalchemy import Connection, exists, select

from store.database import Database, raw
from store.tables import micros, run, run_source


def start_run(database: Database, now: datetime, version: str) -> str:
    """Open a run.  Returns its id, sortable by time and unique over all machines."""
    name = f"{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
    with database.write() as connection:
        raw(connection, "INSERT INTO run (id, started_at, version) VALUES (?, ?, ?)", (name, micros(now), version))
    return name


def finish_run(database: Database, name: str, now: datetime) -> None:
    """Close a run; one that was killed stays open for ever, which says just that."""
    with database.write() as connection:
        raw(connection, "UPDATE run SET finished_at = ? WHERE id = ?", (micros(now), name))


def ended_since(connection: Connection, since: datetime, but: str) -> bool:
    """Tell whether a run that read a source ended at that time or later, but for one.

    What a person did is a run, too, and read none.
    """
    read = exists().where(run_source.c.run == run.c.id)
    others = select(run.c.id).where(run.c.finished_at >= since, run.c.id != but, read)
    return bool(connection.execute(select(exists(others))).scalar())
