"""From the bytes of a YAML file to its tree, within limits that no hostile file can outgrow.

The tree is built straight from the parser's events, without recursion, so that depth, nodes and aliases are counted
before anything is built on them.  An alias shares the node it names; expanding it counts as if it were written out.
"""

import re
from collections.abc import Generator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

import yaml

from config.problems import Problems
from config.tree import Entry, Listing, Node, Place, Scalar, Spot, Step, Table
from config.words import quoted
from okrs.immutable import immutable

MAX_BYTES = 1_000_000
MAX_NODES = 50_000
MAX_ALIASES = 100
MAX_DEPTH = 60

_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
# Those that may not: a class of all that may takes 10 ms to compile, at every start.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


_NOTHING = ("~", "null", "Null", "NULL")
"""Everything is read as written, but no list means these: an entry that others would not see is a slip."""


class Unreadable(Exception):
    """The file as a whole cannot be used."""

    def __init__(self, place: Place, message: str, path: tuple[Step, ...] = ()) -> None:
        super().__init__(message)
        self.place = place
        self.path = path


def parse(content: bytes, file: str, problems: Problems, begin: str = "version: 1") -> Spot | None:
    """Return the tree of a file; None when it has none, with the reason among the problems.

    `begin` is what such a file begins with, as an empty one is told.
    """
    try:
        root = _Builder(file, problems, begin).build(_text(content, file))
    except Unreadable as error:
        problems.at(error.place, error.path, str(error))
        return None
    return Spot(root, root.place)


def begun(content: bytes, file: str) -> Spot | None:
    """Return what stands in a file before the mistake for which it cannot be read; None when that is nothing."""
    builder = _Builder(file, Problems(), "")
    with suppress(Unreadable):
        builder.build(_text(content, file))
    return builder.begun


