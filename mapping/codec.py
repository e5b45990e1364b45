"""A rule as canonical text and back: what the ledger keeps of it, and its content hash."""

import hashlib
import json
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from mapping.rule import (
    AllOf,
    AnyOf,
    Cancelled,
    Clause,
    Combine,
    Counts,
    DoneWhen,
    FieldMatch,
    LastDays,
    Match,
    Measure,
    Missing,
    Moment,
    Not,
    Part,
    Regress,
    Rule,
    Scale,
    Scope,
    Selector,
    Span,
    Window,
    Within,
)
from okrs.cycle import Period
from okrs.immutable import facts
from okrs.ledger import canonical_json, timestamp
from okrs.numbers import plain
from okrs.work import State


def rule_text(rule: Rule) -> str:
    """Return the canonical JSON of a rule: equal rules have equal text.

    What a rule does not use is not written, so that a rule keeps its hash when the language grows.
    """
    document: dict[str, Any] = {
        "parts": [_part(part) for part in rule.parts],
        "period": _period(rule.period),
        "combine": rule.combine and rule.combine.value,
        "add_start": rule.add_start,
        "base": plain(rule.base),
    }
    if rule.scale is not None:
        document["scale"] = [plain(each) for each in facts(rule.scale).values()]
    if rule.regress is not Regress.FOLLOW:
        document["regress"] = rule.regress.value
    if rule.falling:
        document["falling"] = True
    if rule.timezone != _UTC:
        document["timezone"] = rule.timezone
    return canonical_json(document)


def rule_hash(text: str) -> str:
    """SHA-256 of a rule's text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


@lru_cache(maxsize=4096)
def parse_rule(text: str) -> Rule:
    """The inverse of `rule_text`."""
    document = json.loads(text)
    scale = document.get("scale")
    return Rule(
        parts=tuple(_parse_part(part) for part in document["parts"]),
        period=_parse_period(document["period"]),
        combine=Combine(document["combine"]) if document["combine"] else None,
        add_start=document["add_start"],
        base=Decimal(document["base"]),
        scale=scale and Scale(*map(Decimal, scale)),
        regress=Regress(document.get("regress", Regress.FOLLOW)),
        falling=document.get("falling", False),
        timezone=document.get("timezone", _UTC),
    )


_UTC = "UTC"


def _period(period: Period) -> list[str]:
    return [timestamp(period.start), timestamp(period.end)]


def _parse_period(pair: list[str]) -> Period:
    start, end = pair
    return Period(datetime.fromisoformat(start), datetime.fromisoformat(end))


def _part(part: Part) -> dict[str, Any]:
    done_when = part.done_when
    document: dict[str, Any] = {
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
    if part.rank is not None:
        document["rank"] = part.rank
    if part.of is not None:
        document["of"] = _clause(part.of)
    if part.partial:
        document["partial"] = {state.value: plain(credit) for state, credit in part.partial}
    if part.scope is not Scope.LIVE:
        document["scope"] = part.scope.value
    if part.once:
        document["once"] = True
    if part.linked:
        document["linked"] = True
    return document


def _parse_part(document: dict[str, Any]) -> Part:
    done_when = document["done_when"]
    partial = document.get("partial", {})
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
        rank=document.get("rank"),
        of=_parse_clause(document["of"]) if "of" in document else None,
        partial=tuple((State(state), Decimal(credit)) for state, credit in sorted(partial.items())),
        scope=Scope(document.get("scope", Scope.LIVE)),
        once=document.get("once", False),
        linked=document.get("linked", False),
    )


def scope_key(rule: Rule, part: Part) -> str:
    """Return what names a part's frozen scope: another source, clause or beginning of the cycle has another one."""
    return rule_hash(canonical_json([part.source, _clause(part.where), timestamp(rule.period.start)]))


def _clause(clause: Clause) -> dict[str, Any]:
    match clause:
        case Match(selector, values):
            return {selector.value: list(values)}
        case FieldMatch(field, values):
            return {f"{_FIELD}{field}": list(values)}
        case Within(moment, spans):
            return {moment.value: [_span(span) for span in spans]}
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
    if word.startswith(_FIELD):
        return FieldMatch(word.removeprefix(_FIELD), tuple(content))
    if word in list(Moment):
        return Within(Moment(word), tuple(_parse_span(span) for span in content))
    return Match(Selector(word), tuple(content))


_FIELD = "field."


def _span(span: Span) -> list[str] | int:
    return span.days if isinstance(span, LastDays) else _period(span)


def _parse_span(document: list[str] | int) -> Span:
    return LastDays(document) if isinstance(document, int) else _parse_period(document)
