"""The guard: what tickets that nobody closed or moved may do to a number before a person is asked (DESIGN 7.6).

A deleted ticket, and one that is out of sight though its project can be read, are unexplained: it may be a clean-up, or
a token that sees less than before.  Closing, reopening and changing tickets are explained, however many.
"""

import hashlib
from collections.abc import Iterable, Sequence

from mapping.attribution import Standing
from mapping.rule import Rule
from mapping.totals import HUNDRED, ZERO
from okrs.guard import Guard
from okrs.ledger import CauseKind, Delta, canonical_json
from okrs.numbers import plain, plain_or_none
from okrs.objective import Terms
from okrs.progress import progress

UNEXPLAINED = frozenset({CauseKind.DELETED, CauseKind.HIDDEN})

_LOST = "deleted or went out of sight"


def objection(guard: Guard, terms: Terms, rule: Rule, before: Standing, rows: Sequence[Delta]) -> str | None:
    """Say why an update waits for a person, in a sentence for managers; None when it may go through.

    `rows` are what it would write.
    """
    lost = [row for row in rows if row.cause in UNEXPLAINED]
    if not lost:
        return None
    return _too_many(guard, rule, before, rows) or _too_far(guard, terms, before, lost)


def _too_many(guard: Guard, rule: Rule, before: Standing, rows: Sequence[Delta]) -> str | None:
    for number, (part, total) in enumerate(zip(rule.parts, before.totals, strict=True)):
        gone = len(_left(number, rows))
        where = f" in {part.source}" if len(rule.parts) > 1 else ""
        measured = f"that it is measured by{where}"
        if gone and gone >= total.items and guard.share < 1:
            all_of_them = f"All {gone} tickets {measured} were" if gone > 1 else f"The only ticket {measured} was"
            return f"{all_of_them} {_LOST}."
        if gone >= guard.items and gone > guard.share * total.items:
            most = f"more than {plain(guard.share * HUNDRED)} %"
            return f"{gone} of the {total.items} tickets {measured} were {_LOST}: {most}."
    return None


def _left(part: int, rows: Iterable[Delta]) -> set[tuple[str, str]]:
    """The items whose last word in a part is that they left it unexplained."""
    last = {(row.source, row.item): row for row in rows if row.part == part}
    return {item for item, row in last.items() if row.cause in UNEXPLAINED and row.new_weight is None}


def _too_far(guard: Guard, terms: Terms, before: Standing, lost: Sequence[Delta]) -> str | None:
    old = before.value or ZERO
    alone = old + sum((row.delta for row in lost), ZERO)
    points = abs(progress(terms, alone) - progress(terms, old)) * HUNDRED
    if points <= guard.points:
        return None
    tickets = len({(row.source, row.item) for row in lost})
    whose = f"{tickets} tickets were" if tickets > 1 else "A ticket was"
    far = f"{plain(round(points, 1))} points, more than {plain(guard.points)}"
    return f"{whose} {_LOST}, which would move its progress by {far}."


def digest_of(rows: Iterable[Delta]) -> str:
    """Return what stands for the evidence that an update would write: the same for the same rows."""
    last = {(row.part, row.source, row.item): row for row in rows}
    facts = [[*key, plain_or_none(row.new_weight), plain_or_none(row.new_amount)] for key, row in sorted(last.items())]
    return hashlib.sha256(canonical_json(facts).encode()).hexdigest()


def name_of(key_result: str, seq: int, proposal: str) -> str:
    """Return the id of a new hold, behind the last entry of its key result."""
    return hashlib.sha256(f"{key_result}\n{seq}\n{proposal}".encode()).hexdigest()[:8]
