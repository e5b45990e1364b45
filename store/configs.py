"""The files of the config as they were last good: what runs while one of them is broken."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import Connection, select, text, update

from okrs.immutable import immutable
from store.database import Database, raw, raw_many
from store.rows import put
from store.tables import config_file


@immutable
class Kept:
    """A file of the config as it is kept."""

    name: str
    """What it is called in its folder."""
    main: bool
    """It is the one that holds `version`."""
    document: str | None
    """Its last version that was right and could be kept, without secrets; None when there was none."""
    wrong_since: datetime | None = None
    """Since when it is not right any more, as far as a run has met it so."""


@immutable
class Good:
    """A file that was found right."""

    name: str
    main: bool
    document: str | None
    """None when this version cannot be kept: an older one stays."""


Less = Callable[[str, str], str]
"""Returns, by the name of a file, what stays of its older document beside the files that are right now."""


def kept(database: Database) -> tuple[Kept, ...]:
    """Return what is kept, in the order of the names."""
    columns = (config_file.c.name, config_file.c.main, config_file.c.document, config_file.c.wrong_since)
    with database.read() as connection:
        return tuple(Kept(*row) for row in connection.execute(select(*columns).order_by(config_file.c.name)))


def keep(
    database: Database,
    good: Iterable[Good],
    wrong: Collection[str],
    now: datetime,
    less: Less = lambda _, document: document,
) -> None:
    """Keep the good files, remember since when others are wrong, and forget every file that is neither.

    What is kept of others, or of a good file that cannot be kept, is what `less` leaves of it.

    Nothing is written, nor anybody waited for, where nothing changed.
    """
    right = {each.name: each for each in good}
    with database.read() as connection:
        if not _changes(connection, right, wrong, less):
            return
    with database.write() as connection:
        if not database.sqlite:  # whose writers wait for each other anyway
            connection.execute(text("SELECT pg_advisory_xact_lock(720172)"))
        changes = _changes(connection, right, wrong, less)  # another run may have been faster
        raw_many(connection, "DELETE FROM config_file WHERE name = ?", [(name,) for name in changes.gone])
        for each in changes.right:
            told: dict[str, Any] = {"name": each.name, "main": each.main, "wrong_since": None}
            told |= {"document": each.document, "hash": _hash(each.document)} if each.document is not None else {}
            put(connection, config_file, [told], on=["name"])
        wrong_now = [{"name": name, "main": False, "wrong_since": now} for name in changes.wrong]
        put(connection, config_file, wrong_now, on=["name"], anew={"wrong_since": "excluded.wrong_since"})
        for name, document in changes.less:
            told = {"document": document, "hash": _hash(document)}
            connection.execute(update(config_file).where(config_file.c.name == name).values(told))


class _Changes(NamedTuple):
    """Names of the files whose rows are to change."""

    right: tuple[Good, ...]
    wrong: tuple[str, ...]
    gone: tuple[str, ...]
    less: tuple[tuple[str, str], ...]
    """With what stays of their documents."""

    def __bool__(self) -> bool:
        return any(self[:])


def _changes(connection: Connection, right: Mapping[str, Good], wrong: Collection[str], less: Less) -> _Changes:
    told = raw(connection, "SELECT name, main, hash, wrong_since FROM config_file")
    before = {row.name: row for row in told}
    older = [*wrong, *(name for name, each in right.items() if each.document is None)]
    return _Changes(
        tuple(
            each
            for name, each in right.items()
            if (row := before.get(name)) is None
            or (row.main, row.wrong_since) != (each.main, None)
            or (each.document is not None and row.hash != _hash(each.document))
        ),
        tuple(name for name in wrong if name not in before or before[name].wrong_since is None),
        tuple(before.keys() - right.keys() - set(wrong)),
        tuple(_less(connection, older, less)) if older else (),
    )


def _less(connection: Connection, older: Collection[str], less: Less) -> Iterator[tuple[str, str]]:
    columns = (config_file.c.name, config_file.c.document)
    here = config_file.c.name.in_(older) & config_file.c.document.is_not(None)
    for name, document in connection.execute(select(*columns).where(here)):
        left = less(name, document)
        if left != document:
            yield name, left


def _hash(document: str) -> str:
    return sha256(document.encode()).hexdigest()
