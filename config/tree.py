"""A config file as a tree of text: every scalar as it was written, every node with its place."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from okrs.immutable import immutable

Step: TypeAlias = str | int
"""A key of a table or an index of a list."""


@immutable
class Place:
    """Where something begins; line and column are 1-based."""

    file: str
    line: int = 1
    column: int = 1
    use: "Place | None" = None
    """Of what comes of a template: where a mapping uses it."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@immutable
class Scalar:
    """Text.  `empty` is true of `key:` with nothing behind it, which means the same as leaving the key out."""

    place: Place
    text: str
    empty: bool = False


@immutable
class Listing:
    place: Place
    items: tuple["Node", ...]


@immutable
class Entry:
    """A key's place and its value."""

    place: Place
    value: "Node"


@immutable
class Table:
    place: Place
    entries: Mapping[str, Entry]


Node: TypeAlias = Scalar | Listing | Table
Plain: TypeAlias = "str | list[Plain] | dict[str, Plain] | None"


def plain(node: Node) -> Plain:
    """Return the node as text, lists and dicts; None for an empty value."""
    match node:
        case Scalar(empty=True):
            return None
        case Scalar(text=text):
            return text
        case Listing(items=items):
            return [plain(item) for item in items]
        case Table(entries=entries):
            return {key: plain(entry.value) for key, entry in entries.items()}


def path_text(path: tuple[Step, ...]) -> str:
    """Write a path as in `mappings[0].from[1].source`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


@immutable
class Spot:
    """A node seen from the top of its file."""

    node: Node
    home: Place
    """Where its key stands, or where the list entry begins: the place to say that something in it is missing."""
    path: tuple[Step, ...] = ()

    @property
    def text(self) -> str | None:
        """The text of a scalar; None for an empty one and for anything else."""
        return self.node.text if isinstance(self.node, Scalar) and not self.node.empty else None

    @property
    def shape(self) -> str:
        """What it is, in words."""
        match self.node:
            case Listing():
                return "a list"
            case Table():
                return "a mapping of keys"
            case Scalar(empty=True):
                return "nothing"
            case Scalar():
                return "a single value"

    def get(self, key: str) -> "Spot | None":
        """Return what stands under a key; None where there is none or nothing behind it."""
        entry = self.node.entries.get(key) if isinstance(self.node, Table) else None
        if entry is None or (isinstance(entry.value, Scalar) and entry.value.empty):
            return None
        return Spot(entry.value, entry.place, (*self.path, key))

    def entry(self, key: str) -> Entry | None:
        """Return a key of a table with its value; None where there is none."""
        return self.node.entries.get(key) if isinstance(self.node, Table) else None

    def word(self, key: str) -> str | None:
        """Return the text under a key; None where there is none or it is no text."""
        spot = self.get(key)
        return spot.text if spot else None

    def listed(self, key: str) -> "list[Spot]":
        """Return the entries of the list under a key; a single text is a list of one."""
        spot = self.get(key)
        if spot is None:
            return []
        return spot.items() if isinstance(spot.node, Listing) else [spot]

    def items(self) -> "list[Spot]":
        """Return the entries of a list; nothing for anything else."""
        if not isinstance(self.node, Listing):
            return []
        return [Spot(item, item.place, (*self.path, index)) for index, item in enumerate(self.node.items)]

    def entries(self) -> "list[tuple[str, Spot]]":
        """Return keys and values of a table; nothing for anything else."""
        if not isinstance(self.node, Table):
            return []
        return [(key, Spot(entry.value, entry.place, (*self.path, key))) for key, entry in self.node.entries.items()]

    def child(self, step: Step) -> "Spot | None":
        """Return one entry of a list or table, also an empty one; None where there is none."""
        match self.node:
            case Table(entries=entries) if isinstance(step, str) and step in entries:
                entry = entries[step]
                return Spot(entry.value, entry.place, (*self.path, step))
            case Listing(items=items) if isinstance(step, int) and step < len(items):
                return Spot(items[step], items[step].place, (*self.path, step))
        return None

    def down(self, path: tuple[Step, ...]) -> "Spot":
        """Follow a path as far as it goes."""
        here = self
        for step in path:
            inner = here.child(step)
            if inner is None:
                break
            here = inner
        return here

    def walk(self) -> "Iterator[Spot]":
        """Yield this spot and everything below it."""
        yield self
        for spot in [*self.items(), *(value for _, value in self.entries())]:
            yield from spot.walk()
