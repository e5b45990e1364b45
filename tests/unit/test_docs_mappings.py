"""The worked examples of docs/mappings.md: each rule is measured on the tickets of its table."""

import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from mapping.family import Candidate, candidates
from mapping.judging import Line
from mapping.measure import Measured, measure
from mapping.rule import Cancelled, Combine, Counts, Measure, Missing, Rule, Selector, Window, matches_in
from okrs.numbers import plain
from okrs.work import Kind, Ref, State, WorkItem
from tests.builders import NOW, at, seen
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
    return WorkItem(
        id=f"id:{key}",
        key=key,
        kind=Kind(row.get("kind") or "issue"),
        type=row.get("type") or "Task",
        title=f"About {key}",
        url="",
        state=state,
        status=row.get("status") or None,
        created_at=at("2026-07-01"),
        closed_at=at(row.get("closed") or "2026-11-15") if state.closed else None,
        parent=Ref("", parent) if parent else None,
        projects=(Ref("PAY"),),
        milestones=(f"milestone:{row['milestone'].casefold()}",) if row.get("milestone") else (),
        labels=tuple(_LIST.split(row["labels"])) if row.get("labels") else (),
        sections=(Ref("1", row["section"]),) if row.get("section") else (),
        fields=(("story_points", row["points"]),) if row.get("points") else (),
    )


def mirror(rule: Rule, rows: Sequence[Row]) -> dict[str, list[Candidate]]:
    """The tickets by the source of the part that their row speaks of, with the milestones that they name."""
    items: dict[str, dict[str, WorkItem]] = {name: {} for name in rule.sources}
    for row in rows:
        held = items[rule.parts[int(row.get("part", "1")) - 1].source]
        made = item(row)
        assert held.setdefault(made.id, made) == made, f"{made.key} is told in two ways"
        for number in made.milestones:
            title = number.removeprefix("milestone:")
            held[number] = WorkItem(number, number, Kind.MILESTONE, "milestone", title, "", State.TODO)
    return {name: candidates(seen(each) for each in held.values()) for name, held in items.items()}


def told(line: Line | None) -> tuple[str, str, str]:
    """A line as the tables write it."""
    if line is None:
        return "–", "–", "not selected"
    weight, amount = ("–" if number is None else plain(number) for number in (line.weight, line.amount))
    return weight, amount, line.reason.value if line.reason else ""


def measured(block: Block, folder: Path) -> tuple[Measured, list[Row], str]:
    rows, value = table(block)
    config = loaded(folder, block).config
    assert config is not None
    (rule,) = config.rules.values()
    return measure(rule, mirror(rule, rows), NOW), rows, value


@pytest.mark.parametrize("block", WORKED, ids=str)
def test_a_worked_example_is_what_headway_measures(block: Block, tmp_path: Path) -> None:
    answer, rows, value = measured(block, tmp_path)
    lines = {(str(line.part + 1), line.item.key): line for line in answer.lines}
    for row in rows:
        line = lines.pop((row.get("part", "1"), row["ticket"]), None)
        assert told(line) == (row["weight"], row["amount"], row["why"]), row["ticket"]
    assert lines == {}, "the table leaves selected tickets out"
    assert answer.value == Decimal(value)


def test_every_measure_and_policy_is_worked() -> None:
    text = "".join(block.text for block in WORKED)
    for words in (Measure, Counts, Cancelled, Window, Missing, Combine):
        default = {Counts.DONE, Missing.EXCLUDE, Window.ALWAYS}
        also_shown = {Combine.MAX, Combine.MEAN}  # said in a sentence
        for word in set(words) - default - also_shown:
            assert re.search(rf"\b{word.value}\b", text), word


def test_every_selector_is_described(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "config.md").read_text(encoding="utf-8")
    for selector in Selector:
        assert f"\n| `{selector.value}` |" in page, selector
    used = set()
    for block in WORKED:
        config = loaded(tmp_path, block).config
        assert config is not None
        used |= {
            found.selector for rule in config.rules.values() for part in rule.parts for found in matches_in(part.where)
        }
    assert len(used) >= 8
