"""What the policies of a part make of a selected item: on the line or off it, with what credit and weight, and why."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from mapping.family import Candidate, Seen
from mapping.meaning import Test, holding, settled
from mapping.pairing import Called, Work, work_of
from mapping.rule import OF_COUNTED, TIMES, Cancelled, Clause, Counts, DoneWhen, Measure, Missing, Part, Rule, Window
from mapping.totals import ONE, ZERO, weeks_over
from okrs.cycle import Period
from okrs.immutable import immutable, replace
from okrs.numbers import divided, rounded
from okrs.work import State, Step, WorkItem, fold_name


class Reason(StrEnum):
    """Why a selected item does not count."""

    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"
    OUTSIDE_WINDOW = "outside_window"
    DUPLICATE = "duplicate"
    NO_ESTIMATE = "no_estimate"
    NO_HISTORY = "no_history"
    """Of a time: when it was created, or when work on it began, is not known."""
    NO_MATCH = "no_match"
    """Of a ratio: it does not match `of`.  Where what is not selected is told, too, it is the word for that as well."""
    NOT_IN_SCOPE = "not_in_scope"
    """It came after the scope was frozen."""


@immutable
class Line:
    """What one selected item is to one part.  `weight` None: not on the line.  `reason` None: it counts.

    `dated_by_sight` flags a closing date that the tracker did not tell, so that we use the one we saw.  `ambiguous`
    flags work that may be an earlier part's under another name, and was not left out: the name that would say so is
    that of tickets of several sources.  `waits` flags a ticket as it is on record, while an update that waits for a
    person has it otherwise.
    """

    part: int
    source: str
    item: WorkItem
    version: str
    weight: Decimal | None
    amount: Decimal | None
    reason: Reason | None
    dated_by_sight: bool = False
    ambiguous: bool = False
    waits: bool = False

    @property
    def counted(self) -> bool:
        return self.reason is None


def state_under(part: Part, item: WorkItem) -> State:
    """The state that the part's policies make of an item: `done_when` first, then `cancelled`.

    CANCELLED comes out only where cancelled work is excluded.
    """
    state = item.state
    if part.done_when is not None:
        if meets(part.done_when, item):
            return State.DONE
        state = State.DOING if state is State.DONE else state
    if state is not State.CANCELLED or part.cancelled is Cancelled.EXCLUDE:
        return state
    return State.DONE if part.cancelled is Cancelled.COMPLETE else State.TODO


def closed_under(part: Part, seen: Seen) -> tuple[datetime, bool]:
    """When an item was closed under the part's policies, and whether nothing but our sight dates it.

    With `done_when` it was closed when it last came into that rule's own done set, where the tracker's history
    tells; else at the tracker's date; else when we first saw it so.
    """
    item = seen.item
    if part.done_when is not None and item.history:
        entered: datetime | None = None
        for step in item.history:
            inside = _matches(part.done_when, step.status, step.resolution)
            entered = (entered or step.at) if inside else None
        if entered is not None:
            return entered, False
    if item.closed_at is not None:
        return item.closed_at, False
    return seen.state_since, state_under(part, item).closed


def meets(done_when: DoneWhen, item: WorkItem) -> bool:
    """Tell whether an item is done by an own meaning of done."""
    return _matches(done_when, item.status, item.resolution)


def _matches(done_when: DoneWhen, status: str | None, resolution: str | None) -> bool:
    pairs = ((done_when.status, status), (done_when.resolution, resolution))
    return all(
        actual is not None and fold_name(actual) in {fold_name(word) for word in words}
        for words, actual in pairs
        if words
    )


@immutable
class Judged:
    """An item under a part's policies, before its weight is known."""

    candidate: Candidate
    credit: Decimal | None
    """0…1, None when the item is not on the line."""
    reason: Reason | None = None
    dated_by_sight: bool = False


@immutable
class Judge:
    """A part's policies at one moment."""

    part: Part
    period: Period
    """In which an item must be closed where there is a window."""
    as_of: datetime | None
    """The cycle's end, when it is over."""
    scope: AbstractSet[str] | None
    of: Clause | None
    """What credit is for, of a part that says so."""
    is_of: Test | None
    """Whether an item is that."""


