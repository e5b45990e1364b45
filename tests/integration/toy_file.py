"""A file of notes, one JSON object a line, and the correct connector to it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import orjson
from pydantic import Field

from connectors.contract import Container, Cursor, Demand, MalformedAnswer, Page, Stop, Unreadable
from connectors.plain import Plain
from connectors.settings import RelativePath, SourceSettings
from okrs.work import Kind, State, WorkItem


class NotesSettings(SourceSettings):
    """A source with `connector: notes`."""

    path: Annotated[str, RelativePath()] = Field(description="The file: one JSON object a line.")

    @property
    def container_names(self) -> tuple[str, ...]:
        return ("notes",)


Settings = NotesSettings


def connect(settings: NotesSettings) -> "Notes":
    return Notes(settings)


class Notes(Plain):
    """A connector to a file that keeps every law."""

    def __init__(self, settings: NotesSettings) -> None:
        self.path = Path(settings.path)

    def containers(self) -> Sequence[Container | Unreadable]:
        return [Container("notes", "notes")]

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        return Page(tuple([self.item(line) for line in self.content().splitlines()]))

    def content(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as error:
            reason = error.strerror
        raise Stop(f"The notes cannot be read ({reason}): check `path`.")

    def item(self, line: bytes) -> WorkItem:
        try:
            return note(line)
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
        raise MalformedAnswer("A line of the notes is no item; nothing of them was used.")


def note(line: bytes) -> WorkItem:
    row = orjson.loads(line)
    return WorkItem(row["id"], row["id"], Kind.ISSUE, "Note", row["title"], "", State(row["state"]))
