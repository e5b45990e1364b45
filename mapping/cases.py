"""An admin's own cases: a few work items, and what a rule is to make of them.

Judging one asks `mapping.measure` itself, so that a case means what a sync would.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from mapping.family import Candidate
from mapping.measure import Measured, measure
from mapping.rule import Rule
from okrs.numbers import plain

NO_MATCH = "no_match"
"""The word for an item that no part selects; other words are those of `mapping.measure.Reason`."""

COUNTED = "counted"
NONE = "none"


class About(StrEnum):
    """What a difference is about."""

    VALUE = "value"
    COUNTED = "counted"
    EXCLUDED = "excluded"


@dataclass(frozen=True, slots=True)
class Case:
    """What is given, and what is to come out.  `counted` and `excluded` are looked at where they are given."""

    key_result: str
    name: str
    file: str
    line: int
    now: datetime
    items: Mapping[str, Sequence[Candidate]]
    """By source."""
    keys: tuple[str, ...]
    """Of all items, in their order."""
    expected: Decimal | None
    counted: frozenset[str] | None = None
    """Keys of exactly the items that are to count."""
    excluded: tuple[tuple[str, str], ...] = ()
    """Keys of items that are not to count, each with the reason."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that came out otherwise than it was to.  `key` is "" for the value."""

    about: About
    expected: str
    got: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a case."""

    case: Case
    value: Decimal | None
    fates: tuple[tuple[str, str], ...]
    """What became of each item, by key: `counted`, a reason, or `no_match`."""
    differences: tuple[Difference, ...]

    @property
    def ok(self) -> bool:
        return not self.differences


def tried(rule: Rule, case: Case) -> Verdict:
    """Measure a case's items by the rule, and hold what comes out against what the case expects."""
    measured = measure(rule, case.items, case.now)
    fates = _fates(measured, case.keys)
    return Verdict(case, measured.value, tuple(_told(fates)), tuple(_differences(case, measured.value, fates)))


def _fates(measured: Measured, keys: Sequence[str]) -> dict[str, list[str]]:
    """What became of every item in each part that selects it, the parts in order."""
    fates: dict[str, list[str]] = {key: [] for key in keys}
    for line in measured.lines:
        fates[line.item.key].append(line.reason.value if line.reason else COUNTED)
    return {key: told or [NO_MATCH] for key, told in fates.items()}


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
