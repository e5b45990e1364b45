"""`explain`: a value from its tickets."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from typing import Any

from sqlalchemy import Connection

from mapping.attribution import Evidence
from mapping.codec import parse_rule
from mapping.demand import families_of
from mapping.judging import Line, Reason
from mapping.measure import Measured, lines_of, totals_of
from mapping.rule import OF_COUNTED, Counts, Measure, Part, Rule
from mapping.totals import Total, part_value, value_of, weeks_over
from okrs.immutable import immutable, replace
from okrs.ledger import Entry, EntryKind, timestamp
from okrs.numbers import as_json
from okrs.work import WorkItem
from store import families, ledger, lookup, past, people, scopes, sources
from store.cache import MirrorCache
from store.families import Unread
from store.finals import Closed, closed
from store.holds import Hold, hold_of, holds_json
from store.lanes import lanes_of, last_day, override_json
from store.overrides import Override
from store.renames import on_record
from store.selecting import Selecting
from store.views.quarantine import message_for
from store.views.refused import Refused, refusals, refused_json, refused_queries_json
from store.views.setup import Setup


@immutable
class End:
    """The end of a key result, and what became known of it since."""

    closed: Closed
    by: str | None
    """Who closed its cycle, by name; by the id where the name is forgotten."""
    corrections: tuple[Entry, ...] = ()

    @property
    def known_now(self) -> Decimal | None:
        """The automatic value as it would be by what is known today."""
        return self.corrections[-1].new if self.corrections else self.closed.automatic


@immutable
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
    hold: Hold | None = None
    """An update that waits for a person, or was rejected: all is as it was before it."""
    override: Override | None = None
    """A person's value that is shown instead."""
    last_day: date | None = None
    """Of that value; None when it has none."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Those of people by their ids."""
    end: "End | None" = None
    """How it ended, where its cycle is closed: value and evidence are those of then."""
    refused: tuple[Refused, ...] = ()
    """What its rule in the config names and the tracker refuses."""
    not_read: Mapping[int, tuple[Unread, ...]] = field(default_factory=dict)
    """By part: of what lies under its epics and parents, what its source does not read, or why nobody knows."""
    idle: frozenset[int] = frozenset()
    """Parts that select nothing, and would if they asked for no state and no days."""

    @property
    def weeks(self) -> int:
        """How many whole weeks are over, for a throughput."""
        return weeks_over(self.rule, self.at).days // 7

    def unheard(self, place: int) -> bool:
        """Tell whether a part weighs by a field that the tracker refuses: then tickets are not to blame."""
        part = self.rule.parts[place]
        return any(each.field and (each.source, each.field) == (part.source, part.by) for each in self.refused)

    def part_value(self, place: int) -> Decimal | None:
        """The number of one part."""
        return part_value(self.rule.parts[place], self.measured.totals[place], self.weeks)

    def lacks(self, place: int) -> bool:
        """Tell whether a part selects nothing that the number needs: it does not wait for a label to be used."""
        return place in self.rule.lacking(_empty(self.rule, self.measured.lines)) and place not in self.idle

    def grown(self, place: int) -> int:
        """How many items a part selects that were created since the cycle began."""
        begun = self.rule.period.start
        items = (line.item for line in self.measured.lines if line.part == place)
        return sum(item.created_at is not None and item.created_at >= begun for item in items)


