"""A template is written out as if its mapping had been written there; mistakes are told where they stand."""

from pathlib import Path

import pytest

from config.loader import Loaded, load
from config.problems import Problem
from config.reading import MAX_NODES
from mapping.rule import Regress, Rule

HEAD = """\
version: 1
database: sqlite:///headway.db
cycles: [{id: Q, start: 2026-10-01, end: 2026-12-31}]
sources: {a: {connector: jira, url: 'https://a.example', token: '${T}', projects: P}}
objectives:
  - id: o
    cycle: Q
    title: O
    key_results:
      - {id: one, title: One, start: 0, target: 9}
      - {id: two, title: Two, start: 0, target: 9}
"""
TEMPLATE = """\
templates:
  bugs:
    params: [level, source]
    mapping:
      regress: ratchet
      from:
        - {source: "{source}", where: {type: Bug, label: ["{level}", "x{level}y{other}"]}, measure: count}
"""
USES = """\
mappings:
  - {key_result: one, use: bugs, with: {level: p1, source: a}}
  - {key_result: two, use: bugs, with: {level: "{source}", source: a}, regress: follow}
"""


def load_text(folder: Path, text: str) -> Loaded:
    (folder / "headway.yaml").write_text(text, encoding="utf-8")
    return load(folder / "headway.yaml", {"T": "s3cret"}, connect=True)


def rules_of(folder: Path, text: str) -> dict[str, Rule]:
    loaded = load_text(folder, text)
    assert loaded.problems == ()
    assert loaded.config is not None
    return dict(loaded.config.rules)


def problems_of(folder: Path, text: str) -> list[Problem]:
    loaded = load_text(folder, text)
    assert loaded.config is None
    return [problem for problem in loaded.problems if problem.severity == "error"]


def test_a_used_template_is_the_mapping_written_out(tmp_path: Path) -> None:
    by_hand = """\
mappings:
  - key_result: one
    regress: ratchet
    from:
      - {source: a, where: {type: Bug, label: [p1, "xp1y{other}"]}, measure: count}
  - key_result: two
    from:
      - {source: a, where: {type: Bug, label: ["{source}", "x{source}y{other}"]}, measure: count}
"""
    used = rules_of(tmp_path, HEAD + TEMPLATE + USES)
    assert used == rules_of(tmp_path, HEAD + by_hand)
    assert [used[name].regress for name in ("one", "two")] == [Regress.RATCHET, Regress.FOLLOW]
    assert rules_of(tmp_path, HEAD + USES + TEMPLATE) == used


def test_a_team_s_file_uses_the_templates_of_another(tmp_path: Path) -> None:
    expected = rules_of(tmp_path, HEAD + TEMPLATE + USES)
    (tmp_path / "headway.yaml").write_text(HEAD, encoding="utf-8")
    (tmp_path / "b.yaml").write_text(TEMPLATE, encoding="utf-8")
    (tmp_path / "c.yaml").write_text(USES, encoding="utf-8")
    loaded = load(tmp_path, {"T": "s3cret"}, connect=True)
    assert loaded.config is not None, loaded.problems
    assert dict(loaded.config.rules) == expected
    (tmp_path / "d.yaml").write_text(TEMPLATE, encoding="utf-8")
    (problem,) = load(tmp_path, {"T": "s3cret"}, connect=True).problems
    assert (Path(problem.file).name, problem.line, problem.column) == ("d.yaml", 2, 3)
    assert f'the template "bugs" is given twice, first at {tmp_path}/b.yaml:2:3' in problem.message


def test_a_template_in_a_file_that_cannot_be_read_is_not_unknown(tmp_path: Path) -> None:
    (tmp_path / "headway.yaml").write_text(HEAD + USES, encoding="utf-8")
    (tmp_path / "b.yaml").write_text("templates: [\n", encoding="utf-8")
    assert {Path(problem.file).name for problem in load(tmp_path, {"T": "s3cret"}, connect=True).problems} == {"b.yaml"}


