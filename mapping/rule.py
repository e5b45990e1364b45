"""Rules as frozen data: which items feed a key result, and how they become its number (DESIGN 4).

A rule is complete: it holds the period and the start value it depends on, so that its text alone, kept in the
ledger, is enough to say years later how a number came about.
"""

from collections.abc import Collection, Iterator
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from okrs.cycle import Period
from okrs.immutable import immutable
from okrs.work import State


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
    SPRINT = "sprint"


@immutable
class Match:
    """The item has any of the values."""

    selector: Selector
    values: tuple[str, ...]


@immutable
class FieldMatch:
    """The item's custom field of that name has any of the values."""

    field: str
    values: tuple[str, ...]


class Moment(StrEnum):
    """What of an item a span of time is about: the tracker's own dates."""

    CREATED = "created"
    CLOSED = "closed"


@immutable
class LastDays:
    """The whole days before the last local midnight: what they hold changes at midnight only."""

    days: int


Span: TypeAlias = Period | LastDays


@immutable
class Within:
    """That moment of the item lies in any of the spans; an item without the date is in none."""

    moment: Moment
    spans: tuple[Span, ...]


@immutable
class Not:
    clause: "Clause"


@immutable
class AllOf:
    """Every clause holds; without clauses it always does."""

    clauses: tuple["Clause", ...] = ()


@immutable
class AnyOf:
    """At least one clause holds; without clauses none does."""

    clauses: tuple["Clause", ...]


Clause: TypeAlias = Match | FieldMatch | Within | Not | AllOf | AnyOf
Leaf: TypeAlias = Match | FieldMatch | Within

_NAMES_A_KIND = frozenset({Selector.TYPE, Selector.KIND, Selector.KEY, Selector.PARENT})


def leaves_of(clause: Clause) -> Iterator[Leaf]:
    """Yield everything that a clause asks of an item, however deep."""
    match clause:
        case Match() | FieldMatch() | Within():
            yield clause
        case Not(inner):
            yield from leaves_of(inner)
        case AllOf(clauses) | AnyOf(clauses):
            for inner in clauses:
                yield from leaves_of(inner)


def matches_in(clause: Clause) -> Iterator[Match]:
    """Yield every match of a clause, however deep."""
    return (leaf for leaf in leaves_of(clause) if isinstance(leaf, Match))


def wanted_in(clause: Clause, *, wanted: bool = True) -> Iterator[Match]:
    """Yield the matches that an item may be selected by, and none that keeps items out."""
    match clause:
        case Match():
            if wanted:
                yield clause
        case Not(inner):
            yield from wanted_in(inner, wanted=not wanted)
        case AllOf(clauses) | AnyOf(clauses):
            for each in clauses:
                yield from wanted_in(each, wanted=wanted)
        case FieldMatch() | Within():
            pass


def names_a_kind(clause: Clause) -> bool:
    """Tell whether `type`, `kind`, `key` or `parent` stands anywhere in it; else only kind `issue` is selected."""
    return any(match.selector in _NAMES_A_KIND for match in matches_in(clause))


def passes(clause: Clause) -> bool:
    """Tell whether a clause asks for days that pass: then it selects others tomorrow though no item changes."""
    spans = (span for leaf in leaves_of(clause) if isinstance(leaf, Within) for span in leaf.spans)
    return any(isinstance(span, LastDays) for span in spans)


class Measure(StrEnum):
    """How the selected items become a number."""

    COUNT = "count"
    PERCENT = "percent"
    SUM = "sum"
    MEAN = "mean"
    PERCENTILE = "percentile"
    """Written `median`, or `p85` and the like; `Part.rank` says which."""
    LEAD_TIME = "lead_time"
    CYCLE_TIME = "cycle_time"
    THROUGHPUT = "throughput"
    RATIO = "ratio"


MEDIAN = 50
"""The rank of the median."""

TIMES = frozenset({Measure.LEAD_TIME, Measure.CYCLE_TIME})
"""Measures of elapsed days."""

AVERAGES = frozenset({Measure.MEAN, Measure.PERCENTILE, *TIMES})
"""Measures that say what a counted item is like, not how many there are."""

OF_COUNTED = frozenset({Measure.THROUGHPUT, *AVERAGES})
"""Measures of what counts alone: nothing else is on their line."""


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


class Scope(StrEnum):
    """Whether work that is selected only after the cycle's beginning belongs to a part."""

    LIVE = "live"
    FROZEN = "frozen"


