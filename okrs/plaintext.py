"""Tracker text is hostile: what people are shown holds no control characters and no direction marks."""

import unicodedata

LONGEST = 120
"""Characters of a title that are shown; the rest is an ellipsis."""


def harmless(text: str, longest: int = LONGEST) -> str:
    """Return the text on one line, without escape sequences or marks that reorder what is read."""
    if text.isascii() and text.isprintable():  # as nearly all are
        return text if len(text) <= longest else text[: longest - 1] + "…"
    kept = "".join(" " if char in "\r\n\t" else char for char in text if char in "\r\n\t" or shown(char))
    return kept if len(kept) <= longest else kept[: longest - 1] + "…"


def shown(char: str) -> bool:
    """Tell whether a character is one to be seen, and not one that does something."""
    return unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def counted(number: int, thing: str) -> str:
    """Say how many, as in `1 source` and `2 sources`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
