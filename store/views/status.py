"""`status`: every key result with its value, pace and freshness; every objective; every source."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import Connection

from mapping.attribution import Evidence
from mapping.codec import parse_rule
from mapping.demand import demand_of
from mapping.rule import Counts, Part, Rule
from okrs.closing import grades_of
from okrs.cycle import Cycle, elapsed_share
from okrs.immutable import immutable, replace
from okrs.lanes import shown_value
from okrs.ledger import timestamp
from okrs.numbers import as_json, divided
from okrs.objective import Binary, Keep, KeyResult, Numeric, Objective
from okrs.progress import ZERO, Moment, Standing, Status, objective_status, roll_up, standing
from store import ledger, past, people, queries, sources
from store.checkins import CheckIn, last_checkins
from store.finals import Closed, closed
from store.holds import Hold, open_holds
from store.lanes import Lanes, last_day, override_json
from store.ledger import KeyResultState
from store.overrides import Override, overrides
from store.readiness import ready
from store.renames import names_of, on_record, pending
from store.selecting import KnownEmpty
from store.sources import SourceState
from store.views.gaps import Gap, gaps, gaps_json
from store.views.homes import taken_out
from store.views.quarantine import Quarantined, message_for, quarantine_json
from store.views.refused import Refused, awaited, refused, refused_json, refused_queries_json
from store.views.setup import Setup, SourceSetup

STALE_AFTER = 3
"""Intervals without a complete read after which a source is stale."""


@immutable
class KeyResultStatus:
    key_result: KeyResult
    value: Decimal | None
    """What is shown: see `okrs.lanes.shown_value`.  Standing and roll-up are of this one."""
    standing: Standing
    stale: bool
    reading: bool
    """Its rule waits for a wider read, or for what the tracker refuses; until then the old one stays."""
    mapped: bool
    updated_at: datetime | None
    """When the value that is shown last changed."""
    automatic: Decimal | None = None
    """What its tickets say, whatever is shown."""
    override: Override | None = None
    """A person's value that is in force."""
    last_day: date | None = None
    """Of that value; None when it has none."""
    checkin: CheckIn | None = None
    """The last one."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Those of people by their ids."""
    hold: Hold | None = None
    """An update of it that waits for a person."""
    quarantined: str | None = None
    """Why it is in quarantine and what becomes of it; None when it is not."""
    refused: tuple[str, ...] = ()
    """Why fields or queries that its rule names cannot be had: sentences of its trackers."""
    awaits: str = ""
    """What these are about, in words."""
    closed: Closed | None = None
    """How it ended, where its cycle is closed: the value is the one that was shown then."""
    reconstructed: bool = False
    """Of a past day, before it was measured first: the automatic value is rebuilt from the trackers' own dates."""
    approximate: tuple[str, ...] = ()
    """Of a reconstructed one, what nothing tells of that day."""
    belongs_to: str | None = None
    """The closed cycle that its result is of, where the config has it in another one: there it has no value."""

    @property
    def before_read(self) -> bool:
        """It waits for its first read, and for nothing else: whatever is shown of it, a person has set."""
        return self.reading and self.automatic is None and not self.refused

    @property
    def unread(self) -> bool:
        """It waits for its first read, and nobody set a value meanwhile."""
        return self.reading and self.updated_at is None

    def name_of(self, person: str) -> str:
        """Return a person's name; their id where the name is forgotten."""
        return self.names.get(person, person)


@immutable
class ObjectiveStatus:
    objective: Objective
    progress: Decimal
    status: Status
    grade: Decimal | None = None
    """Of its closed key results; None where it has none."""
    expected: Decimal = ZERO
    """The progress that keeps pace, rolled up as the progress is."""


@immutable
class SourceStatus:
    setup: SourceSetup
    state: str
    items: int
    """In the mirror; 0 where they were not to be counted."""
    last_success: datetime | None
    error: str | None
    read_at: datetime | None = None
    """When all of its containers had been read, whatever became of its queries; None when some never was."""
    unanswered: tuple[str, ...] = ()
    """Queries that the tracker did not answer when they were asked last."""


