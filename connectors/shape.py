"""The part of a tracker's answers that is looked at: what else they hold is skipped, which spares half of the parsing.

A shape is a TypedDict in which every key may be absent and whatever is not an object or a list of objects is `Any`: it
decides what is left out and nothing else.  Whether a value is what the API promises is asked by who reads it.
"""

from typing import Any, Generic, TypedDict, TypeVar

from msgspec import MsgspecError
from msgspec.json import Decoder

T = TypeVar("T")


class Named(TypedDict, total=False):
    """An object of which the name is read."""

    name: Any


class Numbered(TypedDict, total=False):
    """An object of which the id is read."""

    id: Any


class Shape(Generic[T]):
    """What is read of one kind of answer."""

    def __init__(self, form: Any) -> None:  # noqa: ANN401 - a type expression
        self._decoder: Decoder[T] = Decoder(form)

    def read(self, body: bytes) -> T | None:
        """Return what an answer holds of the shape; None for one of another shape, and for what is no JSON.

        What is skipped may be anything between its quotation marks and brackets.  Whole numbers are exact, however
        large they are (`orjson` makes fractions of those beyond 64 bits).
        """
        try:
            return self._decoder.decode(body)
        except (MsgspecError, UnicodeDecodeError, RecursionError):
            return None
