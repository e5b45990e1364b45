"""Files as they are kept for worse days: their trees as JSON, without comments, without the database, without secrets.

A secret is kept only as the placeholder that stands for it.  One that stands in the config in plain, and every text
that holds one, is closed: it is kept as `false`, and comes back as a placeholder that stands for nothing.
"""

from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import urlsplit

import orjson

from config.interpolation import CLOSED, has_placeholder, is_secret, literal, marked
from config.model import Config
from config.tree import Entry, Listing, Node, Place, Scalar, Spot, Step, Table
from connectors import registry
from connectors.debugging import secrets_of
from connectors.settings import SHORTEST_SECRET

_LARGEST = 4_000_000
"""Bytes of a document; a file that aliases blow up beyond is not kept."""

_KEY_LINE = 16
"""A line of a private key is as secret as the whole."""


def document_of(root: Spot, config: Config) -> str | None:
    """Return a file's text for keeping; None when it cannot be kept without a secret, or is too large.

    `root` is the file as it was read, `config` what it was understood to say.
    """
    secrets = [each for each in _secrets(config) if len(each) >= SHORTEST_SECRET]
    shut = set(_closed(root, config))
    try:
        document = orjson.dumps(_written(root, shut, secrets)).decode()
    except _Secret:
        return None
    return document if len(document) <= _LARGEST else None


def tree_of(document: str, file: str) -> Table:
    """Return the tree of a document; its places lie in `file`, on lines counted by values."""
    tree = _Reader(file).read(orjson.loads(document))
    return tree if isinstance(tree, Table) else Table(Place(file), {})


class _Secret(Exception):
    """A key of the file holds a secret."""


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


def _closed(root: Spot, config: Config) -> Iterator[tuple[Step, ...]]:
    """Yield the paths of texts in sources that are, or may hold, a secret in plain."""
    section = root.get("sources")
    for name, spot in section.entries() if section else []:
        model = registry.find(config.sources[name].connector).settings  # not that of a source nobody connects to
        for path, field in marked(model).items():
            inner = spot.down(path)
            text = inner.text or ""
            if inner.path == (*spot.path, *path) and (literal(text).strip() if is_secret(field) else _tells(text)):
                yield inner.path


def _tells(address: str) -> bool:
    """Tell whether an address may hold a secret: a name or password in plain, or a query."""
    try:
        parts = urlsplit(literal(address))
    except ValueError:
        return True
    name = parts.username if not has_placeholder(address) else ""  # beside a password that is none, it is a name
    return bool(name or parts.password or parts.query or parts.fragment)


def _written(spot: Spot, shut: Collection[tuple[Step, ...]], secrets: Collection[str]) -> Any:  # noqa: ANN401 - JSON
    match spot.node:
        case Scalar(empty=True):
            return None
        case Scalar(text=text):
            return False if spot.path in shut or any(each in text for each in secrets) else text
        case Listing():
            return [_written(inner, shut, secrets) for inner in spot.items()]
        case Table():
            inside = _without_database(spot)
            if any(each in key for key in inside for each in secrets):
                raise _Secret
            return {key: _written(inner, shut, secrets) for key, inner in inside.items()}


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
