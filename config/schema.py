"""The keys of `headway.yaml`: closed, described models.  What spans several keys is checked in `config.checks`."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from config.fields import Day, Flag, Id, Listed, Number, Positive, Share, Text, Weekday, Words, Zone
from connectors.settings import Interpolated
from mapping.rule import Cancelled, Combine, Counts, Measure, Missing, Window
from okrs.objective import Ambition
from okrs.progress import Pace
from okrs.work import Kind, State

_PACE = Pace()
_WORKWEEK = (Weekday.MON, Weekday.TUE, Weekday.WED, Weekday.THU, Weekday.FRI)


class Closed(BaseModel):
    """A table that takes its own keys alone.  A key with nothing behind it counts as left out."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, data: Any) -> Any:  # noqa: ANN401 - whatever the config held
        if not isinstance(data, dict):
            return data
        known = {field.alias or name for name, field in cls.model_fields.items()}
        return {key: value for key, value in data.items() if value is not None or key not in known}


class PaceEntry(Closed):
    on_track: Share = Field(default=_PACE.on_track, description="Progress / expected from which a key result is green.")
    at_risk: Share = Field(default=_PACE.at_risk, description="Progress / expected from which it is yellow, below red.")
    grace: Share = Field(default=_PACE.grace, description="First share of the cycle in which nothing is red yet.")


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
    key_results: tuple[KeyResultEntry, ...] = Field(default=(), description="How its success is measured.")


class Where(Closed):
    """Which items: every key must hold, a list means any of its values.  Selectors first, then what joins clauses."""

    project: Words | None = Field(default=None, description="Project key, owner/name of a repository, gid or name.")
    type: Words | None = Field(default=None, description="The tracker's own type, as Bug.")
    kind: Annotated[tuple[Kind, ...], Listed, Field(min_length=1)] | None = Field(
        default=None, description="What it is whatever the tracker calls it."
    )
    label: Words | None = Field(default=None, description="Label, tag or component.")
    state: Annotated[tuple[State, ...], Listed, Field(min_length=1)] | None = Field(
        default=None, description="How far it is whatever the tracker calls it."
    )
    status: Words | None = Field(default=None, description="The tracker's own status.")
    resolution: Words | None = Field(default=None, description="Jira resolution, GitHub state_reason.")
    milestone: Words | None = Field(default=None, description="Milestone or fix version, by title; or owner/repo#3.")
    epic: Words | None = Field(default=None, description="Key of an item whose descendants are meant.")
    parent: Words | None = Field(default=None, description="Key of an item whose direct children are meant.")
    section: Words | None = Field(default=None, description="Section of an Asana project.")
    assignee: Words | None = Field(default=None, description="Login, e-mail or display name.")
    key: Words | None = Field(default=None, description="The item itself, as PAY-12, acme/web#34 or a gid.")
    query: Words | None = Field(
        default=None, description="A query in the tracker's own language (JQL, GitHub search), asked in every run."
    )
    sprint: Words | None = Field(default=None, description="Name of a sprint.")
    not_: "Where | None" = Field(default=None, alias="not", description="What must not hold.")
    all_: "tuple[Where, ...] | None" = Field(default=None, alias="all", min_length=1, description="All must hold.")
    any_: "tuple[Where, ...] | None" = Field(default=None, alias="any", min_length=1, description="One must hold.")


class DoneWhenEntry(Closed):
    status: Words | None = Field(default=None, description="Statuses in which an item is done.")
    resolution: Words | None = Field(default=None, description="Resolutions with which an item is done.")


class PartEntry(Closed):
    source: Id = Field(description="Name of the source that is read.")
    where: Where = Field(default=Where(), description="Which items are selected; all issues when left out.")
    measure: Measure = Field(description="How the selected items become a number.")
    by: Text | None = Field(default=None, description="A numeric field that weighs the items.")
    missing: Missing | None = Field(default=None, description="Weight of an item without an estimate.")
    counts: Counts = Field(default=Counts.DONE, description="Which state gets credit.")
    done_when: DoneWhenEntry | None = Field(default=None, description="An own meaning of done.")
    cancelled: Cancelled = Field(default=Cancelled.EXCLUDE, description="What cancelled work is.")
    window: Window | None = Field(default=None, description="Whether only work closed within the cycle counts.")
    weight: Positive | None = Field(default=None, description="Weight of the part; only with weighted_mean.")
    add_start: Flag = Field(default=False, description="The same as on the mapping, where the mapping has one part.")


class MappingEntry(Closed):
    key_result: Id = Field(description="Id of the key result that is fed.")
    from_: tuple[PartEntry, ...] = Field(alias="from", min_length=1, description="What is measured, part by part.")
    combine: Combine | None = Field(default=None, description="How the parts become one number.")
    add_start: Flag = Field(default=False, description="true: the measured number is added to the start value.")


class TeamFile(Closed):
    """A file of a folder other than the one that holds `version`."""

    objectives: tuple[ObjectiveEntry, ...] = Field(default=(), description="What people want to reach.")
    mappings: tuple[MappingEntry, ...] = Field(default=(), description="Which work feeds which key result.")


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
    cycles: tuple[CycleEntry, ...] = Field(default=(), description="The periods objectives belong to.")
    sources: dict[Id, dict[str, Any]] = Field(
        default_factory=dict, description="Connections to trackers by name; their keys depend on `connector`."
    )
