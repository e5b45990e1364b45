"""The chart of a key result as plain geometry: points of an SVG, which a template draws.

Everything is in the units of a `Box`, a wide one or one for a phone; nothing here is a colour.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache, partial
from itertools import pairwise

from okrs.cycle import Calendar, Cycle, elapsed_share
from okrs.forecast import Forecast
from okrs.immutable import immutable
from okrs.lanes import Lane, lane_of
from okrs.ledger import Entry, EntryKind, hold_in
from okrs.objective import Binary, Keep, KeyResult, Numeric, Terms
from okrs.plaintext import harmless
from store.views.course import Course
from web.showing import Clockface, number

MOST_POINTS = 400
MOST_MARKS = 20
_LONGEST = 300
"""Characters of the reason of a mark."""


@immutable
class Box:
    """What a chart is drawn into: its edges, and those of the strip below that shows the scope."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    scope_top: float
    scope_bottom: float
    label: float
    """Room for the name of a month."""


WIDE = Box(720, 260, 44, 704, 20, 196, 226, 250, label=36)
NARROW = Box(360, 300, 34, 354, 22, 230, 264, 288, label=48)
"""As wide as a phone, so that its letters come out as large as those of the page."""


@immutable
class Label:
    x: float
    y: float
    text: str
    anchor: str = "start"


@immutable
class Mark:
    """Something that is no ticket: a hold, a hand, a rule, a target."""

    x: float
    y: float
    number: int
    tone: str
    text: str


@immutable
class Band:
    """A range that a key result is to stay in."""

    top: float
    height: float


@immutable
class Scope:
    """How many tickets belonged to it, as steps with the first and last number."""

    points: str
    first: Label
    last: Label


@immutable
class Ahead:
    """Where the value may go from now on."""

    area: str
    """Points of a polygon: seven of ten futures lie in it."""
    middle: str
    label: Label
    table: tuple[tuple[str, str, str], ...]
    """Day, from and to, and the expected value."""


@immutable
class Chart:
    summary: str
    value: str
    """Points of a polyline; so are the next three."""
    expected: str
    rebuilt: str
    by_hand: tuple[str, ...]
    target: Label | None
    value_label: Label | None
    ticks: tuple[Label, ...]
    months: tuple[Label, ...]
    today: float | None
    band: Band | None
    scope: Scope | None
    marks: tuple[Mark, ...]
    table: tuple[tuple[str, str, str], ...]
    """Day, value, expected value."""
    ahead: Ahead | None = None
    box: Box = WIDE


class _Along(dict[datetime, float]):
    """Where times lie, from 0 to 1: worked out once for all boxes."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self.start, self.end = start, end

    def __missing__(self, at: datetime) -> float:
        share = self[at] = min(1.0, max(0.0, (at - self.start) / (self.end - self.start)))
        return share


class _Up(dict[Decimal, float]):
    """Where values lie, from 0 to 1."""

    def __init__(self, low: Decimal, high: Decimal) -> None:
        self.low, self.width = low, high - low

    def __missing__(self, value: Decimal) -> float:
        share = self[value] = min(1.0, max(0.0, float((value - self.low) / self.width)))
        return share


@immutable
class _Frame:
    """Where times and values lie in a box."""

    along: _Along
    up: _Up
    box: Box

    @property
    def start(self) -> datetime:
        return self.along.start

    @property
    def end(self) -> datetime:
        return self.along.end

    def x(self, at: datetime) -> float:
        return round(self.box.left + self.along[at] * (self.box.right - self.box.left), 1)

    def y(self, value: Decimal) -> float:
        return round(self.box.bottom - self.up[value] * (self.box.bottom - self.box.top), 1)

    def points(self, steps: "Steps") -> list[tuple[str, str]]:
        """Both of many, as they are written."""
        box, along, up = self.box, self.along, self.up
        left, width, bottom, height = box.left, box.right - box.left, box.bottom, box.bottom - box.top
        return [
            (str(round(left + along[at] * width, 1)), str(round(bottom - up[value] * height, 1))) for at, value in steps
        ]


Steps = Sequence[tuple[datetime, Decimal]]
Hands = list[tuple[datetime, datetime, Decimal]]
"""From when to when which value was a person's."""


