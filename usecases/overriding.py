"""`set`, `resume` and `checkin`: what a person says of a key result beside what its tickets say."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from config.model import Config
from okrs.about import own_version
from okrs.immutable import immutable
from okrs.numbers import plain, rounded
from okrs.objective import Binary, KeyResult
from store import people
from store.database import Database
from store.finals import ended
from store.lanes import lanes_of, last_day
from store.renames import on_record, tells_of
from store.runs import finish_run, start_run
from sync import overriding
from sync.holding import Act
from sync.overriding import ClosedError, Said, Wanted
from sync.recording import Run, record_renamed
from terminal.answers import CheckedIn, Overridden
from terminal.failures import Failure
from terminal.ports import When
from usecases.ground import Ground, database_of
from usecases.naming import having, require_sound

T = TypeVar("T")


def set_value(ground: Ground, config: Path, name: str, value: Decimal, *, why: str, until: When | None) -> Overridden:
    """Let a person's value be shown.  Raises Failure where there is no such key result, or it cannot be set."""
    known = ground.answering(config)
    key_result, now = _named(known, name), ground.clock()
    _begun(known, key_result, now)
    wanted = Wanted(_value(key_result, value), why, _end(known, until, now))
    with database_of(known, create=True) as database:
        with database.read() as connection:
            lanes = lanes_of(connection, on_record(connection, key_result))
        room, said = _Room(ground, known, database, key_result), Said(None, lanes)
        if not wanted.stands(lanes.in_force(now)):  # else not even a run is written
            said = room.said(why, lambda act: overriding.set_value(database, name, wanted, act))
        return room.told(said)


def resume(ground: Ground, config: Path, name: str, *, why: str | None) -> Overridden:
    """Let the automatic value be shown again.  Raises Failure where there is no such key result, or it is closed."""
    known = ground.answering(config)
    key_result = _named(known, name)
    with database_of(known) as database:
        with database.read() as connection:
            lanes = lanes_of(connection, on_record(connection, key_result))
        room, said = _Room(ground, known, database, key_result), Said(None, lanes)
        if lanes.in_force(ground.clock()) is not None or lanes.final is not None:
            said = room.said(why, lambda act: overriding.resume(database, name, act))
        return room.told(said)


def check_in(ground: Ground, config: Path, name: str, *, note: str, confidence: Decimal | None) -> CheckedIn:
    """Note what a person says of a key result.  Raises Failure where there is no such one, or it is closed."""
    known = ground.answering(config)
    key_result = _named(known, name)
    _begun(known, key_result, ground.clock())
    with database_of(known, create=True) as database:
        room = _Room(ground, known, database, key_result)
        entry, shown = room.said(None, lambda act: overriding.check_in(database, name, note, confidence, act))
    return CheckedIn(key_result, entry, shown, confidence, ground.who)


def _named(known: Config, name: str) -> KeyResult:
    """Return a key result of the config.  Raises Failure for any other, also for a retired one."""
    having(known, name, recorded=all(each.id != name for each in known.key_results) and _recorded(known, name))
    require_sound(known, name)
    return next(each for each in known.key_results if each.id == name)


def _recorded(known: Config, name: str) -> bool:
    with database_of(known) as database, database.read() as connection:
        return tells_of(connection, name)


def _begun(known: Config, key_result: KeyResult, now: datetime) -> None:
    cycle = next(each for each in known.cycles if each.id == key_result.cycle)
    if now < cycle.period(known.calendar).start:
        raise Failure(
            f"Nothing was written: {key_result.id} belongs to {cycle.id}, which begins on {cycle.start}; nothing is "
            "recorded before."
        )


def _value(key_result: KeyResult, value: Decimal) -> Decimal:
    """Return the value to keep: of a yes or no, 1 is what it is done from."""
    if isinstance(key_result.terms, Binary):
        if value not in (0, 1):
            raise Failure(
                f"{key_result.id} is done or not done: set it to 1 or to 0, not to {plain(value)}. Nothing was written."
            )
        return key_result.terms.threshold if value else Decimal(0)
    try:
        return rounded(value)
    except OverflowError:
        raise Failure(f"Nothing was written: {value:.3e} is too large a number.") from None


def _end(known: Config, until: When | None, now: datetime) -> datetime | None:
    """Return the first instant at which a value is shown no more: of a last day the midnight behind it."""
    if until is None:
        return None
    if isinstance(until, datetime):
        return _instant(known, until, now)
    today = known.calendar.day_of(now)
    if until < today:
        raise Failure(f"Nothing was written: {until} is over, today is {today}. --until is the last day of the value.")
    try:
        return known.calendar.midnight(until + timedelta(days=1))
    except OverflowError:
        raise Failure(f"Nothing was written: {until} never ends. Without --until the value has no last day.") from None


def _instant(known: Config, until: datetime, now: datetime) -> datetime:
    try:
        end = known.calendar.instant(until)
    except OverflowError:
        raise Failure(f"Nothing was written: {until.isoformat()} is out of the calendar.") from None
    if end <= now:
        raise Failure(f"Nothing was written: {until.isoformat(timespec='minutes')} is over.")
    return end


@immutable
class _Room:
    """Where something is said of a key result."""

    ground: Ground
    known: Config
    database: Database
    key_result: KeyResult

    def said(self, why: str | None, act: Callable[[Act], T]) -> T:
        """Say it as a run of its own.  Raises Failure where the cycle is closed."""
        now = self.ground.clock()
        containers = {name: each.container_names for name, each in self.known.sources.items()}
        run = Run(start_run(self.database, now, own_version()), containers)
        try:
            self._open()
            record_renamed(self.database, [self.key_result], run, now)
            return act(Act(self.ground.who, now, run, why))
        except ClosedError:
            name, cycle = self.key_result.id, self.key_result.cycle
            raise Failure(f"Nothing was written: {cycle} is closed, and {name} stays what it was then.") from None
        finally:
            finish_run(self.database, run.id, self.ground.clock())

    def _open(self) -> None:
        """Raises ClosedError also for what came into a closed cycle later."""
        with self.database.read() as connection:
            if ended(connection).stops(self.key_result):
                raise ClosedError

    def told(self, said: Said) -> Overridden:
        """Say how it stands now."""
        override = said.lanes.in_force(self.ground.clock())
        with self.database.read() as connection:
            names = people.names_of(connection, [override.by]) if override else {}
        by = names.get(override.by, override.by) if override else None
        last, fed = last_day(said.lanes.override, self.known.calendar), self.key_result.id in self.known.rules
        return Overridden(self.key_result, said, override, by, last, fed)
