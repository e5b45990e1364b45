"""`which`: what a ticket does to the key results that its source feeds; the ticket is looked up, and not its mirror.

Of a key result whose cycle is closed it is told what the ticket did then: nothing moves that any more.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from mapping.attribution import Evidence, ItemId
from mapping.codec import parse_rule
from mapping.family import Candidate
from mapping.judging import Line, Reason
from mapping.measure import Scopes, lines_of
from mapping.rule import Combine, Measure, Part, Rule
from okrs.immutable import immutable, replace
from okrs.ledger import timestamp
from okrs.numbers import as_json
from store import ledger, lookup, past, scopes, sources
from store.cache import MirrorCache
from store.finals import Final, finals
from store.holds import Hold, all_holds
from store.lookup import Ticket
from store.views.explain import line_as_recorded
from store.views.setup import Setup


@immutable
class Which:
    """What one part of a key result's rule makes of a ticket."""

    key_result: str
    part: int
    source: str
    counted: bool
    amount: Decimal | None
    reason: str | None
    """None when it counts; `no_match` when the part does not select it; `deleted` and the like of one that is gone."""
    ticket: Ticket
    adds: bool
    """Whether the amount is what the ticket adds to the value; averages and shares are no sums."""
    closed: str | None = None
    """The cycle that was closed with it: all of this is as it was then."""
    hold: Hold | None = None
    """The update that this waits with, or that a person rejected with it; until it is decided, the value is another."""
    on_record: Decimal | None = None
    """With a hold, the amount that is in the value; None when it is not on the line."""


@immutable
class Places:
    """The tickets that a key means, and what rules make of each."""

    tickets: tuple[Ticket, ...]
    parts: tuple[Which, ...]


def which(connection: Connection, setup: Setup, key: str, now: datetime) -> Places | None:
    """Tell what a ticket does to the key results fed by its source.  None when no ticket was ever called so."""
    tickets = lookup.called(connection, key)
    if not tickets:
        return None
    cache, ends = MirrorCache(), finals(connection)
    alone = {each.identity: _alone(connection, cache, each) for each in tickets}
    asking = _Asking(connection, now, cache, alone, ends, all_holds(connection))
    places = [
        place
        for name, rule in sorted(_rules(connection, setup, ends).items())
        for ticket in tickets
        if ticket.source in rule.sources
        for place in asking.of(name, rule, ticket)
    ]
    return Places(tickets, tuple(places))


def _rules(connection: Connection, setup: Setup, ends: Mapping[str, Final]) -> Mapping[str, Rule]:
    """The rules on record, or the config's of what was never measured; what is closed may have no mapping any more."""
    states = ledger.states(connection)
    asked = {*setup.rules, *(each.id for each in setup.key_results if each.id in ends)} & states.keys()
    texts = ledger.rule_texts(connection, (states[name].rule for name in asked))
    fresh = {name: rule for name, rule in setup.rules.items() if name not in ends}
    return fresh | {name: parse_rule(texts[states[name].rule]) for name in asked}


@immutable
class _Asking:
    """What all rules are asked with, on one snapshot."""

    connection: Connection
    now: datetime
    cache: MirrorCache
    alone: Mapping[ItemId, Sequence[Candidate]]
    """Each ticket that is in the mirror, among its neighbours."""
    ends: Mapping[str, Final]
    holds: Mapping[str, Hold]

    def of(self, name: str, rule: Rule, ticket: Ticket) -> Iterator[Which]:
        end, hold = self.ends.get(name), self.holds.get(name)
        lines = self._lines(name, rule, ticket, end.at if end else self.now)
        recorded = self._recorded(name, rule, ticket, end) if end or hold else {}
        for number, part in enumerate(rule.parts):
            if part.source != ticket.source:
                continue
            line, known = lines.get(number), recorded.get(number)
            if end:
                found = _told(name, number, rule, _as_it_ended(rule, known, line, ticket), ticket)
                yield replace(found, closed=end.cycle)
                continue
            found = _told(name, number, rule, line, ticket)
            waits = hold is not None and _stand(line) != _stand(known)
            yield replace(found, hold=hold, on_record=known.amount if known else None) if waits else found

    def _lines(self, name: str, rule: Rule, ticket: Ticket, at: datetime) -> dict[int, Line]:
        """What the mirror says of a ticket, by part."""
        if ticket.gone is not None:
            return {}
        frozen = scopes.of_key_result(self.connection, name)
        drawn = lines_of(rule, self._mirror(rule, ticket, frozen, at), at, frozen)
        return {line.part: line for line in drawn.lines if (line.source, line.item.id) == ticket.identity}

    def _recorded(self, name: str, rule: Rule, ticket: Ticket, end: Final | None) -> dict[int, Evidence]:
        """What the ledger says of it, by part."""
        if end:
            found = past.evidence_at(self.connection, name, end.seq, ticket.identity)
        else:
            found = ledger.evidence_among(self.connection, name, len(rule.parts), ticket.source, [ticket.item.id])
        return {each.part: each for each in found}

    def _mirror(self, rule: Rule, ticket: Ticket, frozen: Scopes, at: datetime) -> Mapping[str, Sequence[Candidate]]:
        """The ticket alone; the others, too, where it depends on them what it is to the rule."""
        if rule.each_alone:
            return self.cache.of_one(self.connection, rule, ticket.source, self.alone[ticket.identity], at)
        generations = sources.generations(self.connection, rule.sources)
        return self.cache.of_rule(self.connection, rule, generations, at, frozen)


def _told(name: str, number: int, rule: Rule, line: Line | None, ticket: Ticket) -> Which:
    part = rule.parts[number]
    if line is None:
        reason = ticket.gone or Reason.NO_MATCH.value
        return Which(name, number, part.source, False, None, reason, ticket, adds=False)
    why = line.reason.value if line.reason else None
    adds = line.counted and _adds(rule, part)
    return Which(name, number, part.source, line.counted, line.amount, why, ticket, adds=adds)


def _as_it_ended(rule: Rule, known: Evidence | None, line: Line | None, ticket: Ticket) -> Line | None:
    """What a ticket was when its cycle was closed; who was not on the line then, is not by what is known now."""
    if known is not None:
        return line_as_recorded(rule, known, line, ticket.item, held=False)
    return line if line is not None and line.weight is None else None


def _stand(each: Line | Evidence | None) -> tuple[Decimal, Decimal | None] | None:
    return None if each is None or each.weight is None else (each.weight, each.amount)


def _alone(connection: Connection, cache: MirrorCache, ticket: Ticket) -> Sequence[Candidate]:
    return [] if ticket.gone else cache.some(connection, ticket.source, {ticket.item.id})


def _adds(rule: Rule, part: Part) -> bool:
    summed = rule.combine in (None, Combine.SUM) and rule.scale is None
    return summed and part.measure in (Measure.COUNT, Measure.SUM)


def which_json(answer: Places) -> list[dict[str, Any]]:
    """The document of `which --json`."""
    return [
        {
            "key_result": each.key_result,
            "part": each.part,
            "source": each.source,
            "key": each.ticket.item.key,
            "counted": each.counted,
            "amount": as_json(each.amount),
            "adds": each.adds,
            "reason": each.reason,
            "gone_at": timestamp(each.ticket.gone_at) if each.ticket.gone_at else None,
            "closed": each.closed,
            "held": {"id": each.hold.id, "rejected": each.hold.rejected} if each.hold else None,
        }
        for each in answer.parts
    ]
