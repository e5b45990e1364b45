"""The cases of the mapping language: a rule as an admin writes it, work items, and what is to come out, all by hand.

They stand in the `*.yaml` beside this file; how one is written stands in `README.md` there.  This module only reads
them: what a case is tried with is the business of the tests.
"""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import indent
from typing import Any

import yaml

from config.loader import load
from config.model import Config
from tests.cases.rows import Row, StepEntry, TableEntry, TablesFile, identity
from tests.cases.scenes import KEY_RESULT, Scene, scene_of

HERE = Path(__file__).parent
HEAD = """\
version: 1
database: sqlite:///headway.db
timezone: {timezone}
cycles:
  - {{id: cycle, {cycle}}}
sources:
  pay:
    connector: jira
    url: https://acme.atlassian.net
    token: ${{TOKEN}}
    projects: [PAY]
    fields: {{points: customfield_1, effort: customfield_2, risk: customfield_3}}
  both:
    connector: jira
    url: https://acme.atlassian.net
    token: ${{TOKEN}}
    projects: [PAY, OPS]
  web: {{connector: github, token: "${{TOKEN}}", repositories: [acme/web, acme/app]}}
  shop: {{connector: github, token: "${{TOKEN}}", repositories: [acme/app, acme/shop]}}
  launch: {{connector: asana, token: "${{TOKEN}}", projects: ["1204000000000001", "1204000000000002"]}}
objectives:
  - id: objective
    cycle: cycle
    title: An objective
    key_results:
      - {{id: kr, title: A key result, {key_result}}}
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A case, ready to be tried."""

    file: str
    entry: TableEntry
    rows: tuple[tuple[Row, ...], ...]
    """All rows of each scene."""

    def __str__(self) -> str:
        return f"{self.file}: {self.entry.name}"

    @property
    def steps(self) -> tuple[StepEntry, ...]:
        return (self.entry, *self.entry.then)

    @property
    def scenes(self) -> list[Scene]:
        rules = [self.entry.rule]
        for step in self.entry.then:
            rules.append(step.rule or rules[-1])
        configs = [loaded(config_text(self.entry, rule)) for rule in rules]
        return [scene_of(*each) for each in zip(self.steps, self.rows, configs, strict=True)]


def tables() -> list[Table]:
    """Every case of every file."""
    return [table for file in sorted(HERE.glob("*.yaml")) for table in _tables(file)]


def _tables(file: Path) -> list[Table]:
    told = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    return [Table(file.stem, entry, tuple(_rows(entry))) for entry in TablesFile.model_validate(told).cases]


def _rows(entry: TableEntry) -> Iterable[tuple[Row, ...]]:
    known: dict[str, dict[str, Any]] = {}
    for step in (entry, *entry.then):
        for row in step.items:
            name = row.get("id") or identity(row["key"])
            merged = {"id": name} | known.get(name, {}) | row
            known[name] = {key: value for key, value in merged.items() if value != ""}
        yield tuple(Row.model_validate(row) for row in known.values())


def config_text(entry: TableEntry, rule: str | None) -> str:
    """The whole config around a rule."""
    text = HEAD.format(timezone=entry.timezone, cycle=entry.cycle, key_result=entry.key_result) + entry.top
    return text if rule is None else f"{text}\nmappings:\n  - key_result: {KEY_RESULT}\n{indent(rule, '    ')}"


@cache
def loaded(text: str) -> Config:
    """The config as the real loader reads it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "headway.yaml")
        path.write_text(text, encoding="utf-8")
        answer = load(path, {"TOKEN": "a dummy token"}, connect=True)
    assert answer.config is not None, [str(problem) for problem in answer.problems]
    return answer.config
