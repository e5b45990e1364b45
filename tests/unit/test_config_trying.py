"""A mapping as YAML to try: written out it means what the config's own does."""

import json
from pathlib import Path

import pytest

from config.loader import load
from config.trying import retold, written
from tests.unit.test_config_mistakes import BASE, ENVIRON


@pytest.mark.parametrize(
    "text", ["@me", "[web", "{x", "*a", "&a", "!x", "%", "`a", "'a", "> a", "<<", "=", "- x", "? a"]
)
def test_a_name_that_means_something_to_yaml_is_written_as_a_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "headway.yaml"
    path.write_text(BASE.replace("[a, b]", json.dumps(text)), encoding="utf-8")
    config = load(path, ENVIRON, connect=False).config
    shown = written(load(path, ENVIRON, connect=False), "bugs")
    again, names = retold(path, ENVIRON, shown)
    assert names == ("bugs",)
    assert config is not None
    assert again.config is not None
    assert again.config.rules == config.rules


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("7", "7"),
        ("-3", "-3"),
        ("no", "'no'"),
        ("007", "'007'"),
        ("1_000", "'1_000'"),
        ("1.10", "'1.10'"),
        ("TRUE", "true"),
    ],
)
def test_a_number_is_written_as_one(tmp_path: Path, text: str, shown: str) -> None:
    path = tmp_path / "headway.yaml"
    path.write_text(BASE.replace("[a, b]", text), encoding="utf-8")
    assert f"label: {shown}\n" in written(load(path, ENVIRON, connect=False), "bugs")


@pytest.mark.parametrize("above", ["", "# as on the page\n"])
def test_a_place_is_one_that_somebody_sees(tmp_path: Path, above: str) -> None:
    path = tmp_path / "headway.yaml"
    path.write_text(BASE, encoding="utf-8")
    mapping = "- key_result: bugs\n  from:\n    - {source: jira, measure: count}\n"
    first, second = 1 + above.count("\n"), 4 + above.count("\n")
    (problem,) = retold(path, ENVIRON, above + mapping * 2)[0].problems
    assert problem.line == second
    assert f"first at what you typed:{first}:15" in problem.message
