"""A config as it would be with mappings that somebody types: nothing is written."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from config.files import Files, arranged, read_files
from config.loader import Loaded, Terms, understood
from config.names import mappings_of
from config.problems import Problem, Problems
from config.reading import parse
from config.standin import Kind, giving_way, names_of
from config.tree import Entry, Listing, Spot, Table
from okrs.immutable import replace

TYPED = "what you typed"
"""How problems name it, where others have the name of a file."""

_PLACE = re.compile(f"{TYPED}:([0-9]+):")
_PLAIN = re.compile("true|false|0|-?[1-9][0-9]{0,17}", re.IGNORECASE)
"""What YAML shows as it is written, without quotes."""


def retold(path: Path, environ: Mapping[str, str], text: str) -> tuple[Loaded, tuple[str, ...]]:
    """Load a config with these mappings in the place of its own; returns also of which key results they are.

    The text is one mapping, a list of them, or what stands in a file: `mappings:` with a list.
    """
    problems, found = Problems(), read_files(path)
    files = arranged(found, problems)
    above = "mappings:\n" if _is_list(text) else ""
    typed = parse((above + text).encode(), TYPED, problems, begin="key_result:")
    if typed is None:
        return _as_typed(Loaded(None, problems.sorted()), above), ()
    typed = _as_file(typed)
    named = {name for name in names_of(typed) if name[0] is Kind.MAPPING}
    main = giving_way(files.main, named) if files.main else None
    teams = tuple(giving_way(each, named) for each in files.teams)
    whole = Files(files.folder, main, (*teams, typed), complete=files.complete, whole=files.whole)
    loaded = understood(whole, Terms(environ, connect=False, opens=False), problems)
    return _as_typed(replace(loaded, files=found.files), above), tuple(sorted(name for _, name in named))


def _is_list(text: str) -> bool:
    lines = (each.strip() for each in text.splitlines())
    return next((each for each in lines if each and not each.startswith("#")), "").startswith("-")


def _as_typed(loaded: Loaded, above: str) -> Loaded:
    """Return it with problems on the lines that somebody sees, who did not type what was put above them."""
    lines = above.count("\n")
    return replace(loaded, problems=tuple(_higher(each, lines) for each in loaded.problems))


def _higher(problem: Problem, lines: int) -> Problem:
    """Return a problem so many lines higher up, and what its sentence points at, too."""
    told = _PLACE.sub(lambda found: f"{TYPED}:{max(1, int(found[1]) - lines)}:", problem.message)
    line = max(1, problem.line - lines) if problem.file == TYPED else problem.line
    return replace(problem, line=line, message=told)


def _as_file(typed: Spot) -> Spot:
    node = typed.node
    if isinstance(node, Table) and "mappings" in node.entries:
        return typed
    return Spot(Table(node.place, {"mappings": Entry(node.place, Listing(node.place, (node,)))}), typed.home)


def written(loaded: Loaded, name: str) -> str:
    """Return the mapping of a key result as YAML, with its template written out; empty where it has none."""
    mine = [each for each in mappings_of(list(loaded.roots)) if each.word("key_result") == name]
    return yaml.safe_dump(_plain(mine[0]), sort_keys=False, allow_unicode=True, width=100) if mine else ""


def _plain(spot: Spot) -> Any:  # noqa: ANN401 - any YAML
    if isinstance(spot.node, Listing):
        return [_plain(each) for each in spot.items()]
    if isinstance(spot.node, Table):
        return {name: _plain(each) for name, each in spot.entries()}
    return _scalar(spot.text)


def _scalar(text: str | None) -> object:
    """A text that would be read as a number or a truth is written as one, for people; the schema reads texts."""
    if text is None or not _PLAIN.fullmatch(text):
        return text
    return text.casefold() == "true" if text.isalpha() else int(text)
