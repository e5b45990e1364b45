"""From models without a mistake to the domain: calendar, objectives, key results, and rules as frozen data."""

from collections.abc import Collection, Sequence
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

from config.anchoring import LOG
from config.fields import Weekday
from config.linking import Feed
from config.model import Anchoring, Config
from config.rules import Setting, feed_of, rule_of
from config.schema import AnchorEntry, Document, KeyResultEntry, ObjectiveEntry, TeamFile
from config.sources import Sources
from mapping.rule import Rule
from okrs.cycle import Calendar, Cycle
from okrs.guard import Guard
from okrs.objective import Binary, Keep, KeyResult, Numeric, Objective, Terms
from okrs.progress import Pace

_ALL_PERCENT = Decimal(100)


def build(main: Document, teams: Sequence[TeamFile], folder: Path, database: str, sources: Sources) -> Config:
    """Return the config of files that passed every check."""
    calendar = _calendar(main)
    cycles = {entry.id: Cycle(entry.id, entry.start, entry.end) for entry in main.cycles}
    files = [main, *teams]
    mappings = {entry.key_result: entry for file in files for entry in file.mappings}
    objectives = [entry for file in files for entry in file.objectives]
    promises = {entry.id for entry in objectives} | {each.id for entry in objectives for each in entry.key_results}
    key_results: list[KeyResult] = []
    rules: dict[str, Rule] = {}
    for objective in objectives:
        setting = Setting(cycles[objective.cycle], calendar, main.defaults, main.link_by)
        for entry in objective.key_results:
            mapping = mappings.get(entry.id)
            feed = feed_of(entry, mapping, setting)
            key_result = _key_result(entry, objective, feed)
            key_results.append(key_result)
            if feed.parts:
                rules[entry.id] = rule_of(mapping, feed, key_result.terms, setting)
    return Config(
        database=database,
        calendar=calendar,
        pace=Pace(main.pace.on_track, main.pace.at_risk, main.pace.grace),
        guard=Guard(main.guard.points, main.guard.share, main.guard.items),
        cycles=tuple(cycles.values()),
        sources=MappingProxyType(dict(sources.settings)),
        objectives=tuple(_objective(entry, promises) for entry in objectives),
        key_results=tuple(key_results),
        rules=MappingProxyType(rules),
        anchor=_anchoring(main.anchor, folder) if main.anchor else None,
        closed=sources.closed,
    )


def _anchoring(entry: AnchorEntry, folder: Path) -> Anchoring:
    return Anchoring(None if entry.to == LOG else folder / entry.to)


def _calendar(main: Document) -> Calendar:
    days = list(Weekday)
    return Calendar(main.timezone, frozenset(days.index(day) for day in main.workdays), frozenset(main.holidays))


def _objective(entry: ObjectiveEntry, promises: Collection[str]) -> Objective:
    supports = tuple(each for each in dict.fromkeys(entry.supports) if each in promises)  # not those in quarantine
    return Objective(entry.id, entry.cycle, entry.title, entry.owner, entry.team, entry.weight, supports, entry.was)


def _key_result(entry: KeyResultEntry, objective: ObjectiveEntry, feed: Feed) -> KeyResult:
    return KeyResult(
        id=entry.id,
        objective=objective.id,
        cycle=objective.cycle,
        title=entry.title,
        terms=_terms(entry, feed),
        unit=entry.unit,
        weight=entry.weight,
        ambition=entry.ambition,
        was=entry.was,
    )


def _terms(entry: KeyResultEntry, feed: Feed) -> Terms:
    if entry.keep is not None:
        return Keep(entry.keep.min, entry.keep.max)
    if entry.start is not None and entry.target is not None:
        return Numeric(entry.start, entry.target)
    if entry.at_least is not None:
        return Binary(entry.at_least)
    return Binary(_ALL_PERCENT) if feed.parts and feed.percent else Binary()
