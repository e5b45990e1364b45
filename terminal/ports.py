"""What the commands need of the service; `service.py` provides it, tests may too."""

from __future__ import annotations  # the types of an answer are known to those who give and take it

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:  # what only some commands need is loaded for these alone
    from config.drafting import SourceDraft
    from config.problems import Problem
    from connectors.contract import Account, Listed, Quota
    from connectors.settings import SourceSettings
    from mapping.cases import Verdict
    from okrs.anchor import Anchor
    from okrs.ledger import Entry
    from okrs.objective import KeyResult
    from store.holds import Hold
    from store.overrides import Override
    from store.upkeep.exporting import Watch
    from store.upkeep.forgetting import Erasure
    from store.upkeep.pruning import Pruned as Found
    from store.views.explain import Explained
    from store.views.explain_past import ExplainedThen
    from store.views.gaps import Gap
    from store.views.history import ShownEntry
    from store.views.quarantine import Quarantined
    from store.views.refused import Refused
    from store.views.setup import Setup
    from store.views.status import StatusView
    from store.views.status_past import StatusThen
    from store.views.verify import Verified
    from store.views.waiting import Waiting
    from store.views.which import Places
    from sync.closing import Closing, Wish
    from sync.engine import Report
    from sync.lacking import NextRead
    from sync.overriding import Said
    from sync.planned import Planned
    from sync.task import Progress


When: TypeAlias = date | datetime
"""A past time: an instant, or the end of a local day."""


class Schema(StrEnum):
    """What a JSON Schema describes."""

    CONFIG = "config"
    TEAM = "team"
    CASES = "cases"


class Failure(Exception):
    """A command cannot be done; the text says what happened and what to do next."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class Changed(Failure):
    """Another update waits than the one that was meant."""

    def __init__(self, message: str, now: Decimal) -> None:
        super().__init__(message)
        self.now = now


class InvalidConfig(Failure):
    """The config has errors."""

    def __init__(self, problems: Sequence[Problem], what: str = "The config has", hint: str = "") -> None:
        errors = sum(problem.severity == "error" for problem in problems)
        super().__init__(f"{what} {errors} error{'s' if errors != 1 else ''}; nothing was done.")
        self.problems = tuple(problems)
        self.hint = hint
        """What else there is to say; empty when nothing."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Served:
    """What a service that has begun is like."""

    url: str
    sources: int
    key_results: int
    open_to_others: bool
    """Other machines reach it."""
    webhooks: str = ""
    """Where trackers send them to, before the name of the source; empty where nobody listens."""


