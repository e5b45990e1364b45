"""`headway mapping test` and `headway schema`: answered offline, without a variable of the config."""

import json
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.e2e import shapes
from tests.e2e.conftest import Headway

CASES = """\
cases:
  - key_result: p1-bugs
    name: "\\u202Edone"
    items:
      - {key: PAY-1, project: PAY, type: Bug, label: p1, state: done}
    expect: 1
"""


def test_cases_need_no_tracker_no_database_and_no_secret(copy: Headway) -> None:
    copy.edit("sqlite:///headway.db", "${NOT_SET}")
    (copy.folder / "bugs.cases.yaml").write_text(CASES, encoding="utf-8")
    unset = dict.fromkeys((f"HEADWAY_SANDBOX_{name}_TOKEN" for name in ("JIRA", "ASANA", "GITHUB")), "")
    code, out, err = copy.run("mapping", "test", **unset)
    assert (code, err) == (0, "")
    assert out == "✓ p1-bugs: done = 1\n1 case, all as expected.\n"
    document = copy.run("mapping", "test", "--json").out
    assert list(shapes.complaints(document, shapes.MAPPING_TEST)) == []
    assert copy.run("mapping", "test", "bugs.cases.yaml").code == 0


def test_a_case_that_fails_is_1_and_so_is_a_wrong_file(copy: Headway) -> None:
    path = copy.folder / "bugs.cases.yaml"
    path.write_text(CASES.replace("expect: 1", "expect: 2"), encoding="utf-8")
    code, out, _ = copy.run("mapping", "test")
    assert code == 1
    assert "value: expected 2, got 1" in out
    document = copy.run("mapping", "test", "--json")
    assert (document.code, document.out["ok"]) == (1, False)
    path.write_text(CASES.replace("project: PAY, ", ""), encoding="utf-8")
    code, out, _ = copy.run("mapping", "test")
    assert code == 1
    assert "    PAY-1: the mapping asks for a project, and its source reads several, so write project: at the " in out
    path.write_text(CASES.replace("label", "lable"), encoding="utf-8")
    code, out, err = copy.run("mapping", "test")
    assert (code, out) == (1, "")
    assert 'bugs.cases.yaml:5:47 cases[0].items[0].lable ← unknown key "lable"; did you mean "label"?' in err
    path.unlink()
    code, _, err = copy.run("mapping", "test")
    assert code == 1
    assert "There are no cases beside headway.yaml: write some" in err


@pytest.mark.parametrize("team", [[], ["--team"]])
def test_the_schema_judges_the_config(settled: Headway, tmp_path: Path, team: list[str]) -> None:
    code, out, err = settled.run("schema", *team)
    assert (code, err) == (0, "")
    text = re.sub(r"\b\d+-\d+-\d+\b", '"2026-01-01"', settled.config.read_text(encoding="utf-8"))
    held = yaml.safe_load(text)
    assert Draft202012Validator(json.loads(out)).is_valid(held) == (not team)
    path = tmp_path / "schema.json"
    path.write_text("older", encoding="utf-8")
    assert settled.run("schema", *team, "--output", str(path)).out == f"{path} holds the schema.\n"
    assert path.read_text(encoding="utf-8") == out
    assert settled.run("schema", "--team", "--cases").code == 2
    code, _, err = settled.run("schema", "--output", str(tmp_path))
    assert code == 2
    assert f"{tmp_path} is a folder: name a file in it, as --output {tmp_path / 'headway.schema.json'}" in err
    code, _, err = settled.run("schema", "--output", str(tmp_path / "none" / "schema.json"))
    assert code == 1
    assert "No such file or directory" in err
