"""Items on past days: as they were seen then, and as they stood by all that is known now (DESIGN 5, `backfill`).

    as_seen(record, T)    what the mirror held at T
    as_known(record, T)   how far the work was then by the tracker's own dates and history, also of what we saw later;
                          what else an item is (labels, estimates, milestones) has no history but our own sight: it is
                          as it was seen then, or as it is now where nobody looked yet

Both give items that are measured by the ordinary `mapping.measure`.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta
from decimal import Decimal

from mapping.ending import asks_how_far, however_far, moved_since, seen_last, stood_at
from mapping.family import NO_LORE, Candidate, Family, Lore, Seen, candidates
from mapping.meaning import selecting
from mapping.measure import Measured, Scopes, held, measure
from mapping.rule import FieldMatch, Match, Measure, Part, Rule, Selector, passes
from mapping.totals import kept
from okrs.cycle import Calendar
from okrs.immutable import immutable, replace
from okrs.work import Kind, Step, WorkItem

_INSTANT = timedelta(microseconds=1)
"""What lies between the last instant of a day and the next day."""


@immutable
class Absence:
    """A time in which an item was not in the mirror."""

    gone_at: datetime
    why: str
    back_at: datetime | None = None

    def covers(self, at: datetime) -> bool:
        return self.gone_at <= at and (self.back_at is None or at < self.back_at)


@immutable
class Record:
    """Everything that was ever seen of an item."""

    sights: tuple[Seen, ...]
    """Its versions, the oldest first, at least one; of each `state_since` is when it was first seen."""
    absences: tuple[Absence, ...] = ()

    def until(self, at: datetime) -> "Record | None":
        """Return what of it was seen by then; None when it was not known."""
        sights = tuple(each for each in self.sights if each.state_since <= at)
        return Record(sights, tuple(each for each in self.absences if each.gone_at <= at)) if sights else None

    def away(self, at: datetime) -> bool:
        """Tell whether it was out of the mirror."""
        return any(each.covers(at) for each in self.absences)

    @property
    def last(self) -> Seen:
        """How it was seen last, since when it is seen to stand so."""
        return self._last(self.absences)

    def last_by(self, at: datetime) -> Seen:
        """The same of a record `until` then: it may have come back since that."""
        return self._last(each for each in self.absences if each.back_at is not None and each.back_at <= at)

    def _last(self, absences: Iterable[Absence]) -> Seen:
        since, before = self.sights[0].state_since, self.sights[0]
        for each in self.sights[1:]:
            if _stand(each.item) != _stand(before.item):
                since = each.state_since
            before = each
        since = max([since, *(each.back_at for each in absences if each.back_at is not None)])
        return replace(before, state_since=since)

    @property
    def storied(self) -> Seen:
        """How it was seen last, with the history that was read last, and with what was seen since that.

        Histories come only with reads that ask for them.
        """
        read = next((number for number in reversed(range(len(self.sights))) if self.sights[number].item.history), None)
        if read is None or self.last.item.history:
            return self.last
        steps, before = list(self.sights[read].item.history), self.sights[read].item
        for each in self.sights[read + 1 :]:
            if _stand(each.item) != _stand(before):
                closed_at = each.item.closed_at if each.item.state.closed else None
                at = closed_at if closed_at is not None and closed_at >= steps[-1].at else each.state_since
                steps.append(Step(at, each.item.state, each.item.status, each.item.resolution))
            before = each.item
        return replace(self.last, item=replace(self.last.item, history=tuple(steps)))

    def then(self, end: datetime) -> Seen | None:
        """How it was seen last before an end, or first since then; None when it was never seen otherwise than last."""
        found: Seen | None = None
        for each in self.sights:
            if each.state_since < end or each is not self.sights[-1]:
                found = seen_last(found, each, end)
        return found


def _stand(item: WorkItem) -> tuple[object, ...]:
    return (item.state, item.status, item.resolution)


Records = Sequence[Record]
"""Of all items of a source, in the order of their ids."""


def as_seen(records: Records, at: datetime, end: datetime) -> list[Seen]:
    """Return the items that the mirror held at that time; `end` is that of the cycle that is measured."""
    found = []
    for record in records:
        known = record.until(at)
        if known is not None and not known.away(at):
            seen = known.last_by(at)
            over = at >= end and moved_since(seen, end)
            found.append(replace(seen, then=known.then(end)) if over else seen)
    return found


@immutable
class Known:
    """An item as it stood at some time by what is known now, and how far that can be trusted."""

    seen: Seen
    sighted: bool
    """What has no history is told as it was seen then."""
    undated: bool
    """Nothing tells when it was created, or closed."""
    storied: bool
    """Its state is that of the tracker's history, or of our own sight; else it was open until it was closed."""


