"""The command that rebuilds the days before a key result was first measured."""

from __future__ import annotations  # the types of an answer are known to those who give and take it

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from okrs.lanes import approximate_in, day_in
from okrs.ledger import Entry
from okrs.numbers import as_json
from terminal.context import Context, Json
from terminal.reporting import number
from terminal.text import counted, harmless

if TYPE_CHECKING:
    from terminal.answers import Backfilled


def add(app: typer.Typer, context: Context) -> None:
    """Add the command."""

    @app.command(epilog="Examples:  headway backfill p1-bugs  ·  headway backfill p1-bugs --json")
    def backfill(
        key_result: Annotated[str, typer.Argument(metavar="KR", help="Id of a key result.")], as_json: Json = False
    ) -> None:
        """Rebuild the days before a key result was first measured.

        Its sources are read once more, with the histories of their tickets.  How every ticket stood at the end of a day
        follows from when it was created and closed, and from its history where the tracker keeps one; what has none
        (estimates, labels, milestones) is taken as it is now, and the day is marked approximate.
        """
        from terminal.progress import bars_on

        with bars_on(context.out.aside) as bars:
            done = context.ports.backfill(context.config, key_result, progress=bars)
        context.out.give(as_json, lambda: _json(done), lambda: _text(done))


def _json(done: Backfilled) -> dict[str, Any]:
    return {
        "key_result": done.key_result,
        "run": done.run,
        "first": done.first.isoformat() if done.first else None,
        "last": done.last.isoformat() if done.last else None,
        "days": done.days,
        "approximate": list(done.approximate),
        "written": [_entry_json(each) for each in done.entries],
    }


def _entry_json(entry: Entry) -> dict[str, Any]:
    day = day_in(entry.details)
    return {
        "seq": entry.seq,
        "day": day.isoformat() if day else None,
        "old": as_json(entry.old),
        "new": as_json(entry.new),
        "approximate": list(approximate_in(entry.details)),
    }


def _text(done: Backfilled) -> RenderableType:
    name = harmless(done.key_result)
    if not done.days:
        return Text(f"Nothing to rebuild: no day of its cycle lies before {name} was first measured.")
    span = f"{done.first} to {done.last}"
    if not done.entries:
        return Text(f"Nothing is new: the {counted(done.days, 'day')} from {span} are on record as they are.")
    lines = [Text(f"{day_in(each.details)}  {number(each.old)} → {number(each.new)}") for each in done.entries]
    head = Text.assemble((name, "bold"), f": {counted(done.days, 'day')} rebuilt, {span}")
    if done.approximate:
        what = harmless(", ".join(done.approximate), 400)
        lines.append(
            Text(f"Approximate: nothing tells how these were then, so they are as of today: {what}.", "yellow")
        )
    return Group(head, *lines)
