"""The `headway` command: arguments in, an answer and an exit code out.  What it does stands behind `Ports`.

How an answer looks is imported by the command that gives it: a `sync` every few minutes needs few of these modules.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer
from rich.console import Console
from typer.models import CommandInfo

from connectors.contract import What
from store.views.setup import Setup
from sync.engine import Report
from sync.task import Outcome
from terminal import asking, backfilling, closing, holding, overriding, serving, starting, upkeep
from terminal.context import Context, Json, Out
from terminal.failures import Failure, InvalidConfig
from terminal.logs import configure
from terminal.noting import note, problem_lines
from terminal.ports import Ports
from terminal.progress import bars_on
from terminal.text import counted, harmless, harmless_json

if TYPE_CHECKING:
    from terminal.answers import Demo, Served

SOME_SOURCE_FAILED = 3
UPDATES_WAIT = 4
SOMETHING_WOULD_CHANGE = 5

BEFORE_THE_COMMAND = frozenset({"-c", "--config", "-v", "-vv", "--verbose", "--log-json", "--version"})
"""Options of the program, which no command takes."""

_WITH_A_VALUE = frozenset({"-c", "--config"})
_FOR_HELP = frozenset({"-h", "--help"})

EXAMPLE = "headway -c PATH -v sync"


def build(ports: Ports, version: str, arguments: Sequence[str] = ()) -> typer.Typer:
    """Make the command line over the given ports: all of it, or the command alone that the arguments name.

    Typer makes every one of some thirty before it runs one, which takes a short command as long as its own work.
    """
    app = typer.Typer(
        name="headway",
        help="Keeps OKR key results true: work in Jira, Asana and GitHub moves them, and every move names its tickets.",
        epilog="Examples:  headway validate  ·  headway sync  ·  headway status --json  ·  headway explain p1-bugs",
        no_args_is_help=True,
        context_settings={"help_option_names": ["--help", "-h"]},
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    context = Context(ports)

    def show_version(wanted: bool) -> None:
        if wanted:
            typer.echo(f"headway {version}")
            raise typer.Exit

    @app.callback()
    def main(
        config: Annotated[
            Path,
            typer.Option("--config", "-c", envvar="HEADWAY_CONFIG", help="The config: a file or a folder of them."),
        ] = Path("headway.yaml"),
        version: Annotated[  # noqa: ARG001 - the option acts through its callback
            bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version.")
        ] = False,
        verbose: Annotated[
            int,
            typer.Option(
                "--verbose",
                "-v",
                count=True,
                show_default=False,
                help="Log on stderr what is done; twice: every request.",
            ),
        ] = 0,
        log_json: Annotated[
            bool, typer.Option("--log-json", envvar="HEADWAY_LOG_JSON", help="With -v: log as JSON lines.")
        ] = False,
    ) -> None:
        configure(verbose=verbose, as_json=log_json)
        context.config = config
        context.out = Out()

    _add_config_commands(app, context)
    _add_sync(app, context)
    asking.add(app, context)
    holding.add(app, context)
    overriding.add(app, context)
    closing.add(app, context)
    upkeep.add(app, context)
    backfilling.add(app, context)
    serving.add(app, context)
    _add_demo(app, context)
    starting.add(app, context)
    _narrow(app, _named(arguments))
    return app


def _named(arguments: Sequence[str]) -> str:
    """Return the first word that is no option of the program, nor the value of one; none where help is asked for."""
    rest = iter(arguments)
    for word in rest:
        options, alone = _parted(word)
        if not _FOR_HELP.isdisjoint(options):
            return ""
        if not options and word != "--":
            return word
        if alone and options and options[-1] in _WITH_A_VALUE:
            next(rest, None)
    return ""


def _parted(word: str) -> tuple[list[str], bool]:
    """Return the options that a word is made of, as `-vc` of two, and whether the last one's value is to follow."""
    if word.startswith("--"):
        name, equals, _ = word.partition("=")
        return [name] if name != "--" else [], not equals
    options = [f"-{letter}" for letter in word[1:]] if word.startswith("-") else []
    at = next((place for place, each in enumerate(options, 1) if each in _WITH_A_VALUE), len(options))
    return options[:at], at == len(options)


def _narrow(app: typer.Typer, name: str) -> None:
    """Leave the command or the group of a name; all where there is none, for then they are told of."""
    commands = [each for each in app.registered_commands if name == (each.name or _called(each))]
    groups = [each for each in app.registered_groups if each.name == name]
    if commands or groups:
        app.registered_commands, app.registered_groups = commands, groups


def _called(command: CommandInfo) -> str:
    """Return the name that Typer gives a command after its function."""
    return "" if command.callback is None else command.callback.__name__.replace("_", "-")


