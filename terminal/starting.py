"""Commands for a config that is still to be written: `init` and `schema`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import orjson
import typer

from config.drafting import SourceDraft, flagged, variables_of
from config.fields import is_id, read_zone
from terminal.context import Context
from terminal.discovering import short
from terminal.drafting import SCHEMA, Started, config_text, next_steps, quarter
from terminal.interview import Interviewer
from terminal.ports import Failure
from terminal.settling import Settling
from terminal.text import harmless

_SOURCE = "--source"


def add(app: typer.Typer, context: Context) -> None:
    """Add the commands."""
    _add_init(app, context)
    _add_schema(app, context)


def _add_init(app: typer.Typer, context: Context) -> None:
    @app.command(
        epilog="Examples:  headway init  ·  headway init --source "
        "jira:url=https://acme.atlassian.net,email=me@acme.example,token_env=JIRA_TOKEN,projects=PAY,PLAT"
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
        path = _target(output or context.config)
        interviewer = Interviewer(context.out) if sys.stdin.isatty() and not yes else None
        drafts = _drafts(context, source or [])
        if not drafts and interviewer is None:
            raise typer.BadParameter(
                "nothing can be asked here, so say what to read, as in --source CONNECTOR:KEY=VALUE,…; "
                f"connectors: {', '.join(context.ports.connectors())}",
                param_hint=_SOURCE,
            )
        zone = _zone(timezone, interviewer)
        settling = Settling(context.ports, context.out, path.absolute().parent, not no_connect, interviewer)
        started = [settling.source(draft) for draft in drafts] or _asked(context, settling, interviewer)
        schema = (path.absolute().parent / SCHEMA).exists()
        text = config_text(started, quarter(context.ports.today(zone)), zone, schema=schema)
        if interviewer and not interviewer.confirm(f"Write {harmless(str(path))}?"):
            raise Failure("Nothing was written.")
        context.ports.write_config(path, text)
        context.out.answer.print("\n".join(_written(context, path, started)))


def _target(path: Path) -> Path:
    """Return the file to write.  Raises Failure at once where it is there already: nobody is asked in vain."""
    target = path / "headway.yaml" if path.is_dir() else path
    if target.exists():
        raise Failure(f"{target} is there already and stays as it is: name another file with --output.")
    if not target.absolute().parent.is_dir():
        raise Failure(f"There is no folder {target.parent}: make it first.")
    return target


def _drafts(context: Context, sources: Sequence[str]) -> list[SourceDraft]:
    drafts: list[SourceDraft] = []
    for text in sources:
        connector, _, keys = text.partition(":")
        _known(context, connector)
        name = _free(connector, drafts)
        try:
            drafts.append(flagged(name, connector, context.ports.connectors()[connector], keys))
        except ValueError as error:
            raise typer.BadParameter(harmless(str(error), 400), param_hint=_SOURCE) from None
    return drafts


def _known(context: Context, connector: str) -> None:
    names = list(context.ports.connectors())
    if connector not in names:
        sentence = f"there is no connector of the name before the colon; there are {', '.join(names)}"
        raise typer.BadParameter(sentence, param_hint=_SOURCE)


def _free(connector: str, drafts: Sequence[SourceDraft]) -> str:
    """Return a name for a source that no other one has."""
    name = connector if is_id(connector) else short(connector, "tracker")
    count = sum(each.connector == connector for each in drafts)
    return name if not count else f"{name}-{count + 1}"


def _zone(timezone: str | None, interviewer: Interviewer | None) -> str:
    if timezone is None:
        return interviewer.zone() if interviewer else "UTC"
    try:
        return read_zone(timezone)
    except ValueError as error:
        raise typer.BadParameter(harmless(str(error), 400), param_hint="--timezone") from None


def _asked(context: Context, settling: Settling, interviewer: Interviewer | None) -> list[Started]:
    """Ask for one tracker after the other."""
    started: list[Started] = []
    names = list(context.ports.connectors())
    while interviewer:
        if started and not interviewer.confirm("Read another tracker, too?", default=False):
            break
        interviewer.say("\nWhich tracker is to be read?")
        connector = interviewer.one_of("tracker, by number or name", names)
        started.append(settling.source(SourceDraft(_free(connector, [each.draft for each in started]), connector)))
    return started


def _written(context: Context, path: Path, started: Sequence[Started]) -> list[str]:
    names = dict.fromkeys(name for each in started for name in variables_of(each.draft))
    unset = [name for name in names if not context.ports.is_set(name)]
    return [
        f"{harmless(str(path), 400)} is written. Look into it, then:",
        *(f"  {line}" for line in next_steps(unset, str(path))),
    ]


def _add_schema(app: typer.Typer, context: Context) -> None:
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
        context.out.answer.print(f"{harmless(str(output), 400)} holds the schema.")


def schema_text(schema: object) -> str:
    """Return a schema as it is kept in a file."""
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
