"""What a mapping means, written a second time from the design alone, as naively as can be: fractions, sets, loops.

It shares nothing with `mapping` but the data classes.  `tests/unit/test_mapping_oracle.py` holds the two together;
where they differ, the design decides.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from mapping.rule import (
    AllOf,
    AnyOf,
    Cancelled,
    Clause,
    Combine,
    Counts,
    DoneWhen,
    FieldMatch,
    LastDays,
    Match,
    Measure,
    Missing,
    Moment,
    Not,
    Part,
    Rule,
    Scope,
    Selector,
    Window,
    Within,
)
from okrs.cycle import Period
from okrs.immutable import replace
from okrs.work import Kind, Ref, State, WorkItem

Items = Sequence[WorkItem]


@dataclass(frozen=True)
class Row:
    """An item that a part selects: off its line where the weight is None."""

    part: int
    item: str
    weight: Fraction | None
    amount: Fraction | None
    reason: str | None
    """None where it counts in full."""


@dataclass(frozen=True)
class Answer:
    value: Fraction | None
    parts: tuple[Fraction | None, ...]
    rows: tuple[Row, ...]
    frozen: Mapping[int, frozenset[str]]
    """The ids in the frozen scope of a part, by its number."""


def six(number: Fraction) -> Fraction:
    """Half-even to six places."""
    return Fraction(round(number * 10**6), 10**6)


# --- which tickets -------------------------------------------------------------------------------------------


def folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).strip().casefold())


def exact(key: str) -> str:
    return key.strip().casefold() if "/" in key else key.strip()


@dataclass(frozen=True)
class Source:
    """What is asked of one source: its items, and when and where."""

    items: Items
    timezone: str
    moment: datetime
    """Now, or the end of the cycle once that is over."""

    def selects(self, clause: Clause, item: WorkItem) -> bool:
        return self.holds(clause, item) and (item.kind is Kind.ISSUE or asks_for_kinds(clause))

    def holds(self, clause: Clause, item: WorkItem) -> bool:
        match clause:
            case Not(inner):
                return not self.holds(inner, item)
            case AllOf(clauses):
                return all(self.holds(each, item) for each in clauses)
            case AnyOf(clauses):
                return any(self.holds(each, item) for each in clauses)
            case FieldMatch(field, values):
                texts = [text for name, text in item.fields if name == field]
                return any(folded(text) == folded(value) for text in texts for value in values)
            case Within(moment, spans):
                at = item.created_at if moment is Moment.CREATED else item.closed_at
                return at is not None and any(self.spans(span, at) for span in spans)
            case Match(selector, values):
                return any(self.is_called(selector, value, item) for value in values)

    def spans(self, span: Period | LastDays, at: datetime) -> bool:
        """Both ends of what the config writes are days; `Period` has instants already."""
        if isinstance(span, Period):
            return span.start <= at < span.end
        day, today = local_day(at, self.timezone), local_day(self.moment, self.timezone)
        return today - timedelta(days=span.days) <= day < today

    def is_called(self, selector: Selector, value: str, item: WorkItem) -> bool:  # noqa: C901, PLR0912 - one by one
        match selector:
            case Selector.PROJECT:
                near = next((each for each in (item, *self.above(item)) if each.projects), item)
                return any(self.is_ref(ref, value) for ref in near.projects)
            case Selector.TYPE:
                return folded(item.type) == folded(value)
            case Selector.KIND:
                return item.kind.value == folded(value)
            case Selector.STATE:
                return item.state.value == folded(value)
            case Selector.LABEL:
                return folded(value) in map(folded, item.labels)
            case Selector.STATUS:
                return item.status is not None and folded(item.status) == folded(value)
            case Selector.RESOLUTION:
                return item.resolution is not None and folded(item.resolution) == folded(value)
            case Selector.ASSIGNEE:
                return folded(value) in map(folded, item.assignees)
            case Selector.SECTION:
                return any(self.is_ref(ref, value) for ref in item.sections)
            case Selector.KEY:
                return exact(item.key) == exact(value)
            case Selector.PARENT:
                return exact(value) in self.parent_keys(item)
            case Selector.EPIC:
                line = (item, *self.above(item))
                return exact(item.key) != exact(value) and any(exact(value) in self.parent_keys(each) for each in line)
            case Selector.SPRINT:
                return any(self.is_thing(each, value) for each in self.items if self.is_sprint_of(each, item))
            case Selector.MILESTONE:
                return any(
                    self.is_thing(each, value)
                    for each in self.items
                    if each.kind is Kind.MILESTONE
                    if each.id in item.milestones
                    or item.id in each.members
                    or (item.parent is not None and item.parent.id == each.id)
                )
            case Selector.QUERY:
                return False  # no query was asked

    @staticmethod
    def is_sprint_of(each: WorkItem, item: WorkItem) -> bool:
        return each.kind is Kind.SPRINT and each.id in item.sprints

    @staticmethod
    def is_ref(ref: Ref, value: str) -> bool:
        return exact(ref.id) == exact(value) or (ref.name != "" and folded(ref.name) == folded(value))

    @staticmethod
    def is_thing(thing: WorkItem, value: str) -> bool:
        return exact(value) in map(exact, (thing.key, *thing.aliases)) or folded(thing.title) == folded(value)

    def parent(self, item: WorkItem) -> WorkItem | None:
        if item.parent is None:
            return None
        by_id = [each for each in self.items if each.id == item.parent.id]
        return by_id[0] if by_id else None

    def parent_keys(self, item: WorkItem) -> set[str]:
        above = self.parent(item)
        told = {exact(item.parent.name)} if item.parent and item.parent.name else set[str]()
        return told | ({exact(above.key)} if above else set[str]())

    def above(self, item: WorkItem) -> list[WorkItem]:
        line: list[WorkItem] = []
        here = self.parent(item)
        while here is not None and here.id != item.id and here not in line:
            line.append(here)
            here = self.parent(here)
        return line


def asks_for_kinds(clause: Clause) -> bool:
    match clause:
        case Match(selector, _):
            return selector in (Selector.TYPE, Selector.KIND, Selector.KEY, Selector.PARENT)
        case Not(inner):
            return asks_for_kinds(inner)
        case AllOf(clauses) | AnyOf(clauses):
            return any(asks_for_kinds(each) for each in clauses)
        case _:
            return False


def local_day(at: datetime, timezone: str) -> date:
    return at.astimezone(ZoneInfo(timezone)).date()


# --- how each of them stands ---------------------------------------------------------------------------------


def fits(done_when: DoneWhen, status: str | None, resolution: str | None) -> bool:
    for wanted, value in ((done_when.status, status), (done_when.resolution, resolution)):
        if wanted and (value is None or folded(value) not in map(folded, wanted)):
            return False
    return True


def state_of(part: Part, item: WorkItem) -> State:
    """After `done_when`, before `cancelled`."""
    if part.done_when is None:
        return item.state
    if fits(part.done_when, item.status, item.resolution):
        return State.DONE
    return State.DOING if item.state is State.DONE else item.state


def closing(part: Part, item: WorkItem, first_seen: datetime) -> datetime:
    """The last entry into the done set where the history tells, else the tracker's date, else when we saw it."""
    if part.done_when and item.history:
        entered, was = None, False
        for step in item.history:
            now = fits(part.done_when, step.status, step.resolution)
            if now and not was:
                entered = step.at
            was = now
        if entered is not None and was:
            return entered
    return item.closed_at or first_seen