def explain(
    connection: Connection, setup: Setup, name: str, now: datetime, cache: MirrorCache | None = None
) -> Explained | None:
    """Explain a key result by the rule and the evidence on record, or by the config's when it was never measured.

    The mirror, which may be ahead of the ledger, only adds titles and the reasons of what does not count.
    None when nothing feeds it.  Raises ArithmeticError where absurd estimates make a number that no column holds.
    """
    known = setup.key_result(name)
    held_as = on_record(connection, known) if known else name
    lanes, end = lanes_of(connection, held_as), _end(connection, held_as)
    state, override = lanes.state, lanes.in_force(now)
    rule = parse_rule(ledger.rule_text_of(connection, state.rule)) if state else setup.rules.get(name)
    if rule is None or (end and state is None):
        return None
    quarantined = message_for(setup.quarantine, name)
    at = end.closed.final.at if end else state.measured_at if state else now
    frozen = scopes.of_key_result(connection, held_as)
    cache = cache or MirrorCache()
    found = cache.of_rule(connection, rule, sources.generations(connection, rule.sources), at, frozen, alone=True)
    seen = lines_of(rule, found, at, frozen)
    lines, hold = seen.lines, hold_of(connection, held_as)
    if state is not None:
        told = (
            past.evidence_at(connection, held_as, end.closed.final.seq)
            if end
            else ledger.evidence_of(connection, held_as)
        )
        lines = _as_recorded(connection, told, rule, seen.lines, held=_waits(hold) and end is None)
    totals = totals_of(rule, lines)
    return Explained(
        key_result=name,
        value=end.closed.automatic if end else lanes.automatic,
        at=at,
        rule=rule,
        measured=Measured(value_of(rule, totals, at), totals, lines, seen.scopes),
        quarantined=quarantined,
        hold=hold,
        override=override,
        last_day=last_day(override, setup.calendar),
        names=people.names_of(connection, [override.by]) if override else {},
        end=end,
        refused=() if end else _refused(connection, setup, name),
        not_read={} if end else not_read_of(connection, rule),
        idle=frozenset() if end else idle_among(connection, rule, _empty(rule, lines), now),
    )


def not_read_of(connection: Connection, rule: Rule) -> dict[int, tuple[Unread, ...]]:
    """Return, by part, what is told of what its sources do not read."""
    named = {number: families_of(part).keys() for number, part in enumerate(rule.parts)}
    asked = {part.source for number, part in enumerate(rule.parts) if named[number]}
    known = {source: families.unread(connection, source) for source in sorted(asked)}
    return {
        number: tuple(
            each
            for family, each in known[rule.parts[number].source].items()
            if family in mine and (each.items or each.error)
        )
        for number, mine in named.items()
        if mine
    }


def idle_among(connection: Connection, rule: Rule, empty: Iterable[int], now: datetime) -> frozenset[int]:
    """Return which of the parts that select nothing would, if they asked for no state and no days."""
    if now >= rule.period.end:  # the mirror of today does not tell
        return frozenset()
    selecting = Selecting(connection, now)
    return frozenset(number for number in empty if selecting.idle(rule, rule.parts[number]))


def _empty(rule: Rule, lines: Sequence[Line]) -> set[int]:
    return set(range(len(rule.parts))) - {line.part for line in lines}


def _refused(connection: Connection, setup: Setup, name: str) -> tuple[Refused, ...]:
    if name not in setup.rules:
        return ()
    states = {each: sources.state_of(connection, each) for each in setup.rules[name].sources}
    return tuple(refusals(connection, setup, name, states))


def _end(connection: Connection, name: str) -> End | None:
    found = closed(connection, name).get(name)
    if found is None:
        return None
    entries = ledger.entries_of(connection, name)
    return ending(connection, found, (each for each in entries if each.kind is EntryKind.CORRECTION))


def ending(connection: Connection, found: Closed, corrections: Iterable[Entry]) -> End:
    """Put together how a key result ended, by whom, and what more became known of it."""
    by = people.names_of(connection, [found.by]).get(found.by, found.by) if found.by else None
    return End(found, by, tuple(corrections))


def _waits(hold: Hold | None) -> bool:
    return hold is not None and not hold.rejected


