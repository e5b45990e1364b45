"""The files of the config as they were last good: what runs while one of them is broken."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import delete, select

from store.database import Database, inserted
from store.tables import config_file


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of the config as it is kept."""

    name: str
    """What it is called in its folder."""
    main: bool
    """It is the one that holds `version`."""
    document: str | None
    """Its last version that was right, without secrets; None when it never was."""
    wrong_since: datetime | None = None
    """Since when it is not right any more, as far as a run has met it so."""


@dataclass(frozen=True, slots=True)
class Good:
    """A file that was found right."""

    name: str
    main: bool
    document: str


def kept(database: Database) -> tuple[Kept, ...]:
    """Return what is kept, in the order of the names."""
    columns = (config_file.c.name, config_file.c.main, config_file.c.document, config_file.c.wrong_since)
    with database.read() as connection:
        return tuple(Kept(*row) for row in connection.execute(select(*columns).order_by(config_file.c.name)))


def keep(database: Database, good: Iterable[Good], wrong: Collection[str], now: datetime) -> None:
    """Keep the good files, remember since when others are wrong, and forget every file that is neither.

    Nothing is written where nothing changed.
    """
    right = {each.name: each for each in good}
    with database.read() as connection:
        rows = connection.execute(
            select(config_file.c.name, config_file.c.main, config_file.c.hash, config_file.c.wrong_since)
        )
        before = {row.name: row for row in rows}
    changed = [
        {"name": each.name, "main": each.main, "document": each.document, "hash": digest, "wrong_since": None}
        for each in right.values()
        for digest in [sha256(each.document.encode()).hexdigest()]
        if (row := before.get(each.name)) is None or (row.main, row.hash, row.wrong_since) != (each.main, digest, None)
    ]
    broken = [name for name in wrong if name not in before]
    newly = [name for name in wrong if name in before and before[name].wrong_since is None]
    gone = before.keys() - right.keys() - set(wrong)
    if not (changed or broken or newly or gone):
        return
    with database.write() as connection:
        over = {*gone, *(row["name"] for row in changed)}
        if over:
            connection.execute(delete(config_file).where(config_file.c.name.in_(over)))
        if newly:
            moved = config_file.update().where(config_file.c.name.in_(newly))
            connection.execute(moved.values(wrong_since=now))
        fresh = [{"name": name, "main": False, "wrong_since": now} for name in broken]
        inserted(connection, config_file.insert(), changed)
        inserted(connection, config_file.insert(), fresh)
