"""Frozen data classes, of which a `sync` makes some two hundred before it does anything, and then their instances.

`dataclasses` writes and compiles six methods for every class, which took a tenth of a `sync`; comparing, hashing and
showing are the same for all, so they stand here.  All else is a frozen data class with slots: `replace`, `fields` and
`asdict` know it, and so do type checkers (PEP 681), by which nobody assigns to a field.

At run time an assignment is refused, too, but in the `headway` command itself (`leave_to_types`): a frozen class fills
each field by a call, which makes the items of a listing take four times as long.
"""

from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")

_refusing = True


def leave_to_types() -> None:
    """Trust the type checker that no field is assigned to, in classes that are made from now on."""
    global _refusing  # noqa: PLW0603 - a switch of the process, thrown once, before anything else is loaded
    _refusing = False


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def immutable(cls: type[T]) -> type[T]:
    """Make a class `@dataclass(frozen=True, slots=True)`; methods that it has itself stay as they are."""
    made = dataclass(frozen=_refusing, slots=True, eq=False, repr=False)(cls)
    for name, method in _methods(made).items():
        if vars(cls).get(name) is None:  # of a class that compares itself Python says that its hash is None
            setattr(made, name, method)
    return made


def _methods(cls: Any) -> dict[str, Any]:  # noqa: ANN401 - any data class
    told = fields(cls)
    of = _getter(tuple(each.name for each in told if each.compare))
    hashed = _getter(tuple(each.name for each in told if (each.compare if each.hash is None else each.hash)))
    shown = tuple(each.name for each in told if each.repr)

    def __eq__(self: object, other: object) -> bool:  # noqa: N807 - it becomes a method
        return of(self) == of(other) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: object) -> int:  # noqa: N807 - it becomes a method
        return hash(hashed(self))

    def __repr__(self: object) -> str:  # noqa: N807 - it becomes a method
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    return {"__eq__": __eq__, "__hash__": __hash__, "__repr__": __repr__}


def _getter(names: tuple[str, ...]) -> Any:  # noqa: ANN401 - of as many values as there are names
    """Return what takes a tuple of these attributes."""
    match names:
        case ():
            return lambda _: ()
        case (name,):
            return lambda self: (getattr(self, name),)
    return attrgetter(*names)
