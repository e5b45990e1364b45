"""What an admin may not have meant: rules held against the items that were read.  Pure; nothing here is an error.

Each finding is a fact with its numbers and a few examples; `config.lint` says where in the config it stands, and what
to do about it.  What is ordinary is not told: every limit below is there to keep a right config quiet.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import combinations
from typing import TypeAlias

from mapping.judging import Line, Reason
from mapping.measure import measure
from mapping.naming import Mirrored, Names
from mapping.rule import Counts, Measure, Missing, Part, Rule, Selector, matches_in
from okrs.work import fold_key

FEW = 3
"""Examples that are named."""

MANY = Decimal("0.2")
"""Share of a selection without estimates from which it is told."""

SHARED = Decimal("0.1")
"""Share of the smaller selection from which two are said to overlap, and of one from which it holds work twice."""

_AMOUNTS_OF_WORK = frozenset({Measure.COUNT, Measure.PERCENT, Measure.SUM})
"""Measures in which the same ticket twice is the same work twice; times and averages look at it from another side."""

_THINGS = (
    Selector.PROJECT,
    Selector.MILESTONE,
    Selector.EPIC,
    Selector.PARENT,
    Selector.SECTION,
    Selector.SPRINT,
    Selector.KEY,
)
"""What a rule names one by one: an unknown name is always a mistake, or comes too early."""

_WORDS = (Selector.TYPE, Selector.LABEL, Selector.STATUS, Selector.RESOLUTION, Selector.ASSIGNEE)
"""What may well be used by nobody yet: told only where a part selects nothing at all."""

_NEVER = "never"

_Item: TypeAlias = tuple[str, str]
"""Source and the item's immutable id."""


@dataclass(frozen=True, slots=True)
class SelectsNothing:
    key_result: str
    part: int
    unknown: tuple[tuple[Selector, str, str | None], ...] = ()
    """Words of its `where` that no item has, each with the nearest that some have."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A rule names something that nothing read is called."""

    key_result: str
    part: int
    selector: Selector
    value: str
    near: str | None


@dataclass(frozen=True, slots=True)
class Overlap:
    """The same work counts in two key results."""

    key_result: str
    other: str
    items: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unestimated:
    """Many items of a part have no number in the field that weighs them."""

    key_result: str
    part: int
    field: str
    items: int
    of: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Twice:
    """A part counts items and their children."""

    key_result: str
    part: int
    items: int
    example: tuple[str, str]
    """A child and what it lies under."""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Work of a part with `once` may be an earlier part's: the key that would say so is that of several tickets."""

    key_result: str
    part: int
    items: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A query that the tracker refused, or that nobody asked yet (`error` None)."""

    key_result: str
    part: int
    query: str
    error: str | None


@dataclass(frozen=True, slots=True)
class Reached:
    """A key result that began, or would begin, where it is to end."""

    key_result: str
    value: Decimal
    measured: bool
    """It is on record; else it would begin so now."""


Finding: TypeAlias = SelectsNothing | Unknown | Overlap | Unestimated | Twice | Ambiguous | Unanswered | Reached


def findings(rules: Mapping[str, Rule], mirror: Mapping[str, Mirrored], now: datetime) -> Iterator[Finding]:
    """Yield what is to be said of each rule, by key result; every source of a rule is in the mirror."""
    names = {name: Names(each) for name, each in mirror.items()}
    lines: dict[str, Sequence[Line]] = {}
    for name, rule in rules.items():
        try:
            lines[name] = measure(rule, {each: mirror[each].candidates for each in rule.sources}, now).lines
        except ArithmeticError:  # absurd estimates; a run of the engine says so
            continue
        for number, part in enumerate(rule.parts):
            of_part = [line for line in lines[name] if line.part == number]
            yield from _of_part(name, number, part, of_part, names[part.source])
    yield from _overlaps(rules, lines)


def _of_part(key_result: str, number: int, part: Part, lines: Sequence[Line], names: Names) -> Iterator[Finding]:
    leaves = [*matches_in(part.where), *(matches_in(part.of) if part.of is not None else ())]
    texts = [(leaf.selector, value) for leaf in leaves for value in leaf.values]
    unasked = [text for selector, text in texts if selector is Selector.QUERY]
    unanswered = [each for each in unasked if names.mirrored.queries.get(each, _NEVER) is not None]
    for text in unanswered:
        yield Unanswered(key_result, number, text, names.mirrored.queries.get(text))
    unknown = [
        (each, text, names.near(each, text)) for each, text in texts if each in _THINGS and not names.has(each, text)
    ]
    for each in unknown:
        yield Unknown(key_result, number, *each)
    if not lines and not unknown and not unanswered:
        strange = [(each, text) for each, text in texts if each in _WORDS and not names.has(each, text)]
        yield SelectsNothing(key_result, number, tuple((*each, names.near(*each)) for each in strange))
    yield from _unestimated(key_result, number, part, lines)
    yield from _twice(key_result, number, part, lines, names)
    if ambiguous := [line.item.key for line in lines if line.ambiguous]:
        yield Ambiguous(key_result, number, len(ambiguous), tuple(ambiguous[:FEW]))


def _unestimated(key_result: str, number: int, part: Part, lines: Sequence[Line]) -> Iterator[Finding]:
    """What an admin said of missing estimates is meant; the default leaves work out without a word."""
    if part.by is None or part.missing is not Missing.EXCLUDE:
        return
    without = [line.item.key for line in lines if line.reason is Reason.NO_ESTIMATE]
    weighed = sum(line.weight is not None for line in lines) + len(without)
    if without and len(without) >= MANY * weighed:
        yield Unestimated(key_result, number, part.by, len(without), weighed, tuple(without[:FEW]))


def _twice(key_result: str, number: int, part: Part, lines: Sequence[Line], names: Names) -> Iterator[Finding]:
    if part.measure not in _AMOUNTS_OF_WORK:
        return
    weighed = {fold_key(line.item.key): line.item for line in lines if line.weight}
    pairs = [
        (item.key, weighed[above].key)
        for item in weighed.values()
        for above in sorted(names.ancestors(item) & weighed.keys())[:1]
    ]
    if pairs and len(pairs) >= SHARED * len(weighed):
        yield Twice(key_result, number, len(pairs), pairs[0])


def _overlaps(rules: Mapping[str, Rule], lines: Mapping[str, Sequence[Line]]) -> Iterator[Finding]:
    """Yield for each key result the one that shares most of its finished work, among those of the same period."""
    work = {name: _work(rules[name], of_rule) for name, of_rule in lines.items()}
    most: dict[str, tuple[int, str, set[_Item]]] = {}
    for (one, mine), (other, theirs) in combinations(work.items(), 2):
        shared = mine.keys() & theirs.keys() if rules[one].period == rules[other].period else set()
        if shared and len(shared) >= SHARED * min(len(mine), len(theirs)) and len(shared) > most.get(other, (0,))[0]:
            most[other] = (len(shared), one, shared)
    for name, (items, one, shared) in most.items():
        yield Overlap(name, one, items, tuple(work[name][each] for each in sorted(shared)[:FEW]))


def _work(rule: Rule, lines: Sequence[Line]) -> dict[_Item, str]:
    """Keys of what would count once it is done, by source and id."""
    counting = [part.counts is Counts.DONE and part.measure in _AMOUNTS_OF_WORK for part in rule.parts]
    on_line = (line for line in lines if counting[line.part] and line.weight is not None)
    return {(line.source, line.item.id): line.item.key for line in on_line}