def as_known(records: Records, at: datetime, *, sighted: bool) -> list[Known]:
    """Return the items that existed at that time, as they stood then.

    `sighted` says that what was seen by then has all that is asked of items: else nobody knows whether a field that is
    not there was empty, or not read.
    """
    return [known for record in records if (known := _known(record, at, sighted=sighted)) is not None]


def _known(record: Record, at: datetime, *, sighted: bool) -> Known | None:
    last, before = record.storied, record.until(at)
    created = last.item.created_at
    if (created is not None and created > at) or _left(record, at, sighted=before is not None):
        return None
    if created is None and before is None:
        return Known(replace(last, then=None), sighted=False, undated=True, storied=False)
    end = at + _INSTANT
    stood = stood_at(replace(last, then=record.then(end)), end)
    base = before.last_by(at) if before is not None and sighted else last
    item = replace(
        base.item,
        state=stood.item.state,
        status=stood.item.status,
        resolution=stood.item.resolution,
        created_at=created,
        closed_at=stood.item.closed_at,
        history=stood.item.history,
    )
    undated = last.item.state.closed and last.item.closed_at is None and not last.item.history and before is None
    storied = bool(last.item.history) or before is not None or item.state.closed
    seen = Seen(item, base.version, stood.state_since)
    return Known(seen, sighted=before is not None and sighted, undated=undated, storied=storied)


def _left(record: Record, at: datetime, *, sighted: bool) -> bool:
    """Tell whether an item was gone for good by then.  One that came back was only out of sight.

    What left because its project is read no more says nothing of the days before anybody saw it.
    """
    last = record.absences[-1] if record.absences else None
    if last is None or last.back_at is not None:
        return False
    return last.gone_at <= at or (last.why == "removed" and not sighted)


# --- what has no history -------------------------------------------------------------------------------------------

_TIMELESS = frozenset({Selector.KIND, Selector.KEY})
"""What an item is as long as it is there."""
_HOW_FAR = frozenset({Selector.STATE, Selector.STATUS, Selector.RESOLUTION})
STATE, DATES = "state", "dates"


def approximate(rule: Rule, known: Mapping[str, Sequence[Known]]) -> tuple[str, ...]:
    """Return the names of what a rule asks of items on a past day and nothing tells of that day; sorted."""
    found: set[str] = set()
    for part in rule.parts:
        items = known.get(part.source, ())
        if any(not each.sighted for each in items):
            found |= _without_history(part)
        if any(each.undated for each in items):
            found.add(DATES)
        if _asks_between(part) and any(not each.storied and _is_work(each.seen.item) for each in items):
            found.add(STATE)
        if _queries(part):
            found.add(Selector.QUERY.value)
    return tuple(sorted(found))


def asks_queries(rule: Rule) -> bool:
    """Tell whether a rule asks what trackers find, which nothing tells of past days."""
    return any(map(_queries, rule.parts))


def _without_history(part: Part) -> set[str]:
    found = {part.by} if part.by else set()
    for leaf in part.leaves:
        if isinstance(leaf, FieldMatch):
            found.add(f"field.{leaf.field}")
        elif isinstance(leaf, Match) and leaf.selector not in _TIMELESS | _HOW_FAR:
            found.add(leaf.selector.value)
    return found


def _queries(part: Part) -> bool:
    return any(isinstance(leaf, Match) and leaf.selector is Selector.QUERY for leaf in part.leaves)


def _asks_between(part: Part) -> bool:
    """Tell whether it matters how an item stood that was open, and not only whether it was."""
    told = part.partial or part.done_when is not None or part.measure is Measure.CYCLE_TIME
    return bool(told) or any(map(asks_how_far, part.clauses))


