"""Mistakes in the config: all told at once with their places, exit 1, and nothing written or asked."""

import re
from pathlib import Path

import pytest

from tests.e2e.conftest import Headway

BAD = """\
version: 1
database: sqlite:///headway.db
cycles:
  - {id: q, start: 2026-13-01, end: 2026-12-31}
sources:
  jira:
    connector: jira
    url: http://127.0.0.1:9/jira
    email: a@acme.example
    token: ${HEADWAY_TEST_NOT_SET}
    projects: [PAY]
    colour: red
  tracker:
    connector: fogbugz
    token: ${HEADWAY_TEST_NOT_SET}
objectives:
  - id: o
    cycle: q
    title: T
    owner: a@acme.example
    team: t
    key_results:
      - {id: flat, title: Start is target, unit: x, start: 5, target: 5}
      - {id: twice, title: Mapped twice, unit: x, start: 0, target: 5}
      - {id: many, title: Two parts, unit: x, start: zero, target: 5}
mappings:
  - key_result: twice
    from: [{source: jira, where: {type: Bug}, measure: count}]
  - key_result: twice
    from: [{source: jria, where: {type: Bug}, measure: count}]
  - key_result: many
    from:
      - {source: jira, where: {type: Bug}, measure: count}
      - {source: jira, where: {tpye: Task}, measure: count}
"""

PROBLEMS = {
    "a bad date": (4, "2026-13-01"),
    "an environment variable that is not set": (10, "HEADWAY_TEST_NOT_SET"),
    "an unknown key": (12, "colour"),
    "an unknown connector": (14, "fogbugz"),
    "start equal to target": (23, "target"),
    "a wrong type": (25, "zero"),
    "a key result mapped twice": (29, "twice"),
    "an unknown source": (30, "jria"),
    "parts without combine": (31, "combine"),
    "a misspelt selector": (34, "tpye"),
}


@pytest.fixture
def bad(headway: Headway) -> Headway:
    headway.config.write_text(BAD, encoding="utf-8")
    return headway


def test_validate_tells_every_problem_with_its_place(bad: Headway) -> None:
    code, out, err = bad.run("validate", "--json")
    assert (code, err) == (1, "")
    told = {(each["line"], each["message"] + each["path"]) for each in out if each["severity"] == "error"}
    for name, (line, word) in PROBLEMS.items():
        assert any(at == line and word in text for at, text in told), name
    assert {each["file"] for each in out} == {"headway.yaml"}
    assert all(each["column"] >= 1 for each in out)
    assert not bad.database.exists()


@pytest.mark.parametrize("command", ["validate", "sync", "status", "check", "db upgrade"])
def test_every_command_names_the_same_places_and_touches_nothing(bad: Headway, command: str) -> None:
    code, out, err = bad.run(*command.split())
    text = out if command == "validate" else err
    assert code == 1
    places = {int(line) for line in re.findall(r"^error: headway\.yaml:(\d+):\d+ ", text, re.MULTILINE)}
    lines = {line for line, _ in PROBLEMS.values()}
    connects = command in ("validate", "sync", "check")
    assert lines - places == (set() if connects else {10}), "only those that connect ask for tokens"
    if command != "validate":
        assert out == ""
        assert re.search(r"^headway: The config has \d+ errors; nothing was done\.$", err, re.MULTILINE)
    assert not bad.database.exists()
    assert bad.sandbox.requests.total() == 0


def test_a_config_that_breaks_leaves_the_database_as_it_was(copy: Headway) -> None:
    before = copy.database.read_bytes()
    values = copy.values()
    good = copy.config.read_text(encoding="utf-8")
    copy.edit("measure: percent", "measure: percnet")
    for command in ("sync", "status", "validate"):
        assert copy.run(command).code == 1
    assert copy.database.read_bytes() == before
    copy.config.write_text(good, encoding="utf-8")
    assert copy.values() == values


def test_places_far_down_are_printed_as_they_are(bad: Headway) -> None:
    """`:100:` is the name of an emoji to some terminals' libraries."""
    bad.config.write_text("#\n" * 99 + "versoin: 1\n", encoding="utf-8")
    for command in ("validate", "status"):
        answer = bad.run(command)
        assert "headway.yaml:100:1 " in answer.out + answer.err


def test_markup_in_a_message_is_text(bad: Headway) -> None:
    r"""A key such as `\[red]` must neither colour nor swallow what stands around it."""
    bad.config.write_text("version: 1\n'\\[red]x[/red] :smile:': 1\n", encoding="utf-8")
    for command in ("validate", "status"):
        answer = bad.run(command)
        assert answer.code == 1
        assert "\\[red]x[/red] :smile:" in answer.out + answer.err


def test_a_bomb_of_aliases_is_refused_at_once(bad: Headway) -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    bad.config.write_text("a0: &a0 [x]\n" + "\n".join(levels) + "\n", encoding="utf-8")
    for command in ("validate", "sync", "status"):
        answer = bad.run(command)
        assert answer.code == 1
        assert re.search(r"headway\.yaml:\d+:\d+ ", answer.out + answer.err)
        assert len(answer.out + answer.err) < 10_000


def test_an_objectives_file_that_repeats_an_id_names_both_places(headway: Headway, tmp_path: Path) -> None:
    text = headway.config.read_text(encoding="utf-8")
    objectives = text[text.index("objectives:") : text.index("mappings:")]
    (headway.folder / "team.yaml").write_text(objectives, encoding="utf-8")
    code, out, _ = headway.run("-c", ".", "validate", "--json")
    assert code == 1
    twice = [each for each in out if "reliable-checkout" in each["message"]]
    assert any(each["file"].endswith("team.yaml") and "headway.yaml" in each["message"] for each in twice)
