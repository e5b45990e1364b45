"""The form in which expected items stand beside golden payloads: JSON without what is empty."""

from collections.abc import Iterable
from typing import Any

import orjson

from okrs.immutable import facts
from okrs.work import WorkItem


def golden(items: Iterable[WorkItem]) -> list[dict[str, Any]]:
    """Return the items as parsed JSON; facts that are None, empty or 0 are left out."""
    every: list[dict[str, Any]] = orjson.loads(orjson.dumps(list(items), default=facts))
    return [{name: fact for name, fact in each.items() if fact not in (None, [], 0, "")} for each in every]