def chart(
    key_result: KeyResult, cycle: Cycle, course: Course, face: Clockface, at: datetime, *,
    told: Forecast | None = None, box: Box = WIDE,
) -> Chart | None:  # fmt: skip
    """Draw the course of a key result until a time, and its forecast; None where nothing was measured yet."""
    return next(iter(charts(key_result, cycle, course, face, at, told=told, boxes=(box,))), None)


def charts(
    key_result: KeyResult, cycle: Cycle, course: Course, face: Clockface, at: datetime, *,
    told: Forecast | None = None, boxes: Iterable[Box] = (WIDE, NARROW),
) -> tuple[Chart, ...]:  # fmt: skip
    """Draw the same into several boxes; nothing where nothing was measured yet."""
    period = cycle.period(face.calendar)
    automatic = [(each.at, each.new) for each in course.entries if _moves(each) and each.new is not None]
    hands = _by_hand(course.entries, at)
    rebuilt = [(face.calendar.midnight(day + timedelta(days=1)), value) for day, value in course.rebuilt]
    if not automatic and not hands and not rebuilt:
        return ()
    values = [value for _, value in automatic] + [value for _, _, value in hands] + [value for _, value in rebuilt]
    low, high = _range(key_result.terms, values, told)
    along, up = _Along(period.start, period.end), _Up(low, high)
    until = min(at, period.end)
    steps = _thinned(automatic)
    expected = _expected(key_result.terms, cycle, face.calendar)
    last = steps[-1][1] if steps else None
    summary = _summary(key_result, steps, expected, face, until)
    shown = partial(_shown, steps, rebuilt, hands)
    table = tuple(_table(shown, expected, cycle, face, until))

    def drawn(box: Box) -> Chart:
        frame = _Frame(along, up, box)
        return Chart(
            summary=summary,
            value=_stairs(frame, steps, until),
            expected=" ".join([f"{x},{y}" for x, y in frame.points(expected)]),
            rebuilt=_stairs(frame, rebuilt, steps[0][0] if steps else until),
            by_hand=tuple(_stairs(frame, [(since, value)], end) for since, end, value in hands),
            target=_target(key_result.terms, frame),
            value_label=_now(frame, until, last, key_result.terms),
            ticks=tuple(Label(box.left, frame.y(each), number(each)) for each in _ticks(low, high)),
            months=tuple(_months(frame, face)),
            today=frame.x(until) if period.start <= at < period.end else None,
            band=_band(key_result.terms, frame),
            scope=_scope(frame, course.scope, until),
            marks=tuple(_marks(course.entries, frame, face)),
            table=table,
            ahead=_ahead(frame, told, expected, face) if told else None,
            box=box,
        )

    return tuple(map(drawn, boxes))


