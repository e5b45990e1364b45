"""The meaning of a clause, as readable Python: the reference that every faster form must equal."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

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


def selects(clause: Clause, candidate: Candidate) -> bool:
    """Tell whether a settled `where` selects an item; one that names no kind selects issues only."""
    if candidate.item.kind is not Kind.ISSUE and not names_a_kind(clause):
        return False
    return holds(clause, candidate)


def holds(clause: Clause, candidate: Candidate) -> bool:
    """Tell whether a settled clause is true of an item.  Raises TypeError for one that is not."""
    match clause:
        case Match(Selector.QUERY, texts):
            return not candidate.queries.isdisjoint(texts)
        case Match() | FieldMatch():
            return _facet(clause, candidate).meets(any_of(clause.values))
        case Within(moment, spans):
            at = _MOMENTS[moment](candidate.item)
            return at is not None and any(_contains(span, at) for span in spans)
        case Not(inner):
            return not holds(inner, candidate)
        case AllOf(clauses):
            return all(holds(inner, candidate) for inner in clauses)
        case AnyOf(clauses):
            return any(holds(inner, candidate) for inner in clauses)


def _facet(leaf: Match | FieldMatch, candidate: Candidate) -> Facet:
    return FACETS[leaf.selector](candidate) if isinstance(leaf, Match) else facet_of_field(candidate, leaf.field)


def _contains(span: Span, at: datetime) -> bool:
    if isinstance(span, LastDays):
        raise TypeError("A relative span has no edges before it is settled.")
    return span.contains(at)
