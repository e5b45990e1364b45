"""Trouble on demand: what a tracker does instead of answering, for how many requests, and for which."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil

from sandbox.clock import Clock


class Kind(StrEnum):
    """What happens instead of the answer."""

    STATUS = "status"
    HTML = "html"
    CUT = "cut"
    HANG = "hang"
    DROP = "drop"
    PARTLY = "partly"


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble.  `tracker` None means any; `path` is a part of the path and query, "" means any."""

    kind: Kind
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    """What the tracker says in words; "" takes what it says of that status."""
    seconds: float = 0.0
    tracker: str | None = None
    path: str = ""

    def hits(self, tracker: str, target: str) -> bool:
        return self.tracker in (None, tracker) and self.path in target


@dataclass
class _Limit:
    """So many requests in each minute."""

    a_minute: int
    clock: Clock
    _minute: int = 0
    _came: int = 0

    def left_of_minute(self) -> int:
        """Count a request; return the whole seconds to wait when it is one too many, else 0."""
        minute, second = divmod(self.clock.now().timestamp(), 60)
        if minute != self._minute:
            self._minute, self._came = int(minute), 0
        self._came += 1
        return ceil(60 - second) if self._came > self.a_minute else 0


class Faults:
    """The trouble that is planned.  Thread safe; with nothing planned every request is answered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: list[tuple[Fault, int]] = []
        self.latency = 0.0
        """Seconds by which every answer is late."""
        self.page_caps: dict[str, int] = {}
        """By tracker: the most items on a page, below the tracker's own limit."""
        self.overlaps: set[str] = set()
        """Trackers whose pages begin with the last item of the page before."""
        self.headers: dict[str, Mapping[str, str]] = {}
        """By tracker: what stands in the head of every answer besides, as the limits that not every Jira tells."""
        self._acts: list[tuple[Callable[[], object], str | None, str]] = []
        self._limits: dict[str, _Limit] = {}

    def status(
        self,
        status: int,
        *,
        retry_after: float | str | None = None,
        headers: Mapping[str, str] | None = None,
        message: str = "",
        times: int = 1,
        tracker: str | None = None,
        path: str = "",
    ) -> None:
        """Answer the next matching requests with an error status (429, 500, 502, 401, 403 …) in the tracker's shape."""
        extra = dict(headers or {})
        if retry_after is not None:
            extra["Retry-After"] = str(retry_after)
        self._plan(Fault(Kind.STATUS, status, extra, message, tracker=tracker, path=path), times)

    def limit(self, tracker: str, a_minute: int, clock: Clock) -> None:
        """Answer so many requests in each minute of a clock, and refuse the others with the seconds until the next one.

        So Asana does, which tells nothing of it before (150 on free plans) and counts those that it refuses, too:
        https://developers.asana.com/docs/rate-limits
        """
        with self._lock:
            self._limits[tracker] = _Limit(a_minute, clock)

    def html(self, *, times: int = 1, tracker: str | None = None, path: str = "") -> None:
        """Answer 200 with a page for people, as a login wall or a proxy does."""
        self._plan(Fault(Kind.HTML, tracker=tracker, path=path), times)

    def cut(self, *, times: int = 1, tracker: str | None = None, path: str = "") -> None:
        """Answer with the first half of the true JSON."""
        self._plan(Fault(Kind.CUT, tracker=tracker, path=path), times)

    def hang(self, seconds: float, *, times: int = 1, tracker: str | None = None, path: str = "") -> None:
        """Answer that much later; closing the sandbox ends the wait."""
        self._plan(Fault(Kind.HANG, seconds=seconds, tracker=tracker, path=path), times)

    def drop(self, *, times: int = 1, tracker: str | None = None, path: str = "") -> None:
        """Close the connection without an answer."""
        self._plan(Fault(Kind.DROP, tracker=tracker, path=path), times)

    def partly(self, message: str, *, times: int = 1, tracker: str | None = None, path: str = "") -> None:
        """Answer 200 with errors beside the data, of which nodes are missing, as GitHub's GraphQL does in trouble."""
        self._plan(Fault(Kind.PARTLY, message=message, tracker=tracker, path=path), times)

    def then(self, act: Callable[[], object], *, times: int = 1, tracker: str | None = None, path: str = "") -> None:
        """Do something after the next matching requests were answered, as an edit while somebody lists."""
        with self._lock:
            self._acts += [(act, tracker, path)] * times

    def after(self, tracker: str, target: str) -> None:
        """Do what is planned after a request, once."""
        with self._lock:
            due = next((act for act in self._acts if act[1] in (None, tracker) and act[2] in target), None)
            if due is not None:
                self._acts.remove(due)
        if due is not None:
            due[0]()

    def clear(self) -> None:
        """Forget every plan, the limits, the latency, the page caps and the overlaps."""
        with self._lock:
            self._planned.clear()
            self._acts.clear()
            self._limits.clear()
            self.page_caps.clear()
            self.overlaps.clear()
            self.latency = 0.0

    def take(self, tracker: str, target: str) -> Fault | None:
        """Return the first planned fault that hits this request and use it up once."""
        with self._lock:
            for index, (fault, times) in enumerate(self._planned):
                if fault.hits(tracker, target):
                    self._planned[index : index + 1] = [(fault, times - 1)] if times > 1 else []
                    return fault
            left = self._limits[tracker].left_of_minute() if tracker in self._limits else 0
        return Fault(Kind.STATUS, 429, {"Retry-After": str(left)}) if left else None

    def _plan(self, fault: Fault, times: int) -> None:
        if times < 1:
            raise ValueError("a fault happens at least once")
        with self._lock:
            self._planned.append((fault, times))