def _ahead(frame: _Frame, told: Forecast, expected: Steps, face: Clockface) -> Ahead:
    above = [f"{frame.x(each.at)},{frame.y(each.high)}" for each in told.points]
    below = [f"{frame.x(each.at)},{frame.y(each.low)}" for each in reversed(told.points)]
    middle = [f"{frame.x(each.at)},{frame.y(each.middle)}" for each in told.points]
    rows = []
    for each in told.points[1:]:
        pace = next((value for when, value in reversed(expected) if when <= each.at), None)
        day = face.calendar.day_of(each.at - timedelta.resolution)
        span = f"{number(each.low, 1)} to {number(each.high, 1)}"
        rows.append((face.day(day), span, number(pace) if pace is not None else ""))
    at = told.points[len(told.points) * 2 // 3]
    return Ahead(
        " ".join(above + below), " ".join(middle), Label(frame.x(at.at), frame.y(at.low) + 14, "forecast"), tuple(rows)
    )


def _moves(entry: Entry) -> bool:
    return lane_of(entry.kind) is Lane.AUTOMATIC and entry.kind is not EntryKind.CORRECTION


def _by_hand(entries: Iterable[Entry], at: datetime) -> Hands:
    """From when to when which value was a person's."""
    found: Hands = []
    begun: tuple[datetime, Decimal] | None = None
    for each in entries:
        if lane_of(each.kind) is not Lane.HUMAN:
            continue
        if begun is not None:
            found.append((begun[0], each.at, begun[1]))
        begun = (each.at, each.new) if each.new is not None else None
    return [*found, (begun[0], at, begun[1])] if begun is not None else found


def _range(terms: Terms, values: Sequence[Decimal], told: Forecast | None) -> tuple[Decimal, Decimal]:
    match terms:
        case Numeric(start, target):
            every = [start, target, *values]
        case Keep(low, high):
            every = [low, high, *values]
        case Binary(threshold):
            every = [Decimal(0), threshold, *values]
    low, high = min(every), max(every)
    if told is not None:  # one that goes far is cut, so that what was stays to be seen
        span = high - low or Decimal(1)
        low, high = min(low, max(told.end.low, low - span / 2)), max(high, min(told.end.high, high + span / 2))
    room = (high - low or Decimal(1)) / 20
    return (low if low == 0 else low - room), high + room


def _ticks(low: Decimal, high: Decimal) -> list[Decimal]:
    """Three to six round numbers between two."""
    span = high - low
    step = Decimal(1).scaleb(span.adjusted())
    for factor in (Decimal("0.2"), Decimal("0.25"), Decimal("0.5"), Decimal(1), Decimal(2)):
        if span / (step * factor) <= 6:
            step *= factor
            break
    first = (low / step).to_integral_value(rounding="ROUND_CEILING")
    every = [(first + count) * step for count in range(8)]
    return [each for each in every if each <= high]


def _thinned(steps: Steps) -> Steps:
    """The last value of each of at most so many slices of time."""
    if len(steps) <= MOST_POINTS:
        return steps
    size = len(steps) / MOST_POINTS
    return [steps[min(len(steps) - 1, int((count + 1) * size) - 1)] for count in range(MOST_POINTS)]


def _stairs(frame: _Frame, steps: Steps, until: datetime) -> str:
    if not steps:
        return ""
    drawn = frame.points(steps)
    points = [",".join(drawn[0])]
    points += [f"{x},{before} {x},{y}" for (_, before), (x, y) in pairwise(drawn)]
    points.append(f"{max(frame.x(until), frame.x(steps[-1][0]))},{drawn[-1][1]}")
    return " ".join(points)


@lru_cache(maxsize=256)
def _expected(terms: Terms, cycle: Cycle, calendar: Calendar) -> Steps:
    """The value that keeps pace, at the end of every few days: weekends are level."""
    if not isinstance(terms, Numeric):
        return ()
    days = cycle.days()
    stride = max(1, len(days) // 120)
    chosen = [*days[::stride], days[-1] + timedelta(days=1)]
    width = terms.target - terms.start
    return tuple(
        (when := calendar.midnight(day), terms.start + elapsed_share(cycle, calendar, when) * width) for day in chosen
    )


def _now(frame: _Frame, until: datetime, last: Decimal | None, terms: Terms) -> Label | None:
    """The last value at the end of its line, out of the way of the target's name."""
    if last is None:
        return None
    x, y, target = frame.x(until), frame.y(last), _target(terms, frame)
    below = target is not None and target.anchor == "end" and target.y - 6 < y < target.y + 26
    right = frame.box.right
    return Label(min(x + 8, right), y + 20 if below else y - 8, number(last), "start" if x < right - 50 else "end")


def _target(terms: Terms, frame: _Frame) -> Label | None:
    """Its name at the end of its line, or at the beginning where the pace comes down to the end."""
    match terms:
        case Numeric(start, target) if target < start:
            return Label(frame.box.left + 4, frame.y(target), f"target {number(target)}")
        case Numeric(_, target) | Binary(target):
            return Label(frame.box.right, frame.y(target), f"target {number(target)}", "end")
    return None


def _band(terms: Terms, frame: _Frame) -> Band | None:
    if not isinstance(terms, Keep):
        return None
    top, bottom = frame.y(terms.max), frame.y(terms.min)
    return Band(top, round(bottom - top, 1))


def _months(frame: _Frame, face: Clockface) -> Iterable[Label]:
    """The first day and the months, as far as there is room for their names."""
    day, free = face.calendar.day_of(frame.start), frame.box.left
    while (when := face.calendar.midnight(day)) < frame.end:
        x = frame.x(when)
        if x >= free:
            yield Label(x, frame.box.bottom + 16, f"{day:%b}" if day.day == 1 else face.day(day))
            free = x + frame.box.label
        day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _scope(frame: _Frame, steps: Sequence[tuple[datetime, int]], until: datetime) -> Scope | None:
    if not steps or not (most := max(number for _, number in steps)):
        return None
    some = steps if len(steps) <= MOST_POINTS else steps[:: len(steps) // MOST_POINTS + 1]
    top, bottom = frame.box.scope_top, frame.box.scope_bottom

    def y(number: int) -> float:
        return round(bottom - number / most * (bottom - top), 1)

    points = [f"{frame.x(some[0][0])},{bottom}"]
    for (when, count), (_, before) in zip(some, [(some[0][0], 0), *some], strict=False):
        points += (
            [f"{frame.x(when)},{y(before)}", f"{frame.x(when)},{y(count)}"]
            if before
            else [f"{frame.x(when)},{y(count)}"]
        )
    end, last = max(frame.x(until), frame.x(some[-1][0])), steps[-1][1]
    points += [f"{end},{y(last)}", f"{end},{bottom}"]
    return Scope(
        " ".join(points),
        Label(frame.x(some[0][0]), bottom, str(steps[0][1])),
        _beside(frame.box, end, str(last)),
    )


def _beside(box: Box, end: float, text: str) -> Label:
    """The last number of the strip behind its end; at the right edge where that is near."""
    near = end > box.width * 2 / 3
    return Label(box.right if near else end + 6, box.scope_bottom, text, "end" if near else "start")


_MARKED = {
    EntryKind.HOLD: ("held", "hold"),
    EntryKind.APPROVE: ("approved", "hold"),
    EntryKind.REJECT: ("rejected", "hold"),
    EntryKind.OVERRIDE: ("set by hand", "hand"),
    EntryKind.RESUME: ("back to automatic", "hand"),
    EntryKind.RULE: ("the mapping changed", "rule"),
    EntryKind.TARGET: ("the target changed", "rule"),
    EntryKind.CLOSE: ("the cycle was closed", "rule"),
}


def _marks(entries: Iterable[Entry], frame: _Frame, face: Clockface) -> Iterable[Mark]:
    for place, each in enumerate(_marked(entries)[-MOST_MARKS:], 1):
        word, tone = _MARKED[each.kind]
        value = each.new if each.new is not None else each.old
        y = frame.y(value) if value is not None else float(frame.box.bottom)
        why = f": {harmless(each.why, _LONGEST)}" if each.why else ""
        yield Mark(frame.x(each.at), y, place, tone, f"{face.when(each.at)}: {word}{why}")


def _marked(entries: Iterable[Entry]) -> list[Entry]:
    """What is marked: of an update that waits, the first word alone, and not each read that asked again."""
    found: list[Entry] = []
    asked = ""
    for each in entries:
        if each.kind is EntryKind.HOLD:
            before, asked = asked, hold_in(each)
            if asked and asked == before:
                continue
        if each.kind in _MARKED:
            found.append(each)
    return found


def _shown(steps: Steps, rebuilt: Steps, hands: Hands, at: datetime) -> str:
    """What the chart shows just before a time, in words.  A rebuilt value is of the end of its day."""
    value = next((value for when, value in reversed(steps) if when < at), None)
    back = next((value for when, value in reversed(rebuilt) if when <= at), None)
    told = f"{number(back)} (rebuilt)" if value is None and back is not None else number(value)
    by_hand = next((held for since, end, held in hands if since < at <= end), None)
    return told if by_hand is None else f"{told}, set to {number(by_hand)} by hand"


def _table(
    shown: Callable[[datetime], str], expected: Steps, cycle: Cycle, face: Clockface, until: datetime
) -> Iterable[tuple[str, str, str]]:
    """The end of each week, and the last day."""
    days = [day for day in cycle.days() if day.weekday() == 6]
    ends = [(day, face.calendar.midnight(day + timedelta(days=1))) for day in days]
    ends = [(day, end) for day, end in ends if end <= until]
    today = face.calendar.day_of(until - timedelta.resolution)
    if not ends or ends[-1][0] != today:
        ends.append((today, until))
    for day, end in ends:
        pace = next((value for when, value in reversed(expected) if when <= end), None)
        yield face.day(day), shown(end), number(pace) if pace is not None else ""


def _summary(key_result: KeyResult, steps: Steps, expected: Steps, face: Clockface, until: datetime) -> str:
    told = f"{key_result.title}: "
    if not steps:
        return told + "set by hand"
    told += f"from {number(steps[0][1])} on {face.day(face.local(steps[0][0]).date())} to {number(steps[-1][1])}"
    pace = next((value for when, value in reversed(expected) if when <= until), None)
    return told + (f"; expected by then {number(pace)}" if pace is not None else "")
