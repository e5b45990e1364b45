"""`status`: every key result with its value, pace and freshness; every objective; every source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from mapping.attribution import Evidence
from mapping.codec import parse_rule, rule_hash, rule_text
from mapping.demand import demand_of
from mapping.rule import Counts, Part, Rule
from okrs.cycle import Cycle, elapsed_share
from okrs.ledger import timestamp
from okrs.numbers import as_json, divided
from okrs.objective import Binary, Keep, KeyResult, Numeric, Objective
from okrs.progress import Moment, Standing, Status, objective_status, roll_up, standing
from store import ledger, queries, sources
from store.holds import Hold, open_holds
from store.ledger import KeyResultState
from store.readiness import ready
from store.renames import pending
from store.sources import SourceState
from store.views.gaps import Gap, gaps, gaps_json
from store.views.quarantine import Quarantined, message_for, quarantine_json
from store.views.refused import Refused, awaited, refused, refused_json, refused_queries_json
from store.views.setup import Setup, SourceSetup

STALE_AFTER = 3
"""Intervals without a complete read after which a source is stale."""


@dataclass(frozen=True, slots=True)
class KeyResultStatus:
    key_result: KeyResult
    value: Decimal | None
    standing: Standing
    stale: bool
    reading: bool
    """Its rule waits for a wider read, or for what the tracker refuses; until then the old one stays."""
    mapped: bool
    updated_at: datetime | None
    hold: Hold | None = None
    """An update of it that waits for a person."""
    quarantined: str | None = None
    """Why it is in quarantine and what becomes of it; None when it is not."""
    refused: tuple[str, ...] = ()
    """Why fields or queries that its rule names cannot be had: sentences of its trackers."""
    awaits: str = ""
    """What these are about, in words."""

    @property
    def unread(self) -> bool:
        """It waits for its first read."""
        return self.reading and self.updated_at is None


@dataclass(frozen=True, slots=True)
class ObjectiveStatus:
    objective: Objective
    progress: Decimal
    status: Status


@dataclass(frozen=True, slots=True)
class SourceStatus:
    setup: SourceSetup
    state: str
    items: int
    last_success: datetime | None
    error: str | None
    read_at: datetime | None = None
    """When all of its containers had been read, whatever became of its queries; None when some never was."""
    unanswered: tuple[str, ...] = ()
    """Queries that the tracker did not answer when they were asked last."""


@dataclass(frozen=True, slots=True)
class StatusView:
    cycle: Cycle | None
    """None when several are shown."""
    objectives: tuple[ObjectiveStatus, ...]
    key_results: tuple[KeyResultStatus, ...]
    sources: tuple[SourceStatus, ...]
    gaps: tuple[Gap, ...] = ()
    """Parts of the shown key results' rules that select nothing."""
    refused: tuple[Refused, ...] = ()
    """Fields and queries that the shown key results' rules name and cannot have."""
    absent: str = ""
    """A sentence when there is no database yet."""
    quarantine: tuple[Quarantined, ...] = ()
    """Files of the config that are not right."""
    cycles: tuple[Cycle, ...] = ()
    """Those that are shown, in the order of the config."""


@dataclass(frozen=True, slots=True)
class _Held:
    """What the database has for this answer, read once."""

    states: Mapping[str, KeyResultState]
    sources: Mapping[str, SourceState]
    holds: Mapping[str, Hold]
    refused: tuple[Refused, ...] = ()


def status(connection: Connection, setup: Setup, now: datetime, cycle: str | None = None) -> StatusView:
    """Answer for one cycle, or for all.  Raises KeyError for a cycle that is not configured."""
    cycles = [each for each in setup.cycles if cycle in (None, each.id)]
    if cycle is not None and not cycles:
        raise KeyError(cycle)
    states = {each.name: sources.state_of(connection, each.name) for each in setup.sources}
    recorded = ledger.states(connection)
    renamed = pending(setup.key_results, recorded)
    held = _Held(
        {renamed.get(name, name): state for name, state in recorded.items()},
        states,
        {renamed.get(each.key_result, each.key_result): each for each in open_holds(connection)},
        refused(connection, setup, states),
    )
    shown = {each.id for each in cycles}
    # Objectives may be supported from other cycles: everything is rolled up, then what was asked for is shown.
    key_results = [_key_result(connection, setup, held, each, now) for each in setup.key_results]
    objectives = _objectives(setup, key_results, now)
    named = {each.id: each for each in setup.key_results}
    return StatusView(
        cycle=cycles[0] if len(cycles) == 1 else None,
        objectives=tuple(each for each in objectives if each.objective.cycle in shown),
        key_results=tuple(each for each in key_results if each.key_result.cycle in shown),
        sources=tuple(_source(connection, setup, held.sources[each.name], each) for each in setup.sources),
        gaps=tuple(each for each in gaps(connection, setup, now) if named[each.key_result].cycle in shown),
        refused=tuple(each for each in held.refused if named[each.key_result].cycle in shown),
        quarantine=setup.quarantine,
        cycles=tuple(cycles),
    )


def stale(setup: SourceSetup, state: SourceState, now: datetime) -> bool:
    """Tell whether a source was not read completely for three intervals."""
    return state.last_success is None or now - state.last_success > STALE_AFTER * setup.every


def _moment(setup: Setup, name: str, now: datetime) -> Moment:
    cycle = next(each for each in setup.cycles if each.id == name)
    period = cycle.period(setup.calendar)
    return Moment(elapsed=elapsed_share(cycle, setup.calendar, now), begun=now >= period.start, ended=now >= period.end)