class Regress(StrEnum):
    """What happens when an automatic value falls back, away from the target."""

    FOLLOW = "follow"
    RATCHET = "ratchet"
    ASK = "ask"
    """It waits for a person before it falls."""


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


@immutable
class DoneWhen:
    """Our own meaning of done: an item is done exactly when it has one of the values of every list given."""

    status: tuple[str, ...] = ()
    resolution: tuple[str, ...] = ()


@immutable
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
    rank: int | None = None
    """Of a percentile, and of a time: 1 to 99, `MEDIAN` among them.  None with a time: the mean."""
    of: Clause | None = None
    """Of a ratio: what the selected items must also match to get credit."""
    partial: tuple[tuple[State, Decimal], ...] = ()
    """Credit of work that is not done, by state; sorted, each between 0 and 1."""
    scope: Scope = Scope.LIVE
    once: bool = False
    """Leave out what an earlier part has on its line, itself or as an item of another source that names it or is named
    by it."""
    linked: bool = False
    """A label alone feeds it: as long as nobody uses that in its source, the other parts go on without it."""

    @property
    def passes(self) -> bool:
        """Whether the days that it asks for, or the weeks that it counts, are others tomorrow."""
        return self.measure is Measure.THROUGHPUT or any(map(passes, self.clauses))

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """All that it asks of items."""
        return (self.where,) if self.of is None else (self.where, self.of)

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """The leaves of these, in order."""
        return tuple(leaf for clause in self.clauses for leaf in leaves_of(clause))

    @property
    def word(self) -> str:
        """The measure as the config spells it."""
        return _spelt(self.rank) if self.measure is Measure.PERCENTILE else self.measure.value

    @property
    def stat(self) -> str | None:
        """What of the times is told, as the config spells it; None for other measures."""
        return _spelt(self.rank) if self.measure in TIMES else None


def _spelt(rank: int | None) -> str:
    return "mean" if rank is None else "median" if rank == MEDIAN else f"p{rank}"


@immutable
class Scale:
    """Maps the measured range `low`…`high` linearly on `start`…`target`, unclamped.  `low` and `high` differ."""

    low: Decimal
    high: Decimal
    start: Decimal
    target: Decimal


@immutable
class Rule:
    """What feeds one key result.  `base` is its start value when `add_start` is given, else 0."""

    parts: tuple[Part, ...]
    period: Period
    combine: Combine | None = None
    add_start: bool = False
    base: Decimal = Decimal(0)
    scale: Scale | None = None
    regress: Regress = Regress.FOLLOW
    falling: bool = False
    """The target lies below the start: with `ratchet` the lowest value is the best."""
    timezone: str = "UTC"
    """Where midnight lies for `LastDays` and weeks begin for throughput; "UTC" where the rule has neither."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources it reads, each once, in order."""
        return tuple(dict.fromkeys(part.source for part in self.parts))

    @property
    def passes(self) -> bool:
        """Whether midnight alone may move its number."""
        return any(part.passes for part in self.parts)

    @property
    def freezes(self) -> bool:
        """Whether any part of it has a scope that stays what it was when it was first measured."""
        return any(part.scope is Scope.FROZEN for part in self.parts)

    def lacking(self, empty: Collection[int]) -> tuple[int, ...]:
        """Of the parts that select nothing, return those that the number lacks.

        It goes without those that a label alone feeds (`mapping.totals.joined`), as long as there is one to go by.
        """
        others = any(number not in empty or not part.linked for number, part in enumerate(self.parts))
        return tuple(number for number in sorted(empty) if not (others and self.parts[number].linked))

    @property
    def item_by_item(self) -> bool:
        """Whether what an item is to the number follows from the item alone, and the number from three sums of them.

        Not so for a percentile, for weights that are the mean of the others, and for work seen under another name.
        """
        return self.each_alone and all(part.rank is None for part in self.parts)

    @property
    def each_alone(self) -> bool:
        """Whether what an item is to each part follows from the item alone, whatever becomes of the number."""
        return not any(part.once or part.missing is Missing.MEAN for part in self.parts)


def default_counts(measure: Measure) -> Counts:
    """`all` for a ratio, whose credit is what `of` says; else `done`."""
    return Counts.ALL if measure is Measure.RATIO else Counts.DONE


_IN_CYCLE = frozenset({Measure.COUNT, Measure.SUM, Measure.THROUGHPUT, *TIMES})


def default_window(measure: Measure, counts: Counts) -> Window:
    """`cycle` for what adds up or times done work, `always` for shares and averages and wherever open work counts."""
    return Window.CYCLE if counts is Counts.DONE and measure in _IN_CYCLE else Window.ALWAYS
