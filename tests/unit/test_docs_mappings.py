"""The worked examples of docs/mappings.md: each rule is measured on the tickets of its table."""

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

import pytest

from mapping.family import Candidate, Seen, candidates
from mapping.judging import Line
from mapping.measure import measure
from mapping.rule import (
    Cancelled,
    Combine,
    Counts,
    Measure,
    Missing,
    Moment,
    Regress,
    Rule,
    Scope,
    Selector,
    Window,
    leaves_of,
    matches_in,
)
from mapping.totals import kept
from okrs.immutable import replace
from okrs.numbers import plain
from okrs.work import Kind, Ref, State, Step, WorkItem
from tests.builders import NOW, WITHIN, at, seen
from tests.unit.docs_pages import ROOT, Block, yaml_blocks
from tests.unit.test_docs_configs import loaded

Row = dict[str, str]

WORKED = [block for block in yaml_blocks("mappings") if "worked" in block.mark.split(" ")]
_VALUE = re.compile(r"^\*\*Value: (.+)\*\*$", re.MULTILINE)
_LIST = re.compile(r",\s*")


def table(block: Block) -> tuple[list[Row], str]:
    """The rows of the table behind a block, and the value below it."""
    told = _VALUE.search(block.rest)
    assert told is not None, f"{block}: no **Value: …** follows"
    lines = [line for line in block.rest[: told.start()].splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(head, row, strict=True)) for row in rows], told[1]


def item(row: Row) -> WorkItem:
    state = State(row["state"])
    parent = row.get("parent")
    key = row["ticket"]
    created = at(row.get("created") or "2026-07-01")
    closed = at(row.get("closed") or "2026-11-15") if state.closed else None
    fields = [("risk", text) for text in _LIST.split(row.get("risk") or "")] + [("story_points", row.get("points"))]
    return WorkItem(
        id=f"id:{key}",
        key=key,
        kind=Kind(row.get("kind") or "issue"),
        type=row.get("type") or "Task",
        title=f"About {key}",
        url="",
        state=state,
        status=row.get("status") or None,
        created_at=created,
        closed_at=closed,
        parent=Ref("", parent) if parent else None,
        projects=(Ref("PAY"),),
        milestones=_groups(row, Kind.MILESTONE),
        labels=tuple(_LIST.split(row["labels"])) if row.get("labels") else (),
        sections=(Ref("1", row["section"]),) if row.get("section") else (),
        fields=tuple((name, text) for name, text in fields if text),
        sprints=_groups(row, Kind.SPRINT),
        refs=tuple(_LIST.split(row["names"])) if row.get("names") else (),
        history=(Step(created, State.TODO), Step(at(row["began"]), State.DOING)) if row.get("began") else (),
    )


def _groups(row: Row, kind: Kind) -> tuple[str, ...]:
    """Ids of the milestones or sprints that a row names."""
    return tuple(f"{kind}:{name.casefold()}" for name in _LIST.split(row.get(kind) or "") if name)


def sight(row: Row, made: WorkItem, now: datetime) -> Seen:
    """How a ticket is seen; with the column `at the end`, which names its state, also how it was seen then."""
    if not row.get("at the end"):
        return seen(made)
    state = State(row["at the end"])
    was = replace(made, state=state, closed_at=at("2026-11-15") if state.closed else None)
    return replace(seen(made, since=WITHIN if made == was else now), then=seen(was))


def mirror(rule: Rule, rows: Sequence[Row], now: datetime) -> dict[str, list[Candidate]]:
    """The tickets by the source of the part that their row speaks of, with the milestones and sprints they name."""
    items: dict[str, dict[str, Seen]] = {name: {} for name in rule.sources}
    for row in rows:
        held = items[rule.parts[int(row.get("part", "1")) - 1].source]
        made = item(row)
        assert held.setdefault(made.id, sight(row, made, now)).item == made, f"{made.key} is told in two ways"
        for group in (*made.milestones, *made.sprints):
            kind, _, title = group.partition(":")
            held[group] = seen(WorkItem(group, group, Kind(kind), kind, title, "", State.TODO))
    return {name: candidates(held.values()) for name, held in items.items()}


def told(line: Line | None) -> tuple[str, str, str]:
    """A line as the tables write it."""
    if line is None:
        return "–", "–", "not selected"
    weight, amount = ("–" if number is None else plain(number) for number in (line.weight, line.amount))
    return weight, amount, line.reason.value if line.reason else ""


def rule_of(block: Block, folder: Path) -> Rule:
    config = loaded(folder, block).config
    assert config is not None
    (rule,) = config.rules.values()
    return rule


@pytest.mark.parametrize("block", WORKED, ids=str)
def test_a_worked_example_is_what_headway_measures(block: Block, tmp_path: Path) -> None:
    rule = rule_of(block, tmp_path)
    rows, value = table(block)
    now = at(block.told["now"]) if "now" in block.told else NOW
    answer = measure(rule, mirror(rule, rows, now), now)
    lines = {(str(line.part + 1), line.item.key): line for line in answer.lines}
    for row in rows:
        line = lines.pop((row.get("part", "1"), row["ticket"]), None)
        assert told(line) == (row["weight"], row["amount"], row["why"]), row["ticket"]
    assert lines == {}, "the table leaves selected tickets out"
    before = block.told.get("before")
    assert kept(rule, Decimal(before) if before else None, answer.value) == Decimal(value)


def test_every_measure_and_policy_is_worked() -> None:
    text = "".join(block.text for block in WORKED)
    spelt: dict[StrEnum, list[str]] = {Measure.PERCENTILE: ["median", "p85"]}
    default = {Counts.DONE, Missing.EXCLUDE, Window.ALWAYS, Scope.LIVE, Regress.FOLLOW}
    also_shown = {Combine.MAX, Regress.ASK}  # said in a sentence
    for words in (Measure, Counts, Cancelled, Window, Missing, Combine, Scope, Regress, Moment):
        for word in set(words) - default - also_shown:
            for written in spelt.get(word, [word.value]):
                assert re.search(rf"\b{written}\b", text), word
    for key in ("stat", "of", "partial", "once", "scale", "done_when", "add_start", "weight"):
        assert re.search(rf"\b{key}: ", text), key


def test_every_selector_is_described(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "config.md").read_text(encoding="utf-8")
    for word in (*Selector, *Moment):
        assert f"\n| `{word.value}` |" in page, word
    rules = [rule_of(block, tmp_path) for block in WORKED]
    clauses = [part.where for rule in rules for part in rule.parts]
    assert len({match.selector for clause in clauses for match in matches_in(clause)}) >= 9
    assert len({type(leaf) for clause in clauses for leaf in leaves_of(clause)}) == 3
