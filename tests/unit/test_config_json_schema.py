"""The JSON Schema for editors: it takes every config of ours, marks wrong ones, and what follows from it is current."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from config.json_schema import cases_schema, document_schema, team_schema
from connectors import registry
from docs import generate
from docs.examples import EXAMPLES
from okrs.duration import duration_text, parse_duration
from tests.unit.docs_pages import ROOT, Block, whole, yaml_blocks

DOCUMENT = document_schema({name: registry.find(name).settings for name in registry.BUILT_IN})
WHOLE, TEAM = Draft202012Validator(DOCUMENT), Draft202012Validator(team_schema())


class Editor(yaml.SafeLoader):
    """Reads YAML 1.2, as editors do: dates are texts, `no` is a word."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as PyYAML declares it
        letter: [(tag, form) for tag, form in resolvers if not tag.endswith((":timestamp", ":bool"))]
        for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


Editor.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|false"), list("tf"))


def complaints(text: str, schema: Draft202012Validator = WHOLE) -> list[str]:
    held = yaml.load(text, Editor)
    return [f"{error.json_path} {error.message}" for error in schema.iter_errors(held)]


def test_it_is_a_schema() -> None:
    for schema in (DOCUMENT, team_schema(), cases_schema()):
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("path", generate.generated(), ids=lambda path: path.name)
def test_what_is_generated_is_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == generate.generated()[path], "run `make schema`"


def test_every_example_is_of_a_key_that_there_is() -> None:
    keys = {(model, key) for model, held in team_schema()["$defs"].items() for key in held.get("properties", ())}
    assert set(EXAMPLES) <= keys
    for (_, key), text in EXAMPLES.items():
        assert re.search(rf"\b{key}:", text), f"the example of {key} does not show it"


