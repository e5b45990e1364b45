"""A webhook of Asana: the one request that is no question, sent by a person's own command alone.

Asana makes webhooks by its API only, and chooses the secret.  In the middle of the request it sends the secret to the
address and wants it back; then it answers, and the answer holds the secret once more.  That one is kept: it came over
our own connection, while anybody may send something to an address.
"""

import json
from collections.abc import Mapping
from contextlib import closing

from connectors.asana.settings import Settings
from connectors.asana.transport import Ask, Transport
from connectors.contract import AccessDenied, MalformedAnswer
from connectors.http import sendable
from connectors.line import Line, Route

_PATH = "webhooks"
_SECRET = "X-Hook-Secret"  # noqa: S105 - where it stands in the answer

_FILTERS = [
    {"resource_type": "task", "action": action} for action in ("added", "changed", "deleted", "removed", "undeleted")
]
"""What may move a number; comments do not."""


_DENIED = (
    "Asana did not make a webhook of the project {project} (403): it got no answer of this Headway at the address, or "
    "the token may not make webhooks. Is `headway serve --webhook-port` running, and reached from outside at --url?"
)


def subscribe(settings: Settings, project: str, address: str) -> str:
    """Have Asana send word of a project's tasks to an address; returns the secret that it signs with.

    Raises ConnectorError.
    """
    line = Line(Route(settings.url, settings.proxy, settings.ca_bundle, makes=frozenset({_PATH})))
    wish = {"data": {"resource": project, "target": address, "filters": _FILTERS}}
    ask = Ask(f"a webhook of the project {project}", f"/{_PATH}")
    with closing(Transport(settings, line)) as transport:
        try:
            answer = transport.post(ask, json.dumps(wish).encode())
        except AccessDenied:
            raise AccessDenied(_DENIED.format(project=project)) from None
    secret = answer.get(_SECRET) if isinstance(answer, Mapping) else None
    if not isinstance(secret, str) or not sendable(secret):
        raise MalformedAnswer(
            f"The answer for a webhook of the project {project} holds no secret, so none of its deliveries could be "
            f"believed. Asana gives it up after a day without an answer; try again."
        )
    return secret
