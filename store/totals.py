"""The totals of plain rules by SQL alone: what `mapping.measure` says, by property test, without reading items.

    rows of `facet` that a part selects and its policies leave on the line
        ─▶ piles of equal credit, with the numbers that weigh them ─▶ Total ─▶ `mapping.totals.value_of`

Plain is what the columns of `facet` tell: no `done_when`, no frozen scope, no `once`, no percentiles and no times, and
no cycle that is over: how items stood at its end they do not tell.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from mapping.facets import asked_by, fields_of, name_of_number
from mapping.judging import absent_weight, judge_of
from mapping.meaning import settled
from mapping.rule import OF_COUNTED, TIMES, Combine, Part, Rule, Scope
from mapping.totals import ONE, ZERO, Total
from okrs.immutable import immutable
from okrs.numbers import from_millionths, rounded
from okrs.work import State
from store.clauses import selected
from store.database import raw
from store.dressing import STATES
from store.facets import Index
from store.policies import Judged, judged
from store.sql import FALSE, TRUE, Sql, all_of


def totals_of(
    connection: Connection, indexes: Mapping[str, Index], rule: Rule, now: datetime
) -> tuple[Total, ...] | None:
    """Return the totals of a rule's parts; None where SQL does not tell, for the rule or for want of an index.

    `indexes` are those of the rule's sources, by source, and of this connection's snapshot.
    """
    if now >= rule.period.end or not plain(rule):
        return None
    totals = []
    for number, part in enumerate(rule.parts):
        index = indexes.get(part.source)
        total = None if index is None else _total_of(connection, index, rule, number, now)
        if total is None:
            return None
        totals.append(total)
    return tuple(totals)


def plain(rule: Rule) -> bool:
    """Tell whether SQL can measure a rule while its cycle goes on."""
    return drawn(rule) and all(part.rank is None for part in rule.parts)


def drawn(rule: Rule) -> bool:
    """Tell whether the columns of `facet` say what items are to a rule while its cycle goes on."""
    if rule.combine is Combine.SUM and len(rule.sources) < len(rule.parts):
        return False  # what counts in one part leaves the next
    return all(
        part.done_when is None
        and part.scope is Scope.LIVE
        and not part.once
        and part.measure not in TIMES
        and not (part.partial and part.of is not None)
        for part in rule.parts
    )


@immutable
class _Pile:
    """Items on the line with the same credit."""

    credit: Decimal
    items: int
    known: int
    """How many of them have a weight of their own."""
    weight: Decimal
    """What these weigh together; where the credit is a part, each weighs the same."""

    def amount(self, absent: Decimal) -> Decimal:
        """What they bring; `absent` is the weight of the others."""
        if self.credit in (ZERO, ONE):
            return self.credit * (self.weight + absent * (self.items - self.known))
        own = rounded(self.weight / self.known * self.credit) * self.known if self.known else ZERO
        return own + rounded(absent * self.credit) * (self.items - self.known)


def _total_of(connection: Connection, index: Index, rule: Rule, number: int, now: datetime) -> Total | None:
    part, key = rule.parts[number], (rule, number)
    if key in index.plans:
        asked: _Asked | Total | None = index.plans[key]
    else:
        asked = _asked(connection, index, rule, part, now)
        if not part.passes:
            index.plans[key] = asked
    if not isinstance(asked, _Asked):
        return asked
    try:
        return _total(part, list(_by_state(connection, asked) if part.partial else _by_credit(connection, asked)))
    except DBAPIError:  # a sum that 64 bits do not hold, in SQLite; measuring says what is to be said of it
        return None


class Posed(NamedTuple):
    """A part in the words of SQL."""

    selected: Sql
    policy: Judged


def pose(connection: Connection, index: Index, rule: Rule, part: Part, now: datetime) -> Posed | None:
    """Return which rows of `facet` a part selects and what its policies make of them; None where SQL cannot tell."""
    if not asked_by([part]) <= index.kept.asked:
        return None
    where, judge = settled(part.where, rule.timezone, now), judge_of(rule, part, now, None)
    known = index.known(connection, [where] if judge.of is None else [where, judge.of])
    return None if known is None else Posed(selected(known, where), judged(known, judge))


def _asked(connection: Connection, index: Index, rule: Rule, part: Part, now: datetime) -> "_Asked | Total | None":
    """Return the question for a part's items, or its total where nothing is to be asked; None where SQL cannot tell."""
    posed = pose(connection, index, rule, part, now)
    if posed is None:
        return None
    line, full = posed.policy
    found = all_of((posed.selected, line))
    if found is FALSE:
        return Total()
    number, tables = numbered(connection, index, part)
    told = _told_by_state(part, number, full) if part.partial else _told_by_credit(part, number, full)
    group = " GROUP BY 1, 2" if part.partial else ""
    asked = Sql(f"SELECT {told.text} FROM {tables} WHERE {found.text}{group}", told.values + found.values)
    return _Asked(part, asked) if asked.fits else None


