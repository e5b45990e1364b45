"""A key result: its value, its course, and every ticket behind it."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from okrs.immutable import immutable
from okrs.ledger import EntryKind
from okrs.numbers import plain_or_none
from okrs.objective import Binary, KeyResult, Numeric
from okrs.plaintext import harmless
from okrs.progress import ONE, Status
from store.families import Unread
from store.views.course import MOST, Course, course
from store.views.excerpt import Excerpt, Leafing, Lines, excerpt, excerpt_of
from store.views.explain_past import ExplainedThen, UnknownThenError, explain_at
from store.views.feed import Wanted, feed
from store.views.homes import homes_of
from store.views.moves import before_in, first_since, movers, values_before
from store.views.rules import life_of, worded
from store.views.setup import Setup
from store.views.status import KeyResultStatus, StatusView, status
from store.views.status_past import status_at
from store.views.waiting import AWAITED, Waiting, Why, waiting
from web.board import LATELY, row_of
from web.charts import charts
from web.desk import Desk, Visit
from web.foreseeing import forecast_words, foreseen
from web.forms import Draft
from web.pages.asking import READING, PageNumber, Place
from web.pages.papers import unknown
from web.pages.reasons import CHANGES, WAITS, reason
from web.rows import NO_WEEK, Week, freshness
from web.showing import is_share, number, percent, terms_words, value_words
from web.telling import EVERYTHING, TicketName, asked_once, lines, ticket_name

MOVES = 15
_MOVES = tuple(kind for kind in EVERYTHING if kind is not EntryKind.CHECKIN)
"""Check-ins have a place of their own."""
TICKETS = 40
"""Tickets of each list on one page."""

_UNREAD = 3
"""Keys that are named of what is not read."""

SURENESS = tuple((f"0.{tenth}" if tenth < 10 else "1", f"{tenth * 10} %") for tenth in range(11))
"""How sure somebody may be that it will be reached."""

DONE = {
    "set": "Your value is shown now.",
    "resume": "The automatic value is shown again.",
    "check-in": "Your note is kept.",
    "approve": "The update was accepted.",
    "reject": "The value stays as it is, and the update waits no more.",
}
"""What is said after each change."""

Day = Annotated[str, Query(max_length=40)]


@immutable
class TicketLine:
    ticket: TicketName
    amount: str
    words: str
    """Why it does not count; empty where it does."""
    note: str
    """What else is to be known of it; empty where nothing is."""


@immutable
class Listed:
    """Some tickets of a part."""

    lines: tuple[TicketLine, ...]
    total: int
    page: int
    pages: int


@immutable
class PartView:
    number: int
    source: str
    sentence: str
    notes: tuple[str, ...]
    value: str
    counted: Listed
    others: Listed
    lacks: bool
    grown: str
    unread: tuple[str, ...]
    """What is not read of what lies under its epics and parents."""
    plainly: bool
    """Every ticket counts as one, so that their amounts say nothing."""


def router(desk: Desk) -> APIRouter:
    """The route of a key result."""
    routes = APIRouter()

    @routes.api_route("/key-results/{name}", **READING)
    def key_result(
        name: str, at: Day = "", *, part: Place = 0, counted: PageNumber = 1, others: PageNumber = 1, done: Day = ""
    ) -> Response:
        with desk.visit() as visit:
            found = visit.setup.key_result(name)
            if found is None:
                return _left(desk, visit, name)
            pages, draft = {part: (counted, others)}, desk.draft(DONE.get(done, ""))
            told = facts(visit, found, at.strip(), pages, draft)
            return desk.page("key_result.html", within="/", **visit.frame, **told)

    return routes


def _left(desk: Desk, visit: Visit, name: str) -> Response:
    """One that is in the config no more keeps its history."""
    found = feed(visit.connection, Wanted(frozenset({name}), EVERYTHING, most=MOVES))
    if not found.entries:
        raise unknown(name)
    told = lines(found.entries, visit.face, {})
    return desk.page("left.html", within="/", **visit.frame, name=name, lines=told, more=found.more)


@immutable
class Editable:
    """What can be changed of a key result just now, and the form for it."""

    draft: Draft
    yes_or_no: bool
    by_hand: bool
    """A person's value is shown."""
    hold: str
    """The update that waits, by its id; empty where none does."""
    proposed: str
    """Its value, exactly."""


