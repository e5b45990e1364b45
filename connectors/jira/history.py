"""How an issue stood at any time, out of its changelog.  Pure.

Cloud: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-changelog-bulkfetch-post
Data Center: `expand=changelog`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from connectors.jira.normalise import state_of
from connectors.jira.payload import Json, malformed, maybe, moment, name_of, needed
from okrs.immutable import immutable, replace
from okrs.work import State, Step

STATUS, RESOLUTION = "status", "resolution"
_AT_ONCE = timedelta(minutes=1)
"""What is dated so soon after the creation may have been part of it."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MILLISECONDS = 10**11
"""Seconds since 1970 do not reach this before the year 5138, milliseconds passed it in 1973."""


@immutable
class _Stand:
    """Status and resolution at one moment."""

    status_id: str
    status: str
    resolution: str | None


def steps(
    issue: Json, log: Iterable[Json], categories: Mapping[str, str], cancelled: frozenset[str]
) -> tuple[Step, ...]:
    """Return the history of an issue as the search gives it, from its changelog in any order.

    A status that no longer exists has no category; it counts as one that is none of the others.  () where it cannot be
    had whole: Jira has been seen to leave changes out (https://github.com/estuary/connectors/issues/5204), and an issue
    that moved would have stood since its creation as it stands now.  Its other dates tell more, and
    what is known of an earlier read stays while it stands as it stood.
    """
    key = needed(issue, "key", str, "an issue")
    fields = needed(issue, "fields", dict, key)
    created = moment(fields, "created", key)
    if created is None:
        return ()
    status = needed(fields, STATUS, dict, key)
    now = _Stand(needed(status, "id", str, key), needed(status, "name", str, key), name_of(fields, RESOLUTION, key))
    known = {**categories, now.status_id: needed(needed(status, "statusCategory", dict, key), "key", str, key)}
    changes = sorted([(_when(entry, key), _items(entry, key)) for entry in log], key=lambda change: change[0])
    state = state_of(known[now.status_id], now.resolution, cancelled)
    if state is not State.TODO and not any(items for _, items in changes) and _moved(fields, created, key):
        return ()
    stands = [(created, _before(now, [item for _, items in changes for item in items], key))]
    for at, items in changes:
        after = stands[-1][1]
        for item in items:
            after = _changed(after, item, key)
        if after != stands[-1][1]:
            stands.append((max(at, stands[-1][0]), after))
    return tuple(
        [
            Step(at, state_of(known.get(one.status_id, ""), one.resolution, cancelled), one.status, one.resolution)
            for at, one in stands
        ]
    )


def _moved(fields: Json, created: datetime, what: str) -> bool:
    """Tell whether an issue's own dates say that it was closed, or came into its category, after it was created."""
    dates = [moment(fields, name, what) for name in ("resolutiondate", "statuscategorychangedate")]
    return any(date is not None and date - created > _AT_ONCE for date in dates)


def _before(now: _Stand, items: Sequence[Json], what: str) -> _Stand:
    """Return how an issue stood when it was created: what its first changes came from, else what it is today."""
    for item in reversed(items):
        now = _changed(now, item, what, "from", "fromString")
    return now


def _changed(stand: _Stand, item: Json, what: str, id_: str = "to", name: str = "toString") -> _Stand:
    value, text = maybe(item, id_, str, what), maybe(item, name, str, what)
    if _field(item, what) == RESOLUTION:
        return replace(stand, resolution=text if value else None)
    return replace(stand, status_id=value or "", status=text or "")


def _items(entry: Json, what: str) -> list[Json]:
    """Return what a changelog entry says of status and resolution."""
    items = needed(entry, "items", list, what)
    if not all(isinstance(item, dict) for item in items):
        raise malformed("items", what)
    return [item for item in items if _field(item, what) in (STATUS, RESOLUTION)]


def _field(item: Json, what: str) -> str:
    """Return which field an item is of: by its id on Cloud; Data Center has its English name alone."""
    named = needed(item, "field", str, what)
    return maybe(item, "fieldId", str, what) or ("" if item.get("fieldtype") == "custom" else named)


def _when(entry: Json, what: str) -> datetime:
    """Return when a change was made: a date, or from Cloud's bulk answer a number of (milli)seconds since 1970."""
    value = entry.get("created")
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return _EPOCH + timedelta(milliseconds=value if value >= _FIRST_MILLISECONDS else value * 1000)
        except OverflowError:
            value = None
    at = moment({"created": value}, "created", what)
    if at is None:
        raise malformed("created", what)
    return at


def cut(log: Json, what: str) -> bool:
    """Tell whether a changelog holds fewer entries than there are."""
    return (maybe(log, "total", int, what) or 0) > len(needed(log, "histories", list, what))
