"""Files as they are kept for worse days: their trees as JSON, without comments, without the database, without secrets.

A secret is kept only as the placeholder that stands for it.  One that stands in plain where a placeholder may stand is
closed: it is kept as `false`, and comes back as a placeholder that stands for nothing.  With one that stands anywhere
else the file would be of no use any more, so it is not kept at all.
"""

from collections.abc import Collection, Iterator
from typing import Any, NoReturn
from urllib.parse import urlsplit

import orjson

from config.interpolation import CLOSED, has_placeholder, is_secret, literal, marked
from config.model import Config
from config.problems import Problems
from config.standin import Name, giving_way, names_of
from config.tree import Entry, Listing, Node, Place, Scalar, Spot, Step, Table
from connectors import registry
from connectors.debugging import secrets_of
from connectors.settings import SHORTEST_SECRET

_LARGEST = 4_000_000
"""Bytes of a document; a file that aliases blow up beyond is not kept."""

_KEY_LINE = 16
"""A line of a private key is as secret as the whole."""

_NO_WORD = 16
"""Letters from which on a secret is found within other texts; a shorter one may be a word, as of a password."""

_OLDER = "while the file is broken, an older version runs, or its key results stand still"


def document_of(root: Spot, config: Config, problems: Problems) -> str | None:
    """Return a file's text for keeping; None, with a warning, when it cannot be kept without a secret, or is too large.

    `root` is the file as it was read, `config` what it was understood to say.
    """
    secrets = _Secrets(config)
    try:
        document = orjson.dumps(_written(root, set(_closed(root, config, secrets)), secrets)).decode()
    except _Secret as found:
        told = "this is or holds a secret in plain, so this version is not kept as last good"
        if found.short:  # that a word is a password, no line is to tell
            problems.at(
                Place(root.home.file), (), f"{told}, and {_OLDER}: take it out, or choose a longer one", "warning"
            )
        else:
            problems.warning(found.spot, f"{told}, and {_OLDER}: take it out")
        return None
    if len(document) <= _LARGEST:
        return document
    told = (
        f"without its aliases this is larger than {_LARGEST // 1_000_000} MB, so this version is not kept as last good"
    )
    problems.warning(root, f"{told}, and {_OLDER}: split it into several files")
    return None


def tree_of(document: str, file: str) -> Table:
    """Return the tree of a document; its places lie in `file`, on lines counted by values."""
    tree = _Reader(file).read(orjson.loads(document))
    return tree if isinstance(tree, Table) else Table(Place(file), {})


def less(document: str, others: Collection[Name]) -> str:
    """Return what stays of a document whose file has lost names to others; itself where it has lost none."""
    root = Spot(tree_of(document, ""), Place(""))
    if names_of(root).keys().isdisjoint(others):
        return document
    return orjson.dumps(_kept_again(giving_way(root, others).node)).decode()


def _kept_again(node: Node) -> Any:  # noqa: ANN401 - JSON
    match node:
        case Scalar(empty=True):
            return None
        case Scalar(text=text):
            return text if text != CLOSED else False
        case Listing(items=items):
            return [_kept_again(each) for each in items]
        case Table(entries=entries):
            return {key: _kept_again(each.value) for key, each in entries.items()}


class _Secret(Exception):
    """Something in the file is a secret, or holds one."""

    def __init__(self, spot: Spot, *, short: bool) -> None:
        super().__init__()
        self.spot = spot
        self.short = short
        """It may be a word: a password that the config uses as such."""


class _Secrets:
    """What must not be kept."""

    def __init__(self, config: Config) -> None:
        self._every = frozenset(each for each in _secrets(config) if len(each) >= SHORTEST_SECRET)
        self._long = [each for each in self._every if len(each) >= _NO_WORD]

    def within(self, text: str) -> bool:
        """Tell whether a text is a secret, or holds one that is no word."""
        return text in self._every or any(each in text for each in self._long)


def _secrets(config: Config) -> Iterator[str]:
    """Yield every secret that the config is known to hold, and the database's password."""
    for settings in config.sources.values():
        for secret in secrets_of(settings):
            if literal(secret) == secret:  # else it is the placeholder itself, of a source that nobody connects to
                yield from (secret, *(line for line in secret.splitlines() if len(line) >= _KEY_LINE))
    yield _password(config.database)


def _password(url: str) -> str:
    try:
        return urlsplit(url).password or ""
    except ValueError:
        return ""


def _closed(root: Spot, config: Config, secrets: _Secrets) -> Iterator[tuple[Step, ...]]:
    """Yield the paths of texts in sources that are, or may hold, a secret in plain, where a placeholder may stand."""
    section = root.get("sources")
    for name, spot in section.entries() if section else []:
        model = registry.find(config.sources[name].connector).settings  # not that of a source nobody connects to
        for path, field in marked(model).items():
            inner = spot.down(path)
            text = inner.text or ""
            shut = literal(text).strip() if is_secret(field) else _tells(text) or secrets.within(text)
            if shut and inner.path == (*spot.path, *path):
                yield inner.path


def _tells(address: str) -> bool:
    """Tell whether an address may hold a secret: a name or password in plain, or a query."""
    try:
        parts = urlsplit(literal(address))
    except ValueError:
        return True
    name = parts.username if not has_placeholder(address) else ""  # beside a password that is none, it is a name
    return bool(name or parts.password or parts.query or parts.fragment)


def _written(spot: Spot, shut: Collection[tuple[Step, ...]], secrets: _Secrets) -> Any:  # noqa: ANN401 - JSON
    match spot.node:
        case Scalar(empty=True):
            return None
        case Scalar() if spot.path in shut:
            return False
        case Scalar(text=text):
            return text if not secrets.within(text) else _refused(spot, text)
        case Listing():
            return [_written(inner, shut, secrets) for inner in spot.items()]
        case Table():
            inside = _without_database(spot)
            return {
                key if not secrets.within(key) else _refused(spot, key): _written(inner, shut, secrets)
                for key, inner in inside.items()
            }


def _refused(spot: Spot, text: str) -> NoReturn:
    raise _Secret(spot, short=len(text) < _NO_WORD)


def _without_database(spot: Spot) -> dict[str, Spot]:
    """Return what stands in a table; where the database is, is asked of the file as it is now."""
    return {key: inner for key, inner in spot.entries() if inner.path != ("database",)}


class _Reader:
    def __init__(self, file: str) -> None:
        self._file = file
        self._line = 0

    def read(self, value: Any) -> Node:  # noqa: ANN401 - JSON
        self._line += 1
        place = Place(self._file, self._line)
        match value:
            case dict():
                return Table(place, {key: Entry(place, self.read(inner)) for key, inner in value.items()})
            case list():
                return Listing(place, tuple(self.read(inner) for inner in value))
            case str():
                return Scalar(place, value)
            case None:
                return Scalar(place, "", empty=True)
            case _:
                return Scalar(place, CLOSED)


def same(document: str, root: Spot) -> bool:
    """Tell whether a file still says what is kept of it, as far as that can be seen."""
    return _equal(orjson.loads(document), root)


def _equal(value: Any, spot: Spot) -> bool:  # noqa: ANN401 - JSON
    match value:
        case dict():
            inside = _without_database(spot)
            return (
                isinstance(spot.node, Table)
                and value.keys() == inside.keys()
                and all(_equal(value[key], inside[key]) for key in inside)
            )
        case list():
            items = spot.items()
            return isinstance(spot.node, Listing) and len(value) == len(items) and all(map(_equal, value, items))
        case str() | None:
            return isinstance(spot.node, Scalar) and spot.text == value
        case _:
            return spot.text is not None
