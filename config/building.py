"""From models without a mistake to the domain: calendar, objectives, key results, and rules as frozen data."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType

from config.fields import Weekday
from config.model import Config
from config.schema import (
    Document,
    DoneWhenEntry,
    KeyResultEntry,
    MappingEntry,
    ObjectiveEntry,
    PartEntry,
    TeamFile,
    Where,
)
from connectors.settings import SourceSettings
from mapping.rule import (
    AllOf,
    AnyOf,
    Clause,
    Combine,
    DoneWhen,
    Match,
    Measure,
    Missing,
    Not,
    Part,
    Rule,
    Selector,
    default_window,
)
from okrs.cycle import Calendar, Cycle
from okrs.objective import Binary, Keep, KeyResult, Numeric, Objective, Terms
from okrs.progress import Pace

_ALL_PERCENT = Decimal(100)


def build(main: Document, teams: Sequence[TeamFile], database: str, sources: Mapping[str, SourceSettings]) -> Config:
    """Return the config of files that passed every check."""
    calendar = _calendar(main)
    cycles = {entry.id: Cycle(entry.id, entry.start, entry.end) for entry in main.cycles}
    files = [main, *teams]
    mappings = {entry.key_result: entry for file in files for entry in file.mappings}
    objectives = [entry for file in files for entry in file.objectives]
    key_results = {
        entry.id: _key_result(entry, objective, mappings.get(entry.id))
        for objective in objectives
        for entry in objective.key_results
    }
    rules = {name: _rule(entry, key_results[name], cycles, calendar) for name, entry in mappings.items()}
    return Config(
        database=database,
        calendar=calendar,
        pace=Pace(main.pace.on_track, main.pace.at_risk, main.pace.grace),
        cycles=tuple(cycles.values()),
        sources=MappingProxyType(dict(sources)),
        objectives=tuple(_objective(entry) for entry in objectives),
        key_results=tuple(key_results.values()),
        rules=MappingProxyType(rules),
    )


def _calendar(main: Document) -> Calendar:
    days = list(Weekday)
    return Calendar(main.timezone, frozenset(days.index(day) for day in main.workdays), frozenset(main.holidays))


def _objective(entry: ObjectiveEntry) -> Objective:
    return Objective(
        entry.id, entry.cycle, entry.title, entry.owner, entry.team, entry.weight, tuple(dict.fromkeys(entry.supports))
    )


def _key_result(entry: KeyResultEntry, objective: ObjectiveEntry, mapping: MappingEntry | None) -> KeyResult:
    return KeyResult(
        id=entry.id,
        objective=objective.id,
        cycle=objective.cycle,
        title=entry.title,
        terms=_terms(entry, mapping),
        unit=entry.unit,
        weight=entry.weight,
        ambition=entry.ambition,
    )


def _terms(entry: KeyResultEntry, mapping: MappingEntry | None) -> Terms:
    if entry.keep is not None:
        return Keep(entry.keep.min, entry.keep.max)
    if entry.start is not None and entry.target is not None:
        return Numeric(entry.start, entry.target)
    if entry.at_least is not None:
        return Binary(entry.at_least)
    return Binary(_ALL_PERCENT) if mapping and _measures_percent(mapping) else Binary()


def _measures_percent(mapping: MappingEntry) -> bool:
    """Tell whether the combined number is a percentage; the sum of several is not."""
    return mapping.combine is not Combine.SUM and all(part.measure is Measure.PERCENT for part in mapping.from_)


def _rule(entry: MappingEntry, key_result: KeyResult, cycles: Mapping[str, Cycle], calendar: Calendar) -> Rule:
    terms = key_result.terms
    add_start = entry.add_start or entry.from_[0].add_start
    return Rule(
        parts=tuple(_part(part) for part in entry.from_),
        period=cycles[key_result.cycle].period(calendar),
        combine=entry.combine,
        add_start=add_start,
        base=terms.start if add_start and isinstance(terms, Numeric) else Decimal(0),
    )


def _part(entry: PartEntry) -> Part:
    return Part(
        source=entry.source,
        where=_clause(entry.where),
        measure=entry.measure,
        by=entry.by,
        missing=entry.missing or Missing.EXCLUDE,
        counts=entry.counts,
        done_when=_done_when(entry.done_when),
        cancelled=entry.cancelled,
        window=entry.window or default_window(entry.measure, entry.counts),
        weight=Decimal(1) if entry.weight is None else entry.weight,
    )


def _done_when(entry: DoneWhenEntry | None) -> DoneWhen | None:
    return DoneWhen(entry.status or (), entry.resolution or ()) if entry else None


def _clause(where: Where) -> Clause:
    """Return the clause in one canonical order, so that re-ordering keys in the config changes no rule."""
    clauses: list[Clause] = []
    for selector in Selector:
        values = getattr(where, selector.value)
        if values is not None:
            clauses.append(Match(selector, tuple(str(value) for value in values)))
    if where.not_ is not None:
        clauses.append(Not(_clause(where.not_)))
    if where.all_ is not None:
        clauses.append(AllOf(tuple(_clause(inner) for inner in where.all_)))
    if where.any_ is not None:
        clauses.append(AnyOf(tuple(_clause(inner) for inner in where.any_)))
    return clauses[0] if len(clauses) == 1 else AllOf(tuple(clauses))
