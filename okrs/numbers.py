"""Exact numbers: decimals rounded half-even to six places, the same in every room.

Only three things are ever rounded: an item's amount, a part's value and the combined value.  The ledger stores
them as whole millionths, so a database can add them without error.
"""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
"""What a number is in any text; Python's own reading takes `1_000`, `Infinity` and the digits of every script."""

PLACES = 6
_STEP = Decimal(1).scaleb(-PLACES)
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_MANY = 4096
"""Weights and amounts are the same few numbers over and over."""

_BEYOND = Decimal(9 * 10**12)


def exact(number: int | float | str | Decimal) -> Decimal:
    """Return the number by its shortest text; a float never brings its binary tail along.

    Raises ValueError for text that is no finite number.
    """
    value = number if isinstance(number, Decimal) else number_in(str(number))
    if value is None or not value.is_finite():
        raise ValueError(f"{number!r} is not a finite number")
    return value


def number_in(text: str) -> Decimal | None:
    """Return the number that a text says, blanks around it aside; None when it says none."""
    shown = text.strip()
    return Decimal(shown) if NUMBER.fullmatch(shown) else None


@lru_cache(_MANY)
def rounded(number: Decimal) -> Decimal:
    """Round half-even to six places.  Raises OverflowError beyond what 64 bits hold as millionths."""
    if abs(number) >= _BEYOND:
        raise OverflowError("a number beyond nine million millions cannot be kept")
    return _EXACT.quantize(number, _STEP)


def plain_or_none(number: Decimal | None) -> str | None:
    """Write a number, or that there is none."""
    return None if number is None else plain(number)


def divided(numerator: Decimal, denominator: Decimal) -> Decimal:
    """Return the quotient with far more digits than six, so that rounding it later is the only rounding."""
    return _EXACT.divide(numerator, denominator)


@lru_cache(_MANY)
def to_millionths(number: Decimal) -> int:
    """Return a rounded number as whole millionths, the form the store keeps."""
    return sum_to_millionths(rounded(number))


def sum_to_millionths(number: Decimal) -> int:
    """Return a sum of rounded numbers as whole millionths, also one that no column of 64 bits holds."""
    return int(_EXACT.quantize(number, _STEP).scaleb(PLACES, _EXACT))


@lru_cache(_MANY)
def from_millionths(number: int) -> Decimal:
    """The inverse of `to_millionths` and `sum_to_millionths`."""
    return Decimal(number).scaleb(-PLACES, _EXACT)


@lru_cache(_MANY)
def plain(number: Decimal) -> str:
    """Write a number without exponent and without trailing zeros: the canonical text of the ledger."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def as_json(number: Decimal | None) -> int | float | None:
    """Return the JSON number of a decimal: an int when it is whole, else the nearest float."""
    if number is None:
        return None
    return int(number) if number == number.to_integral_value() else float(number)
