"""What happened to one item, in the words that people use (DESIGN 6): closed, reopened, added, removed …"""

from collections.abc import Mapping
from typing import TypeAlias

from mapping.judging import Line, Reason, state_under
from mapping.rule import (
    OF_COUNTED,
    TIMES,
    Clause,
    Counts,
    FieldMatch,
    Leaf,
    Match,
    Measure,
    Missing,
    Moment,
    Part,
    Selector,
    Window,
    Within,
    leaves_of,
    passes,
)
from mapping.totals import ZERO, OnLine
from okrs.immutable import immutable, replace
from okrs.ledger import CauseKind
from okrs.numbers import rounded
from okrs.work import State, WorkItem

Place: TypeAlias = OnLine | None
"""Weight and amount of an item; None when it is not on the line."""

Step: TypeAlias = tuple[CauseKind, Place]
"""What happened, and where the item stands after it."""


@immutable
class Past:
    """What we knew of an item when the key result was last measured, and what became of it."""

    before: WorkItem | None = None
    after: WorkItem | None = None
    gone: CauseKind | None = None
    """Why an item left the mirror: deleted, hidden, or removed with its container."""
    returned: bool = False
    """It is as it was, and yet the mirror took it over anew: it had left, or what it rests on is another."""

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


def place_of(line: Line | None) -> Place:
    """Where an item stands; a line of None is one of an item that is not selected."""
    return (line.weight, line.amount) if line and line.weight is not None and line.amount is not None else None


def steps(part: Part, at: Place, line: Line | None, past: Past) -> list[Step]:
    """Split one item's change: moved or removed, added, closed/reopened/cancelled, re-estimated, in that order."""
    to = place_of(line)
    if line is None or to is None:
        return [(_departure(part, at, line, past), None)]
    if at is None:
        return _arrival(part, line, past, to)
    # What the item would be with its new credit and its old weight; without a weight no credit can be told.
    turned = (at[0], rounded(at[0] * to[1] / to[0])) if to[0] else at
    taken: list[Step] = []
    if turned != at:
        taken.append((_turn(part, line, past, rises=(turned[1] > at[1]) is (at[0] > 0)), turned))
    if to != turned:
        # Days change when an item was closed again at another time.
        taken.append((CauseKind.CLOSED if part.measure in TIMES else CauseKind.RE_ESTIMATED, to))
    return taken


_LEFT_FOR: Mapping[Reason, CauseKind] = {
    Reason.CANCELLED: CauseKind.CANCELLED,
    Reason.NO_ESTIMATE: CauseKind.RE_ESTIMATED,
    Reason.OPEN: CauseKind.REOPENED,
    Reason.DONE: CauseKind.CLOSED,
}


def _departure(part: Part, at: Place, line: Line | None, past: Past) -> CauseKind:
    """Why an item is on the line no more.  One that is still selected left for the reason on its line."""
    if past.gone:
        return past.gone
    if line is not None and line.reason is Reason.OUTSIDE_WINDOW:
        if past.unchanged:
            return CauseKind.TIME
        counted = part.measure in OF_COUNTED or (at is not None and at[1] != ZERO)
        return CauseKind.REOPENED if counted and _closed_later(line.item, past) else CauseKind.CLOSED
    if line is not None and line.reason is not None and line.reason in _LEFT_FOR:
        return CauseKind.CANCELLED if line.item.state is State.CANCELLED else _LEFT_FOR[line.reason]
    if past.unchanged and _moves_with_time(part):
        return CauseKind.TIME
    return CauseKind.MOVED if past.moved else CauseKind.REMOVED


def _closed_later(item: WorkItem, past: Past) -> bool:
    """Whether it was open again in between; a date that moved back was only corrected."""
    before = past.before.closed_at if past.before else None
    return before is not None and item.closed_at is not None and before < item.closed_at