def facts(
    visit: Visit, found: KeyResult, at: str = "", pages: dict[int, tuple[int, int]] | None = None,
    draft: Draft | None = None,
) -> dict[str, Any]:  # fmt: skip
    """All that the page shows; `draft` is the form where something may be changed."""
    moment, problem = _moment(visit, at)
    alone = visit.alone(found)
    view = _status(visit, alone, found, moment)
    [stands] = [each for each in view.key_results if each.key_result.id == found.id]
    leafing = Leafing(TICKETS, pages or {})
    told = _explained(visit, alone, found, moment, leafing)
    then = told if isinstance(told, ExplainedThen) else None
    answer = excerpt_of(then.answer, leafing) if then else told if isinstance(told, Excerpt) else None
    until = None if moment is None else first_since(visit.connection, moment) - 1
    cycle = next(each for each in visit.setup.cycles if each.id == stands.key_result.cycle)
    drawn = course(visit.connection, found.id, moment)
    objective = next((each for each in visit.setup.objectives if each.id == stands.key_result.objective), None)
    sources = {each.setup.name: each for each in view.sources}
    rule = answer.rule if answer else visit.setup.rules.get(found.id)
    wanted = Wanted(frozenset({found.id}), _MOVES, most=MOVES, until=until, silent=False)
    moves = feed(visit.connection, wanted)
    notes = feed(visit.connection, Wanted(frozenset({found.id}), (EntryKind.CHECKIN,), most=3, until=until))
    titles = {found.id: found}
    ahead = None if stands.closed else foreseen(stands.key_result, cycle, drawn, visit.face, moment or visit.now)
    wide, narrow = charts(stands.key_result, cycle, drawn, visit.face, moment or visit.now, told=ahead) or (None, None)
    by_hand = stands.override is not None
    waits = None if answer and answer.value is not None else _waiting(visit, alone, found, moment)
    return {
        "key_result": stands.key_result,
        "objective": objective,
        "row": row_of(visit, stands, sources, _week(visit, found, drawn) if moment is None else NO_WEEK),
        "status": stands,
        "sentence": sentence(stands, "then" if moment else "now"),
        "fresh": "" if moment or stands.closed else freshness(sources, rule.sources if rule else (), visit.face),
        "terms": terms_words(stands.key_result.terms),
        "chart": wide,
        "narrow": narrow,
        "ahead": forecast_words(stands.key_result, cycle, ahead, visit.face, by_hand=by_hand) if ahead else "",
        "moves": lines(asked_once(moves.entries), visit.face, titles),
        "more_moves": moves.more,
        "notes": lines(notes.entries, visit.face, titles),
        "parts": part_views(answer, visit.setup) if answer else (),
        "joined": worded(rule, visit.setup).joined if rule else (),
        "life": life_of(visit.connection, found.id, moment),
        "waits": waits,
        "editable": _editable(visit, stands, draft) if draft and moment is None else None,
        "sureness": SURENESS,
        "at": at,
        "moment": moment,
        "then": then,
        "problem": problem or (_unknown(visit, told) if isinstance(told, UnknownThenError) else ""),
        "today": visit.setup.calendar.day_of(visit.now).isoformat(),
        "first_day": cycle.start.isoformat(),
    }


