"""What an Asana source may say, and that naming it loads nothing that asks Asana."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from connectors import registry
from connectors.asana import Settings

KEYS = {"connector": "asana", "token": "1/secret-token", "projects": ["1204000000000001"]}


def test_defaults() -> None:
    settings = Settings.model_validate(KEYS)
    assert settings.url == "https://app.asana.com/api/1.0"
    assert settings.container_names == ("1204000000000001",)
    assert settings.field_names is None
    assert "secret-token" not in repr(settings)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://app.asana.com/api/1.0/", "https://app.asana.com/api/1.0"),
        ("http://127.0.0.1:8900/api/1.0", "http://127.0.0.1:8900/api/1.0"),
        ("http://[::1]:8900/api/1.0", "http://[::1]:8900/api/1.0"),
        ("http://localhost/api/1.0", "http://localhost/api/1.0"),
    ],
)
def test_addresses(url: str, kept: str) -> None:
    assert Settings.model_validate({**KEYS, "url": url}).url == kept


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://app.asana.com/api/1.0"},
        {"url": "http://127.0.0.1.evil.example/api/1.0"},
        {"url": "ftp://app.asana.com/api/1.0"},
        {"url": "app.asana.com"},
        {"url": "https://me:secret@app.asana.com/api/1.0"},
        {"url": "https://app.asana.com/api/1.0?x=1"},
        {"url": "https://app.asana.com/api/1.0#x"},
        {"url": "https://app.asana.com:0/api/1.0"},
        {"url": ""},
        {"projects": []},
        {"projects": ["Launch plan"]},
        {"projects": ["120/../users"]},
        {"projects": ["1204", "1204 "]},
        {"cancelled_resolutions": ["Duplicate"]},
        {"repositories": ["acme/web"]},
    ],
)
def test_wrong_settings_are_refused_without_the_token(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({**KEYS, **wrong})
    assert "secret-token" not in str(caught.value)


def test_a_source_needs_token_and_projects() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"connector": "asana"})
    assert {error["loc"][0] for error in caught.value.errors()} == {"token", "projects"}


def test_one_project_may_stand_alone() -> None:
    assert Settings.model_validate({**KEYS, "projects": "1204"}).projects == ("1204",)


def test_every_field_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_the_registry_finds_it_without_loading_what_asks_asana() -> None:
    assert registry.find("asana").settings is Settings
    code = "import sys; from connectors import registry; registry.find('asana');"
    code += "sys.exit('connectors.asana.client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
