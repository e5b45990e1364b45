"""Commands for a config that is still to be written or tried: `init`, `schema` and `mapping test`."""

import sys
from pathlib import Path
from shlex import quote
from typing import Annotated

import orjson
import typer

from terminal.context import Context, Json
from terminal.ports import Schema
from terminal.text import harmless


def add(app: typer.Typer, context: Context) -> None:
    """Add the commands."""
    _add_init(app, context)
    _add_schema(app, context)
    _add_mapping(app, context)


def _add_init(app: typer.Typer, context: Context) -> None:
    @app.command(
        epilog="Examples:  headway init  ·  headway init --source github:token_env=GITHUB_TOKEN,repositories=acme/web"
    )
    def init(
        source: Annotated[
            list[str] | None,
            typer.Option(
                "--source",
                metavar="CONNECTOR[:KEY=VALUE,…]",
                help="A tracker to read, with keys of its source; may be repeated. A secret is never written here: "
                "token_env=NAME names the variable that holds it.",
            ),
        ] = None,
        output: Annotated[Path | None, typer.Option("--output", help="The file to write; else the config's.")] = None,
        timezone: Annotated[
            str | None, typer.Option("--timezone", help="IANA name of the zone in which days begin; UTC unless told.")
        ] = None,
        no_connect: Annotated[
            bool, typer.Option("--no-connect", help="Ask no tracker; the first key results are then plainer.")
        ] = False,
        yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: the flags say it all.")] = False,
    ) -> None:
        """Write a first config: what to read, and key results that move.

        On a terminal it asks what the flags leave open: which tracker, where it is, which variable of the environment
        holds the token, and which projects to read.  It tries the connection and proposes key results from what it
        finds.  A file that is there already stays as it is.
        """
        from terminal.first_config import write

        write(context, source or [], output, timezone, connect=not no_connect, ask=sys.stdin.isatty() and not yes)


def _add_schema(app: typer.Typer, context: Context) -> None:
    @app.command(
        epilog="Examples:  headway schema --output headway.schema.json  ·  headway schema --team --output "
        "team.schema.json"
    )
    def schema(
        team: Annotated[bool, typer.Option("--team", help="Of a team's file of a folder.")] = False,
        cases: Annotated[bool, typer.Option("--cases", help="Of a file of cases for `mapping test`.")] = False,
        output: Annotated[
            Path | None, typer.Option("--output", help="Write it to this file, also over an older one.")
        ] = None,
    ) -> None:
        """Print the JSON Schema of the config, for editors.

        It knows the sources of every connector that is installed.  Name it in the first line of a config:
        # yaml-language-server: $schema=headway.schema.json
        """
        if team and cases:
            raise typer.BadParameter("choose one of --team and --cases")
        text = schema_text(context.ports.schema(Schema.TEAM if team else Schema.CASES if cases else Schema.CONFIG))
        if output is None:
            typer.echo(text, nl=False)
            return
        if output.is_dir():
            name = quote(str(output / "headway.schema.json"))
            raise typer.BadParameter(f"{output} is a folder: name a file in it, as --output {name}")
        output.write_text(text, encoding="utf-8")
        context.out.answer.print(f"{harmless(str(output), 400)} holds the schema.")


def _add_mapping(app: typer.Typer, context: Context) -> None:
    mapping = typer.Typer(
        help="Mappings: try them before they count.", epilog="Example:  headway mapping test", no_args_is_help=True
    )
    app.add_typer(mapping, name="mapping")

    @mapping.command(
        epilog="Examples:  headway mapping test  ·  headway mapping test p1-bugs.cases.yaml  ·  "
        "headway -c okrs/ mapping test --json"
    )
    def test(
        file: Annotated[
            list[Path] | None,
            typer.Argument(metavar="FILE", help="Files of cases, or folders of them; else those beside the config."),
        ] = None,
        as_json: Json = False,
    ) -> None:
        """Try mappings on cases of your own, offline: items, and the value they are to give.

        A case names a key result, a few work items and the value that is to come out:

        {key_result: p1-bugs, items: [{key: PAY-1, type: Bug, state: done}], expect: 1}

        Nothing is read but these files and the config: no tracker, no database, no secret.  Exit code 1: a case failed,
        or a file is wrong.
        """
        from terminal.trying import tried, tried_json

        verdicts = context.ports.try_mappings(context.config, file or [])
        context.out.give(as_json, lambda: tried_json(verdicts), lambda: tried(verdicts))
        if not all(each.ok for each in verdicts):
            raise typer.Exit(1)


def schema_text(schema: object) -> str:
    """Return a schema as it is kept in a file."""
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
