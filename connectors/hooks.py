"""Webhooks: how a tracker signs what it sends.  What it says is never believed; it only makes a poll come sooner."""

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256

from okrs.immutable import immutable

_SHORT = 200
"""Bytes of a delivery that says nothing, at the most."""


@immutable
class Signature:
    """An HMAC-SHA256 over the body, in hexadecimal digits, in a header."""

    header: str
    """In small letters."""
    prefix: str = ""
    """What stands before the digits."""
    handshake: str = ""
    """The header, in small letters, in which a tracker that chooses the secret itself sends it first, and wants it
    back; "" where people choose it.  Such a tracker has a secret for each container, which stand on lines of their own
    in `webhook_secret`, and takes an answer of 200 alone for a success."""
    events: str = ""
    """The key of the list that is empty where the tracker only looks whether we are there; "" where none does."""

    def of(self, secret: str, body: bytes) -> str:
        """Return the signature of a body."""
        return self.prefix + hmac.new(secret.encode(), body, sha256).hexdigest()

    def genuine(self, secret: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Tell whether the headers sign the body, in a time that does not depend on what they say."""
        given = headers.get(self.header, "").encode()
        secrets = secret.split() if self.handshake else [secret]
        return any([hmac.compare_digest(given, self.of(each, body).encode()) for each in secrets])  # noqa: C419 - all

    def says_nothing(self, body: bytes) -> bool:
        """Tell whether a genuine delivery is a sign of life alone."""
        if not self.events or len(body) > _SHORT:
            return False
        try:
            said = json.loads(body)
        except ValueError:
            return False
        return isinstance(said, dict) and said.get(self.events) == []
