"""What is read of a page of issues: beside it each of their fields tells addresses, pictures and descriptions.

https://developer.atlassian.com/cloud/jira/platform/rest/v2/api-group-issue-search/
"""

from functools import lru_cache
from typing import Any, TypedDict

from connectors.jira.normalise import Reading
from connectors.shape import Named, Numbered, Shape


class _Type(TypedDict, total=False):
    name: Any
    subtask: Any
    hierarchyLevel: Any


class _Category(TypedDict, total=False):
    key: Any


class _Status(TypedDict, total=False):
    id: Any
    name: Any
    statusCategory: _Category


class _Parent(TypedDict, total=False):
    id: Any
    key: Any


class _Person(TypedDict, total=False):
    accountId: Any
    name: Any
    emailAddress: Any
    displayName: Any


_KNOWN: dict[str, Any] = {
    "issuetype": _Type,
    "status": _Status,
    "resolution": Named | None,
    "parent": _Parent | None,
    "assignee": _Person | None,
    "components": list[Named] | None,
    "fixVersions": list[Numbered] | None,
}
"""The fields that are objects; any other one is read whole."""


def issues_as(reading: Reading) -> Shape[dict[str, Any]]:
    """Return the shape of a page of issues that are read so."""
    return _issues_with(reading.asked, frozenset(field for _, field in reading.columns))


@lru_cache(maxsize=64)
def _issues_with(asked: tuple[str, ...], columns: frozenset[str]) -> Shape[dict[str, Any]]:
    """A demanded field is read whole: it may be one of Jira's own, as Fix versions are, and is looked at otherwise."""
    known = {name: Any if name in columns else _KNOWN.get(name, Any) for name in asked}
    fields: Any = TypedDict("fields", known, total=False)  # type: ignore[misc] # the names are the config's
    issue: Any = TypedDict("issue", {"id": Any, "key": Any, "fields": fields, "changelog": Any}, total=False)
    page: Any = TypedDict(
        "page",
        {
            "issues": list[issue],
            "isLast": Any,
            "nextPageToken": Any,
            "startAt": Any,
            "total": Any,
        },
        total=False,
    )
    return Shape(page)
