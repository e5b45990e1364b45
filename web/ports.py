"""What the pages stand on; the composition root gives it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol, TypeAlias

from sqlalchemy import Connection

from okrs.immutable import immutable
from okrs.objective import KeyResult
from store.views.setup import Setup
from store.views.trial import Trial

Warnings: TypeAlias = Mapping[str, Sequence[str]]
"""What may be wrong with the mappings: sentences by the id of the key result."""


Report: TypeAlias = Callable[[str, str, str], None]
"""Takes what failed (of a page its path), the kind of the error, and where in our code it came up."""

Trouble: TypeAlias = Callable[[Exception | None], None]
"""Takes why something fails when that begins, and None when it is over."""


def no_warnings(_connection: Connection, _setup: Setup, _now: datetime) -> Warnings:
    """Say nothing: nobody looked."""
    return {}


class Refused(Exception):
    """What somebody wants changed cannot be; the text says why, and that nothing was written."""


class Edits(Protocol):
    """What people may change, as the commands do.  Each raises Refused."""

    def set_value(self, name: str, value: Decimal, *, why: str, until: date | None) -> None:
        """Show a person's value of a key result; of a yes or no 1 or 0."""

    def resume(self, name: str, *, why: str | None) -> None:
        """Show the automatic value again."""

    def check_in(self, name: str, *, note: str, confidence: Decimal | None) -> None:
        """Note how a key result goes; `confidence` is 0…1."""

    def approve(self, hold: str, *, expect: Decimal | None, why: str | None) -> None:
        """Let an update through that waits, where it still is what was shown."""

    def reject(self, hold: str, *, why: str | None) -> None:
        """Keep the value, and let the update wait no more."""


class Acting(Protocol):
    """The running service, as far as it takes orders."""

    def sync_now(self, name: str) -> None:
        """Make a source due at once.  Raises KeyError for one that is not there."""


@immutable
class Tried:
    """What a mapping that somebody typed would do to its key result."""

    key_result: KeyResult
    trial: Trial
    warnings: tuple[str, ...] = ()


@immutable
class Preview:
    """What mappings would do; nothing of them where there are problems."""

    tried: tuple[Tried, ...] = ()
    problems: tuple[str, ...] = ()


class Previews(Protocol):
    """Tries mappings without writing anything."""

    def written(self, name: str) -> str:
        """Return the mapping of a key result as it is written; empty where it has none."""

    def tried(self, connection: Connection, text: str, now: datetime) -> Preview:
        """Say what these mappings, as YAML, would do in the place of what is written."""


@immutable
class Ports:
    """All that the pages ask of the world.  They read; what they write goes through `edits`."""

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
    edits: Edits | None = None
    """None: nothing can be changed in the pages."""
    acting: Acting | None = None
    """None: nobody takes orders from the pages."""
    ending: Callable[[], bool] = lambda: False
    """Whether the service is about to end."""
    previews: Previews | None = None
    """None: nothing can be tried."""
    report: Report = lambda _path, _kind, _place: None
    """Tell whoever watches over the service of a page that failed, and nothing of what it holds."""
    failing: Report = lambda _what, _kind, _place: None
    """Tell of what fails while nobody waits for it; once."""
    recovered: Callable[[str], None] = lambda _what: None
    """Tell that this is over."""
