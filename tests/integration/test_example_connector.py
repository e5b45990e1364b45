"""The example connector, installed by pip as anybody's would be, under the real `headway` command."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.conftest import COMMAND, LONGEST
from tests.unit.docs_pages import Block, blocks

EXAMPLE = Path(__file__).parents[2] / "examples" / "headway-worklist"
SHOWN = [block for block in blocks() if block.page.name == "write-a-connector.md"]
TESTED = [
    *(path for path in EXAMPLE.iterdir() if path.is_file()),
    *(Path(__file__).parent / name for name in ("toy_tracker.py", "broken_connectors.py")),
]
"""Files that run in tests; whatever the page shows is a part of one of them."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example in it, installed from a copy, so that nothing is left behind here."""
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(EXAMPLE, folder / "source", ignore=shutil.ignore_patterns("__pycache__", "*.db*", ".*"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    options = ["--no-deps", "--no-build-isolation", "--target", str(folder / "site")]
    done = subprocess.run([*pip, *options, str(folder / "source")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "site"


@pytest.fixture
def office(tmp_path: Path) -> Path:
    """A folder with the example's config and worklist."""
    for name in ("headway.yaml", "work.jsonl"):
        shutil.copy(EXAMPLE / name, tmp_path)
    return tmp_path


def environment(site: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(site)}


def start(site: Path, office: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=office,
        env={**environment(site), **variables},
        capture_output=True,
        encoding="utf-8",
        timeout=LONGEST,
        check=False,
    )


def run(site: Path, office: Path, *arguments: str) -> tuple[int, Any]:
    done = start(site, office, *arguments, "--json")
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)


def value(site: Path, office: Path) -> Any:
    code, told = run(site, office, "status")
    assert code == 0
    return {each["id"]: each["value"] for each in told["key_results"]}["calls"]


def test_a_key_result_follows_the_file(site: Path, office: Path) -> None:
    assert run(site, office, "validate") == (0, [])
    code, (checked,) = run(site, office, "check")
    assert (code, checked["sees"]) == (0, ["work.jsonl"])
    assert run(site, office, "sync")[0] == 0
    assert value(site, office) == 50
    work = office / "work.jsonl"
    work.write_text(work.read_text(encoding="utf-8").replace('"doing"', '"done"'), encoding="utf-8")
    code, told = run(site, office, "sync")
    assert code == 0
    assert told["updates"] == [{"key_result": "calls", "old": 50, "new": 100}]
    assert value(site, office) == 100


COMMANDS = {
    "check": "✓ list: sees work.jsonl",
    "discover list": "Projects and repositories (1)\n  work.jsonl",
    "discover list --json": '"value": "work.jsonl"',
    "discover list --yaml": "# Projects and repositories:\n# work.jsonl\n",
    "sync": "Finish the customer calls",
    "status": "Finish the customer calls",
    "explain calls": "Call the first ten customers",
    "which 1": "calls",
    "history calls": "first measured",
    "verify": "",
}


def test_every_command_answers_for_a_connector_that_is_not_built_in(site: Path, office: Path) -> None:
    for command, told in COMMANDS.items():
        done = start(site, office, *command.split())
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), (command, done.stderr)
        assert told in done.stdout, (command, done.stdout)
    pasted = start(site, office, "discover", "list", "--yaml").stdout
    assert yaml.safe_load(pasted) is None  # there is no key to paste


def test_a_missing_file_fails_the_check(site: Path, office: Path) -> None:
    (office / "work.jsonl").unlink()
    code, (checked,) = run(site, office, "check")
    assert code == 1
    assert checked["error"].startswith("The worklist work.jsonl cannot be read (No such file or directory)")


def test_a_broken_file_moves_nothing(site: Path, office: Path) -> None:
    assert run(site, office, "sync")[0] == 0
    (office / "work.jsonl").write_text("<html>", encoding="utf-8")
    code, told = run(site, office, "sync")
    assert code == 3
    assert "Line 1 of the worklist is no work item" in told["sources"][0]["error"]
    assert value(site, office) == 50


def test_without_the_distribution_the_config_says_what_is_known(site: Path, office: Path) -> None:
    code, (problem,) = run(site.parent, office, "validate")
    assert code == 1
    assert problem["path"] == "sources.list.connector"
    assert "worklist" in problem["message"]


def test_it_keeps_the_laws(site: Path, tmp_path: Path) -> None:
    for name in ("test_worklist.py", "work.jsonl", "work.items.json"):
        shutil.copy(EXAMPLE / name, tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "test_worklist.py"],
        cwd=tmp_path,
        env=environment(site),
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_golden_items_are_made_as_the_page_says(site: Path, tmp_path: Path) -> None:
    for name in ("make_golden.py", "test_worklist.py", "work.jsonl", "work.items.json"):
        shutil.copy(EXAMPLE / name, tmp_path)
    (tmp_path / "work.items.json").write_bytes(b"[]")
    script = [sys.executable, "make_golden.py"]
    subprocess.run(script, cwd=tmp_path, env=environment(site), timeout=LONGEST, check=True)
    assert (tmp_path / "work.items.json").read_bytes() == (EXAMPLE / "work.items.json").read_bytes()


MODULES = ("headway_worklist.py", "test_worklist.py")


def test_it_is_as_small_as_the_page_says() -> None:
    lines = sum(len((EXAMPLE / name).read_text(encoding="utf-8").splitlines()) for name in MODULES)
    assert lines < 120
    assert f"{lines} lines" in SHOWN[0].page.read_text(encoding="utf-8")


@pytest.mark.parametrize("block", SHOWN, ids=str)
def test_the_page_shows_what_runs(block: Block) -> None:
    assert any(block.text in path.read_text(encoding="utf-8") for path in TESTED), block.text


def test_a_first_config_and_the_schema_know_it(site: Path, office: Path) -> None:
    done = start(site, office, "init", "--source", "worklist:path=work.jsonl", "--output", "first.yaml")
    assert done.returncode == 0, done.stderr
    for command in ("validate", "sync", "status"):
        done = start(site, office, "-c", "first.yaml", command)
        assert (done.returncode, done.stderr) == (0, "")
    assert "All the work is done" in done.stdout
    done = start(site, office, "init", "--source", "worklist", "--output", "second.yaml")
    assert done.returncode == 2
    assert "worklist lacks path" in done.stderr
    schema = json.loads(start(site, office, "schema").stdout)
    assert "path" in schema["$defs"]["worklist-source"]["properties"]
