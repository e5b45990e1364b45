"""What an Asana source of the config may say."""

from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from connectors.settings import Address, Names, Secret, SourceSettings

DEFAULT_URL = "https://app.asana.com/api/1.0"


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _api_root(url: str) -> str:
    """Return the address without a trailing slash.  Raises ValueError unless a token may be sent there."""
    url = url.strip().rstrip("/")
    parts = urlsplit(url)
    host = parts.hostname
    if parts.scheme not in ("https", "http") or not host:
        raise ValueError(f"the Asana API root is wanted, as {DEFAULT_URL}")
    if parts.scheme == "http" and not _loopback(host):
        raise ValueError("only https keeps the token secret; http is for this machine alone (127.0.0.1, localhost)")
    if "@" in parts.netloc or parts.query or parts.fragment or (parts.port is not None and parts.port < 1):
        raise ValueError("only scheme, host, port and path belong here; the token has a key of its own")
    return url


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

    token: Secret = Field(description="A personal access token or a service account's: ${ASANA_TOKEN}.")
    projects: Annotated[Names, AfterValidator(_gids)] = Field(
        description="The gids of the projects that are read: the long number in a project's address."
    )
    url: Annotated[Address, AfterValidator(_api_root)] = Field(
        default=DEFAULT_URL,
        description="The API root with /api/1.0; only for tests.",
    )

    @property
    def container_names(self) -> tuple[str, ...]:
        return self.projects
