"""Whatever is done to one file of a folder: it is loaded or explained, and takes nothing from the other teams."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.lastgood import Broken, Taken, taken
from config.loader import Terms, load
from config.problems import Problems
from config.reading import MAX_ALIASES, MAX_BYTES, MAX_NODES
from store.configs import Kept
from store.views.quarantine import message_for
from tests.unit.test_config_fuzz import ENVIRON, SPICE, WIDE, _mutated

HEAD, TAIL = WIDE.split("objectives:\n")
TEAMS = {
    "pay": "objectives:\n" + TAIL,
    "web": ("objectives:\n" + TAIL)
    .replace("id: o\n", "id: web\n")
    .replace("id: one,", "id: first,")
    .replace("id: two,", "id: second,")
    .replace("key_result: one,", "key_result: first,")
    .replace("key_result: two", "key_result: second"),
}
FILES = {"headway": HEAD, **TEAMS}
OTHERS = {"pay": ("first", "second"), "web": ("one", "two")}
"""The key results of the other team."""
BOMB = "\n".join(
    ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10))],
)
HOSTILE = {
    "too large": "x: '" + "x" * MAX_BYTES + "'\n",
    "too many values": "x: [" + "y, " * MAX_NODES + "y]\n",
    "too many aliases": "x: &x y\nz: [" + "*x, " * MAX_ALIASES + "*x]\n",
    "a bomb": BOMB + "\n",
    "too deep": "x: " + "[" * 5000 + "]" * 5000 + "\n",
    "deep in lines": "".join(f"{'  ' * depth}x:\n" for depth in range(500)),
    "no text": "\x00\x01",
}


@contextmanager
def folder() -> Iterator[Path]:
    """A folder of files without a mistake."""
    with TemporaryDirectory() as name:
        path = Path(name)
        for each, text in FILES.items():
            (path / f"{each}.yaml").write_text(text, encoding="utf-8")
        yield path


@pytest.fixture(scope="module")
def good() -> Taken:
    with folder() as path:
        return taken(path, Terms(ENVIRON, connect=True))


def kept_of(good: Taken) -> list[Kept]:
    return [Kept(each.name, each.main, each.document) for each in good.good(Problems())]


def judge(path: Path, good: Taken, kept: list[Kept], name: str) -> None:
    """Hold the laws after one file was changed."""
    loaded = load(path, ENVIRON, connect=True)
    errors = [problem for problem in loaded.problems if problem.severity == "error"]
    assert (loaded.config is None) == bool(errors)
    assert all("s3cret" not in str(problem) for problem in loaded.problems)
    found = run(path, kept)
    assert found is not None or name == "headway"
    if found is None:
        return
    assert bool(found.wrong) == bool(errors)
    assert "s3cret" not in "".join(each.document or "" for each in found.good(Problems()))
    if not kept:  # nobody knows who had an id first
        return
    assert found.wrong in ([], [f"{name}.yaml"])
    if name == "headway":
        return
    for other in OTHERS[name]:
        assert found.config.rules[other] == good.config.rules[other]
        assert message_for(found.config.quarantine, other) is None
    for wrong in found.config.quarantine:
        assert wrong.runs
        assert found.config.rules.keys() >= good.config.rules.keys()


def run(path: Path, kept: list[Kept]) -> Taken | None:
    try:
        return taken(path, Terms(ENVIRON, connect=True), lambda _: kept)
    except Broken:
        return None


@st.composite
def changed(draw: st.DrawFn) -> tuple[str, bytes]:
    """A file's name, and its text with some lines deleted, doubled, swapped or spoilt."""
    name = draw(st.sampled_from(sorted(FILES)))
    lines = FILES[name].encode().split(b"\n")
    for _ in range(draw(st.integers(1, 5))):
        lines = _mutated(lines, draw)
    return name, b"\n".join(lines)


@settings(max_examples=200, deadline=None)
@given(change=changed(), keeps=st.booleans())
def test_a_mutated_file_is_its_team_s_own_affair(good: Taken, change: tuple[str, bytes], keeps: bool) -> None:
    name, content = change
    with folder() as path:
        (path / f"{name}.yaml").write_bytes(content)
        judge(path, good, kept_of(good) if keeps else [], name)


@settings(max_examples=100, deadline=None)
@given(
    name=st.sampled_from(sorted(FILES)),
    content=st.binary(max_size=200) | st.lists(st.sampled_from(SPICE), max_size=30).map(b"".join),
)
def test_any_bytes_are_their_team_s_own_affair(good: Taken, name: str, content: bytes) -> None:
    with folder() as path:
        (path / f"{name}.yaml").write_bytes(content)
        judge(path, good, kept_of(good), name)


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("how", HOSTILE)
def test_a_hostile_file_is_its_team_s_own_affair(good: Taken, name: str, how: str) -> None:
    with folder() as path:
        for content in (HOSTILE[how], FILES[name] + HOSTILE[how]):
            (path / f"{name}.yaml").write_text(content, encoding="utf-8")
            judge(path, good, kept_of(good), name)
            told = load(path, ENVIRON, connect=True).problems
            assert any(Path(problem.file).name == f"{name}.yaml" for problem in told)
            assert len("".join(map(str, told))) < 100_000


@pytest.mark.parametrize(
    ("inside", "beyond", "part"),
    [
        ("# " + "x" * (MAX_BYTES - len(HEAD) - 3) + "\n", "x", "larger than 1 MB"),
        ("x: [" + "y, " * (MAX_NODES - 600) + "y]\n", "z: [" + "y, " * 600 + "y]\n", "more than 50000 values"),
        ("x: &x y\nz: [" + "*x, " * (MAX_ALIASES - 1) + "*x]\n", "w: *x\n", "more than 100 aliases"),
    ],
    ids=["bytes", "values", "aliases"],
)
def test_the_limits_are_where_they_are_said_to_be(tmp_path: Path, inside: str, beyond: str, part: str) -> None:
    path = tmp_path / "headway.yaml"
    path.write_text(HEAD + inside, encoding="utf-8")
    assert not any(part in problem.message for problem in load(path, ENVIRON, connect=True).problems)
    path.write_text(HEAD + inside + beyond, encoding="utf-8")
    (told,) = load(path, ENVIRON, connect=True).problems
    assert part in told.message
