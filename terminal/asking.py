"""Commands that ask the database alone: where key results stand, why, and whether the ledger is whole.

How an answer looks is imported by the command that gives it, as in `terminal.commands`.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType

from okrs.objective import KeyResult
from terminal.context import Context, Json
from terminal.noting import noted, warned

At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="DATE",
        help="As it was known then: the end of a day, or a time, as 2026-11-20T12:00 in the config's time zone.",
    ),
]


def add(app: typer.Typer, context: Context) -> None:
    """Add the commands."""
    _add_questions(app, context)
    _add_ledger_commands(app, context)


def _add_questions(app: typer.Typer, context: Context) -> None:
    @app.command(
        epilog="Examples:  headway status  ·  headway status --cycle 2026-Q4 --json  ·  headway status --at 2026-11-20"
    )
    def status(
        cycle: Annotated[str | None, typer.Option(help="Only this cycle.")] = None,
        at: At = None,
        as_json: Json = False,
    ) -> None:
        """Show key results with their pace, objectives and sources.

        With --at, as it was known at that time: a day means its end in the time zone of the config.
        """
        from store.views.status import status_json
        from terminal import render

        with noted(context):
            if at is not None:
                _status_at(context, cycle, at, as_json=as_json)
                return
            view = context.ports.status(context.config, cycle)
            context.out.give(as_json, lambda: status_json(view), lambda: render.status(view))

    @app.command(epilog="Examples:  headway explain p1-bugs  ·  headway explain p1-bugs --at 2026-11-20")
    def explain(
        key_result: Annotated[str, typer.Argument(metavar="KR", help="Id of a key result.")],
        at: At = None,
        as_json: Json = False,
    ) -> None:
        """Show a value from its tickets: counted, not counted and why.

        With --at, as it was known at that time, and what is known of that time now: a day means its end in the time
        zone of the config.
        """
        from store.views.explain import explain_json
        from terminal.explaining import explained

        def text() -> RenderableType:
            waiting = context.ports.waiting(context.config, key_result) if view.value is None else None
            return explained(view, _key_results(context)[key_result], waiting)

        with noted(context):
            if at is not None:
                _explain_at(context, key_result, at, as_json=as_json)
                return
            view = context.ports.explain(context.config, key_result)
            context.out.give(as_json, lambda: explain_json(view), text)

    @app.command(epilog="Examples:  headway which PAY-12  ·  headway which acme/web#34 --json")
    def which(
        key: Annotated[str, typer.Argument(metavar="KEY", help="A ticket: PAY-12, acme/web#34, an Asana gid.")],
        as_json: Json = False,
    ) -> None:
        """Show what a ticket counts in, or why it does not."""
        from store.views.which import which_json
        from terminal import render

        with noted(context):
            answer = context.ports.which(context.config, key)

            def text() -> RenderableType:
                titles = told_apart(_titles(context))
                return render.which(answer, key, titles, context.ports.timezone(context.config))

            context.out.give(as_json, lambda: which_json(answer), text)

    _add_history(app, context)


def _status_at(context: Context, cycle: str | None, at: str, *, as_json: bool) -> None:
    from store.views.status_past import status_then_json
    from terminal.past import status_then, when_of

    view = context.ports.status_at(context.config, cycle, when_of(at))
    zone = context.ports.timezone(context.config)
    context.out.give(as_json, lambda: status_then_json(view), lambda: status_then(view, zone))


def _explain_at(context: Context, key_result: str, at: str, *, as_json: bool) -> None:
    from store.views.explain_past import explain_then_json
    from terminal.past import explained_then, when_of

    view = context.ports.explain_at(context.config, key_result, when_of(at))
    context.out.give(
        as_json,
        lambda: explain_then_json(view),
        lambda: explained_then(view, _key_results(context).get(key_result), context.ports.timezone(context.config)),
    )


def _add_history(app: typer.Typer, context: Context) -> None:
    @app.command(
        epilog="Examples:  headway history p1-bugs  ·  headway history p1-bugs --csv > p1-bugs.csv  ·  "
        "headway history p1-bugs --prov > p1-bugs.json"
    )
    def history(
        key_result: Annotated[str, typer.Argument(metavar="KR", help="Id of a key result.")],
        as_csv: Annotated[bool, typer.Option("--csv", help="Print a table for spreadsheets, a row a cause.")] = False,
        as_prov: Annotated[bool, typer.Option("--prov", help="Print W3C PROV-JSON.")] = False,
        as_json: Json = False,
    ) -> None:
        """Show every change of a key result and its causes."""
        from store.views.history import history_json
        from terminal import render
        from terminal.sheets import history_csv

        if as_csv + as_prov + as_json > 1:
            raise typer.BadParameter("choose one of --csv, --prov and --json")
        if as_prov:
            with noted(context):
                document = context.ports.provenance(context.config, key_result)
                context.out.document(document)
            return

        def text() -> RenderableType:
            if not entries:
                return render.nothing_recorded(context.ports.waiting(context.config, key_result))
            return render.history(entries, context.ports.timezone(context.config))

        with noted(context):
            entries = context.ports.history(context.config, key_result)
            if as_csv:
                typer.echo(history_csv(entries), nl=False)
                return
            context.out.give(as_json, lambda: history_json(entries), text)


def _add_ledger_commands(app: typer.Typer, context: Context) -> None:
    _add_verify(app, context)
    database = typer.Typer(help="The database.", epilog="Example:  headway db upgrade", no_args_is_help=True)
    app.add_typer(database, name="db")

    @database.command(epilog="Example:  headway db upgrade")
    def upgrade() -> None:
        """Bring an existing database to this version's tables."""
        with warned(context):
            context.ports.upgrade(context.config)
        context.out.answer.print("The database has this version's tables.")


