"""What `headway plan` says: how each key result would move, and by which tickets."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from rich.console import Group, RenderableType
from rich.text import Text

from okrs.demand import Extra
from okrs.ledger import EntryKind
from okrs.numbers import plain
from okrs.work import fold_name
from store.views.history import ShownEntry
from sync.lacking import Lack
from sync.planned import Note, Place, Planned, Ticket
from terminal.answers import Plan
from terminal.noting import problem_lines
from terminal.render import REASONS, cause_text
from terminal.reporting import number
from terminal.tables import Cells, Rows
from terminal.text import LONGEST, counted, first_of, harmless, no_database, plain_text, terms_in_words

_MOST = 20
"""Tickets of one list that are shown; the JSON has all."""

_MOST_CAUSES = 6

_MOST_NAMES = 8
"""Names that a sentence lists; the JSON has all."""

_LONGEST_NAME = 60

EFFECTS = {
    EntryKind.BASELINE: "first measured",
    EntryKind.AUTO: "tickets",
    EntryKind.RULE: "rule",
    EntryKind.TARGET: "target",
    EntryKind.RETIRE: "retired",
}
"""What each entry that would be written is about."""

_DOUBTFUL = {Note.UNKNOWN, Note.REFUSED, Note.PARTLY, Note.UNFED, Note.TOO_LARGE, Note.WAITS, Note.VOID}

FATES = {
    "deleted": "was deleted",
    "hidden": "cannot be seen any more",
    "moved": "moved to a project that is not read",
    "removed": "left with its project",
}
"""Why a ticket is no longer in the mirror, as a phrase."""


class Show(Protocol):
    """Makes what others wrote harmless where it is shown.  Our own words go as they are."""

    def __call__(self, text: str, longest: int = LONGEST) -> str: ...


def planned(view: Plan) -> RenderableType:
    """Every key result that changes, or of which something is to be said; then how many stay."""
    told = [each for each in view.key_results if each.told]
    blocks = [block for each in told for block in (*_key_result(each), Text())]
    blocks += [Text(harmless(line, 1000), "yellow") for line in problem_lines(view.warnings)]
    blocks += [Text(line, "yellow") for line in whole_lines(view, harmless)]
    return Group(*blocks, Text(summary(view), "bold"))


def summary(view: Plan) -> str:
    """How many key results change."""
    changing = sum(each.changes for each in view.key_results)
    of = counted(len(view.key_results), "key result")
    if view.reads:
        rules = f"The rules change {changing} of {of}" if changing else f"The rules change nothing ({of})"
        return f"{rules}; what the next read changes is known after it."
    closed = sum(not {Note.CLOSED, Note.CLOSED_EDITED}.isdisjoint(each.notes) for each in view.key_results)
    over = f", {closed} of closed cycles" if closed else ""
    return (
        f"{changing} of {of}{over}{',' if over else ''} would change."
        if changing
        else f"Nothing would change: {of}{over}."
    )


def title_of(each: Planned) -> str:
    return each.title or each.id


def note_text(each: Planned, show: Show = harmless) -> str:
    """What is to be said beside the numbers; empty when nothing is."""
    return "; ".join(_note(note, each, show) for note in each.notes)


def _note(note: Note, each: Planned, show: Show) -> str:
    lacks = ", ".join(_lack(lack, show) for lack in each.lacks)
    if note is Note.REFUSED:
        wanting = [lack for lack in each.lacks if lack.refused or lack.denied]
        awaited = " and ".join(dict.fromkeys(what for lack in wanting for what in _awaited(lack)))
        return f"waits for {awaited}: {' '.join(_refused(lack, show) for lack in wanting)}"
    told = {
        Note.UNKNOWN: f": {lacks}" if lacks else "",
        Note.PARTLY: f": {lacks}",
        Note.RENAMED: f", was {show(each.key_result.was)}" if each.key_result and each.key_result.was else "",
        Note.WAITS: f": {_waits(each)}",
        Note.RULE: "".join(f": {why}" for why in _reasons(each)),
        Note.TARGET: f": {' ⇒ '.join(terms_in_words(text) for text in each.terms or ())}",
    }
    return note.value + told.get(note, "")


def _waits(each: Planned) -> str:
    held = each.held
    would = "lose tickets" if held is None or held.old == held.new else f"become {number(held.new)}"
    return f"it would {would}, as `headway holds` tells"


def _awaited(lack: Lack) -> Iterator[str]:
    extras = {extra.value: extra.word for extra in Extra}
    yield from sorted({extras.get(name, "a field") for name in lack.awaited})
    if lack.denied:
        yield "a query"


def _refused(lack: Lack, show: Show) -> str:
    return f"{show(lack.source)}: {show(' '.join((*lack.refused, *lack.denied)), 400)}"


def _reasons(each: Planned) -> list[str]:
    """Why the rule is another one, where nobody touched the mapping."""
    entries = (effect.entry for effect in each.effects)
    return [entry.why for entry in entries if entry.kind is EntryKind.RULE and entry.why]


def _lack(lack: Lack, show: Show) -> str:
    beyond = lack.beyond
    what = [
        *_names(lack.unread, show),
        *(f"the field {name}" for name in _names(sorted(beyond.fields), show)),
        *(word for word in ("histories", "sprints") if getattr(beyond, word)),
        *(["links between tickets"] if beyond.refs else []),
        *(f"the query {text}" for text in _names(lack.unasked, show)),
    ]
    return f"{' and '.join(what)} of {show(lack.source)}"


def _names(names: Sequence[str], show: Show) -> list[str]:
    more = [f"{len(names) - _MOST_NAMES} more"] if len(names) > _MOST_NAMES else []
    return [*(show(name, _LONGEST_NAME) for name in names[:_MOST_NAMES]), *more]


def whole_lines(view: Plan, show: Show) -> list[str]:
    """What is to be said of no one key result: what the next read changes, ids that were exchanged, what is missing."""
    lines = []
    for each in view.reads:
        if each.dropped:
            names = ", ".join(_names(each.dropped, show))
            leave = "its tickets leave" if len(each.dropped) == 1 else "their tickets leave"
            lines.append(f"{show(each.source)}: {names} left the config; {leave} with the next read.")
        if each.added:
            come = "comes" if len(each.added) == 1 else "come"
            lines.append(f"{show(each.source)}: {', '.join(_names(each.added, show))} {come} with the next read.")
        if each.anew:
            lines.append(f"{show(each.source)}: its settings changed; the next read takes everything anew.")
    lines += _under_another_id(view, show)
    return [*lines, *([no_database(show(view.absent, 400))] if view.absent else [])]


def _under_another_id(view: Plan, show: Show) -> list[str]:
    """Ask whether one that comes is one that goes: without `was:` what is known of it would begin anew."""
    gone = {fold_name(each.former): each.id for each in view.key_results if each.former and Note.RETIRED in each.notes}
    come = [each for each in view.key_results if Note.NEW in each.notes and each.key_result]
    same = [(each, gone[name]) for each in come if (name := fold_name(title_of(each))) in gone]
    return [
        f"{show(each.id)} has the title of {show(old)}, which is taken out: if it is the same one in the same cycle, "
        f"write was: {show(old)} at it, and its history goes on."
        for each, old in same[:_MOST_NAMES]
    ]


def _key_result(each: Planned) -> Iterator[RenderableType]:
    note = note_text(each)
    moved = f"  {move(each)}" if each.old is not None or each.new is not None else ""
    yield Text.assemble(
        (harmless(title_of(each)), "bold"),
        (f"  {harmless(each.id)}" if each.title else "", "dim"),
        moved,
        (f"  {note}" if note else "", "yellow" if _doubtful(each) else ""),
    )
    if len(each.effects) > 1 or any(effect.entry.kind is EntryKind.AUTO for effect in each.effects):
        yield Rows([_effect(effect) for effect in each.effects], indent=2)
    for word, tickets in lists(each):
        yield Text(f"  {word} ({len(tickets)})")
        yield Rows([_ticket(ticket) for ticket in tickets[:_MOST]], indent=4)
        if len(tickets) > _MOST:
            yield Text(f"    and {len(tickets) - _MOST} more", "dim")


def lists(each: Planned) -> list[tuple[str, tuple[Ticket, ...]]]:
    """The lists of tickets that hold any, with what they are; those that count stand first."""
    every = (("Comes in", each.coming), ("Goes out", each.going), ("Counts otherwise", each.changed))
    return [(word, tuple(sorted(some, key=lambda ticket: ticket.reason is not None))) for word, some in every if some]


def move(each: Planned) -> str:
    """The value now and then; a question mark where nobody knows it before a read."""
    unknown = Note.UNKNOWN in each.notes
    if not unknown and each.old == each.new:
        return number(each.old)
    return f"{number(each.old)} → {'?' if unknown else number(each.new)}"


def _doubtful(each: Planned) -> bool:
    return bool(_DOUBTFUL & set(each.notes))


def _effect(effect: ShownEntry) -> Cells:
    entry = effect.entry
    causes = [cause_text(cause) for cause in effect.causes if cause.item]
    return (
        Text(EFFECTS.get(entry.kind, entry.kind.value)),
        Text(number(entry.old) if entry.old == entry.new else f"{number(entry.old)} → {number(entry.new)}"),
        Text(first_of(causes, _MOST_CAUSES)),
    )


def _ticket(ticket: Ticket) -> Cells:
    key, title = (ticket.item.key, ticket.item.title) if ticket.item else (ticket.id, "")
    return plain_text(key), plain_text(title), Text(fate(ticket))


def fate(ticket: Ticket) -> str:
    """What becomes of a ticket: what it brings or takes away, or counts then, and why it does not count."""
    reason = ticket.reason
    if ticket.old and ticket.new:
        return f"{_amounts(ticket.old)} → {_amounts(ticket.new)}"
    moved = _signed("+", ticket.new) if ticket.new else _signed("-", ticket.old)
    return moved if reason is None else f"{moved}, {FATES.get(reason) or REASONS.get(reason, reason)}"


def _signed(sign: str, places: Sequence[Place]) -> str:
    """What comes or goes; an amount of 0 does neither, and is there for what it is a part of."""
    told = _amounts(places)
    if not any(each.amount for each in places):
        return told
    if len(places) == 1 and places[0].amount == places[0].weight:  # of a negative one the two signs are one
        amount = places[0].amount if sign == "+" else -places[0].amount
        return f"{'+' if amount > 0 else ''}{plain(amount)}"
    if any(each.amount < 0 for each in places):
        return f"{sign}({told})"
    return f"{sign}({told})" if len(places) > 1 else f"{sign}{told}"


def _amounts(places: Sequence[Place]) -> str:
    """Of each part, the amount, and the weight where that is another number."""
    shown = (
        plain(each.amount) if each.amount == each.weight else f"{plain(each.amount)} of {plain(each.weight)}"
        for each in places
    )
    return " + ".join(shown)