def _is_work(item: WorkItem) -> bool:
    return item.kind not in (Kind.MILESTONE, Kind.SPRINT)


# --- days ----------------------------------------------------------------------------------------------------------


@immutable
class History:
    """What there is to rebuild past days from: records and lore by source, and the scopes that were frozen."""

    records: Mapping[str, Records]
    lore: Mapping[str, Lore]
    scopes: Scopes

    def lore_of(self, source: str) -> Lore:
        return self.lore.get(source, NO_LORE)


@immutable
class Rebuilt:
    """A rule measured on a past day by what is known now."""

    measured: Measured
    approximate: tuple[str, ...]


def rebuilt(rule: Rule, history: History, at: datetime, *, sighted: bool) -> Rebuilt:
    """Measure a rule as of a past time; `sighted` as in `as_known`.  Raises ArithmeticError for absurd estimates."""
    known = _known_at(rule, history, at, sighted=sighted)
    mirror = {name: candidates((each.seen for each in some), history.lore_of(name)) for name, some in known.items()}
    return Rebuilt(measure(rule, mirror, at, history.scopes), approximate(rule, known))


def _known_at(rule: Rule, history: History, at: datetime, *, sighted: bool) -> dict[str, list[Known]]:
    until = min(at, rule.period.end - _INSTANT)
    return {name: as_known(history.records.get(name, ()), until, sighted=sighted) for name in rule.sources}


@immutable
class Day:
    """The value of a key result at the end of a local day."""

    day: date
    value: Decimal | None
    approximate: tuple[str, ...] = ()


def days_of(rule: Rule, history: History, days: Iterable[date], calendar: Calendar) -> list[Day]:
    """Rebuild the values of days that follow each other: each is what polling at its end would have recorded.

    What items are but for how far they were is as of today on all of these days, so that who may be selected, and who
    is whose parent, is looked at once.  Raises ArithmeticError for absurd estimates.
    """
    families = {
        name: Family((record.last for record in records), history.lore_of(name))
        for name, records in history.records.items()
    }
    narrow = replace(
        history,
        records={
            name: _that_may_matter(rule, name, records, families[name], history)
            for name, records in history.records.items()
        },
    )
    found: list[Day] = []
    value: Decimal | None = None
    for day in days:
        at = last_instant(calendar, day)
        known = _known_at(rule, narrow, at, sighted=False)
        mirror = {name: [Candidate(each.seen, families[name]) for each in some] for name, some in known.items()}
        value = kept(rule, value, measure(rule, mirror, at, history.scopes).value)
        found.append(Day(day, value, approximate(rule, known)))
    return found


def _that_may_matter(
    rule: Rule, source: str, records: Sequence[Record], family: Family, history: History
) -> Sequence[Record]:
    """Return what may be selected on any day, at whatever state, or has a say in what others are to a part."""
    parts = [part for part in rule.parts if part.source == source]
    if any(part.once for part in rule.parts) or any(passes(part.where) for part in parts):
        return records
    tests, scope = [selecting(however_far(part.where)) for part in parts], held(rule, source, history.scopes)

    def may_matter(record: Record) -> bool:
        candidate = Candidate(record.last, family)
        return record.last.item.id in scope or any(test(candidate) for test in tests)

    return [record for record in records if may_matter(record)]


def last_instant(calendar: Calendar, day: date) -> datetime:
    """The last instant of a local day."""
    return calendar.midnight(day + timedelta(days=1)) - _INSTANT


def without_queries(
    rule: Rule, on_line: Mapping[int, AbstractSet[str]], credited: Mapping[int, AbstractSet[str]]
) -> Rule:
    """Return a rule that asks for keys of items where it asked a tracker's query.

    They are, by part, those on its line, and for what a ratio looks at those that had credit.
    """
    return replace(
        rule,
        parts=tuple(
            replace(part, where=_keyed(on_line[number]), of=None if part.of is None else _keyed(credited[number]))
            if _queries(part)
            else part
            for number, part in enumerate(rule.parts)
        ),
    )


def _keyed(keys: AbstractSet[str]) -> Match:
    return Match(Selector.KEY, tuple(sorted(keys)))
