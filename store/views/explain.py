"""`explain` and `which`: a value from its tickets, and a ticket's key results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from mapping.attribution import Evidence
from mapping.codec import parse_rule
from mapping.family import Candidate
from mapping.judging import Line, Reason
from mapping.measure import Measured, Mirror, measure, totals_of
from mapping.rule import OF_COUNTED, Measure, Part, Rule
from mapping.totals import Total, part_value, value_of, weeks_over
from okrs.ledger import timestamp
from okrs.numbers import as_json
from okrs.work import WorkItem, fold_key
from store import ledger, lookup, queries, scopes
from store.views.quarantine import message_for
from store.views.setup import Setup


@dataclass(frozen=True, slots=True)
class Explained:
    """A key result, the rule its value came from, and every selected item."""

    key_result: str
    value: Decimal | None
    """The automatic value on record; None when it was never measured."""
    at: datetime
    rule: Rule
    measured: Measured
    """What the evidence gives.  Its value is not the one on record where that was kept: see `mapping.totals.kept`."""
    quarantined: str | None = None
    """Why it is in quarantine and what becomes of it; None when it is not."""

    @property
    def weeks(self) -> int:
        """How many whole weeks are over, for a throughput."""
        return weeks_over(self.rule, self.at).days // 7

    def grown(self, place: int) -> int:
        """How many items a part selects that were created since the cycle began."""
        begun = self.rule.period.start
        items = (line.item for line in self.measured.lines if line.part == place)
        return sum(item.created_at is not None and item.created_at >= begun for item in items)


def explain(connection: Connection, setup: Setup, name: str, now: datetime) -> Explained | None:
    """Explain a key result by the rule and the evidence on record, or by the config's when it was never measured.

    The mirror, which may be ahead of the ledger, only adds titles and the reasons of what does not count.
    None when nothing feeds it.
    """
    state = ledger.state_of(connection, name)
    rule = parse_rule(ledger.rule_text_of(connection, state.rule)) if state else setup.rules.get(name)
    if rule is None:
        return None
    quarantined = message_for(setup.quarantine, name)
    found: Mirror = {each: queries.candidates_of(connection, each) for each in rule.sources}
    frozen = scopes.of_key_result(connection, name)
    if state is None:
        found = queries.with_past(connection, rule, found, now)
        return Explained(name, None, now, rule, measure(rule, found, now, frozen), quarantined)
    at = state.measured_at
    measured = measure(rule, queries.with_past(connection, rule, found, at), at, frozen)
    return Explained(name, state.value, at, rule, _as_recorded(connection, name, rule, measured, at), quarantined)


def _as_recorded(connection: Connection, name: str, rule: Rule, seen: Measured, at: datetime) -> Measured:
    """Put the ledger's weights and amounts in the place of those that the mirror would give today."""
    live = {(line.part, line.source, line.item.id): line for line in seen.lines}
    evidence = ledger.evidence_of(connection, name)
    absent = [each for each in evidence if each.key not in live]
    known = {
        (source, item): found
        for source in rule.sources
        for item, (found, _gone) in lookup.look_up(
            connection, source, [each.item for each in absent if each.source == source]
        ).items()
    }
    lines = [
        _line_of(rule, each, live.get(each.key), known.get((each.source, each.item)) or live[each.key].item)
        for each in evidence
    ]
    recorded = {each.key for each in evidence}
    lines += [line for key, line in live.items() if key not in recorded and line.weight is None]
    lines.sort(key=lambda line: (line.part, line.source, line.item.id))
    totals = totals_of(rule, lines)
    return Measured(value_of(rule, totals, at), totals, tuple(lines), seen.scopes)


def _line_of(rule: Rule, evidence: Evidence, live: Line | None, item: WorkItem) -> Line:
    """A line as it was recorded: an amount other than 0 counts, and of a 0 the mirror knows why, if it still is 0."""
    still = live is not None and live.amount == evidence.amount
    counts = bool(evidence.amount) or rule.parts[evidence.part].measure in OF_COUNTED
    reason = None if counts else live.reason if live is not None and still else Reason.OPEN
    return Line(
        evidence.part,
        evidence.source,
        item,
        evidence.version,
        evidence.weight,
        evidence.amount,
        reason,
        dated_by_sight=live.dated_by_sight if live else False,
        ambiguous=live.ambiguous if live else False,
    )


