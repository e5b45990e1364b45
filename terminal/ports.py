"""What the commands need of the service; `service.py` provides it, tests may too."""

from __future__ import annotations  # the types of an answer are known to those who give and take it

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:  # what only some commands need is loaded for these alone
    from config.drafting import SourceDraft
    from config.problems import Problem
    from connectors.settings import SourceSettings
    from mapping.cases import Verdict
    from okrs.anchor import Anchor
    from okrs.ledger import Entry
    from store.upkeep.exporting import Watch
    from store.views.explain import Explained
    from store.views.explain_past import ExplainedThen
    from store.views.history import ShownEntry
    from store.views.setup import Setup
    from store.views.status import StatusView
    from store.views.status_past import StatusThen
    from store.views.verify import Verified
    from store.views.waiting import Waiting
    from store.views.which import Places
    from sync.closing import Closing, Wish
    from sync.task import Progress
    from terminal.answers import (
        BackedUp,
        Backfilled,
        Checked,
        CheckedIn,
        Demo,
        Discovered,
        Exported,
        Forgot,
        Imported,
        Listening,
        Live,
        Looked,
        Overridden,
        Plan,
        Pruned,
        Rolled,
        Rolling,
        Served,
        Subscribed,
        Subscribing,
        Waits,
    )
    from terminal.synced import Synced, Wrong


When: TypeAlias = date | datetime
"""A past time: an instant, or the end of a local day."""


class Schema(StrEnum):
    """What a JSON Schema describes."""

    CONFIG = "config"
    TEAM = "team"
    CASES = "cases"


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
