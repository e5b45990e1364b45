"""docs/testing-mappings.md: its cases give what it shows, and it describes every key of a case."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel
from rich.console import Console

from config.cases_schema import CaseEntry, ItemEntry
from service import Service
from terminal.trying import tried
from tests.unit.docs_pages import ROOT, Block, blocks, yaml_blocks

PAGE = ROOT / "docs" / "testing-mappings.md"


def printed(block: Block) -> str:
    """What Headway says to the cases of a block, with the config before it."""
    (config,) = [each for each in yaml_blocks("") if each.page == block.page]
    Path("headway.yaml").write_text(config.text, encoding="utf-8")
    Path("checkout.cases.yaml").write_text(block.text, encoding="utf-8")
    console = Console(soft_wrap=True, width=200, markup=False, emoji=False, highlight=False)
    with console.capture() as capture:
        console.print(tried(Service({}).try_mappings(Path("headway.yaml"), [])))
    return capture.get()


@pytest.mark.parametrize("block", yaml_blocks("cases"), ids=str)
def test_shown_cases_give_what_is_shown(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = next(each for each in blocks() if each.page == block.page and each.line > block.line)
    assert shown.text == f"$ headway mapping test\n{printed(block)}"


def test_there_is_one_that_holds_and_one_that_fails() -> None:
    shown = [each.text for each in blocks() if each.page == PAGE and each.language == "console"]
    assert ["all as expected" in text for text in shown] == [True, False]


@pytest.mark.parametrize(("heading", "model"), [("A case", CaseEntry), ("An item", ItemEntry)])
def test_every_key_is_described(heading: str, model: type[BaseModel]) -> None:
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ([^|]+) \|", section, re.MULTILINE)
    described = {key: default for keys, default in rows for key in re.findall(r"`(\w+)`", keys)}
    assert set(described) == set(model.model_fields)
    for key, field in model.model_fields.items():
        assert (described[key] == "required") == field.is_required(), key