@dataclass(frozen=True, slots=True)
class Subscribing:
    """For which webhooks a tracker is to be asked."""

    source: str
    url: str
    """Under which trackers reach the service, before `/hooks/`."""
    secrets: str
    """The file in which their secrets are kept, as the config names it."""
    only: Sequence[str] = ()
    """Names of projects or repositories; empty means all of the source."""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """Which webhooks were set up."""

    source: str
    containers: tuple[str, ...]
    address: str
    secrets: str
    taken: bool
    """The source has a `webhook_secret` already."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a config that runs all the same."""

    problems: tuple[Problem, ...]
    quarantine: tuple[Quarantined, ...]

    @property
    def sentence(self) -> str:
        """How much is wrong, what runs, and what to do."""
        errors = sum(problem.severity == "error" for problem in self.problems)
        what = f"The config has {errors} error{'s' if errors != 1 else ''}"
        if any(each.main for each in self.quarantine):
            runs = "the last good one runs instead"
        else:
            runs = f"{', '.join(each.file for each in self.quarantine)} in quarantine, everything else is taken"
        return f"{what}: {runs}. Correct it; `headway validate` lists every mistake."


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Looked:
    """What a tracker says of a source that is still to be written into a config."""

    checked: Checked
    listed: tuple[Listed, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptAnchor:
    """An anchor that a run kept outside of the database, or meant to."""

    to: str
    """The file, or `log`."""
    anchor: Anchor
    problem: str = ""
    """Why it was not kept; empty when it was."""


@dataclass(frozen=True, slots=True)
class Synced:
    """What a sync did, or would do."""

    report: Report
    gaps: tuple[Gap, ...] = ()
    """Parts of rules that select nothing."""
    refused: tuple[Refused, ...] = ()
    """Fields and queries that rules name and the trackers refuse."""
    dry_run: bool = False
    """Nothing was written."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Those of all key results by id, in the order of the config."""
    by_hand: Mapping[str, Decimal] = field(default_factory=dict)
    """Values that people set and that are shown whatever moved, by the id of the key result."""
    wrong: Wrong | None = None
    """What is wrong with the config that ran; None when nothing is."""
    unkept: tuple[Problem, ...] = ()
    """Warnings of files that are right, and cannot be kept as last good; and of those that nobody reads."""
    anchor: KeptAnchor | None = None
    """None where nothing was to be kept."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Waits:
    """The updates that wait for a person."""

    holds: tuple[Hold, ...]
    titles: Mapping[str, str]
    """Those of the config's key results by id."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class CheckedIn:
    """A key result of which a person noted something."""

    key_result: KeyResult
    entry: Entry
    shown: Decimal | None
    """The value that is shown."""
    confidence: Decimal | None
    by: str


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class DemoUpdate:
    """A key result that the team's work moved in the demo, and whose tickets did it."""

    key_result: str
    title: str
    old: Decimal | None
    new: Decimal | None
    sources: tuple[str, ...]
    tickets: tuple[tuple[str, str], ...]
    """Key and title of each."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Live:
    """A demo that goes on after its story: what is told of it, and where it is served."""

    port: int | None
    """None for the usual one, or any where that is taken; 0 for any."""
    begun: Callable[[Served], None]
    worked: Callable[[str], None]
    """Takes what the team did, in a few words."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A ledger that was written to a file."""

    file: str
    lines: int
    entries: int
    seq: int
    """Of the last entry."""
    hash: str


@dataclass(frozen=True, slots=True)
class Imported:
    """A database that was made of an export."""

    file: str
    lines: int
    entries: int
    version: str
    """Of Headway, that wrote the file."""
    hash: str
    """Of the last entry."""


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A copy of a database."""

    file: str
    size: int
    """In bytes."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was deleted, or would be."""

    found: Found
    dry_run: bool
    sqlite: bool
    asked: bool
    """The file was to be written anew."""
    compacted: bool
    """It was."""


@dataclass(frozen=True, slots=True)
class Forgot:
    """What was erased, or would be."""

    erasure: Erasure
    tickets: tuple[tuple[str, str], ...] = ()
    """Source and key of each."""
    people: tuple[str, ...] = ()
    done: bool = False
    clean: bool = False
    """Nothing of it is left in the database's file."""


class Ports(Protocol):
    """The use cases, each by the path of the config it works on.  All raise Failure."""

    def validate(self, config: Path, *, offline: bool = False) -> tuple[Setup | None, tuple[Problem, ...]]: ...

    def plan(self, config: Path) -> Plan: ...

    def check(self, config: Path, source: str | None) -> list[Checked]: ...

    def discover(self, config: Path, source: str) -> Discovered: ...

    def sync(
        self,
        config: Path,
        *,
        only: Sequence[str],
        full: bool,
        dry_run: bool,
        progress: Progress,
        last_good: bool = False,
    ) -> Synced: ...

    def wrong(self, config: Path) -> Wrong | None:
        """Tell what is wrong with the config that the last answer came from; None when nothing is."""

    def status(self, config: Path, cycle: str | None) -> StatusView: ...

    def status_at(self, config: Path, cycle: str | None, when: When) -> StatusThen: ...

    def explain(self, config: Path, key_result: str) -> Explained: ...

    def explain_at(self, config: Path, key_result: str, when: When) -> ExplainedThen: ...

    def backfill(self, config: Path, key_result: str, *, progress: Progress) -> Backfilled: ...

    def which(self, config: Path, key: str) -> Places: ...

    def history(self, config: Path, key_result: str) -> list[ShownEntry]: ...

    def timezone(self, config: Path) -> str: ...

    def provenance(self, config: Path, key_result: str) -> dict[str, Any]: ...

    def waiting(self, config: Path, key_result: str) -> Waiting | None: ...

    def holds(self, config: Path) -> Waits: ...

    def approve(self, config: Path, name: str, *, expect: Decimal | None, why: str | None) -> Entry: ...

    def reject(self, config: Path, name: str, *, why: str | None) -> Entry: ...

    def set_value(
        self, config: Path, key_result: str, value: Decimal, *, why: str, until: When | None
    ) -> Overridden: ...

    def resume(self, config: Path, key_result: str, *, why: str | None) -> Overridden: ...

    def check_in(self, config: Path, key_result: str, *, note: str, confidence: Decimal | None) -> CheckedIn: ...

    def closing(self, config: Path, wish: Wish) -> Closing:
        """Show how a cycle would end now."""

    def close(self, config: Path, wish: Wish, *, why: str | None, shown: Closing) -> tuple[Entry, ...]:
        """Close a cycle as it was shown."""

    def roll(self, config: Path, wish: Rolling) -> Rolled: ...

    def verify(self, config: Path, against: Path | None) -> Verified: ...

    def anchor(self, config: Path) -> tuple[Verified, Anchor]: ...

    def connectors(self) -> Mapping[str, type[SourceSettings]]: ...

    def is_set(self, variable: str) -> bool: ...

    def today(self, timezone: str) -> date: ...

    def look(self, draft: SourceDraft, folder: Path) -> Looked: ...

    def write_config(self, path: Path, text: str) -> None: ...

    def try_mappings(self, config: Path, files: Sequence[Path]) -> list[Verdict]: ...

    def schema(self, of: Schema) -> dict[str, Any]: ...

    def upgrade(self, config: Path) -> None: ...

    def export(self, config: Path, file: Path, watch: Watch) -> Exported: ...

    def import_(self, config: Path, file: Path, watch: Watch) -> Imported: ...

    def backup(self, config: Path, file: Path, watch: Watch) -> BackedUp: ...

    def prune(self, config: Path, older_than: timedelta, watch: Watch, *, dry_run: bool, vacuum: bool) -> Pruned: ...

    def forgettable(self, config: Path, key: str | None, people: Sequence[str]) -> Forgot:
        """Tell what would be erased."""

    def forget(self, config: Path, key: str | None, people: Sequence[str]) -> Forgot: ...

    def demo(
        self, folder: Path, *, progress: Progress, tell: Callable[[Demo], None], live: Live | None = None
    ) -> None: ...

    def subscribe(self, config: Path, wish: Subscribing) -> Subscribed:
        """Have a tracker that makes webhooks by its API alone send them, and keep their secrets.  Raises Failure."""

    def serve(self, config: Path, wish: Listening, tell: Callable[[Served], None]) -> None:
        """Serve until a signal says otherwise."""
