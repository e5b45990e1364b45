"""The keys of `headway.yaml`: closed, described models.  What spans several keys is checked in `config.checks`."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from config.closed import Closed
from config.fields import Count, Day, Id, Listed, Number, Points, Positive, Share, Text, Weekday, Zone
from config.mappings import DefaultsEntry, LinkByEntry, MappingEntry, TemplateEntry
from config.words import quoted
from connectors.settings import Interpolated, empty
from okrs.guard import Guard
from okrs.objective import Ambition
from okrs.progress import Pace

_GUARD = Guard()
_PACE = Pace()
_WORKWEEK = (Weekday.MON, Weekday.TUE, Weekday.WED, Weekday.THU, Weekday.FRI)


class PaceEntry(Closed):
    on_track: Share = Field(default=_PACE.on_track, description="Progress / expected from which a key result is green.")
    at_risk: Share = Field(default=_PACE.at_risk, description="Progress / expected from which it is yellow, below red.")
    grace: Share = Field(default=_PACE.grace, description="First share of the cycle in which nothing is red yet.")


class GuardEntry(Closed):
    points: Points = Field(
        default=_GUARD.points,
        description="Points of progress that deleted and hidden tickets may move a key result without being approved.",
    )
    share: Share = Field(
        default=_GUARD.share,
        description="Share of the tickets of a part that may be deleted or hidden without being approved; "
        "1 lets all of them go.",
    )
    items: Count = Field(default=_GUARD.items, description="Tickets from which on the share is looked at.")


class CycleEntry(Closed):
    id: Id = Field(description="Name of the cycle, as 2026-Q4.")
    start: Day = Field(description="First day, as 2026-10-01.")
    end: Day = Field(description="Last day, which belongs to it.")


class KeepEntry(Closed):
    min: Number = Field(description="Lower bound of the band, which belongs to it.")
    max: Number = Field(description="Upper bound of the band, which belongs to it.")


class KeyResultEntry(Closed):
    id: Id = Field(description="Unique for ever among objectives and key results.")
    title: Text = Field(description="What is promised, for people.")
    unit: str = Field(default="", max_length=100, description="Unit of the value, as bugs or %.")
    kind: Literal["numeric", "binary"] = Field(default="numeric", description="A number on its way, or done or not.")
    start: Number | None = Field(default=None, description="Value at the beginning (numeric).")
    target: Number | None = Field(default=None, description="Value to reach, above or below start (numeric).")
    keep: KeepEntry | None = Field(default=None, description="A band to stay in, instead of start and target.")
    at_least: Positive | None = Field(default=None, description="Value from which a binary key result is done.")
    weight: Positive = Field(default=Decimal(1), description="Weight in its objective's progress.")
    ambition: Ambition = Field(default=Ambition.COMMITTED, description="committed or aspirational.")
    was: Id | None = Field(default=None, description="The id that it had before, whose history goes on under this one.")


class ObjectiveEntry(Closed):
    id: Id = Field(description="Unique for ever among objectives and key results.")
    cycle: Id = Field(description="Id of the cycle it belongs to.")
    title: Text = Field(description="What is wanted, for people.")
    owner: str = Field(default="", max_length=1000, description="Who answers for it.")
    team: str = Field(default="", max_length=1000, description="The team that works on it.")
    weight: Positive = Field(default=Decimal(1), description="Weight in what it supports.")
    supports: Annotated[tuple[Id, ...], Listed] = Field(
        default=(), description="Ids of objectives or key results that it helps."
    )
    was: Id | None = Field(default=None, description="The id that it had before.")
    key_results: tuple[KeyResultEntry, ...] = Field(default=(), description="How its success is measured.")


ANCHORED = "daily"
"""How often an anchor is kept, and all that there is to say where it goes to the usual file."""


def briefly(value: object) -> object:
    """Read `anchor: daily` as what it stands for.  Raises ValueError for any other text."""
    if not isinstance(value, str):
        return value
    if value != ANCHORED:
        raise ValueError(f"{quoted(value)} is not possible here: write daily, or every: and to: below it")
    return {"every": value}


class AnchorEntry(Closed):
    every: Literal["daily"] = Field(default="daily", description="How often: daily, after the day's first run.")
    to: Text = Field(
        default="anchors.jsonl",
        description="A file, which is best kept where nobody who may write to the database may write; or log.",
    )


class TeamFile(Closed):
    """A file of a folder other than the one that holds `version`."""

    objectives: tuple[ObjectiveEntry, ...] = Field(default=(), description="What people want to reach.")
    mappings: tuple[MappingEntry, ...] = Field(default=(), description="Which work feeds which key result.")
    templates: dict[Id, TemplateEntry] = Field(
        default_factory=empty, description="Mappings with parameters by name, for rules that are alike."
    )


class Document(TeamFile):
    """The whole config, or the file of a folder that holds `version`."""

    version: Literal["1"] = Field(description="Version of this format: 1.")
    database: Annotated[Text, Interpolated()] = Field(
        description="Where the ledger is kept: sqlite:///headway.db or postgresql+psycopg://…."
    )
    timezone: Zone = Field(default="UTC", description="IANA name of the zone in which days begin, as Europe/Berlin.")
    workdays: tuple[Weekday, ...] = Field(default=_WORKWEEK, min_length=1, description="Days that are worked.")
    holidays: tuple[Day, ...] = Field(default=(), description="Days that are not worked.")
    pace: PaceEntry = Field(default=PaceEntry(), description="Limits of green and yellow.")
    guard: GuardEntry = Field(
        default=GuardEntry(), description="What may be lost from sight before a person is asked: `headway holds`."
    )
    cycles: tuple[CycleEntry, ...] = Field(default=(), description="The periods objectives belong to.")
    sources: dict[Id, dict[str, Any]] = Field(
        default_factory=empty, description="Connections to trackers by name; their keys depend on `connector`."
    )
    anchor: Annotated[AnchorEntry, BeforeValidator(briefly)] | None = Field(
        default=None, description="Keeps where the ledger ends outside of the database: daily, or every and to."
    )
    link_by: LinkByEntry | None = Field(default=None, description="A label that links tickets to key results.")
    defaults: DefaultsEntry = Field(default=DefaultsEntry(), description="Policies of all parts, unless they differ.")
