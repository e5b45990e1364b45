"""A GitHub App and its installation: a signature of the App buys a token that lives an hour."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

_LIFE = timedelta(hours=1)
_LONGEST = 660
"""Seconds that a signature may be good for, with a minute for clocks that differ."""


@dataclass(slots=True)
class App:
    """An App that is installed once.  Only the shape of its signatures is checked: the sandbox holds no key."""

    id: str
    installation: str
    slug: str = "headway-reader"
    account: str = "acme"
    permissions: Mapping[str, str] = field(
        default_factory=lambda: {"issues": "read", "pull_requests": "read", "metadata": "read"}
    )
    tokens: dict[str, datetime] = field(default_factory=dict)
    """When each token ends."""

    def grant(self, now: datetime) -> dict[str, object]:
        """Return a new token as GitHub tells it."""
        token = f"ghs_sandbox{len(self.tokens) + 1}"
        self.tokens[token] = now + _LIFE
        ends = self.tokens[token].strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "token": token,
            "expires_at": ends,
            "permissions": dict(self.permissions),
            "repository_selection": "all",
        }

    def holds(self, token: str, now: datetime) -> bool:
        return now < self.tokens.get(token, now)

    def signed(self, token: str) -> bool:
        """Tell whether a text has the shape of this App's signature (a JSON Web Token)."""
        parts = token.split(".")
        if len(parts) != 3 or not parts[2]:
            return False
        try:
            head, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in parts[:2])
        except ValueError:
            return False
        life = claims.get("exp", 0) - claims.get("iat", 0)
        return bool(head.get("alg") == "RS256" and claims.get("iss") == self.id and 0 < life <= _LONGEST)
