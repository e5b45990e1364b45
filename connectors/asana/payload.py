"""Reading single values out of Asana's answers.  What is missing or null is empty; what has a wrong type is refused."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.contract import MalformedAnswer
from connectors.times import utc_of


def gid_of(thing: object, task: str, key: str) -> str | None:
    """Return the gid of an object inside a task, None when there is no object.  Raises MalformedAnswer."""
    if thing is None:
        return None
    gid = thing.get("gid") if isinstance(thing, dict) else None
    if not isinstance(gid, str) or not gid:
        raise MalformedAnswer(f"Task {task}: `{key}` has no gid; nothing of the answer was used.")
    return gid


def text(row: Mapping[str, Any], key: str) -> str:
    """Return a text that must be there; it may be empty.  Raises MalformedAnswer."""
    value = row.get(key)
    if not isinstance(value, str):
        raise wrong(row, key, "text")
    return value


def count(row: Mapping[str, Any], key: str) -> int:
    """Return a whole number from 0 on, 0 when it is missing.  Raises MalformedAnswer."""
    value = row.get(key)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise wrong(row, key, "a count")
    return value


def objects(row: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return a list of objects, empty when it is missing.  Raises MalformedAnswer."""
    value = row.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise wrong(row, key, "a list of objects")
    return value


def time(row: Mapping[str, Any], key: str) -> datetime | None:
    """Return an aware moment in UTC, None when it is missing.  Raises MalformedAnswer."""
    value = row.get(key)
    moment = utc_of(value)
    if value is not None and moment is None:
        raise wrong(row, key, "a time with its zone")
    return moment


def wrong(row: Mapping[str, Any], key: str, wanted: str) -> MalformedAnswer:
    """Return the error that says which value of which object is not what it should be."""
    return MalformedAnswer(f"Object {row.get('gid')!r}: `{key}` is not {wanted}; nothing of the answer was used.")
