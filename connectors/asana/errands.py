"""Where tasks are after all that was told, and what a poll must therefore ask.  Pure but for asking the mirror.

Where a task is follows from what was told of it and of the tasks above it, and from the mirror where nothing was told.
What left the project is not asked about, nor is what is below it.  What came back may have changed elsewhere, where
this project's events tell nothing, so everything below it is walked.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Self

from connectors.asana.hints import Hints
from okrs.immutable import immutable
from okrs.work import WorkItem


@immutable
class Places:
    """Where tasks are: by what was told, and by the mirror where nothing was."""

    project: str
    hints: Hints
    held: Mapping[str, WorkItem]
    """What the mirror has of them, and of the tasks above them."""

    @classmethod
    def of(
        cls, project: str, hints: Hints, gids: Iterable[str], held: Callable[[Iterable[str]], Mapping[str, WorkItem]]
    ) -> Self:
        """Ask the mirror for some tasks, for those that hints name, and for all above them; for none without hints."""
        found: dict[str, WorkItem] = {}
        places, asked, named = cls(project, hints, found), set[str](), {*hints.tasks, *hints.parents}
        waiting = named.union(gids) if named else named
        while waiting:
            found.update(held(waiting))
            asked |= waiting
            waiting = {above for gid in waiting if (above := places.above(gid))} - asked
        return places

    def above(self, gid: str) -> str:
        """Return the task above, "" where there is none or none is known."""
        item = self.held.get(gid)
        return self.hints.above.get(gid, item.parent.id if item and item.parent else "")

    def left(self, gid: str) -> bool:
        """Tell whether, for all that was told, a task is in the project neither by itself nor below another one."""
        return not self._path(gid)

    def due(self, gid: str) -> bool:
        """Tell whether a parent must be asked by itself: it has not left, and no walk from above comes to it.

        Below a task that came back, or that is new to us, everything is walked.
        """
        path = self._path(gid)
        return bool(path) and not any(
            self.hints.back(above) or (above in self.hints.parents and above not in self.held) for above in path[1:]
        )

    def _path(self, gid: str) -> tuple[str, ...]:
        """Return the task and those above it, up to the one that is known to be in the project; () when it left."""
        path: dict[str, None] = {}
        told = False
        while gid not in path:
            path[gid] = None
            if self.hints.deleted(gid):
                return ()
            if self.hints.homes.get(gid, self._at_home(gid)):
                break
            moved = gid in self.hints.homes or gid in self.hints.above
            told, above = told or moved, self.above(gid)
            if not above:  # what was not told of, and is not held, may be anywhere
                return () if moved or (told and gid in self.held) else tuple(path)
            gid = above
        return tuple(path)

    def _at_home(self, gid: str) -> bool:
        return gid in self.held and self.project in [home.id for home in self.held[gid].projects]


@immutable
class Errands:
    """What a poll asks besides the tasks that were modified."""

    walks: tuple[str, ...] = ()
    """Known parents whose sub-tasks are walked."""
    back: tuple[str, ...] = ()
    """Known parents below which everything is walked: they came back, and nobody told what happened meanwhile."""
    awaited: tuple[str, ...] = ()
    """Tasks that the listing should show, and that are asked one by one where it does not."""


def errands(places: Places, every: Collection[str], *, everything: bool = False) -> Errands:
    """Return what the hints make a poll ask; `every` is the parents that the mirror has.

    With `everything` all of them are walked but those that left.
    """
    hints, known = places.hints, frozenset(every)
    parents, awaited = dict(hints.parents) | dict.fromkeys(every if everything else ()), dict[str, None]()
    for gid in hints.tasks:
        above = places.above(gid)
        if above and not places.left(above):
            parents[above] = None
        elif not places.left(gid):
            awaited[gid] = None
    due = [gid for gid in parents if places.due(gid)]
    # A parent that is new to us is asked itself: it says how many sub-tasks it has, so that it is known from now on.
    awaited |= dict.fromkeys(gid for gid in due if gid not in known)
    back = [gid for gid in hints.tasks if hints.back(gid) and gid in known and places.due(gid)]
    walks = [gid for gid in due if gid in known and not hints.back(gid)]
    return Errands(tuple(walks), tuple(back), tuple(awaited))
