"""The meaning of a clause, as readable Python: the reference that every faster form must equal."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

from mapping.family import Candidate, Facet, any_of, named, referred
from mapping.rule import (
    AllOf,
    AnyOf,
    Clause,
    FieldMatch,
    LastDays,
    Match,
    Moment,
    Not,
    Selector,
    Span,
    Within,
    names_a_kind,
)
from okrs.cycle import Calendar, Period
from okrs.work import Kind, WorkItem

FACETS: Mapping[Selector, Callable[[Candidate], Facet]] = {  # of all but queries, which compare exactly
    Selector.PROJECT: lambda candidate: candidate.project,
    Selector.TYPE: lambda candidate: named(candidate.item.type),
    Selector.KIND: lambda candidate: named(candidate.item.kind.value),
    Selector.LABEL: lambda candidate: named(*candidate.item.labels),
    Selector.STATE: lambda candidate: named(candidate.item.state.value),
    Selector.STATUS: lambda candidate: named(candidate.item.status),
    Selector.RESOLUTION: lambda candidate: named(candidate.item.resolution),
    Selector.MILESTONE: lambda candidate: candidate.milestone,
    Selector.EPIC: lambda candidate: Facet(candidate.ancestors),
    Selector.PARENT: lambda candidate: candidate.parent,
    Selector.SECTION: lambda candidate: referred(candidate.item.sections),
    Selector.ASSIGNEE: lambda candidate: named(*candidate.item.assignees),
    Selector.KEY: lambda candidate: candidate.key,
    Selector.SPRINT: lambda candidate: candidate.sprint,
}


def facet_of_field(candidate: Candidate, field: str) -> Facet:
    """What an item is for a custom field, which may hold several values."""
    return named(*(text for name, text in candidate.item.fields if name == field))


_MOMENTS: Mapping[Moment, Callable[[WorkItem], datetime | None]] = {
    Moment.CREATED: lambda item: item.created_at,
    Moment.CLOSED: lambda item: item.closed_at,
}


def settled(clause: Clause, timezone: str, now: datetime) -> Clause:
    """Return the clause with its relative spans as they are today; they end at the last local midnight."""
    match clause:
        case Within(moment, spans):
            return Within(moment, tuple(_settled(span, timezone, now) for span in spans))
        case Not(inner):
            return Not(settled(inner, timezone, now))
        case AllOf(clauses):
            return AllOf(tuple(settled(inner, timezone, now) for inner in clauses))
        case AnyOf(clauses):
            return AnyOf(tuple(settled(inner, timezone, now) for inner in clauses))
        case Match() | FieldMatch():
            return clause


def _settled(span: Span, timezone: str, now: datetime) -> Period:
    if isinstance(span, Period):
        return span
    calendar = Calendar(timezone)
    today = calendar.day_of(now)
    return Period(calendar.midnight(today - timedelta(days=span.days)), calendar.midnight(today))


Test: TypeAlias = Callable[[Candidate], bool]
"""What a clause says of an item: made once, and asked of thousands."""


def selecting(clause: Clause) -> Test:
    """Return whether a settled `where` selects an item; one that names no kind selects issues only.

    Raises TypeError for one that is not settled.
    """
    test = holding(clause)
    return test if names_a_kind(clause) else lambda candidate: candidate.item.kind is Kind.ISSUE and test(candidate)


def holding(clause: Clause) -> Test:
    """Return whether a settled clause is true of an item.  Raises TypeError for one that is not settled."""
    match clause:
        case Match() | FieldMatch():
            return _meeting(clause)
        case Within(moment, spans):
            return _within(_MOMENTS[moment], tuple(map(_settled_already, spans)))
        case Not(inner):
            test = holding(inner)
            return lambda candidate: not test(candidate)
        case AllOf(clauses):
            return _joined(all, clauses)
        case AnyOf(clauses):
            return _joined(any, clauses)


def _meeting(leaf: Match | FieldMatch) -> Test:
    if isinstance(leaf, Match) and leaf.selector is Selector.QUERY:
        return lambda candidate: not candidate.queries.isdisjoint(leaf.values)
    facet = FACETS[leaf.selector] if isinstance(leaf, Match) else partial(facet_of_field, field=leaf.field)
    wanted = any_of(leaf.values)
    return lambda candidate: facet(candidate).meets(wanted)


def _joined(join: Callable[[Iterable[bool]], bool], clauses: tuple[Clause, ...]) -> Test:
    tests = tuple(map(holding, clauses))
    return tests[0] if len(tests) == 1 else lambda candidate: join(test(candidate) for test in tests)


def _within(moment: Callable[[WorkItem], datetime | None], periods: tuple[Period, ...]) -> Test:
    def within(candidate: Candidate) -> bool:
        at = moment(candidate.item)
        return at is not None and any(period.contains(at) for period in periods)

    return within


def _settled_already(span: Span) -> Period:
    if isinstance(span, LastDays):
        raise TypeError("A relative span has no edges before it is settled.")
    return span