def _editable(visit: Visit, stands: KeyResultStatus, draft: Draft) -> Editable | None:
    """None where nothing is recorded: before the cycle, and when it is closed."""
    cycle = next(each for each in visit.setup.cycles if each.id == stands.key_result.cycle)
    if stands.closed or visit.now < cycle.period(visit.setup.calendar).start:
        return None
    waits = stands.hold if stands.hold and not stands.hold.rejected else None
    return Editable(
        draft,
        isinstance(stands.key_result.terms, Binary),
        stands.override is not None,
        waits.id if waits else "",
        (plain_or_none(waits.new) or "") if waits else "",
    )


def _moment(visit: Visit, at: str) -> tuple[datetime | None, str]:
    """The instant that a day means, which is its end; None for now, with a sentence where the day means nothing."""
    if not at:
        return None, ""
    try:
        day = date.fromisoformat(at)
    except ValueError:
        return None, f"{harmless(at, 40)} is no day: write it like 2026-11-15. This is how it stands now."
    today = visit.setup.calendar.day_of(visit.now)
    if day >= today:
        return None, "" if day == today else f"{day.isoformat()} is in the future. This is how it stands now."
    try:
        return visit.setup.calendar.midnight(day + timedelta(days=1)) - timedelta.resolution, ""
    except OverflowError:
        return None, f"{harmless(at, 40)} is out of the calendar. This is how it stands now."


def _status(visit: Visit, alone: Setup, found: KeyResult, moment: datetime | None) -> StatusView:
    if moment is None:
        return status(visit.connection, alone, visit.now, found.cycle, look=False, count=False)
    home = homes_of(visit.connection, alone).get(found.id)
    return status_at(visit.connection, alone, moment, home.cycle if home else found.cycle).view


def _explained(
    visit: Visit, alone: Setup, found: KeyResult, moment: datetime | None, leafing: Leafing
) -> Excerpt | ExplainedThen | UnknownThenError | None:
    try:
        if moment is None:
            return excerpt(visit.connection, alone, found.id, visit.now, leafing=leafing, cache=visit.cache)
        return explain_at(visit.connection, alone, found.id, moment)
    except UnknownThenError as error:
        return error
    except ArithmeticError:  # absurd estimates: `waiting` says so
        return None


def _unknown(visit: Visit, error: UnknownThenError) -> str:
    if error.since is None:
        return "Nothing was known of it then, and nothing is yet."
    return f"Nothing was known of it then: it was first measured {visit.face.when(error.since)}."


def _waiting(visit: Visit, alone: Setup, found: KeyResult, moment: datetime | None) -> str:
    return waiting_words(waiting(visit.connection, alone, found.id, visit.now), visit) if moment is None else ""


def waiting_words(waits: Waiting | None, visit: Visit) -> str:  # noqa: PLR0911 - one sentence for each reason
    """Why there is no value yet, and what helps."""
    if waits is None:
        return ""
    told = " ".join(f"{harmless(name, 60)}: {harmless(error, 400)}" for name, error in waits.failed)
    match waits.why:
        case Why.MAPPING:
            return "No mapping feeds it. Write one that says which tickets count."
        case Why.CYCLE:
            begins = visit.face.day(waits.begins) if waits.begins else "later"
            return f"Its cycle begins on {begins}; nothing is measured before."
        case Why.NOTHING:
            return "Its mapping finds nothing to measure yet. The first value comes with the first ticket that counts."
        case Why.TOO_LARGE:
            return "Its numbers are too large to be measured: look at the estimates and at the scale."
        case Why.SYNC:
            return "Its sources were not read since it is in the config: the next read brings the first value."
    return f"It waits for {AWAITED[waits.why]}. {told}"


def _week(visit: Visit, found: KeyResult, known: Course) -> Week:
    """What moved it lately: of the ledger only its own entries are looked at, which are read already."""
    since = visit.now - LATELY
    lately = [each for each in known.entries if each.at >= since]
    if not lately:
        return NO_WEEK
    if len(lately) == MOST:  # older ones may be as new
        begun = first_since(visit.connection, since)
        before = values_before(visit.connection, begun, found.id)
    else:
        begun, before = lately[0].seq, before_in(lately)
    return Week(before, movers(visit.connection, begun, [found.id]))


