"""The documents name commands, options and make targets that exist, and describe every one there is."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from typer.main import get_command

from terminal import commands
from terminal.ports import Ports
from tests.e2e import shapes
from tests.unit.docs_pages import PAGES, ROOT, Block, blocks, prose

_SHELLS = ("sh", "console", "ini", "crontab")
_GLOBAL = ("-c", "--config")
_LINE = re.compile(r"^(?:\$ |.*?[\s;/])?headway (?P<rest>.*)$")
_INLINE = re.compile(r"`((?:HEADWAY_\w+=\S+ )?(?:\.venv/bin/)?headway [^`]+)`")


def command_line() -> Any:
    """The whole command as Typer builds it; nothing of it is run."""
    return get_command(commands.build(cast("Ports", None), "0"))


def all_commands() -> dict[str, Any]:
    """Every command that does something, by its words, as `db upgrade`."""

    def walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        inner = getattr(command, "commands", None)
        if inner is None:
            yield name, command
        for word, each in (inner or {}).items():
            yield from walk(f"{name} {word}".strip(), each)

    return dict(walk("", command_line()))


def options(command: Any) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts if option.startswith("-")}


def uses(page: Path) -> list[str]:
    """What follows the word `headway` wherever a page shows a command line."""
    shown = [block for block in blocks() if block.page == page and block.language in _SHELLS]
    lines = [(block.language, line) for block in shown for line in block.text.splitlines()]
    typed = [line for language, line in lines if language != "console" or line.startswith("$ ")]
    found = [match["rest"] for line in typed if (match := _LINE.match(line))]
    inline = [text.split("headway ", 1)[1] for text in _INLINE.findall(prose(page).replace("\n", " "))]
    return [use for use in found + inline if not use.startswith("…")]


def complaint(use: str) -> str | None:
    """Say what of a command line does not exist; None when all of it does."""
    words = shlex.split(re.split(r"\s(?:#|>>)\s", use, maxsplit=1)[0])  # without comment and redirection
    root, known = command_line(), all_commands()
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option not in options(root) | {"--help"}:
            return f"no option {option} before the command"
        if option in _GLOBAL:
            words.pop(0)
    if not words:
        return None
    name = words.pop(0)
    if f"{name} {words[0] if words else ''}" in known:
        name = f"{name} {words.pop(0)}"
    if name not in known:
        return f"no command {name}"
    wrong = [word for word in words if word.startswith("-") and word not in options(known[name]) | {"--help", "-"}]
    return f"{name} has no {wrong}" if wrong else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_command_lines_exist(page: Path) -> None:
    wrong = {use: said for use in uses(page) if (said := complaint(use))}
    assert wrong == {}


def test_command_lines_are_found_and_judged() -> None:
    assert sum(len(uses(page)) for page in PAGES) > 40
    assert complaint("-c okrs/ sync --full") is None
    assert complaint("snyc") is not None
    assert complaint("sync --fast") is not None
    assert complaint("--fast sync") is not None


@pytest.mark.parametrize("name", sorted(all_commands()))
def test_every_command_and_option_is_described(name: str) -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    section = page.partition(f"\n## headway {name}\n")[2].partition("\n## ")[0]
    assert section, "commands.md has no section of that name"
    assert f"\nheadway {name}" in section, "it shows no example"
    for option in options(all_commands()[name]):
        assert f"| `{option}` |" in section, option


def test_global_options_are_described() -> None:
    head = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8").partition("\n## ")[0]
    for option in options(command_line()):
        assert f"`{option}`" in head, option


JSON = [block for block in blocks() if block.language == "json"]


@pytest.mark.parametrize("block", JSON, ids=str)
def test_shown_json_has_the_promised_shape(block: Block) -> None:
    word, name = block.mark.split(" ")
    assert word == "json"
    assert list(shapes.complaints(json.loads(block.text), getattr(shapes, name.upper()))) == []


def test_every_command_with_json_shows_a_document() -> None:
    shown = {block.mark.split(" ")[1].replace("_", " ") for block in JSON}
    with_json = {name for name, command in all_commands().items() if "--json" in options(command)}
    assert with_json - shown == {"demo"}  # two documents of `status`: told in words


def targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))


def test_make_targets_exist_and_are_described() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    used = set(re.findall(r"(?:^|`|\$ )make (?:\w+='?[^'\s]*'? )*([a-z]+)", text, re.MULTILINE))
    assert used <= targets()
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for target in targets():
        assert f"| `make {target}` |" in contributing, target