@dataclass(slots=True)
class Earlier:
    """What earlier parts have: an item that a sum counted, and a piece of work under another name."""

    adds_up: bool
    """Whether the parts' numbers are added, so that what counts in one must not count in another."""
    called: Called | None
    """Who has which key; None where no part leaves out what an earlier one has under another name."""
    counted: set[tuple[str, str]] = field(default_factory=set)
    works: set[Work] = field(default_factory=set)
    """What is on an earlier line."""
    named: set[Work] = field(default_factory=set)
    """What that names in other sources."""
    doubtful: set[Work] = field(default_factory=set)
    """What it may name there, since several have the same key."""

    def add(self, lines: Sequence[Line]) -> None:
        """Take the lines of a part."""
        if self.adds_up:
            self.counted.update((line.source, line.item.id) for line in lines if line.counted)
        for line in lines if self.called is not None else ():
            if self.called is not None and line.weight is not None:
                self.works.add(work_of(line.source, line.item))
                for works in self.called.meant(line.source, line.item):
                    (self.named if len(works) == 1 else self.doubtful).update(works)

    def has(self, part: Part, candidate: Candidate) -> bool:
        """Tell whether an item leaves both sides of a later part."""
        item = candidate.item
        if (part.source, item.id) in self.counted:
            return True
        if not part.once:
            return False
        own = work_of(part.source, item)
        return own in self.works or own in self.named or any(len(each) == 1 for each in self._meant(part, item))

    def marked(self, part: Part, line: Line) -> Line:
        """Return the line of a later part, marked where it is ambiguous."""
        if not part.once or line.reason is Reason.DUPLICATE:
            return line
        doubtful = work_of(part.source, line.item) in self.doubtful or self._meant(part, line.item)
        return replace(line, ambiguous=True) if doubtful else line

    def _meant(self, part: Part, item: WorkItem) -> list[frozenset[Work]]:
        """What an item names, where some of that is on an earlier line."""
        every = self.called.meant(part.source, item) if self.called is not None else []
        return [each for each in every if not each.isdisjoint(self.works)]


def judge_of(rule: Rule, part: Part, now: datetime, scope: AbstractSet[str] | None) -> Judge:
    """Return the policies of a part of the rule as they are now; `scope` is what belongs to a frozen one."""
    of = None if part.of is None else settled(part.of, rule.timezone, min(now, rule.period.end))
    return Judge(
        part=part,
        period=weeks_over(rule, now).period if part.measure is Measure.THROUGHPUT else rule.period,
        as_of=rule.period.end if now >= rule.period.end else None,
        scope=scope,
        of=of,
        is_of=None if of is None else holding(of),
    )


def judged_once(judge: Judge, candidate: Candidate, earlier: Earlier) -> Judged:
    """Judge an item, unless an earlier part has it."""
    if earlier.has(judge.part, candidate):
        return Judged(candidate, None, Reason.DUPLICATE)
    judged = _judge(judge, candidate)
    if judge.part.measure in OF_COUNTED and not judged.credit:
        return Judged(candidate, None, judged.reason, judged.dated_by_sight)
    if judge.is_of is not None and judged.credit and not judge.is_of(candidate):
        return Judged(candidate, ZERO, Reason.NO_MATCH, judged.dated_by_sight)
    return judged


def _judge(judge: Judge, candidate: Candidate) -> Judged:
    """Judge an item; of a cycle that is over, as it stood at the end (`mapping.ending`)."""
    part, item, as_of = judge.part, candidate.item, judge.as_of
    if judge.scope is not None and item.id not in judge.scope:
        return Judged(candidate, None, Reason.NOT_IN_SCOPE)
    if as_of and item.created_at and item.created_at >= as_of:
        return Judged(candidate, None, Reason.OUTSIDE_WINDOW)
    state = state_under(part, item)
    closed_at, by_sight = closed_under(part, candidate.seen)
    if as_of and state.closed and closed_at >= as_of:  # by `done_when`: nobody saw how it stood before
        return _late(part, candidate, State.TODO if item.state.closed else item.state, by_sight=by_sight)
    if not state.closed and candidate.since is not None and state_under(part, candidate.since.item).closed:
        return _late(part, candidate, state, by_sight=closed_under(part, candidate.since)[1])
    if state is State.CANCELLED:
        return Judged(candidate, None, Reason.CANCELLED)
    return _credit(judge, candidate, state, outside=_outside(judge, closed_at), by_sight=by_sight)