@immutable
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
    closed: tuple[str, ...] = ()
    """The cycles that are closed."""
    configured: tuple[KeyResult, ...] = ()
    """Every key result of the config, of whatever cycle."""
    zone: str = "UTC"
    """Where its days begin."""


Told = TypeVar("Told", Gap, Refused)


@immutable
class _Held:
    """What the database has for this answer, read once."""

    states: Mapping[str, KeyResultState]
    sources: Mapping[str, SourceState]
    holds: Mapping[str, Hold]
    refused: tuple[Refused, ...]
    overrides: Mapping[str, Override]
    checkins: Mapping[str, CheckIn]
    names: Mapping[str, str]
    closed: Mapping[str, Closed]
    moved: Mapping[str, str]
    """Key results that the config took out of a closed cycle, with that cycle."""
    cycles: frozenset[str]
    """Those that are closed."""
    lines: Mapping[str, Sequence[Evidence]]
    """What is on the lines of binary key results, which are judged by it."""
    rules: Mapping[str, str]
    """The texts of their rules by hash."""

    def lanes(self, name: str) -> Lanes:
        end = self.closed.get(name)
        return Lanes(self.states.get(name), self.overrides.get(name), end.final if end else None)

    def measuring(self, found: Iterable[Told]) -> tuple[Told, ...]:
        """Leave out what is told of key results that are not measured any more."""
        return tuple(each for each in found if each.key_result not in {*self.closed, *self.moved})


def _held(connection: Connection, setup: Setup) -> _Held:
    states = {each.name: sources.state_of(connection, each.name) for each in setup.sources}
    recorded = ledger.states(connection, names_of(setup.key_results))
    new = pending(connection, setup.key_results)
    known = _by_new_names(recorded, new)
    set_by_hand = _by_new_names(overrides(connection), new)
    checkins, ends = _by_new_names(last_checkins(connection), new), _by_new_names(closed(connection), new)
    moved = taken_out(setup, ends)
    over = frozenset(moved.values())
    ends = {name: each for name, each in ends.items() if name not in moved}
    who = {each.by for each in set_by_hand.values()} | {each.by for each in checkins.values()}
    shared = [known[each.id] for each in setup.key_results if isinstance(each.terms, Binary) and each.id in known]
    open_ones = (each.id for each in shared if new.get(each.id, each.id) not in ends)
    return _Held(
        states=known,
        sources=states,
        holds={new.get(each.key_result, each.key_result): each for each in open_holds(connection)},
        refused=refused(connection, setup, states),
        overrides=set_by_hand,
        checkins=checkins,
        names=people.names_of(connection, sorted(who)),
        closed=ends,
        moved=moved,
        cycles=closed_cycles(setup, ends) | over,
        lines=_by_new_names(ledger.evidence_of_all(connection, open_ones), new),
        rules=ledger.rule_texts(connection, (each.rule for each in shared)),
    )


T = TypeVar("T")


def _by_new_names(found: Mapping[str, T], new: Mapping[str, str]) -> dict[str, T]:
    """Put under its name in the config what is on record under the one before."""
    return {new.get(name, name): each for name, each in found.items()}