CASES = [
    ("use: bugs, with: {level: p1", "use: «bug, with: {level: p1", 'unknown template "bug"; did you mean "bugs"?'),
    ("with: {level: p1, source: a}", "with: {«levl: p1, source: a}", 'no such parameter, "levl"; did you mean "level"'),
    ("with: {level: p1, source: a}", "with: {level: p1, source: a, «z: 1}", "there is: level, source"),
    ("with: {level: p1, source: a}", "«with: {level: p1}", "the template needs source: add source: and a text"),
    (", with: {level: p1, source: a}", "", "the template needs level"),
    ("with: {level: p1, source: a}", "with: {level: «[p1], source: a}", "a text is expected here, not a list"),
    ("with: {level: p1, source: a}", "with: «[p1, a]", "keys with values are expected here"),
    ("use: bugs, with: {level: p1", "«with: {level: p1", "add use: and its name, or leave with out"),
    ("[level, source]", "[level, source, «size]", "nothing in the mapping says {size}: write it in"),
    ("[level, source]", "[level, source, «others]", "did you mean it where {other} stands?"),
    (
        'source: "{source}"',
        "source: «{source}",
        '{source} needs quotes, else it is a mapping of keys: write "{source}"',
    ),
    ("type: Bug", "«'field.{level}': high", 'a parameter is put into values alone: write out the key "field.{level}"'),
    ("regress: ratchet", "«use: bugs", "a template uses no other one"),
    ("regress: ratchet", "regress: «rachet", 'did you mean "ratchet"? '),
    ("templates:\n", "«templatse:\n", 'unknown key "templatse"; did you mean "templates"?'),
    ("    mapping:\n", "    «maping:\n", 'unknown key "maping"; did you mean "mapping"?'),
    ("[level, source]", "«[" + "level, " * 51 + "source]", "at most 50 entries are possible here"),
    ("[level, source]", "«{level: 1}", "a list is expected here"),
    ("type: Bug", "«typ: Bug", "(in a template, used at {file}:20:28)"),
    ("measure: count", "measure: «cuont", "(in a template, used at {file}:20:28)"),
    ("type: Bug", "type: «'${X}'", "is read in secrets, addresses and database only, not in type"),
]


@pytest.mark.parametrize(("old", "new", "part"), CASES, ids=[case[2] for case in CASES])
def test_a_mistake_is_told_once_where_it_stands(tmp_path: Path, old: str, new: str, part: str) -> None:
    base = HEAD + TEMPLATE + USES
    assert base.count(old) == 1
    text = base.replace(old, new)
    if part == "the template needs level":
        text = text.replace("- {key_result: one", "- «{key_result: one")
    before = text[: text.index("«")]
    file = str(tmp_path / "headway.yaml")
    found = problems_of(tmp_path, text.replace("«", ""))
    places = {(problem.file, problem.line, problem.column) for problem in found}
    assert places == {(file, before.count("\n") + 1, len(before) - before.rfind("\n"))}, found
    assert len(found) == (2 if part == "the template needs level" else 1), found
    assert part.strip().replace("{file}", file) in found[0].message


def test_what_is_nearly_a_parameter_is_told(tmp_path: Path) -> None:
    text = HEAD + TEMPLATE.replace("y{other}", "y{levle}") + USES
    loaded = load_text(tmp_path, text)
    assert loaded.config is not None
    (problem,) = loaded.problems
    assert (problem.severity, problem.line) == ("warning", 18)
    assert problem.message == "{levle} is no parameter of this template, so it stays as it is; did you mean {level}?"


def test_a_template_without_parameters_takes_none(tmp_path: Path) -> None:
    plain = TEMPLATE.replace("    params: [level, source]\n", "").replace("{source}", "a")
    (problem,) = problems_of(
        tmp_path, HEAD + plain + USES.splitlines(keepends=True)[0] + "  - {key_result: one, use: bugs, with: {p: 1}}\n"
    )
    assert problem.message == 'no such parameter, "p"; the template has none: leave it out'


def test_what_a_value_breaks_names_the_use(tmp_path: Path) -> None:
    found = problems_of(tmp_path, HEAD + TEMPLATE + USES.replace("source: a}}", "source: b}}"))
    (problem,) = found
    file = tmp_path / "headway.yaml"
    assert (problem.line, problem.path) == (18, "mappings[0].from[0].source")
    assert problem.message == f'unknown source "b"; known: a (in a template, used at {file}:20:28)'


def test_templates_cannot_outgrow_a_file(tmp_path: Path) -> None:
    many = "templates:\n  big:\n    mapping:\n      from: [" + "x, " * 5000 + "x]\nmappings:\n"
    found = problems_of(tmp_path, HEAD + many + "  - {key_result: one, use: big}\n" * 20)
    (told,) = [problem for problem in found if "written out" in problem.message]
    assert told.line == HEAD.count("\n") + 5 + MAX_NODES // 5005
    assert "beyond 50000 values or 1 MB: split it into several" in told.message
    long = "templates:\n  long:\n    params: p\n    mapping:\n      combine: '" + "{p}" * 10_000 + "'\nmappings:\n"
    found = problems_of(tmp_path, HEAD + long + f"  - {{key_result: one, use: long, with: {{p: {'y' * 200}}}}}\n")
    assert [problem.path for problem in found] == ["mappings[0].use"]


def test_what_else_is_wrong_with_a_template_is_told_at_once(tmp_path: Path) -> None:
    text = (HEAD + TEMPLATE + USES).replace("[level, source]", "[level, source, size]").replace("measure:", "mesure:")
    told = [problem.message for problem in problems_of(tmp_path, text)]
    assert [any(words in each for each in told) for words in ("nothing in the mapping says {size}", '"mesure"')] == [
        True,
        True,
    ]
