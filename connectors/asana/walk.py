"""Where a read of an Asana project stands: first the listing of its tasks, then the sub-tasks of each parent.

Sub-tasks are in no project's listing, so every task that has some is walked by a listing of its own, and so are
the sub-tasks that have sub-tasks.  A position is a value: the same one can be asked again after a failure.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

import orjson

from connectors.contract import MalformedAnswer, Stop


@dataclass(frozen=True, slots=True)
class Trail:
    """Catches a listing that goes round in circles, of any length, by remembering one token (Brent's algorithm).

    The remembered token is replaced after 1, 2, 4 … pages, so that it comes to lie inside the circle and the
    circle fits before the next replacement.
    """

    token: str | None = None
    span: int = 1
    left: int = 0

    def after(self, token: str, what: str) -> "Trail":
        """Return the trail with one more page token.  Raises MalformedAnswer when it was there before."""
        if token == self.token:
            raise MalformedAnswer(f"The listing of {what} repeats a page without an end; nothing of it was used.")
        if self.left == 0:
            return Trail(token, self.span * 2, self.span * 2)
        return replace(self, left=self.left - 1)


@dataclass(frozen=True, slots=True)
class Position:
    """The page that is asked next."""

    phase: str = "tasks"
    offset: str | None = None
    """Asana's token for the page; None for the first one.  It expires."""
    queue: tuple[str, ...] = ()
    """Gids of the parents still to walk; in the phase `subtasks` there is one at least."""
    done: tuple[str, ...] = ()
    """Gids of the parents walked already."""
    trail: Trail = Trail()

    @property
    def walking(self) -> bool:
        """Whether the next page lists sub-tasks, of the first parent in the queue."""
        return self.phase == "subtasks"

    @staticmethod
    def start(parents: Iterable[str]) -> "Position":
        """Return the beginning of a read that knows these parents."""
        return Position(queue=tuple(dict.fromkeys(parents)))

    @staticmethod
    def parse(text: str) -> "Position":
        """Read what `text` wrote.  Raises Stop when it is something else."""
        try:
            raw = orjson.loads(text)
            lists = {"queue": tuple(raw["queue"]), "done": tuple(raw["done"])}
            position = Position(**{**raw, **lists, "trail": Trail(**raw["trail"])})
        except (ValueError, TypeError, KeyError) as error:
            raise Stop("The resume point is not one of Asana's; the read must begin again.") from error
        if position.walking and not position.queue:
            raise Stop("The resume point names no parent to walk; the read must begin again.")
        return position

    def text(self) -> str:
        """Return the opaque form that travels in `Page.resume`."""
        return orjson.dumps(asdict(self)).decode()

    def noting(self, parents: Iterable[str]) -> "Position":
        """Return the position with newly seen parents queued, each once in a read."""
        known = {*self.queue, *self.done}
        fresh = tuple(gid for gid in dict.fromkeys(parents) if gid not in known)
        return replace(self, queue=self.queue + fresh) if fresh else self

    def next(self, offset: str | None, what: str) -> "Position | None":
        """Return the page after this one, None when the read is complete; `offset` None ends this listing.

        Raises MalformedAnswer when the listing goes round in circles.
        """
        if offset is not None:
            return replace(self, offset=offset, trail=self.trail.after(offset, what))
        walked = 1 if self.walking else 0
        queue = self.queue[walked:]
        return Position("subtasks", None, queue, self.done + self.queue[:walked]) if queue else None