def status(
    connection: Connection,
    setup: Setup,
    now: datetime,
    cycle: str | None = None,
    *,
    look: bool = True,
    count: bool = True,
    known_empty: KnownEmpty | None = None,
) -> StatusView:
    """Answer for one cycle, or for all that are open.  Raises KeyError for a cycle that is not configured.

    Without `look` nothing is said of what selects nothing, for which the mirror may have to be read; without `count`
    nothing of how many items sources have, which are counted one by one.  `known_empty` is what a process that answers
    again and again remembers of what selects nothing.
    """
    held = _held(connection, setup)
    cycles = cycles_named(setup, cycle, held.cycles)
    shown = {each.id for each in cycles}
    # Objectives may be supported from other cycles: everything is rolled up, then what was asked for is shown.
    key_results = [_key_result(connection, setup, held, each, now) for each in setup.key_results]
    objectives = objectives_of(setup, held.cycles, key_results, now)
    named = {each.id: each for each in setup.key_results}
    found = gaps(connection, setup, now, known=held.states, known_empty=known_empty) if look else ()
    return StatusView(
        cycle=cycles[0] if len(cycles) == 1 else None,
        objectives=tuple(each for each in objectives if each.objective.cycle in shown),
        key_results=tuple(each for each in key_results if each.key_result.cycle in shown),
        sources=tuple(_source(connection, setup, held.sources[each.name], each, count=count) for each in setup.sources),
        gaps=held.measuring(each for each in found if named[each.key_result].cycle in shown),
        refused=held.measuring(each for each in held.refused if named[each.key_result].cycle in shown),
        quarantine=setup.quarantine,
        cycles=tuple(cycles),
        closed=tuple(each.id for each in setup.cycles if each.id in held.cycles),
        configured=setup.key_results,
        zone=setup.calendar.timezone,
    )


def cycles_named(setup: Setup, cycle: str | None, over: Collection[str]) -> list[Cycle]:
    """Return a cycle, or all that are open.  Raises KeyError for one that is not configured."""
    cycles = [each for each in setup.cycles if each.id == (cycle or each.id) and (cycle or each.id not in over)]
    if cycle is not None and not cycles:
        raise KeyError(cycle)
    return cycles


def closed_cycles(setup: Setup, ends: Mapping[str, Closed]) -> frozenset[str]:
    """Return the closed cycles by the names that the config gives them now."""
    open_ones = {each.cycle for each in setup.key_results if each.id not in ends}
    closed_ones = {each.cycle for each in setup.key_results if each.id in ends}
    return frozenset(each.final.cycle for each in ends.values()) | (closed_ones - open_ones)


def overdue(setup: SourceSetup, last_success: datetime | None, now: datetime) -> bool:
    """Tell whether that last complete read of a source is three intervals ago."""
    return last_success is None or now - last_success > STALE_AFTER * setup.every


def stale(setup: SourceSetup, state: SourceState, now: datetime) -> bool:
    """Tell whether a source was not read completely for three intervals."""
    return overdue(setup, state.last_success, now)


def moment_of(setup: Setup, name: str, now: datetime, *, closed: bool) -> Moment:
    """Return where in a cycle a time is."""
    cycle = next(each for each in setup.cycles if each.id == name)
    period = cycle.period(setup.calendar)
    return Moment(elapsed_share(cycle, setup.calendar, now), now >= period.start, now >= period.end, closed)


@immutable
class Stood:
    """How a key result of an open cycle stood at a time, by what was known of it then."""

    automatic: Decimal | None
    override: Override | None
    """A person's value that was in force."""
    moved_at: datetime | None
    """When the automatic value last changed."""
    mapped: bool
    stale: bool
    share_done: Decimal | None
    """Of a binary one, the items that were done."""


def standing_at(setup: Setup, key_result: KeyResult, stood: Stood, at: datetime, *, closed: bool) -> KeyResultStatus:
    """Return what follows from how a key result stood; `closed` says that its cycle was, and this came in later."""
    value = shown_value(stood.automatic, stood.override, None, at)
    share = None if stood.override else stood.share_done
    moment = moment_of(setup, key_result.cycle, at, closed=closed)
    return KeyResultStatus(
        key_result=key_result,
        value=value,
        standing=standing(key_result.terms, value, moment, setup.pace, stale=stood.stale, share_done=share),
        stale=stood.stale,
        reading=False,
        mapped=stood.mapped,
        updated_at=stood.override.since if stood.override else stood.moved_at,
        automatic=stood.automatic,
        override=stood.override,
        last_day=last_day(stood.override, setup.calendar),
    )


