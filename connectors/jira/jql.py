"""What is asked in Jira's own language.  One function quotes; nothing else puts a text into a query."""

from collections.abc import Iterable
from math import ceil

from connectors.contract import Cursor

ORDER = "ORDER BY created ASC, key ASC"
"""An order that no later change of an issue disturbs; by `updated`, issues jump from page to page."""

_QUOTED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"})


def quoted(text: str) -> str:
    """Return the text as a string of JQL."""
    return f'"{text.translate(_QUOTED)}"'


def of_project(project: str, minutes: int | None = None) -> str:
    """Return the query for a project's issues, changed in the last minutes where there are any given.

    The window is relative and in whole minutes: an absolute time would be read in the account's time zone.
    It has no upper bound, as an issue that keeps changing would escape it.
    """
    window = "" if minutes is None else f" AND updated >= {quoted(f'-{minutes}m')}"
    return f"project = {quoted(project)}{window} {ORDER}"


def window(cursor: Cursor, passed: float) -> int | None:
    """Return how many minutes reach back to the cursor, None for everything.

    `passed` is how many seconds ago the run began: Jira counts from when it is asked, which may be long after
    `Cursor.now` where many projects are read.
    """
    if cursor.since is None:
        return None
    return max(1, ceil(((cursor.now - cursor.since).total_seconds() + int(passed)) / 60))


def of_types(project: str, types: Iterable[str]) -> str:
    """Return the query for a project's issues of some types, given by their ids, the newest first."""
    return f"project = {quoted(project)} AND issuetype in ({', '.join(map(quoted, types))}) ORDER BY created DESC"


def labelled(project: str) -> str:
    """Return the query for a project's issues with labels, those last changed first."""
    return f"project = {quoted(project)} AND labels is not EMPTY ORDER BY updated DESC"


def under(field: str, above: Iterable[str]) -> str:
    """Return the query for the issues that lie under some others, by the field that says so."""
    return f"{field} in ({', '.join(map(_issue, above))}) {ORDER}"


def with_ids(ids: Iterable[str]) -> str:
    return f"id in ({', '.join(map(_issue, ids))}) {ORDER}"


def _issue(name: str) -> str:
    """Return an issue's id or key: a number in quotes would be a key, and none is."""
    return name if name.isascii() and name.isdecimal() else quoted(name)
