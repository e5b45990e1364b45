"""Holds what was asked in the course of a life against the tracker's OpenAPI document, where that is there."""

import re
from collections.abc import Iterable, Mapping

from sandbox.records import Tracker
from tests.integration.drill import Mode, tracker_of
from tests.integration.spec_requests import SPECS, Sent, problems

Asked = tuple[str, str, str, bytes]
"""As in `Sandbox.log`: the tracker, the method, path and query behind the tracker's root, the body."""

DOCUMENTS: Mapping[Tracker, str] = {"jira": "jira-platform.json", "github": "github.json", "asana": "asana.json"}

UNDESCRIBED: Mapping[Tracker, str] = {"jira": "/rest/agile/|/_edge/", "github": "/graphql", "asana": "/webhooks"}
"""What no document tells of: Jira Software, the address of a Cloud that tells its id, and GraphQL."""

BEYOND = ("'assignee.email' is not one of", "'custom_fields.people_value.email' is not one of")
"""See `test_asana_requests`: `opt_fields` of Asana reach further than its document lists."""


def unpromised(mode: Mode, log: Iterable[Asked]) -> list[str]:
    """Return what no document promises; nothing where there is none, as of Jira Data Center.

    Of requests that are the same but for their numbers one is looked at.
    """
    tracker = tracker_of(mode)
    document = SPECS / DOCUMENTS[tracker]
    if mode == "jira data center" or not document.is_file():
        return []
    kinds = {_kind(one): one for one in log if not re.match(UNDESCRIBED[tracker], one[2])}
    found = [problem for one in kinds.values() for problem in problems(document, _sent(tracker, one))]
    return [problem for problem in found if not any(text in problem for text in BEYOND)]


def _kind(one: Asked) -> tuple[str, str, bytes]:
    _, method, target, body = one
    return method, re.sub("[0-9]+", "1", target), re.sub(b"[0-9]+", b"1", body)


def _sent(tracker: Tracker, one: Asked) -> Sent:
    """Asana's document begins at the version; links of GitHub name a repository by its id, another name of it."""
    _, method, target, body = one
    if tracker == "asana":
        target = "/api/1.0" + target
    return Sent(method, re.sub("^/repositories/[0-9]+", "/repos/acme/web", target), body)
