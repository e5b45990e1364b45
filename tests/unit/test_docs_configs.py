"""Every config in the documents loads, every mistake they show is the one Headway tells."""

import re
from pathlib import Path

import pytest

from config.loader import Loaded, load
from tests.unit.docs_pages import Block, blocks, whole, yaml_blocks

PARTS = ("sources", "objectives", "key_results", "mappings", "top")
DATABASE = "sqlite:///elsewhere.db"


def loaded(folder: Path, block: Block, unset: tuple[str, ...] = ()) -> Loaded:
    """Load a block as a whole config, with a dummy for every variable and file that it names."""
    text = whole(block)
    (folder / "headway.yaml").write_text(text, encoding="utf-8")
    environ = {name: "a dummy" for name in re.findall(r"\$\{(\w+)\}", text) if name not in unset}
    environ |= {name: DATABASE for name in environ if "DATABASE" in name}
    for name in re.findall(r"\$\{file:([\w.-]+)\}", text):
        (folder / name).write_text("a dummy\n", encoding="utf-8")
    for name in re.findall(r"^ *ca_bundle: ([\w.-]+)", text, re.MULTILINE):
        (folder / name).touch()
    return load(folder / "headway.yaml", environ, connect=True)


@pytest.mark.parametrize("block", yaml_blocks(""), ids=str)
def test_a_whole_config_has_no_problem(block: Block, tmp_path: Path) -> None:
    assert block.text.startswith("version: 1\n"), "say in a comment before the block what it is a part of"
    answer = loaded(tmp_path, block)
    assert answer.problems == ()
    assert answer.config is not None


@pytest.mark.parametrize("block", yaml_blocks(*PARTS), ids=str)
def test_a_part_of_a_config_loads(block: Block, tmp_path: Path) -> None:
    answer = loaded(tmp_path, block)
    assert [str(problem) for problem in answer.problems if problem.severity == "error"] == []
    assert answer.config is not None


@pytest.mark.parametrize("block", yaml_blocks("team"), ids=str)
def test_a_team_s_file_loads_beside_the_main_one(block: Block, tmp_path: Path) -> None:
    folder = tmp_path / "configs"
    folder.mkdir()
    (folder / "headway.yaml").write_text(whole(block), encoding="utf-8")
    (folder / "team.yaml").write_text(block.text, encoding="utf-8")
    answer = load(folder, dict.fromkeys(("JIRA_TOKEN", "GITHUB_TOKEN", "ASANA_TOKEN"), "a dummy"), connect=True)
    assert answer.problems == ()
    assert answer.config is not None
    assert answer.config.rules


@pytest.mark.parametrize("block", yaml_blocks("mistakes"), ids=str)
def test_shown_mistakes_are_the_ones_headway_tells(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    unset = tuple(re.findall(r"(\w+)=", block.mark))
    answer = loaded(Path(), block, unset)
    shown = next(other for other in blocks() if other.page == block.page and other.line > block.line)
    assert [f"{problem.severity}: {problem}" for problem in answer.problems] == shown.text.splitlines()


def test_there_are_blocks_of_every_sort() -> None:
    """A changed form of the pages must not make the tests above empty."""
    assert len(yaml_blocks("")) >= 1
    assert len(yaml_blocks("team")) >= 1
    assert len(yaml_blocks("mistakes")) >= 1
    for word in PARTS:
        assert yaml_blocks(word), word
    words = {block.word for block in blocks() if block.language == "yaml"}
    assert words <= {"", "team", "mistakes", "cases", *PARTS}