def _key_result(
    connection: Connection, setup: Setup, held: _Held, key_result: KeyResult, now: datetime
) -> KeyResultStatus:
    state = held.states.get(key_result.id)
    if end := held.closed.get(key_result.id):
        then = key_result_then(key_result, end)
        share = share_at(connection, then, state.rule if state else None, end.final.seq)
        told = ended(setup, then, end, share_done=share, measured=state is not None)
        return replace(told, checkin=held.checkins.get(key_result.id), names=held.names)
    if of := held.moved.get(key_result.id):
        return elsewhere(setup, key_result, of, now, closed=key_result.cycle in held.cycles)
    rule, lanes = setup.rules.get(key_result.id), held.lanes(key_result.id)
    old = bool(rule) and any(
        stale(each, held.sources[each.name], now) for each in setup.sources if rule and each.name in rule.sources
    )
    lacking = [each for each in held.refused if each.key_result == key_result.id]
    wanting = tuple(dict.fromkeys(each.error for each in lacking))
    stood = Stood(
        automatic=lanes.automatic,
        override=lanes.in_force(now),
        moved_at=state.moved_at if state else None,
        mapped=rule is not None,
        stale=old,
        share_done=_share_now(held, state, key_result),
    )
    return replace(
        standing_at(setup, key_result, stood, now, closed=key_result.cycle in held.cycles),
        reading=bool(wanting) or (rule is not None and _reading(connection, setup, held, key_result.id)),
        checkin=held.checkins.get(key_result.id),
        names=held.names,
        hold=held.holds.get(key_result.id),
        quarantined=message_for(setup.quarantine, key_result.id),
        refused=wanting,
        awaits=awaited(lacking),
    )


def elsewhere(setup: Setup, key_result: KeyResult, of: str, at: datetime, *, closed: bool) -> KeyResultStatus:
    """One whose result is that of a closed cycle: in the one that the config has it in by now, it has no value."""
    moment = moment_of(setup, key_result.cycle, at, closed=closed)
    none, mapped = standing(key_result.terms, None, moment, setup.pace), key_result.id in setup.rules
    return KeyResultStatus(
        key_result, None, none, stale=False, reading=False, mapped=mapped, updated_at=None, belongs_to=of
    )


def key_result_then(key_result: KeyResult, end: Closed) -> KeyResult:
    """Return a key result as its cycle was closed, whatever the config says of it by now."""
    return replace(key_result, terms=end.ending.terms, weight=end.ending.weight)


def ended(
    setup: Setup, key_result: KeyResult, end: Closed, *, share_done: Decimal | None, measured: bool
) -> KeyResultStatus:
    """One whose cycle is closed: all is as it was then."""
    at, by_hand = end.final.at, end.final.value != end.automatic
    moment = moment_of(setup, key_result.cycle, at, closed=True)
    return KeyResultStatus(
        key_result=key_result,
        value=end.final.value,
        standing=standing(
            key_result.terms, end.final.value, moment, setup.pace, share_done=None if by_hand else share_done
        ),
        stale=False,
        reading=False,
        mapped=measured,
        updated_at=at if measured else None,
        automatic=end.automatic,
        closed=end,
    )


def _share_now(held: _Held, state: KeyResultState | None, key_result: KeyResult) -> Decimal | None:
    if state is None or not isinstance(key_result.terms, Binary):
        return None
    return share_done(parse_rule(held.rules[state.rule]), held.lines.get(key_result.id, ()))


def share_at(connection: Connection, key_result: KeyResult, rule: str | None, until: int) -> Decimal | None:
    """Return the share of a binary key result's items that were done at an entry, under a rule by its hash."""
    if rule is None or not isinstance(key_result.terms, Binary):
        return None
    lines = past.evidence_at(connection, on_record(connection, key_result), until)
    return share_done(parse_rule(ledger.rule_text_of(connection, rule)), lines)


