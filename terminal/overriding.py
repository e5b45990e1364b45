"""Commands by which a person says something of a key result beside what its tickets say."""

from __future__ import annotations  # the types of an answer are known to those who give and take it

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from okrs.ledger import timestamp
from okrs.numbers import as_json, number_in, rounded
from store.lanes import override_json
from terminal.context import Context, Json
from terminal.noting import warned
from terminal.ports import When
from terminal.text import harmless, local_end, when_in

if TYPE_CHECKING:
    from terminal.answers import CheckedIn, Overridden

Name = Annotated[str, typer.Argument(metavar="KR", help="Id of a key result.")]

_NEGATIVE = {"ignore_unknown_options": True}
"""For a value such as -5, which is no option."""


def add(app: typer.Typer, context: Context) -> None:
    """Add the commands."""

    @app.command(
        name="set",
        context_settings=_NEGATIVE,
        epilog="Examples:  headway set p1-bugs 22 --why 'two were fixed in the old tracker'  ·  "
        "headway set churn 3.5 --why 'from the survey' --until 2026-12-31",
    )
    def set_value(
        key_result: Name,
        value: Annotated[str, typer.Argument(metavar="VALUE", help="A number; of a yes or no 1 or 0.")],
        why: Annotated[str, typer.Option("--why", help="What to tell those who look at the number.")],
        until: Annotated[
            str | None,
            typer.Option("--until", metavar="DATE", help="The last day of the value, or its end, as 2026-12-31T18:00."),
        ] = None,
        as_json: Json = False,
    ) -> None:
        """Show a value of your own instead of the automatic one.

        The automatic value goes on by itself, and stands beside yours.  A key result that no mapping feeds has the
        value that you set.
        """
        number, reason, last = _number(value, "VALUE"), _text(why, "--why"), _until(until)
        with warned(context):
            told = context.ports.set_value(context.config, key_result, number, why=reason, until=last)
        zone = "" if as_json else context.ports.timezone(context.config)
        context.out.give(as_json, lambda: _json(told), lambda: _set(told, zone))

    @app.command(epilog="Example:  headway resume p1-bugs --why 'the tickets are in order again'")
    def resume(
        key_result: Name,
        why: Annotated[str | None, typer.Option("--why", help="What to tell those who ask later.")] = None,
        as_json: Json = False,
    ) -> None:
        """Go back from a value that was set to the automatic one."""
        reason = None if why is None else _text(why, "--why")
        with warned(context):
            told = context.ports.resume(context.config, key_result, why=reason)
        context.out.give(as_json, lambda: _json(told), lambda: _resumed(told))

    @app.command(epilog="Example:  headway checkin p1-bugs --note 'two fixes wait for a release' --confidence 0.7")
    def checkin(
        key_result: Name,
        note: Annotated[str, typer.Option("--note", help="How it goes, for those who look at the number.")],
        confidence: Annotated[
            str | None, typer.Option("--confidence", help="How sure you are that it will be reached: 0 to 1.")
        ] = None,
        as_json: Json = False,
    ) -> None:
        """Note how a key result goes; its value stays."""
        said, sure = _text(note, "--note"), _confidence(confidence)
        with warned(context):
            told = context.ports.check_in(context.config, key_result, note=said, confidence=sure)
        context.out.give(as_json, lambda: _checkin_json(told), lambda: _checked_in(told))


def _number(text: str, where: str) -> Decimal:
    found = number_in(text)
    if found is None:
        raise typer.BadParameter(f"{harmless(text)} is not a number", param_hint=where)
    return found


def _confidence(text: str | None) -> Decimal | None:
    if text is None:
        return None
    found = _number(text, "--confidence")
    if not 0 <= found <= 1:
        raise typer.BadParameter(f"{harmless(text)} is not between 0 and 1", param_hint="--confidence")
    return rounded(found)


def _until(text: str | None) -> When | None:
    if text is None:
        return None
    try:
        return when_in(text)
    except ValueError:
        told = f"{harmless(text)} is not a date like 2026-12-31, nor a time like 2026-12-31T18:00"
        raise typer.BadParameter(told, param_hint="--until") from None


def _text(text: str, where: str) -> str:
    """Return what is to be kept for others to read."""
    kept = text.encode(errors="replace").decode().replace("\0", "").strip()
    if not kept:
        raise typer.BadParameter("say something: others will read it", param_hint=where)
    return kept


def _json(told: Overridden) -> dict[str, Any]:
    entry, known = told.said.entry, told.override
    return {
        "key_result": told.key_result.id,
        "old": as_json(entry.old if entry else known.value if known else None),
        "new": as_json(known.value if known else None),
        "automatic": as_json(told.said.lanes.automatic),
        "override": override_json(known, {known.by: told.by or known.by} if known else {}),
        "seq": entry.seq if entry else known.seq if known else None,
        "written": entry is not None,
    }


def _set(told: Overridden, zone: str) -> Text:
    from terminal.render import goal  # for those who are told in words

    title = (harmless(told.key_result.title), "bold")
    value = goal(told.key_result, told.override.value if told.override else None)
    until = f" until {_last(told, zone)}" if told.last_day else ""
    if told.said.entry is None:
        return Text.assemble("Nothing was written: ", title, f" is set to {value}{until} already.")
    back = f" `headway resume {told.key_result.id}` goes back." if told.said.lanes.state else ""
    return Text.assemble(title, f"  is set to {value}{until}. {_automatic(told)}{back}")


def _last(told: Overridden, zone: str) -> str:
    """The last day, or when on that day."""
    until = told.override.until if told.override else None
    return str(told.last_day) if until is None else local_end(until, zone)


def _resumed(told: Overridden) -> Text:
    title = (harmless(told.key_result.title), "bold")
    if told.said.entry is not None:
        return Text.assemble(title, f"  is set by nobody any more. {_automatic(told)}")
    over = f": its last day was {told.last_day}" if told.last_day else ""
    return Text.assemble("Nothing was written: ", title, f" is set by nobody{over}. {_automatic(told)}")


def _automatic(told: Overridden) -> str:
    from terminal.render import goal

    if told.said.lanes.state is None:
        return "Nothing was measured yet." if told.fed else "No mapping feeds it."
    return f"Its tickets give {goal(told.key_result, told.said.lanes.automatic)}."


def _checkin_json(told: CheckedIn) -> dict[str, Any]:
    return {
        "key_result": told.key_result.id,
        "value": as_json(told.shown),
        "note": told.entry.why,
        "confidence": as_json(told.confidence),
        "by": told.by,
        "at": timestamp(told.entry.at),
        "seq": told.entry.seq,
    }


def _checked_in(told: CheckedIn) -> Text:
    from terminal.render import goal
    from terminal.reporting import number

    sure = "" if told.confidence is None else f", confidence {number(told.confidence)}"
    value = goal(told.key_result, told.shown)
    return Text.assemble("Noted of ", (harmless(told.key_result.title), "bold"), f", {value}{sure}.")
