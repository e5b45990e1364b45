"""The questions that the connector asks Asana, and the shape that each answer must have."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from connectors.asana.events import Told, told
from connectors.asana.transport import Ask, Transport
from connectors.contract import CredentialsRefused, MalformedAnswer, Stop, TryLater, Unreachable
from connectors.http import require
from okrs.immutable import immutable, replace

PAGE = 100
"""Rows a page; the most that Asana gives."""


class OffsetExpiredError(TryLater):
    """The token of a page is not valid any more: the listing must begin again.  Tokens expire after a while
    (https://developers.asana.com/docs/pagination)."""


@immutable
class Rows:
    """One page of a listing."""

    rows: list[dict[str, Any]]
    offset: str
    """The token of the next page, "" after the last."""


class Asking:
    """One connection's questions."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def lost(self) -> bool:
        """Whether the last answer spoke of the thing asked for alone: unknown (404) or closed to this token (403)."""
        return self._transport.status in (403, 404)

    def rows(self, ask: Ask, offset: str, fields: str) -> Rows:
        """Return one page of a listing.  Raises ConnectorError, OffsetExpiredError when it must begin again."""
        query = {**ask.query, "limit": str(PAGE), "opt_fields": fields} | ({"offset": offset} if offset else {})
        try:
            answer = self._transport.get(replace(ask, query=query))
        except Stop as error:
            if offset and self._transport.status == 400:
                # The first page of the same listing was accepted, so it is the token that is refused.
                raise OffsetExpiredError(f"The page token of {ask.what} has expired; it is read again.") from error
            raise
        return Rows(require(answer, "data", ask.what), _next_offset(answer, ask.what))

    def every(self, ask: Ask, fields: str) -> Iterator[dict[str, Any]]:
        """Go through a listing to its end, for commands that people wait for.  Raises ConnectorError."""
        offsets = {""}
        offset = ""
        while True:
            page = self.rows(ask, offset, fields)
            yield from page.rows
            offset = page.offset
            if not offset:
                return
            if offset in offsets:
                raise MalformedAnswer(f"The listing of {ask.what} repeats a page without an end.")
            offsets.add(offset)

    def one(self, ask: Ask, fields: str) -> dict[str, Any]:
        """Return a single object.  Raises ConnectorError."""
        answer = self._transport.get(replace(ask, query={**ask.query, "opt_fields": fields}))
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict):
            raise MalformedAnswer(f"The answer for {ask.what} holds no object `data`; nothing of it was used.")
        return data

    def refusal(self, project: str) -> str:
        """Return why the tasks of a project cannot be listed, "" where one page of one task comes.

        Raises ConnectorError for what is no refusal of this one thing.
        """
        ask = tasks(project)
        try:
            answer = self._transport.get(replace(ask, query={**ask.query, "limit": "1", "opt_fields": "name"}))
        except (CredentialsRefused, Unreachable):
            raise
        except Stop as error:
            if self._transport.status < 400:
                raise
            return str(error)
        require(answer, "data", ask.what)
        return ""

    def events(self, project: str, sync: str) -> Told | None:
        """Return one page of a project's events, None where this token or plan gets none.  Raises ConnectorError.

        412 is how Asana hands out a token: at first, and when the one sent is too old.
        """
        what = f"the events of the project {project}"
        query = {"resource": project} | ({"sync": sync} if sync else {})
        try:
            answer = self._transport.get(Ask(what, "/events", query=query), 412)
        except Stop:
            if self._transport.status in (400, 402, 403, 404):  # whether the project can be read, its listing tells
                return None
            raise
        return told(answer, self._transport.status, what)


def me() -> Ask:
    return Ask("the token's own account", "/users/me")


def workspaces() -> Ask:
    return Ask("the workspaces of this token", "/workspaces")


def projects(workspace: str) -> Ask:
    query = {"archived": "false"}
    return Ask(f"the projects of the workspace {workspace}", "/workspaces/{gid}/projects", {"gid": workspace}, query)


def project(gid: str) -> Ask:
    return Ask(f"the project {gid}", "/projects/{gid}", {"gid": gid})


def sections(gid: str) -> Ask:
    return Ask(f"the sections of the project {gid}", "/projects/{gid}/sections", {"gid": gid})


def custom_fields(gid: str) -> Ask:
    return Ask(f"the custom fields of the project {gid}", "/projects/{gid}/custom_field_settings", {"gid": gid})


def task(gid: str) -> Ask:
    return Ask(f"the task {gid}", "/tasks/{gid}", {"gid": gid})


def subtasks(gid: str) -> Ask:
    return Ask(f"the sub-tasks of {gid}", "/tasks/{gid}/subtasks", {"gid": gid})


def tasks(project: str, since: datetime | None = None) -> Ask:
    query = {"project": project}
    if since is not None:
        # Cut to the second, downwards: rather one task twice than one missed.
        query["modified_since"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return Ask(f"the tasks of the project {project}", "/tasks", query=query)


def _next_offset(answer: object, what: str) -> str:
    following = answer.get("next_page") if isinstance(answer, dict) else None
    if following is None:
        return ""
    offset = following.get("offset") if isinstance(following, dict) else None
    if not isinstance(offset, str) or not offset:
        raise MalformedAnswer(f"The answer for {what} names a next page without its token; nothing of it was used.")
    return offset
