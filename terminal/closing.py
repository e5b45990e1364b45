"""Commands for the end of a cycle and the beginning of the next."""

from __future__ import annotations  # the types of an answer are known to those who give and take it

import sys
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from okrs.closing import grades_of
from okrs.ledger import Entry, timestamp
from okrs.numbers import as_json as as_number
from okrs.numbers import number_in, rounded
from okrs.progress import clamped
from terminal.context import Context, Json
from terminal.failures import Failure
from terminal.reporting import number
from terminal.tables import Cells, Rows
from terminal.text import counted, harmless, plain_text

if TYPE_CHECKING:
    from sync.closing import Card, Closing
    from terminal.answers import Rolled

_GRADE = "--grade"


def add(app: typer.Typer, context: Context) -> None:
    """Add the commands."""

    @app.command(
        epilog="Examples:  headway close 2026-Q4  ·  headway close 2026-Q4 --grade p1-bugs=0.7 --why 'two more shipped "
        "on 2 January' --yes"
    )
    def close(
        cycle: Annotated[str, typer.Argument(metavar="CYCLE", help="A cycle of the config.")],
        *,
        grade: Annotated[
            list[str] | None,
            typer.Option(
                _GRADE, metavar="KR=GRADE", help="What a person gives, from 0 to 1; may be repeated, needs --why."
            ),
        ] = None,
        why: Annotated[str | None, typer.Option("--why", help="What to tell those who ask later.")] = None,
        early: Annotated[bool, typer.Option("--early", help="Close it before its last day is over.")] = False,
        stale: Annotated[
            bool, typer.Option("--stale", help="Take numbers as they are of sources that were not read since its end.")
        ] = False,
        yes: Annotated[bool, typer.Option("--yes", help="Do not ask; a script needs it.")] = False,
        as_json: Json = False,
    ) -> None:
        """Grade the key results of a cycle and freeze them for ever.

        The grade is the progress of the value that is shown, from 0 to 1.  Nothing moves a closed key result any more:
        what becomes known of its tickets later is recorded beside it as a correction.  While updates wait, before the
        end, and by numbers that are not of the end, it is refused, with what to do.
        """
        from sync.closing import Wish

        wish = Wish(cycle, _grades(grade or [], why), early, stale)
        view = context.ports.closing(context.config, wish)
        if not as_json:
            context.out.answer.print(_graded(view))
        if refusals := view.refusals(wish):
            for each in refusals:
                context.out.aside.print(f"  {harmless(each, 1000)}")
            raise Failure(f"{cycle} cannot be closed: {counted(len(refusals), 'thing')} must be settled first.")
        if not yes:
            _ask(cycle, asks=sys.stdin.isatty() and not as_json)
        entries = context.ports.close(context.config, wish, why=why, shown=view)
        context.out.give(as_json, lambda: closed_json(view, entries), lambda: _closed(view, entries))

    @app.command(
        epilog="Examples:  headway roll 2026-Q4 2027-Q1 > next.yaml  ·  headway -c okrs/ roll 2026-Q4 2027-Q1 "
        "--unfinished --out okrs/2027-Q1.yaml"
    )
    def roll(
        old: Annotated[str, typer.Argument(metavar="OLD", help="A cycle of the config.")],
        new: Annotated[str, typer.Argument(metavar="NEW", help="The next one; it need not be in the config yet.")],
        *,
        start: Annotated[
            str | None, typer.Option("--start", metavar="DATE", help="First day of a cycle that is not in the config.")
        ] = None,
        end: Annotated[str | None, typer.Option("--end", metavar="DATE", help="Its last day.")] = None,
        unfinished: Annotated[
            bool, typer.Option("--unfinished", help="Leave out key results that were reached.")
        ] = False,
        out: Annotated[
            Path | None, typer.Option("--out", metavar="FILE", help="Write a new file; else it is printed.")
        ] = None,
    ) -> None:
        """Write the config of the next cycle from the last.

        Objectives, key results and mappings get new ids.  A level, such as what is open or how long it takes, starts
        where it ended; what counts anew starts where it did.  Comments tell how each ended.  Nothing else changes: the
        result is a file of its own, or lines to put under objectives: and mappings:.
        """
        from terminal.answers import Rolling

        wish = Rolling(old, new, _day(start, "--start"), _day(end, "--end"), unfinished, out)
        found = context.ports.roll(context.config, wish)
        if out is None:
            typer.echo(found.text, nl=False)
        told = "\n".join(_rolled(found, new))
        (context.out.aside if out is None else context.out.answer).print(told)


