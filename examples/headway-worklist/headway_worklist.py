"""A connector to a worklist: a file with one JSON object a line, as `{"id": "1", "title": "…", "state": "done"}`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import orjson
from pydantic import Field

from connectors.contract import Container, Cursor, Demand, MalformedAnswer, Page, Stop
from connectors.plain import Plain
from connectors.settings import RelativePath, SourceSettings
from okrs.work import Kind, Ref, State, WorkItem


class Settings(SourceSettings):
    """A source with `connector: worklist`."""

    path: Annotated[str, RelativePath()] = Field(description="The file, one JSON object a line.", min_length=1)

    @property
    def container_names(self) -> tuple[str, ...]:
        return (Path(self.path).name,)

    @property
    def site(self) -> str:
        return f"worklist {self.path}"


class Worklist(Plain):
    """Reads the whole file each time; it keeps nothing, so that any thread may use it."""

    def __init__(self, settings: Settings) -> None:
        self._path = Path(settings.path)

    def containers(self) -> Sequence[Container]:
        self._content()  # so that `headway check` tells of a file that is not there
        return [Container(self._path.name, self._path.name)]

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        lines = self._content().splitlines()
        return Page(tuple([item_of(line, number, container.id) for number, line in enumerate(lines, 1)]))

    def _content(self) -> bytes:
        try:
            return self._path.read_bytes()
        except OSError as error:
            reason = error.strerror
        raise Stop(f"The worklist {self._path.name} cannot be read ({reason}): check `path`.")


def connect(settings: Settings) -> Worklist:
    """Open nothing: the file is read when it is asked for."""
    return Worklist(settings)


def item_of(line: bytes, number: int, home: str) -> WorkItem:
    """Return the item of a line.  Raises MalformedAnswer, for an error is never an empty list."""
    try:
        row = orjson.loads(line)
        return WorkItem(
            id=_text(row["id"]),
            key=_text(row["id"]),
            kind=Kind.ISSUE,
            type=_text(row.get("type", "Task")),
            title=_text(row["title"]),
            url="",
            state=State(row["state"]),
            closed_at=datetime.fromisoformat(row["closed"]).astimezone(UTC) if "closed" in row else None,
            labels=tuple(map(_text, row.get("labels", []))),
            projects=(Ref(home, home),),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        pass  # raised below, so that the line is in no chain of causes
    raise MalformedAnswer(f"Line {number} of the worklist is no work item; nothing of the file was used.")


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value
