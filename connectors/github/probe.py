"""Whether anything changed at all: the newest page of issues, asked in every poll with the ETag it had.

The page lists the issues touched last, newest first, and without `since`.  Whatever happens to an issue puts it on
top with a new time, so a page that is the same (304) says that nothing happened since the last complete read asked.
A page that reaches back before the cursor's `since` holds everything that changed, in one answer that no later page
can drift away from.  Everything else is read by `since`.

Two things could hide behind a 304, and both forbid the ETag:
- the poll looks further back than the read that kept it, to find what showed up late.  So an ETag serves only polls
  whose `since` is not before the one of the read that kept it;
- GitHub's times are whole seconds: a change in the very second in which the page was made may leave it as it is.
  So an ETag is kept only of a page whose newest issue is older than a few seconds by GitHub's clock.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from connectors.github.payload import moment

QUERY = {"state": "all", "sort": "updated", "direction": "desc", "per_page": "100"}

_SETTLED = timedelta(seconds=10)
_LONGEST = 200
_ANY = "any"
"""Of a listing that is read whole: its ETag serves every poll, however far it looks back."""


def stamp(time: datetime) -> str:
    """Return a time as GitHub reads and writes it: UTC, in whole seconds, rounded down."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def mark_of(url: str, query: Mapping[str, str], identity: str) -> str:
    """Return a short digest of an address and of who asks: under another token an ETag means something else.

    Keyed by the token, so that it can neither be made nor be turned back without it.
    """
    key = hashlib.sha256(identity.encode()).digest()
    return hashlib.blake2b(f"{url}?{urlencode(sorted(query.items()))}".encode(), key=key, digest_size=8).hexdigest()


def etag_of(memo: Mapping[str, str], mark: str, since: datetime | None) -> str:
    """Return the ETag that a memo keeps for this address, token and window; "" where there is none.

    A complete read (`since` None) has none at all: what stayed as it was is brought, too.
    """
    if since is None:
        return ""
    begins, _, etag = memo.get(f"etag:{mark}", "").partition(" ")
    return etag if begins == _ANY or begins <= stamp(since) else ""


def kept(headers: Mapping[str, str], mark: str, since: datetime | None = None) -> dict[str, str]:
    """Return the memo of an answer's ETag, for windows from `since` on; nothing where there is no ETag to keep."""
    etag = headers.get("etag", "")
    if not etag or len(etag) > _LONGEST or not etag.isascii() or not etag.isprintable():
        return {}
    return {f"etag:{mark}": f"{_ANY if since is None else stamp(since)} {etag}"}


def changed_rows(rows: Sequence[dict[str, Any]], since: datetime, more: bool) -> list[dict[str, Any]] | None:
    """Return the rows of the newest page that changed since then; None when the page may not hold them all.

    `more` says that there are further pages.  A page that is not sorted as asked proves nothing.
    Raises MalformedAnswer.
    """
    times = [moment(row, "updated_at") for row in rows]
    floor = since.replace(microsecond=0)
    if more:
        falls = all(later >= earlier for later, earlier in pairwise(times))
        if not falls or not times or times[-1] >= floor:
            return None
    return [row for row, updated in zip(rows, times, strict=True) if updated >= floor]


def settled(rows: Sequence[Mapping[str, Any]], told: datetime | None) -> bool:
    """Tell whether the page is old enough, by GitHub's clock, that no change of its own second can hide behind it."""
    return told is not None and all(told - moment(row, "updated_at") >= _SETTLED for row in rows)
