"""A rule in the words of people: what it looks at, what counts, and how the number comes about.

Names in it are an admin's or a tracker's and stand as they are; whoever shows them makes them harmless.
"""

from collections.abc import Iterable, Sequence

from mapping.rule import (
    AllOf,
    AnyOf,
    Cancelled,
    Clause,
    Combine,
    Counts,
    FieldMatch,
    LastDays,
    Leaf,
    Match,
    Measure,
    Missing,
    Moment,
    Not,
    Part,
    Regress,
    Rule,
    Scope,
    Selector,
    Span,
    Window,
    Within,
    names_a_kind,
)
from okrs.cycle import Calendar
from okrs.immutable import immutable, replace
from okrs.numbers import plain

_MOST = 4
"""Values of a list that are named."""


@immutable
class PartWords:
    """A part in words."""

    source: str
    sentence: str
    notes: tuple[str, ...] = ()
    """Policies that are not the usual ones, as sentences."""


@immutable
class Words:
    """A rule in words."""

    parts: tuple[PartWords, ...]
    joined: tuple[str, ...] = ()
    """How the parts become the value, as sentences."""


def words_of(rule: Rule, timezone: str) -> Words:
    """Say what a rule means; `timezone` is where days begin for a rule that does not need to know."""
    rule = rule if rule.passes else replace(rule, timezone=timezone)
    parts = tuple(PartWords(part.source, _sentence(part, rule), tuple(_notes(part))) for part in rule.parts)
    return Words(parts, tuple(_joined(rule)))


def _sentence(part: Part, rule: Rule) -> str:
    what = _selection(part, rule)
    match part.measure:
        case Measure.COUNT:
            told = f"Counts {what}"
        case Measure.PERCENT:
            by = f", weighted by {part.by}" if part.by else ""
            told = f"The share, in percent, of {_picked(part, rule)} that {_credited(part)}{by}{_window(part)}"
        case Measure.RATIO:
            told = f"The share of {_picked(part, rule)} that are {_matching(part, rule)}{_window(part)}"
        case Measure.SUM:
            told = f"Adds up {part.by} of {what}"
        case Measure.MEAN | Measure.PERCENTILE:
            told = f"{_average(part.rank)} {part.by} of {what}"
        case Measure.LEAD_TIME:
            told = f"{_average(part.rank)} days from creation to closing of {what}"
        case Measure.CYCLE_TIME:
            told = f"{_average(part.rank)} days from the begin of the work to closing of {what}"
        case Measure.THROUGHPUT:
            told = f"Per whole week of the cycle: {what}"
    return told + "."


def _average(rank: int | None) -> str:
    return "The average" if rank is None else "The median" if rank == 50 else f"The {rank}th percentile of the"


def _credited(part: Part) -> str:
    return {Counts.DONE: "are done", Counts.OPEN: "are still open", Counts.ALL: "are there"}[part.counts]


def _matching(part: Part, rule: Rule) -> str:
    """What gives credit in a ratio, whose other side is all that is selected."""
    credited = {Counts.DONE: "done and ", Counts.OPEN: "still open and ", Counts.ALL: ""}[part.counts]
    return f"{credited}also {_clause(part.of, rule) if part.of is not None else 'match'}"


def _window(part: Part) -> str:
    return ", leaving out what was closed before the cycle" if part.window is Window.CYCLE else ""


def _selection(part: Part, rule: Rule) -> str:
    """What is selected, and which of it counts."""
    picked = _picked(part, rule)
    if part.counts is Counts.OPEN:
        return f"{picked} that are still open"
    if part.counts is Counts.ALL:
        return picked
    return f"{picked}, done within the cycle" if part.window is Window.CYCLE else f"{picked} that are done"


def _picked(part: Part, rule: Rule) -> str:
    noun, rest = _noun(part.where)
    told = _clause(rest, rule) if rest is not None else ""
    return f"{noun} {told}".strip()


def _noun(where: Clause) -> tuple[str, Clause | None]:
    """Draw what kind of thing is selected out of the clause, so that it can stand first."""
    if not names_a_kind(where):
        return "issues", where
    leaves = list(where.clauses) if isinstance(where, AllOf) else [where]
    for number, leaf in enumerate(leaves):
        if isinstance(leaf, Match) and leaf.selector in (Selector.TYPE, Selector.KIND):
            rest = AllOf((*leaves[:number], *leaves[number + 1 :]))
            if leaf.selector is Selector.TYPE:
                return f"items of type {_list(leaf.values)}", rest
            return " and ".join(_KINDS.get(value.casefold(), value) for value in leaf.values), rest
    return "items", where


_KINDS = {
    "issue": "issues",
    "subtask": "sub-tasks",
    "pull_request": "pull requests",
    "epic": "epics",
    "milestone": "milestones",
    "sprint": "sprints",
}


