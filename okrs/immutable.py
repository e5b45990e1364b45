"""Frozen data classes whose methods are not written anew for each: a `sync` makes some two hundred before it begins.

`dataclasses` writes and compiles six methods a class, which took a tenth of a `sync`, and a frozen one fills each field
by a call.  Those of msgspec are the same for all and are its own: classes are made in a tenth of the time, instances in
half of it.  To type checkers they are frozen data classes (PEP 681), so that they see what `replace` is given; that
neither `replace` nor `facts` takes a plain data class, nor those of `dataclasses` one of these, is told at run time.
"""

from dataclasses import MISSING, Field, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

import msgspec
from msgspec import Struct, StructMeta

if TYPE_CHECKING:  # of the same meaning, and type checkers know which fields there are
    from dataclasses import replace  # noqa: TID251 - for others
else:
    from msgspec.structs import replace

__all__ = ["defaults", "facts", "immutable", "replace"]

T = TypeVar("T")

_OF_PLAIN_CLASSES = ("__dict__", "__weakref__")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def immutable(cls: type[T]) -> type[T]:
    """Make a class one of frozen fields, compared and hashed by them; methods that it has itself stay as they are.

    Of `dataclasses.field` it knows defaults alone, and below another immutable class not even a `default_factory` or a
    `cached_property`.  Raises TypeError for more.  Methods do without `super()`: it would mean the class as it was.
    """
    made: type[T] = _below(cls) if issubclass(cls, Struct) else _made(cls)
    return made


def _made(cls: type) -> Any:  # noqa: ANN401 - the same class to whoever uses it
    bases = tuple(each for each in cls.__bases__ if each is not object)
    own = {name: _told(value) for name, value in vars(cls).items() if name not in _OF_PLAIN_CLASSES}
    own["__qualname__"] = cls.__qualname__
    return StructMeta(cls.__name__, (Struct, *bases), own, frozen=True, dict=_remembers(cls))


def _below(cls: type[Struct]) -> Any:  # noqa: ANN401 - the same class to whoever uses it
    """Return a class that is one already, as those below others are; what could be made no more is refused."""
    if any(isinstance(each, Field) for each in cls.__struct_defaults__) or (_remembers(cls) and not cls.__dictoffset__):
        raise TypeError("A class below an immutable one has plain defaults, and no cached property.")
    return cls


def _remembers(cls: type) -> bool:
    """Tell whether its instances keep what they worked out, for which they have a dictionary."""
    return any(isinstance(value, cached_property) for each in cls.__mro__ for value in vars(each).values())


def _told(value: object) -> Any:  # noqa: ANN401 - whatever it is
    """Return what msgspec is to be told of what stands in a class under a name."""
    if not isinstance(value, Field):
        return value
    plain = value.repr and value.compare and value.init and value.hash is None and value.kw_only is not True
    if not plain or value.metadata:
        raise TypeError("A field of an immutable class is shown, compared, hashed and given as any other.")
    if value.default_factory is MISSING:
        return value.default
    return msgspec.field(default_factory=value.default_factory)


def facts(of: object) -> dict[str, Any]:
    """Return the values of an immutable object by the names of their fields, in their order, and go no deeper.

    `orjson.dumps(…, default=facts)` does.  Raises TypeError for anything else.
    """
    if not isinstance(of, Struct):
        raise TypeError(f"{type(of).__name__} is no immutable class.")
    return {name: getattr(of, name) for name in of.__struct_fields__}


def defaults(cls: type) -> dict[str, Any]:
    """Return the values that fields of an immutable class have where nothing else is said; fields without are left out.

    For classes without a `default_factory`.  Raises TypeError for one that is not immutable.
    """
    if not issubclass(cls, Struct):
        raise TypeError(f"{cls.__name__} is no immutable class.")
    names, plain = cls.__struct_fields__, cls.__struct_defaults__
    return dict(zip(names[len(names) - len(plain) :], plain, strict=True))
