"""How a key result ends: what a `close` entry says for ever (DESIGN 3, 6)."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

from okrs.immutable import immutable
from okrs.ledger import canonical_json
from okrs.numbers import from_millionths, plain, plain_or_none, sum_to_millionths
from okrs.objective import KeyResult, Objective, Terms, parse_terms, terms_text
from okrs.progress import Standing, Status, clamped, progress, roll_up


def grade_of(terms: Terms, value: Decimal | None) -> Decimal:
    """Return the grade that follows from a value, 0…1, to six places; 0 when nothing was measured."""
    return _kept(clamped(progress(terms, value)))


def grades_of(
    objectives: Sequence[Objective], key_results: Sequence[KeyResult], grades: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    """Return the grade of each objective: that of its children, weighted as progress is; none where no child has one.

    `grades` are those of key results by id.
    """
    standings = {name: Standing(grade, Decimal(1), Status.CLOSED, Status.CLOSED) for name, grade in grades.items()}
    graded = [each for each in key_results if each.id in grades]
    shares = roll_up(objectives, graded, standings)
    return {name: _kept(share.progress) for name, share in shares.items() if share.expected}


def _kept(number: Decimal) -> Decimal:
    return from_millionths(sum_to_millionths(number))


@immutable
class Ending:
    """A key result at its end, with everything that its progress and its place in a roll-up rest on."""

    cycle: str
    objective: str
    terms: Terms
    weight: Decimal
    value: Decimal | None
    """What was shown: the override in force, else the automatic value; None when there was neither."""
    head: str
    """The hash of the ledger's head before the cycle was closed."""
    grade: Decimal
    """0…1."""
    graded: bool = False
    """A person graded otherwise than the value says."""
    unread: bool = False
    """Some source of it was not read since the cycle's end, and it was closed all the same."""

    @property
    def progress(self) -> Decimal:
        """Unclamped, and not rounded."""
        return progress(self.terms, self.value)

    @property
    def details(self) -> str:
        """What its `close` entry carries."""
        document = {
            "cycle": self.cycle,
            "objective": self.objective,
            "terms": json.loads(terms_text(self.terms)),
            "weight": plain(self.weight),
            "value": plain_or_none(self.value),
            "progress": plain(_kept(self.progress)),
            "grade": plain(self.grade),
            "graded": self.graded,
            "unread": self.unread,
            "head": self.head,
        }
        return canonical_json(document)


def parse_ending(text: str) -> Ending:
    """The inverse of `Ending.details`.  Raises ValueError, KeyError, TypeError or ArithmeticError for other text."""
    document = json.loads(text)
    value = document["value"]
    return Ending(
        cycle=document["cycle"],
        objective=document["objective"],
        terms=parse_terms(canonical_json(document["terms"])),
        weight=Decimal(document["weight"]),
        value=None if value is None else Decimal(value),
        head=document["head"],
        grade=Decimal(document["grade"]),
        graded=document["graded"],
        unread=document["unread"],
    )


def flaw_of(text: str | None) -> str:
    """Say what is wrong with the details of a `close` entry in themselves; empty when nothing is."""
    ending = parse_ending(text or "")
    if ending.details != text:
        return "what it says of progress does not follow from its value and terms."
    if not 0 <= ending.grade <= 1:
        return f"{plain(ending.grade)} is no grade."
    followed = ending.grade == grade_of(ending.terms, ending.value)
    return "" if followed is not ending.graded else "its grade does not follow from its value."
