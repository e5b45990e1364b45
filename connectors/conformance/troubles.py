"""What a tracker may do instead of answering, and which of the typed errors must come of it."""

from collections.abc import Sequence
from dataclasses import field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import orjson

from connectors.contract import ConnectorError, CredentialsRefused, MalformedAnswer, RateLimited, Stop, TryLater
from okrs.immutable import immutable

WORDS = "words of the tracker 7f3c9d"
"""They stand in every spoilt answer; no message of ours may repeat them."""

WAIT = 7
"""Seconds that a limited tracker asks to wait."""

LONGEST_DATE = 90
"""Seconds until the date that a limited tracker names."""


@immutable
class Reply:
    """An answer on its way to the connector."""

    status: int
    headers: dict[str, str]
    body: bytes


@immutable
class Trouble:
    """One sort of it; `wanted` are the errors that tell it, `never` those among them that would mislead."""

    name: str
    wanted: tuple[type[ConnectorError], ...]
    never: tuple[type[ConnectorError], ...] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """Sent as it is; None says the tracker's words in its JSON, with the credentials that came."""
    wait: tuple[float, float] | None = None
    """Bounds of `RateLimited.wait`."""
    drops: bool = False
    """The connection ends without a word."""
    tears: bool = False
    """It ends in the middle of the answer."""
    halves: bool = False
    """The first half of the true answer comes as if it were all."""
    nulls: bool = False
    """The true answer comes with null in the place of its lists."""

    @property
    def stops(self) -> bool:
        """Whether it may be one project alone that cannot be had, or one question beside the others."""
        return 400 <= self.status < 500 and self.status not in (401, 408, 429)

    @property
    def refuses(self) -> bool:
        """Whether it may be one item alone that this token does not see."""
        return self.status in (402, 403, 404, 410, 451)

    @property
    def leads_away(self) -> bool:
        return 300 <= self.status < 400

    @property
    def cuts(self) -> bool:
        """Whether the true answer comes, as far as it comes."""
        return self.tears or self.halves or self.nulls

    def cut(self, true: Reply) -> Reply | None:
        """Return what comes of the true answer; None where that cannot be cut."""
        left = _without_lists(true.body) if self.nulls else true.body[: len(true.body) // 2]
        return Reply(true.status, true.headers, left) if left else None

    def instead(self, credentials: str, stranger: str) -> Reply:
        """Return what comes instead of the true answer."""
        body = self.body
        if body is None:
            body = f'{{"message": "{WORDS}, {credentials}", "errors": [{{"message": "{WORDS}"}}]}}'.encode()
        kind = {"Content-Type": "application/json; charset=utf-8"}
        away = {"Location": f"{stranger}/elsewhere"} if self.leads_away else {}
        return Reply(self.status, {**kind, **self.headers, **away}, body)


def _without_lists(body: bytes) -> bytes | None:
    """Return a JSON with null for the lists that it is or has at its top; None where there are none."""
    try:
        true = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if isinstance(true, list):
        return b"null"
    if not isinstance(true, dict) or not any(isinstance(value, list) for value in true.values()):
        return None
    return orjson.dumps({name: None if isinstance(value, list) else value for name, value in true.items()})


_HTML = f"<!DOCTYPE html><html><body>Please log in. {WORDS}</body></html>".encode()
_PAGE = {"Content-Type": "text/html; charset=utf-8"}


def troubles() -> Sequence[Trouble]:
    """Return them all, with dates that lie ahead."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=LONGEST_DATE), usegmt=True)
    limited, passing, any_error = (RateLimited,), (TryLater,), (ConnectorError,)
    return (
        Trouble("401", (CredentialsRefused,), status=401),
        Trouble("403", (Stop,), status=403),
        Trouble("404", (Stop,), (CredentialsRefused,), status=404),
        Trouble("410", (Stop,), (CredentialsRefused,), status=410),
        *[
            Trouble(str(status), any_error, (CredentialsRefused, RateLimited), status=status)
            for status in (400, 402, 409, 412, 423, 451)
        ],
        Trouble("408", passing, limited, status=408),
        Trouble("429 with seconds", limited, status=429, headers={"Retry-After": str(WAIT)}, wait=(WAIT, WAIT)),
        Trouble("429 with a date", limited, status=429, headers={"Retry-After": soon}, wait=(1, LONGEST_DATE)),
        Trouble("500", passing, limited, status=500),
        Trouble("502", passing, limited, status=502, headers=_PAGE, body=_HTML),
        Trouble("503", passing, limited, status=503),
        Trouble("504", passing, limited, status=504),
        Trouble("a dropped connection", passing, limited, drops=True),
        Trouble("a torn answer", passing, limited, tears=True),
        Trouble("HTML with 200", (MalformedAnswer,), headers=_PAGE, body=_HTML),
        Trouble("truncated JSON", (MalformedAnswer,), halves=True),
        Trouble("{} with 200", (MalformedAnswer,), body=b"{}"),
        Trouble("nothing with 200", (MalformedAnswer,), body=b""),
        Trouble("null for lists", (MalformedAnswer,), nulls=True),
        *[Trouble(str(status), (Stop, MalformedAnswer), status=status) for status in (301, 302, 307, 308)],
    )
