"""Who moved the number: from changed lines to rows of causes whose deltas add up to the change (DESIGN 6).

The accumulators of `mapping.measure` walk from the old totals to the new ones, one step of one item at a time; a
row's delta is the difference of the two rounded values around its step, so that the rows telescope exactly.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from mapping.judging import Line, Reason, state_under
from mapping.rule import OF_COUNTED, Counts, LastDays, Measure, Missing, Part, Rule, Window, Within, leaves_of
from mapping.totals import ZERO, Total, kept, value_of
from okrs.ledger import CauseKind, Delta
from okrs.numbers import rounded
from okrs.work import State, WorkItem

ItemId = tuple[str, str]
"""Source and the item's immutable id."""

_DAWN = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the ledger holds of one item in one part: it was on the line with this weight and amount."""

    part: int
    source: str
    item: str
    version: str
    weight: Decimal
    amount: Decimal

    @property
    def key(self) -> tuple[int, str, str]:
        return (self.part, self.source, self.item)


@dataclass(frozen=True, slots=True)
class Past:
    """What we knew of an item when the key result was last measured, and what became of it."""

    before: WorkItem | None = None
    after: WorkItem | None = None
    gone: CauseKind | None = None
    """Why an item left the mirror: deleted, hidden, or removed with its container."""

    @property
    def moved(self) -> bool:
        """It belongs to other projects than before."""
        if self.before is None or self.after is None:
            return False
        return {ref.id for ref in self.before.projects} != {ref.id for ref in self.after.projects}

    @property
    def unchanged(self) -> bool:
        """The item itself is as it was; time, or one of its neighbours, did it."""
        if self.before is None or self.after is None:
            return False
        return replace(self.before, updated_at=None) == replace(self.after, updated_at=None)


@dataclass(frozen=True, slots=True)
class Change:
    """One item of one part whose evidence differs; `line` is None when it is not selected any more."""

    part: int
    source: str
    item: str
    old: Evidence | None
    line: Line | None

    @property
    def stays_out(self) -> bool:
        return self.old is None and (self.line is None or self.line.weight is None)

    @property
    def same(self) -> bool:
        if self.stays_out:
            return True
        if self.old is None or self.line is None:
            return False
        return (self.old.weight, self.old.amount) == (self.line.weight, self.line.amount)


def changes(evidence: Iterable[Evidence], lines: Iterable[Line]) -> list[Change]:
    """Return every item whose weight or amount differs between the ledger's evidence and the new lines."""
    old = {each.key: each for each in evidence}
    new = {(line.part, line.source, line.item.id): line for line in lines}
    found = [Change(*key, old.get(key), new.get(key)) for key in old.keys() | new.keys()]
    return sorted((each for each in found if not each.same), key=lambda each: (each.part, each.source, each.item))


def whole(changed: Iterable[Change], cause: CauseKind) -> tuple[Delta, ...]:
    """Rows that carry evidence only, for an entry that has one cause as a whole (a baseline, a rule)."""
    return tuple(_row(each, cause, _before(each), _after(each), Decimal(0)) for each in changed)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a key result stood before the change: its value, and the totals of the evidence behind it."""

    value: Decimal | None
    totals: Sequence[Total]


def attribute(
    rule: Rule, before: Standing, changed: Iterable[Change], past: Mapping[ItemId, Past], now: datetime
) -> tuple[Delta, ...]:
    """Return one row for each step of each changed item, in the order in which the tracker says they happened.

    What time alone did (one more week to divide by) comes first, in a row without an item.
    """
    totals = list(before.totals)
    rows: list[Delta] = []

    def standing() -> Decimal:
        return kept(rule, before.value, value_of(rule, totals, now)) or ZERO

    value = standing()
    if value != (before.value or ZERO):
        rows.append(_of_time(rule, value - (before.value or ZERO)))
    for change in sorted(changed, key=lambda each: _order(each, past)):
        known = past.get((change.source, change.item), Past())
        at = _before(change)
        for cause, to in _steps(rule.parts[change.part], change, known):
            totals[change.part] = totals[change.part].moved(at, to)
            moved = standing()
            rows.append(_row(change, cause, at, to, moved - value))
            at, value = to, moved
    return tuple(rows)


def _of_time(rule: Rule, delta: Decimal) -> Delta:
    part = next(number for number, each in enumerate(rule.parts) if each.measure is Measure.THROUGHPUT)
    return Delta(
        part=part,
        source=rule.parts[part].source,
        item="",
        version="",
        old_weight=None,
        old_amount=None,
        new_weight=None,
        new_amount=None,
        cause=CauseKind.TIME,
        delta=delta,
    )


_OFF: tuple[None, None] = (None, None)
_OnLine = tuple[Decimal, Decimal] | None
"""Weight and amount, None when not on the line."""


def _before(change: Change) -> _OnLine:
    return (change.old.weight, change.old.amount) if change.old else None


def _after(change: Change) -> _OnLine:
    line = change.line
    return (line.weight, line.amount) if line and line.weight is not None and line.amount is not None else None


def _order(change: Change, past: Mapping[ItemId, Past]) -> tuple[datetime, str, str, int]:
    known = past.get((change.source, change.item), Past())
    item = known.after or known.before
    return (item.updated_at or _DAWN if item else _DAWN, change.source, change.item, change.part)


def _row(change: Change, cause: CauseKind, at: _OnLine, to: _OnLine, delta: Decimal) -> Delta:
    version = change.line.version if change.line else change.old.version if change.old else ""
    (old_weight, old_amount), (new_weight, new_amount) = at or _OFF, to or _OFF
    return Delta(
        part=change.part,
        source=change.source,
        item=change.item,
        version=version,
        old_weight=old_weight,
        old_amount=old_amount,
        new_weight=new_weight,
        new_amount=new_amount,
        cause=cause,
        delta=delta,
    )


def _steps(part: Part, change: Change, past: Past) -> list[tuple[CauseKind, _OnLine]]:
    """Split one item's change: moved or removed, added, closed/reopened/cancelled, re-estimated, in that order."""
    at, to = _before(change), _after(change)
    if change.line is None or to is None:
        return [(_departure(part, change.line, past), None)]
    if at is None:
        return _arrival(part, change.line, past, to)
    # What the item would be with its new credit and its old weight; without a weight no credit can be told.
    turned = (at[0], rounded(at[0] * to[1] / to[0])) if to[0] else at
    steps: list[tuple[CauseKind, _OnLine]] = []
    if turned != at:
        steps.append((_turn(part, change.line, past, rises=turned[1] > at[1]), turned))
    if to != turned:
        steps.append((CauseKind.RE_ESTIMATED, to))
    return steps


