"""The keys of a table: closed models, as those of an admin's own cases."""

from typing import Any

from pydantic import Field

from config.cases_schema import Expected, ItemEntry, Keys, Moment
from config.closed import Closed
from config.fields import Text, Words


class Row(ItemEntry):
    """An item of a table: what an admin's own cases say, and what only trackers do."""

    id: Text | None = Field(default=None, description="Its immutable id; else a gid itself, or `id:` and the key.")
    url: str = Field(default="", description="Where people find it.")
    alias: Words = Field(default=(), description="Other spellings of a milestone, as acme/web#3.")
    member: Words = Field(default=(), description="On a milestone task: keys of the tasks that belong to it.")
    fate: Keys = Field(alias="is", description="What becomes of it in each part that reads its source.")


class StepEntry(Closed):
    """What is changed, and what is to come out then."""

    now: Moment = Field(default="2026-12-01T12:00", description="When it is measured.")
    rule: Text | None = Field(default=None, description="The mapping, without `key_result`.")
    items: tuple[dict[str, Any], ...] = Field(
        default=(), description="Rows; in `then` only what changes, by id or key."
    )
    expect: Expected = Field(description="The value that is to come out; none where there is to be none.")


class TableEntry(StepEntry):
    """A case."""

    name: Text = Field(description="The policy that it shows, as a sentence.")
    key_result: Text = Field(default="start: 0, target: 100", description="What the key result promises.")
    timezone: Text = Field(default="Europe/Berlin")
    cycle: Text = Field(default="start: 2026-10-01, end: 2026-12-31")
    top: str = Field(default="", description="What else stands in the config: defaults, templates, link_by.")
    then: tuple[StepEntry, ...] = Field(default=(), description="What happens later, one after the other.")


class TablesFile(Closed):
    cases: tuple[TableEntry, ...]


def identity(key: str) -> str:
    """The id of an item by its first key: Asana has gids alone."""
    return key if key.isdigit() else f"id:{key}"
