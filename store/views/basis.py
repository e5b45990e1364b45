"""What the answers of now rest on, told by few rows: as long as these are the same, so is what follows from them."""

from collections.abc import Hashable

from sqlalchemy import Connection

from store.database import raw

_ASKED = (
    "SELECT seq, hash FROM ledger_head",
    "SELECT name, generation, state, last_success, last_attempt, error FROM source ORDER BY name",
    "SELECT * FROM hold ORDER BY key_result",
    "SELECT count(*) FROM forgotten",
    "SELECT count(*) FROM forgotten_name",
)
"""Entries; reads, of which each ends with its source's row; holds, which runs refresh; and what was erased."""


def basis_of(connection: Connection) -> Hashable:
    """Return what changes whenever an answer of now may, but for the config and the time."""
    return tuple(tuple(map(tuple, raw(connection, each).all())) for each in _ASKED)
