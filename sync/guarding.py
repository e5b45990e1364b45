"""The guard: what tickets that nobody closed or moved may do to a number before a person is asked (DESIGN 7.6).

A deleted ticket, and one that is out of sight though its project can be read, are unexplained: it may be a clean-up, or
a token that sees less than before.  Closing, reopening and changing tickets are explained, however many; but
with `regress: ask` on the mapping every fall waits.  So does it where a part loses all its tickets and none of them was
touched: then what the mapping names is not there any more.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from mapping.attribution import Standing
from mapping.rule import Part, Regress, Rule, Selector, matches_in
from mapping.totals import HUNDRED, ZERO
from okrs.guard import Guard
from okrs.immutable import immutable
from okrs.ledger import CauseKind, Delta
from okrs.numbers import plain
from okrs.objective import Terms
from okrs.progress import progress

UNEXPLAINED = frozenset({CauseKind.DELETED, CauseKind.HIDDEN})

_LOST = "deleted or went out of sight"


@immutable
class Update:
    """What tickets would make of a key result."""

    new: Decimal | None
    rows: tuple[Delta, ...]
    """What would be written of each."""
    adrift: frozenset[tuple[int, str, str]] = frozenset()
    """Part, source and id of those that are selected no more though they are as they were."""


def objection(guard: Guard, terms: Terms, rule: Rule, before: Standing, update: Update) -> str | None:
    """Say why an update waits for a person, in a sentence for managers; None when it may go through."""
    lost = [row for row in update.rows if row.cause in UNEXPLAINED]
    told = _too_many(guard, rule, before, update.rows) or _too_far(guard, terms, before, lost) if lost else None
    told = told or (_all_adrift(rule, before, update) if update.adrift and guard.share < 1 else None)
    return told or (_falls(terms, before.value, update.new) if rule.regress is Regress.ASK else None)


def _falls(terms: Terms, old: Decimal | None, new: Decimal | None) -> str | None:
    if progress(terms, new) >= progress(terms, old):
        return None
    return f"It would fall back from {_shown(old)} to {_shown(new)}, and its mapping asks before it falls."


def _shown(number: Decimal | None) -> str:
    return "nothing" if number is None else plain(round(number, 2))


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


def _all_adrift(rule: Rule, before: Standing, update: Update) -> str | None:
    """What a part names (a milestone, an epic, a sprint) is not found any more, nor its tickets."""
    for number, (part, total) in enumerate(zip(rule.parts, before.totals, strict=True)):
        adrift = {(source, item) for place, source, item in update.adrift if place == number}
        if adrift and len(adrift | _left(number, update.rows)) >= total.items:
            where = f" in {part.source}" if len(rule.parts) > 1 else ""
            return (
                f"Nothing that it was measured by{where} is selected any more ({total.items} before), though nobody "
                f"changed the tickets: {_named(part)} may have been renamed, or be out of sight."
            )
    return None


_RENAMED = frozenset(
    {Selector.PROJECT, Selector.MILESTONE, Selector.EPIC, Selector.PARENT, Selector.SPRINT, Selector.SECTION}
)
"""What has a name of its own, by which no ticket says that it changed."""


def _named(part: Part) -> str:
    """What a part's mapping names, in words."""
    found = [each for each in matches_in(part.where) if each.selector in _RENAMED]
    names = [f"{each.selector.value} {' or '.join(each.values)}" for each in found]
    return f"{' and '.join(names)}, which its mapping names," if names else "what its mapping names"


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
