"""Trouble on demand: what a tracker does instead of answering, for how many requests, and for which."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


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
        self._acts: list[tuple[Callable[[], object], str | None, str]] = []

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
        """Forget every plan, the latency, the page caps and the overlaps."""
        with self._lock:
            self._planned.clear()
            self._acts.clear()
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
        return None

    def _plan(self, fault: Fault, times: int) -> None:
        if times < 1:
            raise ValueError("a fault happens at least once")
        with self._lock:
            self._planned.append((fault, times))
