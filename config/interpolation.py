"""`${NAME}` and `${file:PATH}`: where they are legal, and what they stand for."""

import re
from collections.abc import Collection, Mapping
from inspect import isclass
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from config.problems import Problems
from config.tree import Spot, Step
from config.words import quoted
from connectors.settings import Interpolated, RelativePath
from okrs.immutable import immutable

CLOSED = "${HEADWAY_NOT_KEPT}"
"""Stands in a last good config for a text that may be a secret; it never stands for anything."""

_PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_Mark = TypeVar("_Mark")
_LARGEST_FILE = 64 * 1024


class Unresolved(Exception):
    """A placeholder stands for nothing; the text says why and what to do, never what was read."""


@immutable
class Resolver:
    """Knows the environment, and the folder that relative paths start from."""

    environ: Mapping[str, str]
    folder: Path

    def resolve(self, spot: Spot, problems: Problems) -> str | None:
        """Return the spot's text with every placeholder replaced; None when that failed, with the problem added."""
        try:
            return _PLACEHOLDER.sub(lambda match: self._value(match[1]), spot.text or "")
        except Unresolved as error:
            problems.error(spot, str(error))
            return None

    def _value(self, inside: str) -> str:
        if inside.startswith("file:"):
            return self._content(inside.removeprefix("file:"))
        value = self.environ.get(inside, "")
        if not value:
            remedy = f"set {inside} in the environment, or write ${{file:PATH}}"
            raise Unresolved(f"the environment variable {inside} is not set: {remedy}")
        return value

    def _content(self, name: str) -> str:
        path = self.folder / name
        try:
            if not path.is_file():
                raise Unresolved(f"there is no file {quoted(name)}: relative paths start from the config's folder")
            with path.open("rb") as handle:
                content = handle.read(_LARGEST_FILE + 1)
            text = content.decode()
        except UnicodeDecodeError:
            raise Unresolved(f"the file {quoted(name)} is not UTF-8: save it as text") from None
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or "not a path"
            raise Unresolved(f"the file {quoted(name)} cannot be read ({reason}): check path and rights") from None
        if len(content) > _LARGEST_FILE:
            raise Unresolved(f"the file {quoted(name)} is larger than {_LARGEST_FILE // 1024} KB: it holds no secret")
        text = text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")
        if not text:
            raise Unresolved(f"the file {quoted(name)} is empty: write the value into it")
        return text


def literal(text: str) -> str:
    """Return what of a text is not placeholders."""
    return _PLACEHOLDER.sub("", text)


def has_placeholder(text: str | None) -> bool:
    return text is not None and "${" in text


def well_formed(spot: Spot, problems: Problems) -> bool:
    """Tell whether every `${` of a text is one of the two forms; add a problem when not."""
    text = spot.text or ""
    names = _PLACEHOLDER.findall(text)
    good = all((name.startswith("file:") and name != "file:") or _NAME.fullmatch(name) for name in names)
    if good and not has_placeholder(_PLACEHOLDER.sub("", text)):
        return True
    problems.error(spot, "this placeholder is not readable: write ${NAME} with letters, digits and _, or ${file:PATH}")
    return False


def refuse_elsewhere(
    root: Spot, keys: Collection[str], allowed: Collection[tuple[Step, ...]], problems: Problems
) -> None:
    """Complain about every `${` below these top-level keys, outside the allowed paths."""
    for spot in (inner for key, section in root.entries() if key in keys for inner in section.walk()):
        if spot.path not in allowed and has_placeholder(spot.text):
            field = spot.path[-1] if spot.path else "it"
            problems.error(
                spot, f"${{…}} is read in secrets, addresses and database only, not in {field}: write the value itself"
            )


def marked(model: type[BaseModel]) -> dict[tuple[str, ...], FieldInfo]:
    """Return the fields of a model, and of the tables inside it, whose text may hold placeholders, by path."""
    found: dict[tuple[str, ...], FieldInfo] = {
        (field.alias or name,): field for name, field in with_mark(model, Interpolated)
    }
    for key, inner in tables_of(model).items():
        found |= {(key, *path): field for path, field in marked(inner).items()}
    return found


def tables_of(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """Return the models of the tables that stand directly in a model, by key."""
    return {
        field.alias or name: inner
        for name, field in model.model_fields.items()
        for inner in [field.annotation, *_parts(field.annotation)]
        if isclass(inner) and issubclass(inner, BaseModel)
    }


def paths_of(model: type[BaseModel], kind: type[RelativePath] = RelativePath) -> list[str]:
    """Return the names of a model's fields that hold a path, or a path of this kind."""
    return [name for name, _ in with_mark(model, kind)]


def marks(model: type[BaseModel], kind: type[_Mark]) -> list[_Mark]:
    """Return the marks of this class that fields of a model carry."""
    fields = model.model_fields.values()
    every = (mark for field in fields for mark in [*field.metadata, *_marks(field.annotation)])
    return [mark for mark in every if isinstance(mark, kind)]


def with_mark(model: type[BaseModel], kind: type) -> list[tuple[str, FieldInfo]]:
    """Return names and fields of a model that carry a mark of this class."""
    return [
        (name, field)
        for name, field in model.model_fields.items()
        if any(isinstance(mark, kind) for mark in [*field.metadata, *_marks(field.annotation)])
    ]


def _marks(annotation: Any) -> list[object]:  # noqa: ANN401 - any type expression
    own = list(getattr(annotation, "__metadata__", ()))
    return own + [mark for arg in get_args(annotation) for mark in _marks(arg)]


def is_secret(field: FieldInfo) -> bool:
    return field.annotation is SecretStr or SecretStr in _parts(field.annotation)


def _parts(annotation: Any) -> list[object]:  # noqa: ANN401 - any type expression
    return [part for arg in get_args(annotation) for part in (arg, *_parts(arg))]
