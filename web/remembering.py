"""What costs a page most, kept for the next visitor: as long as nothing of it changed, and for seconds at most.

Data alone is kept, never a page: who looks is none of its business.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeAlias, TypeVar

from store.views.basis import basis_of
from store.views.setup import Setup
from web.desk import Visit

SECONDS = 10
"""Times are told in minutes, and the pace of a day moves slowly."""
_MOST = 64

T = TypeVar("T")


Visiting: TypeAlias = Callable[[], AbstractContextManager[Visit]]
"""Open a snapshot: `Desk.visit`."""


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    setup: Setup
    basis: Hashable
    opened: float
    """When its snapshot was opened, on the monotonic clock."""
    found: T


class Remembering(Generic[T]):
    """One of these for all threads.  Of several that wait for the same, one finds it for all."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, _Kept[T]] = OrderedDict()

    def of(self, visiting: Visiting, about: Hashable, find: Callable[[Visit], T]) -> T:
        """Return what was found of it last, where that still holds or was found since; else find it."""
        arrived = time.monotonic()
        with visiting() as visit:
            setup, basis = visit.setup, _basis(visit)
        with self._lock:
            known = self._kept.pop(about, None)
            if known is None or not (known.opened >= arrived or (known.setup is setup and known.basis == basis)):
                known = _found(visiting, find)
            self._kept[about] = known
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
            return known.found


def _found(visiting: Visiting, find: Callable[[Visit], T]) -> _Kept[T]:
    opened = time.monotonic()
    with visiting() as visit:
        return _Kept(visit.setup, _basis(visit), opened, find(visit))


def _basis(visit: Visit) -> Hashable:
    return basis_of(visit.connection), int(visit.now.timestamp()) // SECONDS