_LEFT_FOR = {
    Reason.CANCELLED: CauseKind.CANCELLED,
    Reason.NO_ESTIMATE: CauseKind.RE_ESTIMATED,
    Reason.OPEN: CauseKind.REOPENED,
}


def _departure(part: Part, line: Line | None, past: Past) -> CauseKind:
    """Why an item is on the line no more.  One that is still selected left for the reason on its line."""
    if past.gone:
        return past.gone
    reason = line.reason if line else None
    if reason is Reason.OUTSIDE_WINDOW:
        return CauseKind.TIME if past.unchanged else CauseKind.CLOSED
    if reason in _LEFT_FOR:
        return _LEFT_FOR[reason]
    if past.unchanged and _moves_with_time(part):
        return CauseKind.TIME
    return CauseKind.MOVED if past.moved else CauseKind.REMOVED


def _moves_with_time(part: Part) -> bool:
    """Whether the days pass under a part: what it selects, or which weeks it counts, changes without the items."""
    spans = (span for leaf in leaves_of(part.where) if isinstance(leaf, Within) for span in leaf.spans)
    return part.measure is Measure.THROUGHPUT or any(isinstance(span, LastDays) for span in spans)


def _arrival(part: Part, line: Line, past: Past, to: tuple[Decimal, Decimal]) -> list[tuple[CauseKind, _OnLine]]:
    joined = _joining(part, line.item, past)
    undone = (to[0], ZERO if part.counts is Counts.DONE else to[0])
    was_done = past.before is not None and state_under(part, past.before) is State.DONE
    closed_since = (not was_done or joined is CauseKind.REOPENED) and state_under(part, line.item) is State.DONE
    if part.measure in OF_COUNTED:  # its line has no place for work that is not done
        known = past.before is not None and joined is CauseKind.ADDED
        return [(CauseKind.CLOSED if closed_since and known else joined, to)]
    if closed_since and undone != to:
        return [(joined, undone), (CauseKind.CLOSED, to)]
    return [(joined, to)]


def _joining(part: Part, item: WorkItem, past: Past) -> CauseKind:
    """Why an item is on the line that was not: it moved, was taken up again, got its estimate, or is new."""
    before = past.before
    if before is None:
        return CauseKind.ADDED
    if past.moved:
        return CauseKind.MOVED
    if past.unchanged and _moves_with_time(part):
        return CauseKind.TIME
    was, now = state_under(part, before), state_under(part, item)
    closed_anew = (was, before.closed_at) != (now, item.closed_at)
    if was is State.CANCELLED or (was is State.DONE and part.window is Window.CYCLE and closed_anew):
        return CauseKind.REOPENED
    unestimated = part.by is not None and part.missing is Missing.EXCLUDE and before.number(part.by) is None
    return CauseKind.RE_ESTIMATED if unestimated else CauseKind.ADDED


def _turn(part: Part, line: Line, past: Past, *, rises: bool) -> CauseKind:
    if past.unchanged:
        return CauseKind.TIME
    if line.item.state is State.CANCELLED:
        return CauseKind.CANCELLED
    state = state_under(part, line.item)
    if part.of is not None and past.before is not None and state_under(part, past.before) is state:
        return CauseKind.ADDED if rises else CauseKind.REMOVED  # among those that match
    if part.partial and state is not State.DONE:
        return CauseKind.CLOSED if rises else CauseKind.REOPENED  # in part
    return CauseKind.CLOSED if state is State.DONE else CauseKind.REOPENED
