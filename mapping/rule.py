"""Rules as frozen data: which items feed a key result, and how they become its number (DESIGN 4).

A rule is complete: it holds the period and the start value it depends on, so that its text alone, kept in the
ledger, is enough to say years later how a number came about.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from okrs.cycle import Period


class Selector(StrEnum):
    """What a clause may look at."""

    PROJECT = "project"
    TYPE = "type"
    KIND = "kind"
    LABEL = "label"
    STATE = "state"
    STATUS = "status"
    RESOLUTION = "resolution"
    MILESTONE = "milestone"
    EPIC = "epic"
    PARENT = "parent"
    SECTION = "section"
    ASSIGNEE = "assignee"
    KEY = "key"
    QUERY = "query"
    """In the tracker's own language; the tracker is asked for the ids."""


@dataclass(frozen=True, slots=True)
class Match:
    """The item has any of the values."""

    selector: Selector
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Not:
    clause: "Clause"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every clause holds; without clauses it always does."""

    clauses: tuple["Clause", ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one clause holds; without clauses none does."""

    clauses: tuple["Clause", ...]


Clause: TypeAlias = Match | Not | AllOf | AnyOf

_NAMES_A_KIND = frozenset({Selector.TYPE, Selector.KIND, Selector.KEY, Selector.PARENT})


def matches_in(clause: Clause) -> Iterator[Match]:
    """Yield every match of a clause, however deep."""
    match clause:
        case Match():
            yield clause
        case Not(inner):
            yield from matches_in(inner)
        case AllOf(clauses) | AnyOf(clauses):
            for inner in clauses:
                yield from matches_in(inner)


def names_a_kind(clause: Clause) -> bool:
    """Tell whether `type`, `kind`, `key` or `parent` stands anywhere in it; else only kind `issue` is selected."""
    return any(match.selector in _NAMES_A_KIND for match in matches_in(clause))


class Measure(StrEnum):
    COUNT = "count"
    PERCENT = "percent"
    SUM = "sum"


class Counts(StrEnum):
    """Which state gets credit."""

    DONE = "done"
    OPEN = "open"
    ALL = "all"


class Cancelled(StrEnum):
    """What cancelled work is: left out of both sides, as good as done, or still open."""

    EXCLUDE = "exclude"
    COMPLETE = "complete"
    OPEN = "open"


class Window(StrEnum):
    """Whether only work closed within the key result's own cycle counts."""

    CYCLE = "cycle"
    ALWAYS = "always"


class Missing(StrEnum):
    """The weight of an item that has no estimate."""

    EXCLUDE = "exclude"
    ZERO = "0"
    ONE = "1"
    MEAN = "mean"


class Combine(StrEnum):
    SUM = "sum"
    MEAN = "mean"
    WEIGHTED_MEAN = "weighted_mean"
    MIN = "min"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class DoneWhen:
    """Our own meaning of done: an item is done exactly when it has one of the values of every list given."""

    status: tuple[str, ...] = ()
    resolution: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One selection of one source and its measure."""

    source: str
    where: Clause
    measure: Measure
    by: str | None = None
    missing: Missing = Missing.EXCLUDE
    counts: Counts = Counts.DONE
    done_when: DoneWhen | None = None
    cancelled: Cancelled = Cancelled.EXCLUDE
    window: Window = Window.ALWAYS
    weight: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Rule:
    """What feeds one key result.  `base` is its start value when `add_start` is given, else 0."""

    parts: tuple[Part, ...]
    period: Period
    combine: Combine | None = None
    add_start: bool = False
    base: Decimal = Decimal(0)

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources it reads, each once, in order."""
        return tuple(dict.fromkeys(part.source for part in self.parts))


def default_window(measure: Measure, counts: Counts) -> Window:
    """`cycle` for count and sum of done work, `always` for percent and wherever open work gets the credit."""
    if counts is not Counts.DONE or measure is Measure.PERCENT:
        return Window.ALWAYS
    return Window.CYCLE
