"""`which`: what a ticket does to the key results that its source feeds; the ticket is looked up, and not its mirror."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from mapping.attribution import ItemId
from mapping.codec import parse_rule
from mapping.family import Candidate
from mapping.judging import Reason
from mapping.measure import Scopes, lines_of
from mapping.rule import Combine, Measure, Part, Rule
from okrs.ledger import timestamp
from okrs.numbers import as_json
from store import ledger, lookup, scopes, sources
from store.cache import MirrorCache
from store.lookup import Ticket
from store.views.setup import Setup


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Places:
    """The tickets that a key means, and what rules make of each."""

    tickets: tuple[Ticket, ...]
    parts: tuple[Which, ...]


def which(connection: Connection, setup: Setup, key: str, now: datetime) -> Places | None:
    """Tell what a ticket does to the key results fed by its source.  None when no ticket was ever called so."""
    tickets = lookup.called(connection, key)
    if not tickets:
        return None
    cache = MirrorCache()
    asking = _Asking(connection, now, cache, {each.identity: _alone(connection, cache, each) for each in tickets})
    places = [
        place
        for name, rule in sorted(_rules(connection, setup).items())
        for ticket in tickets
        if ticket.source in rule.sources
        for place in asking.of(name, rule, ticket)
    ]
    return Places(tickets, tuple(places))


def _rules(connection: Connection, setup: Setup) -> Mapping[str, Rule]:
    """The rules on record, or the config's of what was never measured."""
    states = ledger.states(connection)
    texts = ledger.rule_texts(connection, (states[name].rule for name in setup.rules if name in states))
    return {
        name: parse_rule(texts[states[name].rule]) if name in states else rule for name, rule in setup.rules.items()
    }


@dataclass(frozen=True, slots=True)
class _Asking:
    """What all rules are asked with, on one snapshot."""

    connection: Connection
    now: datetime
    cache: MirrorCache
    alone: Mapping[ItemId, Sequence[Candidate]]
    """Each ticket that is in the mirror, among its neighbours."""

    def of(self, name: str, rule: Rule, ticket: Ticket) -> Iterator[Which]:
        lines = {}
        if ticket.gone is None:
            frozen = scopes.of_key_result(self.connection, name)
            drawn = lines_of(rule, self._mirror(rule, ticket, frozen), self.now, frozen)
            lines = {line.part: line for line in drawn.lines if (line.source, line.item.id) == ticket.identity}
        for number, part in enumerate(rule.parts):
            if part.source != ticket.source:
                continue
            line = lines.get(number)
            if line is None:
                reason = ticket.gone or Reason.NO_MATCH.value
                yield Which(name, number, part.source, False, None, reason, ticket, adds=False)
            else:
                why = line.reason.value if line.reason else None
                adds = line.counted and _adds(rule, part)
                yield Which(name, number, part.source, line.counted, line.amount, why, ticket, adds=adds)

    def _mirror(self, rule: Rule, ticket: Ticket, frozen: Scopes) -> Mapping[str, Sequence[Candidate]]:
        """The ticket alone; the others, too, where it depends on them what it is to the rule."""
        if rule.each_alone:
            alone = self.alone[ticket.identity]
            return self.cache.of_one(self.connection, rule, ticket.source, alone, self.now)
        generations = sources.generations(self.connection, rule.sources)
        return self.cache.of_rule(self.connection, rule, generations, self.now, frozen)


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
        }
        for each in answer.parts
    ]
