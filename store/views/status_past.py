"""`status --at`: where every key result stood, as it was known at a past time.

Titles, objectives and cycles are those of the config of today, but for key results that it took out of a closed cycle;
what is kept of no past day is null in the JSON.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from mapping.codec import parse_rule
from mapping.past import last_instant
from mapping.rule import Rule
from okrs.immutable import immutable, replace
from okrs.lanes import approximate_in, day_in
from okrs.ledger import Entry, timestamp
from okrs.objective import KeyResult
from store import ledger, past, people
from store.past import Read, Then
from store.renames import pending
from store.views.homes import Home, chapters, homes_of, put_back
from store.views.setup import Setup, SourceSetup
from store.views.status import (
    SHOWN_AS,
    KeyResultStatus,
    ObjectiveStatus,
    SourceStatus,
    StatusView,
    Stood,
    closed_cycles,
    cycles_named,
    elsewhere,
    ended,
    key_result_then,
    objectives_of,
    overdue,
    share_at,
    standing_at,
    status_json,
)


@immutable
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
    homes = homes_of(connection, setup)
    # Before its cycle was closed a key result stood there; after that, it is shown there to those who ask for it.
    back = {name: home for name, home in homes.items() if name not in ends or home.cycle == cycle}
    away = {name: home.cycle for name, home in homes.items() if name not in back}
    former = replace(setup, key_results=put_back(setup.key_results, back))
    kept = {name: each for name, each in ends.items() if name not in away}
    over = closed_cycles(former, kept) | frozenset(away.values())
    cycles = cycles_named(setup, cycle, over)
    shown = {each.id for each in cycles}
    said = [each.by for then_ in then.values() for each in (then_.override, then_.checkin) if each is not None]
    names = people.names_of(connection, sorted({each for each in said if each}))
    rebuilt = past.reconstructed_at(connection, past.over_by(setup.calendar, at))
    known = _Known(reads, at, over, names, {new.get(name, name): each for name, each in rebuilt.items()})
    key_results = [
        elsewhere(setup, each, away[each.id], at, closed=each.cycle in over)
        if each.id in away
        else _key_result(connection, former, each, then.get(each.id, Then()), known)
        for each in former.key_results
    ]
    objectives = _objectives(setup, back, over, key_results, at)
    view = StatusView(
        cycle=cycles[0] if len(cycles) == 1 else None,
        objectives=tuple(each for each in objectives if each.objective.cycle in shown),
        key_results=tuple(each for each in key_results if each.key_result.cycle in shown),
        sources=tuple(_source(connection, each, reads.get(each.name, Read()), at) for each in setup.sources),
        cycles=tuple(cycles),
        closed=tuple(each.id for each in setup.cycles if each.id in over),
        configured=setup.key_results,
        zone=setup.calendar.timezone,
    )
    return StatusThen(view, at, past.first_known(connection))


def _objectives(
    setup: Setup,
    homes: Mapping[str, Home],
    over: frozenset[str],
    key_results: Sequence[KeyResultStatus],
    at: datetime,
) -> list[ObjectiveStatus]:
    found: list[ObjectiveStatus] = []
    for each in chapters(setup, homes):
        counted = [told for told in key_results if told.key_result.id in each.key_results]
        told = objectives_of(replace(setup, objectives=each.objectives), over, counted, at)
        found += [one for one in told if one.objective.cycle in each.cycles]
    return found


@immutable
class _Known:
    """What was known at a time beside the entries."""

    reads: Mapping[str, Read]
    at: datetime
    closed: frozenset[str]
    """Cycles that were closed."""
    names: Mapping[str, str]
    rebuilt: Mapping[str, Entry]
    """What was rebuilt of that time, by key result: of those that were not measured yet, it is what is shown."""


def _key_result(connection: Connection, setup: Setup, named: KeyResult, then: Then, known: _Known) -> KeyResultStatus:
    if then.end is not None:
        key_result = key_result_then(named, then.end)
        share = share_at(connection, key_result, then.rule, then.end.final.seq)
        found = ended(setup, key_result, then.end, share_done=share, measured=then.rule is not None)
        return replace(found, checkin=then.checkin, names=known.names)
    key_result = replace(named, terms=then.terms or named.terms)
    rebuilt = known.rebuilt.get(named.id) if then.rule is None else None
    stood = _stood(connection, setup, key_result, then, known) if rebuilt is None else _rebuilt(setup, rebuilt, then)
    override = then.override if then.override is not None and then.override.active(known.at) else None
    found = standing_at(
        setup, key_result, replace(stood, override=override), known.at, closed=named.cycle in known.closed
    )
    return replace(
        found,
        checkin=then.checkin,
        names=known.names,
        hold=then.hold,
        reconstructed=rebuilt is not None,
        approximate=approximate_in(rebuilt.details) if rebuilt is not None else (),
    )


def _stood(connection: Connection, setup: Setup, key_result: KeyResult, then: Then, known: _Known) -> Stood:
    rule = _rule(connection, setup, key_result.id, then)
    old = rule is not None and any(
        overdue(each, known.reads.get(each.name, Read()).last_success, known.at)
        for each in setup.sources
        if each.name in rule.sources
    )
    share = share_at(connection, key_result, then.rule, then.seq)
    return Stood(then.value, None, then.moved_at, mapped=rule is not None, stale=old, share_done=share)


def _rebuilt(setup: Setup, entry: Entry, then: Then) -> Stood:
    """How it stood on a day before it was measured, of which this entry was written later: no read is late for that."""
    day = day_in(entry.details)
    moved_at = last_instant(setup.calendar, day) if day is not None else then.moved_at
    return Stood(entry.new, None, moved_at, mapped=True, stale=False, share_done=None)


def _rule(connection: Connection, setup: Setup, name: str, then: Then) -> Rule | None:
    """The rule in force; of what was never measured until then, the one of today."""
    if then.rule is None:
        return setup.rules.get(name)
    return None if then.retired else parse_rule(ledger.rule_text_of(connection, then.rule))


def _source(connection: Connection, each: SourceSetup, read: Read, at: datetime) -> SourceStatus:
    items = past.items_at(connection, each.name, at)
    return SourceStatus(each, SHOWN_AS.get(read.state, read.state), items, read.last_success, error=None)


def status_then_json(answer: StatusThen) -> dict[str, Any]:
    """The document of `status --at --json`: that of `status --json`, with null for what is kept of no past day."""
    view, document = answer.view, status_json(answer.view)
    nothing = {"reading": None, "error": None, "quarantined": None}
    told = [{"reconstructed": each.reconstructed, "approximate": list(each.approximate)} for each in view.key_results]
    key_results = [each | nothing | more for each, more in zip(document["key_results"], told, strict=True)]
    sources = [each | {"error": None, "unanswered": None} for each in document["sources"]]
    unknown = {"selects_nothing": None, "refused_fields": None, "refused_queries": None, "quarantine": None}
    known = {"at": timestamp(answer.at), "known_since": timestamp(answer.since) if answer.since else None}
    return document | {"key_results": key_results, "sources": sources} | unknown | known
