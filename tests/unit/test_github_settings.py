"""The keys of a GitHub source are closed, checked and described."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.contract import CredentialsRefused
from connectors.github import Settings, connect
from connectors.github.settings import graphql_url
from connectors.settings import tracker_root

ROOT = Path(__file__).parents[2]
TOKEN = "ghp_SeCrEt0123456789"


def settings(**keys: Any) -> Settings:
    return Settings.model_validate({"connector": "github", "token": TOKEN, "repositories": ["acme/web"]} | keys)


def test_defaults() -> None:
    plain = settings()
    assert plain.url == "https://api.github.com"
    assert plain.container_names == ("acme/web",)
    assert plain.field_names == frozenset()


APP = {"id": "123", "installation": "77", "private_key": "PEM"}


def problems_of(**keys: Any) -> list[tuple[tuple[int | str, ...], str]]:
    with pytest.raises(ValidationError) as caught:
        settings(**keys)
    return [(error["loc"], error["type"]) for error in caught.value.errors()]


def test_an_app_stands_instead_of_a_token() -> None:
    found = settings(token=None, app=APP | {"id": 123, "installation": 77})
    assert found.app is not None
    assert (found.app.id, found.app.installation) == ("123", "77")
    assert "PEM" not in repr(found)


def test_exactly_one_way_to_sign_in_is_one_problem_at_token() -> None:
    assert problems_of(token=None) == [(("token",), "missing")]
    assert problems_of(app=APP) == [(("token",), "value_error")]
    assert problems_of(token=None, app=APP | {"id": "1 2"}) == [(("app", "id"), "value_error")]


@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [
        ("id", "", "value_error"),
        ("id", None, "missing"),
        ("installation", "my-org", "value_error"),
        ("installation", "0", "value_error"),
        ("installation", "../../user", "value_error"),
        ("private_key", None, "missing"),
        ("secret", "x", "extra_forbidden"),
    ],
)
def test_an_app_is_closed_and_checked(key: str, value: object, kind: str) -> None:
    assert problems_of(token=None, app=APP | {key: value}) == [(("app", key), kind)]


def test_boards_open_the_fields_that_only_github_knows() -> None:
    found = settings(boards="acme/7")
    assert found.boards == ("acme/7",)
    assert found.field_names is None
    assert found.shaping == settings(boards=["ACME/7"]).shaping != settings(boards=["acme/8"]).shaping
    assert settings().shaping == ""


@pytest.mark.parametrize("boards", [[], ["7"], ["acme/web"], ["acme/0"], ["acme/7/8"], ["a/7", "A/7"], ["acme/../7"]])
def test_boards_that_are_refused(boards: list[str]) -> None:
    assert [place for place, _ in problems_of(boards=boards)] == [("boards",)]


@pytest.mark.parametrize(
    ("root", "asked"),
    [
        ("https://api.github.com", "https://api.github.com/graphql"),
        ("https://ghe.acme.example/api/v3", "https://ghe.acme.example/api/graphql"),
        ("https://api.acme.ghe.com", "https://api.acme.ghe.com/graphql"),
        ("http://127.0.0.1:8900/github", "http://127.0.0.1:8900/github/graphql"),
    ],
)
def test_graphql_has_an_address_of_its_own(root: str, asked: str) -> None:
    assert graphql_url(root) == asked


def test_one_repository_may_stand_without_a_list() -> None:
    assert settings(repositories=" acme/web ").container_names == ("acme/web",)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://ghe.acme.example/api/v3/", "https://ghe.acme.example/api/v3"),
        ("https://ghe.acme.example:8443/api/v3", "https://ghe.acme.example:8443/api/v3"),
        ("http://127.0.0.1:8900/github/", "http://127.0.0.1:8900/github"),
        ("http://localhost:8900", "http://localhost:8900"),
        ("http://[::1]:8900", "http://[::1]:8900"),
    ],
)
def test_urls_that_are_taken(url: str, kept: str) -> None:
    assert settings(url=url).url == kept


@pytest.mark.parametrize(
    "url",
    [
        "http://ghe.acme.example/api/v3",
        "http://127.0.0.1.evil.example",
        "ftp://ghe.acme.example",
        "ghe.acme.example",
        "https://",
        "https://me:pw@ghe.acme.example/api/v3",
        "https://ghe.acme.example/api/v3?x=1",
        "https://ghe.acme.example/#x",
        "https://ghe.acme.example:99999",
        "https://[::1",
        "https://github.com",
        "",
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(url=url)
    assert [error["loc"] for error in caught.value.errors()] == [("url",)]


@pytest.mark.parametrize(
    "names",
    [[], ["web"], ["acme/web/issues"], ["https://github.com/acme/web"], ["acme/.."], ["acme/we b"], ["a/b", "A/B"]],
)
def test_repositories_that_are_refused(names: list[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(repositories=names)
    assert [error["loc"] for error in caught.value.errors()] == [("repositories",)]


def test_unknown_keys_are_refused_and_every_key_is_described() -> None:
    with pytest.raises(ValidationError, match="repos"):
        settings(repos=["acme/web"])
    assert all(field.description for field in Settings.model_fields.values())


def test_the_token_is_never_shown() -> None:
    with pytest.raises(ValidationError) as caught:
        settings(token=[TOKEN], url="nowhere")
    assert TOKEN not in f"{settings()!r} {settings().model_dump_json()} {caught.value}"


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "schlüssel"])
def test_what_cannot_be_a_token_is_refused_before_it_is_sent(token: str) -> None:
    with pytest.raises(CredentialsRefused) as caught:
        connect(settings(token=token))
    assert not token or token not in str(caught.value)


def test_the_client_library_is_not_imported_by_the_settings() -> None:
    code = "import sys, connectors.github; sys.exit('github' in sys.modules or 'requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("connector", ["jira", "asana", "github"])
@pytest.mark.parametrize("url", ["https://host.example:s3cretPORT/x", "https://[broken/x", "https://host.example:0"])
def test_an_address_that_cannot_be_read_is_not_repeated(connector: str, url: str) -> None:
    with pytest.raises(ValueError, match="is wanted") as raised:
        tracker_root(url, f"the root of {connector},")
    assert "s3cret" not in str(raised.value)
