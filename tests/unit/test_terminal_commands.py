"""The command line: all of it for who asks what there is, else the command alone that is run."""

from typing import cast

import pytest
import typer.main

from terminal.commands import build
from terminal.ports import Ports

NO_PORTS = cast("Ports", None)


def names(*arguments: str) -> set[str]:
    """The commands and groups that these arguments have made."""
    return set(typer.main.get_group(build(NO_PORTS, "0", arguments)).commands)


ALL = names()


@pytest.mark.parametrize("name", sorted(ALL))
@pytest.mark.parametrize(
    "before",
    [
        (),
        ("-c", "status"),
        ("-v", "--config", "sync", "--log-json"),
        ("--config=db",),
        ("-vc", "status"),
        ("-cstatus", "-v"),
        ("-cvh",),
        ("--",),
    ],
)
def test_a_command_is_made_alone(name: str, before: tuple[str, ...]) -> None:
    assert names(*before, name, "sync", "--json") == {name}


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--help",),
        ("--help", "sync"),
        ("-vh", "sync"),
        ("-hv", "sync"),
        ("statsu", "sync"),
        ("-c", "sync"),
        ("-vvc", "sync"),
        ("--version",),
        ("-c",),
    ],
)
def test_who_asks_what_there_is_and_who_mistypes_is_told_of_all(arguments: tuple[str, ...]) -> None:
    assert names(*arguments) == ALL
    assert {"sync", "status", "db", "mapping", "import"} <= ALL
