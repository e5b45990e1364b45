"""`explain`, `which` and `history`: where a number comes from, and why there is none."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from config.model import Config
from okrs.numbers import plain
from store import ledger, people
from store.finals import ended, finals
from store.lanes import lanes_of
from store.lookup import titled
from store.renames import on_record, tells_of
from store.views.explain import Explained
from store.views.explain import explain as explained
from store.views.history import ShownEntry
from store.views.history import history as entries_of
from store.views.waiting import Waiting
from store.views.waiting import waiting as waits
from store.views.which import Places
from store.views.which import which as counted
from sync.planned import Note
from terminal.failures import Failure
from usecases.ground import Ground, database_of, setup_of
from usecases.naming import having


def explain(ground: Ground, config: Path, key_result: str) -> Explained:
    """Show a value from its tickets.  Raises Failure where nothing feeds it, or numbers that are too large."""
    known = ground.answering(config)
    with database_of(known) as database, database.read() as connection:
        _left(connection, known, key_result)
        setup = having(known, key_result, recorded=tells_of(connection, key_result))
        try:
            answer = explained(connection, setup, key_result, ground.clock())
        except ArithmeticError:
            raise Failure(f"{key_result} {Note.TOO_LARGE.value}.") from None
        if answer is None and key_result in ended(connection).key_results:
            raise Failure(f"{key_result} was never measured, and its cycle is closed: `headway history {key_result}`.")
        if answer is None:
            raise Failure(_unfed(connection, key_result, ground.clock()))
    return answer


def _left(connection: Connection, known: Config, name: str) -> None:
    """Raise Failure for a key result of a closed cycle that is not in the config any more: say how it ended."""
    end = finals(connection).get(name)
    if end is None or known.quarantine or any(name in (each.id, each.was) for each in known.key_results):
        return
    value, day = "–" if end.value is None else plain(end.value), known.calendar.day_of(end.at)
    raise Failure(
        f"{name} is not in the config any more. {end.cycle} was closed with it at {value}, grade {plain(end.grade)}: "
        f"`headway history {name}` shows how it came to that, and `headway explain {name} --at {day}` its tickets."
    )


def _unfed(connection: Connection, name: str, now: datetime) -> str:
    known = lanes_of(connection, name).in_force(now)
    if known is None:
        return f"Nothing feeds {name}: write a mapping for it."
    by = people.names_of(connection, [known.by]).get(known.by, known.by)
    return f"No ticket stands behind {name}, which no mapping feeds: {by} set it to {plain(known.value)}: {known.why}"


def which(ground: Ground, config: Path, key: str) -> Places:
    """Show what a ticket counts in.  Raises Failure for one that was never read."""
    if not key.strip():
        raise Failure("Which ticket? Give its key, as in `headway which PAY-12`.")
    known = ground.answering(config)
    with database_of(known) as database, database.read() as connection:
        answer = counted(connection, setup_of(known), key, ground.clock())
        if answer is None:
            raise Failure(_unknown(key, titled(connection, key.strip())))
    return answer


def _unknown(key: str, titled_so: Sequence[str]) -> str:
    """Say that there is no such ticket; those who take a title for a key, as where keys are long numbers, hear that."""
    if titled_so:
        return f"{key} is a title: ask by the key, `headway which {'` or `headway which '.join(titled_so)}`."
    return (
        f"No ticket called {key} was ever read: check the spelling, see that the config names its project or "
        "repository, or run `headway sync`."
    )


def history(ground: Ground, config: Path, key_result: str) -> list[ShownEntry]:
    """Show every entry of a key result."""
    with _on_record(ground, config, key_result) as (connection, name):
        return entries_of(connection, name)


def provenance(ground: Ground, config: Path, key_result: str) -> dict[str, Any]:
    """Write the history of a key result as a document of PROV-JSON."""
    from store.views.prov import provenance as written  # for those who ask for it

    with _on_record(ground, config, key_result) as (connection, name):
        return written(connection, name)


@contextmanager
def _on_record(ground: Ground, config: Path, key_result: str) -> Iterator[tuple[Connection, str]]:
    """Open the database for a key result that is in the config, or was, and tell the name it is on record by.

    Raises Failure for any other.
    """
    known = ground.answering(config)
    with database_of(known) as database, database.read() as connection:
        name = key_result
        if not tells_of(connection, key_result):  # a retired one keeps its history
            found = having(known, key_result, recorded=False).key_result(key_result)
            name = on_record(connection, found) if found else key_result
        yield connection, name


def _is_recorded(connection: Connection, name: str) -> bool:
    """Tell whether the ledger has entries of a key result."""
    return ledger.state_of(connection, name) is not None or name in ended(connection).key_results


def waiting(ground: Ground, config: Path, key_result: str) -> Waiting | None:
    """Tell why a key result was never measured."""
    known = ground.answering(config)
    with database_of(known) as database, database.read() as connection:
        return waits(connection, setup_of(known), key_result, ground.clock())