def _clause(clause: Clause, rule: Rule) -> str:
    match clause:
        case Not():
            return f"but {_within(clause, rule)}"
        case AllOf(clauses):
            return " ".join(told for each in _in_order(clauses) if (told := _clause(each, rule)))
        case AnyOf(clauses):
            return f"(either {' or '.join(_within(each, rule) for each in clauses)})" if clauses else "(nothing)"
        case Match() | FieldMatch() | Within():
            return _leaf(clause, rule)


def _within(clause: Clause, rule: Rule) -> str:
    """A clause where no other one stands before it, from which it takes something away."""
    return f"not {_within(clause.clause, rule)}" if isinstance(clause, Not) else _clause(clause, rule)


def _in_order(clauses: Iterable[Clause]) -> list[Clause]:
    """What is ruled out stands last, as people say it."""
    return sorted(clauses, key=lambda each: isinstance(each, Not))


_SAID = {
    Selector.PROJECT: "in {}",
    Selector.TYPE: "of type {}",
    Selector.KIND: "of kind {}",
    Selector.LABEL: "labelled {}",
    Selector.STATE: "in state {}",
    Selector.STATUS: "with status {}",
    Selector.RESOLUTION: "with resolution {}",
    Selector.MILESTONE: "in milestone {}",
    Selector.EPIC: "below epic {}",
    Selector.PARENT: "directly below {}",
    Selector.SECTION: "in section {}",
    Selector.ASSIGNEE: "assigned to {}",
    Selector.KEY: "called {}",
    Selector.QUERY: "found by the query {}",
    Selector.SPRINT: "in sprint {}",
}


def _leaf(leaf: Leaf, rule: Rule) -> str:
    match leaf:
        case Match(selector, values):
            return _SAID[selector].format(_list(values))
        case FieldMatch(field, values):
            return f"with {field} {_list(values)}"
        case Within(moment, spans):
            word = "created" if moment is Moment.CREATED else "closed"
            return f"{word} {' or '.join(_span(each, rule) for each in spans)}"


def _span(span: Span, rule: Rule) -> str:
    if isinstance(span, LastDays):
        return f"in the last {span.days} days"
    if span == rule.period:
        return "within the cycle"
    calendar = Calendar(rule.timezone)
    return f"from {calendar.day_of(span.start)} until before {calendar.day_of(span.end)}"


def _list(values: Sequence[str]) -> str:
    named = list(values[:_MOST])
    if len(values) > _MOST:
        named.append(f"{len(values) - _MOST} others")
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} or {named[-1]}" if named else "nothing"


def _notes(part: Part) -> list[str]:
    told = []
    if part.done_when is not None:
        ways = [f"status {_list(part.done_when.status)}"] if part.done_when.status else []
        ways += [f"resolution {_list(part.done_when.resolution)}"] if part.done_when.resolution else []
        told.append(f"Done means {' and '.join(ways)}.")
    if part.cancelled is not Cancelled.EXCLUDE:
        told.append(f"Cancelled work is taken as {'done' if part.cancelled is Cancelled.COMPLETE else 'still open'}.")
    if part.partial:
        told += [f"Work in state {state.value} counts {plain(credit)} of its weight." for state, credit in part.partial]
    if part.scope is Scope.FROZEN:
        told.append("Only what belonged to it when the cycle began: the scope is frozen.")
    if part.once:
        told.append("A piece of work that an earlier part has is not counted again.")
    if part.by:
        told.append(_MISSING[part.missing])
    return told


_MISSING = {
    Missing.EXCLUDE: "Tickets without an estimate are left out.",
    Missing.ZERO: "Tickets without an estimate weigh 0.",
    Missing.ONE: "Tickets without an estimate weigh 1.",
    Missing.MEAN: "Tickets without an estimate weigh as much as the others do on average.",
}

_COMBINED = {
    Combine.SUM: "The parts are added up.",
    Combine.MEAN: "The value is the average of the parts.",
    Combine.MIN: "The lowest of the parts is the value.",
    Combine.MAX: "The highest of the parts is the value.",
}


def _joined(rule: Rule) -> list[str]:
    told = []
    if rule.combine is Combine.WEIGHTED_MEAN:
        weights = " to ".join(plain(part.weight) for part in rule.parts)
        told.append(f"The value is the average of the parts, weighted {weights}.")
    elif rule.combine is not None and len(rule.parts) > 1:
        told.append(_COMBINED[rule.combine])
    if rule.scale is not None:
        low, high, start, target = map(plain, (rule.scale.low, rule.scale.high, rule.scale.start, rule.scale.target))
        told.append(f"What is measured from {low} to {high} is drawn out to {start} to {target}.")
    if rule.add_start:
        told.append(f"It is added to the start value {plain(rule.base)}.")
    if rule.regress is Regress.RATCHET:
        told.append("The best value of the cycle is kept when it falls back.")
    if rule.regress is Regress.ASK:
        told.append("Before the value falls back, a person is asked.")
    return told
