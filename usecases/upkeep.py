"""`export`, `import`, `backup`, `prune` and `forget`: the care of the database."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from config.model import Config
from okrs.about import own_version
from store.database import Database, place_of
from store.lookup import called
from store.upkeep import copying, exporting, forgetting, importing, pruning
from store.upkeep.exporting import Watch
from store.upkeep.parts import part_of
from terminal.answers import BackedUp, Exported, Forgot, Imported, Pruned
from terminal.failures import Failure
from terminal.text import counted, harmless, harmless_json, nobody
from usecases.ground import Ground, absent, database_of

STREAM = Path("-")
_FIRST = 100_000
"""Bytes in which the first line of an export is looked for."""


def export(ground: Ground, config: Path, file: Path, watch: Watch) -> Exported:
    """Write the whole ledger to a file, or to stdout."""
    known = ground.answering(config)
    with _there(known) as database, database.read() as connection:
        header = exporting.header_of(connection, own_version())
        lines = exporting.export_lines(connection, header, watch)
        if file == STREAM:
            _stream(lines)
        else:
            _replace(file, lines)
    return Exported(str(file), header.lines, header.counts["ledger_entry"], header.head.seq, header.head.hash)


def _stream(lines: Iterable[bytes]) -> None:
    shown = sys.stdout.isatty()  # titles are hostile text; the escaped line is the same JSON
    for line in lines:
        sys.stdout.buffer.write(harmless_json(line.decode()).encode() if shown else line)
    sys.stdout.buffer.flush()


def _replace(file: Path, lines: Iterable[bytes]) -> None:
    """Write a file beside this one, and let it take its place when it is whole and on the disk."""
    _require_export(file)
    with part_of(file) as part:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
            for line in lines:
                out.write(line)
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
        copying.synced(file.parent)


def _require_export(file: Path) -> None:
    """Raise Failure where something else than an export would be lost."""
    if not file.exists():
        return
    if not file.is_file():
        raise Failure(f"{harmless(str(file), 400)} is no file: name one, or - for stdout.")
    with file.open("rb") as held:
        first = held.readline(_FIRST)
    if first and b'"headway_export":' not in first:
        raise Failure(f"{harmless(str(file), 400)} holds something else than an export, and stays: name another file.")


def import_(ground: Ground, config: Path, file: Path, watch: Watch) -> Imported:
    """Make an empty database out of an export."""
    known = ground.answering(config)
    with _opened(file) as lines:
        try:
            with copying.filled(known.database) as database:
                found = importing.import_lines(database, lines, watch)
        except FileExistsError:
            raise Failure(f"{place_of(known.database)} was made meanwhile. Nothing was imported.") from None
        except importing.WrongLine as error:
            raise Failure(f"{harmless(str(file), 400)}:{error.number}: {error.reason} Nothing was imported.") from None
        except importing.NotEmptyError as error:
            raise Failure(_not_empty(known, error)) from None
        except importing.NotWholeError as error:
            raise Failure(
                f"The ledger in {harmless(str(file), 400)} is not whole: {error} Nothing was imported. Where it comes "
                "from, `headway verify` says the same."
            ) from None
    return Imported(str(file), found.header.lines, found.verified.entries, found.header.version, found.verified.head)


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if file == STREAM:
        yield sys.stdin.buffer
        return
    try:
        lines = file.open("rb")
    except OSError as error:
        raise Failure(f"{harmless(str(file), 400)} cannot be read: {error.strerror}.") from None
    with lines:
        yield lines


_SAID = {"ledger_entry": "entry of the ledger", "item": "item", "run": "run", "config_file": "file of the config"}


def _not_empty(known: Config, error: importing.NotEmptyError) -> str:
    held = [counted_of(error.counts[name], thing) for name, thing in _SAID.items() if name in error.counts]
    what = ", ".join(held) or ", ".join(sorted(error.counts))
    return (
        f"{place_of(known.database)} is not empty: it holds {what}. An import makes a new database: name another "
        "one in `database`. Nothing was imported."
    )


def counted_of(number: int, thing: str) -> str:
    """Say how many entries of the ledger, or of what else."""
    if number != 1 and thing.startswith("entry"):
        return f"{number} entries{thing.removeprefix('entry')}"
    first, _, rest = thing.partition(" ")
    return " ".join(filter(None, [counted(number, first), rest]))


def backup(ground: Ground, config: Path, file: Path, watch: Watch) -> BackedUp:
    """Copy a SQLite database while others write."""
    known = ground.answering(config)
    with _there(known) as database:
        if not database.sqlite:
            place = place_of(known.database)
            raise Failure(
                f"{place} is PostgreSQL: `pg_dump --format=custom --file headway.dump` makes a copy of it while "
                "Headway runs; `headway export` writes the ledger in a form that any database takes."
            )
        if not file.absolute().parent.is_dir():
            told = harmless(str(file), 400)
            raise Failure(f"{told} cannot be written: its folder is not there. Make it, or name another one.")
        try:
            size = copying.copy_to(database, file, watch)
        except FileExistsError:
            raise Failure(f"{harmless(str(file), 400)} is there already, and stays: name another file.") from None
        except copying.UnsoundCopyError as error:
            raise Failure(
                f"The database is damaged, so no copy was made: {harmless(str(error), 400)}. Take the last good backup."
            ) from None
    return BackedUp(str(file), size)


def prune(ground: Ground, config: Path, older_than: timedelta, watch: Watch, *, dry_run: bool, vacuum: bool) -> Pruned:
    """Delete what is old and nobody needs."""
    known = ground.answering(config)
    with _there(known) as database:
        found = pruning.prune(database, ground.clock() - older_than, watch, dry_run=dry_run)
        compacted = vacuum and not dry_run and copying.compact(database)
        return Pruned(found, dry_run=dry_run, sqlite=database.sqlite, asked=vacuum, compacted=compacted)


def forgettable(ground: Ground, config: Path, key: str | None, people: Sequence[str]) -> Forgot:
    """Tell what forgetting a ticket, or people, erases.  Raises Failure where there is nothing of that name."""
    known = ground.answering(config)
    with _there(known) as database:
        return _found(database, key, people)


def _found(database: Database, key: str | None, people: Sequence[str]) -> Forgot:
    with database.read() as connection:
        if key is None:
            erasure = forgetting.names_erasure(connection, people)
            if len(erasure.unknown) == len(set(people)):
                raise Failure(f"Nothing was erased: {nobody(erasure.unknown, erasure.near)}")
            return Forgot(erasure, people=tuple(each for each in people if each not in erasure.unknown))
        tickets = called(connection, key)
        if not tickets:
            raise Failure(f"No ticket is or was called {harmless(key)}.")
        found = forgetting.tickets_erasure(connection, tickets)
    if found.planned:
        raise Failure(
            f"{harmless(key)} is named by its title in the mapping of {', '.join(found.planned)}, which would find "
            "nothing any more: rename it at the tracker and in the mapping, and run `headway sync` first."
        )
    return Forgot(found, tuple((each.source, each.item.key) for each in tickets))


def forget(ground: Ground, config: Path, key: str | None, people: Sequence[str]) -> Forgot:
    """Erase title and people of a ticket, or these names of people, for good."""
    known = ground.answering(config)
    with _there(known) as database:
        found = _found(database, key, people)
        if key is None:
            forgetting.forget_names(database, found.people)
        else:
            with database.read() as connection:
                tickets = called(connection, key)
            forgetting.forget_tickets(database, tickets)
        clean = not database.sqlite or copying.compact(database)
    return Forgot(found.erasure, found.tickets, found.people, done=True, clean=clean)


@contextmanager
def _there(known: Config) -> Iterator[Database]:
    """Open a database that must be there."""
    with database_of(known) as database:
        if not database.made:
            raise Failure(absent(known))
        yield database
