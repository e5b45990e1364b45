"""A secret may stand in a table inside a source, as the private key of an App does: the rules are the same."""

from pathlib import Path

import pytest

from config.loader import Loaded, load
from connectors.github import Settings

TEXT = """\
version: 1
database: sqlite:///headway.db
sources:
  web:
    connector: github
    repositories: [acme/web]
    app:
      id: 123
      installation: 77
      private_key: ${file:app.pem}
"""


def loaded(folder: Path, text: str, *, connect: bool = True, environ: dict[str, str] | None = None) -> Loaded:
    (folder / "headway.yaml").write_text(text, encoding="utf-8")
    return load(folder / "headway.yaml", environ or {}, connect=connect)


def key_of(found: Loaded) -> str:
    assert found.config is not None, found.problems
    source = found.config.sources["web"]
    assert isinstance(source, Settings)
    assert source.app is not None
    return source.app.private_key.get_secret_value()


def test_a_file_or_a_variable_is_put_in(tmp_path: Path) -> None:
    (tmp_path / "app.pem").write_text("-----BEGIN\nkey\n-----END\n", encoding="utf-8")
    assert key_of(loaded(tmp_path, TEXT)) == "-----BEGIN\nkey\n-----END"
    named = TEXT.replace("${file:app.pem}", "${APP_KEY}")
    assert key_of(loaded(tmp_path, named, environ={"APP_KEY": "from the environment"})) == "from the environment"


def test_without_connecting_it_stays_as_written(tmp_path: Path) -> None:
    found = loaded(tmp_path, TEXT, connect=False)
    assert found.problems == ()
    assert key_of(found) == "${file:app.pem}"


@pytest.mark.parametrize(
    ("old", "new", "path", "words"),
    [
        ("", "", "sources.web.app.private_key", 'there is no file "app.pem"'),
        ("${file:app.pem}", "${APP_KEY}", "sources.web.app.private_key", "set APP_KEY in the environment"),
        ("${file:app.pem}", "${}", "sources.web.app.private_key", "this placeholder is not readable"),
        ("id: 123", "id: ${APP_ID}", "sources.web.app.id", "the App's id is wanted, as 123456"),
        ("      private_key: ${file:app.pem}\n", "", "sources.web.app.private_key", "private_key is missing"),
        ("private_key:", "privat_key:", "sources.web.app.privat_key", 'did you mean "private_key"'),
        ("id: 123", "id: 1 3", "sources.web.app.id", "the App's id is wanted"),
        ("    app:", "    token: ${FIXED}\n    app:", "sources.web.token", "token and app exclude each other"),
    ],
)
def test_one_mistake_is_one_problem_at_its_place(tmp_path: Path, old: str, new: str, path: str, words: str) -> None:
    if old:
        (tmp_path / "app.pem").write_text("the key", encoding="utf-8")
    assert old in TEXT
    found = loaded(tmp_path, TEXT.replace(old, new), environ={"FIXED": "ghp_1234"})
    told = [(problem.path, words in problem.message) for problem in found.problems]
    assert (path, True) in told, found.problems
    assert len(told) == 1, found.problems


def test_neither_token_nor_app_is_said_once_at_the_source(tmp_path: Path) -> None:
    text = TEXT.partition("    app:")[0]
    (problem,) = loaded(tmp_path, text).problems
    assert (problem.line, problem.path) == (4, "sources.web.token")
    assert "or app" in problem.message.casefold()


def test_a_key_in_plain_is_warned_of_and_never_shown(tmp_path: Path) -> None:
    found = loaded(tmp_path, TEXT.replace("${file:app.pem}", "s3cret"))
    (problem,) = found.problems
    assert (problem.severity, problem.path) == ("warning", "sources.web.app.private_key")
    assert "s3cret" not in f"{found.problems} {found.config}"
