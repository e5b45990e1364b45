"""Which tickets a title or a branch names, of whatever tracker, in the spelling of `WorkItem.key`.

A project's key has letters, digits and underscores; what follows it is no number of a ticket where it goes on as a
version does: `lodash-4.17.21`.
"""

import re
import string
from collections.abc import Iterable
from itertools import pairwise

from okrs.work import MOST_REFS

_TICKET = re.compile(
    r"(?<![\w./#-])"
    r"(?:(?P<key>[A-Z][A-Z0-9_]+-[1-9][0-9]*)|(?P<repository>[\w.-]+/[\w.-]+)?#(?P<number>[1-9][0-9]*))"
    r"(?![\w-])(?!\.[0-9])"
)
_NUMBER = re.compile(r"[1-9][0-9]*(?![0-9A-Za-z])(?!\.[0-9])")
_PROJECT = re.compile(r"[A-Za-z][A-Za-z0-9_]*[A-Za-z0-9]")
_IN_A_KEY = string.ascii_letters + string.digits + "_"


def named_in_title(title: str, home: str = "") -> list[str]:
    """Return the tickets that a title names: `PAY-12`, `acme/web#34`, and `#34` of the repository `home`."""
    return [
        match["key"] or f"{match['repository'] or home}#{match['number']}"
        for match in _TICKET.finditer(title)
        if match["key"] or match["repository"] or home
    ]


def named_in_branch(branch: str) -> list[str]:
    """Return the tickets that a branch may name, as `feature/pay-12-coupons` does: branches are often in lower case.

    An underscore there may be part of a key or stand before one, as in `my_proj-12` and `fix_pay-12`.  A word that is
    not in capitals beside some that are is no part of it (`fix_PAY-12`); else all are named (`HOTFIX_PAY-12`), the
    plainest first: a ticket that there is not joins nothing, and one that is left out would count twice.
    """
    found = [
        f"{project.upper()}-{number[0]}"
        for before, after in pairwise(branch.split("-"))
        if (number := _NUMBER.match(after))
        for project in _projects(before[len(before.rstrip(_IN_A_KEY)) :])
    ]
    return sorted(found, key=lambda key: key.count("_"))


def _projects(word: str) -> list[str]:
    """Return the keys of projects that the end of a word may be, the shortest first."""
    parts = word.split("_")[-MOST_REFS:]
    ends = ["_".join(parts[-count:]) for count in range(1, len(parts) + 1)]
    keys = [end for end in ends if _PROJECT.fullmatch(end)]
    capitals = [key for key in keys if key == key.upper()]
    return capitals or keys


def first_refs(keys: Iterable[str], own: str = "") -> tuple[str, ...]:
    """Return the keys as `WorkItem.refs` holds them: each once, not the item's own, `MOST_REFS` at most."""
    return tuple([key for key in dict.fromkeys(keys) if key != own][:MOST_REFS])
