"""Durations as people write them: `90s`, `5m`, `2h`, `1d`."""

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


def duration_text(duration: timedelta) -> str:
    """Return the shortest text that means a duration of whole seconds: `5m` for 300 of them."""
    seconds = int(duration.total_seconds())
    letter, length = next((sign, size) for sign, size in reversed(_SECONDS.items()) if seconds % size == 0)
    return f"{seconds // length}{letter}"
