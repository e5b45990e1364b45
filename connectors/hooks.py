"""Webhooks: how a tracker signs what it sends.  What it says is never believed; it only makes a poll come sooner."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class Signature:
    """An HMAC-SHA256 over the body, in hexadecimal digits, in a header."""

    header: str
    """In small letters."""
    prefix: str = ""
    """What stands before the digits."""

    def of(self, secret: str, body: bytes) -> str:
        """Return the signature of a body."""
        return self.prefix + hmac.new(secret.encode(), body, sha256).hexdigest()

    def genuine(self, secret: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Tell whether the headers sign the body, in a time that does not depend on what they say."""
        given = headers.get(self.header, "")
        return hmac.compare_digest(given.encode(), self.of(secret, body).encode())
