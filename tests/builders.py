"""Small builders that tests share: everything that a test does not speak of has a dull default."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connectors.patience import AT_ONCE, Pacer
from mapping.attribution import Evidence
from mapping.family import Candidate, Seen, candidates
from mapping.judging import Line
from mapping.measure import Measured, measure
from mapping.rule import AllOf, Match, Measure, Part, Rule, Selector
from okrs.cycle import Period
from okrs.guard import Guard
from okrs.immutable import replace
from okrs.ledger import GENESIS, Entry, link_problem
from okrs.work import Kind, State, WorkItem

SOURCE = "tracker"


def at(text: str) -> datetime:
    """An instant in UTC: `2026-10-05` or `2026-10-05T12:30`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


QUARTER = Period(at("2026-10-01"), at("2027-01-01"))
BEFORE, WITHIN, AFTER = at("2026-09-15"), at("2026-11-15"), at("2027-01-05")
NOW = at("2026-12-01T12:00")
NOBODY_ASKED = Guard(Decimal(10**6), share=Decimal(1))
"""Lets everything through: most tests are not about what waits for a person."""


def an_item(key: str = "PAY-1", state: State = State.TODO, *, points: str | None = None, **facts: Any) -> WorkItem:
    """An item whose id is `id:` and its key; `points` is its story points; a closed one was closed within `QUARTER`."""
    facts.setdefault("closed_at", WITHIN if state.closed else None)
    facts.setdefault("created_at", BEFORE)
    if points is not None:
        facts["fields"] = (("points", points),)
    plain = WorkItem(f"id:{key}", key, Kind.ISSUE, "Task", f"About {key}", f"https://t.example/{key}", state)
    return replace(plain, **facts)


def seen(item: WorkItem, *, since: datetime = WITHIN, version: str = "v1") -> Seen:
    return Seen(item, version, since)


def joined(*items: WorkItem, since: datetime = WITHIN) -> list[Candidate]:
    """The items as one source's candidates."""
    return candidates(seen(item, since=since) for item in items)


def where(**values: str | Iterable[str]) -> AllOf:
    """A clause as the config writes it: `where(type="Bug", label=["a", "b"])`."""
    return AllOf(
        tuple(
            Match(Selector(word), (value,) if isinstance(value, str) else tuple(value))
            for word, value in values.items()
        )
    )


def a_part(kind: Measure = Measure.COUNT, **policies: Any) -> Part:
    """A part that selects every issue of `SOURCE`; its window is `always` unless told."""
    policies.setdefault("where", where())
    policies.setdefault("source", SOURCE)
    return Part(measure=kind, **policies)


def a_rule(*parts: Part, **terms: Any) -> Rule:
    terms.setdefault("period", QUARTER)
    return Rule(parts=parts or (a_part(),), **terms)


def measured(rule: Rule, *items: WorkItem, now: datetime = NOW, since: datetime = WITHIN) -> Measured:
    """Measure a rule on items of `SOURCE`."""
    return measure(rule, {SOURCE: joined(*items, since=since)}, now)


def by_key(lines: Iterable[Line]) -> Mapping[str, Line]:
    return {line.item.key: line for line in lines}


def numbers(*texts: str | int | None) -> tuple[Decimal | None, ...]:
    return tuple(None if text is None else Decimal(text) for text in texts)


def evidence_of(lines: Iterable[Line]) -> list[Evidence]:
    """What the ledger holds of the lines."""
    return [
        Evidence(line.part, line.source, line.item.id, line.version, line.weight, line.amount)
        for line in lines
        if line.weight is not None and line.amount is not None
    ]


Shown = tuple[str | None, str | None, str | None]
"""Weight, amount and reason of a line."""


def shown(line: Line) -> Shown:
    weight, amount = (None if number is None else f"{number.normalize():f}" for number in (line.weight, line.amount))
    return (weight, amount, line.reason)


OFF_CANCELLED: Shown = (None, None, "cancelled")
OFF_WINDOW: Shown = (None, None, "outside_window")
OFF_GUESS: Shown = (None, None, "no_estimate")
FULL: Shown = ("1", "1", None)
OPEN: Shown = ("1", "0", "open")


def first_broken(entries: Iterable[Entry], prev: str = GENESIS, seq: int = 0) -> int | None:
    """The number of the first entry of a chain that is not in its place; None when the chain is whole."""
    for entry in entries:
        if link_problem(entry, prev, seq):
            return entry.seq
        prev, seq = entry.hash, entry.seq
    return None


class Time:
    """A clock that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def pacer(self, at_once: int = AT_ONCE) -> Pacer:
        return Pacer(at_once, self.sleep, lambda: self.now)
