"""Entries of the ledger as sentences: who or what, how much, from which tickets."""

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal

from okrs.immutable import immutable
from okrs.lanes import Lane, approximate_in, day_in, lane_of
from okrs.ledger import CAUSE_WORDS, CauseKind, Entry, EntryKind, hold_in, proposed
from okrs.objective import KeyResult, parse_terms
from okrs.plaintext import harmless
from okrs.work import WorkItem
from store.views.feed import Causes, Told
from web.showing import Clockface, link, number, signed, terms_words

_LONG = 400

EVERYTHING = tuple(kind for kind in EntryKind if kind is not EntryKind.RECONSTRUCTED)
"""What is told unasked: rebuilt days come by the dozen and happened long before."""


@immutable
class TicketName:
    """A ticket as a page names it."""

    name: str
    key: str
    title: str
    url: str | None
    """Where its tracker shows it; None where that is no address to follow."""


@immutable
class CauseWords:
    """What some tickets did."""

    tickets: tuple[TicketName, ...]
    more: int
    what: str
    delta: str


@immutable
class Line:
    """An entry as a page tells it."""

    seq: int
    stamp: str
    when: str
    key_result: str
    title: str
    move: str
    """`12 → 13`; empty where nothing moved."""
    delta: str
    direction: str
    """`up`, `down` or `same`: which way the number went, which is not always the good one."""
    kind: str
    by: str
    said: str
    """What is told in words beside the tickets."""
    causes: tuple[CauseWords, ...]


def lines(told: Iterable[Told], face: Clockface, titles: Mapping[str, KeyResult]) -> tuple[Line, ...]:
    """Tell of entries, in their order."""
    return tuple(_line(each, face, titles.get(each.entry.key_result)) for each in told)


def asked_once(told: Iterable[Told]) -> tuple[Told, ...]:
    """Leave out, newest first, that each read asked again about the same update: its newest word stays."""
    found: list[Told] = []
    known: set[str] = set()
    for each in told:
        name = hold_in(each.entry) if each.entry.kind is EntryKind.HOLD else ""
        if name not in known:
            found.append(each)
        known |= {name} - {""}
    return tuple(found)


def _line(told: Told, face: Clockface, key_result: KeyResult | None) -> Line:
    entry = told.entry
    delta = _delta(entry)
    return Line(
        seq=entry.seq,
        stamp=face.stamp(entry.at),
        when=face.when(entry.at),
        key_result=entry.key_result,
        title=harmless(key_result.title if key_result else entry.key_result),
        move=_move(entry),
        delta=signed(delta) if delta else "",
        direction="same" if not delta else "up" if delta > 0 else "down",
        kind=entry.kind.value,
        by=harmless(told.by or ""),
        said=harmless(_said(entry), 2 * _LONG),
        causes=tuple(cause_words(each) for each in told.causes),
    )


def _delta(entry: Entry) -> Decimal | None:
    if lane_of(entry.kind) is not Lane.AUTOMATIC or entry.old is None or entry.new is None:
        return None
    return entry.new - entry.old


def _move(entry: Entry) -> str:
    if lane_of(entry.kind) is Lane.HUMAN:
        return " → ".join("automatic" if each is None else number(each) for each in (entry.old, entry.new))
    if entry.old == entry.new:
        return ""
    return number(entry.new) if entry.old is None else f"{number(entry.old)} → {number(entry.new)}"


def cause_words(causes: Causes) -> CauseWords:
    """Say what tickets did, those that are named and how many more."""
    tickets = tuple(ticket_name(each) for each in causes.examples)
    what = CAUSE_WORDS.get(causes.kind, causes.kind.value)
    if causes.kind is CauseKind.TIME and not tickets:
        what = "another week is over"
    return CauseWords(tickets, max(0, causes.tickets - len(tickets)), what, signed(causes.delta))


def ticket_name(item: WorkItem) -> TicketName:
    """Name a ticket by its key, or by its title where the key is a mere number."""
    name = harmless(item.title, 40) if item.key.isdigit() else harmless(item.key, 60)
    return TicketName(name or harmless(item.key, 60), item.key, harmless(item.title), link(item.url))


def _said(entry: Entry) -> str:  # noqa: C901, PLR0911, PLR0912 - one word for each kind
    why = entry.why or ""
    match entry.kind:
        case EntryKind.AUTO if entry.old == entry.new:
            return "tickets changed, and the value stays"
        case EntryKind.BASELINE:
            return "measured for the first time"
        case EntryKind.RULE:
            return why or "the mapping changed"
        case EntryKind.TARGET:
            return f"the target changed: {_terms(entry.details)}"
        case EntryKind.OVERRIDE:
            return f"set by hand: {why}"
        case EntryKind.RESUME:
            return "not set by hand any more" + (f": {why}" if why else "")
        case EntryKind.CHECKIN:
            return why + _confidence(entry.details)
        case EntryKind.HOLD:
            return f"an update to {number(proposed(entry))} waits for a person: {why}"
        case EntryKind.LIFT:
            return "nothing waits any more" + (f": {why}" if why else "")
        case EntryKind.APPROVE:
            return "the update that waited was accepted" + (f": {why}" if why else "")
        case EntryKind.REJECT:
            return f"an update to {number(proposed(entry))} was rejected" + (f": {why}" if why else "")
        case EntryKind.CORRECTION:
            return "became known after the cycle was closed; what was closed stays"
        case EntryKind.RECONSTRUCTED:
            names = approximate_in(entry.details)
            about = f" (approximate: {', '.join(names)})" if names else ""
            return f"the end of {day_in(entry.details)}, rebuilt from the tickets' own dates{about}"
        case EntryKind.RETIRE:
            return "left the config: its value stays" + (f" ({why})" if why else "")
        case EntryKind.CLOSE:
            return f"the cycle was closed with the grade {_grade(entry.details)}" + (f": {why}" if why else "")
    return why


def _terms(details: str | None) -> str:
    try:
        return terms_words(parse_terms(details or ""))
    except (ValueError, KeyError, ArithmeticError):  # a hand was in the table: `headway verify` tells of it
        return "see the ledger"


def _confidence(details: str | None) -> str:
    told = json.loads(details or "{}").get("confidence")
    return "" if told is None else f" (confidence {number(Decimal(told) * 100, 0)} %)"


def _grade(details: str | None) -> str:
    told = json.loads(details or "{}").get("grade")
    return "–" if told is None else number(Decimal(told))
