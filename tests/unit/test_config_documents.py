"""What is kept of a config's files: all that they say, and no secret."""

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.documents import document_of, same, tree_of
from config.files import read_files
from config.interpolation import CLOSED
from config.loader import load
from config.problems import Problems
from config.reading import parse
from config.tree import Spot, Table, plain
from tests.unit.test_config_fuzz import ENVIRON, TEXTS

_MARK = "".join(("5d0f", "77ab"))
TOKEN = f"marked-plain/{_MARK}=%5A"
PASSWORD = f"marked:p@ss/{_MARK}"
KEY = f"-----BEGIN PRIVATE KEY-----\nmarked-line-of-the-key-{_MARK}\n-----END PRIVATE KEY-----"

SOURCES = {
    "a token": 'token: "{TOKEN}"',
    "half a token": 'token: "marked-{_MARK}${{TOKEN}}"',
    "a token and a comment": 'token: "{TOKEN}"  # once {TOKEN}',
    "a proxy": 'token: "${{TOKEN}}"\n    proxy: "http://name:{_MARK}-password@127.0.0.1:1"',
    "a proxy without a password": 'token: "${{TOKEN}}"\n    proxy: "http://marked-{_MARK}@127.0.0.1:1"',
    "a proxy's query": 'token: "${{TOKEN}}"\n    proxy: "http://127.0.0.1:1/?key={_MARK}"',
    "a proxy of which half is known": 'token: "${{TOKEN}}"\n    proxy: "http://{_MARK}:${{PASSWORD}}x{_MARK}@host:1"',
}
CONFIG = """\
version: 1
database: postgresql+psycopg://headway:{_MARK}-of-the-database@127.0.0.1:1/headway
cycles: [{{id: Q, start: 2026-10-01, end: 2026-12-31}}]
# {TOKEN} in a comment
sources:
  web:
    connector: github
    repositories: [acme/web]
    {source}
"""
VARIABLES = {"TOKEN": f"marked-of-today-{_MARK}", "PASSWORD": f"marked-of-today-{_MARK}"}


def kept(path: Path, text: str, *, connect: bool = True) -> tuple[Spot, str | None]:
    """Return the tree of a config without a mistake, and what is kept of it."""
    path.write_text(text, encoding="utf-8")
    config = load(path, {**ENVIRON, **VARIABLES}, connect=connect).config
    (file,) = read_files(path).files
    assert config is not None
    assert file.root is not None
    problems = Problems()
    document = document_of(file.root, config, problems)
    assert (document is None) == bool(problems.found)
    assert _MARK not in str(problems.sorted())
    return file.root, document


@pytest.mark.parametrize("connect", [True, False])
@pytest.mark.parametrize("name", SOURCES)
def test_no_secret_in_plain_is_kept(tmp_path: Path, name: str, connect: bool) -> None:
    values = {"TOKEN": TOKEN, "_MARK": _MARK}
    text = CONFIG.format(source=SOURCES[name].format(**values), **values)
    root, document = kept(tmp_path / "headway.yaml", text, connect=connect)
    assert document is not None
    assert _MARK not in document
    assert "acme/web" in document
    assert same(document, root)
    closed = [spot.path[-1] for spot in Spot(tree_of(document, "x"), root.home).walk() if spot.text == CLOSED]
    assert closed == (["token"] if "token" in name else ["proxy"])


def test_a_key_in_plain_is_not_kept(tmp_path: Path) -> None:
    lines = "\n".join(f"        {line}" for line in KEY.splitlines())
    app = f"app:\n      id: 1\n      installation: 2\n      private_key: |\n{lines}"
    text = CONFIG.format(source=app, TOKEN="x", _MARK=_MARK)
    _, document = kept(tmp_path / "headway.yaml", text)
    assert document is not None
    assert orjson.loads(document)["sources"]["web"]["app"] == {"id": "1", "installation": "2", "private_key": False}
    assert _MARK not in document


def test_placeholders_are_kept_as_they_are(tmp_path: Path) -> None:
    source = 'token: ${TOKEN}\n    proxy: "http://name:${PASSWORD}@127.0.0.1:1"'
    text = CONFIG.format(source=source, TOKEN="x", _MARK=_MARK)
    _, document = kept(tmp_path / "headway.yaml", text)
    assert document is not None
    web = orjson.loads(document)["sources"]["web"]
    assert (web["token"], web["proxy"]) == ("${TOKEN}", "http://name:${PASSWORD}@127.0.0.1:1")
    assert "database" not in orjson.loads(document)
    assert _MARK not in document


