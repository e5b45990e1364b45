"""Values out of Jira's JSON, each with its type checked; whatever is amiss is a MalformedAnswer."""

from datetime import UTC, datetime
from typing import Any, TypeVar

from connectors.contract import MalformedAnswer
from connectors.times import utc_of

Json = dict[str, Any]
"""A JSON object of an answer."""

_T = TypeVar("_T")


def needed(payload: Json, key: str, kind: type[_T], what: str) -> _T:
    """Return a value that must be there and of that type."""
    value = payload.get(key)
    if not isinstance(value, kind):
        raise malformed(key, what)
    return value


def maybe(payload: Json, key: str, kind: type[_T], what: str) -> _T | None:
    """Return a value that may be absent or null, but of no other type."""
    value = payload.get(key)
    if value is not None and not isinstance(value, kind):
        raise malformed(key, what)
    return value


def malformed(key: str, what: str) -> MalformedAnswer:
    return MalformedAnswer(f"Jira's answer holds no usable `{key}` for {what}; nothing of it was used.")


def name_of(fields: Json, key: str, what: str) -> str | None:
    value = maybe(fields, key, dict, what)
    return None if value is None else needed(value, "name", str, what)


def each(fields: Json, key: str, inner: str, what: str) -> list[str]:
    """Return one text of every object of a list; the list may be absent, as screens can hide the field."""
    texts = []
    for entry in maybe(fields, key, list, what) or []:
        if not isinstance(entry, dict):
            raise malformed(key, what)
        texts.append(needed(entry, inner, str, f"{key} of {what}"))
    return texts


def moment(fields: Json, key: str, what: str) -> datetime | None:
    """Return a time in UTC, which may be absent."""
    text = maybe(fields, key, str, what)
    time = utc_of(text)
    if text is not None and time is None:
        raise malformed(key, what)
    return time


def midnight(payload: Json, key: str, what: str) -> datetime | None:
    """Return the midnight UTC of a bare date."""
    text = maybe(payload, key, str, what)
    try:
        return None if text is None else datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise malformed(key, what) from None
