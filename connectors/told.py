"""What the headers of an answer tell: the tracker's time, and how many requests it still allows.

Headers are written by others: whatever cannot be read tells nothing, and nothing here raises.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from connectors.contract import Quota
from connectors.times import utc_of

_WARNED = timedelta(minutes=1)


def quota_of(headers: Mapping[str, str]) -> Quota | None:
    """Return what an answer tells of limits, None when nothing.  Header names in lower case.

    GitHub counts searches apart (`X-RateLimit-Resource: search`); they say nothing of the other requests.
    Jira Cloud warns with `X-RateLimit-NearLimit`, also without numbers; then one is left for the next minute.
    https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
    """
    remaining, limit = headers.get("x-ratelimit-remaining", ""), headers.get("x-ratelimit-limit", "")
    if headers.get("x-ratelimit-resource", "core") not in ("core", "graphql"):
        return None
    near = headers.get("x-ratelimit-nearlimit", "").strip().lower() == "true"
    if not _is_count(remaining):
        return Quota(1, None, reset_of(headers) or _soon(headers), near=True) if near else None
    reset = reset_of(headers) or (_soon(headers) if near else None)
    return Quota(int(remaining), int(limit) if _is_count(limit) else None, reset, near)


def _soon(headers: Mapping[str, str]) -> datetime | None:
    """Return when a warning without a time is over."""
    told = date_of(headers)
    try:
        return told + _WARNED if told else None
    except OverflowError:
        return None


def reset_of(headers: Mapping[str, str]) -> datetime | None:
    """Return when the quota begins anew, in UTC: seconds since 1970 at GitHub, a date at Jira; None when not told."""
    text = headers.get("x-ratelimit-reset", "").strip()
    if not _is_count(text):
        return utc_of(text)
    try:
        return datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """Return the tracker's own time, in UTC, None when not told.  Header names in lower case."""
    try:
        moment = parsedate_to_datetime(headers.get("date", ""))
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 12
