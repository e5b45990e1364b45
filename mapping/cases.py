"""An admin's own cases: a few work items, and what a rule is to make of them.

Judging one asks `mapping.measure` itself, so that a case means what a sync would.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from mapping.family import Candidate
from mapping.judging import Reason
from mapping.measure import Measured, measure
from mapping.rule import Leaf, Match, Rule, Selector
from okrs.immutable import immutable
from okrs.numbers import plain

COUNTED = "counted"
NONE = "none"


Spot: TypeAlias = tuple[str, str]
"""Source and key of an item."""


def names_of(spots: Iterable[Spot]) -> dict[Spot, str]:
    """Return what a case calls its items: by their keys, and `source:key` where two sources have the same."""
    every = list(spots)
    used = Counter(key for _, key in dict.fromkeys(every))
    return {(source, key): key if used[key] == 1 else f"{source}:{key}" for source, key in every}


class About(StrEnum):
    """What a difference is about."""

    VALUE = "value"
    COUNTED = "counted"
    EXCLUDED = "excluded"


@immutable
class Case:
    """What is given, and what is to come out.  `counted` and `excluded` are looked at where they are given."""

    key_result: str
    name: str
    file: str
    line: int
    now: datetime
    items: Mapping[str, Sequence[Candidate]]
    """By source."""
    names: Mapping[Spot, str]
    """What the case calls each item, in their order."""
    expected: Decimal | None
    counted: frozenset[str] | None = None
    """Names of exactly the items that are to count."""
    excluded: tuple[tuple[str, str], ...] = ()
    """Names of items that are not to count, each with the reason."""


@immutable
class Difference:
    """Something that came out otherwise than it was to.  `key` is the item's name, "" for the value."""

    about: About
    expected: str
    got: str
    key: str = ""


@immutable
class Verdict:
    """What came of a case."""

    case: Case
    value: Decimal | None
    fates: tuple[tuple[str, str], ...]
    """What became of each item, by name: `counted`, a reason, or `no_match`."""
    differences: tuple[Difference, ...]
    homeless: tuple[str, ...] = ()
    """Names of items that no part selects, and that have no project though a part asks for one."""

    @property
    def ok(self) -> bool:
        return not self.differences


def tried(rule: Rule, case: Case) -> Verdict:
    """Measure a case's items by the rule, and hold what comes out against what the case expects."""
    measured = measure(rule, case.items, case.now)
    fates = _fates(measured, case.names)
    differences = tuple(_differences(case, measured.value, fates))
    return Verdict(case, measured.value, tuple(_told(fates)), differences, tuple(_homeless(rule, case, fates)))


def _homeless(rule: Rule, case: Case, fates: Mapping[str, list[str]]) -> Iterator[str]:
    asking = {part.source for part in rule.parts for leaf in part.leaves if _asks_for_projects(leaf)}
    homeless = {(name, each.item.key) for name in asking for each in case.items[name] if not each.item.projects}
    lost = [Reason.NO_MATCH.value]
    return (name for spot, name in case.names.items() if spot in homeless and fates[name] == lost)


def _asks_for_projects(leaf: Leaf) -> bool:
    return isinstance(leaf, Match) and leaf.selector is Selector.PROJECT


def _fates(measured: Measured, names: Mapping[Spot, str]) -> dict[str, list[str]]:
    """What became of every item in each part that selects it, the parts in order."""
    fates: dict[str, list[str]] = {name: [] for name in names.values()}
    for line in measured.lines:
        fates[names[line.source, line.item.key]].append(line.reason.value if line.reason else COUNTED)
    return {name: told or [Reason.NO_MATCH.value] for name, told in fates.items()}


def _told(fates: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    for key, told in fates.items():
        yield key, COUNTED if COUNTED in told else told[0]


def _differences(case: Case, value: Decimal | None, fates: Mapping[str, list[str]]) -> Iterator[Difference]:
    if value != case.expected:
        yield Difference(About.VALUE, number_text(case.expected), number_text(value))
    for key, told in fates.items() if case.counted is not None else ():
        wanted = case.counted is not None and key in case.counted
        if wanted and COUNTED not in told:
            yield Difference(About.COUNTED, COUNTED, told[0], key)
        elif not wanted and COUNTED in told:
            yield Difference(About.COUNTED, "not counted", COUNTED, key)
    for key, reason in case.excluded:
        if reason not in fates[key]:
            yield Difference(About.EXCLUDED, reason, fates[key][0], key)


def number_text(value: Decimal | None) -> str:
    """Return a value as people write it; `none` where there is none."""
    return NONE if value is None else plain(value)