def _add_config_commands(app: typer.Typer, context: Context) -> None:
    @app.command(
        epilog="Examples:  headway validate  ·  headway -c okrs/ validate --json  ·  headway validate --offline"
    )
    def validate(
        offline: Annotated[
            bool,
            typer.Option(
                "--offline", help="Need no variable of the config but the database's, as where changes are reviewed."
            ),
        ] = False,
        as_json: Json = False,
    ) -> None:
        """Tell every problem of the config at once, with place and remedy.

        A variable that is not set is one of them, since nothing could be read without it.  With --offline, as in a
        pull request's job that has no tokens, only those of the database need be set: headway validate --offline
        """
        from terminal.documents import problems_json

        setup, problems = context.ports.validate(context.config, offline=offline)
        wrong = context.ports.wrong(context.config)
        meanwhile = [harmless(each.meanwhile, 2000) for each in wrong.quarantine] if wrong else []
        lines = [*problem_lines(problems), *meanwhile, *_valid_line(context.config, setup, offline=offline)]
        context.out.give(as_json, lambda: problems_json(problems), lambda: "\n".join(lines))
        if setup is None:
            raise typer.Exit(1)

    _add_plan(app, context)

    @app.command(epilog="Examples:  headway check  ·  headway check pay-jira")
    def check(
        source: Annotated[str | None, typer.Argument(help="Only this source.")] = None, as_json: Json = False
    ) -> None:
        """Try each connection: who the token is and what it sees.

        It also tells which rights are lacking, when the token ends, how many requests are left, and whether the
        clocks differ.  Exit code 1: a connection failed, or something is lacking or cannot be read.
        """
        from terminal.checking import checked, checked_json

        answers = context.ports.check(context.config, source)
        context.out.give(as_json, lambda: checked_json(answers), lambda: checked(answers))
        if not all(each.ok for each in answers):
            raise typer.Exit(1)

    @app.command(
        epilog="Examples:  headway discover pay-jira  ·  headway discover pay-jira --what milestone --what epic  ·  "
        "headway discover web-github --match checkout --yaml"
    )
    def discover(
        source: Annotated[
            str, typer.Argument(help="A source of the config; without one, you are told which there are.")
        ] = "",
        what: Annotated[
            list[What] | None,
            typer.Option(
                "--what",
                parser=_what,
                metavar="KIND",
                help=f"Only things of this kind; may be repeated: {', '.join(What)}.",
            ),
        ] = None,
        match: Annotated[str, typer.Option("--match", help="Only what has this text in it.")] = "",
        as_json: Json = False,
        as_yaml: Annotated[bool, typer.Option("--yaml", help="Print lines to paste into the config.")] = False,
    ) -> None:
        """List what a config may name: projects, milestones, labels."""
        from terminal.discovering import chosen, discovered, discovered_json, discovered_yaml

        if as_json and as_yaml:
            raise typer.BadParameter("choose one of --json and --yaml")
        if not source:
            names = [each.setup.name for each in context.ports.status(context.config, None).sources]
            told = f"name a source of the config: {', '.join(names)}" if names else "the config has no sources yet"
            raise typer.BadParameter(told, param_hint="SOURCE")
        found = context.ports.discover(context.config, source)
        rows = chosen(found.listed, what or [], match)
        if as_yaml:
            typer.echo(discovered_yaml(found, rows), nl=False)
        else:
            context.out.give(as_json, lambda: discovered_json(rows), lambda: discovered(rows))


def _what(word: str) -> What:
    """Read a kind of thing; Typer's own words for a wrong one are those of a program."""
    from config.words import advice, quoted

    if word not in list(What):
        raise typer.BadParameter(f"there is no kind {harmless(quoted(word))}; {advice(word, list(What), 'one of')}")
    return What(word)


def _add_plan(app: typer.Typer, context: Context) -> None:
    @app.command(
        epilog="Examples:  headway plan  ·  headway plan --exit-code  ·  headway -c okrs/ plan --markdown > comment.md"
    )
    def plan(
        exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 5 when something would change.")] = False,
        markdown: Annotated[bool, typer.Option("--markdown", help="Print a comment for a pull request.")] = False,
        as_json: Json = False,
    ) -> None:
        """Show what the config as written would do to each key result.

        It looks at what was last read, asks no tracker, writes nothing, and needs no token: only the database.  Where
        a rule needs what was not read yet, it says so.  Exit codes: 0 done, 1 the config or the data is wrong, 5 with
        --exit-code: something would change.
        """
        from terminal.documents import plan_json
        from terminal.planning import planned
        from terminal.reviewing import reviewed

        if as_json and markdown:
            raise typer.BadParameter("choose one of --json and --markdown")
        view = context.ports.plan(context.config)
        if markdown:
            typer.echo(reviewed(view), nl=False)
        else:
            context.out.give(as_json, lambda: plan_json(view), lambda: planned(view))
        if exit_code and view.changes:
            raise typer.Exit(SOMETHING_WOULD_CHANGE)


