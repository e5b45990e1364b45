"""Durations as people write them: `90s`, `5m`, `2h`, `1d`."""

import re
from datetime import timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_FORM = re.compile(r"([1-9][0-9]{0,5})\s*([smhd])")


def parse_duration(text: object) -> timedelta:
    """Return the duration that a text such as `5m` means.  Raises ValueError for anything else."""
    if isinstance(text, timedelta):
        return text
    match = _FORM.fullmatch(str(text).strip())
    if match is None:
        raise ValueError("a duration is a whole number followed by s, m, h or d, as in 5m")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
