"""Many listings of one source at once: each a walk over pages, several questions under way, one place that acts.

    explore(crew, walks):
        while anything is waiting or under way:
            ask what is waiting, on connections of their own   # in threads; nothing is touched there
                                                               # (of a near tracker one alone here: `_Exploration`)
            for each answer:                                   # here, one after the other
                what it names next is waiting now              # before its rows are kept, so that asking never rests
                walk.page(answer)
                the walk's last one? walk.done()

An error ends its walk and no other, but for one that would meet every walk of the source.  A limit that is over in
about a minute is none, as long as the read gets on and has not rested for half an hour in all: when all that is under
way has come back, the crew rests, and what was refused is asked again.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Generic, Protocol, TypeVar

from connectors.contract import Connector, ConnectorError, CredentialsRefused, MalformedAnswer, Quota, RateLimited

AT_ONCE = 8
"""Questions under way to one source, at most."""

_LEAST_AT_ONCE = 2
"""While one is parsed, the other one is on its way."""

_FORGETTING = 0.8

MOST_PAGES = 100_000
"""A listing that is longer than this has no end."""

LONGEST_REST = 75.0
"""Seconds.  Limits that are counted by the minute are over within one: Asana's, which allow 150 requests on its free
plans and tell nothing before they are used up (https://developers.asana.com/docs/rate-limits).  A first read that gave
up there would begin anew in the next run, and meet them at the same place.  For one that asks for more the lease is
given back."""

MOST_REST = 1800.0
"""Seconds that a read rests in all.  That is time for 4,500 requests by 150 a minute.  One that gets on by a page
between two limits would hold its lease for hours, and one of the few places at which sources are read."""

_UNSAID = 60.0
"""Seconds that are waited where the tracker does not say how long."""


class Paged(Protocol):
    """A page of something: what matters here is where the next ones begin."""

    @property
    def following(self) -> tuple[str, ...]: ...

    @property
    def also(self) -> tuple[str, ...]: ...


P = TypeVar("P", bound=Paged)
T = TypeVar("T")


@dataclass
class Walk(Generic[P]):
    """One listing: how a page is asked, and what becomes of it.  Only `ask` runs in other threads."""

    name: str
    """What is listed, for people."""
    ask: Callable[[Connector, str | None], P]
    page: Callable[[P], None]
    done: Callable[[], None]
    failed: Callable[[ConnectorError], None]
    close: Callable[[], None] = lambda: None
    """Called at the end however it came to that, also where neither `done` nor `failed` are."""
    begun: set[str | None] = field(default_factory=lambda: {None})
    """Resume points that were named so far."""
    left: int = 1
    """How many of them were not answered yet."""
    over: bool = False
    """It failed, or nobody waits for it any more."""

    def arrived(self, page: P) -> tuple[str, ...]:
        """Return the resume points that a page is the first to name.

        Raises MalformedAnswer when the listing goes in circles: a chain that comes back would pass for a complete read.
        """
        if not self.begun.isdisjoint(page.following):
            raise MalformedAnswer(f"The listing of {self.name} repeats its own pages; nothing of it was used.")
        self.begun.update(page.following)
        children = dict.fromkeys(one for one in page.also if one not in self.begun)
        self.begun.update(children)
        if len(self.begun) > MOST_PAGES:
            raise MalformedAnswer(f"The listing of {self.name} does not end; nothing of it was used.")
        named = (*page.following, *children)
        self.left += len(named) - 1
        return named


class Pace:
    """How many questions under way pay, by what the last ones took.

    A far tracker is waited for, and as many wait as may.  A near one answers faster than its pages can be parsed, which
    Python does one at a time: more than two under way would only take the processor from each other.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._took, self._worked = 0.0, 0.0
        self._noting = Lock()

    def note(self, took: float, worked: float) -> None:
        """Take the seconds from a question to its answer, and those of the processor among them."""
        with self._noting:
            self._took = _FORGETTING * self._took + took
            self._worked = _FORGETTING * self._worked + worked

    @property
    def near(self) -> bool:
        """The processor does more than waiting does."""
        return self.at_once <= _LEAST_AT_ONCE

    @property
    def at_once(self) -> int:
        """Two thirds of those that would keep a processor busy, since waiting for it counts as waiting, too."""
        with self._noting:
            took, worked = self._took, self._worked
        if took >= 1.5 * self._most * worked:  # nothing is known yet, too
            return self._most
        return min(self._most, max(_LEAST_AT_ONCE, int(took / worked / 1.5)))


class Crew:
    """Connections of one source: as many as there are questions under way, each used by one thread at a time."""

    def __init__(self, first: Connector, at_once: int = AT_ONCE, wait: Callable[[float], None] | None = None) -> None:
        """`wait` lets so many seconds pass, and may raise; where there is none, nobody rests."""
        self.first = first
        self.pace = Pace(at_once)
        self.gets_on = False
        """A page came since the last rest, or since the read began."""
        self._wait, self._rested = wait, 0.0
        self._all: list[Connector] = [first]
        self._idle: SimpleQueue[Connector] = SimpleQueue()
        self._idle.put(first)
        self._growing = Lock()
        self._pool = ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="page")

    @property
    def requests(self) -> int:
        """How many were sent so far, by all connections."""
        return sum(connector.requests for connector in self._all)

    @property
    def quota(self) -> Quota | None:
        """What is left by the answers so far: the least that any connection was told."""
        return min((each.quota for each in self._all if each.quota), key=lambda quota: quota.remaining, default=None)

    def may_rest(self, seconds: float) -> bool:
        """Tell whether a limit that lasts so long is waited for.  One that lets next to nothing through is not."""
        left = min(LONGEST_REST, MOST_REST - self._rested)
        return self._wait is not None and self.gets_on and seconds <= left

    def rest(self, seconds: float) -> None:
        """Let nobody ask for so long.  Raises what waiting does."""
        if self._wait is not None:
            self._wait(seconds)
        self._rested += seconds
        self.gets_on = False

    def ask(self, question: Callable[[Connector], T]) -> "Future[T]":
        """Ask in another thread."""
        return self._pool.submit(self.ask_here, question)

    def ask_here(self, question: Callable[[Connector], T]) -> T:
        connector = self._take()
        began, worked = time.perf_counter(), time.thread_time()
        try:
            return question(connector)
        finally:
            self.pace.note(time.perf_counter() - began, time.thread_time() - worked)
            self._idle.put(connector)

    def _take(self) -> Connector:
        try:
            return self._idle.get_nowait()
        except Empty:
            with self._growing:
                another = self.first.twin()
                if all(another is not known for known in self._all):
                    self._all.append(another)
            return another

    def close(self) -> None:
        """End the threads and the connections; what is under way is waited for."""
        self._pool.shutdown(cancel_futures=True)
        for connector in self._all:
            connector.close()