def _add_sync(app: typer.Typer, context: Context) -> None:
    @app.command(
        epilog="Examples:  headway sync  ·  headway sync --source pay-jira --full  ·  headway sync --dry-run --json"
    )
    def sync(
        source: Annotated[list[str] | None, typer.Option("--source", help="Only this source; may be repeated.")] = None,
        full: Annotated[bool, typer.Option("--full", help="List every container completely.")] = False,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Read, and show what would move; write nothing.")
        ] = False,
        last_good: Annotated[
            bool, typer.Option("--last-good", help="Where the config is broken, go on with what was last good of it.")
        ] = False,
        as_json: Json = False,
    ) -> None:
        """Read the sources once and move the key results.

        With a mistake in the config nothing is done.  With --last-good, as a timer should have it, a team's broken file
        stops nobody else: its key results go on by its last good version, and so does everything while the main file
        is broken.  Exit codes: 0 done, 1 the config or the data is wrong, 3 some source failed and
        the rest was done, 4 held updates wait for `headway approve` or `reject`.
        """
        from terminal.reporting import report, report_json

        with bars_on(context.out.aside) as bars, _hinting(last_good=last_good or not context.config.exists()):
            synced = context.ports.sync(
                context.config, only=source or [], full=full, dry_run=dry_run, progress=bars, last_good=last_good
            )
        context.out.give(as_json, lambda: report_json(synced), lambda: report(synced))
        for line in problem_lines(synced.unkept):
            context.out.aside.print(line)
        if synced.anchor and synced.anchor.problem:
            context.out.aside.print(f"headway: {harmless(synced.anchor.problem, 1000)}")
        note(context, synced.wrong)
        if _incomplete(synced.report):
            raise typer.Exit(SOME_SOURCE_FAILED)
        if synced.report.held:
            raise typer.Exit(UPDATES_WAIT)


@contextmanager
def _hinting(*, last_good: bool) -> Iterator[None]:
    """Name the option that goes on, to those who did not give it."""
    try:
        yield
    except InvalidConfig as error:
        if not last_good:
            error.hint = "`headway sync --last-good` goes on with what was last good of it, where that is kept."
        raise


def _incomplete(report: Report) -> bool:
    return any(each.state is not Outcome.OK for each in report.sources)


def _add_demo(app: typer.Typer, context: Context) -> None:
    @app.command(epilog="Examples:  headway demo  ·  headway demo --once --folder /tmp/tour")
    def demo(
        once: Annotated[bool, typer.Option("--once", help="End after one story instead of going on.")] = False,
        folder: Annotated[Path, typer.Option("--folder", help="Where the demo keeps its config and database.")] = Path(
            "headway-demo"
        ),
        port: Annotated[
            int | None,
            typer.Option(
                "--port",
                min=0,
                max=65535,
                help="Where its pages are; else 8765, or another if that is taken.",
            ),
        ] = None,
        as_json: Json = False,
    ) -> None:
        """Try it without an account: emulated trackers and live pages."""

        from terminal import render
        from terminal.documents import demo_json

        def tell(story: "Demo") -> None:
            shown.close()  # nothing is read any more for which there is a bar
            if as_json:
                typer.echo(harmless_json(orjson.dumps(demo_json(story), option=orjson.OPT_INDENT_2).decode()))
            else:
                render.demo(story, context.out.answer)

        def begun(served: "Served") -> None:
            render.demo_live(served, context.out.answer)

        def worked(done: str) -> None:
            render.demo_worked(done, context.out.answer)

        from terminal.answers import Live

        live = None if once or as_json else Live(port, begun, worked)
        with ExitStack() as shown:
            bars = shown.enter_context(bars_on(context.out.aside))
            context.ports.demo(folder, progress=bars, tell=tell, live=live)
        if live is not None:
            render.demo_ended(folder, context.out.answer)


def _valid_line(config: Path, setup: Setup | None, *, offline: bool) -> list[str]:
    if setup is None:
        return []
    key_results, sources = counted(len(setup.key_results), "key result"), counted(len(setup.sources), "source")
    what = f"{key_results}, {len(setup.rules)} mapped, {sources}"
    unseen = "; whether its variables are set is not looked at" if offline else ""
    return [f"{harmless(str(config))} is valid: {what}{unseen}."]


def complain(failure: Failure, console: Console) -> None:
    """Turn a failure into text: the one place where errors are printed."""
    if isinstance(failure, InvalidConfig):
        console.print("\n".join(problem_lines(failure.problems)))
    console.print(f"headway: {harmless(str(failure), 1000)}")
    if isinstance(failure, InvalidConfig) and failure.hint:
        console.print(f"headway: {failure.hint}")
