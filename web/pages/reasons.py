"""Why a ticket does not count, as sentences: they settle arguments."""

REASONS = {
    "open": "still open",
    "done": "done, and this rule counts open work",
    "cancelled": "cancelled work never counts here",
    "outside_window": "closed outside of the cycle",
    "duplicate": "an earlier part of the rule has it",
    "no_estimate": "has no estimate",
    "no_match": "is not selected by the rule",
    "no_history": "when work on it began is not known",
    "not_in_scope": "came in after the scope was frozen",
}

NOT_SELECTED = "no_match"

GONE = {
    "deleted": "was deleted in its tracker",
    "hidden": "is shown to the token no more",
    "removed": "left what is read: its project or repository is in the config no more",
    "moved": "was moved to where nothing is read",
}

WAITS, CHANGES = "waits with the update", "changes with the update"
"""Of a ticket that an update which waits for a person has otherwise: one that does not count yet, and one that does."""


def reason(word: str | None) -> str:
    """Say a reason in words."""
    return REASONS.get(word or "") or GONE.get(word or "") or "does not count"
