"""How items stood when a cycle ended, by which a value is measured once it is over (DESIGN 3).

How far the work was is that of the end: state, status, resolution, and when it was closed.  What an item is stays
today's (labels, estimates, epics): who puts a forgotten label on it afterwards corrects the number.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import takewhile

from mapping.family import Candidate, Seen
from mapping.rule import AllOf, AnyOf, Clause, Leaf, Match, Moment, Not, Selector, Within, leaves_of
from okrs.immutable import replace
from okrs.work import State, Step, WorkItem

_NOTHING_HOLDS, _ALL_HOLD = AnyOf(()), AllOf()


def as_of(mirror: Mapping[str, Sequence[Candidate]], end: datetime) -> Mapping[str, Sequence[Candidate]]:
    """Return the candidates of each source as they stood at that end."""
    return {name: [ended(each, end) for each in every] for name, every in mirror.items()}


def ended(candidate: Candidate, end: datetime) -> Candidate:
    """Return a candidate as it stood at that end; one that is told so already is what it is."""
    if candidate.since is not None:
        return candidate
    stood = stood_at(candidate.seen, end)
    return candidate if stood is candidate.seen else replace(candidate, seen=stood, since=candidate.seen)


def moved_since(seen: Seen, end: datetime) -> bool:
    """Tell whether an item may stand otherwise than it did then."""
    closed_at = seen.item.closed_at
    return seen.state_since >= end or (closed_at is not None and closed_at >= end)


def stood_at(seen: Seen, end: datetime) -> Seen:
    """Return an item as it stood just before `end`, by the first that tells.

    1. How we see it, if it has stood so since before the end, and no date of the tracker says that it was closed later.
    2. The tracker's own history.  Where it tells of nothing between how we saw it last before the end and the end, it
       stood as we saw it: a history has the names of its time, and a status may be called otherwise since.
    3. The tracker's date, of what was closed before the end though we saw that later: as we saw it first, `Seen.then`.
    4. How we saw it last before the end, or first since then: `Seen.then`, too.
    5. What was closed since was open, and nothing says that anybody had begun.
    """
    if not moved_since(seen, end):
        return seen
    told = tuple(step for step in seen.item.history if step.at < end)
    if told != seen.item.history:
        seen = replace(seen, item=replace(seen.item, history=told))
    if told and not _was_last(seen.then, told[-1], end):
        return _by_history(seen, end)
    then = None if seen.then is None else stood_at(seen.then, end)
    closed_at = seen.item.closed_at
    in_time = closed_at is not None and closed_at < end
    if then is not None and (told or then.item.state.closed or not in_time):
        was = then.item
        return _standing(seen, Step(then.state_since, was.state, was.status, was.resolution), was.closed_at)
    if in_time or not seen.item.state.closed:
        return seen
    return _standing(seen, Step(seen.state_since, State.TODO), None)


def seen_last(was: Seen | None, sight: Seen, end: datetime) -> Seen | None:
    """Return how an item was seen last before `end`, or else first, once it is seen as it is in `sight`.

    Sights come in the order of time, each with its own moment as `state_since`; what is returned says since when it
    stood so.  What was closed before the end though we saw that later is told as it was when we first saw that: what
    becomes of it afterwards does not matter.
    """
    if was is not None and sight.state_since >= end and not _late_truth(was, sight.item, end):
        return was
    stays = was is not None and _stand(was.item) == _stand(sight.item)
    return replace(sight, state_since=was.state_since) if was is not None and stays else sight


def _late_truth(was: Seen, now: WorkItem, end: datetime) -> bool:
    """Tell whether an item that was seen after the end was closed before it, by a date that nothing else gainsays."""
    if not now.state.closed or now.closed_at is None or now.closed_at >= end:
        return False
    return _stand(was.item) == _stand(now) or not stood_at(was, end).item.state.closed


def _stand(known: WorkItem) -> tuple[object, ...]:
    return (known.state, known.status, known.resolution)


def _was_last(then: Seen | None, step: Step, end: datetime) -> bool:
    """Tell whether a step led to how we saw an item last before the end, or came before that."""
    return then is not None and step.at <= then.state_since and not moved_since(then, end)


def _by_history(seen: Seen, end: datetime) -> Seen:
    last, closed_at = seen.item.history[-1], seen.item.closed_at
    if not last.state.closed:
        closed_at = None
    elif closed_at is None or closed_at >= end:  # it was opened since, and closed again perhaps
        ending = takewhile(lambda step: step.state.closed, reversed(seen.item.history))
        *_, closed_at = (step.at for step in ending)
    return _standing(seen, last, closed_at)


def _standing(seen: Seen, step: Step, closed_at: datetime | None) -> Seen:
    item = replace(seen.item, state=step.state, status=step.status, resolution=step.resolution, closed_at=closed_at)
    return replace(seen, item=item, state_since=step.at, then=None)


# --- clauses -------------------------------------------------------------------------------------------------------


def asks_how_far(clause: Clause) -> bool:
    """Tell whether a clause asks for what may be otherwise at the end of a cycle than today."""
    return any(map(_is_how_far, leaves_of(clause)))


def _is_how_far(leaf: Leaf) -> bool:
    match leaf:
        case Match(selector, _):
            return selector in (Selector.STATE, Selector.STATUS, Selector.RESOLUTION)
        case Within(moment, _):
            return moment is Moment.CLOSED
    return False


def however_far(clause: Clause) -> Clause:
    """Return a clause that holds of every item of which this one would, at some state, status and date of closing."""
    return _widened(clause, holds=True)


def _widened(clause: Clause, *, holds: bool) -> Clause:
    match clause:
        case Not(inner):
            return Not(_widened(inner, holds=not holds))
        case AllOf(clauses):
            return AllOf(tuple(_widened(inner, holds=holds) for inner in clauses))
        case AnyOf(clauses):
            return AnyOf(tuple(_widened(inner, holds=holds) for inner in clauses))
    return (_ALL_HOLD if holds else _NOTHING_HOLDS) if _is_how_far(clause) else clause
