"""Tracker text is hostile: what a terminal is given holds no control characters and no direction marks."""

import json
import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from rich.text import Text

from okrs.plaintext import LONGEST, counted, harmless, shown

__all__ = [
    "LONGEST",
    "counted",
    "harmless",
    "harmless_json",
    "local_time",
    "no_database",
    "nobody",
    "plain_text",
    "terms_in_words",
    "when_in",
]


def harmless_json(document: str) -> str:
    """Escape what a terminal would act on in a JSON text; it stays the same JSON."""
    return "".join(char if char == "\n" or shown(char) else _escaped(char) for char in document)


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def no_database(place: str) -> str:
    """Say that there is nothing to ask yet."""
    return f"There is no database at {place} yet: run `headway sync`."


def first_of(texts: Sequence[str], most: int | None) -> str:
    """Name the first of some, and how many more there are; all for None."""
    more = len(texts) - most if most is not None else 0
    return ", ".join(texts[:most]) + (f" and {more} more" if more > 0 else "")


def nobody(names: Sequence[str], near: Sequence[str]) -> str:
    """Say that nobody is called so, and who may be meant."""
    meant = f" Did you mean {' or '.join(map(harmless, near))}?" if near else ""
    return f"no ticket and no entry of the ledger names {' or '.join(map(harmless, names))}.{meant}"


def plain_text(text: str, style: str = "") -> Text:
    """A Rich text that no markup in it can style."""
    return Text(harmless(text), style=style)


def terms_in_words(text: str) -> str:
    """Say what canonical JSON says of the terms of a key result: `from 0 to 20`."""
    terms = json.loads(text)
    match terms["kind"]:
        case "numeric":
            return f"from {terms['start']} to {terms['target']}"
        case "keep":
            return f"keep {terms['min']}…{terms['max']}"
        case _:
            return f"done from {terms['threshold']}"


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def when_in(text: str) -> date | datetime:
    """Read a day, or a time that may have an offset.  Raises ValueError."""
    told = text.strip()
    if _DAY.fullmatch(told):
        return date.fromisoformat(told)
    if not _DAY.match(told) or len(told) <= len("2026-11-20"):
        raise ValueError(told)
    return datetime.fromisoformat(told)


def local_time(instant: datetime, zone: str) -> str:
    """Say when that was, or will be, where the config's days begin."""
    return f"{instant.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %Z}"


def local_end(instant: datetime, zone: str) -> str:
    """Say until when that is: by the last day, where it is the midnight that ends it."""
    ends_a_day = instant.astimezone(ZoneInfo(zone)).time() == time()
    return local_day(instant - timedelta.resolution, zone) if ends_a_day else local_time(instant, zone)


def local_day(instant: datetime, zone: str) -> str:
    """Say on which day that was, where the config's days begin."""
    return f"{instant.astimezone(ZoneInfo(zone)):%Y-%m-%d}"
