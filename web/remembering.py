"""What costs a page most, kept for the next visitor: as long as nothing of it changed, and for seconds at most.

While sources are read something changes all the time.  Then one visitor after the other would wait for the same, so
that what was found a moment ago is taken as it is, and a little later while it is found anew beside it.  Who changed
something here, or asks for what is there now (as the script of an open page does), never sees what was before.
What a command in a terminal did shows as late as what a read did.

Data alone is kept, never a page: who looks is none of its business.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import Generic, TypeAlias, TypeVar

from okrs.immutable import immutable
from store.views.basis import basis_of
from store.views.setup import Setup
from web.desk import NotThere, Visit
from web.ports import Trouble

SECONDS = 10
"""Times are told in minutes, and the pace of a day moves slowly."""

A_MOMENT, AT_MOST = 1.5, 5.0
"""Seconds for which something that changed is taken as it was: always, and while it is found anew."""

_MOST = 64

_TROUBLED = 60
"""Seconds for which a failure counts."""

T = TypeVar("T")


Visiting: TypeAlias = Callable[[], AbstractContextManager[Visit]]
"""Open a snapshot: `Desk.visit`."""


@immutable
class _Kept(Generic[T]):
    setup: Setup
    edits: int
    basis: Hashable
    opened: float
    """When its snapshot was opened, on the monotonic clock."""
    found: T


@dataclass(slots=True)
class _Place(Generic[T]):
    """Of what is asked for, what was found last."""

    kept: _Kept[T] | None = None
    finding: Lock = field(default_factory=Lock)
    failed_at: float | None = None
    """When it could not be found beside its readers; None where it could when that was last tried."""


class Remembering(Generic[T]):
    """One of these for all threads.  Of several that wait for the same, one finds it for all.

    `trouble` takes why something could not be found beside its readers, once, and None when all of it can again.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, trouble: Trouble = lambda _: None) -> None:
        self._clock, self._trouble = clock, trouble
        self._lock = Lock()
        self._told = False
        """It was told that something cannot be found."""
        self._places: OrderedDict[Hashable, _Place[T]] = OrderedDict()

    def of(self, visiting: Visiting, about: Hashable, find: Callable[[Visit], T], *, current: bool = False) -> T:
        """Return what was found of it last, where that still holds or was found since; else find it.

        Unless it is to be `current`, what held a moment ago will do, too.
        """
        arrived, place = self._clock(), self._place(about)
        with visiting() as visit:
            setup, edits, basis = visit.setup, visit.edits, _basis(visit)

        def serves(kept: _Kept[T] | None, age: float) -> bool:
            if kept is None or kept.setup is not setup or kept.edits != edits:
                return False
            return kept.opened >= arrived or kept.basis == basis or (not current and arrived - kept.opened <= age)

        known = place.kept
        if known is not None and serves(known, A_MOMENT):
            return known.found
        if known is not None and serves(known, AT_MOST):
            self._find_beside(place, visiting, find)
            return known.found
        with place.finding:
            known = place.kept
            if known is None or not serves(known, A_MOMENT):
                known = self._find(place, visiting, find)
            return known.found

    def _find_beside(self, place: _Place[T], visiting: Visiting, find: Callable[[Visit], T]) -> None:
        """Find it anew in a thread of its own, unless somebody does: nobody waits for it."""
        if not place.finding.acquire(blocking=False):
            return

        def finding() -> None:
            # What goes wrong is told to the next one who has to wait, too: by the same question, on a page of his own.
            try:
                with suppress(NotThere):  # whoever asks again is told
                    self._find(place, visiting, find)
            except Exception as error:
                self._tell(place, error)
            finally:
                place.finding.release()

        try:
            Thread(target=finding, name="finding a page anew", daemon=True).start()
        except RuntimeError:  # no thread is to be had; whoever has to wait finds it himself
            place.finding.release()

    def _tell(self, place: _Place[T], error: Exception | None) -> None:
        """Note how it went, and tell of it where that is news of all places together: a database fails for all."""
        with self._lock:
            place.failed_at = None if error is None else self._clock()
            troubled = self._in_trouble()
            news, self._told = troubled != self._told, troubled
        if news:
            self._trouble(error)

    def _in_trouble(self) -> bool:
        """Tell whether something failed lately; what nobody asks for again is nobody's trouble any more."""
        failed = (each.failed_at for each in self._places.values() if each.failed_at is not None)
        return any(self._clock() - at < _TROUBLED for at in failed)

    def _place(self, about: Hashable) -> _Place[T]:
        with self._lock:
            place = self._places.setdefault(about, _Place())
            self._places.move_to_end(about)
            while len(self._places) > _MOST:
                self._places.popitem(last=False)
            return place

    def _find(self, place: _Place[T], visiting: Visiting, find: Callable[[Visit], T]) -> _Kept[T]:
        """Find it.  That it is not there is no trouble: then the config changed meanwhile."""
        try:
            place.kept = found = self._found(visiting, find)
        except NotThere:
            self._tell(place, None)
            raise
        self._tell(place, None)
        return found

    def _found(self, visiting: Visiting, find: Callable[[Visit], T]) -> _Kept[T]:
        opened = self._clock()
        with visiting() as visit:
            return _Kept(visit.setup, visit.edits, _basis(visit), opened, find(visit))


def _basis(visit: Visit) -> Hashable:
    return basis_of(visit.connection), int(visit.now.timestamp()) // SECONDS
