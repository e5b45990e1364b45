"""A finding of a review: a field that the config names exactly, or by the tracker's own name, is called misspelt."""

from pathlib import Path

import pytest

from config.lint import warned
from config.loader import load

CONFIG = """\
version: 1
database: sqlite:///headway.db
cycles: [{{id: Q, start: 2026-10-01, end: 2026-12-31}}]
sources:
  pay: {{connector: jira, url: "https://acme.example", token: "${{TOKEN}}", projects: [PAY], fields: {fields}}}
objectives:
  - id: o
    cycle: Q
    title: T
    key_results: [{{id: k, title: T, start: 0, target: 9}}]
mappings:
  - {{key_result: k, from: [{{source: pay, measure: sum, by: {by}}}]}}
"""


@pytest.mark.parametrize(
    ("fields", "by"),
    [("{Points: customfield_1, points: customfield_2}", "points"), ("{story_points: customfield_1}", "Story Points")],
)
def test_a_field_of_that_very_name_is_not_misspelt(tmp_path: Path, fields: str, by: str) -> None:
    path = tmp_path / "headway.yaml"
    path.write_text(CONFIG.format(fields=fields, by=by), encoding="utf-8")
    loaded = load(path, {"TOKEN": "marked-token"}, connect=False)
    assert loaded.config is not None, loaded.problems
    assert [str(each) for each in warned(loaded, ()) if "gives no field" in str(each)] == []
