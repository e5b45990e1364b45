"""Objectives and key results: what people promised, in the terms they are measured by."""

import json
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from okrs.immutable import immutable
from okrs.ledger import canonical_json
from okrs.numbers import plain


class Ambition(StrEnum):
    COMMITTED = "committed"
    ASPIRATIONAL = "aspirational"


@immutable
class Numeric:
    """Go from `start` to `target`, in either direction; the two differ."""

    start: Decimal
    target: Decimal


@immutable
class Keep:
    """Stay in a band; both bounds belong to it and min < max."""

    min: Decimal
    max: Decimal


@immutable
class Binary:
    """Done when the measured value reaches `threshold`: 100 of a percent, else `at_least` items."""

    threshold: Decimal = Decimal(1)


Terms: TypeAlias = Numeric | Keep | Binary


def terms_text(terms: Terms) -> str:
    """Return the canonical JSON of terms, as ledger entries carry it."""
    match terms:
        case Numeric(start, target):
            document = {"kind": "numeric", "start": plain(start), "target": plain(target)}
        case Keep(low, high):
            document = {"kind": "keep", "min": plain(low), "max": plain(high)}
        case Binary(threshold):
            document = {"kind": "binary", "threshold": plain(threshold)}
    return canonical_json(document)


def parse_terms(text: str) -> Terms:
    """The inverse of `terms_text`.  Raises ValueError, KeyError or ArithmeticError for any other text."""
    document = json.loads(text)
    match document["kind"]:
        case "numeric":
            return Numeric(Decimal(document["start"]), Decimal(document["target"]))
        case "keep":
            return Keep(Decimal(document["min"]), Decimal(document["max"]))
        case "binary":
            return Binary(Decimal(document["threshold"]))
        case other:
            raise ValueError(f"no terms are of the kind {other}")


@immutable
class KeyResult:
    """One measurable promise of an objective.  Its id is unique for ever."""

    id: str
    objective: str
    cycle: str
    title: str
    terms: Terms
    unit: str = ""
    weight: Decimal = Decimal(1)
    ambition: Ambition = Ambition.COMMITTED
    was: str | None = None
    """The id that it had before; its history goes on under the new one."""


@immutable
class Objective:
    """What a team wants to reach in a cycle.  `supports` names objectives or key results it helps."""

    id: str
    cycle: str
    title: str
    owner: str = ""
    team: str = ""
    weight: Decimal = Decimal(1)
    supports: tuple[str, ...] = ()
    was: str | None = None
    """The id that it had before."""
