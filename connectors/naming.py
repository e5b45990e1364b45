"""Which tickets a title or a branch names, of whatever tracker, in the spelling of `WorkItem.key`."""

import re
from collections.abc import Iterable

from okrs.work import MOST_REFS

_TICKET = re.compile(
    r"(?<![\w./#-])"
    r"(?:(?P<key>[A-Z][A-Z0-9_]+-[1-9][0-9]*)|(?P<repository>[\w.-]+/[\w.-]+)?#(?P<number>[1-9][0-9]*))"
    r"(?![\w-])"
)
_BRANCH_KEY = re.compile(r"(?<![A-Za-z0-9])([A-Za-z][A-Za-z0-9]+-[1-9][0-9]*)(?![0-9A-Za-z])")


def named_in_title(title: str, home: str = "") -> list[str]:
    """Return the tickets that a title names: `PAY-12`, `acme/web#34`, and `#34` of the repository `home`."""
    return [
        match["key"] or f"{match['repository'] or home}#{match['number']}"
        for match in _TICKET.finditer(title)
        if match["key"] or match["repository"] or home
    ]


def named_in_branch(branch: str) -> list[str]:
    """Return the tickets that a branch names, as `feature/pay-12-coupons` does: branches are often in lower case."""
    return [key.upper() for key in _BRANCH_KEY.findall(branch)]


def first_refs(keys: Iterable[str], own: str = "") -> tuple[str, ...]:
    """Return the keys as `WorkItem.refs` holds them: each once, not the item's own, `MOST_REFS` at most."""
    return tuple([key for key in dict.fromkeys(keys) if key != own][:MOST_REFS])
