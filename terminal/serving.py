"""`serve`: the service, and `webhooks`: what some trackers need to be told before they send any."""

from __future__ import annotations  # the types of an answer are known to those who give and take it

from typing import TYPE_CHECKING, Annotated

import typer

from connectors.settings import is_loopback
from terminal.context import Context
from terminal.text import counted, harmless

if TYPE_CHECKING:
    from terminal.answers import Served

_OTHERS = (
    "Whoever reaches this machine over the network can read all of it, tickets and people's names too: there is no "
    "sign-in. Let a proxy that asks who it is stand before it, or listen on 127.0.0.1."
)


def add(app: typer.Typer, context: Context) -> None:
    """Add the commands."""
    _add_serve(app, context)
    _add_webhooks(app, context)


def _add_serve(app: typer.Typer, context: Context) -> None:
    @app.command(
        epilog="Examples:  headway serve  ·  headway -v --log-json serve --port 8080  ·  "
        "headway serve --host 0.0.0.0 --allow-host okrs.acme.example"
    )
    def serve(
        *,
        host: Annotated[str, typer.Option("--host", help="Where to listen; by itself only this machine gets in.")] = (
            "127.0.0.1"
        ),
        port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8765,
        allow_host: Annotated[
            list[str] | None,
            typer.Option("--allow-host", metavar="NAME", help="A name it may be asked by, as a proxy's; repeatable."),
        ] = None,
        allow_local_edits: Annotated[
            bool,
            typer.Option("--allow-local-edits", help="Let this machine's people change things without signing in."),
        ] = False,
        webhook_host: Annotated[
            str, typer.Option("--webhook-host", help="Where to listen for webhooks.")
        ] = "127.0.0.1",
        webhook_port: Annotated[
            int | None, typer.Option("--webhook-port", min=0, max=65535, help="Listen for webhooks, at this port.")
        ] = None,
    ) -> None:
        """Read the sources by itself, and serve the pages.

        A changed config is taken over while it runs; where it is broken, what was last good of it goes on.  SIGTERM or
        Ctrl-C ends it after the reads that are under way, a second one at once.
        """
        if allow_local_edits and not is_loopback(host):
            raise typer.BadParameter(
                f"--allow-local-edits asks nobody who they are, so it goes with a --host of this machine alone, as "
                f"127.0.0.1, and not with {harmless(host, 100)}"
            )

        def begun(served: Served) -> None:
            what = f"{counted(served.sources, 'source')}, {counted(served.key_results, 'key result')}"
            typer.echo(f"Headway is at {harmless(served.url, 200)} with {what}. Ctrl-C ends it.")
            if served.webhooks:
                typer.echo(f"Webhooks are taken at {harmless(served.webhooks, 200)}SOURCE.")
            if served.open_to_others:
                context.out.aside.print(f"headway: {_OTHERS}")

        from terminal.answers import Listening

        wish = Listening(host, port, tuple(allow_host or ()), allow_local_edits, webhook_host, webhook_port)
        context.ports.serve(context.config, wish, begun)


def _add_webhooks(app: typer.Typer, context: Context) -> None:
    @app.command(
        epilog="Example:  headway webhooks launch-asana --url https://okrs.acme.example --secrets launch-asana.hooks"
    )
    def webhooks(
        source: Annotated[str, typer.Argument(help="A source whose tracker makes webhooks by its API alone: Asana.")],
        *,
        url: Annotated[
            str, typer.Option("--url", help="Where trackers reach `headway serve --webhook-port`, before /hooks/.")
        ],
        secrets: Annotated[
            str, typer.Option("--secrets", metavar="PATH", help="The file to keep their secrets in, beside the config.")
        ],
        only: Annotated[
            list[str] | None, typer.Option("--only", metavar="NAME", help="Only this project; may be repeated.")
        ] = None,
    ) -> None:
        """Have a tracker send webhooks for each project of a source.

        It is the one command that changes something at a tracker: run it once, and again with --only for a project that
        is new.  `headway serve` must be running with --webhook-port, since the tracker asks it first.  The secrets are
        shown nowhere; `webhook_secret: ${file:PATH}` at the source names the file.
        """
        from terminal.answers import Subscribing

        done = context.ports.subscribe(context.config, Subscribing(source, url, secrets, tuple(only or ())))
        names, file = harmless(", ".join(done.containers), 1000), harmless(done.secrets, 400)
        typer.echo(f"{source} sends webhooks for {names} to {harmless(done.address, 400)}/…")
        if done.taken:
            typer.echo(f"Their secrets are in {file}; a running service has noticed where the config names that file.")
        else:
            typer.echo(f"Their secrets are in {file}. Write this at the source: webhook_secret: ${{file:{file}}}")
