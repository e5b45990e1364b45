"""`explain --at`: a value as it was known at a past time, and what is known of that time now."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from mapping.attribution import Evidence
from mapping.codec import parse_rule, scope_key
from mapping.family import candidates
from mapping.judging import Line
from mapping.measure import Measured, Mirror, Scopes, lines_of, totals_of
from mapping.past import History, Rebuilt, Records, as_seen, asks_queries, rebuilt, without_queries
from mapping.rule import Rule, Scope
from mapping.totals import kept, value_of
from okrs.immutable import immutable
from okrs.lanes import approximate_in, value_on
from okrs.ledger import timestamp
from okrs.numbers import as_json
from okrs.objective import Terms
from okrs.work import WorkItem
from store import ledger, lookup, past, people, scopes
from store.lanes import last_day
from store.past import Then
from store.queries import lore_of
from store.renames import on_record
from store.views.explain import End, Explained, ending, explain_json, in_order, line_as_recorded, unrecorded
from store.views.quarantine import message_for
from store.views.setup import Setup


@immutable
class Differing:
    """A ticket that stood otherwise than it was seen."""

    part: int
    item: WorkItem
    then: Decimal | None
    """Its amount as it was seen; None when it was not on the line."""
    now: Decimal | None


@immutable
class KnownNow:
    """What is known now of that time."""

    value: Decimal | None
    differs: bool
    tickets: tuple[Differing, ...]
    approximate: tuple[str, ...] = ()
    """What nothing tells of that day, and is taken as it is now."""


@immutable
class ExplainedThen:
    """A value of the past."""

    answer: Explained
    at: datetime
    """The time that was asked for."""
    known_now: KnownNow | None
    """None where it cannot be told."""
    reconstructed: bool = False
    """It was not measured then: it is rebuilt from the trackers' own dates."""
    approximate: tuple[str, ...] = ()
    """Of a reconstructed one, what nothing tells of that day."""
    terms: Terms | None = None
    """Those that were in force; None where they are not on record."""
    queries: bool = False
    """Its rule asks a tracker's query, and what that found then is not kept: only what was on the line is told."""


class UnknownThenError(Exception):
    """It was not measured at that time, and nothing of that is rebuilt."""

    def __init__(self, since: datetime | None) -> None:
        super().__init__("nothing was known")
        self.since = since
        """Since when something is; None when nothing is yet."""


def explain_at(connection: Connection, setup: Setup, name: str, at: datetime) -> ExplainedThen:
    """Explain a key result as it was known at a past time.  Raises UnknownThenError."""
    known = setup.key_result(name)
    held_as = on_record(connection, known) if known else name
    then = past.key_results_at(connection, at, held_as).get(held_as)
    if then is None or then.rule is None:
        return _reconstructed(connection, setup, name, held_as, at)
    rule = parse_rule(ledger.rule_text_of(connection, then.rule))
    records = {source: past.records_of(connection, source) for source in rule.sources}
    end = _end(connection, held_as, then, at)
    evidence = past.evidence_at(connection, held_as, end.closed.final.seq if end else then.seq)
    items = _items(connection, records, evidence, at)
    measured_at = end.closed.final.at if end else past.measured_at(connection, then, at)
    frozen = _scopes(connection, held_as, rule, then, records)
    asked = _asked(rule, evidence, items)
    live = lines_of(asked, _mirror(connection, rule, records, at, measured_at), measured_at, frozen)
    held = then.hold is not None and end is None and not asks_queries(rule)  # who was found then is not known
    lines = _as_recorded(rule, evidence, live.lines, items, held=held)
    totals = totals_of(rule, lines)
    measured = Measured(value_of(rule, totals, measured_at), totals, lines, live.scopes)
    quarantined = message_for(setup.quarantine, name)
    override = then.override if end is None and then.override is not None and then.override.active(at) else None
    answer = Explained(
        key_result=name,
        value=end.closed.automatic if end else then.value,
        at=measured_at,
        rule=rule,
        measured=measured,
        quarantined=quarantined,
        hold=then.hold,
        override=override,
        last_day=last_day(override, setup.calendar),
        names=people.names_of(connection, [override.by]) if override else {},
        end=end,
    )
    history = History(records, {source: lore_of(connection, source) for source in records}, frozen)
    now_known = None if then.retired else _known_now(answer, history, at)
    return ExplainedThen(answer, at, now_known, terms=then.terms, queries=asks_queries(rule))


def _end(connection: Connection, name: str, then: Then, at: datetime) -> End | None:
    """How it ended, with what more had become known of it by then."""
    return None if then.end is None else ending(connection, then.end, past.corrections_at(connection, name, at))


def _mirror(
    connection: Connection, rule: Rule, records: Mapping[str, Records], at: datetime, measured_at: datetime
) -> Mirror:
    """The sources as they were seen; what is measured after its cycle's end is told as it stood then."""
    ended = rule.period.end if measured_at >= rule.period.end else at + timedelta.resolution
    return {
        name: candidates(as_seen(known, at, ended), past.lore_at(connection, name, at))
        for name, known in records.items()
    }


def _items(
    connection: Connection, records: Mapping[str, Records], evidence: Iterable[Evidence], at: datetime
) -> dict[tuple[str, str], WorkItem]:
    """The items on the line as they were seen then; those of which that is not kept as they are known."""
    found: dict[tuple[str, str], WorkItem] = {}
    for source, every in records.items():
        for record in every:
            known = record.until(at)
            if known is not None:
                item = known.sights[-1].item
                found[source, item.id] = item
    lost: dict[str, list[str]] = {}
    for each in evidence:
        if (each.source, each.item) not in found:
            lost.setdefault(each.source, []).append(each.item)
    for source, ids in lost.items():
        told = lookup.look_up(connection, source, ids)
        found |= {(source, item): known for item, (known, _gone) in told.items()}
    return found


