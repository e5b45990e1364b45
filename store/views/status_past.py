"""`status --at`: where every key result stood, as it was known at a past time.

Titles, objectives and cycles are those of the config of today; what is kept of no past day is null in the JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from mapping.codec import parse_rule
from mapping.rule import Rule
from okrs.lanes import shown_value
from okrs.ledger import timestamp
from okrs.objective import Binary, KeyResult
from okrs.progress import standing
from store import ledger, past, people
from store.lanes import last_day
from store.past import Read, Then
from store.renames import on_record, pending
from store.views.setup import Setup, SourceSetup
from store.views.status import (
    SHOWN_AS,
    KeyResultStatus,
    SourceStatus,
    StatusView,
    closed_cycles,
    cycles_named,
    ended,
    key_result_then,
    moment_of,
    objectives_of,
    overdue,
    share_done,
    status_json,
)


@dataclass(frozen=True, slots=True)
class StatusThen:
    """An answer for a past time."""

    view: StatusView
    at: datetime
    """The time that was asked for."""
    since: datetime | None
    """Since when anything is known; None when nothing is yet."""


def status_at(connection: Connection, setup: Setup, at: datetime, cycle: str | None = None) -> StatusThen:
    """Answer for one cycle, or for all that were open.  Raises KeyError for a cycle that is not configured."""
    new = pending(connection, setup.key_results)
    told = past.key_results_at(connection, at)
    then, reads = {new.get(name, name): each for name, each in told.items()}, past.reads_at(connection, at)
    ends = {name: each.end for name, each in then.items() if each.end is not None}
    over = closed_cycles(setup, ends)
    cycles = cycles_named(setup, cycle, over)
    shown = {each.id for each in cycles}
    said = [each.by for then_ in then.values() for each in (then_.override, then_.checkin) if each is not None]
    known = _Known(reads, at, over, people.names_of(connection, sorted({each for each in said if each})))
    key_results = [_key_result(connection, setup, each, then.get(each.id, Then()), known) for each in setup.key_results]
    objectives = objectives_of(setup, over, key_results, at)
    view = StatusView(
        cycle=cycles[0] if len(cycles) == 1 else None,
        objectives=tuple(each for each in objectives if each.objective.cycle in shown),
        key_results=tuple(each for each in key_results if each.key_result.cycle in shown),
        sources=tuple(_source(connection, each, reads.get(each.name, Read()), at) for each in setup.sources),
        cycles=tuple(cycles),
        closed=tuple(each.id for each in setup.cycles if each.id in over),
        configured=setup.key_results,
    )
    return StatusThen(view, at, past.first_known(connection))


@dataclass(frozen=True, slots=True)
class _Known:
    """What was known at a time beside the entries."""

    reads: Mapping[str, Read]
    at: datetime
    closed: frozenset[str]
    """Cycles that were closed."""
    names: Mapping[str, str]


def _key_result(connection: Connection, setup: Setup, named: KeyResult, then: Then, known: _Known) -> KeyResultStatus:
    if then.end is not None:
        key_result = key_result_then(named, then.end)
        share = _share_done(connection, key_result, then)
        found = ended(setup, key_result, then.end, share_done=share, measured=then.rule is not None)
        return replace(found, checkin=then.checkin, names=known.names)
    at, rule = known.at, _rule(connection, setup, named.id, then)
    key_result = replace(named, terms=then.terms or named.terms)
    override = then.override if then.override is not None and then.override.active(at) else None
    value = shown_value(then.value, override, None, at)
    old = rule is not None and any(
        overdue(each, known.reads.get(each.name, Read()).last_success, at)
        for each in setup.sources
        if each.name in rule.sources
    )
    return KeyResultStatus(
        key_result=key_result,
        value=value,
        standing=standing(
            key_result.terms,
            value,
            moment_of(setup, key_result.cycle, at, closed=key_result.cycle in known.closed),
            setup.pace,
            stale=old,
            share_done=None if override else _share_done(connection, key_result, then),
        ),
        stale=old,
        reading=False,
        mapped=rule is not None,
        updated_at=override.since if override else then.moved_at,
        automatic=then.value,
        override=override,
        last_day=last_day(override, setup.calendar),
        checkin=then.checkin,
        names=known.names,
        hold=then.hold,
    )


def _rule(connection: Connection, setup: Setup, name: str, then: Then) -> Rule | None:
    """The rule in force; of what was never measured until then, the one of today."""
    if then.rule is None:
        return setup.rules.get(name)
    return None if then.retired else parse_rule(ledger.rule_text_of(connection, then.rule))


def _share_done(connection: Connection, key_result: KeyResult, then: Then) -> Decimal | None:
    if then.rule is None or not isinstance(key_result.terms, Binary):
        return None
    rule = parse_rule(ledger.rule_text_of(connection, then.rule))
    until = then.end.final.seq if then.end is not None else then.seq
    return share_done(rule, past.evidence_at(connection, on_record(connection, key_result), until))


def _source(connection: Connection, each: SourceSetup, read: Read, at: datetime) -> SourceStatus:
    items = past.items_at(connection, each.name, at)
    return SourceStatus(each, SHOWN_AS.get(read.state, read.state), items, read.last_success, error=None)


def status_then_json(answer: StatusThen) -> dict[str, Any]:
    """The document of `status --at --json`: that of `status --json`, with null for what is kept of no past day."""
    document = status_json(answer.view)
    nothing = {"reading": None, "error": None, "quarantined": None}
    key_results = [each | nothing for each in document["key_results"]]
    sources = [each | {"error": None, "unanswered": None} for each in document["sources"]]
    unknown = {"selects_nothing": None, "refused_fields": None, "refused_queries": None, "quarantine": None}
    told = {"at": timestamp(answer.at), "known_since": timestamp(answer.since) if answer.since else None}
    return document | {"key_results": key_results, "sources": sources} | unknown | told
