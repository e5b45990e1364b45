"""From a selection to lines: what each selected item is to each part, and why (DESIGN 4).

selected items ─▶ `mapping.judging` ─▶ Line (on the line or off it, and why) ─▶ `mapping.totals` ─▶ value
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import field
from datetime import datetime
from decimal import Decimal

from mapping.codec import scope_key
from mapping.ending import as_of
from mapping.family import Candidate
from mapping.judging import Earlier, Line, absent_weight, judge_of, judged_once, line_of, weight_of_missing
from mapping.meaning import selecting, settled
from mapping.pairing import Called
from mapping.rule import Combine, Part, Rule, Scope
from mapping.totals import Total, value_of
from okrs.immutable import immutable

Scopes = Mapping[str, AbstractSet[str]]
"""Ids that belong to parts with a frozen scope, by `scope_key`."""

NO_SCOPES: Scopes = {}


@immutable
class Measured:
    """A rule's answer: the value, each part's total, and every selected item with its reason."""

    value: Decimal | None
    """None where a part has nothing to say: an average of no items."""
    totals: tuple[Total, ...]
    lines: tuple[Line, ...]
    scopes: Scopes = field(default_factory=dict)
    """Those of its parts with a frozen scope, also the ones that were frozen just now."""


Mirror = Mapping[str, Sequence[Candidate]]
"""The candidates of a rule's sources, by source."""


def measure(rule: Rule, mirror: Mirror, now: datetime, scopes: Scopes = NO_SCOPES) -> Measured:
    """Measure a rule on the mirror; after the cycle's end, as of that end.

    A frozen scope that `scopes` does not have is frozen now.  Raises ArithmeticError for absurd estimates.
    """
    drawn = lines_of(rule, mirror, now, scopes)
    totals = totals_of(rule, drawn.lines)
    return Measured(value_of(rule, totals, now), totals, drawn.lines, drawn.scopes)


@immutable
class Drawn:
    """What the items are to each part, before they are added up: so however large the sum is."""

    lines: tuple[Line, ...]
    scopes: Scopes


def lines_of(rule: Rule, mirror: Mirror, now: datetime, scopes: Scopes = NO_SCOPES) -> Drawn:
    """Return the lines that `measure` adds up, and the frozen scopes."""
    if now >= rule.period.end:
        mirror = as_of(mirror, rule.period.end)
    called = Called(mirror) if any(part.once for part in rule.parts) else None
    earlier = Earlier(adds_up=rule.combine is Combine.SUM, called=called)
    lines: list[Line] = []
    frozen: dict[str, AbstractSet[str]] = {}
    for number, part in enumerate(rule.parts):
        chosen, scope = selected(rule, part, mirror, now), None
        if part.scope is Scope.FROZEN:
            key = scope_key(rule, part)
            scope = frozen[key] = scopes[key] if key in scopes else _frozen(rule, chosen)
            chosen = _with_scope(chosen, scope, mirror.get(part.source, ()))
        judge = judge_of(rule, part, now, scope)
        judged = [judged_once(judge, each, earlier) for each in chosen]
        absent = weight_of_missing(part, judged)
        of_part = [earlier.marked(part, line_of(number, part, each, absent)) for each in judged]
        earlier.add(of_part)
        lines.extend(of_part)
    return Drawn(tuple(lines), frozen)


def lines_of_some(rule: Rule, number: int, chosen: Iterable[Candidate], now: datetime) -> list[Line]:
    """Return the lines of items that a part selects, while the cycle goes on.

    For a live part and items that no other part has, of a rule whose items are `each_alone`: what others are of these
    does not matter.
    """
    part, alone = rule.parts[number], Earlier(adds_up=False, called=None)
    judge, absent = judge_of(rule, part, now, None), absent_weight(part)
    return [line_of(number, part, judged_once(judge, each, alone), absent) for each in chosen]


def _frozen(rule: Rule, chosen: Iterable[Candidate]) -> frozenset[str]:
    """The ids of what is selected now, less those created since the cycle began."""
    items = (each.item for each in chosen)
    return frozenset(item.id for item in items if item.created_at is None or item.created_at < rule.period.start)


def _with_scope(chosen: Iterable[Candidate], scope: AbstractSet[str], every: Iterable[Candidate]) -> list[Candidate]:
    """Add what belongs to the scope and is selected no more: taking a label off does not take work away."""
    ids = {each.item.id for each in chosen} | scope
    return [each for each in every if each.item.id in ids]


def held(rule: Rule, source: str, scopes: Scopes) -> set[str]:
    """The ids that frozen scopes of a rule hold in one of its sources, whether or not they are still selected."""
    frozen = (part for part in rule.parts if part.source == source and part.scope is Scope.FROZEN)
    return set[str]().union(*(scopes.get(scope_key(rule, part), ()) for part in frozen))


def totals_of(rule: Rule, lines: Iterable[Line]) -> tuple[Total, ...]:
    """Add up the lines of each part."""
    pairs: list[list[tuple[Decimal, Decimal]]] = [[] for _ in rule.parts]
    for line in lines:
        if line.weight is not None and line.amount is not None:
            pairs[line.part].append((line.weight, line.amount))
    return tuple(Total.of(part, of_part) for part, of_part in zip(rule.parts, pairs, strict=True))


def selected(rule: Rule, part: Part, mirror: Mirror, now: datetime) -> list[Candidate]:
    """Return what a part's `where` selects; relative spans are those of the cycle's end when it is over."""
    selects = selecting(settled(part.where, rule.timezone, min(now, rule.period.end)))
    return [each for each in mirror.get(part.source, ()) if selects(each)]
