"""How texts of a config are shown in messages, and which word a misspelt one was meant to be."""

import difflib
from collections.abc import Iterable, Sequence

_LONGEST_SHOWN = 60
_LONGEST_COMPARED = 100
_SHORT_LIST = 25


def printable(text: str) -> str:
    """Return the text with everything that could move a terminal's cursor written as an escape."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text)


def quoted(text: str) -> str:
    """Return a value as messages show it: in quotes, cut when long."""
    shown = text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
    return f'"{shown}"'


def meant(word: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed word that is closest to the written one, None when none is close."""
    if len(word) > _LONGEST_COMPARED:
        return None
    folded = {known.casefold(): known for known in reversed(list(allowed))}
    close = difflib.get_close_matches(word.casefold(), folded, n=1)
    return folded[close[0]] if close else None


def advice(word: str, allowed: Sequence[str], what: str = "known") -> str:
    """Return what to write instead: the closest word and, when there are few, all that are allowed."""
    close = meant(word, allowed)
    parts = [f"did you mean {quoted(close)}?"] if close else []
    if not allowed:
        parts.append(f"none is {what}")
    elif len(allowed) <= _SHORT_LIST:
        parts.append(f"{what}: {', '.join(allowed)}")
    elif not close:
        parts.append("check the spelling")
    return "; ".join(parts)