@pytest.mark.parametrize("path", sorted((ROOT / "config" / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_an_example_config_fits(path: Path) -> None:
    assert complaints(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("block", yaml_blocks("", "sources", "objectives", "key_results", "mappings", "top"), ids=str)
def test_a_config_of_the_documents_fits(block: Block) -> None:
    assert complaints(whole(block)) == []


@pytest.mark.parametrize("block", yaml_blocks("team"), ids=str)
def test_a_team_s_file_fits_its_own_schema(block: Block) -> None:
    assert complaints(block.text, TEAM) == []
    assert complaints("version: 1\n" + block.text, TEAM) != []


CASES = Draft202012Validator(cases_schema())


@pytest.mark.parametrize("block", yaml_blocks("cases"), ids=str)
def test_cases_fit_their_own_schema(block: Block) -> None:
    assert complaints(block.text, CASES) == []


@pytest.mark.parametrize(
    ("case", "place"),
    [
        ("{key_result: k, items: [{key: P-1, type: Bug, state: done}], expect: 1, excluded: {P-2: open}}", None),
        ("{key_result: k, now: 2026-10-20T16:30, expect: none}", None),
        ("{key_result: k, items: [{key: P-1, stat: done}], expect: 1}", "$.cases[0].items[0]"),
        ("{key_result: k, items: [{key: P-1, state: finished}], expect: 1}", "$.cases[0].items[0].state"),
        ("{key_result: k, expect: many}", "$.cases[0].expect"),
        ("{key_result: k, expect: 1, excluded: {P-2: because}}", "$.cases[0].excluded['P-2']"),
        ("{key_result: k}", "$.cases[0]"),
    ],
)
def test_a_mistake_in_a_case_is_marked(case: str, place: str | None) -> None:
    assert [each.split(" ")[0] for each in complaints(f"cases: [{case}]", CASES)] == ([place] if place else [])


GOOD = (ROOT / "config" / "examples" / "combined.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("timezone:", "timezome:", "$"),
        ("version: 1", "version: 2", "$.version"),
        ("database: ${DATABASE_URL}", "database: [a]", "$.database"),
        ("    projects: [PAY]", "    project: [PAY]", "$.sources.pay-jira"),
        ("    token: ${JIRA_TOKEN}\n", "", "$.sources.pay-jira"),
        ("connector: jira", "connector: jria", "$.sources.pay-jira.connector"),
        ("repositories: [acme/web]", "repositories: {acme: web}", "$.sources.web-github.repositories"),
        ("repositories: [acme/web]", "repositories: []", "$.sources.web-github.repositories"),
        ("  pay-jira:\n", "  pay jira:\n", "$.sources"),
        ("id: company", "id: the company", "$.objectives[0].id"),
        ("start: 10,", "start: ten,", "$.objectives[1].key_results[1].start"),
        ("weight: 2}\n      - {id: fixes", "weight: 0}\n      - {id: fixes", "$.objectives[1].key_results[0].weight"),
        ("kind: binary", "kind: trinary", "$.objectives[1].key_results[2].kind"),
        ("title: Customers buy", "titel: Customers buy", "$.objectives[1]"),
        ("measure: count, cancelled: exclude", "measure: cuont", "$.mappings[1].from[0].measure"),
        ("cancelled: exclude", "cancelled: maybe", "$.mappings[1].from[0].cancelled"),
        ("add_start: true", "add_start: perhaps", "$.mappings[1].add_start"),
        ("label: checkout", "lable: checkout", "$.mappings[1].from[0].where"),
        ("label: checkout", "label: {a: b}", "$.mappings[1].from[0].where.label"),
        ("label: checkout", "not: {not: {lable: x}}", "$.mappings[1].from[0].where.not.not"),
        ("measure: count, cancelled: exclude", "measure: 85", "$.mappings[1].from[0].measure"),
        ("label: checkout", "created: 2026", "$.mappings[1].from[0].where.created"),
        ("label: checkout", "created: last 2w", "$.mappings[1].from[0].where.created"),
        ("label: checkout", "closed: [cycle, 2026-10-01]", "$.mappings[1].from[0].where.closed"),
        ("label: checkout", "field.risk: []", "$.mappings[1].from[0].where.field.risk"),
        ("label: checkout", "field.risk: [{a: b}]", "$.mappings[1].from[0].where.field.risk"),
        ("label: checkout", "field.: x", "$.mappings[1].from[0].where"),
        ("label: checkout", 'label: " "', "$.mappings[1].from[0].where.label"),
        ("start: 2026-10-01", "start: 1 October 2026", "$.cycles[0].start"),
        ("on_track: 0.75", "on_track: 1.5", "$.pace.on_track"),
        ("title: Buying from us", "title: ${TITLE} from us", "$.objectives[0].title"),
    ],
)
def test_a_mistake_is_marked_where_it_stands(old: str, new: str, place: str) -> None:
    assert GOOD.count(old) >= 1
    (found,) = {each.split(" ")[0] for each in complaints(GOOD.replace(old, new, 1))}
    assert found.replace("['", ".").replace("']", "") == place


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("url: https://acme.atlassian.net", "url: https://${JIRA_HOST}"),
        ("token: ${JIRA_TOKEN}", "token: ${file:jira.token}"),
        ("id: company", "id: 2026"),
        ("title: Buying from us is a pleasure", "title: 2026"),
        ("version: 1", 'version: "1"'),
        ("start: 10,", 'start: "10",'),
        ("label: checkout", "label: no"),
        ("label: checkout", "created: [cycle, 2026-10-01..2026-11-15, last  14d]"),
        ("label: checkout", "closed: ' 2026-10-01 .. 2026-11-15 '"),
        ("label: checkout", "field.risk score: [high, 3]"),
        ("by: story_points", "by: story_points, missing: 0"),
        ("projects: [PAY]", "projects: PAY, every: 10m".replace(", ", "\n    ")),
    ],
)
def test_what_the_config_takes_is_not_marked(old: str, new: str) -> None:
    assert old in GOOD
    assert complaints(GOOD.replace(old, new, 1)) == []


def _properties(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, model in schema["$defs"].items():
        yield from ((f"{name}.{key}", held) for key, held in model.get("properties", {}).items())
    yield from schema["properties"].items()


def test_every_key_is_described() -> None:
    for name, held in _properties(DOCUMENT):
        named = DOCUMENT["$defs"].get(held.get("$ref", "").rpartition("/")[2], {})
        assert held.get("description") or named.get("description"), name


def test_every_table_is_closed() -> None:
    for name, model in DOCUMENT["$defs"].items():
        assert "properties" not in model or model["additionalProperties"] is False, name


@pytest.mark.parametrize("text", ["1s", "90s", "5m", "2h", "36h", "1d"])
def test_a_duration_is_written_as_it_is_read(text: str) -> None:
    assert duration_text(parse_duration(text)) == text
