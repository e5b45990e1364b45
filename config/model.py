"""A config that is right: closed, frozen, in the terms of the domain."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path

from connectors.settings import SourceSettings
from mapping.rule import Rule
from okrs.cycle import Calendar, Cycle
from okrs.guard import Guard
from okrs.immutable import facts, immutable
from okrs.objective import KeyResult, Objective
from okrs.progress import Pace
from store.views.quarantine import Quarantined


@immutable
class Anchoring:
    """That where the ledger ends is to be kept outside of the database, once a day."""

    path: Path | None
    """The file; None for the log."""


@immutable
class Config:
    """Everything `headway.yaml` says."""

    database: str
    """The URL, with placeholders put in and a relative SQLite path made absolute.  It may hold a password."""
    calendar: Calendar
    pace: Pace
    guard: Guard
    cycles: tuple[Cycle, ...]
    sources: Mapping[str, SourceSettings]
    objectives: tuple[Objective, ...]
    key_results: tuple[KeyResult, ...]
    rules: Mapping[str, Rule]
    """By key result id."""
    anchor: Anchoring | None = None
    closed: Mapping[str, str] = field(default_factory=dict)
    """Sources that nobody can connect to, by name, each with a sentence that says why: what a secret stands for is not
    set, or it stood in a last good config in plain, and was not kept."""
    quarantine: tuple[Quarantined, ...] = ()
    """Its files that are not right, and what stands in for them."""

    def __repr__(self) -> str:
        return f"Config({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> Iterator[tuple[str, object]]:
        """Leave out the database, for Rich as well."""
        return ((name, value) for name, value in facts(self).items() if name != "database")