def _late(part: Part, candidate: Candidate, state: State, *, by_sight: bool) -> Judged:
    """It was closed after the cycle's end: it keeps what it had as the open work that it was."""
    credit = ONE if part.counts is not Counts.DONE else _part_credit(part, candidate.item, state)
    return Judged(candidate, credit, None if credit else Reason.OUTSIDE_WINDOW, by_sight)


def _outside(judge: Judge, closed_at: datetime) -> int:
    """-1 when an item was closed before the part's window, 1 after it, 0 within."""
    if judge.part.window is Window.ALWAYS or judge.period.contains(closed_at):
        return 0
    return -1 if closed_at < judge.period.start else 1


def _credit(judge: Judge, candidate: Candidate, state: State, *, outside: int, by_sight: bool) -> Judged:
    done = state is State.DONE
    match judge.part.counts:
        case Counts.ALL:
            return Judged(candidate, ONE, None, by_sight)
        case Counts.OPEN:
            return Judged(candidate, ZERO, Reason.DONE, by_sight) if done else Judged(candidate, ONE)
        case Counts.DONE if not done:
            credit = _part_credit(judge.part, candidate.item, state)
            return Judged(candidate, credit, None if credit else Reason.OPEN)
        case Counts.DONE if outside:
            # Closed before the window: neither above nor below the line.  After it: not yet done in this cycle.
            return Judged(candidate, None if outside < 0 else ZERO, Reason.OUTSIDE_WINDOW, by_sight)
        case Counts.DONE:
            return Judged(candidate, ONE, None, by_sight)


def _part_credit(part: Part, item: WorkItem, state: State) -> Decimal:
    """The credit of work that is not done; cancelled work has none, whatever it counts as."""
    return ZERO if item.state is State.CANCELLED else dict(part.partial).get(state, ZERO)


def weight_of_missing(part: Part, judged: Iterable[Judged]) -> Decimal | None:
    """The weight of an item on the line that has no estimate; None leaves it out."""
    if part.missing is not Missing.MEAN:
        return absent_weight(part)
    weights = [_own_weight(part, each.candidate.seen) for each in judged if each.credit is not None]
    known = [weight for weight in weights if weight is not None]
    return absent_weight(part, sum(known, ZERO), len(known))


def absent_weight(part: Part, weight: Decimal = ZERO, items: int = 0) -> Decimal | None:
    """The same, from what those on the line that have an estimate weigh together, and how many they are."""
    match part.missing:
        case Missing.EXCLUDE:
            return None
        case Missing.ZERO:
            return ZERO
        case Missing.ONE:
            return ONE
        case Missing.MEAN:
            return rounded(divided(weight, Decimal(items))) if items else None


def _own_weight(part: Part, seen: Seen) -> Decimal | None:
    if part.measure in TIMES:
        return _elapsed(part, seen)
    if part.by is None:
        return ONE
    weight = seen.item.number(part.by)
    return None if weight is None else rounded(weight)


def _elapsed(part: Part, seen: Seen) -> Decimal | None:
    """Days from the creation, or from the first time that somebody worked on it, to the closing; None when unknown."""
    began = seen.item.created_at if part.measure is Measure.LEAD_TIME else _taken_up(seen.item.history)
    if began is None:
        return None
    closed, _ = closed_under(part, seen)
    return rounded(divided(Decimal(max(closed - began, timedelta()) // _MICROSECOND), _MICROSECONDS_OF_A_DAY))


_MICROSECOND = timedelta(microseconds=1)
_MICROSECONDS_OF_A_DAY = Decimal(timedelta(days=1) // _MICROSECOND)


def _taken_up(history: Iterable[Step]) -> datetime | None:
    return next((step.at for step in history if step.state is State.DOING), None)


def line_of(number: int, part: Part, judged: Judged, absent: Decimal | None) -> Line:
    item, version = judged.candidate.today.item, judged.candidate.seen.version
    weight, reason = _own_weight(part, judged.candidate.seen), judged.reason
    if judged.credit is None:
        return Line(number, part.source, item, version, None, None, reason, judged.dated_by_sight)
    weight = absent if weight is None else weight
    if weight is None:
        reason = Reason.NO_HISTORY if part.measure in TIMES else Reason.NO_ESTIMATE
        return Line(number, part.source, item, version, None, None, reason, judged.dated_by_sight)
    amount = rounded(weight * judged.credit)
    return Line(number, part.source, item, version, weight, amount, reason, judged.dated_by_sight)
