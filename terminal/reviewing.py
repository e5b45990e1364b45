"""`headway plan --markdown`: a comment for a pull request, in the Markdown of code hosts.

Titles are hostile here in a way of their own: a bar would end a table's cell, a tag would be HTML, an `@name` would
call somebody.  Everything in what others wrote that means something to Markdown, HTML or the host is written as a
character reference; our own words and numbers stay as they are.
"""

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from urllib.parse import quote, urlsplit

from config.problems import Problem
from sync.planned import Note, Planned, Ticket
from terminal.answers import Plan
from terminal.planning import fate, lists, move, note_text, summary, title_of, whole_lines
from terminal.reporting import number
from terminal.text import LONGEST, counted, harmless

_MOST = 10
"""Tickets of one list that are shown."""

_MOST_WARNINGS = _MOST_WAITING = 20

_LONGEST = 50_000
"""Characters after which no more details are given; hosts refuse comments a little longer."""

_LONGEST_TABLE = 30_000
_LONGEST_WARNINGS = 15_000
"""Characters of the table's rows, and of the warnings; the rest is counted."""


def reviewed(view: Plan) -> str:
    """Return the whole comment."""
    told = [each for each in view.key_results if each.changes]
    lines = ["### Headway plan", "", summary(view), ""]
    if told:
        rows = _within(map(_row, told), _LONGEST_TABLE)
        lines += ["| key result | now | then | in | out | note |", "|---|--:|--:|--:|--:|---|", *rows, ""]
        if len(rows) < len(told):
            more = counted(len(told) - len(rows), "more key result")
            lines += [f"… and {more} would change: `headway plan` tells of all.", ""]
    lines += _waiting([each for each in view.key_results if Note.WAITS in each.notes and not each.changes])
    lines += [line for note in whole_lines(view, inert) for line in (f"> {note}", "")]
    lines += _warnings(view.warnings)
    length, left = sum(map(len, lines)), 0
    for each in told:
        block = list(_details(each))
        length += sum(map(len, block))
        if length > _LONGEST:
            left += bool(block)
        else:
            lines += block
    if left:
        lines += [f"The tickets of {left} more are told by `headway plan`.", ""]
    return "\n".join(lines)


def _waiting(waits: Sequence[Planned]) -> Iterator[str]:
    """Tell of those that the change does not move, and whose value is not where their tickets are."""
    for each in waits[:_MOST_WAITING]:
        yield f"> {_name(each)}: {note_text(each, inert)}"
        yield ""
    if len(waits) > _MOST_WAITING:
        yield f"> … and an update waits for each of {len(waits) - _MOST_WAITING} more: `headway holds` tells of all."
        yield ""


def _within(lines: Iterable[str], most: int) -> list[str]:
    """Return the first lines that have room in so many characters."""
    every = list(lines)
    ends = accumulate(len(line) + 1 for line in every)
    return [line for line, end in zip(every, ends, strict=True) if end <= most]


def _warnings(warnings: Sequence[Problem]) -> Iterator[str]:
    """What `validate` warns of what changes, folded: a number to see, sentences for whoever opens it."""
    if not warnings:
        return
    yield f"<details><summary>{counted(len(warnings), 'warning')} about what changes</summary>"
    yield ""
    told = _within((f"- {inert(str(each), 1000)}" for each in warnings[:_MOST_WARNINGS]), _LONGEST_WARNINGS)
    yield from told
    if len(warnings) > len(told):
        yield f"- and {len(warnings) - len(told)} more, which `headway validate` tells"
    yield ""
    yield "</details>"
    yield ""


def _row(each: Planned) -> str:
    then = "?" if Note.UNKNOWN in each.notes else number(each.new)
    count = [str(len(tickets) or "") for tickets in (each.coming, each.going)]
    return f"| {_name(each)} | {number(each.old)} | {then} | {' | '.join(count)} | {_note(each)} |"


def _name(each: Planned) -> str:
    return f"{inert(title_of(each))} <sub>{inert(each.id)}</sub>" if each.title else inert(each.id)


def _note(each: Planned) -> str:
    """A key result that only its tickets move has no note of its own."""
    return note_text(each, inert) or "tickets"


def _details(each: Planned) -> Iterator[str]:
    found = lists(each)
    if not found:
        return
    yield f"<details><summary>{inert(title_of(each))}: {move(each)}</summary>"
    yield ""
    for word, tickets in found:
        yield f"{word} ({len(tickets)}):"
        yield ""
        yield from _tickets(tickets)
        yield ""
    yield "</details>"
    yield ""


def _tickets(tickets: Sequence[Ticket]) -> Iterator[str]:
    for each in tickets[:_MOST]:
        title = f" {inert(each.item.title)}" if each.item else ""
        yield f"- {_link(each)}{title}: {fate(each)}"
    if len(tickets) > _MOST:
        yield f"- and {len(tickets) - _MOST} more"


def _link(ticket: Ticket) -> str:
    if ticket.item is None:
        return inert(ticket.id)
    name, address = inert(ticket.item.key), _address(ticket.item.url)
    return f"[{name}](<{address}>)" if address else name


def _address(url: str) -> str | None:
    """Return an address that ends where it should; None for one that is none of the web."""
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        return None
    return html.escape(quote(url, safe=":/?#@!$&'()*+,;=%-._~")) if scheme in ("https", "http") else None


_MEANT = re.compile(r"[^\w\s.,;?()/%+='→⇒…–-]|_|(?<=[Ww]{3})\.")


def inert(text: str, longest: int = LONGEST) -> str:
    """Return the text so that it is nothing but text, in a table's cell, a list, a summary and a quotation."""
    return _MEANT.sub(_reference, harmless(text, longest))


def _reference(match: re.Match[str]) -> str:
    sign = match[0]
    written = f"&#{ord(sign)};"
    # The host looks for these in what is shown, where a reference is the sign again; nothing shows between.
    return f"{written}<!-- -->" if sign in "@#" else written
