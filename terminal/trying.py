"""What `headway mapping test` says of an admin's own cases."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from mapping.cases import About, Difference, Verdict, number_text
from okrs.numbers import as_json
from terminal.text import counted, harmless

_BAD, _GOOD, _QUIET = "red", "green", "dim"


def tried(verdicts: Sequence[Verdict]) -> RenderableType:
    """Every case on a line; below one that failed, what came out otherwise."""
    failed = sum(not each.ok for each in verdicts)
    end = f"{counted(len(verdicts), 'case')}, {f'{failed} failed' if failed else 'all as expected'}."
    lines = [line for each in verdicts for line in _lines(each)]
    return Group(*lines, Text(end, _BAD if failed else _GOOD))


def _lines(verdict: Verdict) -> Iterator[Text]:
    case = verdict.case
    name = f": {harmless(case.name)}" if case.name else ""
    value = number_text(verdict.value)
    if verdict.ok:
        yield Text(f"✓ {case.key_result}{name} = {value}", _GOOD)
        return
    yield Text(f"✗ {case.key_result}{name}  ({harmless(case.file, 400)}:{case.line})", _BAD)
    yield from (Text(f"    {_told(each)}") for each in verdict.differences)
    for key, fate in verdict.fates:
        yield Text(f"    · {harmless(key)}: {fate}", _QUIET)
    if verdict.homeless:
        names = ", ".join(harmless(name) for name in verdict.homeless)
        told = "the mapping asks for a project, and its source reads several, so write project: at the item"
        yield Text(f"    {names}: {told}")


def _told(difference: Difference) -> str:
    what = "value" if difference.about is About.VALUE else harmless(difference.key)
    return f"{what}: expected {difference.expected}, got {difference.got}"


def tried_json(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """The document of `mapping test --json`."""
    return {"ok": all(each.ok for each in verdicts), "cases": [_document(each) for each in verdicts]}


def _document(verdict: Verdict) -> dict[str, Any]:
    case = verdict.case
    return {
        "key_result": case.key_result,
        "name": case.name or None,
        "file": case.file,
        "line": case.line,
        "ok": verdict.ok,
        "expected": as_json(case.expected),
        "value": as_json(verdict.value),
        "items": dict(verdict.fates),
        "differences": [
            {"about": each.about.value, "key": each.key or None, "expected": each.expected, "got": each.got}
            for each in verdict.differences
        ],
    }
