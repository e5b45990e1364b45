"""Why a rule is another one though nobody touched the mapping: it looks at terms, the cycle's dates, and midnights."""

from datetime import UTC, date, datetime, timedelta

from mapping.rule import AllOf, AnyOf, Clause, LastDays, Not, Part, Rule, Span, Within
from okrs.cycle import Period
from okrs.immutable import replace

_HALF_A_DAY = timedelta(hours=12)

_CYCLE = Period(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
"""Stands for whatever the cycle's dates are."""


def why_led(recorded: Rule, rule: Rule) -> str | None:
    """Say what changed around an untouched mapping; None where the mapping itself was edited."""
    if _alone(recorded, rule) != _alone(rule, rule):
        return None
    changed = []
    if (rule.base, rule.falling, rule.scale) != (recorded.base, recorded.falling, recorded.scale):
        changed.append("its start or target")
    if _days(rule.period) != _days(recorded.period):
        changed.append("the dates of its cycle")
    elif (rule.period, rule.timezone) != (recorded.period, recorded.timezone):
        changed.append("the time zone")
    if not changed:
        return None
    return (
        f"{', and '.join(changed)} changed, and the mapping leads to {'it' if changed == ['the time zone'] else 'them'}"
    )


def _alone(rule: Rule, terms: Rule) -> Rule:
    """The rule with the terms of another one, and without the dates of its cycle and the zone of its midnights."""
    was, scale = terms.scale, rule.scale
    return replace(
        rule,
        parts=tuple(_part(part, rule.period) for part in rule.parts),
        period=_CYCLE,
        timezone="UTC",
        scale=replace(scale, start=was.start, target=was.target) if was and scale else scale,
        base=terms.base,
        falling=terms.falling,
    )


def _part(part: Part, cycle: Period) -> Part:
    return replace(part, where=_clause(part.where, cycle), of=None if part.of is None else _clause(part.of, cycle))


def _clause(clause: Clause, cycle: Period) -> Clause:
    match clause:
        case Within(moment, spans):
            return Within(moment, tuple(_span(span, cycle) for span in spans))
        case Not(inner):
            return Not(_clause(inner, cycle))
        case AllOf(clauses):
            return AllOf(tuple(_clause(each, cycle) for each in clauses))
        case AnyOf(clauses):
            return AnyOf(tuple(_clause(each, cycle) for each in clauses))
        case _:
            return clause


def _span(span: Span, cycle: Period) -> Span:
    if isinstance(span, LastDays):
        return span
    if span == cycle:
        return _CYCLE
    first, last = (datetime.combine(day, datetime.min.time(), UTC) for day in _days(span))
    return Period(first, last)


def _days(period: Period) -> tuple[date, date]:
    """The local days whose midnights these are, whatever the zone: the one on record is not known any more.

    East of UTC+12 they are other days, and an untouched mapping may pass for an edited one.
    """
    return (period.start + _HALF_A_DAY).date(), (period.end + _HALF_A_DAY).date()