def _scopes(connection: Connection, name: str, rule: Rule, then: Then, records: Mapping[str, Records]) -> Scopes:
    """The frozen scopes; one that is kept no more is frozen again, as things were when its rule came."""
    found = dict(scopes.of_key_result(connection, name)) if rule.freezes else {}
    keys = {scope_key(rule, part) for part in rule.parts if part.scope is Scope.FROZEN}
    if keys <= found.keys():
        return found
    for entry in past.rules_until(connection, name, then.seq):
        before = parse_rule(ledger.rule_text_of(connection, entry.rule or ""))
        if not keys & {scope_key(before, part) for part in before.parts if part.scope is Scope.FROZEN}:
            break
        drawn = lines_of(before, _mirror(connection, before, records, entry.at, entry.at), entry.at)
        found |= {key: some for key, some in drawn.scopes.items() if key in keys}
    return found


def _asked(rule: Rule, evidence: Iterable[Evidence], items: Mapping[tuple[str, str], WorkItem]) -> Rule:
    on_line: dict[int, set[str]] = {number: set() for number in range(len(rule.parts))}
    credited: dict[int, set[str]] = {number: set() for number in range(len(rule.parts))}
    for each in evidence:
        item = items.get((each.source, each.item))
        if item is not None:
            on_line[each.part].add(item.key)
            if each.amount:
                credited[each.part].add(item.key)
    return without_queries(rule, on_line, credited)


def _as_recorded(
    rule: Rule,
    evidence: Iterable[Evidence],
    seen: Iterable[Line],
    items: Mapping[tuple[str, str], WorkItem],
    *,
    held: bool,
) -> tuple[Line, ...]:
    live = {(line.part, line.source, line.item.id): line for line in seen}
    recorded = {each.key: each for each in evidence}
    lines = [
        line_as_recorded(rule, each, live.get(key), items[each.source, each.item], held=held)
        for key, each in recorded.items()
        if (each.source, each.item) in items
    ]
    return in_order(lines, unrecorded(rule, (each for key, each in live.items() if key not in recorded), held=held))


# --- what is known now ---------------------------------------------------------------------------------------------


def _known_now(answer: Explained, history: History, at: datetime) -> KnownNow | None:
    if asks_queries(answer.rule):
        return None
    try:
        told = rebuilt(answer.rule, history, at, sighted=True)
    except ArithmeticError:
        return None
    return _compared(answer, told)


def _compared(answer: Explained, told: Rebuilt) -> KnownNow:
    value = kept(answer.rule, answer.value, told.measured.value)
    then, now = _on_line(answer.measured.lines), _on_line(told.measured.lines)
    tickets = [
        Differing(key[0], (now.get(key) or then[key]).item, _amount(then.get(key)), _amount(now.get(key)))
        for key in sorted(then.keys() | now.keys())
        if _stand(then.get(key)) != _stand(now.get(key))
    ]
    return KnownNow(value, value != answer.value, tuple(tickets), told.approximate)


def _on_line(lines: Iterable[Line]) -> dict[tuple[int, str, str], Line]:
    return {(line.part, line.source, line.item.id): line for line in lines if line.weight is not None}


def _amount(line: Line | None) -> Decimal | None:
    return line.amount if line is not None else None


def _stand(line: Line | None) -> tuple[Decimal | None, Decimal | None] | None:
    return None if line is None else (line.weight, line.amount)


# --- days before it was measured -----------------------------------------------------------------------------------


def _reconstructed(connection: Connection, setup: Setup, name: str, held_as: str, at: datetime) -> ExplainedThen:
    day = past.over_by(setup.calendar, at)
    entries = past.reconstructed(connection, held_as)
    until = [each for each in entries if each <= day]
    if not until:
        raise UnknownThenError(past.first_measured(connection, held_as))
    entry = entries[max(until)]
    rule = parse_rule(ledger.rule_text_of(connection, entry.rule or ""))
    history = past.history_of(connection, rule.sources, scopes.of_key_result(connection, held_as))
    value = value_on(day, {each: told.new for each, told in entries.items()})
    told = rebuilt(rule, history, at, sighted=False)
    answer = Explained(name, value, at, rule, told.measured, message_for(setup.quarantine, name))
    known = _compared(answer, told)
    terms, approximate = past.first_terms(connection, held_as), approximate_in(entry.details)
    return ExplainedThen(answer, at, known, reconstructed=True, approximate=approximate, terms=terms)


def explain_then_json(answer: ExplainedThen) -> dict[str, Any]:
    """The document of `explain --at --json`: that of `explain --json`, and what is known now."""
    return explain_json(answer.answer) | {
        "at": timestamp(answer.at),
        "reconstructed": answer.reconstructed,
        "approximate": list(answer.approximate),
        "excluded_unknown": answer.queries,
        "known_now": _known_json(answer.known_now),
    }


def _known_json(known: KnownNow | None) -> dict[str, Any] | None:
    if known is None:
        return None
    return {
        "value": as_json(known.value),
        "differs": known.differs,
        "approximate": list(known.approximate),
        "tickets": [
            {
                "part": each.part,
                "key": each.item.key,
                "url": each.item.url,
                "title": each.item.title,
                "then": as_json(each.then),
                "now": as_json(each.now),
            }
            for each in known.tickets
        ],
    }
