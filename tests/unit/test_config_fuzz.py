"""Whatever is done to a config, loading returns: a config without an error, or errors without a config."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from config.loader import load

EXAMPLES = Path(__file__).parents[2] / "config" / "examples"
WIDE = """\
version: 1
database: sqlite:///headway.db
cycles: [{id: Q, start: 2026-10-01, end: 2026-12-31}]
sources:
  a: {connector: jira, url: 'https://a.example', token: '${JIRA_TOKEN}', projects: P}
  b: {connector: github, token: '${GITHUB_TOKEN}', repositories: [acme/web], boards: [acme/7]}
anchor: {every: daily, to: audit.jsonl}
link_by:
  label: "kr:{id}"
  sources: [a, b]
defaults:
  missing: mean
  partial: {doing: 0.5}
  regress: ratchet
templates:
  bugs:
    params: [level, source]
    mapping:
      combine: sum
      from:
        - {source: "{source}", where: {label: ["{level}", "{other}"]}, measure: count}
        - {source: b, where: {field.Risk: high, created: [cycle, 2026-10-01..2026-11-15]}, measure: count, once: true}
objectives:
  - id: o
    cycle: Q
    title: O
    key_results:
      - {id: one, title: One, start: 0, target: 9}
      - {id: two, title: Two, start: 9, target: 0}
mappings:
  - {key_result: one, use: bugs, with: {level: p1, source: a}}
  - key_result: two
    scale: {from: [10, 2]}
    regress: follow
    combine: max
    from:
      - {source: a, where: {not: {closed: last 14d}, sprint: S}, measure: lead_time, stat: p85}
      - {source: a, measure: ratio, of: {field.x: y}, counts: done, window: cycle, partial: {todo: .1}}
      - {source: a, measure: p85, by: points, missing: 0, scope: frozen}
"""
"""What the examples do not show."""
TEXTS = [*(path.read_bytes() for path in sorted(EXAMPLES.glob("*.yaml"))), WIDE.encode()]
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
    b"{p}",
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


def test_what_is_mutated_is_right(tmp_path: Path) -> None:
    path = tmp_path / "headway.yaml"
    for text in TEXTS:
        path.write_bytes(text)
        assert load(path, ENVIRON, connect=True).problems == ()


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
