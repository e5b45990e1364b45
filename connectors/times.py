"""Times as trackers write them."""

from datetime import UTC, datetime


def utc_of(text: object) -> datetime | None:
    """Return an ISO 8601 time in UTC; None for anything else, a time without a zone among it."""
    if not isinstance(text, str):
        return None
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            return None
        return time if time.tzinfo is UTC else time.astimezone(UTC)
    except (ValueError, OverflowError):  # no time, or one before the year 1 in UTC
        return None
