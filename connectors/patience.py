"""The one place that slows down and asks again: every connection of a source is asked through here.

Nothing below retries: `connectors.line` sends a request once, whoever wrote it.  A page that fails is asked again here,
after a pause (`connectors.retrying`); a tracker that wants more time than a lease lives is not waited for here.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from threading import BoundedSemaphore, Lock
from typing import ParamSpec, TypeVar

from connectors.contract import (
    Account,
    Connector,
    Container,
    Cursor,
    Demand,
    Family,
    Found,
    IdPage,
    Listed,
    Page,
    Quota,
    RateLimited,
    TryLater,
    Unreadable,
)
from okrs.work import Ref

LONGEST_WAIT = 45.0
"""Seconds that one page may be waited for in all: less than a lease lives, which nobody renews here.  Whether a read is
given up for a tracker that asks for more, or rests while the lease is renewed, says `sync.walking`."""

AT_ONCE = 8
"""Requests under way at the same time to one source.  Asana allows 50 reads at once, GitHub 100."""

_SPARE = 10
"""The last tenth of a quota is spread over the time until it begins anew."""

_SLOWEST = LONGEST_WAIT / (2 * AT_ONCE)
"""Seconds between two requests at the most while some are left: as many as may be under way wait for one another, and
none of them may take the slowness for a wall."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


def spacing(quota: Quota | None, now: datetime) -> float:
    """Return the seconds between two requests that make what is left of a quota last until it begins anew.

    When nothing is left it is the whole time until then.
    """
    if quota is None or quota.reset is None or not _is_scarce(quota):
        return 0.0
    left = max(0.0, (quota.reset - now).total_seconds())
    return min(_SLOWEST, left / quota.remaining) if quota.remaining else left


def _is_scarce(quota: Quota) -> bool:
    return quota.near or (quota.limit is not None and quota.remaining * _SPARE <= quota.limit)


class Pacer:
    """What the connections of one source share: how many requests are under way, and when the next one may go."""

    def __init__(
        self,
        at_once: int = AT_ONCE,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.sleep = sleep
        self.gave_up = False
        """The last thing asked was given up: a tracker that is down is not waited for anew for every container."""
        self._clock = clock
        self._slots = BoundedSemaphore(at_once)
        self._lock = Lock()
        self._next = 0.0
        """When the next request may go, on the clock."""

    @contextmanager
    def slot(self, gap: float) -> Iterator[None]:
        """Wait for this connection's turn; `gap` is how many seconds later the next one comes.

        Raises RateLimited when the turn comes too late to be waited for.
        """
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            if turn - now > LONGEST_WAIT:
                raise RateLimited(f"The tracker's limit is used up for {turn - now:.0f} s.", turn - now)
            self._next = turn + gap
        if turn > now:
            self.sleep(turn - now)
        with self._slots:
            yield

    def hold(self, seconds: float) -> None:
        """Let nobody ask for that long: one connection was told to wait, and it is the same tracker for all."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)


class _PartlyAnswered(TryLater):
    """Some containers could not be seen for a trouble that may pass; the others are `found`."""

    def __init__(self, found: Sequence[Container | Unreadable]) -> None:
        super().__init__("Some containers could not be seen just now.")
        self.found = found


class Patient:
    """A connector that asks one page again when the trouble is passing.  Everything else goes through untouched."""

    def __init__(self, connector: Connector, pacer: Pacer | None = None) -> None:
        self._connector = connector
        self._pacer = pacer or Pacer()

    def _ask(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        once = partial(self._once, call, *args, **kwargs)
        try:
            answer = once()
        except TryLater as error:
            failed = error
        else:
            self._pacer.gave_up = False
            return answer
        answer = self._again(failed, once)  # behind the first one's end, so that no other error is told as its effect
        self._pacer.gave_up = False
        return answer

    def _again(self, failed: TryLater, once: Callable[[], _T]) -> _T:
        pacer = self._pacer
        try:
            from connectors.retrying import again  # for those with trouble
        except (ImportError, OSError):  # the machine is in trouble, too: once was enough
            pacer.gave_up = True
            raise failed from None
        try:
            return again(failed, once, longest=LONGEST_WAIT, gave_up=lambda: pacer.gave_up, sleep=pacer.sleep)
        except TryLater as error:
            pacer.gave_up = not isinstance(error, RateLimited)  # a limit says itself when it is over
            raise

    def _once(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        before = self._connector.requests
        with self._pacer.slot(spacing(self._connector.quota, datetime.now(UTC))):
            try:
                return call(*args, **kwargs)
            except RateLimited as error:
                self._pacer.hold(error.wait or 0.0)
                raise
            finally:
                self._settle(self._connector.requests - before)

    def _settle(self, sent: int) -> None:
        """Let the next question wait for all requests of this one: a look-up may send one for every item."""
        quota = self._connector.quota
        if sent > 1 and quota is not None and quota.remaining:
            self._pacer.hold(min(sent * spacing(quota, datetime.now(UTC)), _SLOWEST * AT_ONCE))

    @property
    def requests(self) -> int:
        return self._connector.requests

    @property
    def quota(self) -> Quota | None:
        return self._connector.quota

    @property
    def told(self) -> datetime | None:
        return self._connector.told

    def twin(self) -> "Patient":
        other = self._connector.twin()
        return self if other is self._connector else Patient(other, self._pacer)

    def containers(self) -> Sequence[Container | Unreadable]:
        try:
            return self._ask(self._all_containers)
        except _PartlyAnswered as partly:
            self._pacer.gave_up = False  # the tracker answers, and the others are worth waiting for
            return partly.found

    def _all_containers(self) -> Sequence[Container | Unreadable]:
        found = self._connector.containers()
        if any(isinstance(each, Unreadable) and each.passing for each in found):
            raise _PartlyAnswered(found)
        return found

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        return self._ask(self._connector.changed, container, cursor, demand)

    def census(self, container: Container, demand: Demand, resume: str | None) -> IdPage:
        return self._ask(self._connector.census, container, demand, resume)

    def look_up(self, container: Container, refs: Sequence[Ref], demand: Demand) -> Mapping[str, Found]:
        return self._ask(self._connector.look_up, container, refs, demand)

    def matching(self, query: str, resume: str | None) -> IdPage:
        return self._ask(self._connector.matching, query, resume)

    def outside(self, family: Family, resume: str | None) -> IdPage:
        return self._ask(self._connector.outside, family, resume)

    def check(self) -> Account:
        return self._ask(self._connector.check)

    def discover(self) -> Sequence[Listed]:
        return self._ask(self._connector.discover)

    def close(self) -> None:
        self._connector.close()
