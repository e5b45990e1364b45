"""What an Asana source of the config may say."""

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from connectors.hooks import Signature
from connectors.settings import Address, Containers, Names, Secret, SourceSettings, tracker_root

DEFAULT_URL = "https://app.asana.com/api/1.0"


def _api_root(url: str) -> str:
    return tracker_root(url, f"the Asana API root, as {DEFAULT_URL},")


def _gids(gids: tuple[str, ...]) -> tuple[str, ...]:
    gids = tuple(gid.strip() for gid in gids)
    for gid in gids:
        if not (gid.isascii() and gid.isdigit()):
            raise ValueError(f"a project is given by its gid, the long number in its address; {gid!r} is not one")
    if len(set(gids)) < len(gids):
        raise ValueError("each project is named once")
    return gids


class Settings(SourceSettings):
    """A source with `connector: asana`."""

    webhook: ClassVar[Signature | None] = Signature("x-hook-signature", handshake="x-hook-secret", events="events")

    token: Secret = Field(
        description="A personal access token or a service account's: ${ASANA_TOKEN}.", examples=["${ASANA_TOKEN}"]
    )
    projects: Annotated[Names, AfterValidator(_gids), Containers(shared=True)] = Field(
        description="The gids of the projects that are read: the long number in a project's address.",
        examples=["1204000000000001"],
    )
    url: Annotated[Address, AfterValidator(_api_root)] = Field(
        default=DEFAULT_URL,
        description="The API root with /api/1.0; only for tests.",
    )

    @property
    def container_names(self) -> tuple[str, ...]:
        return self.projects
