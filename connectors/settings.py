"""What every source of the config has in common, and how a field says that it may hold `${NAME}`.

Each connector extends `SourceSettings` with its own closed, described fields; the config room reads the markers.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    SecretStr,
    model_validator,
)
from pydantic_core import CoreSchema

from connectors.hooks import Signature
from okrs.cron import Cron, parse_cron
from okrs.duration import parse_duration


class Interpolated:
    """Marks a field whose text may contain `${NAME}` or `${file:PATH}`; legal nowhere else."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Take any text: what stands for an address or a secret looks like neither."""
        return {"type": "string", "minLength": handler(schema).get("minLength", 1)}


class Asked:
    """Marks an optional field that `headway init` asks for all the same.

    What a field's `examples` hold is proposed: a value that fits, or of a secret `${NAME}`.
    """


class Containers:
    """Marks the field that names the projects or repositories: `headway init` lets people choose among what is there.

    It connects without any of them for that, and has `discover` list what the token sees.  `shared` says that items may
    lie in others as well, which rules may name though the source does not read them.
    """

    def __init__(self, *, shared: bool = False) -> None:
        self.shared = shared


class RelativePath:
    """Marks a field whose path starts from the config's folder, where it is not absolute."""


class ExistingPath(RelativePath):
    """Marks a path at which something must stand before anything is connected to."""


SHORTEST_SECRET = 6
"""Characters of a secret at least: a shorter one is a mistake, and striking it out of a message would tell it."""

Secret = Annotated[SecretStr, Interpolated()]
Address = Annotated[str, Interpolated()]


def struck_out(text: str, secrets: Iterable[str]) -> str:
    """Return the text without these secrets.

    Short ones are struck out as whole words alone: inside our own words they would be known from what is missing.
    """
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "***")
        elif secret:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", text)
    return text


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def tracker_root(url: str, wanted: str) -> str:
    """Return the address without a trailing slash.

    Raises ValueError unless a token may be sent there: https, or http on this machine.  The text never repeats the
    address, which may hold a password; `wanted` says what it should be, as in "the Jira site root".
    """
    url = url.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        host, usable = parts.hostname, parts.port != 0
    except ValueError:
        host, usable = None, False
    if not host or not usable or parts.scheme not in ("https", "http"):
        raise ValueError(f"{wanted} is wanted")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("only https keeps the token secret; http is for this machine alone (127.0.0.1, localhost)")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("only scheme, host, port and path belong here; credentials have keys of their own")
    return url


def listed(value: Any) -> Any:  # noqa: ANN401 - whatever the config held; pydantic judges it next
    """Return a list of one for a single text, and everything else as it is."""
    return [value] if isinstance(value, str) else value


def _proxy(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("the address of a proxy is wanted, as http://proxy.acme.example:3128")
    return url


def _cron(text: str) -> str:
    parse_cron(text)
    return text


def empty() -> dict[Any, Any]:
    """Return an empty table, as the `default_factory` of a field.

    Pydantic looks at the signature of a factory, and has to parse a text for that of `dict`: 5 ms at every start.
    """
    return {}


Names = Annotated[tuple[str, ...], BeforeValidator(listed), Field(min_length=1)]
Interval = Annotated[timedelta, BeforeValidator(parse_duration)]


class SourceSettings(BaseModel, ABC):
    """Keys that a source has whatever its tracker."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)

    webhook: ClassVar[Signature | None] = None
    """How the tracker signs its webhooks; None where they are not taken."""

    connector: str = Field(
        description="Which connector reads this source: jira, asana, github, or one that was installed besides."
    )
    every: Interval = Field(
        default=timedelta(minutes=5),
        description="How often the source is to be read: a number and s, m, h or d. After three of these it is stale.",
    )
    cron: Annotated[str, AfterValidator(_cron)] | None = Field(
        default=None,
        description="When `headway serve` reads the source, instead of `every`: minute, hour, day, month, weekday.",
    )
    webhook_secret: Secret | None = Field(
        default=None,
        description="What the tracker signs its webhooks with; they make `headway serve` read the source at once.",
    )
    proxy: Annotated[Address, AfterValidator(_proxy)] | None = Field(
        default=None,
        description="Proxy to reach the tracker through, as http://proxy.acme.example:3128; else the environment's.",
    )
    ca_bundle: Annotated[str, ExistingPath()] | None = Field(
        default=None,
        min_length=1,
        description="File of certificate authorities to trust, in PEM, for networks that have one of their own.",
    )

    @model_validator(mode="after")
    def _one_rhythm(self) -> Self:
        if self.cron is not None and "every" in self.model_fields_set:
            raise ValueError("every and cron both say when it is read: leave one of them out")
        return self

    @model_validator(mode="after")
    def _takes_webhooks(self) -> Self:
        if self.webhook_secret is not None and self.webhook is None:
            raise ValueError("webhooks of this tracker are not taken: leave webhook_secret out")
        return self

    @property
    def times(self) -> Cron | None:
        """When it is read, where that is not every so often."""
        return parse_cron(self.cron) if self.cron is not None else None

    @property
    def interval(self) -> timedelta:
        """The longest time between two reads."""
        times = self.times
        return self.every if times is None else times.longest_pause

    @property
    @abstractmethod
    def container_names(self) -> tuple[str, ...]:
        """Projects or repositories as the config spells them."""

    @property
    def site(self) -> str:
        """Where the items live."""
        return f"{self.connector} {getattr(self, 'url', '')}"

    @property
    def shaping(self) -> str:
        """Text of the settings that change what an item reads as; when it changes, everything is read anew."""
        return ""

    @property
    def own_field_names(self) -> tuple[str, ...]:
        """Names that the config gives to custom fields, beside those that the tracker has."""
        return ()

    @property
    def field_names(self) -> frozenset[str] | None:
        """Custom fields that `by:` and `field.<name>` may name; None when only the tracker knows them."""
        return None
