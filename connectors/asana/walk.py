"""Where pages of a read begin: the resume points of Asana, and their text.

The project's listing is a chain of offsets.  Sub-tasks are in no project's listing, so the sub-tasks of every task are
a listing of their own, a walk.  Pages are asked in any order and know nothing of one another: a point carries what its
page must know, and no more.  The same point can be asked again after a failure.
"""

from typing import Any, ClassVar, Self

import orjson

from connectors.contract import MalformedAnswer, Stop, TryLater
from okrs.immutable import defaults, facts, immutable, replace

MOST_RESTARTS = 3
"""How often one listing begins again because its page token expired."""


@immutable
class Trail:
    """Catches a listing that goes round in circles, of any length, by remembering one token (Brent's algorithm).

    The remembered token is replaced after 1, 2, 4 … pages, so that it comes to lie inside the circle and the
    circle fits before the next replacement.
    """

    token: str = ""
    span: int = 1
    left: int = 0

    def after(self, token: str, what: str) -> "Trail":
        """Return the trail with one more page token.  Raises MalformedAnswer when it was there before."""
        if token == self.token:
            raise MalformedAnswer(f"The listing of {what} repeats a page without an end; nothing of it was used.")
        if self.left == 0:
            return Trail(token, self.span * 2, self.span * 2)
        return replace(self, left=self.left - 1)


@immutable
class _Point:
    """A page to ask for.  Its text holds what differs from the defaults."""

    kind: ClassVar[str]

    def text(self) -> str:
        """Return the opaque form that travels in `Page.following`."""
        usual = defaults(type(self))
        own = {name: value for name, value in facts(self).items() if value != usual[name]}
        return orjson.dumps({"at": self.kind, **own}, default=facts).decode()

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Self:
        """Read what `text` wrote.  Raises ValueError or TypeError when it is no such point."""
        values: dict[str, Any] = {}
        for name, usual in defaults(cls).items():
            if name not in raw:
                continue
            value = raw.pop(name)
            if isinstance(usual, Trail):
                value = Trail(**value)
            elif isinstance(usual, tuple):
                value = _texts(value)
            elif type(value) is not type(usual):
                raise TypeError(name)
            values[name] = value
        if raw:
            raise ValueError(raw)
        return cls(**values)


@immutable
class _Listing(_Point):
    """A page of a listing; subclasses say of which."""

    offset: str = ""
    """Asana's token of the page, "" for the first one.  It expires."""
    trail: Trail = Trail()
    restarts: int = 0

    def next(self, offset: str, what: str) -> Self:
        """Return the page after this one.  Raises MalformedAnswer when the listing goes round in circles."""
        return replace(self, offset=offset, trail=self.trail.after(offset, what))

    def again(self, what: str) -> Self:
        """Return the listing's first page, because the token of this one expired.

        What was gathered stays, and is gathered once more.  Raises TryLater when that happens too often.
        """
        if self.restarts >= MOST_RESTARTS:
            raise TryLater(f"The page tokens of {what} expire faster than they are used; it is read again later.")
        return replace(self, offset="", trail=Trail(), restarts=self.restarts + 1)


@immutable
class Tasks(_Listing):
    """A page of the project's own listing."""

    kind = "tasks"
    whole: bool = False
    """Whether all tasks are listed, whenever they were modified."""
    awaited: tuple[str, ...] = ()
    """Gids that events named and that no page showed so far: what is left at the end is asked one by one."""


@immutable
class Walk(_Listing):
    """A page of the sub-tasks of one task."""

    kind = "walk"
    gid: str = ""
    above: tuple[str, ...] = ()
    """The parents by whose walks this one was found: a circle of parents ends here."""
    deep: bool = False
    """Whether everything below is walked; else only parents that are new to us: the others are named by events."""

    def below(self, gid: str) -> tuple["Walk", ...]:
        """Return the deep walk of one of the sub-tasks, none where the parents form a circle."""
        above = (*self.above, self.gid)
        return () if gid in above else (Walk(gid=gid, above=above, deep=True),)


@immutable
class Single(_Point):
    """One task by itself."""

    kind = "task"
    gid: str = ""


@immutable
class Events(_Point):
    """A page of the project's events."""

    kind = "events"
    sync: str = ""
    """Asana's token; "" asks for a new one."""
    whole: bool = False
    """Whether events were given up, so that everything is listed."""
    pages: int = 0
    seen: tuple[str, ...] = ()
    """What the pages before told (`hints.Hints.texts`)."""


Point = Tasks | Walk | Single | Events
_KINDS: dict[str, type[Point]] = {one.kind: one for one in (Tasks, Walk, Single, Events)}


def point(text: str) -> Point:
    """Read a point out of its text.  Raises Stop when it is something else."""
    try:
        raw = orjson.loads(text)
        found = _KINDS[raw.pop("at")].of(raw)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        raise Stop("The resume point is not one of Asana's; the read must begin again.") from None
    if isinstance(found, Walk | Single) and not found.gid:
        raise Stop("The resume point names no task; the read must begin again.")
    return found


def _texts(values: Any) -> tuple[str, ...]:  # noqa: ANN401 - whatever the text held
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise TypeError(values)
    return tuple(values)
