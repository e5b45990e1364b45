"""From mappings without a mistake to rules as frozen data."""

from decimal import Decimal

from config.linking import Feed, linked
from config.mappings import DefaultsEntry, DoneWhenEntry, LinkByEntry, MappingEntry, PartEntry, PartialEntry
from config.measures import SHARES, Measuring
from config.schema import KeyResultEntry
from config.where import clause_of
from mapping.rule import (
    MEDIAN,
    TIMES,
    Cancelled,
    Counts,
    DoneWhen,
    Measure,
    Missing,
    Part,
    Regress,
    Rule,
    Scale,
    Scope,
    Window,
    default_counts,
    default_window,
)
from okrs.cycle import Calendar, Cycle
from okrs.immutable import immutable
from okrs.objective import Keep, Numeric, Terms
from okrs.work import State


@immutable
class Setting:
    """What a key result's rule depends on beside its own mapping."""

    cycle: Cycle
    calendar: Calendar
    defaults: DefaultsEntry
    link_by: LinkByEntry | None


def feed_of(key_result: KeyResultEntry, entry: MappingEntry | None, setting: Setting) -> Feed:
    """Return what feeds a key result: the parts of its mapping, and what its label adds.  Without parts: nothing."""
    feed = Feed(tuple(_part(part, setting) for part in entry.from_), entry.combine) if entry else Feed()
    if setting.link_by is None:
        return feed

    def part(source: str, measure: Measure) -> Part:
        return _part(PartEntry(source=source, measure=Measuring(measure)), setting)

    return linked(feed, setting.link_by, key_result, part)


def rule_of(entry: MappingEntry | None, feed: Feed, terms: Terms, setting: Setting) -> Rule:
    """Return the rule of a key result with these terms."""
    way = terms if isinstance(terms, Numeric) else None
    add_start = entry is not None and (entry.add_start or entry.from_[0].add_start)
    regress = _regress(entry, terms, setting.defaults)
    return Rule(
        parts=feed.parts,
        period=setting.cycle.period(setting.calendar),
        combine=feed.combine,
        add_start=add_start,
        base=way.start if add_start and way else Decimal(0),
        scale=_scale(entry, way),
        regress=regress,
        falling=regress is Regress.RATCHET and way is not None and way.target < way.start,
        timezone=setting.calendar.timezone if any(part.passes for part in feed.parts) else "UTC",
    )


def _scale(entry: MappingEntry | None, way: Numeric | None) -> Scale | None:
    if entry is None or entry.scale is None or way is None:
        return None
    low, high = entry.scale.from_
    return Scale(low, high, way.start, way.target)


def _regress(entry: MappingEntry | None, terms: Terms, defaults: DefaultsEntry) -> Regress:
    written = (entry.regress or entry.from_[0].regress) if entry else None
    regress = written or defaults.regress or Regress.FOLLOW
    if isinstance(terms, Keep) and regress is Regress.RATCHET:
        return Regress.FOLLOW  # a band has no best value
    return regress


def _part(entry: PartEntry, setting: Setting) -> Part:
    measure, defaults = entry.measure.measure, setting.defaults
    counts = entry.counts or default_counts(measure)
    return Part(
        source=entry.source,
        where=clause_of(entry.where, setting.cycle, setting.calendar),
        measure=measure,
        by=entry.by,
        missing=(entry.missing or defaults.missing or Missing.EXCLUDE) if entry.by else Missing.EXCLUDE,
        counts=counts,
        done_when=_done_when(entry.done_when or defaults.done_when),
        cancelled=entry.cancelled or defaults.cancelled or Cancelled.EXCLUDE,
        window=entry.window or _window(measure, counts, defaults),
        weight=Decimal(1) if entry.weight is None else entry.weight,
        rank=_rank(entry),
        of=clause_of(entry.of, setting.cycle, setting.calendar) if entry.of is not None else None,
        partial=_partial(entry.partial or defaults.partial) if counts is Counts.DONE and measure in SHARES else (),
        scope=entry.scope or defaults.scope or Scope.LIVE,
        once=entry.once,
    )


def _window(measure: Measure, counts: Counts, defaults: DefaultsEntry) -> Window:
    if defaults.window and counts is Counts.DONE and measure is not Measure.THROUGHPUT:
        return defaults.window
    return default_window(measure, counts)


def _rank(entry: PartEntry) -> int | None:
    if entry.measure.measure in TIMES:
        return entry.stat.rank if entry.stat else MEDIAN
    return entry.measure.rank


def _partial(entry: PartialEntry | None) -> tuple[tuple[State, Decimal], ...]:
    """Return the credits sorted by state; none at all for a state is the same as not naming it."""
    if entry is None:
        return ()
    return tuple((state, credit) for state, credit in ((State.DOING, entry.doing), (State.TODO, entry.todo)) if credit)


def _done_when(entry: DoneWhenEntry | None) -> DoneWhen | None:
    return DoneWhen(entry.status or (), entry.resolution or ()) if entry else None
