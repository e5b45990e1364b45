"""The composition root: the only place that names concrete classes and reads the environment.

`Service` provides the use cases that the command line (and later the web) asks for.  Each stands in a module of
`usecases`, opens what it needs and closes it again.  Nothing happens at import.
"""

from __future__ import annotations  # the types of an answer are known to those who give and take it

import io
import os
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError
from typer import Abort

from connectors import registry
from connectors.patience import Patient
from okrs.about import own_version
from okrs.cycle import Calendar
from store.database import StoreError, is_full, reason
from terminal import commands
from terminal.context import Out
from terminal.failures import Failure
from terminal.text import harmless
from usecases.ground import Clock, Ground

if TYPE_CHECKING:  # what only some commands need is loaded for these alone
    from config.drafting import SourceDraft
    from config.problems import Problem
    from connectors.contract import Connector
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
    from terminal.ports import Schema, When
    from terminal.synced import Synced, Wrong

INTERRUPTED = 130
NO_ROOM = "There is no room left on the disk. Nothing is half-written: make room, and run the same command again."

_OPENING = Lock()
"""Connections are opened one at a time: two threads that load the client libraries at once find them half made."""


def utc_now() -> datetime:
    """The real clock."""
    return datetime.now(UTC)


class Service:
    """The use cases over real trackers, a real database and a clock.

    Their modules are imported when they are asked for: a `sync` every few minutes needs few of them.
    """

    def __init__(self, environ: Mapping[str, str], clock: Clock = utc_now) -> None:
        self._ground = Ground(environ, clock, _connect)

    def validate(self, config: Path, *, offline: bool = False) -> tuple[Setup | None, tuple[Problem, ...]]:
        from usecases.validating import validate

        return validate(self._ground, config, offline=offline)

    def plan(self, config: Path) -> Plan:
        from usecases.planning import plan

        return plan(self._ground, config)

    def check(self, config: Path, source: str | None) -> list[Checked]:
        from usecases.connecting import check

        return check(self._ground, config, source)

    def discover(self, config: Path, source: str) -> Discovered:
        from usecases.connecting import discover

        return discover(self._ground, config, source)

    def sync(
        self,
        config: Path,
        *,
        only: Sequence[str],
        full: bool,
        dry_run: bool,
        progress: Progress,
        last_good: bool = False,
    ) -> Synced:
        from usecases.syncing import Wanted, sync

        return sync(self._ground, config, Wanted(only, full, dry_run, last_good), progress)

    def wrong(self, config: Path) -> Wrong | None:
        return self._ground.wrong.get(config)

    def status(self, config: Path, cycle: str | None) -> StatusView:
        from usecases.status import status

        return status(self._ground, config, cycle)

    def status_at(self, config: Path, cycle: str | None, when: When) -> StatusThen:
        from usecases.past import status_at

        return status_at(self._ground, config, cycle, when)

    def explain_at(self, config: Path, key_result: str, when: When) -> ExplainedThen:
        from usecases.past import explain_at

        return explain_at(self._ground, config, key_result, when)

    def backfill(self, config: Path, key_result: str, *, progress: Progress) -> Backfilled:
        from usecases.backfilling import backfill

        return backfill(self._ground, config, key_result, progress)

    def explain(self, config: Path, key_result: str) -> Explained:
        from usecases.explaining import explain

        return explain(self._ground, config, key_result)

    def which(self, config: Path, key: str) -> Places:
        from usecases.explaining import which

        return which(self._ground, config, key)

    def history(self, config: Path, key_result: str) -> list[ShownEntry]:
        from usecases.explaining import history

        return history(self._ground, config, key_result)

    def timezone(self, config: Path) -> str:
        return self._ground.answering(config).calendar.timezone

    def provenance(self, config: Path, key_result: str) -> dict[str, Any]:
        from usecases.explaining import provenance

        return provenance(self._ground, config, key_result)

    def waiting(self, config: Path, key_result: str) -> Waiting | None:
        from usecases.explaining import waiting

        return waiting(self._ground, config, key_result)

    def holds(self, config: Path) -> Waits:
        from usecases.holding import holds

        return holds(self._ground, config)

    def approve(self, config: Path, name: str, *, expect: Decimal | None, why: str | None) -> Entry:
        from usecases.holding import approve

        return approve(self._ground, config, name, expect=expect, why=why)

    def reject(self, config: Path, name: str, *, why: str | None) -> Entry:
        from usecases.holding import reject

        return reject(self._ground, config, name, why=why)

    def set_value(self, config: Path, key_result: str, value: Decimal, *, why: str, until: When | None) -> Overridden:
        from usecases.overriding import set_value

        return set_value(self._ground, config, key_result, value, why=why, until=until)

    def resume(self, config: Path, key_result: str, *, why: str | None) -> Overridden:
        from usecases.overriding import resume

        return resume(self._ground, config, key_result, why=why)

    def check_in(self, config: Path, key_result: str, *, note: str, confidence: Decimal | None) -> CheckedIn:
        from usecases.overriding import check_in

        return check_in(self._ground, config, key_result, note=note, confidence=confidence)

    def closing(self, config: Path, wish: Wish) -> Closing:
        from usecases.closing import closing

        return closing(self._ground, config, wish)

    def close(self, config: Path, wish: Wish, *, why: str | None, shown: Closing) -> tuple[Entry, ...]:
        from usecases.closing import close

        return close(self._ground, config, wish, why=why, shown=shown)

    def roll(self, config: Path, wish: Rolling) -> Rolled:
        from usecases.rolling import roll

        return roll(self._ground, config, wish)

    def verify(self, config: Path, against: Path | None) -> Verified:
        from usecases.keeping import verify

        return verify(self._ground, config, against)

    def anchor(self, config: Path) -> tuple[Verified, Anchor]:
        from usecases.keeping import anchor

        return anchor(self._ground, config)

    def connectors(self) -> Mapping[str, type[SourceSettings]]:
        from usecases.starting import connectors

        return connectors()

    def is_set(self, variable: str) -> bool:
        return bool(self._ground.environ.get(variable))

    def today(self, timezone: str) -> date:
        return Calendar(timezone).day_of(self._ground.clock())

    def look(self, draft: SourceDraft, folder: Path) -> Looked:
        from usecases.starting import look

        return look(self._ground, draft, folder)

    def write_config(self, path: Path, text: str) -> None:
        from usecases.starting import write_config

        write_config(self._ground, path, text)

    def try_mappings(self, config: Path, files: Sequence[Path]) -> list[Verdict]:
        from usecases.trying import try_mappings

        return try_mappings(self._ground, config, files)

    def schema(self, of: Schema) -> dict[str, Any]:
        from usecases.starting import schema

        return schema(of)

    def upgrade(self, config: Path) -> None:
        from usecases.keeping import upgrade

        upgrade(self._ground, config)

    def export(self, config: Path, file: Path, watch: Watch) -> Exported:
        from usecases.upkeep import export

        return export(self._ground, config, file, watch)

    def import_(self, config: Path, file: Path, watch: Watch) -> Imported:
        from usecases.upkeep import import_

        return import_(self._ground, config, file, watch)

    def backup(self, config: Path, file: Path, watch: Watch) -> BackedUp:
        from usecases.upkeep import backup

        return backup(self._ground, config, file, watch)

    def prune(self, config: Path, older_than: timedelta, watch: Watch, *, dry_run: bool, vacuum: bool) -> Pruned:
        from usecases.upkeep import prune

        return prune(self._ground, config, older_than, watch, dry_run=dry_run, vacuum=vacuum)

    def forgettable(self, config: Path, key: str | None, people: Sequence[str]) -> Forgot:
        from usecases.upkeep import forgettable

        return forgettable(self._ground, config, key, people)

    def forget(self, config: Path, key: str | None, people: Sequence[str]) -> Forgot:
        from usecases.upkeep import forget

        return forget(self._ground, config, key, people)

    def demo(self, folder: Path, *, progress: Progress, tell: Callable[[Demo], None], live: Live | None = None) -> None:
        from usecases.demo import demo

        demo(self._ground, folder, progress=progress, tell=tell, live=live)

    def subscribe(self, config: Path, wish: Subscribing) -> Subscribed:
        from usecases.subscribing import subscribe

        return subscribe(self._ground, config, wish)

    def serve(self, config: Path, wish: Listening, tell: Callable[[Served], None]) -> None:
        from usecases.serving import serve

        serve(self._ground, config, wish, tell)