TIMES = (Measure.LEAD_TIME, Measure.CYCLE_TIME)
ALONE = (Measure.MEAN, Measure.PERCENTILE, Measure.THROUGHPUT, *TIMES)
"""Of what has credit only; nothing else is on their line."""


Sight = tuple[WorkItem, datetime]
"""An item, and since when we see it in this state, status and resolution."""


def at_the_end(item: WorkItem, since: datetime, then: Sight | None, end: datetime) -> Sight:
    """How far an item was when the cycle ended: as we see it, by what its history adds, by its date, as seen then."""
    closed = item.closed_at
    if since < end and (closed is None or closed < end):
        return item, since
    item = replace(item, history=tuple(step for step in item.history if step.at < end))
    was = at_the_end(*then, None, end) if then else None
    if item.history and then and was == then and item.history[-1].at <= then[1] < end:
        form = then[0]  # nothing happened since we saw it last
        stood = replace(item, state=form.state, status=form.status, resolution=form.resolution)
        return replace(stood, closed_at=form.closed_at), then[1]
    if item.history:
        entered: datetime | None = None
        for step in item.history:
            entered = (entered or step.at) if step.state.closed else None
        if entered and closed and closed < end:
            entered = closed
        last = item.history[-1]
        stood = replace(item, state=last.state, status=last.status, resolution=last.resolution, closed_at=entered)
        return stood, last.at
    if closed and closed < end and not (was and was[0].state.closed):
        return item, since
    if was:
        form = was[0]
        stood = replace(item, state=form.state, status=form.status, resolution=form.resolution)
        return replace(stood, closed_at=form.closed_at), was[1]
    if item.state.closed:
        return replace(item, state=State.TODO, status=None, resolution=None, closed_at=None), since
    return item, since


