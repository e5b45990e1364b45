"""What a source of the config says about GitHub."""

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticKnownError

from connectors.hooks import Signature
from connectors.settings import Address, Asked, Containers, Names, Secret, SourceSettings, tracker_root

DEFAULT_URL = "https://api.github.com"

FULL_NAME = re.compile(r"[A-Za-z0-9_-]+/(?!\.{1,2}\Z)[A-Za-z0-9._-]+")
"""`owner/name`: the signs GitHub allows; it becomes part of a path, so nothing else may pass."""

_BOARD = re.compile(r"[A-Za-z0-9_-]+/[1-9][0-9]{0,8}")
_APP_ID = re.compile(r"[A-Za-z0-9.]{1,40}")
_INSTALLATION = re.compile(r"[1-9][0-9]{0,18}")
_ENTERPRISE = "/api/v3"


def _api_root(url: str) -> str:
    root = tracker_root(url, f"the GitHub API root, as {DEFAULT_URL} or https://host{_ENTERPRISE},")
    if urlsplit(root).hostname in ("github.com", "www.github.com"):
        raise ValueError(f"the API root of github.com is {DEFAULT_URL}; leave url out")
    return root


def graphql_url(root: str) -> str:
    """Return where GraphQL is asked: https://host/api/graphql on Enterprise Server, else below the API root.

    https://docs.github.com/en/enterprise-server@latest/graphql/guides/forming-calls-with-graphql
    """
    enterprise = urlsplit(root).path.endswith(_ENTERPRISE)
    return f"{root.removesuffix('/v3')}/graphql" if enterprise else f"{root}/graphql"


def _once(names: tuple[str, ...], wanted: re.Pattern[str], otherwise: str, what: str) -> tuple[str, ...]:
    names = tuple([name.strip() for name in names])
    for name in names:
        if wanted.fullmatch(name) is None:
            raise ValueError(f"{otherwise}; {name!r} is not")
    if len({name.casefold() for name in names}) < len(names):
        raise ValueError(f"each {what} is named once (upper and lower case are the same)")
    return names


def _repositories(names: tuple[str, ...]) -> tuple[str, ...]:
    return _once(names, FULL_NAME, "a repository is written owner/name, as in acme/web", "repository")


def _boards(names: tuple[str, ...]) -> tuple[str, ...]:
    return _once(names, _BOARD, "a board is written owner/number, as in acme/7", "board")


def _app_id(text: str) -> str:
    if _APP_ID.fullmatch(text.strip()) is None:
        raise ValueError("the App's id is wanted, as 123456, or its client id")
    return text.strip()


def _installation(text: str) -> str:
    if _INSTALLATION.fullmatch(text.strip()) is None:
        raise ValueError("the installation's number is wanted: the end of its address, as in …/installations/7654321")
    return text.strip()


def _text(value: object) -> object:
    return str(value) if type(value) is int else value


class App(BaseModel):
    """A GitHub App that is installed where the repositories are."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)

    id: Annotated[str, BeforeValidator(_text), AfterValidator(_app_id)] = Field(
        description="Id or client id of the App, from its settings page."
    )
    installation: Annotated[str, BeforeValidator(_text), AfterValidator(_installation)] = Field(
        description="Number of the App's installation: the end of its address."
    )
    private_key: Secret = Field(description="The App's private key in PEM: ${file:headway.private-key.pem}.")

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, data: Any) -> Any:  # noqa: ANN401 - whatever the config held
        """Count a key with nothing behind it as left out, as everywhere in the config."""
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data


class Settings(SourceSettings):
    """Keys of a GitHub source."""

    webhook = Signature("x-hub-signature-256", "sha256=")

    app: App | None = Field(default=None, description="A GitHub App instead of a token: id, installation, private_key.")
    token: Annotated[Secret | None, Asked()] = Field(
        default=None,
        validate_default=True,
        description="A personal access token that may read issues and pull requests: ${GITHUB_TOKEN}. Or app: instead.",
        examples=["${GITHUB_TOKEN}"],
    )
    repositories: Annotated[Names, AfterValidator(_repositories), Containers()] = Field(
        description="The repositories to read, each as owner/name.", examples=["acme/web"]
    )
    boards: Annotated[Names, AfterValidator(_boards)] | None = Field(
        default=None, description="Projects whose fields rules may name, each as owner/number."
    )
    url: Annotated[Address, AfterValidator(_api_root), Asked()] = Field(
        default=DEFAULT_URL,
        description="The API root, only for GitHub Enterprise Server: https://host/api/v3.",
        examples=["https://github.acme.example/api/v3"],
    )

    @field_validator("token")
    @classmethod
    def _one_of_two(cls, token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        """Refuse a source with both ways to sign in, and one with none; a wrong `app` is told of by itself."""
        if "app" not in info.data:
            return token
        if token is None and info.data["app"] is None:
            raise PydanticKnownError("missing")
        if token is not None and info.data["app"] is not None:
            raise ValueError("token and app exclude each other: leave one of them out")
        return token

    @property
    def container_names(self) -> tuple[str, ...]:
        return self.repositories

    @property
    def shaping(self) -> str:
        """Other boards may hold other values under the same name."""
        return " ".join(sorted(name.casefold() for name in self.boards or ()))

    @property
    def field_names(self) -> frozenset[str] | None:
        """Issues have no custom fields of their own, boards do, and only GitHub knows which."""
        return None if self.boards else frozenset()