def _key_result(
    connection: Connection, setup: Setup, held: _Held, key_result: KeyResult, now: datetime
) -> KeyResultStatus:
    rule, state = setup.rules.get(key_result.id), held.states.get(key_result.id)
    old = bool(rule) and any(
        stale(each, held.sources[each.name], now) for each in setup.sources if rule and each.name in rule.sources
    )
    value = state.value if state else None
    lacking = [each for each in held.refused if each.key_result == key_result.id]
    wanting = tuple(dict.fromkeys(each.error for each in lacking))
    return KeyResultStatus(
        key_result=key_result,
        value=value,
        standing=standing(
            key_result.terms,
            value,
            _moment(setup, key_result.cycle, now),
            setup.pace,
            stale=old,
            share_done=_share_done(connection, key_result, state),
        ),
        stale=old,
        reading=bool(wanting) or (rule is not None and _reading(connection, setup, held, rule, state)),
        mapped=rule is not None,
        updated_at=state.moved_at if state else None,
        hold=held.holds.get(key_result.id),
        quarantined=message_for(setup.quarantine, key_result.id),
        refused=wanting,
        awaits=awaited(lacking),
    )


def _share_done(connection: Connection, key_result: KeyResult, state: KeyResultState | None) -> Decimal | None:
    """Items done / items on the line, by which a binary key result is judged until it is done.

    What has part credit only is not done.
    """
    if state is None or not isinstance(key_result.terms, Binary):
        return None
    parts = parse_rule(ledger.rule_text_of(connection, state.rule)).parts
    lines = ledger.evidence_of(connection, state.id)
    done = sum(_is_done(each, parts[each.part]) for each in lines)
    return divided(Decimal(done), Decimal(len(lines))) if lines else None


def _is_done(line: Evidence, part: Part) -> bool:
    return line.amount == 0 if part.counts is Counts.OPEN else line.amount == line.weight != 0


def _reading(connection: Connection, setup: Setup, held: _Held, rule: Rule, state: KeyResultState | None) -> bool:
    if state is not None and state.rule == rule_hash(rule_text(rule)):
        return False
    return not all(
        ready(connection, held.sources[name], setup.containers[name], demand_of(rule, name)) for name in rule.sources
    )


def _objectives(setup: Setup, key_results: Sequence[KeyResultStatus], now: datetime) -> tuple[ObjectiveStatus, ...]:
    objectives = setup.objectives
    standings = {each.key_result.id: each.standing for each in key_results}
    shares = roll_up(objectives, [each.key_result for each in key_results], standings)
    return tuple(
        ObjectiveStatus(
            each,
            shares[each.id].progress,
            objective_status(
                shares[each.id],
                [standings[kr.key_result.id] for kr in key_results if kr.key_result.objective == each.id],
                _moment(setup, each.cycle, now),
                setup.pace,
            ),
        )
        for each in objectives
    )


_SHOWN_AS = {"failed": "degraded", "skipped": "degraded"}


def _source(connection: Connection, setup: Setup, state: SourceState, each: SourceSetup) -> SourceStatus:
    shown, items = _SHOWN_AS.get(state.state, state.state), sources.items_held(connection, each.name)
    read = [held.read_at if held else None for held in state.read_as(setup.containers[each.name])]
    times = [time for time in read if time is not None]
    read_at = min(times) if times and len(times) == len(read) else None
    unanswered = tuple(text for text, error in queries.errors_of(connection, each.name).items() if error)
    return SourceStatus(each, shown, items, state.last_success, state.error, read_at, unanswered)


def status_json(view: StatusView) -> dict[str, Any]:
    """The document of `status --json`."""
    return {
        "cycle": view.cycle.id if view.cycle else None,
        "objectives": [
            {
                "id": each.objective.id,
                "title": each.objective.title,
                "cycle": each.objective.cycle,
                "progress": as_json(each.progress),
                "status": each.status.value,
                "team": each.objective.team,
                "owner": each.objective.owner,
            }
            for each in view.objectives
        ],
        "key_results": [_key_result_json(each) for each in view.key_results],
        "sources": [
            {
                "name": each.setup.name,
                "connector": each.setup.connector,
                "state": each.state,
                "items": each.items,
                "last_success": _time(each.last_success),
                "error": each.error,
                "unanswered": list(each.unanswered),
            }
            for each in view.sources
        ],
        "selects_nothing": gaps_json(view.gaps),
        "refused_fields": refused_json(view.refused),
        "refused_queries": refused_queries_json(view.refused),
        "quarantine": quarantine_json(view.quarantine),
    }


def _key_result_json(each: KeyResultStatus) -> dict[str, Any]:
    key_result = each.key_result
    start, target = (
        (key_result.terms.start, key_result.terms.target) if isinstance(key_result.terms, Numeric) else (None, None)
    )
    document: dict[str, Any] = {
        "id": key_result.id,
        "objective": key_result.objective,
        "cycle": key_result.cycle,
        "title": key_result.title,
        "unit": key_result.unit,
        "start": as_json(start),
        "target": as_json(target),
        "value": as_json(each.value),
        "progress": as_json(each.standing.progress),
        "expected": as_json(each.standing.expected),
        "status": each.standing.status.value,
        "pace": each.standing.pace.value,
        "stale": each.stale,
        "held": each.hold is not None,
        "reading": each.reading,
        "error": " ".join(each.refused) or None,
        "quarantined": each.quarantined,
        "override": None,
        "updated_at": _time(each.updated_at),
        "mapped": each.mapped,
    }
    if isinstance(key_result.terms, Keep):
        document["keep"] = {"min": as_json(key_result.terms.min), "max": as_json(key_result.terms.max)}
    return document


def _time(instant: datetime | None) -> str | None:
    return timestamp(instant) if instant else None
