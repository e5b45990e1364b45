"""`explain --at` and `status --at`: what was known at a past time."""

from datetime import date, datetime
from pathlib import Path

from config.model import Config
from mapping.past import last_instant
from okrs.cycle import Calendar
from store.finals import Final, finals
from store.renames import tells_of
from store.views.explain_past import ExplainedThen, UnknownThenError
from store.views.explain_past import explain_at as explained_at
from store.views.status_past import StatusThen
from store.views.status_past import status_at as standing_at
from sync.planned import Note
from terminal.failures import Failure
from terminal.ports import When
from terminal.text import local_time
from usecases.ground import Ground, absent, database_of, setup_of
from usecases.naming import having
from usecases.status import no_cycle


def instant_of(when: When, calendar: Calendar, now: datetime) -> datetime:
    """Return the instant that is meant: of a day its end, of today now.  Raises Failure for the future."""
    told = Failure(f"{when.isoformat()} is in the future: --at asks what was known at a past time.")
    if isinstance(when, datetime):
        try:
            at = calendar.instant(when)
        except OverflowError:
            raise Failure(f"{when.isoformat()} is out of the calendar.") from None
        if at > now:
            raise told
        return at
    today = calendar.day_of(now)
    if when > today:
        raise told
    return now if when == today else last_instant(calendar, when)


def explain_at(ground: Ground, config: Path, key_result: str, when: When) -> ExplainedThen:
    """Show a value from its tickets as they were known then.  Raises Failure where nothing was."""
    known = ground.answering(config)
    at = instant_of(when, known.calendar, ground.clock())
    with database_of(known) as database, database.read() as connection:
        setup = having(known, key_result, recorded=tells_of(connection, key_result), gone=True)
        if not database.made:
            raise Failure(absent(known))
        try:
            return explained_at(connection, setup, key_result, at)
        except UnknownThenError as error:
            end = finals(connection).get(key_result)
            raise Failure(_unknown(known, key_result, when, error.since, end)) from None
        except ArithmeticError:
            raise Failure(f"{key_result} {Note.TOO_LARGE.value}.") from None


def _unknown(known: Config, name: str, when: When, since: datetime | None, end: Final | None) -> str:
    then = f"{'at' if isinstance(when, datetime) else 'by the end of'} {when.isoformat()}"
    if since is None:
        return f"{name} was never measured: `headway explain {name}` says why."
    first = local_time(since, known.calendar.timezone)
    told = f"Nothing was known of {name} {then}: it was first measured at {first}."
    begins = _begins(known, name, end)
    day = known.calendar.day_of(known.calendar.instant(when)) if isinstance(when, datetime) else when
    if begins is None or day < begins or end:  # of what is closed nothing is rebuilt
        return told + (f" Its cycle began on {begins}." if begins else "")
    return f"{told} `headway backfill {name}` rebuilds the days of its cycle before that from its tickets' own dates."


def _begins(known: Config, name: str, end: Final | None) -> date | None:
    """The first day of a key result's cycle: of a closed one, wherever the config has it by now."""
    named = next((each.cycle for each in known.key_results if each.id == name), None)
    begun = {each.id: each.start for each in known.cycles}
    return begun.get(end.cycle if end and end.cycle in begun else named or "")


def status_at(ground: Ground, config: Path, cycle: str | None, when: When) -> StatusThen:
    """Tell where the key results stood, all or those of a cycle."""
    known = ground.answering(config)
    at = instant_of(when, known.calendar, ground.clock())
    with database_of(known) as database, database.read() as connection:
        if not database.made:
            raise Failure(absent(known))
        try:
            return standing_at(connection, setup_of(known), at, cycle)
        except KeyError:
            raise no_cycle(connection, known, cycle) from None