def _moves_with_time(part: Part) -> bool:
    """Whether the days pass under a part: what it selects, or which weeks it counts, changes without the items."""
    return part.measure is Measure.THROUGHPUT or passes(part.where)


def _arrival(part: Part, line: Line, past: Past, to: OnLine) -> list[Step]:
    joined = _joining(part, line.item, past)
    was_done = past.before is not None and state_under(part, past.before) is State.DONE
    closed_since = (not was_done or joined is CauseKind.REOPENED) and state_under(part, line.item) is State.DONE
    if part.measure in OF_COUNTED:  # its line has no place for work that does not count: that was what kept it off
        known = past.before is not None and joined in (CauseKind.ADDED, CauseKind.REOPENED)
        if known and closed_since:
            joined = _ending(line.item)
        elif known and was_done and part.counts is Counts.OPEN:
            joined = CauseKind.REOPENED
        return [(joined, to)]
    undone = {Counts.DONE: (to[0], ZERO), Counts.OPEN: (to[0], to[0]), Counts.ALL: to}[part.counts]
    if closed_since and undone != to:
        return [(joined, undone), (_ending(line.item), to)]
    return [(joined, to)]


def _ending(item: WorkItem) -> CauseKind:
    """What people call it when an item comes to its end."""
    return CauseKind.CANCELLED if item.state is State.CANCELLED else CauseKind.CLOSED


def _joining(part: Part, item: WorkItem, past: Past) -> CauseKind:
    """Why an item is on the line that was not: it moved, was taken up again, got its estimate, or is new."""
    before = past.before
    if before is None:
        return CauseKind.ADDED
    if past.moved:
        return CauseKind.MOVED
    if past.returned:
        return CauseKind.ADDED
    if past.unchanged and _moves_with_time(part):
        return CauseKind.TIME
    was, now = state_under(part, before), state_under(part, item)
    closed_anew = (was, before.closed_at) != (now, item.closed_at)
    if was is State.CANCELLED or (was is State.DONE and part.window is Window.CYCLE and closed_anew):
        return CauseKind.REOPENED
    unestimated = part.by is not None and part.missing is Missing.EXCLUDE and before.number(part.by) is None
    return CauseKind.RE_ESTIMATED if unestimated else CauseKind.ADDED


def _turn(part: Part, line: Line, past: Past, *, rises: bool) -> CauseKind:
    """Why the credit of an item on the line changed; `rises` tells the direction."""
    if part.of is not None and _by_match(part, part.of, line, past):
        if past.unchanged and passes(part.of):
            return CauseKind.TIME
        return CauseKind.ADDED if rises else CauseKind.REMOVED  # among those that match
    if past.unchanged:
        return CauseKind.TIME
    if line.item.state is State.CANCELLED:
        return CauseKind.CANCELLED
    done = {
        Counts.DONE: rises,  # in part, too
        Counts.OPEN: not rises,
        Counts.ALL: state_under(part, line.item) is State.DONE,
    }
    return CauseKind.CLOSED if done[part.counts] else CauseKind.REOPENED


def _by_match(part: Part, of: Clause, line: Line, past: Past) -> bool:
    """Whether an item counts, or not, for what it matches: its end did not come, or nobody asks for it."""
    if past.before is None:
        return False
    if part.counts is Counts.ALL and not any(_asks_for_the_end(leaf) for leaf in leaves_of(of)):
        return True
    return _end(part, past.before) == _end(part, line.item)


def _asks_for_the_end(leaf: Leaf) -> bool:
    match leaf:
        case Match(selector, _):
            return selector in (Selector.STATE, Selector.STATUS, Selector.RESOLUTION, Selector.QUERY)
        case Within(moment, _):
            return moment is Moment.CLOSED
        case FieldMatch():
            return False


def _end(part: Part, item: WorkItem) -> tuple[bool, bool]:
    """Whether an item is done, and whether it is cancelled."""
    return (state_under(part, item) is State.DONE, item.state is State.CANCELLED)
