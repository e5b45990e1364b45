"""Commands for a config that is still to be written: `schema`."""

from pathlib import Path
from typing import Annotated

import orjson
import typer

from terminal.context import Context


def add(app: typer.Typer, context: Context) -> None:
    """Add the commands."""

    @app.command(
        epilog="Examples:  headway schema --output headway.schema.json  ·  headway schema --team --output "
        "team.schema.json"
    )
    def schema(
        team: Annotated[bool, typer.Option("--team", help="Of a team's file of a folder.")] = False,
        output: Annotated[
            Path | None, typer.Option("--output", help="Write it to this file, also over an older one.")
        ] = None,
    ) -> None:
        """Print the JSON Schema of the config, for editors.

        It knows the sources of every connector that is installed.  Name it in the first line of a config:
        # yaml-language-server: $schema=headway.schema.json
        """
        text = schema_text(context.ports.schema(team=team))
        if output is None:
            typer.echo(text, nl=False)
            return
        output.write_text(text, encoding="utf-8")
        context.out.answer.print(f"{output} holds the schema.")


def schema_text(schema: object) -> str:
    """Return a schema as it is kept in a file."""
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
