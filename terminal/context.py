"""What the commands share: the ports, the config's path, and where they print."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console, RenderableType

from terminal.ports import Ports
from terminal.text import harmless_json

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


class Out:
    """Where a command prints: answers on stdout, everything else on stderr.  Colour respects NO_COLOR."""

    def __init__(self) -> None:
        # What is printed is text: in `headway.yaml:100:7` Rich would see an emoji, in `[red]` a style.
        self.answer = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
        self.aside = Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)

    def give(self, as_json: bool, document: Callable[[], Any], text: Callable[[], RenderableType]) -> None:
        """Print an answer in the form that was asked for."""
        if as_json:
            self.document(document())
        else:
            self.answer.print(text())

    def document(self, document: Any) -> None:  # noqa: ANN401 - any JSON document
        """Print a JSON document."""
        typer.echo(harmless_json(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()))


class Context:
    """What the commands share."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.config = Path("headway.yaml")
        self.out = Out()
