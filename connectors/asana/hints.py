"""What all events since the last read say together.  Pure: no requests."""

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Self

from okrs.immutable import immutable

MOST_DELETED = 300
"""Deleted tasks that are remembered for look-ups; of those before, only the census tells."""

_BACK = ("u", "h")


@immutable
class Hints:
    """What all pages of events together say."""

    tasks: Mapping[str, str] = field(default_factory=dict)
    """Gid → the letter of what became of it: c changed or moved, h came into the project, d deleted, u undeleted."""
    homes: Mapping[str, bool] = field(default_factory=dict)
    """Gid → whether it is in the project by itself, as was told last."""
    above: Mapping[str, str] = field(default_factory=dict)
    """Gid → the task that it was put under last; "" where it was taken away and nothing was said since."""
    parents: Mapping[str, None] = field(default_factory=dict)
    """Gids of tasks that got a sub-task or lost one."""

    def after(self, events: Iterable[tuple[str, str, str]], project: str) -> "Hints":
        """Return what is known with these events besides."""
        tasks, homes, above, parents = dict(self.tasks), dict(self.homes), dict(self.above), dict(self.parents)
        for action, gid, parent in events:
            kind, _, other = parent.partition(":")
            if kind == "task":
                parents[other] = None
            match action, kind:
                case "a", "task":
                    above[gid] = other
                case "a", _:
                    homes[gid] = True
                case "r", "section":
                    continue
                case "r", _ if other == project:
                    homes[gid] = False
                case "r", _:
                    above[gid] = ""
                    continue  # whatever it is now, another event tells
            tasks[gid] = _became(tasks.get(gid, ""), action, kind)
        return Hints(tasks, homes, above, parents)

    def texts(self) -> tuple[str, ...]:
        """Return the form that travels in resume points."""
        return (
            *[letter + gid for gid, letter in self.tasks.items()],
            *[("i" if home else "o") + gid for gid, home in self.homes.items()],
            *[f"s{gid}:{above}" for gid, above in self.above.items()],
            *[f"p{gid}" for gid in self.parents],
        )

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """Read what `texts` wrote."""
        told = [(text[:1], text[1:]) for text in texts]
        return cls(
            {gid: letter for letter, gid in told if letter in "chdu"},
            {gid: letter == "i" for letter, gid in told if letter in "io"},
            {gid: above for letter, both in told if letter == "s" for gid, _, above in [both.partition(":")]},
            {gid: None for letter, gid in told if letter == "p"},
        )

    @property
    def alive(self) -> frozenset[str]:
        """Gids of the tasks that something happened to besides a deletion; who leaves a project lives on elsewhere."""
        return frozenset(gid for gid in self.tasks if not self.deleted(gid))

    def deleted(self, gid: str) -> bool:
        """Tell whether a task was deleted last."""
        return self.tasks.get(gid) == "d"

    def back(self, gid: str) -> bool:
        """Tell whether a task came into the project, or out of the trash."""
        return self.tasks.get(gid) in _BACK


def _became(before: str, action: str, kind: str) -> str:
    """Return the letter of a task after one more event; `kind` is that of what it was added to or removed from."""
    if action in ("d", "u"):
        return action
    if action == "c":  # a change besides says nothing new
        return before or "c"
    if before in _BACK:
        return before
    return "h" if action == "a" and kind not in ("task", "section") else "c"


def remembered(before: str, hints: Hints) -> tuple[str, ...]:
    """Return the gids known to be deleted, the newest last; `before` is what the memo held."""
    kept = dict.fromkeys(gid for gid in before.split() if gid not in hints.alive)
    return tuple(kept | dict.fromkeys(filter(hints.deleted, hints.tasks)))[-MOST_DELETED:]
