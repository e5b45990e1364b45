"""What the pages stand on; the composition root gives it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection

from store.views.setup import Setup

Warnings: TypeAlias = Mapping[str, Sequence[str]]
"""What may be wrong with the mappings: sentences by the id of the key result."""


def no_warnings(_connection: Connection, _setup: Setup, _now: datetime) -> Warnings:
    """Say nothing: nobody looked."""
    return {}


@dataclass(frozen=True, slots=True)
class Ports:
    """All that the pages ask of the world.  They read, and never write."""

    read: Callable[[], AbstractContextManager[Connection]]
    """Open one consistent snapshot of the database: `Database.read`."""
    setup: Callable[[], Setup]
    """What is configured by now, also where the config changed since the start."""
    clock: Callable[[], datetime]
    """The time, aware."""
    hosts: frozenset[str] = field(default=frozenset({"localhost", "127.0.0.1", "[::1]"}))
    """Names under which the pages may be asked for, without ports; all others are refused, which ends DNS rebinding."""
    warnings: Callable[[Connection, Setup, datetime], Warnings] = no_warnings
    """What `headway validate` would warn of, by key result."""
