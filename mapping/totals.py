"""From the lines of a part to its number, and from all parts to the key result's value (DESIGN 4.2, 4.4).

    (weight, amount) of each item ─▶ Total of each part ─▶ part_value ─▶ combined, scaled, rounded ─▶ kept

A `Total` is an accumulator: adding and removing lines gives the same value as measuring anew, which is what lets
`mapping.attribution` say how much each ticket moved.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from mapping.rule import Combine, Measure, Part, Regress, Rule, Scale
from okrs.cycle import Calendar, Period
from okrs.immutable import immutable
from okrs.numbers import divided, rounded

ZERO, ONE, HUNDRED = Decimal(0), Decimal(1), Decimal(100)

OnLine = tuple[Decimal, Decimal]
"""Weight and amount of an item on the line."""

_DAYS_OF_A_WEEK = 7


@immutable
class Total:
    """The accumulator of a part: Σ amount, Σ weight, how many items are on the line; for a percentile the amounts."""

    amount: Decimal = ZERO
    weight: Decimal = ZERO
    items: int = 0
    spread: tuple[Decimal, ...] | None = None
    """All amounts, sorted; None where the part's number needs none."""

    @classmethod
    def of(cls, part: Part, lines: Iterable[OnLine] = ()) -> "Total":
        """Return the total of all lines of a part."""
        every = list(lines)
        return cls(
            amount=sum((amount for _, amount in every), ZERO),
            weight=sum((weight for weight, _ in every), ZERO),
            items=len(every),
            spread=tuple(sorted(amount for _, amount in every)) if part.rank is not None else None,
        )

    def moved(self, old: OnLine | None, new: OnLine | None) -> "Total":
        """Replace one item's (weight, amount) by another; None stands for an item that is not on the line."""
        amount, weight, items, spread = self.amount, self.weight, self.items, self.spread
        if old is not None:
            weight, amount, items = weight - old[0], amount - old[1], items - 1
        if new is not None:
            weight, amount, items = weight + new[0], amount + new[1], items + 1
        return Total(amount, weight, items, None if spread is None else _respread(spread, old, new))


def _respread(spread: tuple[Decimal, ...], old: OnLine | None, new: OnLine | None) -> tuple[Decimal, ...]:
    amounts = list(spread)
    if old is not None:
        del amounts[bisect_left(amounts, old[1])]
    if new is not None:
        insort(amounts, new[1])
    return tuple(amounts)


def part_value(part: Part, total: Total, weeks: int = 0) -> Decimal | None:
    """The number of one part, rounded; `weeks` is how many are over, for a throughput.

    None where nothing is selected and the measure says nothing of nothing: averages, percentiles, times and ratios.
    """
    match part.measure:
        case Measure.COUNT | Measure.SUM:
            return rounded(total.amount)
        case Measure.PERCENT:
            return rounded(divided(HUNDRED * total.amount, total.weight)) if total.weight else ZERO
        case Measure.THROUGHPUT:
            return rounded(divided(total.amount, Decimal(weeks))) if weeks else ZERO
        case Measure.RATIO:
            return rounded(divided(total.amount, total.weight)) if total.weight else None
        case Measure.MEAN | Measure.PERCENTILE | Measure.LEAD_TIME | Measure.CYCLE_TIME:
            return _typical(part, total) if total.items else None


def _typical(part: Part, total: Total) -> Decimal:
    if part.rank is None:
        return rounded(divided(total.amount, Decimal(total.items)))
    return percentile(total.spread or (), part.rank)


def percentile(amounts: Sequence[Decimal], rank: int) -> Decimal:
    """The value below which `rank` percent of the sorted amounts lie, rounded; between two it is interpolated linearly.

    Definition 7 of Hyndman and Fan, which NumPy and spreadsheets (PERCENTILE.INC) use, too:
    https://doi.org/10.1080/00031305.1996.10473566.  Raises IndexError for no amounts.
    """
    place, rest = divmod(rank * (len(amounts) - 1), 100)
    low = amounts[place]
    high = amounts[min(place + 1, len(amounts) - 1)]
    return rounded(low + (high - low) * rest / HUNDRED)


def value_of(rule: Rule, totals: Sequence[Total], now: datetime) -> Decimal | None:
    """Combine the parts, scale, and add the start value where the rule says so; rounded.  None where a part is."""
    weeks = weeks_over(rule, now).days // _DAYS_OF_A_WEEK
    parts = joined(rule, totals)
    values = [part_value(rule.parts[number], totals[number], weeks) for number in parts]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    weights = [rule.parts[number].weight for number in parts]
    return rounded(_scaled(rule.scale, _combined(rule.combine, known, weights)) + rule.base)


def joined(rule: Rule, totals: Sequence[Total]) -> list[int]:
    """Return the numbers of the parts that are combined: all but those that a label alone feeds and does not yet."""
    every = range(len(rule.parts))
    some = [number for number in every if totals[number].items or not rule.parts[number].linked]
    return some or list(every)


def kept(rule: Rule, before: Decimal | None, measured: Decimal | None) -> Decimal | None:
    """The value that follows from a measured one: of none the last stays, and under `ratchet` the best of the cycle."""
    if measured is None or before is None:
        return before if measured is None else measured
    if rule.regress is Regress.RATCHET:
        return min(before, measured) if rule.falling else max(before, measured)
    return measured


def _scaled(scale: Scale | None, value: Decimal) -> Decimal:
    if scale is None:
        return value
    return scale.start + divided((value - scale.low) * (scale.target - scale.start), scale.high - scale.low)


def _combined(combine: Combine | None, values: Sequence[Decimal], weights: Sequence[Decimal]) -> Decimal:
    match combine:
        case Combine.SUM | None:
            return sum(values, ZERO)
        case Combine.MEAN:
            return divided(sum(values, ZERO), Decimal(len(values)))
        case Combine.WEIGHTED_MEAN:
            weighted = sum((weight * value for weight, value in zip(weights, values, strict=True)), ZERO)
            return divided(weighted, sum(weights, ZERO))
        case Combine.MIN:
            return min(values)
        case Combine.MAX:
            return max(values)


@immutable
class Weeks:
    """Whole ISO weeks, Monday to Sunday, as local days."""

    period: Period
    days: int


def weeks_over(rule: Rule, now: datetime) -> Weeks:
    """The whole ISO weeks of the rule's period that are over; none for a rule without a throughput."""
    nothing = Weeks(Period(rule.period.start, rule.period.start), 0)
    if all(part.measure is not Measure.THROUGHPUT for part in rule.parts):
        return nothing
    calendar, until = Calendar(rule.timezone), min(now, rule.period.end)
    begun = calendar.day_of(rule.period.start)
    monday = begun + timedelta(days=-begun.weekday() % _DAYS_OF_A_WEEK)
    days = (calendar.day_of(until) - monday).days // _DAYS_OF_A_WEEK * _DAYS_OF_A_WEEK
    if days <= 0:
        return nothing
    return Weeks(Period(calendar.midnight(monday), calendar.midnight(monday + timedelta(days=days))), days)