def _connect(settings: SourceSettings) -> Connector:
    with _OPENING:
        return Patient(registry.find(settings.connector).connect(settings))


def run(arguments: Sequence[str], service: Service) -> int:
    """Run one command.  Every failure becomes a sentence on stderr and an exit code; no traceback reaches a user."""
    app = commands.build(service, own_version(), arguments)
    try:
        code = app(args=list(arguments), prog_name="headway", standalone_mode=False)
    except Abort:  # Ctrl-C, or the end of what is typed, where a question waits
        code = INTERRUPTED
    except Exception as error:
        return _complain(error)
    if code == INTERRUPTED:  # Typer's answer to Ctrl-C
        return _say("Interrupted; nothing is half-written.", INTERRUPTED)
    return code if isinstance(code, int) else 0


def _complain(error: Exception) -> int:
    if isinstance(error, Failure):
        commands.complain(error, Out().aside)
        return error.code
    if told := _of_the_machine(error):
        return _say(told)
    if hasattr(error, "show") and hasattr(error, "exit_code"):  # a usage error, of a class Typer keeps to itself
        error.show()
        option = getattr(error, "option_name", None)
        hint = f"{option} stands before the command, as in: {commands.EXAMPLE}"
        misplaced = hasattr(error, "possibilities") and option in commands.BEFORE_THE_COMMAND  # no such option, there
        return _say(hint, error.exit_code) if misplaced else int(error.exit_code)
    if os.environ.get("HEADWAY_DEBUG"):
        raise error
    return _say(
        f"Something unexpected happened ({type(error).__name__}). HEADWAY_DEBUG=1 shows where; please report it."
    )


def _of_the_machine(error: Exception) -> str | None:
    """Say what a database or the system refused; None for any other error."""
    match error:
        case StoreError():
            return str(error)
        case DBAPIError() | sqlite3.Error() | OSError() if is_full(error):
            return NO_ROOM
        case DBAPIError() | sqlite3.Error():  # the driver itself where a file is copied, or written anew
            return f"The database failed: {reason(error)}. Nothing is half-written; try again."
        case OSError():
            return f"{error.strerror or 'The system refused something'}: {error.filename or ''}".rstrip(": ")
    return None


def _say(sentence: str, code: int = 1) -> int:
    Out().aside.print(f"headway: {harmless(sentence, 1000)}")
    return code


def command(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the `headway` command on the real world.  Returns its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a sign shows another one
    return run(arguments, Service(environ))