def _as_recorded(
    connection: Connection, evidence: Sequence[Evidence], rule: Rule, seen: Sequence[Line], *, held: bool
) -> tuple[Line, ...]:
    """Put the ledger's weights and amounts in the place of those that the mirror would give today."""
    live = {(line.part, line.source, line.item.id): line for line in seen}
    absent = [each for each in evidence if each.key not in live]
    known = {
        (source, item): found
        for source in rule.sources
        for item, (found, _gone) in lookup.look_up(
            connection, source, [each.item for each in absent if each.source == source]
        ).items()
    }
    items = {each.key: known.get((each.source, each.item)) or live[each.key].item for each in evidence}
    lines = [line_as_recorded(rule, each, live.get(each.key), items[each.key], held=held) for each in evidence]
    return in_order(lines, unrecorded(rule, (each for key, each in live.items() if key not in items), held=held))


def in_order(*some: Iterable[Line]) -> tuple[Line, ...]:
    """Return lines by part, source and id."""
    return tuple(sorted(chain(*some), key=lambda line: (line.part, line.source, line.item.id)))


def line_as_recorded(rule: Rule, evidence: Evidence, live: Line | None, item: WorkItem, *, held: bool) -> Line:
    """A line as it was recorded: an amount other than 0 counts, and of a 0 the mirror knows why, if it still is 0.

    With `held` an update waits for a person: what the mirror has otherwise is part of it.
    """
    part = rule.parts[evidence.part]
    still = live is not None and live.amount == evidence.amount
    counts = bool(evidence.amount) or part.measure in OF_COUNTED
    return Line(
        evidence.part,
        evidence.source,
        item,
        evidence.version,
        evidence.weight,
        evidence.amount,
        None if counts else live.reason if live is not None and still else _before(part),
        dated_by_sight=live.dated_by_sight if live else False,
        ambiguous=live.ambiguous if live else False,
        waits=held and not (still and live is not None and live.weight == evidence.weight),
    )


def unrecorded(rule: Rule, seen: Iterable[Line], *, held: bool) -> Iterator[Line]:
    """Lines that the record does not know, as far as they are off the line: with `held` all are for the time being."""
    for line in seen:
        if line.weight is None:
            yield line
        elif held:
            reason = line.reason or _before(rule.parts[line.part])
            yield replace(line, weight=None, amount=None, reason=reason, waits=line.counted)


def _before(part: Part) -> Reason:
    """Why a ticket that would count by now did not."""
    return Reason.DONE if part.counts is Counts.OPEN else Reason.OPEN


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
        "refused_fields": refused_json(answer.refused),
        "refused_queries": refused_queries_json(answer.refused),
        "held": holds_json((answer.hold,))[0] if answer.hold and not answer.hold.rejected else None,
        "override": override_json(answer.override, answer.names),
        "closed": _end_json(answer.end) if answer.end else None,
        "parts": [_part(answer, number, total) for number, total in enumerate(answer.measured.totals)],
    }


def _end_json(end: End) -> dict[str, Any]:
    final, ending = end.closed.final, end.closed.ending
    return {
        "cycle": final.cycle,
        "at": timestamp(final.at),
        "value": as_json(final.value),
        "grade": as_json(final.grade),
        "graded": ending.graded,
        "by": end.by,
        "why": end.closed.why,
        "known_now": as_json(end.known_now),
        "corrections": [
            {"seq": each.seq, "at": timestamp(each.at), "old": as_json(each.old), "new": as_json(each.new)}
            for each in end.corrections
        ],
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
        "selects_nothing": answer.lacks(number),
        "grown": answer.grown(number),
        "not_read": [_not_read_json(each) for each in answer.not_read.get(number, ())],
    }


def _not_read_json(each: Unread) -> dict[str, Any]:
    return {
        "above": each.family.above,
        "items": each.items,
        "examples": list(each.examples),
        "error": each.error,
        "asked_at": timestamp(each.asked_at) if each.asked_at else None,
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
    flags = {"dated_by_sight": line.dated_by_sight, "ambiguous": line.ambiguous, "waits": line.waits}
    return document | {name: True for name, flag in flags.items() if flag}


def _excluded(line: Line) -> dict[str, Any]:
    reason = line.reason.value if line.reason else None
    waits = {"waits": True} if line.waits else {}
    return _shown(line.item) | {"reason": reason, "weight": as_json(line.weight)} | waits
