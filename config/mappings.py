"""The keys of a mapping and its parts, and of what saves repeating them: defaults, templates, links by label."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, field_validator

from config.closed import Closed, wanted
from config.fields import Flag, Id, Listed, Number, Positive, Share, Text, Words
from config.measures import MeasureText, Measuring, StatText, read_measure, read_stat
from config.where import Where
from connectors.settings import empty
from mapping.rule import Cancelled, Combine, Counts, Missing, Regress, Scope, Window
from okrs.numbers import plain

ID = "{id}"
"""What stands for a key result's id in the label of `link_by`."""

MOST_PARAMS = 50
MOST_LINKED = 100
"""Each may give every key result a part of its own."""


def _ends(numbers: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    if len(numbers) != 2:
        raise ValueError("two numbers are expected here: the measured ones that become start and target, as [0, 5]")
    if numbers[0] == numbers[1]:
        raise ValueError(f"both ends of the scale are the same ({plain(numbers[0])}): change one")
    return numbers


def _label(text: str) -> str:
    if ID not in text:
        raise ValueError(f"the label names no key result: write {ID} where its id stands, as kr:{ID}")
    return text


class DoneWhenEntry(Closed):
    filled: ClassVar[tuple[str, ...]] = ("status", "resolution")

    status: Words | None = Field(default=None, description="Statuses in which an item is done.")
    resolution: Words | None = Field(default=None, description="Resolutions with which an item is done.")

    # Each of the two left out makes more done.
    _wanted = field_validator("*", mode="before")(wanted)


class PartialEntry(Closed):
    todo: Share = Field(default=Decimal(0), description="Credit of work that nobody began, between 0 and 1.")
    doing: Share = Field(default=Decimal(0), description="Credit of work in progress, between 0 and 1.")


class ScaleEntry(Closed):
    from_: Annotated[tuple[Number, ...], AfterValidator(_ends)] = Field(
        alias="from", description="The two measured numbers that become start and target, as [0, 5]."
    )


def _selecting(where: object) -> object:
    if where is None:
        raise ValueError("where has nothing behind it: write which items are meant, or where: {} for all issues")
    return where


class PartEntry(Closed):
    filled: ClassVar[tuple[str, ...]] = ("where",)
    synonyms: ClassVar[Mapping[str, str]] = {"done": "done_when", "estimate": "by", "field": "by", "filter": "where"}

    source: Id = Field(description="Name of the source that is read.")
    where: Annotated[Where, BeforeValidator(_selecting)] = Field(
        default=Where(), description="Which items are selected; all issues when left out."
    )
    measure: Annotated[Measuring, PlainValidator(read_measure, json_schema_input_type=MeasureText)] = Field(
        description="How the selected items become a number."
    )
    by: Text | None = Field(default=None, description="A numeric field that weighs the items.")
    missing: Missing | None = Field(default=None, description="Weight of an item without an estimate.")
    stat: Annotated[Measuring, PlainValidator(read_stat, json_schema_input_type=StatText)] | None = Field(
        default=None, description="Which number of a time's distribution: median (the default), mean, or p85."
    )
    of: Where | None = Field(default=None, description="What the selected items of a ratio must also match.")
    counts: Counts | None = Field(default=None, description="Which state gets credit.")
    done_when: DoneWhenEntry | None = Field(default=None, description="An own meaning of done.")
    cancelled: Cancelled | None = Field(default=None, description="What cancelled work is.")
    window: Window | None = Field(default=None, description="Whether only work closed within the cycle counts.")
    scope: Scope | None = Field(default=None, description="Whether work added after the cycle's beginning belongs.")
    partial: PartialEntry | None = Field(default=None, description="Part credit of work that is not done, by state.")
    once: Flag = Field(
        default=False, description="true: what an earlier part has as a ticket of another source is left out."
    )
    weight: Positive | None = Field(default=None, description="Weight of the part; only with weighted_mean.")
    add_start: Flag = Field(default=False, description="The same as on the mapping, where the mapping has one part.")
    regress: Regress | None = Field(
        default=None, description="The same as on the mapping, where the mapping has one part."
    )


class MappingEntry(Closed):
    key_result: Id = Field(description="Id of the key result that is fed.")
    from_: tuple[PartEntry, ...] = Field(
        default_factory=lambda: (),
        alias="from",
        min_length=1,
        description="What is measured, part by part; a template may say it.",
    )
    combine: Combine | None = Field(default=None, description="How the parts become one number.")
    add_start: Flag = Field(default=False, description="true: the measured number is added to the start value.")
    scale: ScaleEntry | None = Field(default=None, description="Which measured range becomes start…target.")
    regress: Regress | None = Field(
        default=None, description="Whether the value may fall back: follow, ratchet or ask."
    )
    use: Id | None = Field(default=None, description="Name of the template whose keys stand here, unless written.")
    with_: dict[Id, Text] = Field(default_factory=empty, alias="with", description="Values of the template's params.")


class DefaultsEntry(Closed):
    """Policies of every part and mapping that does not say otherwise and in which they make sense."""

    missing: Missing | None = Field(default=None, description="Of parts with by.")
    cancelled: Cancelled | None = Field(default=None, description="Of all parts.")
    done_when: DoneWhenEntry | None = Field(default=None, description="Of all parts.")
    window: Window | None = Field(default=None, description="Of parts that count done work, other than throughput.")
    scope: Scope | None = Field(default=None, description="Of all parts.")
    partial: PartialEntry | None = Field(default=None, description="Of parts that may give part credit.")
    regress: Regress | None = Field(
        default=None, description="Of all mappings; ratchet not of those whose key result is a band."
    )


class TemplateEntry(Closed):
    params: Annotated[tuple[Id, ...], Listed] = Field(
        default=(), max_length=MOST_PARAMS, description="Names that {name} in the mapping means."
    )
    mapping: dict[str, Any] = Field(description="The keys of a mapping, with {name} where a parameter is put in.")


class LinkByEntry(Closed):
    label: Annotated[Text, AfterValidator(_label)] = Field(
        description="The label that names a key result, as kr:{id}; {id} is the key result's id."
    )
    sources: Annotated[Words, Field(max_length=MOST_LINKED)] = Field(
        description="Names of the sources in which the label is looked for."
    )