def sentence(stands: KeyResultStatus, then: str = "now") -> str:
    """The page in one line: value, target, progress, pace."""
    key_result, standing = stands.key_result, stands.standing
    if stands.value is None:
        return "Not measured yet."
    told = [_value(key_result, stands.value)]
    told.append(f"{percent(standing.progress)} of the way")
    if isinstance(key_result.terms, Numeric) and not stands.closed and standing.expected < ONE:
        told.append(f"expected by {then} {percent(standing.expected)}")
    if stands.closed:
        told.append(f"closed with the grade {number(stands.closed.final.grade)}")
    elif standing.pace in (Status.AT_RISK, Status.OFF_TRACK):
        told.append("behind pace")
    return " · ".join(told)


def _value(key_result: KeyResult, value: Decimal) -> str:
    """A value beside its terms, as in `13 of 20 bugs`, or `49 bugs, from 65 down to 30`."""
    shown = value_words(key_result, value)
    if is_share(key_result):
        return shown
    match key_result.terms:
        case Numeric(start, target) if target < start:
            return f"{shown}, from {number(start)} down to {number(target)}"
        case Numeric(start, target):
            begun = f", from {number(start)}" if start else ""
            return f"{number(value)} of {value_words(key_result, target)}{begun}"
    return f"{shown} ({terms_words(key_result.terms)})"


def part_views(answer: Excerpt, setup: Setup) -> tuple[PartView, ...]:
    """Tell of each part."""
    words = worded(answer.rule, setup)
    return tuple(
        _part(answer, place, words.parts[place].sentence, words.parts[place].notes)
        for place in range(len(answer.rule.parts))
    )


def _amount(amount: Decimal | None) -> str:
    return "" if amount is None else number(amount)


def _words(why: str | None, *, waits: bool, by_sight: bool) -> tuple[str, str]:
    """Why a ticket does not count, and what else is to be known of it."""
    if why is not None:
        return WAITS if waits else reason(why), ""
    return "", CHANGES if waits else "dated by the day it was seen closed" if by_sight else ""


def _unread(told: Unread) -> str:
    above = harmless(told.family.above)
    known = []
    if told.items:
        some = ", ".join(map(harmless, told.examples[:_UNREAD]))
        more = ", …" if told.items > _UNREAD else ""
        verb = "is" if told.items == 1 else "are"
        known.append(f"{told.items} of what lies under {above} {verb} not read by its source: {some}{more}.")
    if told.error is not None:
        when = f"since {told.asked_at:%Y-%m-%d}" if told.asked_at else "yet"
        known.append(f"What is not read under {above} could not be asked {when}: {harmless(told.error, 400)}")
    return " ".join(known)


def _part(answer: Excerpt, place: int, sentence: str, notes: Sequence[str]) -> PartView:
    part, told = answer.rule.parts[place], answer.parts[place]
    return PartView(
        number=place + 1,
        source=harmless(part.source),
        sentence=harmless(sentence, 800),
        notes=tuple(harmless(each, 400) for each in notes),
        value=number(told.value),
        counted=_listed(told.counted),
        others=_listed(told.others),
        lacks=told.lacks and answer.value is not None,
        grown=f"{told.grown} ticket{'s' if told.grown != 1 else ''} came in since the cycle began"
        if told.grown
        else "",
        unread=tuple(_unread(each) for each in answer.not_read.get(place, ())),
        plainly=told.plainly,
    )


def _listed(leaf: Lines) -> Listed:
    lines = []
    for each in leaf.lines:
        why = each.reason.value if each.reason else None
        said = _words(why, waits=each.waits, by_sight=each.dated_by_sight)
        lines.append(TicketLine(ticket_name(each.item), _amount(each.amount), *said))
    return Listed(tuple(lines), leaf.total, leaf.page, leaf.pages)
