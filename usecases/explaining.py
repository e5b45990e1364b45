"""`explain`, `which` and `history`: where a number comes from, and why there is none."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from config.model import Config
from store import ledger
from store.renames import on_record
from store.views.explain import Explained
from store.views.explain import explain as explained
from store.views.history import ShownEntry
from store.views.history import history as entries_of
from store.views.quarantine import message_for
from store.views.setup import Setup
from store.views.waiting import Waiting
from store.views.waiting import waiting as waits
from store.views.which import Places
from store.views.which import which as counted
from sync.planned import Note
from terminal.ports import Failure
from usecases.ground import Ground, database_of, setup_of

_FEW = 8
"""Ids that an error names all together."""


def explain(ground: Ground, config: Path, key_result: str) -> Explained:
    """Show a value from its tickets.  Raises Failure where nothing feeds it, or numbers that are too large."""
    known = ground.answering(config)
    with database_of(known) as database, database.read() as connection:
        setup = _having(known, key_result, recorded=ledger.state_of(connection, key_result) is not None)
        try:
            answer = explained(connection, setup, key_result, ground.clock())
        except ArithmeticError:
            raise Failure(f"{key_result} {Note.TOO_LARGE.value}.") from None
    if answer is None:
        raise Failure(f"Nothing feeds {key_result}: write a mapping for it.")
    return answer


def which(ground: Ground, config: Path, key: str) -> Places:
    """Show what a ticket counts in.  Raises Failure for one that was never read."""
    known = ground.answering(config)
    with database_of(known) as database, database.read() as connection:
        answer = counted(connection, setup_of(known), key, ground.clock())
    if answer is None:
        raise Failure(
            f"No ticket called {key} was ever read: check the spelling, see that the config names its project or "
            "repository, or run `headway sync`."
        )
    return answer


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
        if ledger.state_of(connection, key_result) is None:  # a retired one keeps its history
            found = _having(known, key_result, recorded=False).key_result(key_result)
            name = on_record(connection, found) if found else key_result
        yield connection, name


def waiting(ground: Ground, config: Path, key_result: str) -> Waiting | None:
    """Tell why a key result was never measured."""
    known = ground.answering(config)
    with database_of(known) as database, database.read() as connection:
        return waits(connection, setup_of(known), key_result, ground.clock())


def _having(known: Config, name: str, *, recorded: bool) -> Setup:
    """Return what the config says.  Raises Failure where it has no such key result, be one recorded or not."""
    setup = setup_of(known)
    if setup.key_result(name) is None:
        called = {each.was: each.id for each in setup.objectives} | {each.was: each.id for each in setup.key_results}
        if now := called.get(name):
            raise Failure(f"{name} is called {now} now: ask for that.")
        if told := message_for(known.quarantine, name):
            raise Failure(f"{told} `headway history {name}` shows what is recorded of it.")
        if recorded:
            told = f"{name} is not in the config any more: `headway history {name}` shows what is recorded of it."
            raise Failure(told)
        if any(each.id == name for each in setup.objectives):
            raise Failure(_objective(name, [each.id for each in setup.key_results if each.objective == name]))
        raise Failure(_no_key_result(name, [each.id for each in setup.key_results]))
    return setup


def _objective(name: str, own: Sequence[str]) -> str:
    more = f" and {len(own) - _FEW} more" if len(own) > _FEW else ""
    which = f"name one of its key results, {', '.join(own[:_FEW])}{more}." if own else "it has no key results yet."
    return f"{name} is an objective: {which}"


def _no_key_result(name: str, known: Sequence[str]) -> str:
    """Name the ids that may have been meant: the nearest, or all where they are few."""
    near = get_close_matches(name, known, cutoff=0.5)
    if near:
        remedy = f"did you mean {' or '.join(near)}?"
    elif len(known) <= _FEW:
        remedy = f"it has {', '.join(known) or 'none'}."
    else:
        remedy = "`headway status` lists them with their ids."
    return f"There is no key result {name} in the config: {remedy}"
