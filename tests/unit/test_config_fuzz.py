"""Whatever is done to a config, loading returns: a config without an error, or errors without a config."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from config.loader import load

EXAMPLES = Path(__file__).parents[2] / "config" / "examples"
TEXTS = [path.read_bytes() for path in sorted(EXAMPLES.glob("*.yaml"))]
ENVIRON = {
    "JIRA_TOKEN": "jira-s3cret",
    "GITHUB_TOKEN": "git-s3cret",
    "ASANA_TOKEN": "asana-s3cret",
    "DATABASE_URL": "sqlite:///s3cret.db",
}
SPICE = [
    b"*a",
    b"&a ",
    b"<<: ",
    b"? ",
    b"\t",
    b"[",
    b"}",
    b"- ",
    b": ",
    b"'",
    b"!!x ",
    b"${X}",
    b"~",
    b"\x00",
    b"\xff",
    b"#",
]


def _mutated(lines: list[bytes], draw: st.DrawFn) -> list[bytes]:
    """Delete, double, swap, indent or break lines."""
    at = draw(st.integers(0, max(0, len(lines) - 1)))
    other = draw(st.integers(0, max(0, len(lines) - 1)))
    what = draw(st.sampled_from(["delete", "double", "swap", "indent", "spice", "bytes"]))
    if not lines:
        return [draw(st.binary(max_size=20))]
    if what == "delete":
        return lines[:at] + lines[at + 1 :]
    if what == "double":
        return [*lines[:at], lines[other], *lines[at:]]
    if what == "swap":
        lines[at], lines[other] = lines[other], lines[at]
        return lines
    if what == "indent":
        lines[at] = b"  " + lines[at]
        return lines
    inserted = draw(st.sampled_from(SPICE)) if what == "spice" else draw(st.binary(min_size=1, max_size=6))
    column = draw(st.integers(0, len(lines[at])))
    lines[at] = lines[at][:column] + inserted + lines[at][column:]
    return lines


@st.composite
def configs(draw: st.DrawFn) -> bytes:
    lines = draw(st.sampled_from(TEXTS)).split(b"\n")
    for _ in range(draw(st.integers(1, 5))):
        lines = _mutated(lines, draw)
    return b"\n".join(lines)


@settings(max_examples=300, deadline=None)
@given(content=configs(), connect=st.booleans())
def test_a_mutated_config_is_loaded_or_explained(content: bytes, connect: bool) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "headway.yaml"
        path.write_bytes(content)
        loaded = load(path, ENVIRON, connect=connect)
    errors = [problem for problem in loaded.problems if problem.severity == "error"]
    assert (loaded.config is None) == bool(errors)
    lines = content.count(b"\n") + content.count(b"\r") + content.count(b"\xc2\x85") + content.count(b"\xe2\x80") + 1
    for problem in loaded.problems:
        assert 1 <= problem.line <= lines + 1
        assert problem.column >= 1
        assert "s3cret" not in str(problem)


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_are_loaded_or_explained(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "headway.yaml"
        path.write_bytes(content)
        loaded = load(path, {}, connect=True)
    assert loaded.config is None
    assert any(problem.severity == "error" for problem in loaded.problems)