def _day(text: str | None, option: str) -> date | None:
    if text is None:
        return None
    from config.fields import read_day

    try:
        return read_day(text)
    except ValueError as error:
        raise typer.BadParameter(harmless(str(error), 400), param_hint=option) from None


def _rolled(found: Rolled, new: str) -> Iterator[str]:
    what = f"{counted(found.objectives, 'objective')}, {counted(found.key_results, 'key result')}"
    yield f"{harmless(str(found.out), 400)} is written: {what}." if found.out else f"{harmless(new)}: {what}."
    if found.already:
        yield f"{harmless(new)} has {counted(found.already, 'objective')} already; these come beside them."
    if found.cycle:
        yield f"Add this line under cycles: in {harmless(found.main, 400)}:"
        yield harmless(found.cycle, 400)
    yield "Look at every target, then: headway validate, headway plan."


def _grades(texts: list[str], why: str | None) -> dict[str, Decimal]:
    grades: dict[str, Decimal] = {}
    for text in texts:
        name, _, told = text.rpartition("=")
        grade = number_in(told)
        if not name or grade is None or not 0 <= grade <= 1:
            raise typer.BadParameter(
                f"{harmless(text)} is not possible here: write KR=0.7, from 0 to 1", param_hint=_GRADE
            )
        if name in grades:
            raise typer.BadParameter(f"{harmless(name)} is graded twice", param_hint=_GRADE)
        grades[name] = rounded(grade)
    if grades and not (why or "").strip():
        raise typer.BadParameter("a grade that a person gives needs a reason", param_hint="--why")
    return grades


def _ask(cycle: str, *, asks: bool) -> None:
    if not asks:
        raise Failure("Nothing was closed: --yes closes it, which cannot be taken back.")
    if not typer.confirm(f"Close {harmless(cycle)}? It cannot be taken back.", err=True):
        raise Failure("Nothing was closed.")


def _graded(view: Closing) -> Rows:
    """The grades, objective by objective."""
    return Rows(list(_rows(view)))


def _rows(view: Closing) -> Iterator[Cells]:
    from terminal.render import goal, percent

    for objective in view.objectives:
        own = [each for each in view.cards if each.key_result.objective == objective.id]
        if own or objective.id in _of_objectives(view):
            yield (plain_text(objective.title, "bold"), *[Text()] * 3, _grade(_of_objectives(view).get(objective.id)))
        for each in own:
            shown = Text(goal(each.key_result, each.value)) if each.value is not None else Text("never measured", "dim")
            share = Text(percent(clamped(each.progress)))
            title, name = plain_text(f"  {each.key_result.title}"), plain_text(each.key_result.id, "dim")
            yield (title, name, shown, share, _grade(each.grade, _remark(each)))


def _grade(grade: Decimal | None, remark: str = "") -> Text:
    return Text(f"grade {number(grade)}{remark}", "bold")


def _remark(card: Card) -> str:
    from terminal.render import goal

    told = [" (graded by hand)"] if card.graded else []
    given = "" if card.automatic is None else f"; its tickets give {goal(card.key_result, card.automatic)}"
    told += [f" (set by hand{given})"] if card.value != card.automatic else []
    return "".join([*told, " (not of the end)"] if card.unread else told)


def _of_objectives(view: Closing) -> Mapping[str, Decimal]:
    grades = {each.key_result.id: each.grade for each in view.cards}
    return grades_of(view.objectives, [each.key_result for each in view.cards], grades)


def _closed(view: Closing, entries: tuple[Entry, ...]) -> Text:
    what = f"{harmless(view.cycle.id)} is closed: {counted(len(entries), 'key result')}, for ever as they stand here."
    return Text(what, "green")


def closed_json(view: Closing, entries: tuple[Entry, ...]) -> dict[str, Any]:
    """The document of `close --json`."""
    seqs, grades = {each.key_result: each.seq for each in entries}, _of_objectives(view)
    return {
        "cycle": view.cycle.id,
        "closed_at": timestamp(entries[0].at),
        "head": entries[0].prev,
        "objectives": [
            {"id": each.id, "title": each.title, "grade": as_number(grades[each.id])}
            for each in view.objectives
            if each.id in grades
        ],
        "key_results": [
            {
                "id": each.key_result.id,
                "objective": each.key_result.objective,
                "title": each.key_result.title,
                "value": as_number(each.value),
                "progress": as_number(each.progress),
                "grade": as_number(each.grade),
                "graded": each.graded,
                "seq": seqs[each.key_result.id],
            }
            for each in view.cards
        ],
    }
