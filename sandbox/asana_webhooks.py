"""Webhooks as Asana sends them: a handshake in the middle of the request that makes one, then signed deliveries."""

import hmac
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from secrets import token_hex
from urllib.parse import urlsplit

from sandbox import asana_shapes as shapes
from sandbox.exchange import Answer, Refused
from sandbox.records import Project
from sandbox.world import World

_PATIENCE = 10
"""Seconds that Asana waits for an answer."""


@dataclass
class Webhook:
    """One webhook; `told` says how many of the world's events it has seen."""

    gid: str
    project: Project
    target: str
    secret: str
    told: int


class Webhooks:
    """All webhooks of one account.  Deliveries leave when a test asks for them."""

    def __init__(self, world: World) -> None:
        self._world, self._numbers = world, count(1206000000000001)
        self.all: list[Webhook] = []

    def make(self, project: Project, target: str) -> Answer:
        """Make one, if the target gives the secret back.  Raises Refused."""
        secret = token_hex(32)
        status, headers = _post(target, b"{}", {"X-Hook-Secret": secret})
        if status not in (200, 204) or headers.get("x-hook-secret") != secret:
            raise Refused(
                403,
                "The remote server which is intended to receive the webhook did not respond with the handshake secret.",
            )
        hook = Webhook(str(next(self._numbers)), project, target, secret, len(self._world.events))
        self.all.append(hook)
        record = {"gid": hook.gid, "resource_type": "webhook", "active": False, "target": target}
        return Answer({"data": record | {"resource": shapes.project(project)}, "X-Hook-Secret": secret}, 201)

    def deliver(self) -> list[int]:
        """Send each webhook what happened since, or a heartbeat where nothing did; return the answers' statuses."""
        return [self._deliver(hook) for hook in self.all]

    def _deliver(self, hook: Webhook) -> int:
        with self._world.lock:
            new = [each for each in self._world.events[hook.told :] if each.project == hook.project.id]
            hook.told = len(self._world.events)
            body = json.dumps({"events": [shapes.event(self._world, each) for each in new]}).encode()
        return _post(hook.target, body, {"X-Hook-Signature": signature(hook.secret, body)})[0]


def signature(secret: str, body: bytes) -> str:
    """Return what stands in the header `X-Hook-Signature`."""
    return hmac.new(secret.encode(), body, "sha256").hexdigest()


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str]]:
    """Return status and headers of the answer, their names in small letters; status 0 where none came."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_PATIENCE)
    try:
        connection.request("POST", parts.path, body, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        answer.read()
    except OSError:
        return 0, {}
    else:
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()
