"""Where a secret may hide: texts of errors, what they hold, what they are chained to, and answers."""

from collections.abc import Collection, Iterable, Mapping
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, MethodType, ModuleType, TracebackType

from connectors.conformance.troubles import WORDS

_DEEPEST = 8
_NO_VALUES = (ModuleType, FunctionType, BuiltinFunctionType, MethodType, CodeType, FrameType, TracebackType, type)


def leak(answer: object, error: BaseException | None, secrets: Collection[str]) -> str:
    """Say where a secret, or a word of the tracker, stands in what a question brought; "" when nowhere."""
    if WORDS in repr(answer) or holds(answer, secrets):
        return "the answer"
    if error is None:
        return ""
    text = f"{error} {error!r} {error.args!r}"
    if WORDS in text or any(secret in text for secret in secrets):
        return "the error's text"
    return "what the error holds or is chained to" if holds(error, secrets) else ""


def holds(value: object, secrets: Collection[str]) -> bool:
    """Tell whether a secret stands anywhere in a value, its attributes, and the errors it is chained to."""
    return _holds(value, tuple(secrets), 0, {})


def _holds(value: object, secrets: tuple[str, ...], depth: int, seen: dict[int, object]) -> bool:
    if isinstance(value, str | bytes | bytearray):
        text = value if isinstance(value, str) else bytes(value).decode("latin-1")
        return any(secret in text for secret in secrets)
    if depth > _DEEPEST or id(value) in seen or isinstance(value, _NO_VALUES):
        return False
    seen[id(value)] = value
    return any(_holds(inner, secrets, depth + 1, seen) for inner in _inside(value))


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    slots = [name for kind in type(value).__mro__ for name in _slots(kind)]
    held = [*getattr(value, "__dict__", {}).values(), *(getattr(value, name, None) for name in slots)]
    if isinstance(value, BaseException):
        held += [value.args, value.__cause__, value.__context__]
    return held


def _slots(kind: type) -> Iterable[str]:
    named = kind.__dict__.get("__slots__", ())
    return [named] if isinstance(named, str) else list(named)
