"""The Asana connector: which requests make up a read of a project.

A read lists the project's tasks (those modified since the cursor, else all), then walks the sub-tasks of every
parent: those the mirror knows and those just seen.  Asana counts a new dependency as a modification of the task
("associations between it and other objects are modified", GET /tasks, `modified_since`), but not a changed
sub-task; so milestones arrive with the listing, and known parents are walked in every read.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from typing import Any

import orjson

from connectors.asana.normalise import CUSTOM_FIELDS, FIELDS, wanted, work_item
from connectors.asana.settings import Settings
from connectors.asana.transport import Ask, Transport
from connectors.asana.walk import Position
from connectors.contract import (
    Account,
    Container,
    Cursor,
    Demand,
    MalformedAnswer,
    Page,
    Stop,
    TryLater,
    Unreadable,
)
from connectors.http import require
from connectors.plain import Plain
from okrs.work import Ref

PAGE = 100
"""Tasks a page; the most that Asana gives."""


class Asana(Plain):
    """One connection with one token, used by one thread.  A container's id and name are the project's gid."""

    def __init__(self, settings: Settings) -> None:
        self._projects = settings.projects
        self._transport = Transport(settings.url, settings.token.get_secret_value())
        self._names: dict[str, str] = {}

    @property
    def requests(self) -> int:
        return self._transport.requests

    def containers(self) -> Sequence[Container | Unreadable]:
        return [self._container(gid) for gid in self._projects]

    def check(self) -> Account:
        me = self._object(Ask("the token's own account", "/users/me"), "name,email")
        found = self.containers()
        sees = tuple(one.name for one in found if isinstance(one, Container))
        return Account(
            who=" ".join(one for key in ("name", "email") if isinstance(one := me.get(key), str)),
            sees=sees,
            missing=tuple(one.name for one in found if isinstance(one, Unreadable)),
            detail="Asana" + "".join(f", {gid}: {self._names[gid]}" for gid in sees),
        )

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        home = Ref(container.id, self._name(container.id))
        at = Position.parse(cursor.resume) if cursor.resume is not None else Position.start(cursor.parents)
        parent = at.queue[0] if at.walking else None
        ask = _subtasks(parent) if parent else _tasks(home, cursor)
        try:
            tasks, offset = self._listing(ask, at.offset, demand)
        except Stop:
            if not parent or self._transport.status not in (403, 404):
                raise
            # The parent was deleted (404) or made private (403) since it was listed: no reason to give up the rest.
            # One request more tells that from a project lost as a whole, which is an error and not emptiness.
            self._object(_project(home.id), "name")
            tasks, offset = [], None
        fields = wanted(demand.fields)
        items = tuple(item for task in tasks if (item := work_item(task, fields, parent)) is not None)
        after = at.noting(item.id for item in items if item.children).next(offset, ask.what)
        return Page(items, (after.text(),) if after else ())

    def close(self) -> None:
        self._transport.close()

    def _container(self, gid: str) -> Container | Unreadable:
        self._names.pop(gid, None)  # a connection may outlive a project's name
        try:
            self._name(gid)
        except Stop as error:
            # Asana answers a wrong token with 401; 403 and 404 speak of this project alone.
            if self._transport.status == 401:
                raise
            return Unreadable(gid, str(error))
        return Container(gid, gid, called=self._names[gid])

    def _name(self, gid: str) -> str:
        """Return the project's name, asked once a connection."""
        if gid not in self._names:
            ask = _project(gid)
            name = self._object(ask, "name").get("name")
            if not isinstance(name, str):
                raise MalformedAnswer(f"The answer for {ask.what} holds no name; nothing of it was used.")
            self._names[gid] = name
        return self._names[gid]

    def _listing(self, ask: Ask, offset: str | None, demand: Demand) -> tuple[list[dict[str, object]], str | None]:
        """Return the tasks of one page and the token of the next one, None after the last."""
        fields = FIELDS + (CUSTOM_FIELDS if demand.fields else "")
        query = {**ask.query, "limit": str(PAGE), "opt_fields": fields} | ({"offset": offset} if offset else {})
        try:
            answer = self._json(replace(ask, query=query))
        except Stop as error:
            if offset and self._transport.status == 400:
                # The first page of the same listing was accepted, so it is the token that is refused.
                raise TryLater(f"The page token of {ask.what} has expired: the read must start again.") from error
            raise
        return require(answer, "data", ask.what), _next_offset(answer, ask.what)

    def _object(self, ask: Ask, fields: str) -> dict[str, Any]:
        answer = self._json(replace(ask, query={"opt_fields": fields}))
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict):
            raise MalformedAnswer(f"The answer for {ask.what} holds no object `data`; nothing of it was used.")
        return data

    def _json(self, ask: Ask) -> object:
        body = self._transport.get(ask)
        try:
            answer: object = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise MalformedAnswer(f"The answer for {ask.what} is no JSON; nothing of it was used.") from None
        return answer


def _project(gid: str) -> Ask:
    return Ask(f"the project {gid}", "/projects/{gid}", {"gid": gid})


def _subtasks(gid: str) -> Ask:
    return Ask(f"the sub-tasks of {gid}", "/tasks/{gid}/subtasks", {"gid": gid})


def _tasks(home: Ref, cursor: Cursor) -> Ask:
    query = {"project": home.id}
    if cursor.since is not None:
        # Cut to the second, downwards: rather one task twice than one missed.
        query["modified_since"] = cursor.since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return Ask(f"the tasks of the project {home.id}", "/tasks", query=query)


def _next_offset(answer: object, what: str) -> str | None:
    """Return the token of the next page, None after the last.  Raises MalformedAnswer."""
    following = answer.get("next_page") if isinstance(answer, dict) else None
    if following is None:
        return None
    offset = following.get("offset") if isinstance(following, dict) else None
    if not isinstance(offset, str) or not offset:
        raise MalformedAnswer(f"The answer for {what} names a next page without its token; nothing of it was used.")
    return offset
