"""Commands for updates that wait for a person."""

from __future__ import annotations  # the types of an answer are known to those who give and take it

import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from okrs.ledger import Entry
from okrs.numbers import as_json, number_in
from store.holds import holds_json
from terminal.context import Context, Json
from terminal.failures import Failure
from terminal.noting import noted, warned
from terminal.reporting import held_line, number
from terminal.text import harmless

if TYPE_CHECKING:
    from terminal.answers import Waits

Id = Annotated[str, typer.Argument(metavar="ID", help="Of an update that waits: `headway holds` lists them.")]
Why = Annotated[str | None, typer.Option("--why", help="What to tell those who ask later.")]


def add(app: typer.Typer, context: Context) -> None:
    """Add the commands."""

    @app.command(epilog="Examples:  headway holds  ·  headway holds --json")
    def holds(as_json: Json = False) -> None:
        """List the updates that wait to be approved or rejected.

        An update waits when deleted tickets, or tickets that went out of sight, would move a key result further than
        `guard` in the config allows.  Until somebody decides the key result keeps its value; when the tickets come
        back, it waits no more.
        """
        with noted(context):
            waiting = context.ports.holds(context.config)
            context.out.give(as_json, lambda: holds_json(waiting.holds), lambda: _listed(waiting))

    @app.command(
        epilog="Examples:  headway approve 3f2a91bc  ·  headway approve 3f2a91bc --expect 12 --why 'cleaned up'"
    )
    def approve(
        name: Id,
        expect: Annotated[
            str | None, typer.Option("--expect", help="The value that was shown; another one is not approved.")
        ] = None,
        why: Why = None,
        as_json: Json = False,
    ) -> None:
        """Let an update that waits through, as it was shown.

        Without --expect a terminal is asked; a script takes what waits now.
        """
        shown = _number(expect)
        with warned(context):
            if shown is None and sys.stdin.isatty() and not as_json:
                shown = _asked(context, name)
            entry = context.ports.approve(context.config, name, expect=shown, why=why)
        context.out.give(as_json, lambda: _entry_json(entry), lambda: _moved(entry))

    @app.command(epilog="Example:  headway reject 3f2a91bc --why 'the token lost a project'")
    def reject(name: Id, why: Why = None, as_json: Json = False) -> None:
        """Keep the value, and ask again only when other tickets change."""
        with warned(context):
            entry = context.ports.reject(context.config, name, why=why)
        kept = f"{harmless(entry.key_result)} stays {number(entry.new)}."
        context.out.give(as_json, lambda: _entry_json(entry), lambda: Text(kept))


def _listed(waiting: Waits) -> RenderableType:
    if not waiting.holds:
        return Text("Nothing waits to be approved.")
    return Group(*(held_line(each, waiting.titles) for each in waiting.holds))


def _number(text: str | None) -> Decimal | None:
    if text is None:
        return None
    found = number_in(text)
    if found is None:
        raise typer.BadParameter(f"{harmless(text)} is not a number", param_hint="--expect")
    return found


def _asked(context: Context, name: str) -> Decimal | None:
    """Show what waits and ask whether it is meant; returns what was shown."""
    held = next((each for each in context.ports.holds(context.config).holds if each.id == name), None)
    if held is None:
        return None  # whoever approves says so
    context.out.aside.print(f"{held.key_result}: {number(held.old)} → {number(held.new)}. {harmless(held.reason, 400)}")
    if not typer.confirm("Approve it?", err=True):
        raise Failure("Nothing was approved.")
    return held.new


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {"key_result": entry.key_result, "old": as_json(entry.old), "new": as_json(entry.new), "seq": entry.seq}


def _moved(entry: Entry) -> Text:
    return Text.assemble((harmless(entry.key_result), "bold"), f"  {number(entry.old)} → {number(entry.new)}")
