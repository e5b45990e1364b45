"""No bytes bring the reader down: hostile and broken YAML becomes problems at their place."""

import re
from pathlib import Path

import pytest
import yaml

from config import reading
from config.loader import load
from config.problems import Problem, Problems
from config.reading import parse
from config.tree import Plain, plain


@pytest.fixture(params=["C", "Python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both parsers of PyYAML: with libyaml and without."""
    if request.param == "C" and not hasattr(yaml, "CBaseLoader"):
        pytest.skip("PyYAML was built without libyaml")
    monkeypatch.setattr(reading, "_LOADER", yaml.CBaseLoader if request.param == "C" else yaml.BaseLoader)
    return str(request.param)


def read(content: str | bytes) -> tuple[Plain, list[Problem]]:
    problems = Problems()
    spot = parse(content if isinstance(content, bytes) else content.encode(), "c.yaml", problems)
    return (plain(spot.node) if spot else None), list(problems.sorted())


CASES = [
    ("", 1, 1, "the file is empty"),
    ("# only a comment\n", 1, 1, "the file is empty"),
    ("---\n", 1, 1, "the file is empty"),
    ("just text\n", 1, 1, "begins with keys"),
    ("- a\n", 1, 1, "begins with keys"),
    ("a: 1\n---\nb: 2\n", 2, 1, "one file holds one document"),
    ("a:\n\tb: 1\n", 2, 1, "replace the tab"),
    ("a: [1, 2\n", 2, 1, "this is not YAML"),
    ("a: 'x\n", 2, 1, "this is not YAML"),
    ("a: b: c\n", 1, 5, "this is not YAML"),
    ("a: &x [*x]\n", 1, 8, "this alias contains itself"),
    ("a: *x\n", 1, 4, "no anchor above has this name"),
    ("a: {<<: {b: 1}}\n", 1, 5, "merge keys (<<) are not read"),
    ("a: 1\nb: 2\na: 3\n", 3, 1, 'the key "a" stands here twice, first at c.yaml:1:1'),
    ("x:\n  a: 1\n  a: 2\n", 3, 3, "first at c.yaml:2:3"),
    ("? [1, 2]\n: 3\n", 1, 3, "a key is a single text"),
    ("a: !!python/object:os.system x\n", 1, 4, "tags such as !!str have no meaning"),
    ('a: "\\0"\n', 1, 4, "control characters"),
    ("a: b\x01\n", 1, 5, "the character U+0001 may not stand in YAML"),
    (b"a: 1\nb: \xff\n", 2, 4, "not UTF-8"),
    ("a: " + "[" * 70 + "]" * 70, 1, 63, "nested deeper than 60"),
    ("a: [" + "1," * 60_000 + "]", 1, 100_000 - 1, "more than 50000 values"),
    ("a: &x 1\nb: [" + "*x," * 101 + "]", 2, 305, "more than 100 aliases"),
    (b"#" * 1_000_001, 1, 1, "larger than 1 MB"),
]


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(("content", "line", "column", "part"), CASES, ids=[case[3] for case in CASES])
def test_broken_yaml_is_a_problem_at_its_place(content: str | bytes, line: int, column: int, part: str) -> None:
    _, problems = read(content)
    assert len(problems) == 1, problems
    assert part in problems[0].message
    assert (problems[0].line, problems[0].column) == (line, column)


@pytest.mark.usefixtures("parser")
def test_a_billion_laughs_are_refused() -> None:
    lines = ["a0: &a0 [lol]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    _, problems = read("\n".join(lines))
    assert "more than 50000 values, aliases written out" in problems[0].message


@pytest.mark.usefixtures("parser")
def test_depth_hidden_in_aliases_counts() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 70)]
    _, problems = read("\n".join(lines))
    assert "nested deeper than 60" in problems[0].message


@pytest.mark.usefixtures("parser")
def test_scalars_stay_as_written_and_aliases_are_expanded() -> None:
    data, problems = read(
        "a: [1.10, no, 1e3, 0x10, 2026-10-01, '~', \"null\", '', 010]\nb: &b {c: d}\ne: *b\nf:\ng: ~\n"
    )
    assert problems == []
    assert data == {
        "a": ["1.10", "no", "1e3", "0x10", "2026-10-01", "~", "null", "", "010"],
        "b": {"c": "d"},
        "e": {"c": "d"},
        "f": None,
        "g": "~",
    }


@pytest.mark.usefixtures("parser")
def test_after_a_refused_key_reading_goes_on() -> None:
    data, problems = read("a: 1\na: {x: 1}\n<<: {y: 1}\n? {z: 1}\n: 2\nb: 3\nb: 4\n")
    assert data == {"a": "1", "b": "3"}
    assert [problem.line for problem in problems] == [2, 3, 4, 7]


def test_a_byte_order_mark_moves_no_column() -> None:
    _, problems = read("\ufeffa: 1\na: 2\n".encode())
    assert [(problem.line, problem.column) for problem in problems] == [(2, 1)]


def test_what_is_no_file_is_a_problem(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    secret = tmp_path / "secret.yaml"
    secret.mkdir()
    for path, part in [
        (tmp_path / "none.yaml", "there is no such file"),
        (empty, "holds no *.yaml file"),
        (Path("/dev/null"), "neither a file nor a folder"),
        (tmp_path / ("x" * 300), "cannot be read"),
        (tmp_path / "a\0b", "no such file"),
    ]:
        loaded = load(path, {}, connect=True)
        assert loaded.config is None
        assert [part in problem.message for problem in loaded.problems] == [True], loaded.problems


def test_every_character_that_may_not_stand_in_yaml_is_found_and_no_other() -> None:
    wanted = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
    every = "".join(map(chr, range(0x110000)))
    assert reading._UNPRINTABLE.findall(every) == wanted.findall(every)
