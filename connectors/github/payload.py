"""Values out of GitHub's JSON, each with its type checked; whatever is amiss is a MalformedAnswer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.contract import MalformedAnswer
from connectors.times import utc_of

Payload = dict[str, Any]
"""A JSON object of an answer."""


def text(payload: Payload, key: str) -> str:
    """Return a text that must be there; it may be empty.  Raises MalformedAnswer."""
    value = payload.get(key)
    if not isinstance(value, str):
        raise malformed(key)
    return value


def whole(payload: Payload, key: str) -> int:
    """Return a whole number that must be there.  Raises MalformedAnswer."""
    value = payload.get(key)
    if type(value) is not int:  # a bool is an int, too
        raise malformed(key)
    return value


def entries(payload: Payload, key: str) -> list[object]:
    """Return a list that must be there, of anything.  Raises MalformedAnswer."""
    value = payload.get(key)
    if not isinstance(value, list):
        raise malformed(key)
    return value


def as_object(value: object, key: str) -> Payload:
    """Return a value that must be an object; `key` is where it stood.  Raises MalformedAnswer."""
    if not isinstance(value, dict):
        raise malformed(key)
    return value


def moment(payload: Mapping[str, Any], key: str) -> datetime:
    """Return a time in UTC that must be there.  Raises MalformedAnswer for anything but an aware time."""
    time = utc_of(payload.get(key))
    if time is None:
        raise malformed(key)
    return time


def malformed(key: str) -> MalformedAnswer:
    """Return the error that says which value of an item is not what it should be."""
    return MalformedAnswer(f"An item of GitHub has no proper `{key}`; nothing of its page was used.")
