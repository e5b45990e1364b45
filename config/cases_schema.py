"""The keys of a file of cases: closed, described models.  What is in them is checked in `config.cases`."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from config.closed import Closed
from config.fields import Id, Listed, Text, Words, read_day, read_number
from config.words import advice, quoted
from connectors.settings import empty
from mapping.cases import NONE
from mapping.judging import Reason
from okrs.numbers import NUMBER
from okrs.work import Kind, State


def _moment(text: str) -> str:
    """Refuse what is neither a day nor a time, and the years that no day of a config may lie in."""
    shown = text.strip()
    if "T" not in shown:
        return read_day(shown).isoformat()
    try:
        time = datetime.fromisoformat(shown)
    except ValueError:
        raise ValueError(f"{quoted(shown)} is no time: write 2026-10-20, or 2026-10-20T16:30") from None
    read_day(time.date().isoformat())
    return shown


def _expected(value: object) -> Decimal | None:
    return None if value == NONE else read_number(value)


def _reason(text: str) -> str:
    if text not in list(Reason):
        raise ValueError(f"{quoted(text)} is not possible here; {advice(text, list(Reason), 'write one of')}")
    return text


Moment = Annotated[str, AfterValidator(_moment)]
Expected = Annotated[
    Decimal | None,
    BeforeValidator(_expected),
    WithJsonSchema({"type": ["number", "string"], "pattern": f"^({NUMBER.pattern}|{NONE})$"}),
]
Why = Annotated[str, AfterValidator(_reason), WithJsonSchema({"enum": list(Reason)})]
Keys = Annotated[tuple[Text, ...], Listed]


class StepEntry(Closed):
    at: Moment = Field(description="When it came to stand so.")
    state: State = Field(description="How far it was then.")
    status: Text | None = Field(default=None, description="The tracker's own status.")
    resolution: Text | None = Field(default=None, description="The tracker's own resolution.")


class ItemEntry(Closed):
    key: Text = Field(description="What people call it, as PAY-12.")
    source: Id | None = Field(default=None, description="Where it is; needed where the rule reads several sources.")
    title: Text | None = Field(
        default=None, description="Its title; rules look at those of milestones and sprints alone."
    )
    kind: Kind = Field(default=Kind.ISSUE, description="What it is whatever the tracker calls it.")
    type: str = Field(default="", max_length=1000, description="The tracker's own type, as Bug.")
    state: State = Field(default=State.TODO, description="How far it is.")
    status: Text | None = Field(default=None, description="The tracker's own status.")
    resolution: Text | None = Field(default=None, description="The tracker's own resolution.")
    created: Moment | None = Field(default=None, description="Day or time of its creation.")
    closed: Moment | None = Field(default=None, description="Day or time at which it was closed; else it is `now`.")
    project: Words = Field(default=(), description="Its projects; the source's own where that has only one.")
    label: Words = Field(default=(), description="Its labels, tags or components.")
    milestone: Words = Field(default=(), description="Titles of its milestones or versions.")
    sprint: Words = Field(default=(), description="Names of its sprints.")
    section: Words = Field(default=(), description="Its sections.")
    assignee: Words = Field(default=(), description="Who works on it.")
    parent: Text | None = Field(default=None, description="Key of the item directly above it.")
    epic: Text | None = Field(default=None, description="The same as parent, for items that stand right below an epic.")
    fields: dict[str, Text] = Field(default_factory=empty, description="Custom fields, as {story_points: 3}.")
    links: Words = Field(default=(), description="Keys of items that it is linked to, or names in its title or branch.")
    query: Words = Field(default=(), description="The queries of the rule that find it: no tracker is asked.")
    history: tuple[StepEntry, ...] = Field(default=(), description="How it stood over time, oldest first.")


class CaseEntry(Closed):
    key_result: Id = Field(description="Id of the key result whose rule is tried.")
    name: Text | None = Field(default=None, description="What the case shows, for people.")
    now: Moment | None = Field(default=None, description="When it is measured; else when the cycle's last day ends.")
    items: tuple[ItemEntry, ...] = Field(default=(), description="The work items there are, one a row.")
    expect: Expected = Field(description="The value that is to come out; none where there is to be none.")
    counted: Keys | None = Field(default=None, description="Keys of exactly the items that are to count.")
    excluded: dict[str, Why] = Field(
        default_factory=empty, description="Keys of items that are not to count, each with its reason."
    )


class CasesFile(Closed):
    """A file of cases."""

    cases: tuple[CaseEntry, ...] = Field(min_length=1, description="What is tried, one after the other.")
