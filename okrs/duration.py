"""Durations as people write them: `5m`, `2h`; and how long something is kept: `90d`, `26w`, `6mo`, `2y`."""

import re
from datetime import timedelta

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
FORM = re.compile(r"([1-9][0-9]{0,5})\s*([smhd])")


def parse_duration(text: object) -> timedelta:
    """Return the duration that a text such as `5m` means.  Raises ValueError for anything else."""
    if isinstance(text, timedelta):
        return text
    match = FORM.fullmatch(str(text).strip())
    if match is None:
        raise ValueError("a duration is a whole number followed by s, m, h or d, as in 5m")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


_AGES = {"s": 1 / 86400, "h": 1 / 24, "d": 1, "w": 7, "mo": 30, "y": 365}
"""Days."""
_OLDEST = 100 * 365
_AGE = re.compile(r"([1-9][0-9]{0,4})\s*(s|h|d|w|mo|y|m)")


def parse_age(text: str) -> timedelta:
    """Return how long `6mo` is: a month counts 30 days, a year 365.

    Raises ValueError for anything else, also for `6m`: who thinks of months must not get minutes.
    """
    match = _AGE.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError("write days, weeks, months or years, as 90d, 26w, 6mo or 2y")
    number, unit = match.groups()
    if unit == "m":
        raise ValueError(f"m may mean minutes or months, so write {number}mo for months")
    days = int(number) * _AGES[unit]
    if days > _OLDEST:
        raise ValueError("nothing is older than 100 years")
    return timedelta(days=days)


def duration_text(duration: timedelta) -> str:
    """Return the shortest text that means a duration of whole seconds: `5m` for 300 of them."""
    seconds = int(duration.total_seconds())
    letter, length = next((sign, size) for sign, size in reversed(_SECONDS.items()) if seconds % size == 0)
    return f"{seconds // length}{letter}"
