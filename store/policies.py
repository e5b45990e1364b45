"""Policies as SQL over the rows of `facet`: which items are on a part's line, and which of them get full credit.

The meaning stands in `mapping.judging`; that both say the same is held by a property test.
"""

from collections.abc import Iterable
from typing import NamedTuple

from mapping.judging import Judge
from mapping.rule import OF_COUNTED, Cancelled, Counts, Part, Window
from okrs.work import State
from store.clauses import Known, holds
from store.dressing import STATES
from store.sql import FALSE, TRUE, Sql, all_of, not_
from store.tables import micros

_CLOSED = "coalesce(f.closed, f.seen)"


class Judged(NamedTuple):
    """Conditions on a row."""

    line: Sql
    """The item is on the line."""
    full: Sql
    """Of those on the line: it gets the whole credit; the others get none, or a part by their state."""


def judged(known: Known, judge: Judge) -> Judged:
    """Return what a part's policies make of rows that its `where` selects, while the cycle goes on."""
    part = judge.part
    line, full = _line(judge), _full(judge)
    if judge.of is not None:
        full = all_of((full, holds(known, judge.of)))
    if part.measure in OF_COUNTED and not part.partial:
        return Judged(all_of((line, full)), TRUE)
    return Judged(line, full)


def _line(judge: Judge) -> Sql:
    part, states = judge.part, _States(judge.part)
    line = not_(states.off)
    if part.counts is Counts.DONE and part.window is Window.CYCLE:
        before = Sql(f"{_CLOSED} < ?", (micros(judge.period.start),))
        line = all_of((line, not_(all_of((states.done, before)))))
    return line


def _full(judge: Judge) -> Sql:
    states = _States(judge.part)
    match judge.part.counts:
        case Counts.ALL:
            return TRUE
        case Counts.OPEN:
            return states.open
        case Counts.DONE:
            return all_of((states.done, _inside(judge)))


def _inside(judge: Judge) -> Sql:
    if judge.part.window is Window.ALWAYS:
        return TRUE
    span = (micros(judge.period.start), micros(judge.period.end))
    return Sql(f"{_CLOSED} >= ? AND {_CLOSED} < ?", span)


class _States:
    """Conditions on the state under a part's policies."""

    def __init__(self, part: Part) -> None:
        done, off, still = {State.DONE}, set[State](), {State.TODO, State.DOING}
        {Cancelled.COMPLETE: done, Cancelled.EXCLUDE: off, Cancelled.OPEN: still}[part.cancelled].add(State.CANCELLED)
        self.done = _among(done)
        self.off = _among(off)
        self.open = _among(still)


def _among(states: Iterable[State]) -> Sql:
    codes = sorted(STATES[state] for state in states)
    return Sql(f"f.state IN ({', '.join(map(str, codes))})") if codes else FALSE
