"""What the commands ask of the service and what it answers, where that is no view of the store."""

from __future__ import annotations  # the types of an answer are known to those who give and take it

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from okrs.immutable import immutable

if TYPE_CHECKING:  # what only some commands need is loaded for these alone
    from config.problems import Problem
    from connectors.contract import Account, Listed, Quota
    from okrs.ledger import Entry
    from okrs.objective import KeyResult
    from store.holds import Hold
    from store.overrides import Override
    from store.upkeep.forgetting import Erasure
    from store.upkeep.pruning import Pruned as Found
    from store.views.status import StatusView
    from sync.lacking import NextRead
    from sync.overriding import Said
    from sync.planned import Planned


@immutable
class Listening:
    """Where the service is to answer, and to whom."""

    host: str
    port: int
    names: Sequence[str] = ()
    """Names beside the usual ones by which it may be asked."""
    allow_local_edits: bool = False
    webhook_host: str = "127.0.0.1"
    webhook_port: int | None = None
    """None: webhooks are not listened for."""


@immutable
class Served:
    """What a service that has begun is like."""

    url: str
    sources: int
    key_results: int
    open_to_others: bool
    """Other machines reach it."""
    webhooks: str = ""
    """Where trackers send them to, before the name of the source; empty where nobody listens."""


@immutable
class Subscribing:
    """For which webhooks a tracker is to be asked."""

    source: str
    url: str
    """Under which trackers reach the service, before `/hooks/`."""
    secrets: str
    """The file in which their secrets are kept, as the config names it."""
    only: Sequence[str] = ()
    """Names of projects or repositories; empty means all of the source."""


@immutable
class Subscribed:
    """Which webhooks were set up."""

    source: str
    containers: tuple[str, ...]
    address: str
    secrets: str
    taken: bool
    """The source has a `webhook_secret` already."""


@immutable
class Checked:
    """What `check` found for one source: an account, or the sentence that says why not."""

    source: str
    connector: str
    account: Account | None
    error: str | None
    at: datetime
    """When it was asked, by our clock."""
    quota: Quota | None = None
    """What the tracker still allows, as its last answer told."""
    skew: timedelta | None = None
    """How far our clock is ahead of the tracker's; None when it told no time."""

    @property
    def ok(self) -> bool:
        return self.account is not None and not self.account.missing and not self.account.lacks


@immutable
class Discovered:
    """What `discover` found for one source, and what the config says of it already."""

    source: str
    key: str | None
    """The key of the source that lists its containers, as `projects`; None where no key does."""
    named: tuple[str, ...]
    """The containers that the config names."""
    fields: dict[str, str] | None
    """The fields that the config names; None where the source has no such key."""
    listed: tuple[Listed, ...]


@immutable
class Plan:
    """What the config as it is written would do to every key result."""

    key_results: tuple[Planned, ...]
    reads: tuple[NextRead, ...] = ()
    """Sources whose tickets the next read changes for their settings' sake."""
    absent: str = ""
    """Where the database is to be, when there is none yet."""
    warnings: tuple[Problem, ...] = ()
    """What `validate` warns of the key results that the config changes."""

    @property
    def changes(self) -> bool:
        """Something would be written now, or may be as soon as what the config says is read."""
        return bool(self.reads) or any(each.changes for each in self.key_results)


@immutable
class Looked:
    """What a tracker says of a source that is still to be written into a config."""

    checked: Checked
    listed: tuple[Listed, ...] = ()


@immutable
class Backfilled:
    """The days of a key result that were rebuilt."""

    key_result: str
    run: str
    first: date | None
    """The first day that was looked at; None where no day lies before the first measurement."""
    last: date | None
    days: int
    """How many were looked at."""
    entries: tuple[Entry, ...]
    """What was written: one for each day whose value is another one than what is on record."""
    approximate: tuple[str, ...] = ()
    """What nothing tells of some of these days, and was taken as it is now."""


@immutable
class Waits:
    """The updates that wait for a person."""

    holds: tuple[Hold, ...]
    titles: Mapping[str, str]
    """Those of the config's key results by id."""


@immutable
class Overridden:
    """A key result after a person set it, or went back to the automatic value."""

    key_result: KeyResult
    said: Said
    override: Override | None
    """What is set now."""
    by: str | None
    """Who set it, by name; by the id where the name is forgotten."""
    last_day: date | None
    """Of what is set, or was until it ran out; None when it has none."""
    fed: bool
    """Some mapping of the config feeds it."""


@immutable
class CheckedIn:
    """A key result of which a person noted something."""

    key_result: KeyResult
    entry: Entry
    shown: Decimal | None
    """The value that is shown."""
    confidence: Decimal | None
    by: str


@immutable
class Rolling:
    """Which cycle is to be made from which."""

    old: str
    new: str
    start: date | None = None
    end: date | None = None
    """First and last day of the new one, where they are not those of the config or of the next period."""
    unfinished: bool = False
    """Leave out what was reached."""
    out: Path | None = None


@immutable
class Rolled:
    """The config of the next cycle."""

    text: str
    out: Path | None
    main: str
    """The file that has `cycles`."""
    cycle: str
    """The line that is missing there; empty when none is."""
    objectives: int
    key_results: int
    already: int
    """Objectives that the new cycle had before."""


@immutable
class DemoUpdate:
    """A key result that the team's work moved in the demo, and whose tickets did it."""

    key_result: str
    title: str
    old: Decimal | None
    new: Decimal | None
    sources: tuple[str, ...]
    tickets: tuple[tuple[str, str], ...]
    """Key and title of each."""


@immutable
class Demo:
    """The demo's story: before, after, and what moved between."""

    config: Path
    before: StatusView
    after: StatusView
    updates: tuple[DemoUpdate, ...]
    program: str = "headway"
    """How to call the command again."""
    variables: tuple[tuple[str, str], ...] = ()
    """What another terminal needs to read the demo's trackers; none when they end with the story.

    The tokens in it are no secrets: they are the sandbox's own and open nothing else.
    """


@immutable
class Live:
    """A demo that goes on after its story: what is told of it, and where it is served."""

    port: int | None
    """None for the usual one, or any where that is taken; 0 for any."""
    begun: Callable[[Served], None]
    worked: Callable[[str], None]
    """Takes what the team did, in a few words."""


@immutable
class Exported:
    """A ledger that was written to a file."""

    file: str
    lines: int
    entries: int
    seq: int
    """Of the last entry."""
    hash: str


@immutable
class Imported:
    """A database that was made of an export."""

    file: str
    lines: int
    entries: int
    version: str
    """Of Headway, that wrote the file."""
    hash: str
    """Of the last entry."""


@immutable
class BackedUp:
    """A copy of a database."""

    file: str
    size: int
    """In bytes."""


@immutable
class Pruned:
    """What was deleted, or would be."""

    found: Found
    dry_run: bool
    sqlite: bool
    asked: bool
    """The file was to be written anew."""
    compacted: bool
    """It was."""


@immutable
class Forgot:
    """What was erased, or would be."""

    erasure: Erasure
    tickets: tuple[tuple[str, str], ...] = ()
    """Source and key of each."""
    people: tuple[str, ...] = ()
    done: bool = False
    clean: bool = False
    """Nothing of it is left in the database's file."""
