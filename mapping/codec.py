"""A rule as canonical text and back: what the ledger keeps of it, and its content hash."""

import hashlib
import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from mapping.rule import (
    AllOf,
    AnyOf,
    Cancelled,
    Clause,
    Combine,
    Counts,
    DoneWhen,
    Match,
    Measure,
    Missing,
    Not,
    Part,
    Rule,
    Selector,
    Window,
)
from okrs.cycle import Period
from okrs.ledger import canonical_json, timestamp
from okrs.numbers import plain


def rule_text(rule: Rule) -> str:
    """Return the canonical JSON of a rule: equal rules have equal text."""
    return canonical_json(
        {
            "parts": [_part(part) for part in rule.parts],
            "period": [timestamp(rule.period.start), timestamp(rule.period.end)],
            "combine": rule.combine and rule.combine.value,
            "add_start": rule.add_start,
            "base": plain(rule.base),
        }
    )


def rule_hash(text: str) -> str:
    """SHA-256 of a rule's text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def parse_rule(text: str) -> Rule:
    """The inverse of `rule_text`."""
    document = json.loads(text)
    start, end = document["period"]
    return Rule(
        parts=tuple(_parse_part(part) for part in document["parts"]),
        period=Period(datetime.fromisoformat(start), datetime.fromisoformat(end)),
        combine=Combine(document["combine"]) if document["combine"] else None,
        add_start=document["add_start"],
        base=Decimal(document["base"]),
    )


def _part(part: Part) -> dict[str, Any]:
    done_when = part.done_when
    return {
        "source": part.source,
        "where": _clause(part.where),
        "measure": part.measure.value,
        "by": part.by,
        "missing": part.missing.value,
        "counts": part.counts.value,
        "done_when": done_when and {"status": done_when.status, "resolution": done_when.resolution},
        "cancelled": part.cancelled.value,
        "window": part.window.value,
        "weight": plain(part.weight),
    }


def _parse_part(document: dict[str, Any]) -> Part:
    done_when = document["done_when"]
    return Part(
        source=document["source"],
        where=_parse_clause(document["where"]),
        measure=Measure(document["measure"]),
        by=document["by"],
        missing=Missing(document["missing"]),
        counts=Counts(document["counts"]),
        done_when=done_when and DoneWhen(tuple(done_when["status"]), tuple(done_when["resolution"])),
        cancelled=Cancelled(document["cancelled"]),
        window=Window(document["window"]),
        weight=Decimal(document["weight"]),
    )


def _clause(clause: Clause) -> dict[str, Any]:
    match clause:
        case Match(selector, values):
            return {selector.value: list(values)}
        case Not(inner):
            return {"not": _clause(inner)}
        case AllOf(clauses):
            return {"all": [_clause(inner) for inner in clauses]}
        case AnyOf(clauses):
            return {"any": [_clause(inner) for inner in clauses]}


def _parse_clause(document: dict[str, Any]) -> Clause:
    ((word, content),) = document.items()
    if word == "not":
        return Not(_parse_clause(content))
    if word == "all":
        return AllOf(tuple(_parse_clause(inner) for inner in content))
    if word == "any":
        return AnyOf(tuple(_parse_clause(inner) for inner in content))
    return Match(Selector(word), tuple(content))