@immutable
class _Asked:
    """A question about the items on the line."""

    part: Part
    sql: Sql


def numbered(connection: Connection, index: Index, part: Part) -> tuple[str, str]:
    """Return the expression of an item's own weight, and the tables that it needs."""
    if part.by is None or part.by == fields_of(index.kept.asked)[0]:
        return "f.number", "facet f"
    term = index.term(connection, (name_of_number(part.by), "="))
    return "n.number", f"facet f LEFT JOIN facet n ON n.term = {term.id if term else 'NULL'} AND n.item = f.item"


def _told_by_credit(part: Part, number: str, full: Sql) -> Sql:
    """Sums of all, and of those with full credit; the same where all have it."""
    sums = ["count(*)"] if part.by is None else ["count(*)", f"count({number})", f"sum({number})"]
    whole = [] if full is TRUE else [f"{each} FILTER (WHERE {full.text})" for each in sums]
    return Sql(", ".join([*sums, *whole]), full.values * len(whole))


def _by_credit(connection: Connection, asked: _Asked) -> Iterator[_Pile]:
    told = [int(each or 0) for each in raw(connection, *asked.sql).one()]
    many = 1 if asked.part.by is None else 3
    every, full = told[:many], told[-many:]
    yield _pile(asked.part, ONE, *full)
    yield _pile(asked.part, ZERO, *(one - other for one, other in zip(every, full, strict=True)))


def _told_by_state(part: Part, number: str, full: Sql) -> Sql:
    """How many have full credit, and how many each state, by what they weigh: every product is rounded."""
    state = f"CASE WHEN {full.text} THEN -1 ELSE f.state END"
    return Sql(f"{state}, {'NULL' if part.by is None else number}, count(*)", full.values)


def _by_state(connection: Connection, asked: _Asked) -> Iterator[_Pile]:
    shares = {STATES[state]: share for state, share in asked.part.partial if state is not State.CANCELLED}
    for code, weight, items in raw(connection, *asked.sql):
        credit = ONE if code < 0 else shares.get(code, ZERO)
        yield _pile(asked.part, credit, items, *((0, 0) if weight is None else (items, weight * items)))


def _pile(part: Part, credit: Decimal, items: int, known: int = 0, number: int = 0) -> _Pile:
    if part.by is None:
        return _Pile(credit, items, items, Decimal(items))
    return _Pile(credit, items, known, from_millionths(number))


def _total(part: Part, every: Sequence[_Pile]) -> Total:
    piles = [each for each in every if each.credit or part.measure not in OF_COUNTED]
    absent = absent_weight(part, sum((each.weight for each in piles), ZERO), sum(each.known for each in piles))
    missing = [0 if absent is None else each.items - each.known for each in piles]
    weight = sum((each.weight + (absent or ZERO) * more for each, more in zip(piles, missing, strict=True)), ZERO)
    amount = sum((each.amount(absent or ZERO) for each in piles), ZERO)
    return Total(amount, weight, sum(each.known for each in piles) + sum(missing))
