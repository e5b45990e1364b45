"""How numbers, times and words look on a page."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from okrs.cycle import Calendar
from okrs.immutable import immutable
from okrs.numbers import plain
from okrs.objective import Binary, Keep, KeyResult, Numeric, Terms
from okrs.plaintext import harmless
from okrs.progress import Status, clamped

_ADDRESS = re.compile("[!-~]+")
"""What every address consists of."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86400

STATUS_WORDS = {
    Status.CLOSED: "closed",
    Status.STALE: "stale",
    Status.NOT_STARTED: "not started",
    Status.ACHIEVED: "reached",
    Status.ON_TRACK: "on track",
    Status.AT_RISK: "at risk",
    Status.OFF_TRACK: "off track",
}
"""What each status is called: the same words as on the terminal."""


def number(value: Decimal | None, places: int = 2) -> str:
    """A number for people: a few decimals at most, with a true minus; a dash where there is none."""
    if value is None:
        return "–"
    shown = plain(round(value, places))
    return shown.replace("-", "−", 1)


def signed(delta: Decimal) -> str:
    """A change: `+3`, `−1`, `±0`."""
    return "±0" if not delta else f"+{number(delta)}" if delta > 0 else number(delta)


def percent(share: Decimal) -> str:
    """A share of 0…1 as whole percents, as the bars show it; not 100 before it is whole, and not 0 once it is begun."""
    points = round(clamped(share) * 100)
    if points == 100 and share < 1:
        points = 99
    return f"{points or int(share > 0)} %"


def with_unit(text: str, key_result: KeyResult) -> str:
    if not key_result.unit:
        return text
    return f"{text} {harmless(key_result.unit, 40)}"


def is_share(key_result: KeyResult) -> bool:
    """Tell whether it is a share of a whole in percent, of which nobody needs to say `of 100`."""
    terms = key_result.terms
    return isinstance(terms, Numeric) and terms.start == 0 and terms.target == 100 and key_result.unit == "%"


def goal(key_result: KeyResult, value: Decimal | None) -> str:
    """A value beside its terms, as in `13 of 20 bugs`."""
    if is_share(key_result):
        return with_unit(number(value, 1), key_result)
    match key_result.terms:
        case Numeric(start, target) if target < start:
            return with_unit(f"{number(value)}, down to {number(target)}", key_result)
        case Numeric(_, target):
            return with_unit(f"{number(value)} of {number(target)}", key_result)
        case Keep(low, high):
            return with_unit(f"{number(value)} in {number(low)}…{number(high)}", key_result)
        case Binary(threshold):
            return "done" if value is not None and value >= threshold else "not done"


def value_words(key_result: KeyResult, value: Decimal | None) -> str:
    """A value alone, with its unit."""
    if isinstance(key_result.terms, Binary):
        return goal(key_result, value)
    return with_unit(number(value), key_result)


def terms_words(terms: Terms) -> str:
    """What was promised, as in `from 0 to 20`."""
    match terms:
        case Numeric(start, target):
            return f"from {number(start)} to {number(target)}"
        case Keep(low, high):
            return f"stay between {number(low)} and {number(high)}"
        case Binary(threshold):
            return f"done from {number(threshold)}"


def link(url: str) -> str | None:
    """Return an address that a page may link to; None for everything else that a tracker may call an address."""
    if _ADDRESS.fullmatch(url) is None:
        return None
    try:
        told = urlsplit(url)
        host = told.hostname
    except ValueError:
        return None
    return url if told.scheme in ("http", "https") and host and "@" not in told.netloc else None


@immutable
class Clockface:
    """Times as people at that place and time say them."""

    calendar: Calendar
    now: datetime

    def local(self, at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(self.calendar.timezone))

    def when(self, at: datetime) -> str:
        """`today 14:02`, `yesterday 09:12`, `Mon 23 Nov 14:02`, `12 Mar 2026`."""
        there, here = self.local(at), self.local(self.now)
        days = (here.date() - there.date()).days
        if days == 0:
            return f"today {there:%H:%M}"
        if days == 1:
            return f"yesterday {there:%H:%M}"
        if 0 < days < 7:
            return f"{there:%a} {there.day} {there:%b %H:%M}"
        return self.day(there.date()) + f" {there:%H:%M}"

    def day(self, day: date) -> str:
        """`12 Nov`, with the year where it is another one."""
        same = day.year == self.local(self.now).year
        return f"{day.day} {day:%b}" if same else f"{day.day} {day:%b %Y}"

    def stamp(self, at: datetime) -> str:
        """The value of a `datetime` attribute."""
        return at.astimezone(UTC).isoformat(timespec="seconds")

    def ago(self, at: datetime) -> str:
        """`2 min ago`."""
        return span_words(self.now - at) + " ago" if self.now - at >= timedelta(seconds=45) else "just now"


def span_words(span: timedelta) -> str:
    """`2 min`, `3 hours`, `4 days`."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < _HOUR:
        return f"{max(1, round(seconds / _MINUTE))} min"
    if seconds < 2 * _DAY:
        hours = round(seconds / _HOUR)
        return f"{hours} hour{'s' if hours != 1 else ''}"
    return f"{seconds // _DAY} days"