def share_done(rule: Rule, lines: Sequence[Evidence]) -> Decimal | None:
    """Items done / items on the line, by which a binary key result is judged until it is done.

    What has part credit only is not done.
    """
    done = sum(_is_done(each, rule.parts[each.part]) for each in lines)
    return divided(Decimal(done), Decimal(len(lines))) if lines else None


def _is_done(line: Evidence, part: Part) -> bool:
    return line.amount == 0 if part.counts is Counts.OPEN else line.amount == line.weight != 0


def _reading(connection: Connection, setup: Setup, held: _Held, name: str) -> bool:
    """Tell whether a mapped key result waits until all that its rule asks of its sources was read."""
    state = held.states.get(name)
    if state is not None and state.rule == setup.rule_hashes[name]:
        return False
    rule = setup.rules[name]
    return not all(
        ready(connection, held.sources[each], setup.containers[each], demand_of(rule, each)) for each in rule.sources
    )


def objectives_of(
    setup: Setup, closed_ones: Collection[str], key_results: Sequence[KeyResultStatus], now: datetime
) -> tuple[ObjectiveStatus, ...]:
    """Return how objectives stand by all key results; those of closed cycles are graded."""
    objectives = setup.objectives
    ends = {each.key_result.id: each.closed.final.grade for each in key_results if each.closed}
    over = [each for each in objectives if each.cycle in closed_ones]
    grades = grades_of(over, [each.key_result for each in key_results], ends)
    standings = {each.key_result.id: each.standing for each in key_results}
    # What came into a closed cycle later is not part of how it ended.
    counted = [each.key_result for each in key_results if each.closed or each.key_result.cycle not in closed_ones]
    shares = roll_up(objectives, counted, standings)
    return tuple(
        ObjectiveStatus(
            each,
            shares[each.id].progress,
            objective_status(
                shares[each.id],
                [standings[kr.key_result.id] for kr in key_results if kr.key_result.objective == each.id],
                moment_of(setup, each.cycle, now, closed=each.cycle in closed_ones),
                setup.pace,
            ),
            grades.get(each.id),
            shares[each.id].expected,
        )
        for each in objectives
    )


def sources_now(connection: Connection, setup: Setup) -> tuple[SourceStatus, ...]:
    """Return how the sources are, with their items counted, and nothing of what they feed."""
    states = {each.name: sources.state_of(connection, each.name) for each in setup.sources}
    return tuple(_source(connection, setup, states[each.name], each, count=True) for each in setup.sources)


SHOWN_AS = {"failed": "degraded", "skipped": "degraded"}
"""What is said of a source by how its last read ended."""


def _source(
    connection: Connection, setup: Setup, state: SourceState, each: SourceSetup, *, count: bool
) -> SourceStatus:
    shown = SHOWN_AS.get(state.state, state.state)
    items = sources.items_held(connection, each.name) if count else 0
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
                "grade": as_json(each.grade),
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
        "automatic": as_json(each.automatic),
        "override": override_json(each.override, each.names),
        "checkin": _checkin_json(each),
        "grade": as_json(each.closed.final.grade) if each.closed else None,
        "closed_at": _time(each.closed.final.at) if each.closed else None,
        "belongs_to": each.belongs_to,
        "updated_at": _time(each.updated_at),
        "mapped": each.mapped,
    }
    if isinstance(key_result.terms, Keep):
        document["keep"] = {"min": as_json(key_result.terms.min), "max": as_json(key_result.terms.max)}
    return document


def _checkin_json(of: KeyResultStatus) -> dict[str, Any] | None:
    told = of.checkin
    if told is None:
        return None
    by = of.name_of(told.by)
    return {"note": told.note, "confidence": as_json(told.confidence), "by": by, "at": timestamp(told.at)}


def _time(instant: datetime | None) -> str | None:
    return timestamp(instant) if instant else None
