"""What a Jira source of the config may say."""

from typing import Annotated

from pydantic import AfterValidator, Field

from connectors.hooks import Signature
from connectors.settings import Address, Asked, Containers, Names, Secret, SourceSettings, empty, tracker_root
from okrs.ledger import canonical_json

CANCELLED_RESOLUTIONS = (
    "Won't Do",
    "Won't Fix",
    "Duplicate",
    "Invalid",
    "Cannot Reproduce",
    "Declined",
    "Rejected",
    "Not a Bug",
)


def _site_root(url: str) -> str:
    return tracker_root(url, "the Jira site root, as https://acme.atlassian.net,")


def _gateway(url: str) -> str:
    return tracker_root(url, "Atlassian's gateway, as https://api.atlassian.com,")


def _filled(names: tuple[str, ...]) -> tuple[str, ...]:
    if not all(name.strip() for name in names):
        raise ValueError("a name is empty")
    return names


class Settings(SourceSettings):
    """A source with `connector: jira`."""

    webhook = Signature("x-hub-signature", "sha256=")

    url: Annotated[Address, AfterValidator(_site_root)] = Field(
        description="Site root of Jira, Cloud or Data Center; a context path is allowed.",
        examples=["https://acme.atlassian.net"],
    )
    email: Annotated[str | None, Asked()] = Field(
        default=None,
        min_length=1,
        description="Cloud: the account that made the token. Leave out for a Data Center bearer token.",
        examples=["headway@acme.example"],
    )
    token: Secret = Field(
        description="Cloud: an API token, with or without scopes. Data Center: a personal access token.",
        examples=["${JIRA_TOKEN}"],
    )
    cloud_id: str | None = Field(
        default=None,
        pattern="^[A-Za-z0-9-]+$",
        description="Cloud: only for a token with scopes; the site's /_edge/tenant_info tells it.",
    )
    gateway: Annotated[Address, AfterValidator(_gateway)] = Field(
        default="https://api.atlassian.com",
        description="Where a token with scopes is used; only for tests.",
    )
    projects: Annotated[Names, AfterValidator(_filled), Containers()] = Field(
        description="Keys of the projects that are read.", examples=["PAY"]
    )
    fields: dict[str, str] = Field(
        default_factory=empty,
        description="Names for custom fields: `name: customfield_10016`, or `name: Story Points` if only one has it.",
    )
    cancelled_resolutions: tuple[str, ...] = Field(
        default=CANCELLED_RESOLUTIONS,
        description="Resolutions that make a done issue cancelled instead; replaces the built-in list.",
    )

    @property
    def root(self) -> str:
        """Where requests go; `url` is where people go."""
        return self.url if self.cloud_id is None else f"{self.gateway}/ex/jira/{self.cloud_id}"

    @property
    def shaping(self) -> str:
        return canonical_json({"fields": dict(self.fields), "cancelled": list(self.cancelled_resolutions)})

    @property
    def own_field_names(self) -> tuple[str, ...]:
        return tuple(self.fields)

    @property
    def container_names(self) -> tuple[str, ...]:
        return self.projects
