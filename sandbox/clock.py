"""The time of the sandbox: every stamp of its trackers comes from one of these clocks, never from the machine."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time and may be asked to let some pass."""

    def now(self) -> datetime:
        """Return the current time, aware and in UTC."""

    def advance(self, by: timedelta) -> None:
        """Let that much time pass, as far as this clock can."""


class SimulatedClock:
    """Stands still until it is advanced, and never goes past `latest()` where one is given."""

    def __init__(self, start: datetime, latest: Callable[[], datetime] | None = None) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock needs an aware start")
        self._now = start.astimezone(UTC)
        self._latest = latest

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        """Go forward.  Raises ValueError for a step back, which no tracker's clock takes."""
        if by < timedelta(0):
            raise ValueError("time does not go back")
        after = self._now + by
        self._now = max(self._now, min(after, self._latest())) if self._latest else after


class RealClock:
    """The machine's time, which passes by itself: advancing it does nothing."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def advance(self, by: timedelta) -> None:
        """Do nothing: real time cannot be hurried, so what a team would do in days happens at once."""
