"""What people say of a key result beside what is measured: a value of their own, the way back, a note.

It goes the way of `sync.holding`: under the lock of the ledger's head, in one transaction.  The automatic lane is not
touched: it goes on being measured, and what waits for a person there goes on to wait.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from okrs.immutable import immutable
from okrs.ledger import Entry, EntryKind
from store import ledger, people
from store.checkins import checkin_details
from store.database import Database
from store.finals import finals
from store.lanes import Lanes, lanes_of
from store.ledger import Draft
from store.overrides import Override, keep_override, overrides, told_by
from sync.holding import Act
from sync.recording import Run

RAN_OUT = "its last day passed"


class ClosedError(Exception):
    """The cycle of the key result is closed: nothing of it changes any more."""


@immutable
class Wanted:
    """The value that a person wants to be shown, and the first instant at which no more; None for none."""

    value: Decimal
    why: str
    until: datetime | None = None

    def stands(self, known: Override | None) -> bool:
        """Tell whether an override in force says just this."""
        return known is not None and (known.value, known.why, known.until) == (self.value, self.why, self.until)


@immutable
class Said:
    """What became of what a person said."""

    entry: Entry | None
    """None when there was nothing to write."""
    lanes: Lanes
    """As they are now."""


def set_value(database: Database, name: str, wanted: Wanted, act: Act) -> Said:
    """Let a person's value be shown; one that just this is said of already stays.  Raises ClosedError."""
    with database.write() as connection:
        head, lanes = ledger.lock_head(connection), _open(connection, name)
        if wanted.stands(lanes.in_force(act.now)):
            return Said(None, lanes)
        by = people.person_id(connection, act.who)
        return _written(connection, head, name, overridden(lanes.override, wanted, by=by, now=act.now), act)


def resume(database: Database, name: str, act: Act) -> Said:
    """Let the automatic value be shown again; where it is, nothing is written.  Raises ClosedError."""
    with database.write() as connection:
        head, lanes = ledger.lock_head(connection), _open(connection, name)
        known = lanes.in_force(act.now)
        if known is None:
            return Said(None, lanes)
        by = people.person_id(connection, act.who)
        return _written(connection, head, name, (resumed(known, by=by, why=act.why),), act)


def check_in(
    database: Database, name: str, note: str, confidence: Decimal | None, act: Act
) -> tuple[Entry, Decimal | None]:
    """Note what a person says of a key result; nothing moves.  Returns the value that is shown, too.

    Raises ClosedError.
    """
    with database.write() as connection:
        head, lanes = ledger.lock_head(connection), _open(connection, name)
        shown = lanes.shown(act.now)
        draft = Draft(
            EntryKind.CHECKIN,
            lanes.automatic,
            lanes.automatic,
            None,
            why=note,
            details=checkin_details(confidence, shown),
            by=people.person_id(connection, act.who),
        )
        (entry,) = ledger.append(connection, head, name, [draft], at=act.now, run=act.run.id)
        return entry, shown


def record_run_out(database: Database, run: Run, now: datetime) -> list[Entry]:
    """Write a `resume` entry for every override whose last day passed, but of closed cycles, where nothing changes."""
    with database.read() as connection:
        if not _run_out(connection, now):
            return []
    entries: list[Entry] = []
    with database.write() as connection:
        head = ledger.lock_head(connection)
        for known in _run_out(connection, now):
            draft = resumed(known, why=RAN_OUT)
            entries += _appended(connection, head, known.key_result, (draft,), run=run, now=now)
            head = ledger.Head(entries[-1].seq, entries[-1].hash)
    return entries


def _run_out(connection: Connection, now: datetime) -> Sequence[Override]:
    ended = [each for _, each in sorted(overrides(connection).items()) if not each.active(now)]
    closed = finals(connection) if ended else {}
    return [each for each in ended if each.key_result not in closed]


def overridden(known: Override | None, wanted: Wanted, *, by: str, now: datetime) -> tuple[Draft, ...]:
    """Decide how a person's value takes the place of what there is in the human lane; what ran out ends first."""
    over = known is not None and not known.active(now)
    ended = (resumed(known, why=RAN_OUT),) if known is not None and over else ()
    old = None if known is None or over else known.value
    details = Override("", wanted.value, wanted.why, by, now, wanted.until, 0).details
    return (*ended, Draft(EntryKind.OVERRIDE, old, wanted.value, None, why=wanted.why, details=details, by=by))


def resumed(known: Override, *, by: str | None = None, why: str | None = None) -> Draft:
    """The entry by which an override ends: by a person, or by nobody when it ran out."""
    return Draft(EntryKind.RESUME, known.value, None, None, why=why, by=by)


def _open(connection: Connection, name: str) -> Lanes:
    lanes = lanes_of(connection, name)
    if lanes.final is not None:
        raise ClosedError
    return lanes


def _written(connection: Connection, head: ledger.Head, name: str, drafts: Iterable[Draft], act: Act) -> Said:
    entries = _appended(connection, head, name, drafts, run=act.run, now=act.now)
    return Said(entries[-1], lanes_of(connection, name))


def _appended(
    connection: Connection, head: ledger.Head, name: str, drafts: Iterable[Draft], *, run: Run, now: datetime
) -> list[Entry]:
    """Write entries of the human lane behind the locked head, and keep the override that the last of them leaves."""
    entries = ledger.append(connection, head, name, drafts, at=now, run=run.id)
    last = entries[-1]
    keep_override(connection, name, told_by(last) if last.kind is EntryKind.OVERRIDE else None)
    return entries
