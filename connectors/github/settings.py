"""What a source of the config says about GitHub."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from connectors.settings import Address, Names, Secret, SourceSettings, tracker_root

DEFAULT_URL = "https://api.github.com"

FULL_NAME = re.compile(r"[A-Za-z0-9_-]+/(?!\.{1,2}\Z)[A-Za-z0-9._-]+")
"""`owner/name`: the signs GitHub allows; it becomes part of a path, so nothing else may pass."""


def _api_root(url: str) -> str:
    root = tracker_root(url, f"the GitHub API root, as {DEFAULT_URL} or https://host/api/v3,")
    if urlsplit(root).hostname in ("github.com", "www.github.com"):
        raise ValueError(f"the API root of github.com is {DEFAULT_URL}; leave url out")
    return root


def _repositories(names: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(name.strip() for name in names)
    for name in names:
        if FULL_NAME.fullmatch(name) is None:
            raise ValueError(f"a repository is written owner/name, as in acme/web; {name!r} is not")
    if len({name.casefold() for name in names}) < len(names):
        raise ValueError("each repository is named once (upper and lower case are the same)")
    return names


class Settings(SourceSettings):
    """Keys of a GitHub source."""

    token: Secret = Field(
        description="A personal access token that may read issues, pull requests and metadata: ${GITHUB_TOKEN}."
    )
    repositories: Annotated[Names, AfterValidator(_repositories)] = Field(
        description="The repositories to read, each as owner/name."
    )
    url: Annotated[Address, AfterValidator(_api_root)] = Field(
        default=DEFAULT_URL,
        description="The API root, only for GitHub Enterprise Server: https://host/api/v3.",
    )

    @property
    def container_names(self) -> tuple[str, ...]:
        return self.repositories

    @property
    def field_names(self) -> frozenset[str] | None:
        """Issues have no custom number fields, so `by:` may name none."""
        return frozenset()