def days_of(part: Part, item: WorkItem, closed_at: datetime) -> Fraction | None:
    """Elapsed days; none of them when the tracker has an item closed before it began."""
    begins = item.created_at
    if part.measure is Measure.CYCLE_TIME:
        begins = next((step.at for step in item.history if step.state is State.DOING), None)
    if begins is None:
        return None
    return six(Fraction(max(closed_at - begins, timedelta()) // timedelta(microseconds=1), 86400 * 10**6))


@dataclass(frozen=True)
class Standing:
    item: WorkItem
    credit: Fraction | None
    """None: neither above nor below the line."""
    reason: str | None
    own: Fraction | None
    """Its weight by itself; None without an estimate, or a beginning."""


def stand(  # noqa: C901, PLR0912 - the table of policies from top to bottom
    rule: Rule, part: Part, today: WorkItem, item: WorkItem, *, first_seen: datetime, now: datetime
) -> tuple[Fraction | None, str | None]:
    """The credit of an item that nobody else has, and why it is not full."""
    begin, end, over = rule.period.start, rule.period.end, now >= rule.period.end
    if part.measure is Measure.THROUGHPUT:
        begin, end = whole_weeks(rule, now)
    if over and item.created_at is not None and item.created_at >= rule.period.end:
        return None, "outside_window"  # there was no such item yet
    state = state_of(part, item)
    if state is State.CANCELLED and part.cancelled is Cancelled.OPEN:
        state = State.TODO
    closed_at = closing(part, item, first_seen)
    later = over and state.closed and closed_at >= rule.period.end  # nothing tells more than that it was open
    if later:
        state = State.TODO if item.state.closed else item.state
    today_s = state_of(part, today)
    if today_s is State.CANCELLED and part.cancelled is Cancelled.OPEN:
        today_s = State.TODO
    if later or (over and today_s.closed and not state.closed):
        if part.counts is not Counts.DONE:
            return Fraction(1), None
        credit = Fraction(0) if item.state is State.CANCELLED else Fraction(dict(part.partial).get(state, 0))
        return credit, None if credit else "outside_window"
    if state is State.CANCELLED:
        if part.cancelled is Cancelled.EXCLUDE:
            return None, "cancelled"
        state = State.DONE
    done = state is State.DONE
    if part.counts is Counts.ALL:
        return Fraction(1), None
    if part.counts is Counts.OPEN:
        return (Fraction(0), "done") if done else (Fraction(1), None)
    if not done:
        credit = Fraction(0) if item.state is State.CANCELLED else Fraction(dict(part.partial).get(state, 0))
        return credit, None if credit else "open"
    if part.window is Window.CYCLE and closed_at < begin:
        return None, "outside_window"
    if part.window is Window.CYCLE and closed_at >= end:
        return Fraction(0), "outside_window"
    return Fraction(1), None


def whole_weeks(rule: Rule, now: datetime) -> tuple[datetime, datetime]:
    """From the first Monday of the cycle to the last one that has come; the same instant twice when there is none."""
    zone = ZoneInfo(rule.timezone)
    last = local_day(min(now, rule.period.end), rule.timezone)
    first = local_day(rule.period.start, rule.timezone)
    mondays = [day for day in each_day(first, last) if day.weekday() == 0]
    if not mondays:
        return rule.period.start, rule.period.start
    edges = [datetime.combine(day, time.min, zone).astimezone(UTC) for day in (mondays[0], mondays[-1])]
    return edges[0], edges[1]


def each_day(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def weeks_between(edges: tuple[datetime, datetime], timezone: str) -> int:
    return (local_day(edges[1], timezone) - local_day(edges[0], timezone)).days // 7


# --- the number ----------------------------------------------------------------------------------------------


def oracle(  # noqa: C901, PLR0912 - part by part, item by item
    rule: Rule,
    mirror: Mapping[str, Items],
    first_seen: datetime,
    now: datetime,
    frozen: Mapping[int, AbstractSet[str]] | None = None,
    *,
    then: Mapping[tuple[str, str], Sight] | None = None,
) -> Answer:
    """Measure a rule; `frozen` has the ids of scopes that were frozen before, by the part's number.

    `then` is how items were seen when the cycle ended, by source and id.
    """
    moment = min(now, rule.period.end)
    ended: dict[str, dict[str, Sight]] = {name: {} for name in mirror}
    for name, of_source in mirror.items():
        for each in of_source:
            was = (then or {}).get((name, each.id))
            over = now >= rule.period.end
            ended[name][each.id] = at_the_end(each, first_seen, was, rule.period.end) if over else (each, first_seen)
    rows: list[Row] = []
    values: list[Fraction | None] = []
    scopes: dict[int, frozenset[str]] = {}
    counted: list[tuple[str, str]] = []
    on_line: list[tuple[str, WorkItem]] = []
    for number, part in enumerate(rule.parts):
        today = {item.id: item for item in mirror.get(part.source, ())}
        sights = ended.get(part.source, {})
        source = Source([item for item, _ in sights.values()], rule.timezone, moment)
        chosen = [item for item in source.items if source.selects(part.where, item)]
        if part.scope is Scope.FROZEN:
            begun = [item.id for item in chosen if item.created_at is None or item.created_at < rule.period.start]
            scopes[number] = frozenset((frozen or {}).get(number, begun))
            chosen = [item for item in source.items if item in chosen or item.id in scopes[number]]
        standings = []
        for item in chosen:
            credit: Fraction | None = None
            reason: str | None = None
            added_up = rule.combine is Combine.SUM and (part.source, item.id) in counted
            if added_up or (part.once and any(same_work(mirror, (part.source, item), other) for other in on_line)):
                credit, reason = None, "duplicate"
            elif part.scope is Scope.FROZEN and item.id not in scopes[number]:
                credit, reason = None, "not_in_scope"
            else:
                since = sights[item.id][1]
                credit, reason = stand(rule, part, today[item.id], item, first_seen=since, now=now)
            if part.measure in ALONE and not credit:
                credit = None
            if part.measure is Measure.RATIO and credit and part.of and not source.holds(part.of, item):
                credit, reason = Fraction(0), "no_match"
            standings.append(Standing(item, credit, reason, own_weight(part, item, sights[item.id][1])))
        of_part = [weighed(number, part, each, standings) for each in standings]
        rows += of_part
        values.append(number_of(part, of_part, weeks_between(whole_weeks(rule, now), rule.timezone)))
        for item, row in zip(chosen, of_part, strict=True):
            if row.reason is None:
                counted.append((part.source, item.id))
            if row.weight is not None:
                on_line.append((part.source, item))
    lined = {row.part for row in rows if row.weight is not None}
    label_alone = {number for number, part in enumerate(rule.parts) if part.linked and number not in lined}
    left_out = label_alone if len(label_alone) < len(rule.parts) else set()
    return Answer(together(rule, values, left_out), tuple(values), tuple(rows), scopes)


Placed = tuple[str, WorkItem]
"""An item of a source."""


def same_work(mirror: Mapping[str, Items], one: Placed, other: Placed) -> bool:
    """One ticket, or two of different sources of which one names the other."""
    if (one[0] == other[0] and one[1].id == other[1].id) or (one[1].url and one[1].url == other[1].url):
        return True
    return one[0] != other[0] and (means(mirror, one, other) or means(mirror, other, one))


def means(mirror: Mapping[str, Items], one: Placed, other: Placed) -> bool:
    """Whether an item names another, and that name is nobody else's: two items with one address are the same."""
    for ref in one[1].refs:
        bearers = [(name, each) for name in mirror for each in mirror[name] if exact(each.key) == exact(ref)]
        known = {each.url or f"{name} {each.id}" for name, each in bearers}
        told = known == {other[1].url or f"{other[0]} {other[1].id}"}
        if told and all(name != one[0] for name, _ in bearers):
            return True
    return False


def own_weight(part: Part, item: WorkItem, first_seen: datetime) -> Fraction | None:
    if part.measure in TIMES:
        return days_of(part, item, closing(part, item, first_seen))
    if part.by is None:
        return Fraction(1)
    for name, text in item.fields:
        if name == part.by:
            try:
                return six(Fraction(text))
            except ValueError:
                return None
    return None


def weighed(number: int, part: Part, standing: Standing, all_: Sequence[Standing]) -> Row:
    if standing.credit is None:
        return Row(number, standing.item.id, None, None, standing.reason)
    weight = standing.own
    if weight is None and part.missing in (Missing.ZERO, Missing.ONE):
        weight = Fraction(int(part.missing.value))
    elif weight is None and part.missing is Missing.MEAN:
        known = [each.own for each in all_ if each.credit is not None and each.own is not None]
        weight = six(sum(known, Fraction(0)) / len(known)) if known else None
    if weight is None:
        return Row(number, standing.item.id, None, None, "no_history" if part.measure in TIMES else "no_estimate")
    return Row(number, standing.item.id, weight, six(weight * standing.credit), standing.reason)


def number_of(part: Part, rows: Sequence[Row], weeks: int) -> Fraction | None:
    amounts = sorted(row.amount for row in rows if row.amount is not None)
    amount = sum(amounts, Fraction(0))
    weight = sum((row.weight for row in rows if row.weight is not None), Fraction(0))
    match part.measure:
        case Measure.COUNT | Measure.SUM:
            return six(amount)
        case Measure.PERCENT:
            return six(100 * amount / weight) if weight else Fraction(0)
        case Measure.RATIO:
            return six(amount / weight) if weight else None
        case Measure.THROUGHPUT:
            return six(amount / weeks) if weeks else Fraction(0)
    if not amounts:
        return None
    if part.rank is None:
        return six(amount / len(amounts))
    place = Fraction(part.rank * (len(amounts) - 1), 100)
    low = int(place)
    high = min(low + 1, len(amounts) - 1)
    return six(amounts[low] + (amounts[high] - amounts[low]) * (place - low))


def together(rule: Rule, values: Sequence[Fraction | None], left_out: AbstractSet[int]) -> Fraction | None:
    joined = [number for number in range(len(values)) if number not in left_out]
    known = [value for number in joined if (value := values[number]) is not None]
    if len(known) < len(joined):
        return None
    weights = [Fraction(rule.parts[number].weight) for number in joined]
    match rule.combine:
        case None | Combine.SUM:
            value = sum(known, Fraction(0))
        case Combine.MEAN:
            value = sum(known, Fraction(0)) / len(known)
        case Combine.WEIGHTED_MEAN:
            value = sum((w * v for w, v in zip(weights, known, strict=True)), Fraction(0)) / sum(weights)
        case Combine.MIN:
            value = min(known)
        case Combine.MAX:
            value = max(known)
    if rule.scale:
        low, high, start, target = map(Fraction, (rule.scale.low, rule.scale.high, rule.scale.start, rule.scale.target))
        value = start + (value - low) / (high - low) * (target - start)
    return six(value + (Fraction(rule.base) if rule.add_start else 0))
