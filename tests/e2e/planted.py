"""Mistakes that a run may be told to make: the crash drill must find each of them soon."""

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

_APART = 0.02
"""Seconds between two transactions that should be one: what is written next is there in a tenth of a millisecond, which
hardly any kill would meet, and a busy machine may take as long."""


def _committed(connection: Connection) -> None:
    """Commit what was written so far, and go on in another transaction, as if it were one."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        driver.commit()
        time.sleep(_APART)
        return
    driver.execute("COMMIT")
    time.sleep(_APART)
    driver.execute("BEGIN IMMEDIATE")


def _too_early(module: Any, name: str) -> None:
    """Let what this function of a module wrote be committed before what belongs to it is written."""
    whole = getattr(module, name)

    def cut(connection: Connection, *arguments: Any, **options: Any) -> Any:
        answer = whole(connection, *arguments, **options)
        _committed(connection)
        return answer

    setattr(module, name, cut)


def _entry_before_state() -> None:
    from store import ledger

    _too_early(ledger, "write")


def _close_one_by_one() -> None:
    from sync import closing

    _too_early(closing, "keep_finals")


def _import_piece_by_piece() -> None:
    from store.upkeep import importing

    flush = importing._Pending.flush

    def cut(pending: importing._Pending) -> None:
        flush(pending)
        _committed(pending._connection)

    setattr(importing._Pending, "flush", cut)  # noqa: B010 - a method is assigned to on purpose


PLANTS: dict[str, Callable[[], None]] = {
    "entry before state": _entry_before_state,
    "close one by one": _close_one_by_one,
    "import piece by piece": _import_piece_by_piece,
}
