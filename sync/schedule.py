"""When sources are read: which are due, and when one is read next.  Pure; chance comes in as an argument.

A source is read `every` so often, or at the times of its `cron`.  One that fails is asked again after a pause that
doubles, up to an hour.  One whose credentials are refused is left alone until the config changes.  One whose tracker
asks to wait, or allows no request any more, is left alone until that is over, whoever asks for it meanwhile.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from okrs.cron import Cron
from okrs.cycle import Calendar
from okrs.immutable import immutable
from store.schedule import LONGEST_LIMIT, Turn
from sync.task import Outcome

LONGEST_PAUSE = timedelta(hours=1)
"""Between two attempts at a source that fails, at most."""

FIRST_PAUSE = timedelta(minutes=1)
"""After the first failure of a source that is read at the times of a `cron`."""

ELSEWHERE = timedelta(seconds=10)
"""Until a source is looked at again that another process read when its turn came."""

SPREAD = 0.1
"""Share of an interval by which turns are spread, so that sources do not all ask in the same second."""

LATEST = timedelta(seconds=30)
"""A turn of a `cron` comes that much later at the most."""


@immutable
class Rhythm:
    """How often a source is to be read."""

    every: timedelta
    cron: Cron | None = None
    """Instead of `every`, where there is one."""
    timezone: str = "UTC"
    """In which that is read."""

    @property
    def pause(self) -> timedelta:
        """After the first failure."""
        return min(FIRST_PAUSE if self.cron else self.every, LONGEST_PAUSE)

    def following(self, began: datetime, jitter: float) -> datetime:
        """Return when a source is read next whose read began then and went well; `jitter` is from 0 to 1."""
        if self.cron is not None:
            return self.cron.after(began, self.timezone) + jitter * min(LATEST, self.every * SPREAD)
        return began + self.every * (1 + SPREAD * (jitter - 0.5))

    def latest(self, now: datetime) -> datetime:
        """No turn is later than this: one that is, was made by another config, or while the clock was wrong."""
        return max(self.following(now, 1.0), now + LONGEST_PAUSE)


def due(
    now: datetime, rhythms: Mapping[str, Rhythm], turns: Mapping[str, Turn], running: Collection[str] = ()
) -> tuple[str, ...]:
    """Return the sources to read now, those first that wait longest.  One that never had a turn is due."""

    def since(name: str) -> datetime:
        turn = turns.get(name)
        return now if turn is None or turn.due is None else min(now, turn.due)

    found = [name for name, each in rhythms.items() if name not in running and _is_due(now, each, turns.get(name))]
    return tuple(sorted(found, key=lambda name: (since(name), name)))


def _is_due(now: datetime, rhythm: Rhythm, turn: Turn | None) -> bool:
    if turn is None:
        return True
    if turn.limit(now) is not None:
        return False
    return turn.due is not None and (turn.due <= now or turn.due > rhythm.latest(now))


@immutable
class Read:
    """How the read of a source went."""

    outcome: Outcome
    began: datetime
    ended: datetime
    not_before: datetime | None = None
    """When its tracker allows requests again, where it said so."""


def following(rhythm: Rhythm, failures: int, read: Read, jitter: float) -> Turn:
    """Return the next turn of a source after a read, before which so many failed; `jitter` is from 0 to 1."""
    match read.outcome:
        case Outcome.UNAUTHENTICATED:
            return Turn(None, failures + 1)
        case Outcome.SKIPPED:
            return Turn(read.ended + ELSEWHERE, failures)
        case Outcome.OK:
            return Turn(max(read.ended, rhythm.following(read.began, jitter)), 0, _limited_until(read))
        case Outcome.FAILED:
            doubled = rhythm.pause * 2 ** min(failures, 20)
            pause = min(doubled, LONGEST_PAUSE) * (1 - SPREAD * jitter)
            return Turn(read.ended + pause, failures + 1, _limited_until(read))


def _limited_until(read: Read) -> datetime | None:
    """Return when its tracker may be asked again, within limits: its clock may be wrong."""
    if read.not_before is None or read.not_before <= read.ended:
        return None
    return min(read.not_before, read.ended + LONGEST_LIMIT)


def midnight_passed(calendar: Calendar, since: datetime | None, now: datetime) -> bool:
    """Tell whether a local day began since key results were last looked at: time alone may move them.

    Cycles begin and end at midnight, windows move at midnight, and what people set runs out then.
    """
    return since is None or calendar.day_of(since) != calendar.day_of(now)