def _add_verify(app: typer.Typer, context: Context) -> None:
    @app.command(
        epilog="Examples:  headway verify  ·  headway verify --anchor >> /mnt/elsewhere/anchors.jsonl  ·  "
        "headway verify --against /mnt/elsewhere/anchors.jsonl"
    )
    def verify(
        anchor: Annotated[
            bool, typer.Option("--anchor", help="Print where the ledger ends as one line, for safekeeping.")
        ] = False,
        against: Annotated[
            Path | None,
            typer.Option(
                "--against", metavar="FILE", help="Hold the ledger against the anchors of a file; - for stdin."
            ),
        ] = None,
        as_json: Json = False,
    ) -> None:
        """Recompute the ledger: chain, sums, values from evidence.

        By itself it shows accident.  Whoever may write to the database can cut off its end or write all of it anew:
        that is found against anchors which were kept elsewhere.  Where `anchor` in the config names a file, its anchors
        are taken without --against.
        """
        from store.views.verify import verify_json
        from terminal import render

        if anchor and against:
            raise typer.BadParameter("choose one of --anchor and --against")
        if anchor:
            _print_anchor(context)
            return
        with warned(context):
            answer = context.ports.verify(context.config, against)
        context.out.give(as_json, lambda: verify_json(answer), lambda: render.verified(answer))
        if not answer.ok:
            raise typer.Exit(1)


def _print_anchor(context: Context) -> None:
    """Print an anchor, and nothing in its place: it may be on its way into a file."""
    from terminal import render

    with warned(context):
        answer, anchor = context.ports.anchor(context.config)
    if not answer.ok:
        context.out.aside.print(render.verified(answer))
        raise typer.Exit(1)
    typer.echo(anchor.text)


def told_apart(titles: Mapping[str, str]) -> dict[str, str]:
    """Return titles by id, with the id behind those that several have, as after the roll of a cycle."""
    several = {title for title, count in Counter(titles.values()).items() if count > 1}
    return {name: f"{title} ({name})" if title in several else title for name, title in titles.items()}


def _titles(context: Context) -> dict[str, str]:
    """The titles of all key results by id, in the order of the config."""
    return {name: each.title for name, each in _key_results(context).items()}


def _key_results(context: Context) -> dict[str, KeyResult]:
    return {each.id: each for each in context.ports.status(context.config, None).configured}
