"""Frozen data classes whose methods are not written anew for each: a `sync` makes some two hundred before it begins.

`dataclasses` writes and compiles six methods a class, which took a tenth of a `sync`, and a frozen one fills each field
by a call.  Those of msgspec are the same for all and are its own: classes are made in a tenth of the time, instances in
half of it.  To type checkers they are frozen data classes (PEP 681), so that they see what `replace` is given.
"""

from dataclasses import MISSING, Field, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

import msgspec
from msgspec import Struct, StructMeta

if TYPE_CHECKING:  # of the same meaning, and type checkers know which fields there are
    from dataclasses import replace
else:
    from msgspec.structs import replace

__all__ = ["defaults", "facts", "immutable", "replace"]

T = TypeVar("T")

_OF_PLAIN_CLASSES = ("__dict__", "__weakref__")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def immutable(cls: type[T]) -> type[T]:
    """Make a class one of frozen fields, compared and hashed by them; methods that it has itself stay as they are.

    Of `dataclasses.field` it knows defaults alone.  Raises TypeError for more.
    """
    return cls if issubclass(cls, Struct) else _made(cls)  # below another one, which made it so


def _made(cls: type) -> Any:  # noqa: ANN401 - the same class to whoever uses it
    bases = tuple(each for each in cls.__bases__ if each is not object)
    own = {name: _told(value) for name, value in vars(cls).items() if name not in _OF_PLAIN_CLASSES}
    own["__qualname__"] = cls.__qualname__
    remembers = any(isinstance(value, cached_property) for value in own.values())
    return StructMeta(cls.__name__, (Struct, *bases), own, frozen=True, dict=remembers)


def _told(value: object) -> Any:  # noqa: ANN401 - whatever it is
    """Return what msgspec is to be told of what stands in a class under a name."""
    if not isinstance(value, Field):
        return value
    if not (value.repr and value.compare and value.init) or value.hash is not None:
        raise TypeError("A field of an immutable class is shown, compared, hashed and given as any other.")
    if value.default_factory is MISSING:
        return value.default
    return msgspec.field(default_factory=value.default_factory)


def facts(of: object) -> dict[str, Any]:
    """Return the values of an immutable object by the names of their fields, in their order."""
    return {name: getattr(of, name) for name in type(of).__struct_fields__}  # type: ignore[attr-defined] # hidden above


def defaults(cls: type) -> dict[str, Any]:
    """Return the values that the fields of an immutable class have where nothing else is said."""
    names: tuple[str, ...] = cls.__struct_fields__  # type: ignore[attr-defined] # hidden above
    plain: tuple[Any, ...] = cls.__struct_defaults__  # type: ignore[attr-defined] # hidden above
    return dict(zip(names[len(names) - len(plain) :], plain, strict=True))