def explain_json(answer: Explained) -> dict[str, Any]:
    """The document of `explain --json`."""
    rule = answer.rule
    return {
        "key_result": answer.key_result,
        "value": as_json(answer.value),
        "at": timestamp(answer.at),
        "combine": rule.combine.value if rule.combine else None,
        "scale": {"from": [as_json(rule.scale.low), as_json(rule.scale.high)]} if rule.scale else None,
        "add_start": as_json(rule.base) if rule.add_start else None,
        "measured": as_json(answer.measured.value),
        "quarantined": answer.quarantined,
        "parts": [_part(answer, number, total) for number, total in enumerate(answer.measured.totals)],
    }


def _part(answer: Explained, number: int, total: Total) -> dict[str, Any]:
    part = answer.rule.parts[number]
    lines = [line for line in answer.measured.lines if line.part == number]
    return {
        "source": part.source,
        "measure": part.word,
        "stat": part.stat,
        "by": part.by,
        "value": as_json(part_value(part, total, answer.weeks)),
        "weight": as_json(part.weight),
        "numerator": as_json(total.amount),
        "denominator": _denominator(part, total, answer.weeks),
        "counted": [_counted(line) for line in lines if line.counted],
        "excluded": [_excluded(line) for line in lines if not line.counted],
        "selects_nothing": not lines,
        "grown": answer.grown(number),
    }


def _denominator(part: Part, total: Total, weeks: int) -> Any:  # noqa: ANN401 - a JSON number, or null
    if part.measure is Measure.THROUGHPUT:
        return weeks
    return as_json(total.weight) if part.measure in (Measure.PERCENT, Measure.RATIO) else None


def _shown(item: WorkItem) -> dict[str, Any]:
    return {"key": item.key, "url": item.url, "title": item.title}


def _counted(line: Line) -> dict[str, Any]:
    document = _shown(line.item) | {
        "type": line.item.type,
        "state": line.item.state.value,
        "weight": as_json(line.weight),
        "amount": as_json(line.amount),
    }
    flags = {"dated_by_sight": line.dated_by_sight, "ambiguous": line.ambiguous}
    return document | {name: True for name, flag in flags.items() if flag}


def _excluded(line: Line) -> dict[str, Any]:
    reason = line.reason.value if line.reason else None
    return _shown(line.item) | {"reason": reason, "weight": as_json(line.weight)}


@dataclass(frozen=True, slots=True)
class Which:
    """What one part of a key result's rule makes of a ticket."""

    key_result: str
    part: int
    source: str
    counted: bool
    amount: Decimal | None
    reason: str | None
    """None when it counts; `no_match` when the part does not select it."""


def which(connection: Connection, setup: Setup, key: str, now: datetime) -> list[Which] | None:
    """Tell what a ticket does to the key results fed by its source.  None when no ticket is called so."""
    found = _find(connection, key)
    if not found:
        return None
    loaded: dict[str, Sequence[Candidate]] = {}
    answer: list[Which] = []
    for name, rule in sorted(_rules(connection, setup).items()):
        if not {source for source, _ in found} & set(rule.sources):
            continue
        for source in rule.sources:
            if source not in loaded:
                loaded[source] = queries.candidates_of(connection, source)
        past = queries.with_past(connection, rule, loaded, now)
        measured = measure(rule, past, now, scopes.of_key_result(connection, name))
        answer += _parts(name, rule, measured, found)
    return answer


def _find(connection: Connection, key: str) -> set[tuple[str, str]]:
    exact = lookup.find_key(connection, {key, key.strip()})
    if exact or "/" not in key:
        return set(exact)
    return set(lookup.find_folded(connection, fold_key(key)))


def _rules(connection: Connection, setup: Setup) -> Mapping[str, Rule]:
    states = ledger.states(connection)
    return {
        name: parse_rule(ledger.rule_text_of(connection, states[name].rule)) if name in states else rule
        for name, rule in setup.rules.items()
    }


def _parts(name: str, rule: Rule, measured: Measured, found: set[tuple[str, str]]) -> list[Which]:
    lines = {line.part: line for line in measured.lines if (line.source, line.item.id) in found}
    answer = []
    for number, part in enumerate(rule.parts):
        if part.source not in {source for source, _ in found}:
            continue
        line = lines.get(number)
        if line is None:
            answer.append(Which(name, number, part.source, False, None, Reason.NO_MATCH.value))
        else:
            reason = line.reason.value if line.reason else None
            answer.append(Which(name, number, part.source, line.counted, line.amount, reason))
    return answer


def which_json(answer: Sequence[Which]) -> list[dict[str, Any]]:
    """The document of `which --json`."""
    return [
        {
            "key_result": each.key_result,
            "part": each.part,
            "source": each.source,
            "counted": each.counted,
            "amount": as_json(each.amount),
            "reason": each.reason,
        }
        for each in answer
    ]
