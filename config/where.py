"""Clauses: the keys of `where` and `of`, and what they become."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema, field_validator
from pydantic_core import PydanticCustomError, PydanticKnownError

from config.closed import BAD_KEY, Closed, wanted
from config.fields import Listed, Words, read_day
from config.words import quoted
from mapping.rule import AllOf, AnyOf, Clause, FieldMatch, LastDays, Match, Moment, Not, Selector, Span, Within
from okrs.cycle import Calendar, Cycle
from okrs.immutable import immutable
from okrs.work import Kind, State

FIELD = "field."
"""What the key of a custom field begins with."""

_LAST = re.compile("last +([0-9]{1,9})d")
_MOST_DAYS = 3660


@immutable
class Days:
    """Whole days, both included."""

    first: date
    last: date


WrittenSpan: TypeAlias = Literal["cycle"] | Days | LastDays


def read_span(text: object) -> WrittenSpan:
    """Return the span of time that a text says.  Raises ValueError."""
    remedy = "write cycle, 2026-10-01..2026-11-15 or last 14d"
    if not isinstance(text, str):
        raise ValueError(f"a span of time is expected here: {remedy}")  # noqa: TRY004 - for pydantic
    shown = text.strip()
    if shown == "cycle":
        return "cycle"
    first, dots, last = shown.partition("..")
    if dots:
        days = Days(read_day(first), read_day(last))
        if days.last < days.first:
            raise ValueError(f"{quoted(shown)} ends before it starts: exchange or correct the days")
        return days
    relative = _LAST.fullmatch(shown)
    if relative is None:
        raise ValueError(f"{quoted(shown)} is no span of time: {remedy}")
    if not 1 <= int(relative[1]) <= _MOST_DAYS:
        raise ValueError(f"{quoted(shown)} is no span of time: 1 to {_MOST_DAYS} days are possible")
    return LastDays(int(relative[1]))


def _field_key(key: str) -> str:
    if not key.startswith(FIELD):
        raise PydanticKnownError("extra_forbidden")
    if not key.removeprefix(FIELD).strip():
        raise PydanticCustomError(BAD_KEY, "the name of the field is missing: write it behind the point, as field.risk")
    return key


_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_SPAN = rf"^\s*(?:cycle|{_DAY}\s*\.\.\s*{_DAY}|{_LAST.pattern})\s*$"
SpanText = Annotated[str, WithJsonSchema({"type": "string", "pattern": _SPAN})]
"""What editors are told of it."""

Spans = Annotated[
    tuple[Annotated[WrittenSpan, PlainValidator(read_span, json_schema_input_type=SpanText)], ...],
    Listed,
    Field(min_length=1),
]


def _closed(schema: dict[str, Any]) -> None:
    """Let editors know of custom fields, which take values as labels do, and of no other key."""
    values = {**schema["properties"]["label"], "description": "A custom field's values."}
    schema |= {"patternProperties": {r"^field[.]\s*\S": values}, "additionalProperties": False}


class Where(Closed):
    """Which items: every key must hold, a list means any of its values.  Selectors first, then what joins clauses."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_closed, defer_build=True)
    open_keys: ClassVar[tuple[str, ...]] = (f"{FIELD}<name>",)
    synonyms: ClassVar[Mapping[str, str]] = {
        "and": "all",
        "or": "any",
        "tag": "label",
        "component": "label",
        "version": "milestone",
        "fix_version": "milestone",
        "repository": "project",
        "jql": "query",
    }
    __pydantic_extra__: dict[Annotated[str, AfterValidator(_field_key)], Annotated[Words, BeforeValidator(wanted)]] = (
        Field(init=False)
    )
    """Custom fields, by keys as `field.risk`."""

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
    created: Spans | None = Field(default=None, description="When it was created: cycle, days as A..B, or last 14d.")
    closed: Spans | None = Field(default=None, description="When it was closed: cycle, days as A..B, or last 14d.")
    not_: "Where | None" = Field(default=None, alias="not", description="What must not hold.")
    all_: "tuple[Where, ...] | None" = Field(default=None, alias="all", min_length=1, description="All must hold.")
    any_: "tuple[Where, ...] | None" = Field(default=None, alias="any", min_length=1, description="One must hold.")

    # Each key left out selects more, so none may stand with nothing behind it.
    _wanted = field_validator("*", mode="before")(wanted)

    @classmethod
    def takes(cls, key: str) -> bool:
        return key.startswith(FIELD) or super().takes(key)

    @classmethod
    def fills(cls, key: str) -> bool:
        return cls.takes(key)

    @property
    def custom(self) -> Mapping[str, tuple[str, ...]]:
        """The values wanted of custom fields, by name, in the order of the names."""
        wanted = self.__pydantic_extra__
        return {key.removeprefix(FIELD): wanted[key] for key in sorted(wanted)}


def clause_of(where: Where, cycle: Cycle, calendar: Calendar) -> Clause:
    """Return the clause in one canonical order, so that re-ordering keys in the config changes no rule."""
    clauses: list[Clause] = []
    for selector in Selector:
        values = getattr(where, selector.value)
        if values is not None:
            clauses.append(Match(selector, tuple(str(value) for value in values)))
    clauses += [FieldMatch(name, values) for name, values in where.custom.items()]
    for moment in Moment:
        spans: tuple[WrittenSpan, ...] | None = getattr(where, moment.value)
        if spans is not None:
            clauses.append(Within(moment, tuple(_span(span, cycle, calendar) for span in spans)))
    if where.not_ is not None:
        clauses.append(Not(clause_of(where.not_, cycle, calendar)))
    if where.all_ is not None:
        clauses.append(AllOf(tuple(clause_of(inner, cycle, calendar) for inner in where.all_)))
    if where.any_ is not None:
        clauses.append(AnyOf(tuple(clause_of(inner, cycle, calendar) for inner in where.any_)))
    return clauses[0] if len(clauses) == 1 else AllOf(tuple(clauses))


def _span(span: WrittenSpan, cycle: Cycle, calendar: Calendar) -> Span:
    match span:
        case "cycle":
            return cycle.period(calendar)
        case Days(first, last):
            return Cycle("", first, last).period(calendar)
        case LastDays():
            return span
