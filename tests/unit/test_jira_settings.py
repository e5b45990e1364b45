"""What a Jira source of the config accepts, and that a refusal never repeats a secret."""

from typing import Any

import pytest
from pydantic import ValidationError

from connectors.jira import Settings
from connectors.jira.settings import CANCELLED_RESOLUTIONS
from connectors.registry import find

PLAIN: dict[str, Any] = {"connector": "jira", "url": "https://acme.atlassian.net", "token": "t0k", "projects": ["PAY"]}


def test_the_registry_knows_it_and_a_source_needs_little() -> None:
    assert find("jira").settings is Settings
    settings = Settings.model_validate(PLAIN)
    assert settings.container_names == ("PAY",)
    assert settings.field_names is None
    assert settings.email is None
    assert settings.cancelled_resolutions == CANCELLED_RESOLUTIONS
    assert "t0k" not in repr(settings)


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("https://acme.atlassian.net/", "https://acme.atlassian.net"),
        ("https://jira.acme.example:8443/jira", "https://jira.acme.example:8443/jira"),
        ("http://127.0.0.1:8080/jira/", "http://127.0.0.1:8080/jira"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_the_site_root_is_taken_without_its_slash(url: str, root: str) -> None:
    assert Settings.model_validate({**PLAIN, "url": url}).url == root


@pytest.mark.parametrize(
    "url",
    [
        "",
        "acme.atlassian.net",
        "ftp://acme.example",
        "https://",
        "http://acme.example",
        "http://127.0.0.1.acme.example",
        "https://ada:t0k@acme.example",
        "https://acme.example/?os_username=ada",
        "https://acme.example/#t0k",
        "https://acme.example:t0k",
        "https://[acme.example",
    ],
)
def test_a_place_where_a_token_must_not_go_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="url") as raised:
        Settings.model_validate({**PLAIN, "url": url})
    assert len(raised.value.errors()) == 1
    assert "t0k" not in str(raised.value)


@pytest.mark.parametrize(
    "change",
    [{"project": ["PAY"]}, {"projects": []}, {"projects": ["PAY", " "]}, {"email": ""}, {"fields": {"points": 1}}],
)
def test_the_settings_are_closed(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({**PLAIN, **change})


def test_a_token_with_scopes_is_used_at_the_gateway_and_people_at_the_site() -> None:
    plain = Settings.model_validate(PLAIN)
    scoped = Settings.model_validate({**PLAIN, "cloud_id": "11223344-a1b2"})
    assert plain.root == plain.url == scoped.url
    assert scoped.root == "https://api.atlassian.com/ex/jira/11223344-a1b2"
    assert scoped.site == plain.site
    local = Settings.model_validate({**PLAIN, "cloud_id": "1", "gateway": "http://127.0.0.1:8080/"})
    assert local.root == "http://127.0.0.1:8080/ex/jira/1"


@pytest.mark.parametrize(
    "change",
    [{"cloud_id": ""}, {"cloud_id": "../x"}, {"cloud_id": "a b"}, {"gateway": "http://api.atlassian.com"}],
)
def test_no_part_of_the_gateways_address_may_lead_elsewhere(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({**PLAIN, **change})


def test_lists_may_be_written_as_one_word_and_resolutions_may_be_none() -> None:
    settings = Settings.model_validate({**PLAIN, "projects": "PAY", "cancelled_resolutions": []})
    assert settings.projects == ("PAY",)
    assert settings.cancelled_resolutions == ()


def test_every_key_is_described() -> None:
    own = {name: field for name, field in Settings.model_fields.items() if not field.description}
    assert own == {}