OBJECTIVE = """\
objectives:
  - {{id: o, cycle: Q, title: "{}", owner: "{}", team: t}}
"""


@pytest.mark.parametrize(
    ("title", "owner"),
    [
        (f"See {VARIABLES['TOKEN']}", "o"),
        ("T", f"{_MARK}-of-the-database"),
        (f"See {_MARK}-of-the-database", "o"),
    ],
    ids=["a variable's value", "the database's password", "a text with that"],
)
def test_a_file_with_a_secret_that_is_pasted_elsewhere_is_not_kept(tmp_path: Path, title: str, owner: str) -> None:
    """With a hole in it, it would be of no use."""
    text = CONFIG.format(source="token: ${TOKEN}", TOKEN="x", _MARK=_MARK)
    assert kept(tmp_path / "headway.yaml", text + OBJECTIVE.format(title, owner))[1] is None


def test_a_password_that_is_a_word_takes_no_other_word_away(tmp_path: Path) -> None:
    text = CONFIG.format(source="token: ${TOKEN}", TOKEN="x", _MARK="payments").replace("-of-the-database", "")
    objective = OBJECTIVE.format("Of the payments", "payments-lead@acme.example")
    root, document = kept(tmp_path / "headway.yaml", text + objective)
    assert document is not None
    assert same(document, root)
    assert "false" not in document
    assert kept(tmp_path / "headway.yaml", text + objective.replace("team: t", "team: payments"))[1] is None


def test_a_file_with_a_secret_for_a_key_is_not_kept(tmp_path: Path) -> None:
    source = "token: ${TOKEN}"
    text = CONFIG.format(source=source, TOKEN="x", _MARK=_MARK)
    jira = f"""\
  pay:
    connector: jira
    url: https://acme.example
    token: ${{TOKEN}}
    projects: [PAY]
    fields: {{"{VARIABLES["TOKEN"]}": customfield_1}}
"""
    assert kept(tmp_path / "headway.yaml", text + jira)[1] is None


def test_a_file_that_its_aliases_make_too_large_is_not_kept(tmp_path: Path) -> None:
    path, problems = tmp_path / "headway.yaml", Problems()
    kept(path, CONFIG.format(source="token: ${TOKEN}", TOKEN="x", _MARK=_MARK))
    config = load(path, VARIABLES, connect=True).config
    root = parse(b"a: &a [" + b"x" * 50_000 + b"]\nb: [" + b"*a, " * 90 + b"]\n", "f", problems)
    assert config is not None
    assert root is not None
    assert document_of(root, config, problems) is None
    (told,) = problems.sorted()
    assert (told.severity, "larger than 4 MB" in told.message) == ("warning", True)


@pytest.mark.parametrize("place", range(len(TEXTS)))
def test_everything_else_is_kept(tmp_path: Path, place: int) -> None:
    root, document = kept(tmp_path / "headway.yaml", TEXTS[place].decode())
    assert document is not None
    said = plain(root.node)
    assert isinstance(said, dict)
    said.pop("database")
    assert plain(tree_of(document, "x")) == said
    assert same(document, root)
    assert not same(document.replace("2026-10-01", "2026-10-02"), root)


VALUES = st.recursive(
    st.text("ab \n${}'\"é"), lambda inner: st.lists(inner) | st.dictionaries(st.text("ab-", min_size=1), inner)
)


@given(VALUES)
def test_any_tree_comes_back(value: object) -> None:
    document = orjson.dumps({"x": value}).decode()
    tree = tree_of(document, "f")
    assert plain(tree) == {"x": value}
    assert same(document, Spot(tree, tree.place))


def test_a_document_that_is_none_is_empty() -> None:
    assert tree_of("[]", "f") == Table(tree_of("{}", "f").place, {})


def test_empty_values_stay_empty() -> None:
    root = parse(b"a:\nb: ''\n", "f", Problems())
    assert root is not None
    assert same('{"a":null,"b":""}', root)
    assert not same('{"a":"","b":""}', root)
    assert plain(tree_of('{"a":null,"b":""}', "f")) == {"a": None, "b": ""}
