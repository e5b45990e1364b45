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
from okrs.numbers import as_json
from okrs.objective import Binary, KeyResult
from okrs.progress import standing
from store import ledger, past, people
from store.finals import Final
from store.overrides import Override
from store.past import Read, Then
from store.views.setup import Setup, SourceSetup
from store.views.status import (
    SHOWN_AS,
    KeyResultStatus,
    SourceStatus,
    StatusView,
    cycles_named,
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
    overrides: Mapping[str, Override]
    """Values of people that were in force, by key result."""
    finals: Mapping[str, Final]
    """How key results had ended whose cycles were closed."""
    names: Mapping[str, str | None]
    """Of the people who set them, by their ids."""


def status_at(connection: Connection, setup: Setup, at: datetime, cycle: str | None = None) -> StatusThen:
    """Answer for one cycle, or for all.  Raises KeyError for a cycle that is not configured."""
    cycles = cycles_named(setup, cycle)
    shown = {each.id for each in cycles}
    then, reads = past.key_results_at(connection, at), past.reads_at(connection, at)
    key_results = [
        _key_result(connection, setup, each, then.get(each.id, Then()), _Known(reads, at)) for each in setup.key_results
    ]
    overrides = {
        name: each.override
        for name, each in then.items()
        if each.override is not None and each.override.active(at) and each.final is None
    }
    view = StatusView(
        cycle=cycles[0] if len(cycles) == 1 else None,
        objectives=tuple(each for each in objectives_of(setup, key_results, at) if each.objective.cycle in shown),
        key_results=tuple(each for each in key_results if each.key_result.cycle in shown),
        sources=tuple(_source(connection, each, reads.get(each.name, Read()), at) for each in setup.sources),
        cycles=tuple(cycles),
    )
    return StatusThen(
        view=view,
        at=at,
        since=past.first_known(connection),
        overrides=overrides,
        finals={name: each.final for name, each in then.items() if each.final is not None},
        names=people.names_of(connection, {each.by for each in overrides.values() if each.by}),
    )


@dataclass(frozen=True, slots=True)
class _Known:
    """What was known at a time beside the entries."""

    reads: Mapping[str, Read]
    at: datetime


def _key_result(connection: Connection, setup: Setup, named: KeyResult, then: Then, known: _Known) -> KeyResultStatus:
    at, rule = known.at, _rule(connection, setup, named.id, then)
    key_result = replace(named, terms=then.terms or named.terms)
    value = shown_value(then.value, then.override, then.final, at)
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
            replace(moment_of(setup, key_result.cycle, at), closed=then.final is not None),
            setup.pace,
            stale=old,
            share_done=None if _by_hand(then, at) else _share_done(connection, key_result, then),
        ),
        stale=old,
        reading=False,
        mapped=rule is not None,
        updated_at=then.moved_at,
        hold=then.hold,
    )


def _rule(connection: Connection, setup: Setup, name: str, then: Then) -> Rule | None:
    """The rule in force; of what was never measured until then, the one of today."""
    if then.rule is None:
        return setup.rules.get(name)
    return None if then.retired else parse_rule(ledger.rule_text_of(connection, then.rule))


def _by_hand(then: Then, at: datetime) -> bool:
    """Tell whether the shown value is a person's: its tickets say nothing of that."""
    if then.final is not None:
        return then.final.value != then.value
    return then.override is not None and then.override.active(at)


def _share_done(connection: Connection, key_result: KeyResult, then: Then) -> Decimal | None:
    if then.rule is None or not isinstance(key_result.terms, Binary):
        return None
    rule = parse_rule(ledger.rule_text_of(connection, then.rule))
    return share_done(rule, past.evidence_at(connection, key_result.id, then.seq))


def _source(connection: Connection, each: SourceSetup, read: Read, at: datetime) -> SourceStatus:
    items = past.items_at(connection, each.name, at)
    return SourceStatus(each, SHOWN_AS.get(read.state, read.state), items, read.last_success, error=None)


def status_then_json(answer: StatusThen) -> dict[str, Any]:
    """The document of `status --at --json`: that of `status --json`, with null for what is kept of no past day."""
    document = status_json(answer.view)
    key_results = [_key_result_json(answer, each) for each in document["key_results"]]
    sources = [each | {"error": None, "unanswered": None} for each in document["sources"]]
    unknown = {"selects_nothing": None, "refused_fields": None, "quarantine": None}
    told = {"at": timestamp(answer.at), "known_since": timestamp(answer.since) if answer.since else None}
    return document | {"key_results": key_results, "sources": sources} | unknown | told


def _key_result_json(answer: StatusThen, document: dict[str, Any]) -> dict[str, Any]:
    name = document["id"]
    final = answer.finals.get(name)
    grade: Decimal | None = final.grade if final is not None else None
    return document | {
        "reading": None,
        "error": None,
        "quarantined": None,
        "override": _override_json(answer, answer.overrides.get(name)),
        "grade": as_json(grade),
    }


def _override_json(answer: StatusThen, each: Override | None) -> dict[str, Any] | None:
    if each is None:
        return None
    until = timestamp(each.until) if each.until else None
    by = answer.names.get(each.by) or each.by
    return {"value": as_json(each.value), "why": each.why, "by": by, "until": until}
