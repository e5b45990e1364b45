"""Commands for the care of the database: `export`, `import`, `backup`, `prune` and `forget`.

How an answer looks is imported by the command that gives it, as in `terminal.commands`.
"""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from okrs.duration import parse_age
from terminal.context import Context, Json
from terminal.failures import Failure
from terminal.noting import warned
from terminal.progress import counting_on
from terminal.text import harmless

_STREAM = Path("-")


def add(app: typer.Typer, context: Context) -> None:
    """Add the commands."""
    _add_moving(app, context)
    _add_prune(app, context)
    _add_forget(app, context)


def _add_moving(app: typer.Typer, context: Context) -> None:
    @app.command(epilog="Examples:  headway export ledger.jsonl  ·  headway export - | gzip > ledger.jsonl.gz")
    def export(
        file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; - is stdout.")],
        as_json: Json = False,
    ) -> None:
        """Write the whole ledger as JSON lines, to move or to keep it.

        It holds all that cannot be read again from the trackers: entries, rules, runs, and every version of every
        ticket, with titles; no secret.  The same database gives the same bytes.  An older export of that name is
        replaced when the new one is whole.
        """
        from terminal.caring import exported, exported_json

        if file == _STREAM and as_json:
            raise typer.BadParameter("- writes to stdout, and so does --json: choose one")
        with warned(context), counting_on(context.out.aside, "exporting") as watch:
            answer = context.ports.export(context.config, file, watch)
        if file != _STREAM:
            context.out.give(as_json, lambda: exported_json(answer), lambda: exported(answer))

    @app.command("import", epilog="Examples:  headway import ledger.jsonl  ·  zcat ledger.jsonl.gz | headway import -")
    def import_(
        file: Annotated[Path, typer.Argument(metavar="FILE", help="An export; - is stdin.")], as_json: Json = False
    ) -> None:
        """Make a new database out of an export, of SQLite or PostgreSQL.

        Every line is checked, and the ledger verified, before anything is written.  The database that the config names
        must be empty.  The next `headway sync` reads the trackers anew and goes on where the ledger ended.
        """
        from terminal.caring import imported, imported_json

        with warned(context), counting_on(context.out.aside, "importing") as watch:
            answer = context.ports.import_(context.config, file, watch)
        context.out.give(as_json, lambda: imported_json(answer), lambda: imported(answer))

    @app.command(epilog="Example:  headway backup /backup/headway-2026-11-28.db")
    def backup(
        file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that is not there yet.")],
        as_json: Json = False,
    ) -> None:
        """Copy a SQLite database while Headway runs.

        The copy is a database as it is at one moment: put it in the place of the other to go back to it.  Of PostgreSQL
        pg_dump makes copies.
        """
        from terminal.caring import backed_up, backed_up_json

        with warned(context), counting_on(context.out.aside, "copying") as watch:
            answer = context.ports.backup(context.config, file, watch)
        context.out.give(as_json, lambda: backed_up_json(answer), lambda: backed_up(answer))


def _add_prune(app: typer.Typer, context: Context) -> None:
    @app.command(epilog="Examples:  headway prune --dry-run  ·  headway prune --older-than 6mo --vacuum")
    def prune(
        older_than: Annotated[
            str,
            typer.Option("--older-than", metavar="TIME", help="How long everything is kept: 90d, 26w, 6mo, 2y."),
        ] = "90d",
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; delete nothing.")] = False,
        vacuum: Annotated[
            bool, typer.Option("--vacuum", help="Afterwards write the SQLite file anew, without what was deleted.")
        ] = False,
        as_json: Json = False,
    ) -> None:
        """Delete old versions of tickets and runs that nothing needs.

        What the ledger names stays, and what tells how tickets stood at the end of a cycle.  Numbers and evidence of
        any day stay as they are; of a day before the limit, what did not count is told less exactly.
        """
        from terminal.caring import pruned, pruned_json

        with warned(context), counting_on(context.out.aside, "looking") as watch:
            answer = context.ports.prune(context.config, _age(older_than), watch, dry_run=dry_run, vacuum=vacuum)
        context.out.give(as_json, lambda: pruned_json(answer), lambda: pruned(answer))


def _age(text: str) -> timedelta:
    try:
        return parse_age(text)
    except ValueError as error:
        raise typer.BadParameter(f"{harmless(text)}: {error}", param_hint="--older-than") from None


def _add_forget(app: typer.Typer, context: Context) -> None:
    @app.command(
        epilog="Examples:  headway forget PAY-12  ·  headway forget --person 'Ada Byron' --person ada@acme.example"
    )
    def forget(
        key: Annotated[str | None, typer.Argument(metavar="KEY", help="A ticket, as PAY-12 or acme/web#34.")] = None,
        person: Annotated[
            list[str] | None,
            typer.Option("--person", help="A name, login or e-mail, as it is written there; may be repeated."),
        ] = None,
        yes: Annotated[bool, typer.Option("--yes", help="Erase without asking, as in a script.")] = False,
        as_json: Json = False,
    ) -> None:
        """Erase the title and people of a ticket, or a person, for good.

        Numbers, keys, links and the ledger's chain stay.  What was erased stays so when the tracker shows it again.
        Reasons that people wrote into the ledger cannot be erased.  Copies and exports made before still hold it all.
        """
        from terminal.caring import forgettable, forgot, forgot_json

        if (key is None) is not bool(person):
            raise typer.BadParameter("name a ticket, or people with --person")
        with warned(context):
            if not yes:
                found = context.ports.forgettable(context.config, key, person or [])
                context.out.aside.print(forgettable(found))
                if not sys.stdin.isatty():
                    raise Failure("Nothing was erased: --yes does it.")
                if not typer.confirm("Erase it for good?", err=True):
                    raise Failure("Nothing was erased.")
            answer = context.ports.forget(context.config, key, person or [])
        context.out.give(as_json, lambda: forgot_json(answer), lambda: forgot(answer))
