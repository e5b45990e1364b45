"""What costs a page most, kept for the next visitor: as long as nothing of it changed, and for seconds at most.

Data alone is kept, never a page: who looks is none of its business.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

from store.views.basis import basis_of
from store.views.setup import Setup
from web.desk import Visit

SECONDS = 10
"""Times are told in minutes, and the pace of a day moves slowly."""
_MOST = 64

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    setup: Setup
    basis: Hashable
    found: T


class Remembering(Generic[T]):
    """One of these for all threads.  Of several that want the same, one works it out and the others wait."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, _Kept[T]] = OrderedDict()

    def of(self, visit: Visit, about: Hashable, find: Callable[[], T]) -> T:
        """Return what was found of it last, where that still holds; else find it."""
        basis = basis_of(visit.connection), int(visit.now.timestamp()) // SECONDS
        with self._lock:
            known = self._kept.pop(about, None)
            if known is None or known.setup is not visit.setup or known.basis != basis:
                known = _Kept(visit.setup, basis, find())
            self._kept[about] = known
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
            return known.found
