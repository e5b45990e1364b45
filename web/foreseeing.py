"""The forecast of a key result: what it comes from, and what it says in words."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from okrs.cycle import Cycle
from okrs.forecast import Forecast, Past, forecast
from okrs.ledger import Entry, EntryKind
from okrs.objective import Binary, Keep, KeyResult, Numeric
from okrs.progress import ONE, progress
from store.views.course import Course
from web.showing import Clockface, is_share, number, with_unit

_BY_TICKETS = (EntryKind.AUTO, EntryKind.APPROVE)
_ANEW = (EntryKind.BASELINE, EntryKind.RULE)
"""From these on something is measured that was not before, or otherwise."""


def foreseen(key_result: KeyResult, cycle: Cycle, course: Course, face: Clockface, at: datetime) -> Forecast | None:
    """Forecast the automatic value; None where too little is known, and for a yes or no."""
    past = _past(course, face)
    if past is None or isinstance(key_result.terms, Binary):
        return None
    terms = key_result.terms
    usual = (terms.start, terms.target) if isinstance(terms, Numeric) else (terms.min, terms.max)
    every = (*usual, *(each.new for each in course.entries if each.new is not None))
    return forecast(
        past,
        cycle.period(face.calendar),
        face.calendar,
        at,
        there=lambda value: progress(terms, value) >= ONE,
        least=Decimal(0) if min(every) >= 0 else None,  # a count that never was below 0 will not be
        most=Decimal(100) if is_share(key_result) else None,
    )


def _past(course: Course, face: Clockface) -> Past | None:
    entries = [each for each in course.entries if each.kind in (*_BY_TICKETS, *_ANEW) and each.new is not None]
    if not entries:
        return None
    began = next((each for each in reversed(entries) if each.kind in _ANEW), entries[0])
    moves, since = list(_moves(entries, began.at)), began.at
    if began.kind is EntryKind.BASELINE and course.rebuilt:
        days = [(face.calendar.midnight(day + timedelta(days=1)), value) for day, value in course.rebuilt]
        moves = [(after, value - before) for (_, before), (after, value) in pairwise(days)] + moves
        since = min(since, days[0][0])
    return Past(entries[-1].new or Decimal(0), tuple(moves), since)


def _moves(entries: Iterable[Entry], since: datetime) -> Iterable[tuple[datetime, Decimal]]:
    for each in entries:
        if each.kind in _BY_TICKETS and each.at >= since and each.old is not None and each.new is not None:
            yield each.at, each.new - each.old


def forecast_words(key_result: KeyResult, cycle: Cycle, told: Forecast, face: Clockface, *, by_hand: bool) -> str:
    """Say a forecast, as in `At the pace of the last 4 weeks: 60 to 75 bugs by 31 Dec, and …`."""
    end, terms = told.end, key_result.terms
    span = number(end.low, 1) if end.low == end.high else f"{number(end.low, 1)} to {number(end.high, 1)}"
    whose = "Its tickets, at" if by_hand else "At"
    words = f"{whose} the pace of the last {told.weeks} weeks: {with_unit(span, key_result)} by {face.day(cycle.end)}"
    if isinstance(terms, Keep):
        band = f"{number(terms.min)} and {number(terms.max)}"
        return f"{words}, and a chance of {_chance(told.chance)} to be between {band}."
    if not isinstance(terms, Numeric) or progress(terms, told.points[0].middle) >= ONE:
        return f"{words}."
    return f"{words}, and a chance of {_chance(told.chance)} to reach {number(terms.target)}."


def _chance(share: Decimal) -> str:
    """A chance in whole percents; of futures that were drawn none is quite sure."""
    points = round(share * 100)
    return "less than 1 %" if points < 1 else "more than 99 %" if points > 99 else f"about {points} %"
