"""Types of single values: each reads the text as the admin wrote it, so `1.10`, `no` and `1e3` mean what they say."""

import re
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from config.words import advice, quoted
from connectors.settings import listed
from okrs.numbers import number_in

_ID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LARGEST = Decimal(10) ** 12
"""The store keeps whole millionths in 64 bits."""
_YEARS = range(1970, 2200)
LONGEST_TEXT = 1000
_LONGEST_NUMBER = 40


class Weekday(StrEnum):
    """Days of the week in the order of `date.weekday()`."""

    MON = "Mon"
    TUE = "Tue"
    WED = "Wed"
    THU = "Thu"
    FRI = "Fri"
    SAT = "Sat"
    SUN = "Sun"


def _written(text: object, wanted: str) -> str:
    """Return the trimmed text.  Raises ValueError, which pydantic understands, for lists and tables."""
    if not isinstance(text, str):
        raise ValueError(wanted)  # noqa: TRY004 - pydantic reports a ValueError and lets a TypeError through
    return text.strip()


def read_number(text: object) -> Decimal:
    """Return the exact number a text says.  Raises ValueError when it is none or too large to be stored."""
    if isinstance(text, Decimal):
        return text
    shown = _written(text, "a number is expected here, as 20 or 0.5")
    number = number_in(shown) if len(shown) <= _LONGEST_NUMBER else None
    if number is None:
        raise ValueError(f"{quoted(shown)} is not a number: write it as 20 or 0.5")
    if abs(number) > _LARGEST:
        raise ValueError(f"{quoted(shown)} is too large: numbers go up to 1000000000000")
    return number


def read_day(text: object) -> date:
    """Return the day a text such as 2026-10-01 says.  Raises ValueError."""
    if isinstance(text, date):
        return text
    shown = _written(text, "a date is expected here, as 2026-10-01")
    if _DAY.fullmatch(shown) is None:
        raise ValueError(f"{quoted(shown)} is not a date: write year-month-day, as 2026-10-01")
    try:
        day = date.fromisoformat(shown)
    except ValueError:
        raise ValueError(f"{quoted(shown)} is a day that no calendar has: check month and day") from None
    if day.year not in _YEARS:
        raise ValueError(f"{quoted(shown)} lies outside {_YEARS.start}..{_YEARS.stop - 1}: check the year")
    return day


def _flag(text: object) -> bool:
    word = text.strip().casefold() if isinstance(text, str) else text
    if word in ("true", True):
        return True
    if word in ("false", False):
        return False
    raise ValueError("write true or false")


def _count(text: object) -> object:
    """Read a whole number: 5, and not 5.5 or five."""
    number = read_number(text)
    if number != number.to_integral_value():
        raise ValueError(f"{quoted(str(text))} is not a whole number: round it")
    return int(number)


def is_id(text: str) -> bool:
    """Tell whether a text may name an objective, a cycle, a source and the like."""
    return _ID.fullmatch(text) is not None


def _id(text: str) -> str:
    if not is_id(text):
        raise ValueError(f"{quoted(text)} is not an id: use 1 to 100 of the letters A-Z a-z, digits and . _ -")
    return text


def filled(text: str) -> str:
    """Return a text that says something, and not too much.  Raises ValueError."""
    if not text.strip():
        raise ValueError("this text is blank: fill it in, or leave the key out")
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"this text is longer than {LONGEST_TEXT} characters: shorten it")
    return text


def read_zone(name: str) -> str:
    """Return the IANA name of a time zone.  Raises ValueError for any other text."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such zone; a name that is no zone's; a folder of zones
        known = sorted(available_timezones())
        raise ValueError(f"{quoted(name)} is not a time zone: use an IANA name, {advice(name, known)}") from None
    return name


Listed = BeforeValidator(listed)
"""A single text stands for a list of one."""

Id = Annotated[
    str, AfterValidator(_id), WithJsonSchema({"type": ["string", "number"], "pattern": f"^(?:{_ID.pattern})$"})
]
Text = Annotated[str, AfterValidator(filled)]
Words = Annotated[tuple[Text, ...], Listed, Field(min_length=1)]
Number = Annotated[Decimal, BeforeValidator(read_number)]
Count = Annotated[int, BeforeValidator(_count), Field(ge=1)]
Positive = Annotated[Number, Field(gt=0)]
Share = Annotated[Number, Field(ge=0, le=1)]
Points = Annotated[Number, Field(ge=0)]
Day = Annotated[date, BeforeValidator(read_day)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Zone = Annotated[str, AfterValidator(read_zone)]