def explore(crew: Crew, walks: Iterable[Walk[P]]) -> None:
    """Walk all of them to their ends.

    Raises RateLimited that is not rested for and CredentialsRefused, which no other walk would escape, once what is
    under way has come back, and whatever `page`, `done` and resting raise that is no ConnectorError.
    """
    every = list(walks)
    try:
        _Exploration(crew, every).run()
    finally:
        for walk in every:
            walk.close()


class _Exploration(Generic[P]):
    """What is waiting to be asked, and what is under way.

    A question to a near tracker that is alone, as each of a chain of pages is, is asked in this thread: handing it to
    another one and waking up again takes as long as the page's rows do.
    """

    def __init__(self, crew: Crew, walks: Iterable[Walk[P]]) -> None:
        self._crew = crew
        self._walks = list(walks)
        self._waiting: deque[tuple[Walk[P], str | None]] = deque((walk, None) for walk in self._walks)
        self._under_way: dict[Future[P], tuple[Walk[P], str | None]] = {}
        self._answered: SimpleQueue[Future[P]] = SimpleQueue()
        self._tired: float | None = None
        """Seconds to rest before anything more is asked; None where nothing is to be waited for."""

    def run(self) -> None:
        fatal: ConnectorError | None = None
        while self._waiting or self._under_way:
            self._rest()
            self._ask()
            walk, resume, answer = self._next()
            try:
                self._use(walk, answer)
            except ConnectorError as error:
                if fatal is None and self._put_off(walk, resume, error):
                    continue
                if not walk.over:
                    self._end([walk])
                    walk.failed(error)
                if isinstance(error, RateLimited | CredentialsRefused) and fatal is None:
                    fatal = error
                    self._end(self._walks)
        if fatal is not None:
            raise fatal

    def _put_off(self, walk: Walk[P], resume: str | None, error: ConnectorError) -> bool:
        """Let a question wait that met a limit which is soon over, and tell whether it does."""
        if not isinstance(error, RateLimited):
            return False
        seconds = _UNSAID if error.wait is None else error.wait
        if not self._crew.may_rest(seconds):
            return False
        if not walk.over:
            self._waiting.appendleft((walk, resume))
            self._tired = max(self._tired or 0.0, seconds)
        return True

    def _rest(self) -> None:
        if self._tired is not None and not self._under_way:
            self._crew.rest(self._tired)
            self._tired = None

    def _ask(self) -> None:
        """Ask in other threads, unless the tracker is near and there is one question alone."""
        while self._tired is None and self._waiting and len(self._under_way) < self._crew.pace.at_once:
            if self._crew.pace.near and not self._under_way and len(self._waiting) == 1:
                return
            walk, resume = self._waiting.popleft()
            question = self._crew.ask(_question(walk, resume))
            self._under_way[question] = walk, resume
            question.add_done_callback(self._answered.put)

    def _next(self) -> tuple[Walk[P], str | None, Callable[[], P]]:
        """Return whose the next answer is, what was asked, and what gives it."""
        if not self._under_way:  # then one alone was left waiting
            walk, resume = self._waiting.popleft()
            return walk, resume, partial(self._crew.ask_here, _question(walk, resume))
        answer = self._answered.get()
        return *self._under_way.pop(answer), answer.result

    def _use(self, walk: Walk[P], answer: Callable[[], P]) -> None:
        page = answer()
        self._crew.gets_on = True
        if walk.over:
            return
        self._waiting.extend((walk, resume) for resume in walk.arrived(page))
        self._ask()
        walk.page(page)
        if walk.left == 0:
            walk.done()

    def _end(self, walks: Iterable[Walk[P]]) -> None:
        for walk in walks:
            walk.over = True
        self._waiting = deque((walk, resume) for walk, resume in self._waiting if not walk.over)


def _question(walk: Walk[P], resume: str | None) -> Callable[[Connector], P]:
    return lambda connector: walk.ask(connector, resume)