def _text(content: bytes, file: str) -> str:
    if len(content) > MAX_BYTES:
        raise Unreadable(
            Place(file), f"the file is larger than {MAX_BYTES // 1_000_000} MB: split it into several files of a folder"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        raise Unreadable(_place(file, before), "the file is not UTF-8 from here on: save it as UTF-8") from None
    bad = _UNPRINTABLE.search(text)
    if bad:
        raise Unreadable(
            _place(file, text[: bad.start()]), f"the character U+{ord(bad[0]):04X} may not stand in YAML: remove it"
        )
    return text


def _place(file: str, before: str) -> Place:
    return Place(file, before.count("\n") + 1, len(before) - before.rfind("\n"))


@dataclass(slots=True)
class _Frame:
    """A list or table whose end has not come yet."""

    place: Place
    table: bool
    anchor: str | None
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    key: tuple[str, Place] | None = None
    """The key whose value comes next."""
    skipping: bool = False
    """The next value belongs to a key that was refused."""
    size: int = 1
    height: int = 1

    @property
    def step(self) -> Step:
        if not self.table:
            return len(self.items)
        return self.key[0] if self.key else "?"


@immutable
class _Anchored:
    node: Node
    size: int
    height: int


class _Builder:
    def __init__(self, file: str, problems: Problems, begin: str) -> None:
        self._file = file
        self._begin = begin
        self._problems = problems
        self._stack: list[_Frame] = []
        self._anchors: dict[str, _Anchored] = {}
        self._nodes = self._aliases = self._documents = 0
        self._root: Node | None = None

    def build(self, text: str) -> Table:
        """Return the root table.  Raises Unreadable."""
        with closing(self._events(text)) as events:
            for event in events:
                self._take(event)
        match self._root:
            case Table() as root:
                return root
            case None | Scalar(empty=True):
                raise Unreadable(Place(self._file), f"the file is empty: begin with {self._begin}")
            case other:
                raise Unreadable(other.place, f"a file begins with keys, as in {self._begin}")

    @property
    def begun(self) -> Spot | None:
        """The root with the keys whose values were read to their end."""
        frame = self._stack[0] if self._stack else None
        return Spot(Table(frame.place, dict(frame.entries)), frame.place) if frame and frame.table else None

    def _events(self, text: str) -> Generator[yaml.Event, None, None]:
        try:
            yield from yaml.parse(text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = self._at(mark) if mark else Place(self._file)
            raise Unreadable(place, _syntax(error, place, text)) from None
        except (yaml.YAMLError, ValueError):  # escapes that the pure-Python parser cannot turn into a character
            raise Unreadable(Place(self._file), "the file holds a character that YAML does not allow") from None

    def _at(self, mark: Any) -> Place:  # noqa: ANN401 - the two parsers have two classes of marks
        return Place(self._file, mark.line + 1, mark.column + 1)

    def _take(self, event: yaml.Event) -> None:
        place = self._at(event.start_mark)
        if getattr(event, "tag", None):
            raise Unreadable(place, "tags such as !!str have no meaning here: leave it out", self._path())
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise Unreadable(place, "one file holds one document: put this one into a file of its own")
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._open(_Frame(place, isinstance(event, yaml.MappingStartEvent), event.anchor))
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close()
            case yaml.ScalarEvent():
                self._scalar(event, place)
            case yaml.AliasEvent():
                self._alias(str(event.anchor), place)

    def _open(self, frame: _Frame) -> None:
        self._count(frame.place, 1, 1)
        self._stack.append(frame)

    def _close(self) -> None:
        frame = self._stack.pop()
        node = Table(frame.place, frame.entries) if frame.table else Listing(frame.place, tuple(frame.items))
        self._add(_Anchored(node, frame.size, frame.height), frame.anchor)

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> None:
        self._count(place, 1, 1)
        control = _CONTROL.search(event.value)
        if control:
            self._problems.at(place, self._path(), "control characters are not allowed in a text: remove the escape")
        text = _CONTROL.sub("", event.value)
        bare = event.style in (None, "")
        empty = bare and not text
        if bare and text in _NOTHING and self._stack and not self._stack[-1].table:
            remedy = "take it out, or put it in quotes as a text"
            self._problems.at(place, self._path(), f"{quoted(text)} is YAML's word for nothing: {remedy}")
        self._add(_Anchored(Scalar(place, text, empty), 1, 1), event.anchor, merge=not event.style and text == "<<")

    def _alias(self, name: str, place: Place) -> None:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise Unreadable(place, f"the file has more than {MAX_ALIASES} aliases (*name): write the values out")
        if any(frame.anchor == name for frame in self._stack):
            raise Unreadable(place, "this alias contains itself: write the value out", self._path())
        named = self._anchors.get(name)
        if named is None:
            raise Unreadable(place, "no anchor above has this name: a text that begins with * needs quotes")
        self._count(place, named.size, named.height)
        self._add(named, None)

    def _count(self, place: Place, size: int, height: int) -> None:
        self._nodes += size
        if self._nodes > MAX_NODES:
            raise Unreadable(
                place, f"the file has more than {MAX_NODES} values, aliases written out: split it into several files"
            )
        if len(self._stack) + height > MAX_DEPTH:
            raise Unreadable(place, f"the file is nested deeper than {MAX_DEPTH} levels: flatten it")

    def _add(self, done: _Anchored, anchor: str | None, *, merge: bool = False) -> None:
        if anchor:
            self._anchors[anchor] = done
        if not self._stack:
            self._root = done.node
            return
        frame = self._stack[-1]
        frame.size += done.size
        frame.height = max(frame.height, done.height + 1)
        if not frame.table:
            frame.items.append(done.node)
        elif frame.skipping:
            frame.skipping = False
        elif frame.key is None:
            self._key(frame, done.node, merge=merge)
        else:
            key, place = frame.key
            frame.entries[key] = Entry(place, done.node)
            frame.key = None

    def _key(self, frame: _Frame, node: Node, *, merge: bool) -> None:
        refusal = _refusal(frame, node, merge=merge)
        if refusal is None and isinstance(node, Scalar):
            frame.key = (node.text, node.place)
            return
        name = node.text if isinstance(node, Scalar) else "?"
        self._problems.at(node.place, (*self._path()[:-1], name), refusal or "")
        self._problems.tear(frame.place)
        frame.skipping = True

    def _path(self) -> tuple[Step, ...]:
        return tuple(frame.step for frame in self._stack)


def _refusal(frame: _Frame, node: Node, *, merge: bool) -> str | None:
    """Say why a node cannot be the next key of a table; None when it can."""
    if not isinstance(node, Scalar):
        return "a key is a single text: if it begins with [ or {, put it in quotes"
    if merge:
        return "merge keys (<<) are not read: write the keys out, or repeat a whole value by an alias (*name)"
    first = frame.entries.get(node.text)
    if first:
        return f"the key {quoted(node.text)} stands here twice, first at {first.place}: keep one of them"
    return None


def _syntax(error: yaml.MarkedYAMLError, place: Place, text: str) -> str:
    lines = text.split("\n")
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    if "\t" in line[: place.column]:
        return "YAML is indented with spaces: replace the tab"
    context = f" ({error.context})" if error.context else ""
    return f"this is not YAML: {error.problem}{context}; check indentation, quotes and brackets from here upwards"
